"""Heatmaps: what every convolution answers to a picture, layer by layer and channel by channel, over the picture itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.app.frame import frame
from pages.ui.app.model_pictures import pictures_for
from pages.ui.app.subject import Subject
from pages.ui.components.mosaic import Tile, mosaic
from pages.ui.formatting import markdown_text, number, plain_text, sentence
from pages.ui.heatmaps.controls import GLANCES, MOSAICS, ONE, channel_name, settings_controls, take_click, view_control
from pages.ui.heatmaps.parts import channel_tile, downloads, layer_sheet
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
    tiles,
)
from pages.ui.heatmaps.second_picture import second, second_picture_toggle
from pages.ui.images import enlarge
from pages.ui.shared import png_sheet
from pages.ui.shared.colour_bar import colour_bar
from pages.ui.shared.picture import picture
from pages.ui.shared.picture_line import picture_line
from vae_core.analysis import mosaics

MEANING = (
    "A bright spot means that the layer responds strongly at that place; it does not mean that the place matters for z or "
    "for the reconstruction."
)


def main(model: LoadedModel) -> None:
    """Controls, result."""
    test_images = pictures_for(model)
    take_click()
    selected = picture_line(model, test_images)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        view = view_control()
        compare = second_picture_toggle()
    other = second(model, test_images, selected) if compare else None
    pictures = [selected] if other is None else [selected, other]
    try:
        feature_maps = [
            feature_maps_of(model.engine, pictured.name, pictured.image, pictured.z) for pictured in pictures
        ]
    except ValueError as error:
        st.error(markdown_text(error), icon=":material/error:")
        return
    settings = settings_controls(feature_maps, view)
    if view == ONE:
        one_layer(model, pictures, feature_maps, settings)
    else:
        all_layers(model, pictures, feature_maps, settings)


def one_layer(
    model: LoadedModel, pictures: Sequence[Subject], feature_maps: Sequence[FeatureMaps], settings: HeatmapSettings
) -> None:
    """The chosen map over each picture, and beside or below it all channels as tiles."""
    rendered, ids = render(feature_maps, settings), channel_ids(feature_maps, settings)
    channels = len(ids) - len(SUMMARIES)
    words = f"{settings.part} {settings.layer}, {channel_name(settings.channel, channels)}"
    if len(pictures) == 1:
        slots = [st.columns([2, 3], gap="medium")]
    else:
        st.caption("Both pictures on a common scale: the same colour is the same raw value.")
        slots = [[column, column] for column in st.columns(2, gap="medium")]
    for which, (large, small) in enumerate(slots):
        with large:
            chosen_map(pictures[which], feature_maps[which], rendered, which, settings, words)
        with small:
            height, width = rendered.raw[which].shape[:2]
            which_ones = f"all {channels} channels" if channels > 1 else "its only channel"
            st.markdown(f"**{settings.layer}: {which_ones}**, natively {height:d}\u00a0×\u00a0{width:d}")
            mosaic(
                tiles(rendered, which, ids, settings.smooth),
                [channel_tile(rendered, which, channel) for channel in ids],
                MOSAICS[which],
                label=plain_text(f"Channels of {settings.layer} for {pictures[which].name}"),
                chosen=settings.channel,
                size=84 if channels <= 16 else 70 if channels <= 32 else 56,
            )
            st.caption("Click a tile to enlarge it. The number below it is its largest raw value for this picture.")
    st.caption(MEANING)
    downloads(
        model,
        feature_maps,
        f"{settings.layer}-{settings.channel}",
        lambda: layer_sheet(f"{model.checkpoint.name}, {words}", feature_maps, rendered, settings, words),
    )


def chosen_map(
    selected: Subject,
    picture_maps: FeatureMaps,
    rendered: RenderedMaps,
    which: int,
    settings: HeatmapSettings,
    words: str,
) -> None:
    """One map enlarged over its picture, its colours with their raw values, and picture and map apart."""
    below, k = picture_maps.below[settings.part], position(settings.channel)
    over = "the picture" if settings.part == "encoder" else "the reconstruction"
    raw = rendered.raw[which][..., k]
    st.markdown(f"**{words[0].upper()}{words[1:]}** over {over}: {markdown_text(picture_maps.name)}")
    picture(enlarged(rendered, which, below, settings), alt=plain_text(f"{words} over {over}, {picture_maps.name}"))
    colour_bar(rendered.colormap, float(rendered.low[k]), float(rendered.high[k]))
    st.caption(
        f"This map, of one picture: raw {number(raw.min())} to {number(raw.max())}, natively {raw.shape[0]:d}\u00a0×\u00a0{raw.shape[1]:d}"
        f"{', smoothed here, which looks more precise than it is' if settings.smooth else ''}."
    )
    with st.container(horizontal=True):
        picture(enlarge(below, 112), caption=f"{over} alone", width=112, alt=f"{over} alone")
        alone = enlarged(rendered, which, below, settings, alpha=1.0)
        picture(alone, caption="the map alone", width=112, alt=f"{words} alone")
    if selected.decoded and settings.part == "encoder":
        st.caption(
            "This picture is itself decoded from z: the encoder answers to the decoder's work, not to a photograph."
        )


def all_layers(
    model: LoadedModel, pictures: Sequence[Subject], feature_maps: Sequence[FeatureMaps], settings: HeatmapSettings
) -> None:
    """The mean over the channels of every layer, from the picture to z and on to the reconstruction."""
    sheet: list[png_sheet.Item] = []
    for which, picture_maps in enumerate(feature_maps):
        maps = glance(feature_maps, which, settings)
        st.markdown(f"**{markdown_text(sentence(picture_maps.name))}**: mean over the channels of every layer")
        entries = [
            Tile(
                f"{part}/{layer}",
                layer,
                f"{number(low)} to {number(high)}",
                f"{part} {layer}, mean of {picture_maps.maps[part][layer].shape[2]:d} channels, colours from {number(low)} to {number(high)}",
            )
            for (part, layer), (_, low, high) in maps.items()
        ]
        images = np.stack([image for image, *_ in maps.values()])
        mosaic(
            images,
            entries,
            GLANCES[which],
            plain_text(f"Layers for {picture_maps.name}"),
            chosen="",
            size=112,
            least=96,
        )
        sheet += [
            picture_maps.name,
            mosaics.mosaic(images, columns=len(images), gap=8, fill=255),
            "  ".join(f"{entry.name} {entry.note}" for entry in entries),
        ]
    st.caption(
        "Below each layer: the raw values at the two ends of its colours. The encoder's layers (conv) lie over the picture, "
        f"the decoder's (deconv, logits) over the reconstruction.{' Both pictures are on a common scale.' if len(feature_maps) > 1 else ''} "
        "Click a layer to open it."
    )
    st.caption(MEANING)
    title = f"{model.checkpoint.name}: mean over the channels of every layer"
    downloads(model, feature_maps, "layers", lambda: png_sheet.png(title, [sheet]))


frame("Heatmaps", main)
