"""Which pictures: Fashion-MNIST, drawn clothes, or the user's own; what they are called, and how they are split.

dataset = load("auto")
dataset.images("test", 16)  # float32 (16, 28, 28, 1)
dataset.title("test")       # "Fashion-MNIST test, 10,000 images"
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.datasets import fashion_mnist as fashion
from vae_core.datasets import image_folders as owndata
from vae_core.datasets import npz_arrays as ownarrays
from vae_core.datasets.fashion_mnist import fetch_fashion, find_fashion
from vae_core.datasets.idx import DataError
from vae_core.datasets.idx_folders import pairs_in, read_pairs
from vae_core.datasets.image_folders import split
from vae_core.storage import limits
from vae_core.storage.names import clean

__all__ = [
    "SPLITS",
    "DataError",
    "Dataset",
    "fetch_fashion",
    "find_fashion",
    "from_folder",
    "from_npz",
    "from_zip",
    "here",
    "load",
]

SPLITS = ("train", "validation", "test")
FASHION_NAME, DRAWN_NAME = "Fashion-MNIST", "drawn clothes"
OWN_SOURCE = "the user's own"  # how the source of pictures of the user's own begins
OWN_SUFFIX = " (own pictures)"
HELD_OUT = 5_000  # of Fashion-MNIST's 60,000 original train images, for validation
DRAWN = {"train": 20_000, "validation": 2_000, "test": 2_000}  # each drawn from a seed of its own, in this order

Arrays = tuple[np.ndarray, np.ndarray]
Notify = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures with labels in three splits, read when they are first asked for and kept.

    name: "Fashion-MNIST", "drawn clothes" or the stem of the user's file. source: where they are from, for a person.
    checksum: SHA-256 (hex) that is the same for the same pictures, wherever they lie. classes: a name per label.
    image_shape: (height, width, channels). sizes: images per split.
    read: a split's name -> the arrays of that split, and of others that came along.
    fit: "garment" (pictures as Fashion-MNIST's are) or "resize" (the user's own, resized and nothing else).
    decided: what else was decided for all of the user's own pictures, for `preprocessing.treatment`.
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
        """uint8 (n, h, w, c), read-only. `DataError` for an unknown split or files that turn out to be damaged."""
        return self._arrays(split)[0]

    def labels(self, split: str) -> np.ndarray:
        """uint8 (n,), read-only: indices into `classes` (int32 with more than 256 classes)."""
        return self._arrays(split)[1]

    def images(self, split: str, n: int | None = None) -> np.ndarray:
        """float32 (n, h, w, c) in [0, 1]: the first n (all, if there are fewer or n is None)."""
        if n is not None and n < 1:
            raise DataError(f"n must be 1 or more, got {n}. Leave it out for all of {self.title(split)}.")
        images = self.pixels(split)[:n].astype(np.float32)
        images /= 255  # in place: the train split takes 172 MB
        return images

    def describe(self) -> dict[str, Any]:
        """What a run or a model card keeps about its data, ready for JSON."""
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
        """For a caption: "Fashion-MNIST test, 10,000 images"."""
        _known(split)
        n = self.sizes[split]
        return f"{self.name} {split}, {n:,} image{'' if n == 1 else 's'}"

    def _arrays(self, split: str) -> Arrays:
        _known(split)
        with self._lock:  # two pages may ask at once; the second waits and finds it read
            if split not in self._kept:
                for name, arrays in self.read(split).items():
                    for array in arrays:
                        array.setflags(write=False)
                    self._kept[name] = arrays
            return self._kept[split]


def _to_stderr(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def load(
    name: str | Path = "auto",
    *,
    notify: Notify = _to_stderr,
    progress: Progress | None = None,
    image_shape: tuple[int, int, int] | None = None,
    fit: str = "resize",
) -> Dataset:
    """The data set that `--data` names.

    name: "auto" (Fashion-MNIST if it can be had, else drawn clothes, said in one loud line), "fashion" (`DataError` with
        the way out if it cannot be had), "drawn", or the path of a folder, a .zip or an .npz.
    notify: takes a line for the user. progress(done, total): bytes of a download, or pictures read.
    image_shape: of the user's own pictures; None is theirs if all are of one size that a model takes, else 28×28×1.
    fit: what is done to the user's own pictures, see `preprocessing.prepare`.
    """
    if not str(name).strip():
        raise DataError("the data set's name is empty. Name fashion, drawn, or a folder, zip or .npz of pictures.")
    if name == "drawn":
        return _drawn()
    if name == "fashion":
        return _fashion(*_find_or_fetch(notify, progress))
    if name == "auto":
        try:
            return _fashion(*_find_or_fetch(notify, progress, strict=False))
        except DataError as error:
            reason = str(error).split(". ")[0]
            notify(
                f"WARNING: going on with DRAWN CLOTHES, which are not Fashion-MNIST. {reason}. "
                f"For the real images, set {fashion.VARIABLE} to the folder of its four files."
            )
            return _drawn()
    path = Path(name).expanduser()
    if path.is_dir():
        if fashion.looks_like_fashion(path) and fashion.problem_with(path) is None:
            return _fashion(path, f"the folder {path.resolve().name}")
        pairs = pairs_in(path)
        if pairs:  # MNIST and its relatives, whose files have the same names
            pictures = read_pairs(path, pairs, image_shape, fit, progress)
            return _own(path.resolve().name, "folder of IDX files", pictures, fit, notify)
        return from_folder(path, image_shape, notify=notify, progress=progress, fit=fit)
    if path.is_file() and path.suffix.lower() in (".zip", ".npz"):
        reader = from_zip if path.suffix.lower() == ".zip" else from_npz
        return reader(path, image_shape, notify=notify, progress=progress, fit=fit)
    kind = "is neither a folder nor a .zip or .npz" if path.exists() else "does not exist"
    raise DataError(f"data must be auto, fashion, drawn, or the path of a folder, .zip or .npz; {str(name)!r} {kind}.")


def here() -> Dataset:
    """The best data set without asking the network: Fashion-MNIST if it is on this machine, else drawn clothes."""
    folder = find_fashion()
    if folder is None:
        return _drawn()
    cached = folder == fashion.keras_cache()
    return _fashion(folder, "Keras' cache" if cached else f"the folder in {fashion.VARIABLE}")


def from_folder(
    path: str | Path,
    image_shape: tuple[int, int, int] | None = None,
    *,
    notify: Notify | None = None,
    progress: Progress | None = None,
    fit: str = "resize",
) -> Dataset:
    """The user's pictures from a folder; its sub-folders are the classes.

    image_shape None: theirs, if all are of one size that a model takes, else 28×28×1. fit: see `preprocessing.prepare`; what is
    decided is decided once for all of them. notify: takes the classes and what was left out, a line each. Raises `DataError`
    naming the file that is at fault.
    """
    path = Path(path).expanduser()
    return _own(path.resolve().name, "folder", owndata.read_folder(path, image_shape, fit, progress), fit, notify)


def from_zip(
    path: str | Path,
    image_shape: tuple[int, int, int] | None = None,
    *,
    notify: Notify | None = None,
    progress: Progress | None = None,
    fit: str = "resize",
) -> Dataset:
    """As `from_folder`, from a zip that is read in memory."""
    path = Path(path).expanduser()
    return _own(path.stem, "zip", owndata.read_zip(path, image_shape, fit, progress), fit, notify)


def from_npz(
    path: str | Path,
    image_shape: tuple[int, int, int] | None = None,
    *,
    notify: Notify | None = None,
    progress: Progress | None = None,
    fit: str = "resize",
) -> Dataset:
    """As `from_folder`, from `images` (and `labels`) of an .npz; image_shape None: as they are."""
    path = Path(path).expanduser()
    return _own(path.stem, ".npz", ownarrays.read_npz(path, image_shape, fit, progress), fit, notify)


def _find_or_fetch(notify: Notify, progress: Progress | None, strict: bool = True) -> tuple[Path, str]:
    """The folder with the four files, and what to call where they are from."""
    try:
        named = fashion.named_folder()
    except DataError as error:
        if strict:
            raise
        notify(f"WARNING: {error}")
        named = None
    if named is not None:
        return named, f"the folder in {fashion.VARIABLE}"
    cache = fashion.keras_cache()
    if fashion.problem_with(cache) is None:
        return cache, "Keras' cache"
    notify(f"Fashion-MNIST is not on this machine: downloading 31 MB to {cache}")
    return fetch_fashion(progress), "Keras' download"


def _fashion(folder: Path, where: str) -> Dataset:
    def read(split: str) -> dict[str, Arrays]:
        if split == "test":
            return {"test": fashion.read_split(folder, "test")}
        pixels, labels = fashion.read_split(folder, "train")
        order = np.random.default_rng(0).permutation(len(pixels))
        parts = {"validation": order[:HELD_OUT], "train": order[HELD_OUT:]}
        return {name: (pixels[chosen], labels[chosen]) for name, chosen in parts.items()}

    return Dataset(
        FASHION_NAME,
        f"photographs by Zalando Research, from {where}; validation is 5,000 of the 60,000 train images",
        fashion.CHECKSUM,
        fashion.CLASSES,
        (28, 28, 1),
        {"train": 55_000, "validation": HELD_OUT, "test": 10_000},
        read,
    )


def _drawn() -> Dataset:
    from vae_core.datasets.drawn import wardrobe

    seeds = {split: i for i, split in enumerate(SPLITS)}

    def read(split: str) -> dict[str, Arrays]:
        return {split: wardrobe.draw(DRAWN[split], seed=seeds[split])}

    # a sample of each seed stands for all: drawing every picture would take seconds just to name the set
    sample = [wardrobe.draw(30, seed=seed) for seed in seeds.values()]
    return Dataset(
        DRAWN_NAME,
        "garments drawn by rule, not photographs, and not Fashion-MNIST",
        _checksum(*(array for pair in sample for array in pair), np.array(list(DRAWN.values()))),
        tuple(wardrobe.CLASSES),
        (28, 28, 1),
        dict(DRAWN),
        read,
    )


def _own(name: str, kind: str, pictures: owndata.Pictures, fit: str, notify: Notify | None) -> Dataset:
    name = own_name(clean(name))
    pixels, labels, classes, splits = pictures.pixels, pictures.labels, pictures.classes, pictures.splits
    n = len(pixels)
    parts = split(n, splits) if n else {}
    if n < 3 or not all(len(places) for places in parts.values()):
        raise DataError(
            f"{name} holds {n} picture{'' if n == 1 else 's'}, at least 3 are needed: one each for train, validation and test."
        )
    written = sum(len(json.dumps(label)) + 6 for label in classes)
    if len(classes) > limits.CLASSES or written > limits.CLASS_NAMES:
        raise DataError(
            f"{name} has {len(classes):,} classes, whose names take {written:,} bytes; at most {limits.CLASSES:,} and "
            f"{limits.CLASS_NAMES:,} are kept with a model. Put several classes into one, or shorten their folders' names."
        )
    for line in pictures.lines if notify else ():
        notify(f"{name}: {line}.")  # type: ignore[misc]
    arrays = {part: (pixels[chosen], labels[chosen]) for part, chosen in parts.items()}
    count = f"{len(classes):,} classes" if len(classes) > 1 else "1 class"
    height, width, channels = pixels.shape[1:]
    named = [] if splits is None else [part for part in SPLITS if (splits == part).any()]
    drawn = [part for part in SPLITS[1:] if part not in named]
    how = f"{' and '.join(drawn)} {'are' if len(drawn) > 1 else 'is'} a random tenth{' each' if len(drawn) > 1 else ''}{' of train' if named else ''}"
    how = "; ".join([*([f"{', '.join(named)} as its folders say"] if named else []), *([how] if drawn else [])])
    decided = {"white": pictures.white, "backdrop": pictures.backdrop, "inverted": pictures.inverted}
    return Dataset(
        name,
        f"{OWN_SOURCE} {n:,} pictures in {count}, from a {kind}; {how}",
        _checksum(pixels, labels, *(() if splits is None else (np.searchsorted(sorted(SPLITS), splits),))),
        classes,
        (height, width, channels),
        {part: len(parts[part]) for part in SPLITS},
        lambda _: arrays,
        fit,
        {key: value for key, value in decided.items() if value},
    )


def own_name(name: str) -> str:
    """What pictures of the user's own are called: their file's name, and one that sounds like a built-in set is told apart."""
    letters = "".join(letter for letter in name.casefold() if letter.isalnum())
    sounds_built_in = letters.startswith(("fashionmnist", "drawnclothes")) and not name.endswith(OWN_SUFFIX)
    return f"{name}{OWN_SUFFIX}" if sounds_built_in else name


def _checksum(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}".encode())
        wide = array if array.dtype == np.uint8 else array.astype("<i8")  # the same on every platform
        digest.update(np.ascontiguousarray(wide).data)
    return digest.hexdigest()


def _known(split: str) -> None:
    if split not in SPLITS:
        raise DataError(f"split must be one of {', '.join(SPLITS)}, got {split!r}.")
