"""The cached functions of the page Report: what a report shows, and one picture's true posterior.

contents_of(model, test_images), posterior_of(model, image)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source, Stamps
from vae_core.analysis.report.contents import ReportContents
from vae_core.analysis.report.one_picture import PicturePosterior, picture_posterior
from vae_core.checkpoints import measurements, report_contents
from vae_core.settings import SHIPPED
from vae_core.storage.kind import WEIGHTS
from vae_core.storage.records import stamps


def contents_of(model: LoadedModel, test_images: Source | None) -> ReportContents | None:
    """All that the model's report shows; None where its figures have to be measured first.

    test_images: the pictures that are shown; those that only stand in for the model's own are no examples of it.
    """
    path = model.entry.path
    files = ("metrics.json", "history.csv", "latents.npz", WEIGHTS, measurements.file_name(report_contents.USE))
    own = test_images is not None and test_images.dataset.checksum == model.checkpoint.dataset.get("checksum")
    return _contents(_Inputs(model, test_images if own else None), str(path), own, stamps(path, *files))


class _Inputs:
    """What is read beside the key; not part of it."""

    def __init__(self, model: LoadedModel, test_images: Source | None) -> None:
        self.model, self.test_images = model, test_images


@st.cache_resource(max_entries=8, show_spinner="Gathering the report …", hash_funcs={_Inputs: lambda inputs: ""})
def _contents(inputs: _Inputs, path: str, own: bool, stamp: Stamps) -> ReportContents | None:
    checkpoint, engine = inputs.model.checkpoint, inputs.model.engine
    checksum: Any = checkpoint.dataset.get("checksum")
    figures = report_contents.measured(Path(path), engine.latent_dim, checksum if isinstance(checksum, str) else None)
    if figures is None:
        return None
    pixels = None if inputs.test_images is None else inputs.test_images.pixels
    others = report_contents.other_losses(checkpoint, SHIPPED, Path(path).parent)
    return report_contents.gather(checkpoint, engine, figures, pixels, others)


def posterior_of(model: LoadedModel, image: np.ndarray) -> PicturePosterior:
    """Where a picture (h, w, c) may lie in latent space."""
    return _posterior(model, image)


@st.cache_data(
    max_entries=32,
    show_spinner="Working out where this picture may lie, exactly …",
    hash_funcs={LoadedModel: lambda model: model.key},
)
def _posterior(model: LoadedModel, image: np.ndarray) -> PicturePosterior:
    return picture_posterior(model.engine, image)
