"""Figures of metrics.json as pages and tables show them: what is not in the form that `evaluate` writes is left out.

>>> read_figure({"value": 0.5, "split": "test", "n": 10_000, "method": "SSIM"}).measured_on
'test, 10,000'
>>> read_figure({"value": "high"}) is None
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Of a figure: past it a table has no room for its digits.
MAX_VALUE = 1e15
MAX_N = 10**12


@dataclass(frozen=True)
class Figure:
    """A measured number with what makes it one.

    Attributes:
        value: The number, within ±1e15.
        split: Split of the data set that it was measured on.
        n: Number of images.
        method: How it was computed.
    """

    value: float
    split: str
    n: int
    method: str

    @property
    def measured_on(self) -> str:
        """Split and number of images: "test, 10,000"."""
        return f"{self.split}, {self.n:,}"


def read_figure(raw: Any) -> Figure | None:
    """Read a figure as `evaluate` writes it.

    Args:
        raw: From a file of anybody's. Expected is {"value": a number within ±1e15, "n": 0..1e12, "split": text,
            "method": text}.

    Returns:
        The figure; None for anything else.
    """
    if not isinstance(raw, Mapping):
        return None
    value: Any = raw.get("value")
    n: Any = raw.get("n")
    if type(n) is not int or not 0 <= n <= MAX_N or type(value) not in (int, float):
        return None
    # A whole number of 400 digits is compared exactly; NaN is not within.
    if not -MAX_VALUE <= value <= MAX_VALUE:
        return None
    return Figure(value, clean(raw.get("split", ""), 60), n, clean(raw.get("method", ""), 600))


def read_figures(metrics: Mapping[str, Any] | None) -> dict[str, Figure]:
    """Figures of a metrics.json by name; those of another form are left out.

    Args:
        metrics: Content of the file; None for no file.

    Returns:
        Name -> figure.
    """
    return {name: figure for name, raw in (metrics or {}).items() if (figure := read_figure(raw))}


def clean(text: Any, most: int) -> str:
    """Text of at most `most` characters that can be written as UTF-8.

    Args:
        text: From a file of anybody's.
        most: Number of characters.

    Returns:
        The text, with "?" for halves of characters; "" for anything else than text.
    """
    return str(text)[:most].encode("utf-8", "replace").decode() if isinstance(text, str) else ""
