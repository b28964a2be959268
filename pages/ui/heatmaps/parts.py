"""Small parts of the page Heatmaps: a tile's words, the PNG of a layer, the downloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.components.mosaic import Tile
from pages.ui.formatting import file_text, number
from pages.ui.heatmaps.files import npz
from pages.ui.heatmaps.pictures import (
    SUMMARIES,
    FeatureMaps,
    HeatmapSettings,
    RenderedMaps,
    channel_ids,
    enlarged,
    glance,
    position,
    tiles,
)
from pages.ui.shared import png_sheet
from vae_core.analysis import mosaics


def channel_tile(rendered: RenderedMaps, which: int, channel: str) -> Tile:
    """A channel's words: its number, and its largest raw value for this picture."""
    raw = rendered.raw[which][..., position(channel)]
    words = f"{'' if channel in SUMMARIES else 'channel '}{channel}: raw {number(raw.min())} to {number(raw.max())}"
    return Tile(channel, channel, number(raw.max(), 2), words)


def layer_sheet(
    title: str, feature_maps: Sequence[FeatureMaps], rendered: RenderedMaps, settings: HeatmapSettings, words: str
) -> bytes:
    """The PNG of one layer: for each picture the enlarged map, its colours, and all the channels."""
    ids, k = channel_ids(feature_maps, settings), position(settings.channel)
    order = settings.order if settings.order == "number" else f"{settings.order} strength"
    span = {"channel": "each channel's own", "layer": "the whole layer's", "all": "all layers'"}[settings.scope]
    columns: list[list[png_sheet.Item]] = []
    for which, picture_maps in enumerate(feature_maps):
        large = enlarged(rendered, which, picture_maps.below[settings.part], settings)
        sheet = tiles(rendered, which, ids[len(SUMMARIES) :], settings.smooth)
        times = max(1, round(48 / sheet.shape[2]))
        columns.append(
            [
                picture_maps.name,
                large,
                png_sheet.bar(rendered.colormap, large.shape[1]),
                f"{words}: colours {number(rendered.low[k])} to {number(rendered.high[k])}",
                f"all channels by {order}, colours span {span} values",
                mosaics.mosaic(sheet, columns=min(8, len(sheet)), scale=times, fill=255),
            ]
        )
    return png_sheet.png(title, columns)


def glance_sheet(name: str, feature_maps: Sequence[FeatureMaps], settings: HeatmapSettings) -> bytes:
    """The PNG of all layers: for each picture a row of the layers' means, with the raw values at the ends of their colours."""
    rows: list[png_sheet.Item] = []
    for which, picture_maps in enumerate(feature_maps):
        maps = glance(feature_maps, which, settings)
        images = np.stack([image for image, *_ in maps.values()])
        rows += [
            picture_maps.name,
            mosaics.mosaic(images, columns=len(images), gap=8, fill=255),
            "  ".join(f"{layer} {number(low)} to {number(high)}" for (_, layer), (_, low, high) in maps.items()),
        ]
    return png_sheet.png(f"{name}: mean over the channels of every layer", [rows])


def downloads(
    model: LoadedModel,
    feature_maps: Sequence[FeatureMaps],
    name: str,
    layer_png: Callable[[], bytes],
    layers_png: Callable[[], bytes],
) -> None:
    """PNG of the unfolded layer and of all layers, NPZ of all raw activations; made when they are asked for."""
    stem = file_text(model.checkpoint.name)
    with st.container(horizontal=True):
        for label, data, file, key in (
            ("PNG: this layer", layer_png, f"{stem}-{file_text(name)}.png", "heat_png"),
            ("PNG: all layers", layers_png, f"{stem}-layers.png", "heat_layers_png"),
        ):
            st.download_button(label, data, file, "image/png", key=key, on_click="ignore", icon=":material/image:")
        st.download_button(
            "NPZ: raw activations",
            lambda: npz(feature_maps),
            f"{stem}-activations.npz",
            "application/octet-stream",
            key="heat_npz",
            on_click="ignore",
            icon=":material/data_array:",
            help="Every convolution of encoder and decoder, float32 (h, w, channels), named encoder/conv_1 and so on.",
        )
