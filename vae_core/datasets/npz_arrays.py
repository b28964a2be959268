"""The user's own pictures from the arrays of an .npz: ours, MedMNIST's or Keras' names.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "pets.npz")
...     np.savez(path, images=np.full((3, 8, 8), 200, np.uint8), labels=["cat", "dog", "cat"])
...     images = read_npz(path, None, "resize", None)
>>> images.pixels.shape, images.labels.tolist(), images.classes
((3, 8, 8, 1), [0, 1, 0], ('cat', 'dog'))
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from vae_core.config import ConfigError, ModelConfig
from vae_core.datasets.class_names import class_lines, distinct, encode
from vae_core.datasets.dataset import split_sizes
from vae_core.datasets.folder_layout import UNLABELLED
from vae_core.datasets.image_files import RawPicture
from vae_core.datasets.image_folders import PictureSummary, UserImages, check_unreadable
from vae_core.datasets.image_sources import ImageSource, left_out_lines
from vae_core.datasets.picture_sets import (
    USUAL,
    Extremes,
    ImageStack,
    Progress,
    check_room,
    decisions,
    pixel_range,
    stack,
    treatment_lines,
)
from vae_core.storage import archives, limits
from vae_core.storage.errors import DataError

# Of a summary, which is made in the app's server.
MOST_IMAGES, MOST_LABEL_BYTES = 2_000_000, 128 << 20
# what the arrays of one part are called, with images first: ours, MedMNIST's and Keras'
PARTS = {
    "train": (("train_images", "train_labels"), ("x_train", "y_train"), ("X_train", "y_train")),
    "validation": (("val_images", "val_labels"), ("x_val", "y_val"), ("X_val", "y_val")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test"), ("X_test", "y_test")),
}


class Part(NamedTuple):
    """The names of the arrays of one split; split is None where there is no split, labels where there are none."""

    split: str | None
    images: str
    labels: str | None


def read_npz(path: Path, image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None) -> UserImages:
    """Read `images` (n, h, w), (n, h, w, c) or (n, c, h, w) of any numbers, and optional `labels` (n,), integers or strings.

    In place of images and labels there may be train_images, test_images, val_images and their labels, or x_train, y_train
    and so on: then they are the split. Every header is checked before an array is allocated; pickled objects are refused.

    Args:
        path: The .npz.
        image_shape: (height, width, channels); None keeps the size the images have.
        fit: See `preprocessing.prepare`.
        progress: Called with (done, total) images.

    Raises:
        DataError: For arrays that are missing, damaged, or no images or labels.
    """
    lines: list[str] = []
    with _opened(path) as (archive, parts):
        images = [_images(path, part.images, _array(path, archive, part.images), lines) for part in parts]
        labels = [None if part.labels is None else _array(path, archive, part.labels) for part in parts]
    sizes = [len(array) for array in images]
    _check_alike(path, parts, images)
    pixels = images[0] if len(images) == 1 else np.concatenate(images)
    images.clear()
    names: list[str] = []
    for part, array, n in zip(parts, labels, sizes, strict=True):
        names += _names(path, part, array, n)
    cleaned = distinct(names)
    numbers, classes = encode([cleaned[name] for name in names])
    stacked = stack_arrays(path, pixels, image_shape, fit, progress)
    unreadable = {f"image {i}": why for i, why in stacked.unreadable.items()}
    check_unreadable(str(path), ImageSource([], {}), len(stacked.kept), unreadable)
    splits = _splits(parts, sizes)
    kept = slice(None) if len(stacked.kept) == len(pixels) else np.array(stacked.kept)
    lines = [
        *class_lines(numbers[kept], classes),
        *left_out_lines({}, unreadable),
        *lines,
        *treatment_lines(stacked, fit),
    ]
    return UserImages(
        stacked.pixels, numbers[kept], classes, None if splits is None else splits[kept], lines, *decisions(stacked)
    )


def summarize_npz(path: Path) -> PictureSummary:
    """Tell what the user's .npz holds, by the headers of its images and by its labels.

    Raises:
        DataError: As `read_npz`, for what can be told from these; and for more than `MOST_IMAGES` images.
    """
    lines: list[str] = []
    with _opened(path) as (archive, parts):
        # Arrays of one value, which take no memory however large the images are.
        images = [_images(path, part.images, _unread(path, archive, part.images), lines) for part in parts]
        _check_alike(path, parts, images)
        sizes = [len(array) for array in images]
        n = sum(sizes)
        if n > MOST_IMAGES:
            raise DataError(f"{path} holds {n:,} images, at most {MOST_IMAGES:,} are taken here. Bring fewer.")
        names: list[str] = []
        for part, size in zip(parts, sizes, strict=True):
            labels = None if part.labels is None else _array(path, archive, part.labels, MOST_LABEL_BYTES)
            names += _names(path, part, labels, size)
    cleaned = distinct(names)
    numbers, classes = encode([cleaned[name] for name in names])
    height, width, channels = images[0].shape[1:]
    return PictureSummary(
        n,
        classes,
        (height, width),
        channels > 1,
        (*class_lines(numbers, classes), *lines),
        split_sizes(n, _splits(parts, sizes)),
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, list[Part]]]:
    """The open archive and the names of its parts."""
    try:
        with archives.opened(path) as archive:
            archives.entries(archive, limits.DATA_ENTRIES, limits.DATA)
            yield archive, _parts(path, [name.removesuffix(".npy") for name in archive.namelist()])
    except archives.ArchiveProblem as error:
        text = str(error)
        raise DataError(text if str(path) in text else f"{path}: {text}") from error


def _check_alike(path: Path, parts: list[Part], images: list[np.ndarray]) -> None:
    if len({(array.shape[1:], array.dtype) for array in images}) > 1:
        shapes = ", ".join(
            f"{part.images} {array.shape} {array.dtype}" for part, array in zip(parts, images, strict=True)
        )
        raise DataError(f"{path}: the images of all parts must be of one size and type, got {shapes}. Make them alike.")


def _splits(parts: list[Part], sizes: list[int]) -> np.ndarray | None:
    return np.repeat([part.split for part in parts], sizes) if parts[0].split else None


def _parts(path: Path, held: list[str]) -> list[Part]:
    if "images" in held:
        return [Part(None, "images", "labels" if "labels" in held else None)]
    parts = []
    for split, names in PARTS.items():
        for images, labels in names:
            if images in held:
                parts.append(Part(split, images, labels if labels in held else None))
                break
    if not parts or parts[0].split != "train":
        raise DataError(
            f"{path} holds {', '.join(sorted(held)) or 'nothing'}, expected an array named images. "
            "Save it with numpy.savez(path, images=..., labels=...)."
        )
    return parts if len(parts) > 1 else [parts[0]._replace(split=None)]


def _images(path: Path, name: str, images: np.ndarray, lines: list[str]) -> np.ndarray:
    """(n, h, w, 1, 3 or 4) of numbers, as a view where that is possible."""
    shape = images.shape
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim == 4 and images.shape[3] not in (1, 3, 4) and images.shape[1] in (1, 3, 4):
        lines.append(f"{name} is N×C×H×W, {shape}: read as N×H×W×C, as images.transpose(0, 2, 3, 1) gives it")
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4) or 0 in images.shape:
        side = math.isqrt(shape[1]) if len(shape) == 2 else 0
        step = (
            f"{name}.reshape(-1, {side}, {side}) makes pictures of them."
            if side > 1 and side**2 == shape[1]
            else ("Make them so; images of several sizes go into a folder as files.")
        )
        raise DataError(
            f"{path}: images must be (n, h, w), (n, h, w, 1), (n, h, w, 3) or (n, 3, h, w), got shape {shape}. {step}"
        )
    if images.dtype.kind not in "buif":
        raise DataError(
            f"{path}: {name} must be uint8 or other real numbers, got {images.dtype}. Save the pixels as numbers."
        )
    return images.astype(np.uint8) if images.dtype.kind == "b" else images


def stack_arrays(
    path: Path, pixels: np.ndarray, image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None
) -> ImageStack:
    """Treat the images of an array as `picture_sets.stack` does; uint8 of the right shape already is passed on.

    Args:
        path: What to call the file in an error.
        pixels: Real numbers, (n, h, w, 1, 3 or 4).
        image_shape: (height, width, channels); None: as the images are.
        fit: See `preprocessing.prepare`.
        progress: Called with (done, n).

    Raises:
        DataError: For a shape that no model takes, or values that are no pixels.
    """
    kind = "8 bits" if pixels.dtype == np.uint8 else "float" if pixels.dtype.kind == "f" else "deep"
    own = (*pixels.shape[1:3], 3 if pixels.shape[3] > 1 else 1)
    shape = own if image_shape is None else tuple(image_shape)
    try:
        ModelConfig(image_shape=tuple(int(side) for side in shape))  # type: ignore[arg-type]
    except ConfigError as error:
        raise DataError(f"{path}: {error} Or give image_shape, and they are resized.") from error
    try:
        if kind == "8 bits" and shape == pixels.shape[1:] and fit == "resize":
            check_room(len(pixels), shape)
            extremes = Extremes(float(pixels.min()), float(pixels.max()))
            if pixel_range(kind, extremes) == USUAL[kind]:
                everything = list(range(len(pixels)))
                return ImageStack(
                    np.ascontiguousarray(pixels), everything, {kind: USUAL[kind]}, {kind: extremes}, None, False
                )
        return stack(lambda i: RawPicture(_single(pixels[i]), kind), len(pixels), shape, fit, progress)  # type: ignore[arg-type]
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _single(pixels: np.ndarray) -> np.ndarray:
    """float32; what it cannot hold becomes infinite, which is refused with the other pixels that are no numbers."""
    with np.errstate(over="ignore"):
        return pixels.astype(np.float32)


def _unread(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of the shape and type that a header tells, of zeros, without memory of its own."""
    with _member(path, archive, name) as (_, shape, _, dtype):
        value = np.zeros((), np.uint8 if dtype.kind == "b" else dtype)
    return np.broadcast_to(value, shape)


def _array(path: Path, archive: zipfile.ZipFile, name: str, limit: int | None = None) -> np.ndarray:
    """One array of an .npz, its header checked against its size before anything is allocated; `limit`: its bytes at most."""
    with _member(path, archive, name) as (file, shape, fortran, dtype):
        size = math.prod(shape) * dtype.itemsize
        if limit is not None and size > limit:
            raise DataError(f"{path}: {name} has {size >> 20:,} MiB, at most {limit >> 20} are taken here.")
        flat = np.frombuffer(file.read(), dtype) if size else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


@contextmanager
def _member(
    path: Path, archive: zipfile.ZipFile, name: str
) -> Iterator[tuple[IO[bytes], tuple[int, ...], bool, np.dtype]]:
    """The open file of an array behind its checked header: the file, the shape, whether it is in Fortran's order, the dtype."""
    from numpy.lib import format as npy

    damaged = f"{path}: {name} is damaged or no array"
    try:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as file:
            version = npy.read_magic(file)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read_header(file)
            header = file.tell()
            if dtype.hasobject:
                step = "labels.astype(str)" if "label" in name or name.startswith("y") else "numpy.stack(list(images))"
                raise DataError(
                    f"{path}: {name} holds pickled Python objects, which could run code. Refused; save {step} in their place."
                )
            if any(side < 0 for side in shape):
                raise DataError(f"{damaged}: its header says shape {shape}. Save it again with numpy.savez.")
            size = math.prod(shape) * dtype.itemsize
            if size != info.file_size - header:
                raise DataError(
                    f"{damaged}: shape {shape} of {dtype} needs {size:,} bytes, it has {info.file_size - header:,}."
                )
            yield file, shape, fortran, dtype
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib, struct and numpy each raise their own kinds
        raise DataError(f"{damaged} ({error}). Save it again with numpy.savez.") from error


def _names(path: Path, part: Part, labels: np.ndarray | None, n: int) -> list[str]:
    """The class of each image, as text."""
    if labels is None:
        return [UNLABELLED] * n
    if labels.shape == (n, 1):
        labels = labels[:, 0]
    if labels.shape != (n,):
        one_hot = labels.ndim == 2 and len(labels) == n
        step = f" Use {part.labels}.argmax(axis=1)." if one_hot else ""
        raise DataError(
            f"{path}: {n:,} images but {part.labels} of shape {labels.shape}, expected ({n},): one label for each image.{step}"
        )
    if labels.dtype.kind not in "biuUS":
        raise DataError(
            f"{path}: {part.labels} must be integers or strings, got {labels.dtype}. Use {part.labels}.astype(int)."
        )
    try:
        if labels.dtype.kind == "S":
            return [os.fsdecode(name) for name in labels.tolist()]
        return [str(name) for name in labels.tolist()]
    except ValueError as error:  # 32-bit numbers that are no characters
        raise DataError(f"{path}: {part.labels} is damaged ({error}). Save it again with numpy.savez.") from error
