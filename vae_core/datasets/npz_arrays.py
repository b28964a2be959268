"""The user's own pictures as arrays in an .npz. Nothing is unpickled, and nothing allocated on a header's word alone."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.config import ConfigError, ModelConfig
from vae_core.datasets.idx import DataError
from vae_core.datasets.image_folders import UNLABELLED, Pictures, Progress, check_size, fill, label_type, opened_zip


def read_npz(
    path: Path, image_shape: tuple[int, int, int] | None, options: dict[str, Any], progress: Progress | None
) -> Pictures:
    """`images` (n, h, w) or (n, h, w, c), uint8 or float in [0, 1], and optional `labels` (n,), integers or strings.

    image_shape None keeps the size the images have. Every header is checked before an array is allocated; pickled
    objects are refused.
    """
    with opened_zip(path) as archive:
        check_size(path, archive)
        held = {name.removesuffix(".npy") for name in archive.namelist()}
        if "images" not in held:
            raise DataError(
                f"{path} holds {', '.join(sorted(held)) or 'nothing'}, expected an array named images. "
                "Save it with numpy.savez(path, images=..., labels=...)."
            )
        images = _array(path, archive, "images")
        labels = _array(path, archive, "labels") if "labels" in held else None
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise DataError(
            f"{path}: images must be (n, h, w), (n, h, w, 1) or (n, h, w, 3), got shape {images.shape}. Reshape them."
        )
    pixels = _bytes(path, images)
    del images
    numbers, classes = _classes(path, labels, len(pixels))
    if image_shape is not None and tuple(image_shape) != pixels.shape[1:]:
        return Pictures(
            fill(str(path), len(pixels), lambda i: (f"image {i}", pixels[i]), image_shape, options, progress),
            numbers,
            classes,
        )
    try:
        ModelConfig(image_shape=tuple(int(side) for side in pixels.shape[1:]))  # type: ignore[arg-type]
    except ConfigError as error:
        raise DataError(f"{path}: {error} Or give image_shape, and they are resized.") from error
    return Pictures(pixels, numbers, classes)


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of an .npz, its header checked against its size before anything is allocated."""
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
                raise DataError(
                    f"{path}: {name} holds pickled Python objects, which could run code. Refused; save plain numbers "
                    "(all pictures of one size make one array)."
                )
            size = math.prod(shape) * dtype.itemsize
            if size != info.file_size - header:
                raise DataError(
                    f"{damaged}: shape {shape} of {dtype} needs {size:,} bytes, it has {info.file_size - header:,}."
                )
            flat = np.frombuffer(file.read(), dtype)
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib, struct and numpy each raise their own kinds
        raise DataError(f"{damaged} ({error}). Save it again with numpy.savez.") from error
    return flat.reshape(shape, order="F" if fortran else "C")


def _bytes(path: Path, images: np.ndarray) -> np.ndarray:
    """uint8 of uint8, whole numbers in 0..255, or floats in [0, 1] (rounded to 1/255); `DataError` for other values."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    kind = images.dtype.kind
    if kind not in "buif":
        raise DataError(f"{path}: images must be uint8 or float in [0, 1], got {images.dtype}.")
    top = 1 if kind in "bf" else 255
    pixels = np.empty(images.shape, np.uint8)
    for start, part in _slices(images):
        if kind == "f" and not np.isfinite(part).all():
            bad = start + int(np.argmin(np.isfinite(part).reshape(len(part), -1).all(1)))
            raise DataError(
                f"{path}: image {bad} has NaN or infinite pixels. Replace them, with numpy.nan_to_num for example."
            )
        low, high = part.min(), part.max()
        if low < 0 or high > top:
            raise DataError(
                f"{path}: {images.dtype} pixels must lie in 0..{top}, got {low:g}..{high:g} in images "
                f"{start}..{start + len(part) - 1}. Divide floats by 255, or save uint8."
            )
        pixels[start : start + len(part)] = np.rint(part * (255 / top)) if kind in "bf" else part
    return pixels


def _slices(images: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(images), 1024):
        yield start, images[start : start + 1024]


def _classes(path: Path, labels: np.ndarray | None, n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    if labels is None:
        return np.zeros(n, np.uint8), (UNLABELLED,)
    if labels.shape != (n,):
        raise DataError(
            f"{path}: {n:,} images but labels of shape {labels.shape}, expected ({n},): one label for each image."
        )
    if labels.dtype.kind not in "iuU":
        raise DataError(f"{path}: labels must be integers or strings, got {labels.dtype}. Use labels.astype(int).")
    names, numbers = np.unique(labels, return_inverse=True)
    return numbers.astype(label_type(len(names))), tuple(str(name) for name in names)
