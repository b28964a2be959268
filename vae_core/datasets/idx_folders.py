"""A folder or zip with the IDX files of MNIST, KMNIST, EMNIST or another set of their kind: pictures and labels, and a split.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"):
...         Path(folder, name).touch()
...     [(pair.name, pair.split) for pair in pairs_in(Path(folder))]
[('t10k-', 'test')]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_core.datasets.class_names import class_lines, in_order, label_type
from vae_core.datasets.dataset import split_sizes
from vae_core.datasets.idx import check_number, idx_array, idx_shape
from vae_core.datasets.image_folders import PictureSummary, UserImages
from vae_core.datasets.image_headers import PictureError
from vae_core.datasets.image_sources import SourceFile, first_names
from vae_core.datasets.npz_arrays import stack_arrays
from vae_core.datasets.picture_sets import Progress, decisions, treatment_lines
from vae_core.storage.archives import wrappers
from vae_core.storage.errors import DataError

# Of a summary.
MOST_IMAGES = 4_000_000
IMAGES = re.compile(r"(.*)images(.?)idx3(.?)ubyte(\.gz)?", re.IGNORECASE)


class IdxFile(NamedTuple):
    """A file that should be IDX.

    Attributes:
        name: What to call it in an error.
        read: Returns its bytes; raises `DataError` or `PictureError` where it cannot be read.
    """

    name: str
    read: Callable[[], bytes]


class Pair(NamedTuple):
    """The two files of one part of a data set.

    Attributes:
        name: What its images' file begins with, "train-" for example.
        images: The images' file.
        labels: The labels' file.
    """

    name: str
    images: IdxFile
    labels: IdxFile

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Read both: uint8 (n, h, w) and uint8 (n,); `DataError` for damaged files, or those of several sets."""
        pixels, labels = (
            idx_array(_bytes_of(file), file.name, sides) for file, sides in ((self.images, 3), (self.labels, 1))
        )
        check_number(len(pixels), len(labels), self.images.name, self.labels.name)
        return pixels, labels

    @property
    def split(self) -> str | None:
        """The split that the name says, "train" or "test"; None where it says none."""
        words = re.split(r"[^a-z0-9]+", self.name.lower())
        return "train" if "train" in words else "test" if {"t10k", "test"} & set(words) else None


def pairs_in(folder: Path) -> list[Pair]:
    """Find the pairs of images and labels in a folder, or in the only folder that it holds.

    Returns:
        The pairs, that for training first; none, if there are no IDX files.

    Raises:
        DataError: For images without labels.
    """
    try:
        names = {path.name: path for path in folder.iterdir() if not path.name.startswith(".")}
    except OSError:
        # reading it as pictures says what is wrong
        return []
    pairs = _pairs(folder, {name: IdxFile(str(path), path.read_bytes) for name, path in names.items()})
    folders = [path for path in names.values() if path.is_dir()]
    if not pairs and len(folders) == len(names) == 1:
        return pairs_in(folders[0])
    return pairs


def pairs_among(where: Path, files: Sequence[SourceFile]) -> list[Pair]:
    """Find the pairs of images and labels among the files of a zip, in the folder that holds all of them.

    Args:
        where: What to call the zip in an error.
        files: All that it holds.

    Returns:
        As `pairs_in`.

    Raises:
        DataError: For images without labels.
    """
    depth = wrappers(file.name for file in files)
    names = {file.name.name: file for file in files if len(file.name.parts) == depth + 1}
    return _pairs(where, {name: IdxFile(f"{where}: {file.name}", file.read) for name, file in names.items()})


def _pairs(where: Path, files: Mapping[str, IdxFile]) -> list[Pair]:
    pairs = {}
    # backwards: the plain file, if it lies beside the gzipped one
    for name in sorted(files, reverse=True):
        match = IMAGES.fullmatch(name)
        if match is None:
            continue
        plain = f"{match[1]}labels{match[2]}idx1{match[3]}ubyte"
        labels = files.get(plain) or files.get(f"{plain}.gz")
        if labels is None:
            raise DataError(f"{where} holds {name} but not {plain} (or {plain}.gz) with its labels. Put it beside it.")
        pairs[match[1]] = Pair(match[1], files[name], labels)
    return [pairs[name] for name in sorted(pairs, key=lambda name: (pairs[name].split != "train", name))]


def _bytes_of(file: IdxFile) -> bytes:
    try:
        return file.read()
    except OSError as error:
        raise DataError(
            f"{file.name} cannot be read ({error.strerror or error}). Check that it is there and readable."
        ) from error
    except PictureError as error:
        raise DataError(f"{file.name}: {error}") from error


def read_pairs(
    folder: Path, pairs: list[Pair], image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None
) -> UserImages:
    """Read all pairs as one data set, whose classes are the numbers that the labels hold.

    Args:
        folder: What to call the files' folder in an error.
        pairs: As `pairs_in` found them.
        image_shape: (height, width, channels); None: as the images are.
        fit: See `preprocessing.prepare`.
        progress: Called with (done, total) images.

    Raises:
        DataError: For damaged files, or those of several sets.
    """
    _check_one_set(folder, pairs)
    arrays = [pair.arrays() for pair in pairs]
    sizes = [len(pixels) for pixels, _ in arrays]
    _check_one_size(folder, [pixels.shape for pixels, _ in arrays])
    pixels = arrays[0][0] if len(arrays) == 1 else np.concatenate([pixels for pixels, _ in arrays])
    labels, classes = _numbered([labels for _, labels in arrays])
    stacked = stack_arrays(folder, pixels[..., np.newaxis], image_shape, fit, progress)
    lines = [*class_lines(labels, classes), *treatment_lines(stacked, fit)]
    if any(pair.name.lower().startswith("emnist") for pair in pairs):
        lines.append("EMNIST's files hold their pictures mirrored along the diagonal; they are taken as they are")
    return UserImages(stacked.pixels, labels, classes, _splits(pairs, sizes), lines, *decisions(stacked))


def summarize_pairs(where: Path, pairs: list[Pair]) -> PictureSummary:
    """Tell what IDX files hold, by the headers of their images and by their labels; raises as `read_pairs`.

    Args:
        where: What to call the files' zip in an error.
        pairs: As `pairs_among` found them.
    """
    _check_one_set(where, pairs)
    shapes = [idx_shape(_bytes_of(pair.images), pair.images.name, 3) for pair in pairs]
    _check_one_size(where, shapes)
    labels = [idx_array(_bytes_of(pair.labels), pair.labels.name, 1, MOST_IMAGES) for pair in pairs]
    for pair, (n, *_), values in zip(pairs, shapes, labels, strict=True):
        check_number(n, len(values), pair.images.name, pair.labels.name)
    numbers, classes = _numbered(labels)
    splits = _splits(pairs, [len(values) for values in labels])
    _, height, width = shapes[0]
    return PictureSummary(
        len(numbers),
        classes,
        (height, width),
        False,
        tuple(class_lines(numbers, classes)),
        split_sizes(len(numbers), splits),
    )


def _check_one_set(where: Path, pairs: list[Pair]) -> None:
    splits = [pair.split for pair in pairs]
    if len(set(splits)) < len(splits) or (None in splits and len(splits) > 1):
        names = first_names([pair.images.name.replace("\\", "/").rpartition("/")[2] for pair in pairs])
        raise DataError(
            f"{where} holds several sets of IDX files ({names}). Move the four files of one into a folder of their own."
        )


def _check_one_size(where: Path, shapes: Sequence[tuple[int, ...]]) -> None:
    if len({shape[1:] for shape in shapes}) > 1 or 0 in shapes[0]:
        listing = ", ".join(map(str, shapes))
        raise DataError(
            f"{where}: the images of all files must have one size, got {listing}. They belong to different sets."
        )


def _numbered(labels: list[np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]]:
    """All labels as indices into the classes, whose names are the numbers that occur."""
    values, numbers = np.unique(np.concatenate(labels), return_inverse=True)
    classes = tuple(in_order(str(value) for value in values.tolist()))
    return numbers.astype(label_type(len(classes))), classes


def _splits(pairs: list[Pair], sizes: list[int]) -> np.ndarray | None:
    return None if len(pairs) == 1 else np.repeat([pair.split or "" for pair in pairs], sizes)
