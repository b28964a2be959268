"""Picture files of strangers into arrays: any mode, upright, the first frame, never larger than memory allows.

>>> import io
>>> data = io.BytesIO()
>>> Image.new("L", (28, 30), 255).save(data, "PNG")
>>> raw = read_raw(data.getvalue())
>>> raw.kind, raw.values.shape, float(raw.values.max())
('8 bits', (30, 28, 1), 255.0)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae_core.datasets.image_headers import (
    MEGAPIXELS,
    PictureError,
    TooLarge,
    check_pixels,
    picture_header,
    pillow_warnings_off,
)
from vae_core.storage import limits

WORK_SIDE = 1024  # larger pictures are reduced to this first: four times the largest model input
# by the EXIF tag Orientation
TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Stage(NamedTuple):
    """A picture on its way from the file to the model.

    Attributes:
        name: "opened" or "rotated".
        note: What was done, for the user.
        pixels: float32 (h, w, 1, 2, 3 or 4) in [0, 1], at most WORK_SIDE a side; with 2 or 4 channels the last is alpha.
    """

    name: str
    note: str
    pixels: np.ndarray


class RawPicture(NamedTuple):
    """The pixels of a picture before anything is made of their range.

    Attributes:
        values: float32 (h, w, 1, 2, 3 or 4), at most WORK_SIDE a side; with 2 or 4 channels the last is alpha.
        kind: "8 bits" (0..255), "deep" (more bits, grey) or "float" (grey).
    """

    values: np.ndarray
    kind: str


def open_picture(data: bytes | Path) -> Image.Image:
    """Decode the first frame of a picture file.

    Args:
        data: The file's bytes, or its path.

    Raises:
        PictureError: As `picture_header`, and for a picture that is damaged or truncated.
    """
    image = picture_header(data)
    try:
        with pillow_warnings_off():
            image.load()
    # truncation is OSError, but bad PNGs raise SyntaxError, TIFFs struct.error, ...
    except Exception as error:
        raise PictureError(
            f"the {image.format} picture is damaged or truncated ({error}). Save or copy it again."
        ) from error
    # a GIF's frame may be larger than its header says
    check_pixels(image.size)
    return image


def stages(picture: bytes | Path | Image.Image | np.ndarray, white: Mapping[str, float] | None = None) -> list[Stage]:
    """Open a picture and turn it upright, keeping both to be shown.

    Args:
        picture: A file's bytes or path, an open Pillow image, or an array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4).
        white: The value that counts as white in files of a kind (`RawPicture.kind`), unless a picture is brighter.

    Returns:
        The stage "opened" and, if the file's EXIF block says that the camera was turned, "rotated".

    Raises:
        PictureError: For what is no picture, or an array of another shape, type or range.
    """
    if isinstance(picture, np.ndarray):
        return [_from_array(picture)]
    if not isinstance(picture, (bytes, Path, Image.Image)):
        raise PictureError(
            f"a picture must be bytes, a Path, a Pillow image or an array, got {type(picture).__name__}."
        )
    image = picture if isinstance(picture, Image.Image) else open_picture(picture)
    # a Pillow image handed over may be unread yet
    check_pixels(image.size)
    try:
        with pillow_warnings_off():
            return _from_image(image, white or {})
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"the picture (mode {image.mode}) cannot be decoded ({error}). Save it as PNG.") from error


def read_raw(data: bytes | Path) -> RawPicture:
    """The pixels of a picture file, upright; raises as `open_picture`."""
    image = open_picture(data)
    transpose = _upright_transpose(image)
    try:
        with pillow_warnings_off():
            return _raw(image if transpose is None else image.transpose(transpose))
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError(f"the picture (mode {image.mode}) cannot be decoded ({error}). Save it as PNG.") from error


def _from_image(image: Image.Image, white: Mapping[str, float]) -> list[Stage]:
    first = ", first frame" if _animated(image) else ""
    note = f"{image.width} × {image.height} pixels, mode {image.mode}{first}"
    steps = [Stage("opened", note, _unit(_raw(image), image.mode, white))]
    transpose = _upright_transpose(image)
    if transpose is not None:
        upright = _unit(_raw(image.transpose(transpose)), image.mode, white)
        steps.append(Stage("rotated", "turned upright, as the camera noted (EXIF)", upright))
    return steps


def _upright_transpose(image: Image.Image) -> Image.Transpose | None:
    """What turns the picture upright, by how the camera was held; a damaged EXIF block says nothing about it."""
    try:
        with pillow_warnings_off():
            return TRANSPOSES.get(image.getexif().get(0x0112, 1))
    except Exception:
        return None


def _animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a GIF is searched for its second frame, which may be damaged while the first is whole
        return True


def _unit(picture: RawPicture, mode: str, white: Mapping[str, float]) -> np.ndarray:
    """float32 in [0, 1] of one picture by itself: what counts as white is told by its depth and its brightest pixel."""
    x = picture.values
    # without alpha
    colours = x[..., : x.shape[2] - (x.shape[2] + 1) % 2]
    set_white = white.get(picture.kind)
    if set_white and float(colours.min()) >= 0 and float(colours.max()) <= set_white:
        scales = np.full(x.shape[2], set_white, np.float32)
        scales[colours.shape[2] :] = 255
        return x / scales
    if picture.kind == "8 bits":
        return x / np.float32(255)
    if not np.isfinite(x).all() or x.min() < 0:
        raise PictureError(f"the picture (mode {mode}) has NaN, infinite or negative pixels. Scale it to 0..255.")
    top = float(x.max())
    full = 65535 if picture.kind == "deep" else 1
    return x / np.float32(full if top <= full else next((usual for usual in (255, 65535) if top <= usual), top))


def _raw(image: Image.Image) -> RawPicture:
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel, grey
        x = np.asarray(image).astype(np.float32)
        return RawPicture(_reduce(Image.fromarray(x), "F"), "deep" if image.mode.startswith("I") else "float")
    if image.mode in ("1", "L"):
        mode = "LA" if "transparency" in image.info else "L"
    elif image.mode in ("LA", "La"):
        mode = "LA"
    else:
        alpha = image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info
        mode = "RGBA" if alpha else "RGB"
    if mode == "LA" and image.mode != "LA":
        image = image.convert("RGBA")  # Pillow applies a transparent grey value only on the way to RGBA
    return RawPicture(_reduce(image, mode), "8 bits")


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
    if x.shape[0] * x.shape[1] > limits.PICTURE_PIXELS:
        raise TooLarge(
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
    """Change each channel as an image of its own.

    Args:
        x: float32 (h, w, c).
        change: From one channel, a Pillow image of mode "F", to another of any size.

    Returns:
        float32 (new h, new w, c).
    """
    channels = [Image.fromarray(np.ascontiguousarray(x[..., i], np.float32)) for i in range(x.shape[2])]
    return np.stack([np.asarray(change(channel)) for channel in channels], axis=-1)
