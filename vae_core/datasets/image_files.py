"""Picture files of strangers into arrays: any mode, upright, the first frame, never larger than memory allows."""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae_core.storage import limits
from vae_core.storage.records import FileProblem, read_bytes

MEGAPIXELS = limits.PICTURE_PIXELS // 1_000_000  # larger pictures are refused by their header, before decoding
WORK_SIDE = 1024  # larger ones are reduced to this first: four times the largest model input

# the common ones first (Pillow loads the others' readers only when needed); no EPS, which would start Ghostscript
FORMATS = (
    "PNG",
    "JPEG",
    "GIF",
    "BMP",
    "PPM",
    "WEBP",
    "TIFF",
    "ICO",
    "CUR",
    "AVIF",
    "JPEG2000",
    "PCX",
    "QOI",
    "SGI",
    "DIB",
)
READABLE = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PNM, TGA, ICO, PCX or QOI"
SUFFIXES = [
    "png",
    "apng",
    "jpg",
    "jpeg",
    "jpe",
    "jfif",
    "jif",
    "gif",
    "bmp",
    "dib",
    "webp",
    "tif",
    "tiff",
    "ppm",
    "pgm",
    "pbm",
    "pnm",
    "pfm",
    "ico",
    "cur",
    "avif",
    "avifs",
    "jp2",
    "j2k",
    "jpx",
    "j2c",
    "jpc",
    "jpf",
    "pcx",
    "qoi",
    "sgi",
    "rgb",
    "rgba",
    "bw",
    "tga",
    "icb",
    "vda",
    "vst",
    "heic",
    "heif",
    "hif",
    "svg",
]
PNG = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"acTL", b"fcTL", b"fdAT")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
TURNS = {  # by the EXIF tag Orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUIET = threading.RLock()


class PictureError(ValueError):
    """Bytes or an array that are no usable picture; the message says what came and what is expected."""


class NoPicture(PictureError):
    """Bytes of another kind of file."""


class TooLarge(PictureError):
    """A picture of more than MEGAPIXELS, or a file of more than `limits.PICTURE_FILE` bytes."""


class Stage(NamedTuple):
    """pixels: float32 (h, w, 1, 2, 3 or 4) in [0, 1], at most WORK_SIDE a side; with 2 or 4 channels the last is alpha."""

    name: str
    note: str
    pixels: np.ndarray


class Raw(NamedTuple):
    """The pixels of a picture before anything is made of their range.

    values: float32 (h, w, 1, 2, 3 or 4), at most WORK_SIDE a side; with 2 or 4 channels the last is alpha.
    kind: "8 bits" (0..255), "deep" (more bits, grey) or "float" (grey).
    """

    values: np.ndarray
    kind: str


def open_picture(data: bytes | Path) -> Image.Image:
    """The first frame of a picture file, fully decoded; `PictureError` for anything else.

    What it is is told by its bytes, not by its name. More than MEGAPIXELS are refused by the header alone.
    """
    image = picture_header(data)
    try:
        with _quiet():
            image.load()
    except Exception as error:  # truncation is OSError, but bad PNGs raise SyntaxError, TIFFs struct.error, ...
        raise PictureError(
            f"the {image.format} picture is damaged or truncated ({error}). Save or copy it again."
        ) from error
    _check_pixels(image.size)  # a GIF's frame may be larger than its header says
    return image


def picture_header(data: bytes | Path) -> Image.Image:
    """A picture file whose header was read: format, size and mode; nothing is decoded. Raises as `open_picture`."""
    data = _content(data)
    if not data:
        raise PictureError("the file is empty (0 bytes), expected a picture. Save or copy it again.")
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in data[:4096].lower():
        raise NoPicture("this is an SVG drawing, expected pixels. Export it as PNG.")
    formats = _formats(data)
    for size in _sizes(data):
        _check_pixels(size)
    if data.startswith(PNG):
        data = _pixels_alone(data)
    try:
        with _quiet():
            image = Image.open(io.BytesIO(data), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge(
            f"the picture is too large ({error}), at most {MEGAPIXELS} megapixels. Scale it down."
        ) from error
    except Exception as error:  # each reader raises its own kinds for damaged headers
        raise NoPicture(
            f"these {len(data):,} bytes are no picture that can be read (they begin with {repr(data[:8])[1:]}). "
            f"Use {READABLE}."
        ) from error
    _check_pixels(image.size)
    return image


def named_like_a_picture(name: str) -> bool:
    """Whether a file's name promises a picture, by its suffix."""
    return name.lower().rpartition(".")[2] in SUFFIXES and "." in name


def _content(data: bytes | Path) -> bytes:
    if not isinstance(data, Path):
        return data
    try:
        if data.is_file() and data.stat().st_size > limits.PICTURE_FILE:
            size = data.stat().st_size >> 20
            raise TooLarge(f"the file has {size} MiB, at most {limits.PICTURE_FILE >> 20} are read. Scale it down.")
        return read_bytes(data, limits.PICTURE_FILE)
    except FileProblem as error:
        raise PictureError(f"{data} cannot be read: {error}") from error
    except OSError as error:
        raise PictureError(
            f"{data} cannot be read ({error.strerror or error}). Check its name and permissions."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of Pillow's, about a damaged EXIF block for example: what cannot be read is an error of ours.

    One at a time, since Python keeps one list of warning filters for all threads.
    """
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_pixels(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > limits.PICTURE_PIXELS:
        raise TooLarge(
            f"the picture has {width:,} × {height:,} pixels, at most {MEGAPIXELS} million are decoded. Scale it down."
        )


def _formats(data: bytes) -> tuple[str, ...]:
    """Pillow's readers to try: those that know their files by the first bytes, HEIC's where it is one, TGA's."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS and b"avif" not in data[8:64]:
        try:
            import pillow_heif
        except ImportError as error:
            raise PictureError(
                "this is a HEIC photo, which needs one more package. Install it (pip install pillow-heif), or save it as JPEG."
            ) from error
        pillow_heif.register_heif_opener()
        return ("HEIF",)
    return ("TGA",) if _is_tga(data) else FORMATS


def _is_tga(data: bytes) -> bool:
    """TGA files begin with nothing that marks them: they end with a signature, or are as long as their header says."""
    if len(data) < 18 or data[2] not in (1, 2, 3, 9, 10, 11) or data[1] > 1 or data[16] not in (1, 8, 15, 16, 24, 32):
        return False
    width, height = struct.unpack_from("<HH", data, 12)
    colours = struct.unpack_from("<H", data, 5)[0] * -(-data[7] // 8) if data[1] else 0
    size = 18 + data[0] + colours + width * height * -(-data[16] // 8)
    packed = data[2] >= 9 and len(data) < size and not data[17] & 0xC0
    return width > 0 and height > 0 and (b"TRUEVISION-XFILE" in data[-26:] or len(data) == size or packed)


def _sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Sizes that Pillow does not tell before it decodes, or allocates for while it opens: of icons and WebP canvases."""
    if (
        data[:4] in (b"\0\0\1\0", b"\0\0\2\0") and len(data) > 22
    ):  # icons, cursors: pictures inside say their size again
        for entry in range(min(struct.unpack_from("<H", data, 4)[0], 256)):
            if len(data) < 22 + 16 * entry:
                break
            at = struct.unpack_from("<I", data, 18 + 16 * entry)[0]
            inside = data[at : at + 24]
            if inside.startswith(PNG) and len(inside) == 24:
                yield struct.unpack(">II", inside[16:])
            elif len(inside) == 24:
                width, height = struct.unpack_from("<ii", inside, 4)
                yield abs(width), abs(height) // 2
    elif data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X" and len(data) >= 30:
        yield (1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    elif data[:2] in (b"II", b"MM"):
        yield from _tiles(data)


def _tiles(data: bytes) -> Iterator[tuple[int, int]]:
    """The size of a TIFF's tiles, which may be larger than the picture."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 8 or struct.unpack_from(f"{order}H", data, 2)[0] != 42:
        return
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    if at + 2 > len(data):
        return
    found = {}
    for entry in range(struct.unpack_from(f"{order}H", data, at)[0]):
        start = at + 2 + 12 * entry
        if start + 12 > len(data):
            break
        tag, kind = struct.unpack_from(f"{order}HH", data, start)
        if tag in (322, 323):
            found[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, start + 8)[0]
    if len(found) == 2:
        yield found[322], found[323]


def _pixels_alone(data: bytes) -> bytes:
    """A PNG without what says nothing about its pixels (colour profiles, texts): Pillow refuses large ones."""
    parts, at = [PNG], 8
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if kind in PIXEL_CHUNKS:
            parts.append(data[at:end])
        if kind == b"IEND":
            break
        at = end
    else:
        parts.append(data[at:])  # cut short: Pillow says so
    return b"".join(parts)


def stages(picture: bytes | Path | Image.Image | np.ndarray, white: Mapping[str, float] | None = None) -> list[Stage]:
    """What a picture is (stage "opened") and, if its EXIF says so, what it is when turned upright ("rotated").

    white: the value that counts as white in files of a kind (`Raw`), unless a picture is brighter.
    Raises `PictureError` for what is no picture, or an array of another shape, type or range.
    """
    if isinstance(picture, np.ndarray):
        return [_from_array(picture)]
    if not isinstance(picture, (bytes, Path, Image.Image)):
        raise PictureError(
            f"a picture must be bytes, a Path, a Pillow image or an array, got {type(picture).__name__}."
        )
    image = picture if isinstance(picture, Image.Image) else open_picture(picture)
    _check_pixels(image.size)  # a Pillow image handed over may be unread yet
    try:
        with _quiet():
            return _from_image(image, white or {})
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"the picture (mode {image.mode}) cannot be decoded ({error}). Save it as PNG.") from error


def raw(data: bytes | Path) -> Raw:
    """The pixels of a picture file, upright; raises as `open_picture`."""
    image = open_picture(data)
    turn = _turn(image)
    try:
        with _quiet():
            return _raw(image if turn is None else image.transpose(turn))
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError(f"the picture (mode {image.mode}) cannot be decoded ({error}). Save it as PNG.") from error


def _from_image(image: Image.Image, white: Mapping[str, float]) -> list[Stage]:
    first = ", first frame" if _animated(image) else ""
    note = f"{image.width} × {image.height} pixels, mode {image.mode}{first}"
    steps = [Stage("opened", note, _unit(_raw(image), image.mode, white))]
    turn = _turn(image)
    if turn is not None:
        upright = _unit(_raw(image.transpose(turn)), image.mode, white)
        steps.append(Stage("rotated", "turned upright, as the camera noted (EXIF)", upright))
    return steps


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How the camera was held; a damaged EXIF block says nothing about it."""
    try:
        with _quiet():
            return TURNS.get(image.getexif().get(0x0112, 1))
    except Exception:
        return None


def _animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a GIF is searched for its second frame, which may be damaged while the first is whole
        return True


def _unit(picture: Raw, mode: str, white: Mapping[str, float]) -> np.ndarray:
    """float32 in [0, 1] of one picture by itself: what counts as white is told by its depth and its brightest pixel."""
    x = picture.values
    colours = x[..., : x.shape[2] - (x.shape[2] + 1) % 2]  # without alpha
    known = white.get(picture.kind)
    if known and float(colours.min()) >= 0 and float(colours.max()) <= known:
        scales = np.full(x.shape[2], known, np.float32)
        scales[colours.shape[2] :] = 255
        return x / scales
    if picture.kind == "8 bits":
        return x / np.float32(255)
    if not np.isfinite(x).all() or x.min() < 0:
        raise PictureError(f"the picture (mode {mode}) has NaN, infinite or negative pixels. Scale it to 0..255.")
    top = float(x.max())
    full = 65535 if picture.kind == "deep" else 1
    return x / np.float32(full if top <= full else next((usual for usual in (255, 65535) if top <= usual), top))


def _raw(image: Image.Image) -> Raw:
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel, grey
        x = np.asarray(image).astype(np.float32)
        return Raw(_reduce(Image.fromarray(x), "F"), "deep" if image.mode.startswith("I") else "float")
    if image.mode in ("1", "L"):
        mode = "LA" if "transparency" in image.info else "L"
    elif image.mode in ("LA", "La"):
        mode = "LA"
    else:
        alpha = image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info
        mode = "RGBA" if alpha else "RGB"
    if mode == "LA" and image.mode != "LA":
        image = image.convert("RGBA")  # Pillow applies a transparent grey value only on the way to RGBA
    return Raw(_reduce(image, mode), "8 bits")


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
    """`change` applied to each channel as a float image."""
    planes = [Image.fromarray(np.ascontiguousarray(x[..., i], np.float32)) for i in range(x.shape[2])]
    return np.stack([np.asarray(change(plane)) for plane in planes], axis=-1)
