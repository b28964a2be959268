"""A verdict on a page: its sentence with a coloured edge, below it why and what to try.

show_verdict(verdicts.collapse(kl_per_unit, beta), "models")
show_verdict(picture_verdict(model, selected), "explore")      of the chosen picture or point
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.app.subject import Subject
from pages.ui.formatting import SENTENCE, markdown_text
from vae_core.analysis import image_quality, latent_geometry, verdicts
from vae_core.analysis.thresholds import SUPPORT
from vae_core.analysis.verdicts import Verdict
from vae_core.checkpoints.thresholds import read_thresholds


def show_verdict(verdict: Verdict | None, place: str) -> None:
    """Draw a verdict; nothing where there is none.

    Args:
        verdict: What one of the functions of `vae_core.analysis.verdicts` gave.
        place: A word that tells it from other verdicts of the same kind on the page; a constant.
    """
    if verdict is None:
        return
    with st.container(key=f"verdict_{verdict.level}_{verdict.kind}_{place}"):
        st.markdown(f"**{markdown_text(verdict.sentence, SENTENCE)}**")
        st.caption(markdown_text(f"{verdict.why} {verdict.advice}".strip(), SENTENCE))


def picture_verdict(model: LoadedModel, selected: Subject, good: bool = True) -> Verdict | None:
    """Whether the model knows the chosen picture, or has pictures at the chosen point.

    Args:
        model: Its thresholds lie beside it; a run has none, and gets no verdict.
        selected: A picture, or a point that was decoded.
        good: Whether to say so when all is well.
    """
    if selected.decoded:
        return place_verdict(model, selected.z, good)
    figures = read_thresholds(model.entry.path)
    if not figures:
        return None
    thresholds = {name: figure.value for name, figure in figures.items()}
    rebuilt = model.engine.decode(selected.z[None])
    misfit = float(image_quality.misfit(selected.image[None], rebuilt)[0])
    n = next(iter(figures.values())).n
    return verdicts.unlike_training(misfit, thresholds, n, model.clothes, good)


def place_verdict(model: LoadedModel, z: np.ndarray, good: bool = True) -> Verdict | None:
    """Whether the model has pictures at a point z, (latent_dim,); None of a model without thresholds or codes."""
    thresholds = {name: figure.value for name, figure in read_thresholds(model.entry.path).items()}
    if SUPPORT not in thresholds or model.latents is None:
        return None
    z_mean, z_log_var = model.latents.z_mean, model.latents.z_log_var
    return verdicts.hole(float(latent_geometry.aggregate_density(z_mean, z_log_var, z[None])[0]), thresholds, good)
