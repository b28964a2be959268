"""What folders mean: the class of each picture, and the split where the folders are one. Names only; nothing is read.

>>> layout([PurePosixPath("set/train/boots/1.png"), PurePosixPath("set/test/boots/2.png")])
Layout(classes=['boots', 'boots'], splits=['train', 'test'])
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from vae_core.datasets.class_names import distinct
from vae_core.storage.errors import DataError

UNLABELLED = "unlabelled"
STRAY_SHARE = 0.1  # of all pictures may lie beside the class folders and be left out; more are a class of their own
SPLIT_NAMES = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLIT_NAMES |= dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), "validation")


class Layout(NamedTuple):
    """Where each picture belongs.

    Attributes:
        classes: For each picture its class; None: it lies beside the class folders and is left out.
        splits: For each picture its split; None in all where the folders are no split.
    """

    classes: list[str | None]
    splits: list[str | None] | None


def layout(names: Sequence[PurePosixPath]) -> Layout:
    """Tell the classes and splits that a person would see in these paths.

    A folder that only holds another is looked through; folders called train and test (validation, val, valid), around the
    classes or in each of them, are the split.

    Args:
        names: The pictures' paths below the folder or in the zip.

    Raises:
        DataError: Where the folders are a split only in part.
    """
    rest, strays = _unwrapped(dict(enumerate(names)))
    level, split_of = _splits(rest)
    if split_of is not None:
        below = {i: PurePosixPath(*path.parts[:level], *path.parts[level + 1 :]) for i, path in rest.items()}
        rest, more = _unwrapped(below)
        strays |= more
    labels = {i: path.parts[0] if len(path.parts) > 1 else UNLABELLED for i, path in rest.items()}
    clean = distinct(labels.values())
    classes = [clean[labels[i]] if i in labels else None for i in range(len(names))]
    return Layout(classes, None if split_of is None else [split_of.get(i) for i in range(len(names))])


Paths = dict[int, PurePosixPath]


def _unwrapped(paths: Paths) -> tuple[Paths, set[int]]:
    """The paths below the folders that only hold another one, and the few pictures that lie beside folders of pictures."""
    rest, strays, depth = dict(paths), set(), 0
    while True:
        beside = {i for i, path in rest.items() if len(path.parts) == depth + 1}
        if len(beside) <= STRAY_SHARE * len(rest):
            strays |= beside
            rest = {i: path for i, path in rest.items() if i not in beside}
        tops = {path.parts[depth] for path in rest.values()}
        wraps = len(tops) == 1 and all(len(path.parts) > depth + 1 for path in rest.values())
        if not wraps or all(len(path.parts) == depth + 2 for path in rest.values()):
            break
        depth += 1
    return {i: PurePosixPath(*path.parts[depth:]) for i, path in rest.items()}, strays


def _splits(paths: Paths) -> tuple[int, dict[int, str] | None]:
    """The split of each picture, and the level of the folder that says so, 0 or 1; None where there is no split."""
    for level in (0, 1):
        words = {i: _word(path, level) for i, path in paths.items()}
        kinds = {word for word in words.values() if word}
        if len(kinds) < 2:
            continue
        others = sorted({str(PurePosixPath(*paths[i].parts[: level + 1])) for i, word in words.items() if not word})
        listing = ", ".join(sorted(kinds))
        if others:
            raise DataError(
                f"there are folders for {listing}, and beside them {', '.join(others[:3])}: it is not clear which pictures are for "
                "training. Move everything into the folders of the split, or rename them."
            )
        if "train" not in kinds:
            raise DataError(f"there are folders for {listing} but none for train. Add one, or rename them.")
        return level, {i: word for i, word in words.items() if word}
    return 0, None


def _word(path: PurePosixPath, level: int) -> str | None:
    """The split that a path's folder at a level is called after."""
    return SPLIT_NAMES.get(path.parts[level].casefold().strip("_- ")) if len(path.parts) > level + 1 else None
