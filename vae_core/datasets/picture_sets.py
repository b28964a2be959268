"""Many pictures into one array: what is black and white, and what lies behind transparency, is decided once for all.

A first pass takes the usual for granted (0..255, or 0..65535 of deep pictures, on white) and notes what the pictures hold.
Only where that is something else do they go through a second time, as what they are.

>>> dim = RawPicture(np.full((28, 28, 1), 15, np.float32), "8 bits")
>>> images = stack(lambda i: dim, 2, (28, 28, 1), "resize")
>>> images.ranges, images.pixels.shape, int(images.pixels.max())
({'8 bits': (0.0, 15.0)}, (2, 28, 28, 1), 255)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from vae_core.config import ModelConfig
from vae_core.datasets.image_files import RawPicture
from vae_core.datasets.image_headers import PictureError
from vae_core.datasets.preprocessing import is_transparent, looks_best_on_white, opaque_brightness, treat
from vae_core.storage import limits
from vae_core.storage.errors import DataError

USUAL = {"8 bits": (0.0, 255.0), "deep": (0.0, 65535.0), "float": (0.0, 1.0)}  # black and white by kind
DEPTHS = (255, 1023, 4095, 16383, 65535)  # white in 8, 10, 12, 14 and 16 bits
MAX_LEVELS = 31  # whole numbers up to here are levels or classes, of a mask or of 5 bits at most; no picture is so dark
DARK_SHARE = 0.5  # of white: a set that never gets brighter is warned about
UNREADABLE_SHARE = 0.1  # of the pictures may be left out as unreadable; more is a sign that the whole copy is damaged

Progress = Callable[[int, int], None]


@dataclass
class Extremes:
    """Lowest and highest value of the pixels of one kind, over all pictures; whole: all are whole numbers."""

    low: float = math.inf
    high: float = -math.inf
    whole: bool = True

    def update(self, values: np.ndarray) -> None:
        """Take in the values of one picture, all finite."""
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        if self.whole and values.dtype.kind == "f":
            self.whole = bool((values == np.rint(values)).all())


@dataclass
class ImageStack:
    """Many pictures as one array, and what was decided for all of them.

    Attributes:
        pixels: uint8 (n, h, w, c) of those that could be read.
        kept: The index of each of those among all pictures.
        ranges: (black, white) of each kind of picture that is there.
        extremes: What the pixels of each kind hold.
        backdrop: "white" or "black" behind transparent parts; None without any.
        inverted: Light and dark were swapped, in all.
        unreadable: From the index of a picture that could not be read to what is wrong with it.
    """

    pixels: np.ndarray
    kept: list[int]
    ranges: dict[str, tuple[float, float]]
    extremes: dict[str, Extremes]
    backdrop: str | None
    inverted: bool
    unreadable: dict[int, str] = field(default_factory=dict)


def stack(
    read: Callable[[int], RawPicture],
    n: int,
    image_shape: tuple[int, int, int],
    fit: str,
    progress: Progress | None = None,
) -> ImageStack:
    """Treat n pictures alike and put them into one array.

    Args:
        read: Returns the pixels of picture i, or raises `PictureError`; called at most twice for each.
        n: How many pictures there are.
        image_shape: (height, width, channels) of the array's images.
        fit: See `preprocessing.prepare`.
        progress: Called with (done, n).

    Raises:
        DataError: For more pixels than `limits.DATA`, or values that are no picture's.
    """
    shape = ModelConfig(image_shape=image_shape).image_shape
    check_room(n, shape)
    result = _pass(read, range(n), shape, fit, USUAL, "white", progress)
    ranges = {kind: pixel_range(kind, extremes) for kind, extremes in result.extremes.items()}
    if ranges != {kind: USUAL[kind] for kind in ranges} or result.backdrop == "black":
        unreadable = result.unreadable
        result = _pass(read, result.kept, shape, fit, ranges, result.backdrop or "white", None)
        result.unreadable |= unreadable
    result.ranges = ranges
    if result.inverted:
        np.subtract(255, result.pixels, out=result.pixels)
    return result


def _pass(
    read: Callable[[int], RawPicture],
    places: Sequence[int],
    shape: tuple[int, int, int],
    fit: str,
    ranges: dict[str, tuple[float, float]],
    backdrop: str,
    progress: Progress | None,
) -> ImageStack:
    pixels = np.empty((len(places), *shape), np.uint8)
    kept: list[int] = []
    extremes: dict[str, Extremes] = {}
    unreadable: dict[int, str] = {}
    light, weight, brightness, transparent = 0, 0.0, 0.0, False
    for done, place in enumerate(places, 1):
        try:
            values, kind = read(place)
            colours = values[..., :3] if values.shape[2] > 2 else values[..., :1]
            if not np.isfinite(colours).all():
                raise PictureError("it has NaN or infinite pixels. Replace them, with numpy.nan_to_num for example.")
        except PictureError as error:
            unreadable[place] = str(error)
        else:
            extremes.setdefault(kind, Extremes()).update(colours)
            x = scaled(values, *ranges[kind])
            if is_transparent(x):
                transparent = True
                weight, brightness = np.add((weight, brightness), opaque_brightness(x))
            image, is_light = treat(x, shape, fit, backdrop)
            pixels[len(kept)] = np.rint(image * 255)
            kept.append(place)
            light += is_light
        if progress:
            progress(done, len(places))
    chosen = ("white" if looks_best_on_white(weight, brightness) else "black") if transparent else None
    inverted = fit == "garment" and shape[2] == 1 and 2 * light > len(kept)
    return ImageStack(pixels[: len(kept)], kept, ranges, extremes, chosen, inverted, unreadable)


def scaled(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """Scale pixels so that black becomes 0 and white 1, clipped.

    Args:
        values: (h, w, 1, 2, 3 or 4); an alpha channel has 255 for opaque whatever the colours' range.
        black: The value that becomes 0.
        white: The value that becomes 1.

    Returns:
        float32 in [0, 1], of the same shape.
    """
    x = values.astype(np.float32)
    channels = x.shape[-1]
    colours = channels if channels in (1, 3) else channels - 1
    x[..., :colours] = np.clip((x[..., :colours] - np.float32(black)) / np.float32(white - black), 0, 1)
    x[..., colours:] /= 255
    return x


def pixel_range(kind: str, extremes: Extremes) -> tuple[float, float]:
    """Tell what is black and white in pictures that hold these values.

    Args:
        kind: As of `RawPicture`.
        extremes: What the pixels of all pictures hold.

    Returns:
        (black, white).

    Raises:
        DataError: For values that are no picture's.

    >>> pixel_range("deep", Extremes(0, 4000))
    (0.0, 4095.0)
    """
    low, high = extremes.low, extremes.high
    if kind == "float" and low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= 0 and extremes.whole:
        return 0.0, _white(kind, high)
    if low >= 0 and MAX_LEVELS < high <= 255:
        return 0.0, 255.0
    if low < 0 and extremes.high > 0:
        for half in (0.5, 1.0):
            if -half <= low and high <= half:
                return -half, half
    if extremes.whole and low >= -128 and high <= 127:
        raise DataError(
            f"pixels must not be negative, got {low:g}..{high:g}. If -128 is black, add 128: "
            "(images.astype(int) + 128).astype(numpy.uint8)."
        )
    raise DataError(
        f"pixels must lie in 0..1, -1..1 or 0..255, got {low:g}..{high:g}. "
        "Rescale all of them alike: (images - images.min()) / (images.max() - images.min())."
    )


def _white(kind: str, high: float) -> float:
    """White of whole numbers from 0 to `high`: of the depth in bits that is half used at least; few levels are stretched."""
    if 0 < high <= MAX_LEVELS:
        return high
    if kind == "8 bits" or high <= 255:
        return 255.0
    return float(next((white for white in DEPTHS if white / 2 < high <= white), high))


def check_room(n: int, shape: tuple[int, ...]) -> None:
    """Raise `DataError` for more pixels than `limits.DATA`."""
    if n * math.prod(shape) > limits.DATA:
        raise DataError(
            f"{n:,} pictures of {' × '.join(map(str, shape))} exceed {limits.DATA >> 30} GiB. Take fewer or smaller ones."
        )


def decisions(images: ImageStack) -> tuple[dict[str, float], str | None, bool]:
    """What has to be known to treat one more picture as these were.

    Returns:
        white: The value that counts as white in pictures of a kind, where it is not the usual.
        backdrop: "white" or "black" behind what is transparent; None without any.
        inverted: Light and dark were swapped.
    """
    white = {kind: white for kind, (black, white) in images.ranges.items() if kind != "float" and black == 0}
    unusual = {kind: value for kind, value in white.items() if value != USUAL[kind][1]}
    return unusual, images.backdrop, images.inverted


def treatment_lines(images: ImageStack, fit: str) -> list[str]:
    """What was done to all pictures, a sentence each, for the user."""
    height, width, channels = images.pixels.shape[1:]
    line = f"every picture becomes {height} × {width} in {'colour' if channels == 3 else 'grey'}: "
    if fit == "resize":
        line += "resized, nothing else"
    else:
        line += "cut to the garment, resized, and "
        line += "all inverted, since most are on a light background" if images.inverted else "none inverted"
    return [line, *_range_lines(images)]


def _range_lines(result: ImageStack) -> list[str]:
    """What was decided that is not the usual, a sentence each, for the user."""
    lines = []
    for kind, (black, white) in result.ranges.items():
        extremes = result.extremes[kind]
        values = f"the pixels hold {extremes.low:g}..{extremes.high:g}"
        if (black, white) != USUAL[kind] and not (kind == "deep" and white == 255):
            lines.append(f"{values}: {black:g} is taken as black and {white:g} as white")
        elif kind == "deep":
            lines.append(f"{values}: {white:g} is taken as white")
        if extremes.high < black + DARK_SHARE * (white - black):
            lines.append(
                f"WARNING: the brightest pixel of all is {extremes.high:g}, far below white ({white:g}): the model will learn dark "
                "pictures. If it is meant to be white, rescale the pictures"
            )
    if result.backdrop:
        lines.append(f"transparent parts are {result.backdrop}, in all pictures")
    return lines
