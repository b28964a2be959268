"""Heatmaps: what every convolution answers to a picture, layer by layer and channel by channel, over the picture itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.ui.app.cache import Opened
from pages.ui.app.frame import frame
from pages.ui.app.model_pictures import pictures_for
from pages.ui.app.subject import Subject, subject
from pages.ui.components.mosaic import Tile, mosaic
from pages.ui.formatting import markdown_text, number, plain_text, sentence
from pages.ui.heatmaps.controls import GLANCES, MOSAICS, ONE, ask_look, ask_view, channel_name, take_click
from pages.ui.heatmaps.parts import channel_tile, downloads, layer_sheet
from pages.ui.heatmaps.pictures import (
    SUMMARIES,
    Answer,
    Drawn,
    Look,
    answer,
    channel_ids,
    draw,
    enlarged,
    glance,
    position,
    tiles,
)
from pages.ui.heatmaps.second_picture import ask_second, second
from pages.ui.heatmaps.upload_steps import upload_steps
from pages.ui.images import enlarge
from pages.ui.shared import png_sheet as heat_sheet
from pages.ui.shared.colour_bar import colour_bar
from pages.ui.shared.picture import picture
from pages.ui.shared.picture_picker import choose_picture
from vae_core.analysis import mosaics

MEANING = (
    "A bright spot means that the layer responds strongly at that place; it does not mean that the place matters for z or "
    "for the reconstruction."
)


def main(model: Opened) -> None:
    """Controls, result."""
    found = pictures_for(model)
    take_click()
    choose_picture(model, found)
    shown = subject(model, found)
    if shown.prepared is not None:
        upload_steps(shown.prepared, model)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        view = ask_view()
        wanted = ask_second()
    other = second(model, found, shown) if wanted else None
    pictures = [shown] if other is None else [shown, other]
    try:
        answers = [answer(model.engine, one.name, one.image, one.z) for one in pictures]
    except ValueError as error:
        st.error(markdown_text(error), icon=":material/error:")
        return
    look = ask_look(answers, view)
    if view == ONE:
        one_layer(model, pictures, answers, look)
    else:
        all_layers(model, pictures, answers, look)


def one_layer(model: Opened, pictures: Sequence[Subject], answers: Sequence[Answer], look: Look) -> None:
    """The chosen map over each picture, and beside or below it all channels as tiles."""
    drawn, ids = draw(answers, look), channel_ids(answers, look)
    channels = len(ids) - len(SUMMARIES)
    words = f"{look.part} {look.layer}, {channel_name(look.channel, channels)}"
    if len(pictures) == 1:
        slots = [st.columns([2, 3], gap="medium")]
    else:
        st.caption("Both pictures on a common scale: the same colour is the same raw value.")
        slots = [[column, column] for column in st.columns(2, gap="medium")]
    for which, (large, small) in enumerate(slots):
        with large:
            chosen_map(pictures[which], answers[which], drawn, which, look, words)
        with small:
            height, width = drawn.raw[which].shape[:2]
            which_ones = f"all {channels} channels" if channels > 1 else "its only channel"
            st.markdown(f"**{look.layer}: {which_ones}**, natively {height:d}\u00a0×\u00a0{width:d}")
            mosaic(
                tiles(drawn, which, ids, look.smooth),
                [channel_tile(drawn, which, channel) for channel in ids],
                MOSAICS[which],
                label=plain_text(f"Channels of {look.layer} for {pictures[which].name}"),
                chosen=look.channel,
                size=84 if channels <= 16 else 70 if channels <= 32 else 56,
            )
            st.caption("Click a tile to enlarge it. The number below it is its largest raw value for this picture.")
    st.caption(MEANING)
    downloads(
        model,
        answers,
        f"{look.layer}-{look.channel}",
        lambda: layer_sheet(f"{model.checkpoint.name}, {words}", answers, drawn, look, words),
    )


def chosen_map(shown: Subject, one: Answer, drawn: Drawn, which: int, look: Look, words: str) -> None:
    """One map enlarged over its picture, its colours with their raw values, and picture and map apart."""
    below, k = one.below[look.part], position(look.channel)
    over = "the picture" if look.part == "encoder" else "the reconstruction"
    raw = drawn.raw[which][..., k]
    st.markdown(f"**{words[0].upper()}{words[1:]}** over {over}: {markdown_text(one.name)}")
    picture(enlarged(drawn, which, below, look), alt=plain_text(f"{words} over {over}, {one.name}"))
    colour_bar(drawn.colormap, float(drawn.low[k]), float(drawn.high[k]))
    st.caption(
        f"This map, of one picture: raw {number(raw.min())} to {number(raw.max())}, natively {raw.shape[0]:d}\u00a0×\u00a0{raw.shape[1]:d}"
        f"{', smoothed here, which looks more precise than it is' if look.smooth else ''}."
    )
    with st.container(horizontal=True):
        picture(enlarge(below, 112), caption=f"{over} alone", width=112, alt=f"{over} alone")
        alone = enlarged(drawn, which, below, look, alpha=1.0)
        picture(alone, caption="the map alone", width=112, alt=f"{words} alone")
    if shown.decoded and look.part == "encoder":
        st.caption(
            "This picture is itself decoded from z: the encoder answers to the decoder's work, not to a photograph."
        )


def all_layers(model: Opened, pictures: Sequence[Subject], answers: Sequence[Answer], look: Look) -> None:
    """The mean over the channels of every layer, from the picture to z and on to the reconstruction."""
    sheet: list[heat_sheet.Item] = []
    for which, one in enumerate(answers):
        maps = glance(answers, which, look)
        st.markdown(f"**{markdown_text(sentence(one.name))}**: mean over the channels of every layer")
        entries = [
            Tile(
                f"{part}/{layer}",
                layer,
                f"{number(low)} to {number(high)}",
                f"{part} {layer}, mean of {one.maps[part][layer].shape[2]:d} channels, colours from {number(low)} to {number(high)}",
            )
            for (part, layer), (_, low, high) in maps.items()
        ]
        images = np.stack([image for image, *_ in maps.values()])
        mosaic(images, entries, GLANCES[which], plain_text(f"Layers for {one.name}"), chosen="", size=112, least=96)
        sheet += [
            one.name,
            mosaics.mosaic(images, columns=len(images), gap=8, fill=255),
            "  ".join(f"{entry.name} {entry.note}" for entry in entries),
        ]
    st.caption(
        "Below each layer: the raw values at the two ends of its colours. The encoder's layers (conv) lie over the picture, "
        f"the decoder's (deconv, logits) over the reconstruction.{' Both pictures are on a common scale.' if len(answers) > 1 else ''} "
        "Click a layer to open it."
    )
    st.caption(MEANING)
    title = f"{model.checkpoint.name}: mean over the channels of every layer"
    downloads(model, answers, "layers", lambda: heat_sheet.png(title, [sheet]))


frame("Heatmaps", main)
