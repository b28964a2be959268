"""The controls of the page Heatmaps, and what a click on a tile sets. What they choose is kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from pages.ui.components.mosaic import clicked
from pages.ui.heatmaps.pictures import MAXIMUM, MEAN, FeatureMaps, HeatmapSettings
from vae_core.analysis import activations

ONE, ALL = "one", "all"
MOSAICS, GLANCES = (
    ("mosaic_1", "mosaic_2"),
    ("glance_1", "glance_2"),
)  # the keys of the first and the second picture's
SEQUENTIAL = ("viridis", "magma", "inferno", "cividis", "gray")
DIVERGING = ("RdBu_r", "PuOr_r", "coolwarm")
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
        place = clicked(key)
        if place is not None:
            part, layer = place.split("/", 1)
            st.session_state.update({"part": part, _layer_key(part): layer, "layers": ONE, "channel": MEAN})


def settings_controls(feature_maps: Sequence[FeatureMaps], view: str) -> HeatmapSettings:
    """Part, layer, channel (for one layer), and how they are drawn."""
    layers = feature_maps[0].maps
    part, layer, channel = activations.PARTS[0], "", MEAN
    if view == ONE:
        with st.container(horizontal=True):
            part = _segments("Part", "part", activations.PARTS, activations.PARTS[0], str.capitalize)
            names = list(layers[part])
            usual = [name for name in names if name != "logits"] or names
            _drop_unknown(_layer_key(part), names)
            layer = _segments("Layer", _layer_key(part), names, usual[-1])
            channel = _channel_control(layers[part][layer].shape[2])
    drawn_maps = (
        [layers[part][layer]] if view == ONE else [maps for by_name in layers.values() for maps in by_name.values()]
    )
    signed = [bool(maps.min() < 0) for maps in drawn_maps]
    with st.container(horizontal=True):
        scope = _segments(
            "Colours span" if view == ONE else "Each map's colours span",
            "heat_scope",
            SCOPES,
            "channel",
            lambda name: "Each map" if view == ALL and name == "channel" else SCOPES[name],
            SCOPE_HELP,
        )
        order = "number"
        if view == ONE:
            order = _select("Order of channels", "heat_order", list(ORDERS), ORDERS.__getitem__)
        colormap, diverging = SEQUENTIAL[0], DIVERGING[0]
        if not all(signed):
            colormap = _select("Colour map", "heat_colours", SEQUENTIAL)
        if any(signed):
            diverging = _select("Colour map, signed", "heat_diverging", DIVERGING)
        pixels = _segments("Pixels", "heat_pixels", ("nearest", "bilinear"), "nearest", str.capitalize)
        alpha = st.slider(
            "Map over picture",
            0.0,
            1.0,
            0.6,
            0.05,
            key="heat_alpha",
            persist_state="session",
            width=180,
            help="0 shows the picture alone, 1 the map alone.",
        )
    return HeatmapSettings(part, layer, channel, scope, order, colormap, diverging, pixels == "bilinear", alpha)


def view_control() -> str:
    """One layer or all of them."""
    return _segments(
        "Look at", "layers", (ONE, ALL), ONE, {ONE: "One layer", ALL: "All layers at a glance"}.__getitem__
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


def _layer_key(part: str) -> str:
    return f"{part}_layer"


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
    """What is looked at goes into the URL, how it is drawn (heat_...) only into the session."""
    return (
        st.segmented_control(
            label,
            list(options),
            default=default,
            key=key,
            required=True,
            format_func=words,
            help=help,
            bind=None if key.startswith("heat_") else "query-params",
            persist_state="session",
        )
        or default
    )


def _select(label: str, key: str, options: Sequence[str], words: Callable[[str], str] = str) -> str:
    return st.selectbox(label, options, key=key, format_func=words, persist_state="session", width=140)
