"""history.csv: a row an epoch with the means of its batches and of the validation after it, as Keras' CSVLogger writes it.

Unlike that one it holds each epoch once, whatever was killed and done again. `epoch` counts from 0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from vae_core.storage.files import write_bytes


class History(keras.callbacks.Callback):
    """Adds a row at the end of each epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def epochs(self) -> set[int]:
        """The epochs that have a row."""
        return {int(row["epoch"]) for row in self._rows()[1]}

    def forget_from(self, epoch: int) -> None:
        """Leave out the rows of epochs that will be done again, and what a kill has torn."""
        if self.path.exists():
            names, rows = self._rows()
            self._write(names, [row for row in rows if int(row["epoch"]) < epoch])

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """The epoch's row, after those that are there."""
        names, rows = self._rows()
        row = {"epoch": str(epoch), **{name: str(float(value)) for name, value in (logs or {}).items()}}
        new = sorted(set(row) - set(names) - {"epoch"})
        self._write([*(names or ["epoch"]), *new], [*(old for old in rows if int(old["epoch"]) != epoch), row])

    def _rows(self) -> tuple[list[str], list[dict[str, str]]]:
        """Names of the columns, and the rows that are whole and say their epoch."""
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
