"""A model's losses over epochs, read from history.csv or a run's metrics.jsonl, thinned to what a chart can show.

>>> epochs, losses = thin(np.arange(1000.0), np.linspace(300, 250, 1000), points=5)
>>> len(epochs), losses.round().tolist()
(5, [295.0, 285.0, 275.0, 265.0, 255.0])
"""

from __future__ import annotations

import csv
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.runs import metrics_log
from vae_core.storage.errors import FileProblem
from vae_core.storage.records import read_bytes

LOSSES = ("loss", "reconstruction_loss", "kl_loss")
COLUMNS = {*LOSSES, *(f"val_{loss}" for loss in LOSSES)}
# Of a curve: more than a chart has pixels for.
POINTS = 400
# Bytes: 100,000 epochs.
MAX_HISTORY = 16_000_000
# Nats: a run that diverged so far has no curve to show.
MAX_LOSS = 1e12

# Quantity -> epochs (n,), nats (n,); val_ for validation.
Curves = dict[str, tuple[np.ndarray, np.ndarray]]


def curves(path: Path) -> Curves:
    """Losses over epochs: of history.csv, or while that has fewer than three, of the run's metrics.jsonl.

    Args:
        path: A checkpoint folder or run directory.

    Returns:
        Quantity -> epochs from 1, ascending, and nats, both (n,), n of `POINTS` at most.
    """
    rows = read_history(path / "history.csv")
    if len(rows) >= 3 or not (path / "metrics.jsonl").exists():
        names = [name for loss in LOSSES for name in (loss, f"val_{loss}")]
        return {
            name: thin(epochs_of(rows), np.array([row.get(name, math.nan) for row in rows]))
            for name in names
            if any(name in row for row in rows)
        }
    by_name: Curves = {}
    for kind, prefix in (("step", ""), ("validation", "val_")):
        names = [prefix + loss for loss in LOSSES]
        epochs, *losses = metrics_log.table(path, kind, ("epoch", *names)).T
        for name, values in zip(names, losses, strict=True):
            finite = np.isfinite(epochs) & np.isfinite(values)
            if finite.any():
                by_name[name] = thin(epochs[finite], values[finite])
    return by_name


def epochs_of(rows: list[dict[str, float]]) -> np.ndarray:
    """Epoch of each row, from 1: as the rows say, which lack those that were lost to a kill; else counted.

    Args:
        rows: As `read_history` gives them.

    Returns:
        (n,) float64, ascending.
    """
    epochs = np.array([row.get("epoch", math.nan) for row in rows]) + 1
    if len(epochs) and epochs[0] >= 1 and (np.diff(epochs) > 0).all():
        return epochs
    return np.arange(1.0, len(rows) + 1)


def thin(x: np.ndarray, y: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Thin a curve: each point that is left is the mean of its neighbours, so nothing is hidden, but smoothed.

    Args:
        x: (n,).
        y: (n,).
        points: How many are left at most.

    Returns:
        x and y of the points that are left.
    """
    if len(x) <= points:
        return x, y
    parts = np.array_split(np.arange(len(x)), points)
    return np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])


def read_history(path: Path) -> list[dict[str, float]]:
    """Rows of a history.csv, each epoch once, as it was done last.

    Args:
        path: The file; need not exist.

    Returns:
        Column -> number for each row. What is no finite number is left out, and whatever follows a damaged line too.
    """
    rows: list[dict[str, float]] = []
    # Where each epoch lies in rows.
    places: dict[float, int] = {}
    # csv.Error: a field of more than 128 kB, a NUL.
    with suppress(FileProblem, csv.Error):
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
    # NaN is not below anything.
    return number if abs(number) <= MAX_LOSS else None
