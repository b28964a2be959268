"""Class names and labels from names of folders: any text becomes one that can be written, shown and told apart.

>>> labels, classes = encode(["10", "2", "10"])
>>> classes, labels.tolist()
(('2', '10'), [1, 0, 1])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vae_core.storage.names import LONGEST, clean

CLASSES_SHOWN = 20  # in a line for the user


def distinct(names: Iterable[str]) -> dict[str, str]:
    r"""Map each name to a clean one; two that would become one are numbered.

    >>> distinct(["coat", "coat\n"])
    {'coat': 'coat', 'coat\n': 'coat (2)'}
    """
    taken: set[str] = set()
    cleaned = {}
    for name in sorted(set(names)):
        base = candidate = clean(name)
        number = 2
        while candidate in taken:
            mark = f" ({number})"
            candidate = base[: LONGEST - len(mark)] + mark
            number += 1
        taken.add(candidate)
        cleaned[name] = candidate
    return cleaned


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names: by value if all are whole numbers ("2" before "10"), else by their characters."""
    names = list(names)
    if all(name.isascii() and name.removeprefix("-").isdigit() and len(name) < 19 for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def encode(names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number the classes of pictures.

    Args:
        names: The class of each picture, clean.

    Returns:
        labels: (n,) of `label_type`, indices into classes.
        classes: The names that occur, in order.
    """
    classes = tuple(in_order(set(names)))
    index = {name: i for i, name in enumerate(classes)}
    return np.array([index[name] for name in names], label_type(len(classes))), classes


def label_type(classes: int) -> type[np.unsignedinteger] | type[np.signedinteger]:
    """Dtype of the labels of so many classes: uint8 up to 256, else int32."""
    return np.uint8 if classes <= 256 else np.int32


def class_lines(labels: np.ndarray, classes: Sequence[str]) -> list[str]:
    """How many pictures there are of each class, as a line for the user.

    >>> class_lines(np.array([1, 0, 1]), ["2", "10"])
    ['3 pictures in 2 classes: 2 1, 10 2']
    """
    counts = np.bincount(labels, minlength=len(classes))
    listing = ", ".join(f"{name} {count:,}" for name, count in zip(classes[:CLASSES_SHOWN], counts, strict=False))
    more = f" and {len(classes) - CLASSES_SHOWN:,} more" if len(classes) > CLASSES_SHOWN else ""
    number = f"{len(classes):,} classes" if len(classes) > 1 else "1 class"
    return [f"{len(labels):,} pictures in {number}: {listing}{more}"]
