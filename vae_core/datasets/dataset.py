"""A data set: pictures with labels in three splits, its name and its checksum, and which picture is in which split.

>>> pixels, labels = np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 1, 0, 1], np.uint8)
>>> dots = Dataset("dots", "an example", "", ("a", "b"), (8, 8, 1), {"train": 4}, lambda split: {split: (pixels, labels)})
>>> dots.images("train", 2).shape
(2, 8, 8, 1)
>>> dots.title("train")
'dots train, 4 images'
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vae_core.storage.errors import DataError

SPLITS = ("train", "validation", "test")
FASHION_NAME, DRAWN_NAME = "Fashion-MNIST", "drawn clothes"
OWN_SOURCE = "the user's own"  # how the source of pictures of the user's own begins
OWN_SUFFIX = " (own pictures)"

Arrays = tuple[np.ndarray, np.ndarray]  # pixels uint8 (n, h, w, c), labels uint8 or int32 (n,)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures with labels in three splits, read when they are first asked for and kept.

    Attributes:
        name: "Fashion-MNIST", "drawn clothes" or the stem of the user's file.
        source: Where the pictures are from, for a person.
        checksum: SHA-256 (hex) that is the same for the same pictures, wherever they lie.
        classes: A name per label.
        image_shape: (height, width, channels).
        sizes: Images per split.
        read: From a split's name to the arrays of that split, and of others that came along.
        fit: "garment" (pictures as Fashion-MNIST's are) or "resize" (the user's own, resized and nothing else).
        decided: What else was decided for all of the user's own pictures, for `preprocessing.treatment`.
    """

    name: str
    source: str
    checksum: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    sizes: Mapping[str, int]
    read: Callable[[str], Mapping[str, Arrays]] = field(repr=False)
    fit: str = "garment"
    decided: Mapping[str, Any] = field(default_factory=dict)
    _kept: dict[str, Arrays] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def pixels(self, split: str) -> np.ndarray:
        """All pixels of a split.

        Returns:
            uint8 (n, h, w, c), read-only.

        Raises:
            DataError: For an unknown split, or files that turn out to be damaged.
        """
        return self._arrays(split)[0]

    def labels(self, split: str) -> np.ndarray:
        """All labels of a split, as indices into `classes`.

        Returns:
            uint8 (n,), read-only; int32 with more than 256 classes.

        Raises:
            DataError: As `pixels`.
        """
        return self._arrays(split)[1]

    def images(self, split: str, n: int | None = None) -> np.ndarray:
        """The first images of a split, as a network takes them.

        Args:
            split: "train", "validation" or "test".
            n: How many, 1 or more; all if there are fewer or n is None.

        Returns:
            float32 (n, h, w, c) in [0, 1].

        Raises:
            DataError: As `pixels`, or for an n below 1.
        """
        if n is not None and n < 1:
            raise DataError(f"n must be 1 or more, got {n}. Leave it out for all of {self.title(split)}.")
        images = self.pixels(split)[:n].astype(np.float32)
        # in place: the train split takes 172 MB
        images /= 255
        return images

    def describe(self) -> dict[str, Any]:
        """Description of the data for a run's or a model's config.json, ready for JSON."""
        return {
            "name": self.name,
            "source": self.source,
            "checksum": self.checksum,
            "sizes": dict(self.sizes),
            "classes": list(self.classes),
            "image_shape": list(self.image_shape),
            "fit": self.fit,
            **self.decided,
        }

    def title(self, split: str) -> str:
        """Caption of a split, such as "Fashion-MNIST test, 10,000 images"."""
        _check_split(split)
        n = self.sizes[split]
        return f"{self.name} {split}, {n:,} image{'' if n == 1 else 's'}"

    def _arrays(self, split: str) -> Arrays:
        _check_split(split)
        # two pages may ask at once: the second waits and finds the split read
        with self._lock:
            if split not in self._kept:
                for name, arrays in self.read(split).items():
                    for array in arrays:
                        array.setflags(write=False)
                    self._kept[name] = arrays
            return self._kept[split]


def split_sizes(n: int, splits: np.ndarray | None) -> dict[str, int]:
    """Images per split of n pictures; see `split_indices`."""
    return {name: len(indices) for name, indices in split_indices(n, splits).items()}


def split_indices(n: int, splits: np.ndarray | None) -> dict[str, np.ndarray]:
    """Divide pictures among the splits: as their folders say, and a random tenth where the folders leave one out.

    Always the same for the same arguments.

    Args:
        n: How many pictures there are.
        splits: The split of each picture, strings (n,); None where the folders are no split. A split that does not occur
            in it is a tenth of the train pictures.

    Returns:
        For each split the indices of its pictures, int64.
    """
    rng = np.random.default_rng(0)
    given = {} if splits is None else {name: np.flatnonzero(splits == name) for name in ("test", "validation", "train")}
    pool = rng.permutation(n) if splits is None else rng.permutation(given["train"])
    held_out, parts = max(1, round(len(pool) / 10)), {}
    for name in ("test", "validation"):
        if len(given.get(name, ())):
            parts[name] = given[name]
        else:
            parts[name], pool = pool[:held_out], pool[held_out:]
    return {**parts, "train": pool if splits is None else np.sort(pool)}


def own_name(name: str) -> str:
    """Name of the user's own pictures: their file's, marked if it sounds like a built-in set.

    >>> own_name("cats"), own_name("fashion_mnist-v2")
    ('cats', 'fashion_mnist-v2 (own pictures)')
    """
    letters = "".join(letter for letter in name.casefold() if letter.isalnum())
    sounds_built_in = letters.startswith(("fashionmnist", "drawnclothes")) and not name.endswith(OWN_SUFFIX)
    return f"{name}{OWN_SUFFIX}" if sounds_built_in else name


def checksum(*arrays: np.ndarray) -> str:
    """SHA-256 (hex) of arrays of whole numbers and their shapes, the same on every platform."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}".encode())
        wide = array if array.dtype == np.uint8 else array.astype("<i8")
        digest.update(np.ascontiguousarray(wide).data)
    return digest.hexdigest()


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise DataError(f"split must be one of {', '.join(SPLITS)}, got {split!r}.")
