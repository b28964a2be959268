"""The cached functions of the page Heatmaps: attribution maps, what each unit changes, and the images that channels answer to.

    attribution_of(model, image, "z0", "gradient", MapSettings()), effects_of(model, image), strongest_of(model, test_images, "conv_2")

Shared by all sessions; the arrays are never changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from vae_core.analysis.attribution import dual, maps, strongest
from vae_core.analysis.attribution.dual import UnitEffects
from vae_core.analysis.attribution.maps import Attribution, MapSettings
from vae_core.analysis.attribution.strongest import StrongestImages
from vae_core.analysis.attribution.targets import Target

KEYS: dict[str | type[Any], Callable[[Any], Any]] = {
    LoadedModel: lambda model: model.key,
    MapSettings: vars,
    Source: lambda test_images: test_images.dataset.checksum,
}
# Pixels that are looked through for the strongest images: 10,000 images of 28×28, a second.
MOST_PIXELS = 8_000_000


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=KEYS)
def attribution_of(
    model: LoadedModel, image: np.ndarray, target: str, method: str, settings: MapSettings
) -> Attribution:
    """What drives a target, written as `Target.parse` takes it, in an image (h, w, c). Raises `ValueError` as `attribute`."""
    parsed = Target.parse(target, model.engine.latent_dim)
    return maps.attribute(model.engine, image, parsed, method, settings)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=KEYS)
def effects_of(model: LoadedModel, image: np.ndarray) -> UnitEffects:
    """What each unit changes in the reconstruction of an image (h, w, c)."""
    return dual.unit_effects(model.engine, image)


@st.cache_data(max_entries=16, show_spinner="Looking through the test pictures …", hash_funcs=KEYS)
def strongest_of(model: LoadedModel, test_images: Source, layer: str) -> StrongestImages:
    """The test pictures that each channel of an encoder's layer answers most strongly to."""
    pixels = test_images.pixels
    first = max(1, MOST_PIXELS // max(1, pixels[0].size)) if len(pixels) else 0
    return strongest.strongest_images(model.engine, pixels[:first], layer)
