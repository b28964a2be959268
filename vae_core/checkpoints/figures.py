"""Figures of metrics.json as pages and tables show them: what is not in the form that `evaluate` writes is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_VALUE = 1e15  # of a figure: past it a table has no room for its digits
MAX_N = 10**12


@dataclass(frozen=True)
class Figure:
    """A measured number with what makes it one: which split, how many images, how."""

    value: float
    split: str
    n: int
    method: str

    @property
    def measured_on(self) -> str:
        """ "test, 10,000"."""
        return f"{self.split}, {self.n:,}"


def read_figure(raw: Any) -> Figure | None:
    """A figure as `evaluate` writes it, or None for anything else.

    raw: {"value": a number within ±1e15, "n": 0..1e12, "split": text, "method": text}, from a file of anybody's.
    """
    if not isinstance(raw, Mapping):
        return None
    value: Any = raw.get("value")
    n: Any = raw.get("n")
    if type(n) is not int or not 0 <= n <= MAX_N or type(value) not in (int, float):
        return None
    if not -MAX_VALUE <= value <= MAX_VALUE:  # an int of 400 digits is compared exactly; NaN is not within
        return None
    return Figure(value, clean(raw.get("split", ""), 60), n, clean(raw.get("method", ""), 600))


def read_figures(metrics: Mapping[str, Any] | None) -> dict[str, Figure]:
    """The figures of a metrics.json by name; those of another form are left out."""
    return {name: figure for name, raw in (metrics or {}).items() if (figure := read_figure(raw))}


def clean(text: Any, most: int) -> str:
    """Text of at most so many characters that can be written as UTF-8; halves of characters become "?"."""
    return str(text)[:most].encode("utf-8", "replace").decode() if isinstance(text, str) else ""
