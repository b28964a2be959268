"""A folder with the IDX files of MNIST, KMNIST, EMNIST or another set of their kind: pictures and labels, and a split.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"):
...         Path(folder, name).touch()
...     [(pair.name, pair.split) for pair in pairs_in(Path(folder))]
[('t10k-', 'test')]
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_core.datasets.class_names import class_lines, in_order, label_type
from vae_core.datasets.idx import read_pair
from vae_core.datasets.image_folders import UserImages
from vae_core.datasets.image_sources import first_names
from vae_core.datasets.npz_arrays import stack_arrays
from vae_core.datasets.picture_sets import Progress, decisions, treatment_lines
from vae_core.storage.errors import DataError

IMAGES = re.compile(r"(.*)images(.?)idx3(.?)ubyte(\.gz)?", re.IGNORECASE)


class Pair(NamedTuple):
    """The two files of one part of a data set.

    Attributes:
        name: What its images' file begins with, "train-" for example.
        images: The images' file.
        labels: The labels' file.
    """

    name: str
    images: Path
    labels: Path

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
    pairs = {}
    # backwards: the plain file, if it lies beside the gzipped one
    for name in sorted(names, reverse=True):
        match = IMAGES.fullmatch(name)
        if match is None:
            continue
        plain = f"{match[1]}labels{match[2]}idx1{match[3]}ubyte"
        labels = names.get(plain) or names.get(f"{plain}.gz")
        if labels is None:
            raise DataError(f"{folder} holds {name} but not {plain} (or {plain}.gz) with its labels. Put it beside it.")
        pairs[match[1]] = Pair(match[1], names[name], labels)
    folders = [path for path in names.values() if path.is_dir()]
    if not pairs and len(folders) == len(names) == 1:
        return pairs_in(folders[0])
    return [pairs[name] for name in sorted(pairs, key=lambda name: (pairs[name].split != "train", name))]


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
    splits = [pair.split for pair in pairs]
    if len(set(splits)) < len(splits) or (None in splits and len(splits) > 1):
        names = first_names([pair.images.name for pair in pairs])
        raise DataError(
            f"{folder} holds several sets of IDX files ({names}). Move the four files of one into a folder of their own."
        )
    arrays = [read_pair(pair.images, pair.labels) for pair in pairs]
    sizes = [len(pixels) for pixels, _ in arrays]
    if len({pixels.shape[1:] for pixels, _ in arrays}) > 1 or 0 in arrays[0][0].shape:
        shapes = ", ".join(str(pixels.shape) for pixels, _ in arrays)
        raise DataError(
            f"{folder}: the images of all files must have one size, got {shapes}. They belong to different sets."
        )
    pixels = arrays[0][0] if len(arrays) == 1 else np.concatenate([pixels for pixels, _ in arrays])
    values, numbers = np.unique(np.concatenate([labels for _, labels in arrays]), return_inverse=True)
    classes = tuple(in_order(str(value) for value in values.tolist()))
    labels = numbers.astype(label_type(len(classes)))
    stacked = stack_arrays(folder, pixels[..., np.newaxis], image_shape, fit, progress)
    lines = [*class_lines(labels, classes), *treatment_lines(stacked, fit)]
    if any(pair.name.lower().startswith("emnist") for pair in pairs):
        lines.append("EMNIST's files hold their pictures mirrored along the diagonal; they are taken as they are")
    parts = None if len(pairs) == 1 else np.repeat([split or "" for split in splits], sizes)
    return UserImages(stacked.pixels, labels, classes, parts, lines, *decisions(stacked))
