"""Any picture into what the model takes, every step kept so that it can be shown.

The order and the look follow how Fashion-MNIST itself was made (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747, 2):
trim what is within 5 % of the corners' colour, longest edge to the frame, centre, light background to black, grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vae_core.config import ModelConfig
from vae_core.datasets.image_files import PictureError, open_picture, planes, stages

__all__ = ["FITS", "PictureError", "Prepared", "Step", "open_picture", "prepare", "treatment"]

FITS = ("resize", "garment")  # what is done to pictures so that a model can take them
TRIM = 0.05  # how far from the background a pixel must be to belong to the garment
FILLS = 0.85  # a garment whose longest side takes this much of a frame is left where it is


class Step(NamedTuple):
    """One step on the way. name: a word or two; note: what was done and why.

    image: uint8 (h, w) or (h, w, 3 or 4) to show, at most 1,024 a side.
    """

    name: str
    note: str
    image: np.ndarray


@dataclass(frozen=True, eq=False)
class Prepared:
    """image: float32 (h, w, c) in [0, 1], the model's input. inverted: whether light and dark were swapped."""

    image: np.ndarray
    steps: tuple[Step, ...]
    inverted: bool


def prepare(
    picture: bytes | Path | Image.Image | np.ndarray,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    fit: str = "garment",
    invert: bool | None = None,
    crop: bool | None = None,
    contrast: bool = False,
) -> Prepared:
    """Turn a picture into model input of `image_shape`.

    picture: a file's bytes or path, an open Pillow image, or an array: (h, w), (h, w, 1), (h, w, 3) or (h, w, 4),
        uint8, uint16, bool, or float in [0, 1].
    image_shape: (height, width, channels), as `ModelConfig` takes it.
    fit: what was done to the pictures that the model was trained on (`treatment`): "resize" (nothing else) or "garment"
        (as Fashion-MNIST was made). It is what invert and crop mean where they are None.
    invert: swap light and dark; None decides. "resize": no. "garment": yes on a light background if the model is grey
        (its garments are light on black), no if it is in colour (nobody means a colour negative).
    crop: cut to the garment so that its longest side fills the frame, and centre it; None: for "garment" only.
    contrast: stretch so that the background is 0 and the brightest half per cent 1.

    Raises `PictureError` (what came, what was expected) for what is no picture, `ConfigError` for a bad image_shape.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}.")
    garment = fit == "garment"
    height, width, channels = ModelConfig(image_shape=image_shape).image_shape
    found = stages(picture)
    steps = [_step(*stage) for stage in found]
    x = _flatten(found[-1].pixels, steps)

    if channels == 1:
        # ITU-R 601 luma, as Pillow's "L": a picture that is grey already keeps its values
        x = x if x.shape[2] == 1 else x @ np.array([[0.299], [0.587], [0.114]], np.float32)
        steps.append(_step("grey", "brightness only: 0.299 red + 0.587 green + 0.114 blue", x))
    else:
        x = np.repeat(x, 3, axis=2) if x.shape[2] == 1 else x
        steps.append(_step("colour", "red, green and blue, each in 0..1", x))

    light = _light_background(x)
    inverted = (garment and light and channels == 1) if invert is None else bool(invert)
    if inverted:
        why = "as asked" if invert else "the background is light, and the model knows garments on black"
        x = 1 - x
        steps.append(_step("inverted", f"light and dark swapped: {why}", x))
    if contrast:
        x, note = _stretch(x)
        steps.append(_step("contrast", note, x))
    background = _background(x)
    if garment if crop is None else crop:
        x, note = _crop(x, background, height / width)
        steps.append(_step("cropped", note, x))

    x = _fit(x, background, height, width)
    steps.append(_step("resized", f"{height} × {width} pixels, centred: what the model sees", x))
    return Prepared(np.ascontiguousarray(x, dtype=np.float32), tuple(steps), inverted)


def treatment(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments with which `prepare` treats a picture as a model's training data were treated.

    dataset: what the model's config.json notes of its data (`Dataset.describe`). One from before `fit` was noted counts
    as "garment", except from an .npz, whose pictures were taken as they are.
    """
    fit = dataset.get("fit")
    if fit not in FITS:
        fit = "resize" if "from a .npz" in str(dataset.get("source", "")) else "garment"
    return {"fit": fit}


def _flatten(x: np.ndarray, steps: list[Step]) -> np.ndarray:
    """Alpha gone: on white, as products are photographed, or on black if what is opaque is itself nearly white."""
    if x.shape[2] in (1, 3):
        return x
    colour, alpha = x[..., :-1], x[..., -1:]
    if alpha.min() < 1:
        weight = float(alpha.sum()) * colour.shape[2]
        white = weight == 0 or float((colour * alpha).sum()) / weight < 0.8
        colour = colour * alpha + (1 - alpha) * np.float32(white)
        steps.append(_step("flattened", f"transparent parts on {'white' if white else 'black'}", colour))
    return colour


def _corners(x: np.ndarray) -> np.ndarray:
    """The pixels of the four corners: (4, k, c), a patch of a 28th of the frame each."""
    side = max(1, min(x.shape[:2]) // 28)
    patches = (x[:side, :side], x[:side, -side:], x[-side:, :side], x[-side:, -side:])
    return np.stack([patch.reshape(-1, x.shape[2]) for patch in patches])


def _light_background(x: np.ndarray) -> bool:
    """Most of the border is light, and so are two corners at least.

    Both, since a light bag can fill the border of a black picture: no image of Fashion-MNIST's train split is taken
    for one on a light background.
    """
    border = np.concatenate([x[0], x[-1], x[:, 0], x[:, -1]]).mean(1)
    corners = _corners(x).mean(axis=(1, 2)) > 0.5
    return bool(np.median(border) > 0.5 and corners.sum() >= 2)


def _background(x: np.ndarray) -> np.ndarray:
    """The colour of the corners: (c,)."""
    return np.median(_corners(x).reshape(-1, x.shape[2]), axis=0)


def _stretch(x: np.ndarray) -> tuple[np.ndarray, str]:
    low, high = float(_background(x).mean()), float(np.percentile(x, 99.5))
    if high - low < TRIM:
        return x, "left as it is: nothing stands out from the background"
    return np.clip((x - low) / (high - low), 0, 1), f"{low:.2f}..{high:.2f} stretched to 0..1"


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
        return x, "left as it is: the garment fills the frame"
    return (x[top:bottom, left:right], f"to the garment: {right - left} × {bottom - top} of {width} × {height} pixels")


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
    shown = np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
    if shown.shape[2] == 2:
        shown = shown[..., [0, 0, 0, 1]]
    return Step(name, note, shown[..., 0] if shown.shape[2] == 1 else shown)
