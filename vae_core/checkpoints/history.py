"""A model's losses over epochs, read from history.csv or a run's metrics.jsonl, thinned to what a chart can show."""

from __future__ import annotations

import csv
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.runs import metrics_log
from vae_core.storage.records import FileProblem, read_bytes

LOSSES = ("loss", "reconstruction_loss", "kl_loss")
COLUMNS = {*LOSSES, *(f"val_{loss}" for loss in LOSSES)}
POINTS = 400  # of a curve: more than a chart has pixels for
MAX_HISTORY = 16_000_000  # bytes: 100,000 epochs
MAX_LOSS = 1e12  # nats: a run that diverged so far has no curve to show

Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # quantity -> epochs (n,), nats (n,); val_ for validation


def curves(path: Path) -> Curves:
    """The losses over epochs: of history.csv, or while that has fewer than three, of the run's metrics.jsonl."""
    rows = read_history(path / "history.csv")
    if len(rows) >= 3 or not (path / "metrics.jsonl").exists():
        names = [name for loss in LOSSES for name in (loss, f"val_{loss}")]
        return {
            name: thin(epochs_of(rows), np.array([row.get(name, math.nan) for row in rows]))
            for name in names
            if any(name in row for row in rows)
        }
    found: Curves = {}
    for kind, prefix in (("step", ""), ("validation", "val_")):
        names = [prefix + loss for loss in LOSSES]
        epochs, *losses = metrics_log.table(path, kind, ("epoch", *names)).T
        for name, values in zip(names, losses, strict=True):
            known = np.isfinite(epochs) & np.isfinite(values)
            if known.any():
                found[name] = thin(epochs[known], values[known])
    return found


def epochs_of(rows: list[dict[str, float]]) -> np.ndarray:
    """(n,) epochs from 1, ascending: as the rows say, which lack those that were lost to a kill; else counted."""
    said = np.array([row.get("epoch", math.nan) for row in rows]) + 1
    if len(said) and said[0] >= 1 and (np.diff(said) > 0).all():
        return said
    return np.arange(1.0, len(rows) + 1)


def thin(x: np.ndarray, y: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` of (n,) twice, each the mean of its neighbours: nothing is hidden, but smoothed."""
    if len(x) <= points:
        return x, y
    parts = np.array_split(np.arange(len(x)), points)
    return np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])


def read_history(path: Path) -> list[dict[str, float]]:
    """The rows of a history.csv, each epoch once, as it was done last.

    What is no finite number is left out, and whatever follows a damaged line too.
    """
    rows: list[dict[str, float]] = []
    places: dict[float, int] = {}  # of the epochs in rows
    with suppress(FileProblem, csv.Error):  # a field of more than 128 kB, a NUL
        for raw in csv.DictReader(read_bytes(path, MAX_HISTORY).decode(errors="replace").splitlines()):
            numbers = {str(name): number for name, text in raw.items() if (number := _number(text)) is not None}
            if not numbers.keys() & COLUMNS:
                continue
            place = places.setdefault(numbers.get("epoch", -1.0 - len(rows)), len(rows))
            rows[place : place + 1] = [numbers]
    return rows


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if abs(number) <= MAX_LOSS else None  # NaN is not
