"""The user's own pictures: a folder or a zip of files. Nothing is unpacked to disk."""

from __future__ import annotations

import math
import os
import stat
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vae_core.config import ModelConfig
from vae_core.datasets.idx import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".avif")
LARGEST = 2 << 30  # bytes that a zip, an .npz or all pixels together may take
LARGEST_FILE = 256 << 20  # bytes of one picture file
UNLABELLED = "unlabelled"
GREY = 16  # of 255: so far the channels of a grey picture may lie apart, from its compression
MOST_PIXELS = 20_000_000  # of a picture that is only looked at

Progress = Callable[[int, int], None]


class Pictures(NamedTuple):
    """pixels uint8 (n, h, w, c); labels uint8 or int32 (n,), indices into classes."""

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]


def read_folder(
    folder: Path, image_shape: tuple[int, int, int], options: dict[str, Any], progress: Progress | None
) -> Pictures:
    """Every picture under a folder, in the order of their names; first-level sub-folders are the classes.

    Hidden files and files that do not end like a picture are passed over. options: for `preprocessing.prepare`.
    Raises `DataError`: no folder, no pictures, a file that is no picture.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Give a folder whose sub-folders (the classes) hold pictures.")
    paths = {}
    for top, folders, names in os.walk(folder):  # follows no links, so it cannot go round in circles
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        for name in names:
            path = Path(top, name)
            if _is_picture(PurePosixPath(name)):
                paths[PurePosixPath(path.relative_to(folder).as_posix())] = path

    def content(name: PurePosixPath) -> bytes:
        path = paths[name]
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise DataError(f"{path} has {path.stat().st_size >> 20} MiB, at most {LARGEST_FILE >> 20} are read.")
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror or error}). Check its permissions.") from error

    return _prepared(str(folder), sorted(paths), content, image_shape, options, progress)


def read_zip(
    path: Path, image_shape: tuple[int, int, int], options: dict[str, Any], progress: Progress | None
) -> Pictures:
    """As `read_folder`, from a zip, in memory. A single folder around everything is looked through.

    Refused with `DataError` before anything is expanded: names that lead out of the archive, links, passwords, more than
    LARGEST bytes.
    """
    with opened_zip(path) as archive:
        by_name = _members(path, archive)

        def content(name: PurePosixPath) -> bytes:
            try:
                return archive.read(by_name[name])
            except Exception as error:  # BadZipFile, zlib.error, NotImplementedError, EOFError ... by method and damage
                raise DataError(f"{path}: {by_name[name].filename} cannot be read ({error}). Pack it again.") from error

        return _prepared(str(path), sorted(by_name), content, image_shape, options, progress)


class Look(NamedTuple):
    """What a zip of pictures holds, from its directory and the first few pictures.

    n: pictures. classes: their names. size: (height, width) in the middle of those looked at. colour: some are not grey.
    """

    n: int
    classes: tuple[str, ...]
    size: tuple[int, int]
    colour: bool


def look_at_zip(path: Path, pictures: int = 16) -> Look:
    """A look at the user's zip, in milliseconds; `DataError` as of `read_zip` for what can be told from it."""
    with opened_zip(path) as archive:
        members = _members(path, archive)
        names = sorted(members)
        if not names:
            raise DataError(f"{path} holds no pictures. Expected files ending in {', '.join(SUFFIXES)}.")
        classes = sorted({name.parts[0] if len(name.parts) > 1 else UNLABELLED for name in names})
        sizes, colour = [], False
        for name in names[:: max(1, len(names) // pictures)][:pictures]:
            try:
                with Image.open(BytesIO(archive.read(members[name]))) as image:
                    sizes.append((image.height, image.width))
                    if image.width * image.height <= MOST_PIXELS:
                        small = np.asarray(image.convert("RGB").resize((32, 32)), np.int16)
                        colour = colour or int(np.ptp(small, axis=2).max()) > GREY
            except Exception as error:  # Pillow and zipfile raise their own kinds for each damage
                raise DataError(
                    f"{path}: {members[name].filename} cannot be read ({error}). Or take it out."
                ) from error
    height, width = sorted(sizes)[len(sizes) // 2]
    return Look(len(names), tuple(classes), (height, width), colour)


def _members(path: Path, archive: zipfile.ZipFile) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The pictures of an archive that is harmless, by name; a single folder around everything is left out."""
    members = {}
    for info in archive.infolist():
        _check_member(path, info)
        name = PurePosixPath(info.filename)
        if not info.is_dir() and _is_picture(name):
            members[name] = info
    check_size(path, archive)
    names = sorted(members)
    strip = 0
    while names and len({name.parts[strip] for name in names}) == 1 and _deeper(names, strip + 2):
        strip += 1
    return {PurePosixPath(*name.parts[strip:]): members[name] for name in names}


def _prepared(
    source: str,
    names: Sequence[PurePosixPath],
    content: Callable[[PurePosixPath], bytes],
    image_shape: tuple[int, int, int],
    options: dict[str, Any],
    progress: Progress | None,
) -> Pictures:
    if not names:
        raise DataError(f"{source} holds no pictures. Expected files ending in {', '.join(SUFFIXES)}.")
    labelled = [name.parts[0] if len(name.parts) > 1 else UNLABELLED for name in names]
    classes = sorted(set(labelled))
    pixels = fill(source, len(names), lambda i: (str(names[i]), content(names[i])), image_shape, options, progress)
    labels = np.searchsorted(classes, labelled).astype(label_type(len(classes)))
    return Pictures(pixels, labels, tuple(classes))


def fill(
    source: str,
    n: int,
    picture: Callable[[int], tuple[str, bytes | np.ndarray]],
    image_shape: tuple[int, int, int],
    options: dict[str, Any],
    progress: Progress | None,
) -> np.ndarray:
    """n pictures through `prepare`: uint8 (n, h, w, c)."""
    from vae_core.datasets.preprocessing import PictureError, prepare

    shape = ModelConfig(image_shape=image_shape).image_shape
    if n * math.prod(shape) > LARGEST:
        raise DataError(
            f"{source}: {n:,} pictures of {' × '.join(map(str, shape))} exceed {LARGEST >> 30} GiB. Take fewer or smaller ones."
        )
    pixels = np.empty((n, *shape), np.uint8)
    for i in range(n):
        name, data = picture(i)
        try:
            image = prepare(data, shape, **options).image
        except PictureError as error:
            raise DataError(f"{source}: {name}: {error} Or take it out.") from error
        pixels[i] = np.rint(image * 255)
        if progress:
            progress(i + 1, n)
    return pixels


def _is_picture(name: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return name.suffix.lower() in SUFFIXES and not hidden


def _deeper(names: Sequence[PurePosixPath], parts: int) -> bool:
    """All names have more than `parts` - 1 parts, and one has classes below."""
    return all(len(name.parts) >= parts for name in names) and any(len(name.parts) > parts for name in names)


def opened_zip(path: Path) -> zipfile.ZipFile:
    """The archive (zip or .npz), its directory read; `DataError` if it is missing or none."""
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}). Check that it is there and readable."
        ) from error
    except Exception as error:  # BadZipFile, and struct.error or ValueError for damaged directories
        raise DataError(
            f"{path} is no whole {path.suffix or 'zip'} file ({error}). It may be truncated: copy it again."
        ) from error


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    name = info.filename
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or ":" in parts[0]:
        raise DataError(
            f"{path} holds the name {name!r}, which leads out of the archive. Refused; pack it again without such names."
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise DataError(f"{path} holds the link {name!r}. Refused; pack the picture itself.")
    if info.flag_bits & 1:
        raise DataError(f"{path} is protected by a password ({name!r}). Pack it without one.")
    if info.file_size > LARGEST_FILE and _is_picture(PurePosixPath(name)):
        raise DataError(f"{path}: {name} expands to {info.file_size >> 20} MiB, at most {LARGEST_FILE >> 20} are read.")


def check_size(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that would take more than LARGEST bytes; nothing has been expanded yet."""
    for info in archive.infolist():
        # the readers of other methods expand a block of any size at once
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"{path}: {info.filename} is packed by method {info.compress_type}. Pack it with plain deflate."
            )
    # what is declared is what is read at most: zipfile stops there and then complains about the checksum
    total = sum(info.file_size for info in archive.infolist())
    if total > LARGEST:
        raise DataError(
            f"{path} ({path.stat().st_size / 1e6:.1f} MB) expands to {total / 1e9:.1f} GB, at most {LARGEST / 1e9:.1f} are read. "
            "Refused; pack fewer or smaller pictures."
        )


def label_type(classes: int) -> Any:
    """The dtype of labels for so many classes."""
    return np.uint8 if classes <= 256 else np.int32
