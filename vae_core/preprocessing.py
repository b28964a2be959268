"""Any picture into what the model takes, every step kept so that it can be shown.

The order and the look follow how Fashion-MNIST itself was made (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747, 2):
trim what is within 5 % of the corners' colour, longest edge to the frame, centre, light background to black, grey.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from vae_core.config import ModelConfig

MEGAPIXELS = 50  # larger pictures are refused by their header, before anything is decoded
WORK_SIDE = 1024  # larger ones are reduced to this first: four times the largest model input
TRIM = 0.05  # how far from the background a pixel must be to belong to the garment
FILLS = 0.92  # a garment whose longest side takes this much of a frame is left where it is

# the common ones first (Pillow loads the others' readers only when needed); no EPS, which would start Ghostscript
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "ICO", "AVIF")


class PictureError(ValueError):
    """Bytes or an array that are no usable picture; the message says what came and what is expected."""


class Step(NamedTuple):
    """One step on the way. name: a word or two; note: what was done and why.

    image: uint8 (h, w) or (h, w, 3 or 4) to show, at most WORK_SIDE a side.
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
    invert: bool | None = None,
    crop: bool = True,
    contrast: bool = False,
) -> Prepared:
    """Turn a picture into model input of `image_shape`.

    picture: a file's bytes or path, an open Pillow image, or an array: (h, w), (h, w, 1), (h, w, 3) or (h, w, 4),
        uint8, uint16, bool, or float in [0, 1].
    image_shape: (height, width, channels), as `ModelConfig` takes it.
    invert: swap light and dark; None decides: yes on a light background if the model is grey (its garments are light on
        black), no if it is in colour (nobody means a colour negative).
    crop: cut to the garment so that its longest side fills the frame, and centre it.
    contrast: stretch so that the background is 0 and the brightest half per cent 1.

    Raises `PictureError` (what came, what was expected) for what is no picture, `ConfigError` for a bad image_shape.
    """
    height, width, channels = ModelConfig(image_shape=image_shape).image_shape
    steps: list[Step] = []
    opened = _from_array(picture, steps) if isinstance(picture, np.ndarray) else _opened(picture, steps)
    x = _flatten(opened, steps)

    if channels == 1:
        # ITU-R 601 luma, as Pillow's "L": a picture that is grey already keeps its values
        x = x if x.shape[2] == 1 else x @ np.array([[0.299], [0.587], [0.114]], np.float32)
        steps.append(_step("grey", "brightness only: 0.299 red + 0.587 green + 0.114 blue", x))
    else:
        x = np.repeat(x, 3, axis=2) if x.shape[2] == 1 else x
        steps.append(_step("colour", "red, green and blue, each in 0..1", x))

    light = _light_background(x)
    inverted = (light and channels == 1) if invert is None else bool(invert)
    if inverted:
        why = "as asked" if invert else "the background is light, and the model knows garments on black"
        x = 1 - x
        steps.append(_step("inverted", f"light and dark swapped: {why}", x))
    if contrast:
        x, note = _stretch(x)
        steps.append(_step("contrast", note, x))
    background = _background(x)
    if crop:
        x, note = _crop(x, background, height / width)
        steps.append(_step("cropped", note, x))

    x = _fit(x, background, height, width)
    steps.append(_step("resized", f"{height} × {width} pixels, centred: what the model sees", x))
    return Prepared(np.ascontiguousarray(x, dtype=np.float32), tuple(steps), inverted)


def open_picture(data: bytes | Path) -> Image.Image:
    """The first frame of a picture file, fully decoded; `PictureError` for anything else.

    More than MEGAPIXELS are refused by the header alone.
    """
    if isinstance(data, Path):
        try:
            data = data.read_bytes()
        except OSError as error:
            raise PictureError(
                f"{data} cannot be read ({error.strerror or error}). Check its name and permissions."
            ) from error
    if not data:
        raise PictureError("the file is empty (0 bytes), expected a picture. Save or copy it again.")
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in data[:4096].lower():
        raise PictureError("this is an SVG drawing, expected pixels. Export it as PNG.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"the picture is too large ({error}), at most {MEGAPIXELS} megapixels. Scale it down."
        ) from error
    except Exception as error:  # each reader raises its own kinds for damaged headers
        raise PictureError(
            f"these {len(data):,} bytes are no picture that can be read (they begin with {data[:8]!r}). "
            "Use PNG, JPEG, WebP, GIF, BMP or TIFF."
        ) from error
    if image.width * image.height > MEGAPIXELS * 1_000_000:
        raise PictureError(
            f"the picture has {image.width:,} × {image.height:,} pixels, at most {MEGAPIXELS} million are decoded. Scale it down."
        )
    try:
        image.load()
    except Exception as error:  # truncation is OSError, but bad PNGs raise SyntaxError, TIFFs struct.error, ...
        raise PictureError(
            f"the {image.format} picture is damaged or truncated ({error}). Save or copy it again."
        ) from error
    return image


def _opened(picture: Any, steps: list[Step]) -> np.ndarray:
    """Decoded, upright, at most WORK_SIDE a side: float32 (h, w, 1, 2, 3 or 4) in [0, 1]; the last of an even count is alpha."""
    if not isinstance(picture, (bytes, Path, Image.Image)):
        raise PictureError(
            f"a picture must be bytes, a Path, a Pillow image or an array, got {type(picture).__name__}."
        )
    image = picture if isinstance(picture, Image.Image) else open_picture(picture)
    if image.width * image.height > MEGAPIXELS * 1_000_000:  # a Pillow image handed over may be unread yet
        raise PictureError(
            f"the picture has {image.width:,} × {image.height:,} pixels, at most {MEGAPIXELS} million. Scale it down."
        )
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block says nothing about which way is up
        upright = image
    try:
        return _pixels(image, upright, steps)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(
            f"the picture (mode {image.mode}) cannot be decoded ({error}). Save it as PNG."
        ) from error


def _pixels(image: Image.Image, upright: Image.Image, steps: list[Step]) -> np.ndarray:
    first = ", first frame" if _animated(image) else ""
    note = f"{image.width} × {image.height} pixels, mode {image.mode}{first}"
    x = _array(image)
    steps.append(_step("opened", note, x))
    if upright is not image and upright.getexif().get(0x0112) != image.getexif().get(0x0112):
        x = _array(upright)
        steps.append(_step("rotated", "turned upright, as the camera noted (EXIF)", x))
    return x


def _animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a GIF is searched for its second frame, which may be damaged while the first is whole
        return True


def _array(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel, grey
        x = np.asarray(image).astype(np.float32)
        if not np.isfinite(x).all() or x.min() < 0:
            raise PictureError(
                f"the picture (mode {image.mode}) has NaN, infinite or negative pixels. Scale it to 0..255."
            )
        top = float(x.max())
        full = 65535 if image.mode.startswith("I") else 1
        x /= full if top <= full else next((known for known in (255, 65535) if top <= known), top)
        return _reduce(Image.fromarray(x), "F")
    if image.mode in ("1", "L"):
        mode = "LA" if "transparency" in image.info else "L"
    elif image.mode in ("LA", "La"):
        mode = "LA"
    else:
        alpha = image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info
        mode = "RGBA" if alpha else "RGB"
    if mode == "LA" and image.mode != "LA":
        image = image.convert("RGBA")  # Pillow applies a transparent grey value only on the way to RGBA
    return _reduce(image, mode) / np.float32(255)


def _reduce(image: Image.Image, mode: str) -> np.ndarray:
    """float32 (h, w, c) of an image converted to `mode`, reduced by whole factors to at most WORK_SIDE a side."""
    image = image if image.mode == mode else image.convert(mode)
    factor = -(-max(image.size) // WORK_SIDE)
    x = np.asarray(image.reduce(factor) if factor > 1 else image, dtype=np.float32)
    return x if x.ndim == 3 else x[..., np.newaxis]


def _from_array(array: np.ndarray, steps: list[Step]) -> np.ndarray:
    """As `_opened`, for an array."""
    x = _unit_range(array)
    factor = -(-max(x.shape[:2]) // WORK_SIDE)
    if factor > 1:
        x = _planes(x, lambda plane: plane.reduce(factor))
    steps.append(_step("opened", f"{array.shape[1]} × {array.shape[0]} pixels, {array.dtype}", x))
    return x


def _unit_range(array: np.ndarray) -> np.ndarray:
    """float32 (h, w, 1, 3 or 4) in [0, 1], checked."""
    x = array[..., np.newaxis] if array.ndim == 2 else array
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4) or 0 in x.shape:
        raise PictureError(
            f"a picture array must be (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), got shape {array.shape}."
        )
    if x.shape[0] * x.shape[1] > MEGAPIXELS * 1_000_000:
        raise PictureError(
            f"the array has {x.shape[0]:,} × {x.shape[1]:,} pixels, at most {MEGAPIXELS} million. Scale it down."
        )
    if x.dtype in (np.uint8, np.uint16, np.bool_):
        top = {1: 255 if x.dtype == np.uint8 else 1, 2: 65535}[x.dtype.itemsize]
        return x.astype(np.float32) / np.float32(top)
    if x.dtype.kind != "f":
        raise PictureError(
            f"a picture array must be uint8, uint16, bool or float in [0, 1], got {array.dtype}."
        )
    low, high = float(x.min()), float(x.max())  # NaN if there is one
    if not (low >= 0 and high <= 1):
        raise PictureError(
            f"a float picture must lie in [0, 1] without NaN, got {low:g}..{high:g}. Divide by 255?"
        )
    return x.astype(np.float32)


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
    return (
        x[top:bottom, left:right],
        f"to the garment: {right - left} × {bottom - top} of {width} × {height} pixels",
    )


def _fit(x: np.ndarray, background: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scaled until one side fills the frame, the other side made up with background, half on each end."""
    if x.shape[:2] == (height, width):
        return x
    scale = min(height / x.shape[0], width / x.shape[1])
    tall, wide = max(1, round(scale * x.shape[0])), max(1, round(scale * x.shape[1]))
    canvas = np.broadcast_to(background, (height, width, x.shape[2])).astype(np.float32)
    top, left = (height - tall) // 2, (width - wide) // 2
    canvas[top : top + tall, left : left + wide] = _planes(
        x, lambda plane: plane.resize((wide, tall), Image.Resampling.LANCZOS)
    )
    return np.clip(canvas, 0, 1)


def _planes(x: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """`change` applied to each channel as a float image."""
    planes = [Image.fromarray(np.ascontiguousarray(x[..., i], np.float32)) for i in range(x.shape[2])]
    return np.stack([np.asarray(change(plane)) for plane in planes], axis=-1)


def _step(name: str, note: str, x: np.ndarray) -> Step:
    """Keep (h, w, c) in [0, 1] as bytes to show; grey with alpha is shown as colour with alpha."""
    shown = np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
    if shown.shape[2] == 2:
        shown = shown[..., [0, 0, 0, 1]]
    return Step(name, note, shown[..., 0] if shown.shape[2] == 1 else shown)
