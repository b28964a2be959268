"""The cached functions of the map: what the map holds of a model, and the plain map.

    living(model, test_images), plain_map(model), codes_of(dataset, fixed)

Shared by all sessions; the arrays are never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source, codes_have_pictures
from pages.ui.components.live_map import MapData, map_data
from pages.ui.formatting import plain_text
from pages.ui.images import SIDE, class_colour, extent_of
from vae_core.analysis.latent_points import grid
from vae_core.analysis.mosaics import mosaic
from vae_core.checkpoints.training_data import data_name, is_drawn

THUMB = 64  # pixels a side of a garment on the map: larger models are thinned to this


@dataclass(frozen=True)
class PlainMap:
    """For the map without a component. extent: half its side. background: uint8 (h, w, 3), SIDE × SIDE garments."""

    extent: float
    background: np.ndarray


@st.cache_resource(
    max_entries=4,
    show_spinner="Drawing the map …",
    hash_funcs={LoadedModel: lambda model: model.key, Source: lambda test_images: test_images.dataset.checksum},
)
def living(model: LoadedModel, test_images: Source | None) -> MapData:
    """What the map holds of a model: decoder, codes, and the pictures behind them where they are here."""
    thumbnails = None
    if test_images is not None and model.latents is not None and codes_have_pictures(model, test_images):
        thumbnails = test_images.pixels[: len(model.latents.labels)]
    names, colours = model.classes, [class_colour(i) for i in range(len(model.classes))]
    what = codes_of(model.checkpoint.dataset, fixed=bool(model.entry.state))
    return map_data(model.checkpoint, model.latents, names, colours, thumbnails, what)


def codes_of(dataset: Mapping[str, Any], fixed: bool) -> str:
    """What codes are codes of: "Fashion-MNIST test images", "fixed drawn test images" (fixed: those of a run's snapshots)."""
    name = "drawn" if is_drawn(dataset) else plain_text(data_name(dataset))
    return " ".join(f"{'fixed' if fixed else ''} {name} test images".split())


@st.cache_resource(max_entries=4, show_spinner="Drawing the map …", hash_funcs={LoadedModel: lambda model: model.key})
def plain_map(model: LoadedModel) -> PlainMap:
    """The garments of the plane, decoded once. For two latent units."""
    extent = extent_of(model.latents.z_mean) if model.latents is not None else 3.0
    z, _ = grid(2, SIDE, extent=extent)
    step = -(-max(model.engine.image_shape[:2]) // THUMB)
    return PlainMap(extent, mosaic(model.engine.decode(z)[:, ::step, ::step], columns=SIDE, gap=0))
