"""Readers of names, numbers and pictures' files on the command line; anything else is refused before any work is done.

>>> whole(1, 100)("12"), number(0, 1)("0.5"), png("samples.png")
(12, 0.5, 'samples.png')
"""

from __future__ import annotations

import argparse
import math
import unicodedata
from collections.abc import Callable
from pathlib import Path

NO_TEXT = ("Cc", "Zl", "Zp")  # Unicode's categories of control characters, line and paragraph separators


MOST = 2**31 - 1
MODEL_HELP = "a checkpoint folder (checkpoints/fashion-2d) or a run directory (runs/demo), or its name"
OWN_HELP = (
    "other pictures than the model's own: fashion, drawn, auto, or a folder, zip or .npz of your own pictures "
    "(the data it was trained on)"
)


def name(text: str) -> str:
    """Read a path or name.

    Raises:
        ArgumentTypeError: If it is empty, which would mean the current folder, or has line breaks or control characters.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; leave the option out, or name something")
    if any(unicodedata.category(character) in NO_TEXT for character in text):
        raise argparse.ArgumentTypeError(f"a name has no line breaks and no control characters, got {text!r}")
    return text


def png(text: str) -> str:
    """Read the name of a PNG to write.

    Raises:
        ArgumentTypeError: If it is no name, or has another suffix.
    """
    if Path(name(text)).suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"the picture is written as a PNG; name it so: {Path(text).stem or 'x'}.png")
    return text


def strip_or_animation(text: str) -> str:
    """Read the name of a PNG or a GIF to write.

    Raises:
        ArgumentTypeError: If it is no name, or has another suffix.
    """
    if Path(name(text)).suffix.lower() not in (".png", ".gif"):
        stem = Path(text).stem or "x"
        raise argparse.ArgumentTypeError(
            f"it is written as a strip, {stem}.png, or as an animation, {stem}.gif; name it so"
        )
    return text


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reader of a whole number in low..high, which raises `ArgumentTypeError` for anything else."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number in {low:,}..{high:,}, got {text!r}")
        return value

    return read


def number(low: float, high: float) -> Callable[[str], float]:
    """Reader of a finite number in low..high, which raises `ArgumentTypeError` for anything else."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # nor is nan
            raise argparse.ArgumentTypeError(f"expected a number in {low:g}..{high:g}, got {text!r}")
        return value

    return read
