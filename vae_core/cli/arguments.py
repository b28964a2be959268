"""What the command line takes as a name, a number or a picture's file; anything else is refused before any work is done."""

from __future__ import annotations

import argparse
import math
import unicodedata
from collections.abc import Callable
from pathlib import Path

NO_TEXT = ("Cc", "Zl", "Zp")  # Unicode's categories of control characters, line and paragraph separators


def name(text: str) -> str:
    """A path or name: not empty (it would mean the current folder), without line breaks and control characters."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; leave the option out, or name something")
    if any(unicodedata.category(character) in NO_TEXT for character in text):
        raise argparse.ArgumentTypeError(f"a name has no line breaks and no control characters, got {text!r}")
    return text


def png(text: str) -> str:
    """The name of a PNG to write."""
    if Path(name(text)).suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"the picture is written as a PNG; name it so: {Path(text).stem or 'x'}.png")
    return text


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number in low..high."""

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
    """A finite number in low..high."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # nor is nan
            raise argparse.ArgumentTypeError(f"expected a number in {low:g}..{high:g}, got {text!r}")
        return value

    return read
