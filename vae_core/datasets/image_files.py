"""Picture files of strangers into arrays: any mode, upright, the first frame, never larger than memory allows."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

MEGAPIXELS = 50  # larger pictures are refused by their header, before anything is decoded
WORK_SIDE = 1024  # larger ones are reduced to this first: four times the largest model input

# the common ones first (Pillow loads the others' readers only when needed); no EPS, which would start Ghostscript
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "ICO", "AVIF")


class PictureError(ValueError):
    """Bytes or an array that are no usable picture; the message says what came and what is expected."""


class Stage(NamedTuple):
    """pixels: float32 (h, w, 1, 2, 3 or 4) in [0, 1], at most WORK_SIDE a side; with 2 or 4 channels the last is alpha."""

    name: str
    note: str
    pixels: np.ndarray


def open_picture(data: bytes | Path) -> Image.Image:
    """The first frame of a picture file, fully decoded; `PictureError` for anything else.

    More than MEGAPIXELS are refused by the header alone.
    """
    if isinstance(data, Path):
        path = data
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PictureError(
                f"{path} cannot be read ({error.strerror or error}). Check its name and permissions."
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
            f"these {len(data):,} bytes are no picture that can be read (they begin with {repr(data[:8])[1:]}). "
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


def stages(picture: bytes | Path | Image.Image | np.ndarray) -> list[Stage]:
    """What a picture is (stage "opened") and, if its EXIF says so, what it is when turned upright ("rotated").

    Raises `PictureError` for what is no picture, or an array of another shape, type or range.
    """
    if isinstance(picture, np.ndarray):
        return [_from_array(picture)]
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
        return _from_image(image, upright)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"the picture (mode {image.mode}) cannot be decoded ({error}). Save it as PNG.") from error


def _from_image(image: Image.Image, upright: Image.Image) -> list[Stage]:
    first = ", first frame" if _animated(image) else ""
    note = f"{image.width} × {image.height} pixels, mode {image.mode}{first}"
    found = [Stage("opened", note, _array(image))]
    if upright is not image and upright.getexif().get(0x0112) != image.getexif().get(0x0112):
        found.append(Stage("rotated", "turned upright, as the camera noted (EXIF)", _array(upright)))
    return found


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


def _from_array(array: np.ndarray) -> Stage:
    x = _unit_range(array)
    factor = -(-max(x.shape[:2]) // WORK_SIDE)
    if factor > 1:
        x = planes(x, lambda plane: plane.reduce(factor))
    return Stage("opened", f"{array.shape[1]} × {array.shape[0]} pixels, {array.dtype}", x)


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
        raise PictureError(f"a picture array must be uint8, uint16, bool or float in [0, 1], got {array.dtype}.")
    low, high = float(x.min()), float(x.max())  # NaN if there is one
    if not (low >= 0 and high <= 1):
        raise PictureError(f"a float picture must lie in [0, 1] without NaN, got {low:g}..{high:g}. Divide by 255?")
    return x.astype(np.float32)


def planes(x: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """`change` applied to each channel as a float image."""
    planes = [Image.fromarray(np.ascontiguousarray(x[..., i], np.float32)) for i in range(x.shape[2])]
    return np.stack([np.asarray(change(plane)) for plane in planes], axis=-1)
