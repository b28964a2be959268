"""Get a data set by name or path: Fashion-MNIST, drawn clothes, or the user's own pictures.

>>> load("drawn").title("test")
'drawn clothes test, 2,000 images'
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vae_core.datasets import fashion_mnist, image_folders
from vae_core.datasets.dataset import (
    DRAWN_NAME,
    FASHION_NAME,
    OWN_SOURCE,
    SPLITS,
    Arrays,
    Dataset,
    checksum,
    own_name,
    split_indices,
)
from vae_core.datasets.idx_folders import Pair, pairs_among, pairs_in, read_pairs, summarize_pairs
from vae_core.datasets.image_folders import PictureSummary
from vae_core.datasets.image_sources import ImageSource, left_out_lines, zip_files
from vae_core.datasets.npz_arrays import read_npz, summarize_npz
from vae_core.settings import expanded
from vae_core.storage import limits
from vae_core.storage.errors import DataError
from vae_core.storage.names import clean

HELD_OUT = 5_000  # of Fashion-MNIST's 60,000 original train images, for validation
DRAWN = {"train": 20_000, "validation": 2_000, "test": 2_000}  # each drawn from a seed of its own, in this order

_ready: list[Dataset] = []  # read ahead by `make_ready`: none or one

Notify = Callable[[str], None]
Progress = Callable[[int, int], None]


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
    """Load the data set that `--data` names.

    Args:
        name: "auto" (Fashion-MNIST if it can be had, else drawn clothes, with a loud line to `notify`), "fashion",
            "drawn", or the path of a folder, a .zip or an .npz.
        notify: Takes a line for the user.
        progress: Called with (done, total): bytes of a download, or pictures read.
        image_shape: (height, width, channels) of the user's own pictures; None: theirs if all are of one size that a
            model takes, else 28×28×1.
        fit: What is done to the user's own pictures, see `preprocessing.prepare`.

    Raises:
        DataError: Where `name` is none of these, its files are of no use, or Fashion-MNIST was asked for by name and
            cannot be had; the message says the way out.
    """
    if not str(name).strip():
        raise DataError("the data set's name is empty. Name fashion, drawn, or a folder, zip or .npz of pictures.")
    if name == "drawn":
        return _or_ready(_drawn())
    if name == "fashion":
        return _or_ready(_fashion(*_find_or_fetch(notify, progress)))
    if name == "auto":
        try:
            return _or_ready(_fashion(*_find_or_fetch(notify, progress, strict=False)))
        except DataError as error:
            reason = str(error).split(". ")[0]
            notify(
                f"WARNING: going on with DRAWN CLOTHES, which are not Fashion-MNIST. {reason}. "
                f"For the real images, set {fashion_mnist.VARIABLE} to the folder of its four files."
            )
            return _or_ready(_drawn())
    _ready.clear()
    path = expanded(name)
    if path.is_dir():
        return _any_folder(path, image_shape, fit, notify, progress)
    if path.is_file() and path.suffix.lower() in (".zip", ".npz"):
        reader = from_zip if path.suffix.lower() == ".zip" else from_npz
        return reader(path, image_shape, notify=notify, progress=progress, fit=fit)
    kind = "is neither a folder nor a .zip or .npz" if path.exists() else "does not exist"
    raise DataError(f"data must be auto, fashion, drawn, or the path of a folder, .zip or .npz; {str(name)!r} {kind}.")


def load_local() -> Dataset:
    """Load the best data set without asking the network: Fashion-MNIST if it is on this machine, else drawn clothes."""
    folder = fashion_mnist.find_fashion()
    if folder is None:
        return _drawn()
    cached = folder == fashion_mnist.keras_cache()
    return _fashion(folder, "Keras' cache" if cached else f"the folder in {fashion_mnist.VARIABLE}")


def make_ready() -> None:
    """Read what `load_local` gives, so that the next `load` of it in this process need not."""
    dataset = load_local()
    for split in SPLITS:
        dataset.pixels(split)
    _ready[:] = [dataset]


def _or_ready(dataset: Dataset) -> Dataset:
    """The data set that was read ahead, if it is this one; either way it is kept no more."""
    same = [ready for ready in _ready if (ready.checksum, ready.source) == (dataset.checksum, dataset.source)]
    _ready.clear()
    return same[0] if same else dataset


def from_folder(
    path: str | Path,
    image_shape: tuple[int, int, int] | None = None,
    *,
    notify: Notify | None = None,
    progress: Progress | None = None,
    fit: str = "resize",
) -> Dataset:
    """Load the user's pictures from a folder whose sub-folders are the classes.

    Args:
        path: The folder. Folders in it called train, test and validation are the split.
        image_shape: (height, width, channels); None: theirs, if all are of one size that a model takes, else 28×28×1.
        notify: Takes the classes and what was left out, a line each.
        progress: Called with (done, total) pictures.
        fit: See `preprocessing.prepare`; what is decided is decided once for all pictures.

    Raises:
        DataError: Naming the file that is at fault.
    """
    path = expanded(path)
    images = image_folders.read_folder(path, image_shape, fit, progress)
    return _own(path.resolve().name, "folder", images, fit, notify)


def from_zip(
    path: str | Path,
    image_shape: tuple[int, int, int] | None = None,
    *,
    notify: Notify | None = None,
    progress: Progress | None = None,
    fit: str = "resize",
) -> Dataset:
    """Load the user's pictures from a zip, which is read in memory; everything else as `from_folder`."""
    path = expanded(path)
    with zip_files(path) as source:
        pairs = pairs_among(path, source.files)
        if pairs:
            images = read_pairs(path, pairs, image_shape, fit, progress)
            images.lines += _beside(source, pairs)
            return _own(path.stem, "zip of IDX files", images, fit, notify)
    return _own(path.stem, "zip", image_folders.read_zip(path, image_shape, fit, progress), fit, notify)


def summarize(path: Path) -> PictureSummary:
    """Tell what a folder, a zip or an .npz of the user's holds, at little cost in time and memory.

    Raises:
        DataError: As `load`, for what can be told from names, headers and labels.
    """
    if path.is_dir():
        pairs = pairs_in(path)
        return summarize_pairs(path, pairs) if pairs else image_folders.summarize_folder(path)
    if path.suffix.lower() == ".npz":
        return summarize_npz(path)
    with zip_files(path) as source:
        pairs = pairs_among(path, source.files)
        if pairs:
            summary = summarize_pairs(path, pairs)
            return summary._replace(lines=(*summary.lines, *_beside(source, pairs)))
    return image_folders.summarize_zip(path)


def _beside(source: ImageSource, pairs: list[Pair]) -> list[str]:
    """What a zip holds beside its IDX files, as lines for the user."""
    taken = {file.read for pair in pairs for file in (pair.images, pair.labels)}
    others = [str(file.name) for file in source.files if file.read not in taken]
    return left_out_lines({**source.left_out, **({"no IDX files": others} if others else {})}, {})


def from_npz(
    path: str | Path,
    image_shape: tuple[int, int, int] | None = None,
    *,
    notify: Notify | None = None,
    progress: Progress | None = None,
    fit: str = "resize",
) -> Dataset:
    """Load the user's pictures from `images` (and `labels`) of an .npz; everything else as `from_folder`.

    The forms that are read are `npz_arrays.read_npz`'s. With image_shape None the images stay as they are.
    """
    path = expanded(path)
    return _own(path.stem, ".npz", read_npz(path, image_shape, fit, progress), fit, notify)


def _any_folder(
    path: Path, image_shape: tuple[int, int, int] | None, fit: str, notify: Notify, progress: Progress | None
) -> Dataset:
    """A folder of Fashion-MNIST's four files, of other IDX files, or of pictures."""
    if fashion_mnist.looks_like_fashion(path) and fashion_mnist.problem_with(path) is None:
        return _fashion(path, f"the folder {path.resolve().name}")
    pairs = pairs_in(path)
    # MNIST and its relatives, whose files have the same names
    if pairs:
        images = read_pairs(path, pairs, image_shape, fit, progress)
        return _own(path.resolve().name, "folder of IDX files", images, fit, notify)
    return from_folder(path, image_shape, notify=notify, progress=progress, fit=fit)


def _find_or_fetch(notify: Notify, progress: Progress | None, strict: bool = True) -> tuple[Path, str]:
    """The folder with Fashion-MNIST's four files, and what to call where they are from."""
    try:
        folder = fashion_mnist.named_folder()
    except DataError as error:
        if strict:
            raise
        notify(f"WARNING: {error}")
        folder = None
    if folder is not None:
        return folder, f"the folder in {fashion_mnist.VARIABLE}"
    cache = fashion_mnist.keras_cache()
    if fashion_mnist.problem_with(cache) is None:
        return cache, "Keras' cache"
    notify(f"Fashion-MNIST is not on this machine: downloading 31 MB to {cache}")
    return fashion_mnist.fetch_fashion(progress), "Keras' download"


def _fashion(folder: Path, where: str) -> Dataset:
    def read(split: str) -> dict[str, Arrays]:
        if split == "test":
            return {"test": fashion_mnist.read_split(folder, "test")}
        pixels, labels = fashion_mnist.read_split(folder, "train")
        order = np.random.default_rng(0).permutation(len(pixels))
        parts = {"validation": order[:HELD_OUT], "train": order[HELD_OUT:]}
        return {name: (pixels[indices], labels[indices]) for name, indices in parts.items()}

    return Dataset(
        FASHION_NAME,
        f"photographs by Zalando Research, from {where}; validation is 5,000 of the 60,000 train images",
        fashion_mnist.CHECKSUM,
        fashion_mnist.CLASSES,
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
        checksum(*(array for pair in sample for array in pair), np.array(list(DRAWN.values()))),
        tuple(wardrobe.CLASSES),
        (28, 28, 1),
        dict(DRAWN),
        read,
    )


def _own(name: str, kind: str, images: image_folders.UserImages, fit: str, notify: Notify | None) -> Dataset:
    name = own_name(clean(name))
    pixels, labels, classes, splits = images.pixels, images.labels, images.classes, images.splits
    n = len(pixels)
    parts = split_indices(n, splits) if n else {}
    if n < 3 or not all(len(indices) for indices in parts.values()):
        raise DataError(
            f"{name} holds {n} picture{'' if n == 1 else 's'}, at least 3 are needed: one each for train, validation and test."
        )
    _check_classes(name, classes)
    if notify:
        for line in images.lines:
            notify(f"{name}: {line}.")
    arrays = {part: (pixels[indices], labels[indices]) for part, indices in parts.items()}
    count = f"{len(classes):,} classes" if len(classes) > 1 else "1 class"
    height, width, channels = pixels.shape[1:]
    decided = {"white": images.white, "backdrop": images.backdrop, "inverted": images.inverted}
    return Dataset(
        name,
        f"{OWN_SOURCE} {n:,} pictures in {count}, from a {kind}; {_split_origin(splits)}",
        checksum(pixels, labels, *(() if splits is None else (np.searchsorted(sorted(SPLITS), splits),))),
        classes,
        (height, width, channels),
        {part: len(parts[part]) for part in SPLITS},
        lambda _: arrays,
        fit,
        {key: value for key, value in decided.items() if value},
    )


def _check_classes(name: str, classes: tuple[str, ...]) -> None:
    """`DataError` for more classes, or longer names, than config.json can hold."""
    size = sum(len(json.dumps(label)) + 6 for label in classes)
    if len(classes) > limits.CLASSES or size > limits.CLASS_NAMES:
        raise DataError(
            f"{name} has {len(classes):,} classes, whose names take {size:,} bytes; at most {limits.CLASSES:,} and "
            f"{limits.CLASS_NAMES:,} are kept with a model. Put several classes into one, or shorten their folders' names."
        )


def _split_origin(splits: np.ndarray | None) -> str:
    """Which splits the folders gave and which were drawn at random, as half a sentence."""
    given = [] if splits is None else [part for part in SPLITS if (splits == part).any()]
    drawn = [part for part in SPLITS[1:] if part not in given]
    clauses = [f"{', '.join(given)} as its folders say"] if given else []
    if drawn:
        verb, each = ("are", " each") if len(drawn) > 1 else ("is", "")
        clauses.append(f"{' and '.join(drawn)} {verb} a random tenth{each}{' of train' if given else ''}")
    return "; ".join(clauses)
