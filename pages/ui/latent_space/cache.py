"""The cached functions of the page Latent space: what is computed once from a model's codes.

landmarks(model), support(model), traversed(model, z, units)
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.latent_space.landmarks import Landmarks, landmarks_of, traversals
from vae_core.analysis.latent_geometry import support_threshold


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs={LoadedModel: lambda model: model.key})
def landmarks(model: LoadedModel) -> Landmarks | None:
    """What the model's codes tell of its latent space; None without codes."""
    if model.latents is None:
        return None
    return landmarks_of(model.engine, model.latents)


@st.cache_data(max_entries=6, show_spinner=False, hash_funcs={LoadedModel: lambda model: model.key})
def support(model: LoadedModel) -> float | None:
    """The log density that 99 % of the aggregate posterior's own draws exceed; None without codes. Takes 0.1 s."""
    if model.latents is None:
        return None
    return support_threshold(model.latents.z_mean, model.latents.z_log_var)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={LoadedModel: lambda model: model.key})
def traversed(model: LoadedModel, z: tuple[float, ...], units: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """`landmarks.traversals` from z: pictures (units, steps, h, w, 3) uint8 and the values (steps,)."""
    return traversals(model.engine, np.array(z, np.float32), units)
