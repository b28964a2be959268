"""Any picture into what the model takes, every step kept so that it can be shown.

The order and the look follow how Fashion-MNIST itself was made (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747, 2):
trim what is within 5 % of the corners' colour, longest edge to the frame, centre, light background to black, grey.

>>> photo = np.full((60, 40, 3), 255, np.uint8)
>>> photo[10:50, 10:30] = 40
>>> prepared = prepare(photo, (28, 28, 1), fit="garment")
>>> prepared.image.shape, prepared.inverted, [step.name for step in prepared.steps]
((28, 28, 1), True, ['opened', 'grey', 'inverted', 'cropped', 'resized'])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vae_core.config import ModelConfig
from vae_core.datasets.image_files import open_picture, planes, stages
from vae_core.datasets.image_headers import PictureError

__all__ = ["FITS", "PictureError", "Prepared", "Step", "open_picture", "prepare", "treatment"]

FITS = ("resize", "garment")  # what is done to pictures so that a model can take them
Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the sides
TRIM = 0.05  # how far from the background a pixel must be to belong to the garment
FILLS = 0.85  # a garment whose longest side takes this much of a frame is left where it is


class Step(NamedTuple):
    """One step on the way from a picture to the model's input.

    Attributes:
        name: A word or two.
        note: What was done and why.
        image: uint8 (h, w) or (h, w, 3 or 4) to show, at most 1,024 a side.
    """

    name: str
    note: str
    image: np.ndarray


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as the model takes it.

    Attributes:
        image: float32 (h, w, c) in [0, 1], the model's input.
        steps: How it came about, in order.
        inverted: Whether light and dark were swapped.
        unevenness: How far one of the corners is from the background's colour, in [0, 1] (`unevenness`).
    """

    image: np.ndarray
    steps: tuple[Step, ...]
    inverted: bool
    unevenness: float = 0.0

    @property
    def uneven(self) -> bool:
        """Whether a corner counts as part of the garment when the picture is cropped, since the background is uneven."""
        return self.unevenness > TRIM


def prepare(
    picture: bytes | Path | Image.Image | np.ndarray,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    fit: str = "garment",
    invert: bool | None = None,
    crop: bool | None = None,
    contrast: bool = False,
    box: Box | None = None,
    white: Mapping[str, float] | None = None,
    backdrop: str | None = None,
) -> Prepared:
    """Turn a picture into model input.

    Args:
        picture: A file's bytes or path, an open Pillow image, or an array: (h, w), (h, w, 1), (h, w, 3) or (h, w, 4),
            uint8, uint16, bool, or float in [0, 1].
        image_shape: (height, width, channels), as `ModelConfig` takes it.
        fit: What was done to the pictures that the model was trained on (`treatment`): "resize" (nothing else) or
            "garment" (as Fashion-MNIST was made). It is what invert and crop mean where they are None.
        invert: Swap light and dark; None decides. "resize": no. "garment": yes on a light background if the model is
            grey (its garments are light on black), no if it is in colour (nobody means a colour negative).
        crop: Cut to the garment so that its longest side fills the frame, and centre it; None: for "garment" only.
        contrast: Stretch so that the background is 0 and the brightest half per cent 1.
        box: The part of the picture to keep, as (left, top, right, bottom) in shares of the sides, before anything else
            is judged; None keeps all of it.
        white: The value that counts as white in files of a kind (`image_files.RawPicture`), where the training data had
            another than usual; a picture that is brighter is read as usual.
        backdrop: "white" or "black" behind what is transparent; None decides by the picture.

    Raises:
        PictureError: For what is no picture.
        ConfigError: For a bad image_shape.
        ValueError: For an unknown fit.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}.")
    garment = fit == "garment"
    height, width, channels = ModelConfig(image_shape=image_shape).image_shape
    opened = stages(picture, white)
    steps = [_step(*stage) for stage in opened]
    x = opened[-1].pixels
    if is_transparent(x):
        backdrop = backdrop or ("white" if looks_best_on_white(*opaque_brightness(x)) else "black")
        x = flatten(x, backdrop)
        steps.append(_step("flattened", f"transparent parts on {backdrop}", x))
    if box is not None:
        x, note = _cut(x, box)
        steps.append(_step("cut", note, x))
    x = with_channels(flatten(x, "white"), channels)
    note = (
        "brightness only: 0.299 red + 0.587 green + 0.114 blue"
        if channels == 1
        else "red, green and blue, each in 0..1"
    )
    steps.append(_step("grey" if channels == 1 else "colour", note, x))

    light, uneven = light_background(x), unevenness(x)
    inverted = (garment and light and channels == 1) if invert is None else bool(invert)
    if inverted:
        reason = "as asked" if invert else "the background is light, and the model knows its pictures on black"
        x = 1 - x
        steps.append(_step("inverted", f"light and dark swapped: {reason}", x))
    background = _background(x)
    if garment if crop is None else crop:
        x, note = _crop(x, background, height / width)
        steps.append(_step("cropped", note, x))
    if contrast:  # after the crop, which would take stretched noise for garment
        x, background, note = _stretch(x, background)
        steps.append(_step("contrast", note, x))

    x = _fit(x, background, height, width)
    steps.append(_step("resized", f"{height} × {width} pixels, centred: what the model sees", x))
    return Prepared(np.ascontiguousarray(x, dtype=np.float32), tuple(steps), inverted, uneven)


def treatment(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments with which `prepare` treats a picture as a model's training data were treated.

    Args:
        dataset: What the model's config.json holds of its data (`Dataset.describe`). One from before `fit` was kept
            counts as "garment", except from an .npz, whose pictures were taken as they are.

    >>> treatment({"fit": "resize", "white": {"8 bits": 15}})
    {'fit': 'resize', 'white': {'8 bits': 15.0}}
    """
    fit = dataset.get("fit")
    if fit not in FITS:
        fit = "resize" if "from a .npz" in str(dataset.get("source", "")) else "garment"
    arguments: dict[str, Any] = {"fit": fit}
    white = dataset.get("white")
    if isinstance(white, Mapping) and white:
        values = {
            str(kind): float(value) for kind, value in white.items() if type(value) in (int, float) and 0 < value < 1e12
        }
        arguments["white"] = values
    if dataset.get("backdrop") in ("white", "black"):
        arguments["backdrop"] = dataset["backdrop"]
    return arguments


def treat(x: np.ndarray, image_shape: tuple[int, int, int], fit: str, backdrop: str) -> tuple[np.ndarray, bool]:
    """Treat one picture of a training set as `prepare` does, without steps to show; never inverted.

    Args:
        x: float32 (h, w, 1, 2, 3 or 4) in [0, 1], upright.
        image_shape: (height, width, channels).
        fit: As of `prepare`.
        backdrop: "white" or "black" behind what is transparent.

    Returns:
        float32 of image_shape in [0, 1], and whether the background is light.
    """
    height, width, channels = image_shape
    x = with_channels(flatten(x, backdrop), channels)
    light, background = light_background(x), _background(x)
    if fit == "garment":
        x, _ = _crop(x, background, height / width)
    return _fit(x, background, height, width), light


def is_transparent(x: np.ndarray) -> bool:
    """Whether the last of 2 or 4 channels lets something through."""
    return x.shape[2] in (2, 4) and float(x[..., -1].min()) < 1


def opaque_brightness(x: np.ndarray) -> tuple[float, float]:
    """Weight and brightness of what is opaque in a picture with an alpha channel.

    Returns:
        The sum of alpha and the sum of alpha × value, over all pixels and colour channels.
    """
    colour, alpha = x[..., :-1], x[..., -1:]
    return float(alpha.sum()) * colour.shape[2], float((colour * alpha).sum())


def looks_best_on_white(weight: float, brightness: float) -> bool:
    """Whether transparent parts become white, as products are photographed: unless what is opaque is itself nearly white.

    Args:
        weight: Of what is opaque, see `opaque_brightness`.
        brightness: Likewise.
    """
    return weight == 0 or brightness / weight < 0.8


def flatten(x: np.ndarray, backdrop: str) -> np.ndarray:
    """The colours (h, w, 1 or 3), with "white" or "black" behind what is transparent."""
    if x.shape[2] in (1, 3):
        return x
    if not is_transparent(x):
        return x[..., :-1]
    colour, alpha = x[..., :-1], x[..., -1:]
    return colour * alpha + (1 - alpha) * np.float32(backdrop == "white")


def with_channels(x: np.ndarray, channels: int) -> np.ndarray:
    """Convert to 1 channel, by ITU-R 601 luma as Pillow's "L", or to 3; what is so already keeps its values."""
    if channels == 1:
        return x if x.shape[2] == 1 else x @ np.array([[0.299], [0.587], [0.114]], np.float32)
    return np.repeat(x, 3, axis=2) if x.shape[2] == 1 else x


def _corners(x: np.ndarray) -> np.ndarray:
    """The pixels of the four corners: (4, k, c), a patch of a 28th of the frame each."""
    side = max(1, min(x.shape[:2]) // 28)
    patches = (x[:side, :side], x[:side, -side:], x[-side:, :side], x[-side:, -side:])
    return np.stack([patch.reshape(-1, x.shape[2]) for patch in patches])


def light_background(x: np.ndarray) -> bool:
    """Whether a picture is on a light background: most of the border is light, and so are two corners at least.

    Both, since a light bag can fill the border of a black picture: no image of Fashion-MNIST's train split is taken
    for one on a light background.
    """
    border = np.concatenate([x[0], x[-1], x[:, 0], x[:, -1]]).mean(1)
    corners = _corners(x).mean(axis=(1, 2)) > 0.5
    return bool(np.median(border) > 0.5 and corners.sum() >= 2)


def _background(x: np.ndarray) -> np.ndarray:
    """The colour of the corners: (c,)."""
    return np.median(_corners(x).reshape(-1, x.shape[2]), axis=0)


def unevenness(x: np.ndarray) -> float:
    """How uneven the background of a picture is: the largest distance of a corner's median colour from the background's.

    Above `TRIM` the crop takes that corner for garment. Of the 55,000 images of Fashion-MNIST's train split, all of them on
    black, 0.2 % are above it: a garment fills a corner (tests/test_preprocessing.py).

    Args:
        x: float32 (h, w, c) in [0, 1].

    Returns:
        In [0, 1].
    """
    return float(np.abs(np.median(_corners(x), axis=1) - _background(x)).max())


def _cut(x: np.ndarray, box: Box) -> tuple[np.ndarray, str]:
    """The part in the box, at least a pixel a side; edges outside the picture are moved to its border."""
    height, width = x.shape[:2]
    left, top, right, bottom = (min(1.0, max(0.0, float(share))) for share in box)
    columns = min(width - 1, int(left * width)), max(int(left * width) + 1, round(right * width))
    rows = min(height - 1, int(top * height)), max(int(top * height) + 1, round(bottom * height))
    x = x[rows[0] : rows[1], columns[0] : columns[1]]
    return x, f"by hand to {x.shape[1]} × {x.shape[0]} of {width} × {height} pixels"


def _stretch(x: np.ndarray, background: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Picture and background stretched alike."""
    low, high = float(background.mean()), float(np.percentile(x, 99.5))
    if high - low < TRIM:
        return x, background, "left as it is: nothing stands out from the background"
    stretched, behind = (np.clip((values - low) / (high - low), 0, 1) for values in (x, background))
    return stretched, behind, f"{low:.2f}..{high:.2f} stretched to 0..1"


def _crop(x: np.ndarray, background: np.ndarray, aspect: float) -> tuple[np.ndarray, str]:
    height, width = x.shape[:2]
    garment = np.abs(x - background).max(axis=2) > TRIM
    # half a per cent of a row or column may be dust; in a 28-pixel picture every pixel counts
    rows = np.flatnonzero(garment.sum(1) > 0.005 * width)
    columns = np.flatnonzero(garment.sum(0) > 0.005 * height)
    if not len(rows) or not len(columns):
        return x, "left as it is: nothing stands out from the background"
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    fits = abs(height / width - aspect) < 0.01 * aspect
    if fits and max((bottom - top) / height, (right - left) / width) >= FILLS:
        return x, "left as it is: what stands out fills the frame"
    return (
        x[top:bottom, left:right],
        f"to what stands out: {right - left} × {bottom - top} of {width} × {height} pixels",
    )


def _fit(x: np.ndarray, background: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scaled until one side fills the frame, the other side made up with background, half on each end."""
    if x.shape[:2] == (height, width):
        return x
    scale = min(height / x.shape[0], width / x.shape[1])
    tall, wide = max(1, round(scale * x.shape[0])), max(1, round(scale * x.shape[1]))
    canvas = np.broadcast_to(background, (height, width, x.shape[2])).astype(np.float32)
    top, left = (height - tall) // 2, (width - wide) // 2
    canvas[top : top + tall, left : left + wide] = planes(
        x, lambda plane: plane.resize((wide, tall), Image.Resampling.LANCZOS)
    )
    return np.clip(canvas, 0, 1)


def _step(name: str, note: str, x: np.ndarray) -> Step:
    """Keep (h, w, c) in [0, 1] as bytes to show; grey with alpha is shown as colour with alpha."""
    pixels = np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)  # (h, w, 1 to 4)
    if pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    return Step(name, note, pixels[..., 0] if pixels.shape[2] == 1 else pixels)
