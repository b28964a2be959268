"""The controls of the page Heatmaps, and what a click on a tile sets. What they choose is kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from pages.ui.components.mosaic import clicked
from pages.ui.heatmaps.pictures import MAXIMUM, MEAN, FeatureMaps, HeatmapSettings
from vae_core.analysis import activations

MOSAICS, GLANCES = (
    ("mosaic_1", "mosaic_2"),
    ("glance_1", "glance_2"),
)  # the keys of the first and the second picture's
LAYER = "layer"  # the key of the layer's widget, and its name in the address
SEQUENTIAL = ("inferno", "viridis", "magma", "cividis", "gray")
DIVERGING = ("RdBu_r", "PuOr_r", "coolwarm")
SMOOTH, CRISP = "Smooth", "As they are"
CLEAR, SOLID = "Transparent", "Coloured"
SCOPES = {"channel": "Each channel", "layer": "Whole layer", "all": "All layers"}
ORDERS = {"number": "Number", "mean": "Mean strength", "max": "Peak strength", "variance": "Variance"}
SCOPE_HELP = (
    "Between which raw values the colours run: each channel's own least and largest, those of all channels of the layer "
    "(weak channels stay dark), or 0 to the largest of all layers of the encoder or decoder (layers can be compared)."
)


def take_click() -> None:
    """What was just clicked becomes the choice. Call it before the controls are drawn."""
    for key in MOSAICS:
        channel = clicked(key)
        if channel is not None:
            st.session_state["channel"] = channel
    for key in GLANCES:
        layer = clicked(key)
        if layer is not None:
            st.session_state.update({LAYER: layer, "channel": MEAN})


def map_controls(feature_maps: Sequence[FeatureMaps]) -> tuple[str, str, str, float]:
    """Which map is enlarged, and how much of it covers the picture: part, layer, channel, and the map's share."""
    layers = feature_maps[0].maps
    names = [f"{part}/{layer}" for part in activations.PARTS for layer in layers[part]]
    _drop_unknown(LAYER, names)
    last = [name for name in names if name.startswith(activations.PARTS[0])][-1]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Layer",
            names,
            index=names.index(last),
            key=LAYER,
            bind="query-params",
            width=170,
            format_func=lambda name: name.replace("/", " "),
        )
        part, layer = chosen.split("/", 1)
        channel = _channel_control(layers[part][layer].shape[2])
        share = st.slider(
            "Map over picture",
            0.0,
            1.0,
            0.8,
            0.05,
            key="heat_alpha",
            persist_state="session",
            width=150,
            help="0 shows the picture alone, 1 the map as strong as it gets.",
        )
    return part, layer, channel, share


def settings_controls(
    feature_maps: Sequence[FeatureMaps], part: str, layer: str, channel: str, share: float
) -> HeatmapSettings:
    """How the maps are drawn: what is rarely changed."""
    maps = [maps for by_name in feature_maps[0].maps.values() for maps in by_name.values()]
    signed = [bool(values.min() < 0) for values in maps]
    with st.container(horizontal=True):
        scope = _segments("Colour range", "heat_scope", SCOPES, "channel", SCOPES.__getitem__, SCOPE_HELP)
        order = _select("Order of channels", "heat_order", list(ORDERS), ORDERS.__getitem__)
        colormap, diverging = SEQUENTIAL[0], DIVERGING[0]
        if not all(signed):
            colormap = _select("Colour map", "heat_colours", SEQUENTIAL)
        if any(signed):
            diverging = _select("Colour map, signed", "heat_diverging", DIVERGING)
        pixels = _segments("Pixels of the maps", "heat_pixels", (SMOOTH, CRISP), SMOOTH)
        weak = _segments(
            "Weak responses",
            "heat_weak",
            (CLEAR, SOLID),
            CLEAR,
            help="Transparent: the picture shows through where the layer hardly responds. Coloured: the map covers it evenly.",
        )
    return HeatmapSettings(
        part, layer, channel, scope, order, colormap, diverging, pixels == SMOOTH, share, weak == CLEAR
    )


def channel_name(channel: str, channels: int) -> str:
    """For people: "mean of 64 channels", "channel 12"."""
    over = {MEAN: "mean", MAXIMUM: "maximum"}
    return (
        f"{over[channel]} of {channels} channel{'' if channels == 1 else 's'}"
        if channel in over
        else f"channel {channel}"
    )


def _channel_control(channels: int) -> str:
    options = [MEAN, MAXIMUM, *map(str, range(channels))]
    _drop_unknown("channel", options)

    names = {MEAN: "Mean of all channels", MAXIMUM: "Maximum of all channels"}

    def name(channel: str) -> str:
        return names.get(channel, f"Channel {channel}")

    return st.selectbox("Map", options, key="channel", format_func=name, bind="query-params", width=220)


def _drop_unknown(key: str, options: Sequence[str]) -> None:
    """Another model or layer may not have what was chosen."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]


def _segments(
    label: str,
    key: str,
    options: Iterable[str],
    default: str,
    words: Callable[[str], str] = str,
    help: str | None = None,
) -> str:
    return (
        st.segmented_control(
            label,
            list(options),
            default=default,
            key=key,
            required=True,
            format_func=words,
            help=help,
            persist_state="session",
        )
        or default
    )


def _select(label: str, key: str, options: Sequence[str], words: Callable[[str], str] = str) -> str:
    return st.selectbox(label, options, key=key, format_func=words, persist_state="session", width=140)
