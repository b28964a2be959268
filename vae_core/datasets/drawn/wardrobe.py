"""Drawn clothes: a data set of ten classes of garments, for when Fashion-MNIST cannot be had.

Every picture is drawn by geometric rule (`garments.py`, `footwear.py`) with random cut, shade, cloth, print and straps, in
the layout of Fashion-MNIST: a light garment on black, the longest side fills the frame, shoes point left. No pixel of the
real set is in here. The same arguments give the same bytes on every machine.

>>> pixels, labels = draw(4, seed=0, classes=[0, 9])
>>> pixels.shape, sorted(labels.tolist())
((4, 28, 28, 1), [0, 0, 9, 9])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vae_core.datasets.drawn import footwear, garments
from vae_core.datasets.drawn.brushes import SIDE, Dice, Field, clamp
from vae_core.datasets.fashion_mnist import CLASSES

__all__ = ["CLASSES", "draw", "draw_class"]

_DRAWINGS: tuple[Callable[[Dice], Field], ...] = (
    garments.t_shirt,
    garments.trouser,
    garments.pullover,
    garments.dress,
    garments.coat,
    footwear.sandal,
    garments.shirt,
    footwear.sneaker,
    garments.bag,
    footwear.ankle_boot,
)
_BATCH = 64  # pictures drawn at a time: their arrays stay in the processor's cache

Images = NDArray[np.uint8]


def draw(n: int, seed: int = 0, classes: Sequence[int] | None = None) -> tuple[Images, NDArray[np.uint8]]:
    """Draw garments, as many of each class (± 1), in shuffled order.

    Args:
        n: How many, 0 or more.
        seed: 0 or more; the same one gives the same pictures.
        classes: Labels 0..9 to draw, all ten if None.

    Returns:
        Pixels uint8 (n, 28, 28, 1) and labels uint8 (n,).

    Raises:
        ValueError: For a bad n, seed or label.
    """
    _check_count(n, "n")
    _check_count(seed, "seed")
    chosen = _check_labels(range(len(CLASSES)) if classes is None else classes)
    labels = np.array(chosen, np.uint8)[np.arange(n) % len(chosen)]
    shuffler = np.random.default_rng([seed, len(CLASSES)])
    labels = labels[np.argsort(shuffler.random(n), kind="stable")]
    pixels = np.empty((n, SIDE, SIDE, 1), np.uint8)
    for label in chosen:
        places = np.flatnonzero(labels == label)
        pixels[places] = draw_class(label, len(places), seed)
    return pixels, labels


def draw_class(label: int, n: int, seed: int = 0) -> Images:
    """Draw garments of one class.

    Args:
        label: 0..9.
        n: How many, 0 or more.
        seed: 0 or more. The first pictures do not depend on how many follow.

    Returns:
        Pixels uint8 (n, 28, 28, 1).

    Raises:
        ValueError: For a bad label, n or seed.
    """
    _check_count(n, "n")
    _check_count(seed, "seed")
    (label,) = _check_labels([label])
    pixels = np.empty((n, SIDE, SIDE, 1), np.uint8)
    for start in range(0, n, _BATCH):
        count = min(_BATCH, n - start)
        # a batch is always drawn whole, so that the first pictures do not depend on how many follow
        canvas = _DRAWINGS[label](Dice(np.random.default_rng([seed, label, start]), _BATCH))
        pixels[start : start + count, :, :, 0] = sharpen(canvas)[:count] * np.float32(255) + np.float32(0.5)
    return pixels


def sharpen(canvas: Field, strength: float = 0.8) -> Field:
    """Sharpen (n, 28, 28) and limit to [0, 1]: Fashion-MNIST's makers did, hence its bright rims (Xiao et al. 2017, 2)."""
    wide = np.pad(canvas, ((0, 0), (1, 1), (1, 1)))
    rows = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    blurred = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) * np.float32(1 / 16)
    return clamp(canvas + strength * (canvas - blurred))


def _check_count(value: int, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, got {value!r}.")


def _check_labels(labels: Sequence[int]) -> list[int]:
    chosen = list(labels)
    last = len(CLASSES) - 1
    names = ", ".join(f"{number} {name}" for number, name in enumerate(CLASSES))
    for label in chosen:
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)) or not 0 <= label <= last:
            raise ValueError(f"a class must be a whole number in 0..{last}, got {label!r}. They are: {names}.")
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"classes must name each class once and at least one, got {chosen}. They are: {names}.")
    return [int(label) for label in chosen]
