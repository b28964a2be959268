"""Heatmaps: what every convolution answers to a picture, and which pixels drive a latent unit, over the picture itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.frame import frame
from pages.ui.app.model_pictures import pictures_for
from pages.ui.app.subject import Subject
from pages.ui.components.mosaic import Tile, mosaic
from pages.ui.formatting import markdown_text, number, plain_text
from pages.ui.glossary import meaning, term
from pages.ui.heatmaps.controls import GLANCES, MOSAICS, channel_name, map_controls, settings_controls, take_click
from pages.ui.heatmaps.driving import driving
from pages.ui.heatmaps.driving_controls import DRIVES, view_control
from pages.ui.heatmaps.parts import channel_tile, downloads, glance_sheet, layer_sheet
from pages.ui.heatmaps.pictures import (
    SUMMARIES,
    FeatureMaps,
    HeatmapSettings,
    RenderedMaps,
    channel_ids,
    enlarged,
    feature_maps_of,
    glance,
    position,
    render,
    silent,
    tiles,
)
from pages.ui.heatmaps.second_picture import second, second_picture_toggle
from pages.ui.heatmaps.strongest import strongest_pictures
from pages.ui.shared.colour_bar import colour_bar
from pages.ui.shared.picture import picture
from pages.ui.shared.picture_line import picture_line

MEANING = (
    f"A bright spot is a strong {term('activation', 'response')} of the layer at that place; it does not mean that the place "
    f"matters for {term('z')} or for the {term('reconstruction')}."
)


def main(model: LoadedModel) -> None:
    """The picture; then either what each layer answers to it, or which of its pixels drive a latent unit."""
    test_images = pictures_for(model)
    take_click()
    selected = picture_line(model, test_images)
    if view_control() == DRIVES:
        driving(model, selected)
        return
    layers(model, test_images, selected)


def layers(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """One map over the picture beside all layers and all channels; what is rarely changed folded below."""
    result = st.container()
    fold = st.expander("Colours, order, smoothing, second picture, downloads", key="heat_fold", icon=":material/tune:")
    with fold:
        other = second(model, test_images, selected) if second_picture_toggle() else None
    pictures = [selected] if other is None else [selected, other]
    try:
        feature_maps = [
            feature_maps_of(model.engine, pictured.name, pictured.image, pictured.z) for pictured in pictures
        ]
    except ValueError as error:
        st.error(markdown_text(error), icon=":material/error:")
        return
    with result:
        places = _places(len(pictures))
    with places[0].controls:
        part, layer, channel, share = map_controls(feature_maps)
    with fold:
        settings = settings_controls(feature_maps, part, layer, channel, share)
    rendered = render(feature_maps, settings)
    words = f"{part} {layer}, {channel_name(channel, rendered.raw[0].shape[2] - len(SUMMARIES))}"
    for which, place in enumerate(places):
        with place.large:
            enlarged_map(pictures[which], feature_maps[which], rendered, which, settings, words)
        with place.layers:
            layer_tiles(feature_maps, which, settings)
        with place.channels:
            channel_tiles(feature_maps, rendered, which, settings)
    with result:
        strongest_pictures(model, test_images, part, layer, channel)
    with fold:
        downloads(
            model,
            feature_maps,
            f"{layer}-{channel}",
            lambda: layer_sheet(f"{model.checkpoint.name}, {words}", feature_maps, rendered, settings, words),
            lambda: glance_sheet(model.checkpoint.name, feature_maps, settings),
        )


class Place(NamedTuple):
    """Where the parts of the result about one picture go."""

    large: DeltaGenerator
    controls: DeltaGenerator
    layers: DeltaGenerator
    channels: DeltaGenerator


def _places(pictures: int) -> list[Place]:
    """Of one picture the enlarged map at the left and the tiles at the right; of two one below the other, side by side."""
    if pictures == 1:
        left, right = st.columns([2, 3], gap="medium")
        return [Place(left.container(), left.container(), right.container(), right.container())]
    st.caption("Both pictures on a common scale: the same colour is the same raw value.")
    return [Place(*(column.container() for _ in range(4))) for column in st.columns(2, gap="medium")]


def enlarged_map(
    selected: Subject,
    picture_maps: FeatureMaps,
    rendered: RenderedMaps,
    which: int,
    settings: HeatmapSettings,
    words: str,
) -> None:
    """One map over its picture, and its colours with their raw values."""
    below, k = picture_maps.below[settings.part], position(settings.channel)
    over = "the picture" if settings.part == "encoder" else "the reconstruction"
    raw = rendered.raw[which][..., k]
    which_one = f": {markdown_text(picture_maps.name)}" if len(rendered.raw) > 1 else ""  # else the line above says it
    st.markdown(f"**{words[0].upper()}{words[1:]}** over {over}{which_one}")
    picture(
        enlarged(rendered, which, below, settings),
        alt=plain_text(f"{words} over {over}, {picture_maps.name}"),
        width="stretch",
    )
    colour_bar(rendered.colormap, float(rendered.low[k]), float(rendered.high[k]))
    st.caption(
        f"Raw {number(raw.min())} to {number(raw.max())} in this picture; {raw.shape[0]:d}\u00a0×\u00a0{raw.shape[1]:d} "
        f"values{', smoothed, which looks more precise than it is' if settings.smooth else ''}. {MEANING}",
        unsafe_allow_html=True,
    )
    if selected.decoded and settings.part == "encoder":
        st.caption(
            "This picture is itself decoded from z: the encoder looks at the decoder's work, not at a photograph."
        )


def layer_tiles(feature_maps: Sequence[FeatureMaps], which: int, settings: HeatmapSettings) -> None:
    """Every layer at a glance, from the picture to z and on to the reconstruction: the mean of its channels."""
    picture_maps = feature_maps[which]
    maps = glance(feature_maps, which, settings)
    st.markdown("**All layers**, the mean of each; click one to unfold it")
    entries = [
        Tile(
            f"{part}/{layer}",
            layer,
            part,
            f"{part} {layer}, mean of {picture_maps.maps[part][layer].shape[2]:d} channels, colours from {number(low)} to {number(high)}",
        )
        for (part, layer), (_, low, high) in maps.items()
    ]
    mosaic(
        np.stack([image for image, *_ in maps.values()]),
        entries,
        GLANCES[which],
        plain_text(f"Layers for {picture_maps.name}"),
        chosen=f"{settings.part}/{settings.layer}",
        least=52,
        room=130,
        smooth=settings.smooth,
    )


def channel_tiles(
    feature_maps: Sequence[FeatureMaps], rendered: RenderedMaps, which: int, settings: HeatmapSettings
) -> None:
    """All channels of the chosen layer, and how many of them this picture leaves silent."""
    ids, picture_maps = channel_ids(feature_maps, settings), feature_maps[which]
    channels, quiet = len(ids) - len(SUMMARIES), silent(picture_maps, settings.part, settings.layer)
    st.markdown(
        f"**{settings.layer}: {channels:d} channel{'' if channels == 1 else 's'}** "
        f"({quiet:d} silent), their mean and their maximum; click one to enlarge it",
        help=f"{meaning('channel')} A silent channel is 0 everywhere for this picture. The number below a tile is its largest raw value.",
    )
    mosaic(
        tiles(rendered, which, ids, settings.smooth),
        [channel_tile(rendered, which, channel) for channel in ids],
        MOSAICS[which],
        label=plain_text(f"Channels of {settings.layer} for {picture_maps.name}"),
        chosen=settings.channel,
        least=44,
        room=430,
        smooth=settings.smooth,
    )


frame("Heatmaps", main)
