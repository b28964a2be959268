"""history.csv: a row an epoch with the means of its batches and of the validation after it, as Keras' CSVLogger writes it.

Unlike that one it holds each epoch once, whatever was killed and done again. `epoch` counts from 0.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     history = History(Path(folder, "history.csv"))
...     history.on_epoch_end(0, {"loss": 250.5})
...     history.path.read_text().splitlines()
['epoch,loss', '0,250.5']
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from vae_core.storage.files import write_bytes


class History(keras.callbacks.Callback):
    """Callback that adds a row at the end of each epoch.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Add to a file, which may not be there yet."""
        super().__init__()
        self.path = path

    def epochs(self) -> set[int]:
        """Return the epochs that have a row."""
        return {int(row["epoch"]) for row in self._rows()[1]}

    def forget_from(self, epoch: int) -> None:
        """Leave out the rows of epochs that will be done again, and what a kill has torn."""
        if self.path.exists():
            names, rows = self._rows()
            if names and "epoch" not in names:  # no history of ours: put aside, not lost
                self.path.replace(self.path.with_name("history.csv.damaged"))
                return
            self._write(names, [row for row in rows if int(row["epoch"]) < epoch])

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the epoch's row after those that are there, in place of an earlier one of its own."""
        names, rows = self._rows()
        row = {"epoch": str(epoch), **{name: str(float(value)) for name, value in (logs or {}).items()}}
        new = sorted(set(row) - set(names) - {"epoch"})
        self._write([*(names or ["epoch"]), *new], [*(old for old in rows if int(old["epoch"]) != epoch), row])

    def _rows(self) -> tuple[list[str], list[dict[str, str]]]:
        """Read the names of the columns, and the rows that are whole and name their epoch."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return [], []
        whole = text[: text.rfind("\n") + 1]
        reader = csv.DictReader(io.StringIO(whole))
        names = list(reader.fieldnames or [])
        rows = [row for row in reader if None not in row and None not in row.values()]
        return names, [row for row in rows if (row.get("epoch") or "").isdigit()]

    def _write(self, names: list[str], rows: list[dict[str, str]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, names or ["epoch"], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_bytes(self.path, text.getvalue().encode())


class EpochSums(keras.callbacks.Callback):
    """Callback that carries the sums of an epoch over a stop: its row in history.csv is of all of its batches."""

    def __init__(self) -> None:
        """Begin without sums."""
        super().__init__()
        self._begun: list[np.ndarray] = []

    def restore(self, sums: list[np.ndarray], at_the_end: bool) -> None:
        """Take the sums of an epoch that was begun.

        Args:
            sums: Values of the model's `metrics_variables`, in their order; empty in the state of an older program.
            at_the_end: Whether all batches of the epoch were trained, so that the next thing to come is its validation.
        """
        if len(sums) != len(self.model.metrics_variables):
            return
        self._begun = sums
        if at_the_end:
            self._assign()

    def result(self) -> dict[str, float]:
        """Return the means of the epoch whose batches were all trained before the stop; empty where they were not kept."""
        if not self._begun:
            return {}
        figures = {name: float(value) for name, value in self.model.get_metrics_result().items()}
        self._begun = []
        return figures

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Put the sums into the model, whose own `fit` has just set to zero."""
        self._assign()
        self._begun = []

    def _assign(self) -> None:
        for variable, value in zip(self.model.metrics_variables, self._begun, strict=False):
            variable.assign(value)
