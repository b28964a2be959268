"""What a stranger's file is, by its first bytes: a picture of which format, how large, or none; nothing is decoded.

>>> data = io.BytesIO()
>>> Image.new("L", (28, 30)).save(data, "PNG")
>>> image = picture_header(data.getvalue())
>>> image.format, image.size, image.mode
('PNG', (28, 30), 'L')
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from vae_core.datasets.avif_sizes import stream_sizes
from vae_core.storage import limits
from vae_core.storage.errors import FileProblem
from vae_core.storage.records import read_bytes

MEGAPIXELS = limits.PICTURE_PIXELS // 1_000_000  # larger pictures are refused by their header, before decoding

# the common ones first (Pillow loads the others' readers only when needed); no EPS, which would start Ghostscript
FORMATS = tuple(
    ["PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "ICO", "CUR", "AVIF", "JPEG2000", "PCX", "QOI", "SGI", "DIB"]
)
READABLE = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PNM, TGA, ICO, PCX or QOI"
SUFFIXES = frozenset(
    [
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
)
PNG = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"acTL", b"fcTL", b"fdAT")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_warnings_lock = threading.RLock()


class PictureError(ValueError):
    """Bytes or an array that are no usable picture; the message says what came and what is expected."""


class NoPicture(PictureError):
    """Bytes of another kind of file."""


class TooLarge(PictureError):
    """A picture of more than MEGAPIXELS, or a file of more than `limits.PICTURE_FILE` bytes."""


def picture_header(data: bytes | Path) -> Image.Image:
    """Read a picture file's header, which tells its format, size and mode; nothing is decoded.

    Args:
        data: The file's bytes, or its path. What it is is told by the bytes, not by the name.

    Raises:
        NoPicture: For bytes of another kind of file.
        TooLarge: For more than MEGAPIXELS, or a file of more than `limits.PICTURE_FILE` bytes.
        PictureError: For a file that is empty or cannot be read, or needs a package that is not installed.
    """
    data = _content(data)
    if not data:
        raise PictureError("the file is empty (0 bytes), expected a picture. Save or copy it again.")
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in data[:4096].lower():
        raise NoPicture("this is an SVG drawing, expected pixels. Export it as PNG.")
    formats = _formats(data)
    for size in _sizes(data):
        check_pixels(size)
    if data.startswith(PNG):
        data = _pixels_alone(data)
    try:
        with pillow_warnings_off():
            image = Image.open(io.BytesIO(data), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge(
            f"the picture is too large ({error}), at most {MEGAPIXELS} megapixels. Scale it down."
        ) from error
    except Exception as error:  # each reader raises its own kinds for damaged headers
        raise NoPicture(
            f"this file is not a picture that can be read ({len(data):,} bytes, beginning with {repr(data[:8])[1:]}). "
            f"Use {READABLE}."
        ) from error
    check_pixels(image.size)
    return image


def named_like_a_picture(name: str) -> bool:
    """Whether a file's name promises a picture, by its suffix.

    >>> named_like_a_picture("boot.JPG"), named_like_a_picture("notes.txt")
    (True, False)
    """
    return name.lower().rpartition(".")[2] in SUFFIXES and "." in name


@contextmanager
def pillow_warnings_off() -> Iterator[None]:
    """Silence Pillow's warnings, about a damaged EXIF block for example: what cannot be read is an error of ours.

    One thread at a time, since Python keeps one list of warning filters for all threads.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_pixels(size: tuple[int, int]) -> None:
    """Raise `TooLarge` for a (width, height) of more than MEGAPIXELS."""
    width, height = size
    if width * height > limits.PICTURE_PIXELS:
        raise TooLarge(
            f"the picture has {width:,} × {height:,} pixels, at most {MEGAPIXELS} million are decoded. Scale it down."
        )


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
    """Sizes that Pillow does not tell before it decodes, or allocates for while it opens: of icons, WebP canvases, AV1 streams."""
    if data[:4] in (b"\0\0\1\0", b"\0\0\2\0") and len(data) > 22:
        # icons and cursors: the pictures inside say their size again
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
    elif data[4:8] == b"ftyp":
        yield from stream_sizes(data)
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
    sides = {}
    for entry in range(struct.unpack_from(f"{order}H", data, at)[0]):
        start = at + 2 + 12 * entry
        if start + 12 > len(data):
            break
        tag, kind = struct.unpack_from(f"{order}HH", data, start)
        if tag in (322, 323):
            sides[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, start + 8)[0]
    if len(sides) == 2:
        yield sides[322], sides[323]


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
        # cut short: Pillow says so
        parts.append(data[at:])
    return b"".join(parts)
