"""Feature maps to the pictures of the page Heatmaps: one layer on a common scale, enlarged, as tiles, at a glance. No streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pages.ui.images import enlarge
from vae_core.analysis import activations, heatmaps, mosaics, normalisation
from vae_core.network.engine import Engine

MEAN, MAXIMUM = "mean", "max"
SUMMARIES = (MEAN, MAXIMUM)
TILE = 42  # pixels a side of a tile at most: larger maps are thinned to it
GLANCE = 84  # pixels a side of a layer among all
LARGE = 336  # pixels a side of the enlarged map, twelve times 28


@dataclass(frozen=True)
class HeatmapSettings:
    """What is looked at and how it is drawn.

    channel: "mean", "max" or the number of a channel. scope: as `heatmaps.normalise` takes it. order: "number", or how
    strength is measured. colormap, diverging: for maps without and with a sign. alpha: the map's share over the picture. clear: whether that share
    falls to 0 where the response is weak.
    """

    part: str
    layer: str
    channel: str
    scope: str
    order: str
    colormap: str
    diverging: str
    smooth: bool
    alpha: float
    clear: bool = True


@dataclass(frozen=True)
class FeatureMaps:
    """The feature maps of one picture, in both parts of the network.

    maps: {part: {layer: (h, w, channels) float32}}. below: {part: (h, w, c)}, what a part's maps lie over: the picture
    that the encoder sees, and the one that the decoder makes.
    """

    name: str
    maps: dict[str, dict[str, np.ndarray]]
    below: dict[str, np.ndarray]
    z: np.ndarray


@dataclass(frozen=True)
class RenderedMaps:
    """One layer of one or two pictures between common limits.

    values: per picture (h, w, 2 + channels) float32 in [0, 1]: mean, maximum, then the channels. raw: the same unscaled.
    low, high: (2 + channels,), the raw values at the ends of the colours. signed: whether 0 is the middle of the colours.
    """

    values: list[np.ndarray]
    raw: list[np.ndarray]
    low: np.ndarray
    high: np.ndarray
    signed: bool
    colormap: str


def feature_maps_of(engine: Engine, name: str, image: np.ndarray, z: np.ndarray) -> FeatureMaps:
    """Both parts' feature maps: the encoder's from the image (h, w, c), the decoder's from z (d,)."""
    maps = {
        "encoder": activations.feature_maps(engine, image),
        "decoder": activations.feature_maps(engine, part="decoder", z=z),
    }
    return FeatureMaps(name, maps, {"encoder": image, "decoder": engine.decode(z[None])[0]}, z)


def render(feature_maps: Sequence[FeatureMaps], settings: HeatmapSettings, only_mean: bool = False) -> RenderedMaps:
    """Scale one layer of all the pictures together, as `settings` ask; or, at a fraction of the cost, its mean alone."""
    raw = [
        activations.with_summaries(picture_maps.maps[settings.part][settings.layer]) for picture_maps in feature_maps
    ]
    signed = any(maps.min() < 0 for maps in raw)
    limits = None
    if settings.scope == "all":
        layers = [maps for picture_maps in feature_maps for maps in picture_maps.maps[settings.part].values()]
        _, top = normalisation.limits_of(layers, signed=True)
        limits = (-top if signed else 0.0, top)  # one unit of response is as bright in every layer
    if only_mean:
        if settings.scope == "layer":
            limits = normalisation.limits_of(raw, signed=signed)
        raw = [maps[..., :1] for maps in raw]
    scaled = normalisation.normalise_together(raw, settings.scope, limits, signed)
    low, high = (np.broadcast_to(end, raw[0].shape[2]) for end in (scaled[0].low, scaled[0].high))
    colormap = settings.diverging if signed else settings.colormap
    return RenderedMaps([maps.values for maps in scaled], raw, low, high, signed, colormap)


def position(channel: str) -> int:
    """Where a channel lies in `RenderedMaps`: behind the mean and the maximum."""
    return SUMMARIES.index(channel) if channel in SUMMARIES else len(SUMMARIES) + int(channel)


def channel_ids(feature_maps: Sequence[FeatureMaps], settings: HeatmapSettings) -> list[str]:
    """The mean, the maximum, then the channels by number or by their strength for the first picture."""
    maps = feature_maps[0].maps[settings.part][settings.layer]
    order = range(maps.shape[2]) if settings.order == "number" else activations.channel_order(maps, settings.order)
    return [*SUMMARIES, *(str(int(channel)) for channel in order)]


def tiles(rendered: RenderedMaps, which: int, ids: Sequence[str], smooth: bool) -> np.ndarray:
    """One picture's maps in the order of ids, coloured: (n, h, w, 3) uint8, natively, or smoothed to about `TILE`."""
    values = rendered.values[which][..., [position(channel) for channel in ids]]
    longest = max(values.shape[:2])
    if smooth and longest < TILE:
        values = mosaics.resize(values, _times(values.shape, TILE // longest), "bilinear")
    elif longest > TILE:
        step = -(-longest // TILE)
        values = values[::step, ::step]
    # smoothing adds rounding errors of a few millionths
    return heatmaps.colour(np.moveaxis(np.clip(values, 0, 1), 2, 0), rendered.colormap)


def enlarged(
    rendered: RenderedMaps, which: int, below: np.ndarray, settings: HeatmapSettings, alpha: float | None = None
) -> np.ndarray:
    """The chosen map over the picture below it, (H, W, 3) uint8 of about `LARGE` pixels; alpha 1 is the map by itself."""
    values = rendered.values[which][..., position(settings.channel)]
    return _over(enlarge(below, LARGE), values, rendered, settings, alpha)


def glance(
    feature_maps: Sequence[FeatureMaps], which: int, settings: HeatmapSettings
) -> dict[tuple[str, str], tuple[np.ndarray, float, float]]:
    """One picture's mean map of every layer, over what it belongs to: {(part, layer): (uint8 (H, W, 3), low, high)}."""
    maps = {}
    for part, layers in feature_maps[which].maps.items():
        below = enlarge(feature_maps[which].below[part], GLANCE)
        for layer in layers:
            rendered = render(feature_maps, _mean_of(settings, part, layer), only_mean=True)
            low, high = float(rendered.low[0]), float(rendered.high[0])
            maps[part, layer] = _over(below, rendered.values[which][..., 0], rendered, settings), low, high
    return maps


def silent(picture_maps: FeatureMaps, part: str, layer: str) -> int:
    """How many channels of a layer do not respond to this picture at all: 0 everywhere."""
    return int((picture_maps.maps[part][layer] == 0).all(axis=(0, 1)).sum())


def _mean_of(settings: HeatmapSettings, part: str, layer: str) -> HeatmapSettings:
    return replace(settings, part=part, layer=layer, channel=MEAN)


def _over(
    picture: np.ndarray,
    values: np.ndarray,
    rendered: RenderedMaps,
    settings: HeatmapSettings,
    alpha: float | None = None,
) -> np.ndarray:
    """One map, values (h, w) in [0, 1], over an enlarged picture, as (H, W, 3) uint8. alpha 1: the map by itself."""
    size = picture.shape[:2]
    if settings.smooth:
        values = np.clip(mosaics.resize(values, size, "bilinear"), 0, 1)
        coloured = heatmaps.colour(values, rendered.colormap)
    else:  # the native pixels are few: colour them first
        coloured = mosaics.resize(heatmaps.colour(values, rendered.colormap), size)
    if alpha is not None or not settings.clear:
        return mosaics.overlay(picture, coloured, settings.alpha if alpha is None else alpha)
    strength = np.abs(2 * values - 1) if rendered.signed else values
    return mosaics.overlay(picture, coloured, settings.alpha * mosaics.resize(strength, size))


def _times(shape: tuple[int, ...], times: int) -> tuple[int, int]:
    return shape[0] * times, shape[1] * times
