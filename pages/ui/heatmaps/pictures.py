"""Feature maps to the pictures of the page Heatmaps: one layer on a common scale, enlarged, as tiles, at a glance. No streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pages.ui.images import LARGE, enlarge
from vae_core.analysis import activations, heatmaps, mosaics, normalisation
from vae_core.network.engine import Engine

MEAN, MAXIMUM = "mean", "max"
SUMMARIES = (MEAN, MAXIMUM)
TILE = 64  # pixels a side of a tile at most: larger maps are thinned to it


@dataclass(frozen=True)
class Look:
    """What is looked at and how it is drawn.

    channel: "mean", "max" or the number of a channel. scope: as `heatmaps.normalise` takes it. order: "number", or how
    strength is measured. colormap, diverging: for maps without and with a sign. alpha: the map's share over the picture.
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


@dataclass(frozen=True)
class Answer:
    """What the network answers to one picture.

    maps: {part: {layer: (h, w, channels) float32}}. below: {part: (h, w, c)}, what a part's maps lie over: the picture
    that the encoder sees, and the one that the decoder makes.
    """

    name: str
    maps: dict[str, dict[str, np.ndarray]]
    below: dict[str, np.ndarray]
    z: np.ndarray


@dataclass(frozen=True)
class Drawn:
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


def answer(engine: Engine, name: str, image: np.ndarray, z: np.ndarray) -> Answer:
    """Both parts' feature maps: the encoder's from the image (h, w, c), the decoder's from z (d,)."""
    maps = {
        "encoder": activations.feature_maps(engine, image),
        "decoder": activations.feature_maps(engine, part="decoder", z=z),
    }
    return Answer(name, maps, {"encoder": image, "decoder": engine.decode(z[None])[0]}, z)


def draw(answers: Sequence[Answer], look: Look) -> Drawn:
    """Scale one layer of all the pictures together, as `look` asks."""
    raw = [activations.with_summaries(one.maps[look.part][look.layer]) for one in answers]
    signed = any(maps.min() < 0 for maps in raw)
    limits = None
    if look.scope == "all":
        layers = [maps for one in answers for maps in one.maps[look.part].values()]
        _, top = normalisation.limits_of(layers, signed=True)
        limits = (-top if signed else 0.0, top)  # one unit of response is as bright in every layer
    scaled = normalisation.normalise_together(raw, look.scope, limits, signed)
    low, high = (np.broadcast_to(end, raw[0].shape[2]) for end in (scaled[0].low, scaled[0].high))
    colormap = look.diverging if signed else look.colormap
    return Drawn([one.values for one in scaled], raw, low, high, signed, colormap)


def position(channel: str) -> int:
    """Where a channel lies in `Drawn`: behind the mean and the maximum."""
    return SUMMARIES.index(channel) if channel in SUMMARIES else len(SUMMARIES) + int(channel)


def channel_ids(answers: Sequence[Answer], look: Look) -> list[str]:
    """The mean, the maximum, then the channels by number or by their strength for the first picture."""
    maps = answers[0].maps[look.part][look.layer]
    order = range(maps.shape[2]) if look.order == "number" else activations.channel_order(maps, look.order)
    return [*SUMMARIES, *(str(int(channel)) for channel in order)]


def tiles(drawn: Drawn, which: int, ids: Sequence[str], smooth: bool) -> np.ndarray:
    """One picture's maps in the order of ids, coloured: (n, h, w, 3) uint8, natively, or smoothed to about `TILE`."""
    values = drawn.values[which][..., [position(channel) for channel in ids]]
    longest = max(values.shape[:2])
    if smooth and longest < TILE:
        values = mosaics.resize(values, _times(values.shape, TILE // longest), "bilinear")
    elif longest > TILE:
        step = -(-longest // TILE)
        values = values[::step, ::step]
    # smoothing adds rounding errors of a few millionths
    return heatmaps.colour(np.moveaxis(np.clip(values, 0, 1), 2, 0), drawn.colormap)


def enlarged(drawn: Drawn, which: int, below: np.ndarray, look: Look, alpha: float | None = None) -> np.ndarray:
    """The chosen map over the picture below it, (H, W, 3) uint8 of about `LARGE` pixels; alpha 1 is the map by itself."""
    picture = enlarge(below, LARGE)
    values = drawn.values[which][..., position(look.channel)]
    coloured = _coloured(values, picture.shape[:2], drawn.colormap, look.smooth)
    return mosaics.overlay(picture, coloured, look.alpha if alpha is None else alpha)


def glance(answers: Sequence[Answer], which: int, look: Look) -> dict[tuple[str, str], tuple[np.ndarray, float, float]]:
    """One picture's mean map of every layer, over what it belongs to: {(part, layer): (uint8 (H, W, 3), low, high)}."""
    found = {}
    for part, layers in answers[which].maps.items():
        below = enlarge(answers[which].below[part], 112)
        for layer in layers:
            drawn = draw(answers, _mean_of(look, part, layer))
            coloured = _coloured(drawn.values[which][..., 0], below.shape[:2], drawn.colormap, look.smooth)
            low, high = float(drawn.low[0]), float(drawn.high[0])
            found[part, layer] = mosaics.overlay(below, coloured, look.alpha), low, high
    return found


def thumbnail(image: np.ndarray, pixels: int) -> np.ndarray:
    """uint8 (h, w[, c]) with its longer side at about `pixels`: enlarged crisply, or reduced smoothly."""
    longest = max(image.shape[:2])
    if longest <= pixels:
        return np.repeat(np.repeat(image, pixels // longest, axis=0), pixels // longest, axis=1)
    from PIL import Image

    small = Image.fromarray(image)
    small.thumbnail((pixels, pixels), Image.Resampling.BOX, reducing_gap=1.0)
    return np.asarray(small)


def _mean_of(look: Look, part: str, layer: str) -> Look:
    return Look(part, layer, MEAN, look.scope, look.order, look.colormap, look.diverging, look.smooth, look.alpha)


def _coloured(values: np.ndarray, size: tuple[int, int], colormap: str, smooth: bool) -> np.ndarray:
    if not smooth:  # the native pixels are few: colour them first
        return mosaics.resize(heatmaps.colour(values, colormap), size)
    return heatmaps.colour(np.clip(mosaics.resize(values, size, "bilinear"), 0, 1), colormap)


def _times(shape: tuple[int, ...], times: int) -> tuple[int, int]:
    return shape[0] * times, shape[1] * times
