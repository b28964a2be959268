"""metrics.jsonl, a run's growing list of rows: the one reader for live views, estimates and histories.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     append_row(Path(folder), {"kind": "step", "step": 1, "loss": 541.5})
...     read_rows(Path(folder)), table(Path(folder), "step", ("loss",)).tolist()
([{'kind': 'step', 'step': 1, 'loss': 541.5}], [[541.5]])

A line that was torn by a kill is skipped, and so is one that is no row. When a run is resumed, what the killed trainer did after
its last checkpoint is done again: of such steps only the later rows count (`lost_after`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from vae_core.runs.formats import MAX_UNITS, Count, Number
from vae_core.storage.errors import FileMissing, FileProblem
from vae_core.storage.records import object_from, open_regular, read_tail

if TYPE_CHECKING:
    import numpy as np

FILE = "metrics.jsonl"
MAX_BYTES = 64 << 20  # of a longer file the newest so many are read: a day of training, and a second to read
MAX_LINE = 100_000  # bytes; a row of 256 units has 3,000
BLOCK = 1 << 20
HEAD = 256  # bytes: a row's figures tell one run from the next
NONE = -1  # the number of no file
TAIL_BYTES = 65_536

Take = Callable[[dict[str, Any]], None]


class Row(Struct):
    """Form of a row: which step, of which kind, and figures, which may be null where a run diverged."""

    step: Count
    kind: str | UnsetType = UNSET
    event: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    epoch: Annotated[float, Meta(ge=0, le=1e9)] | UnsetType = UNSET
    seconds: Number | UnsetType | None = UNSET
    loss: Number | UnsetType | None = UNSET
    reconstruction_loss: Number | UnsetType | None = UNSET
    kl_loss: Number | UnsetType | None = UNSET
    batch_time: Number | UnsetType | None = UNSET
    beta: Number | UnsetType | None = UNSET
    learning_rate: Number | UnsetType | None = UNSET
    kl_per_unit: Annotated[list[Number | None], Meta(max_length=MAX_UNITS)] | UnsetType | None = UNSET
    val_loss: Number | UnsetType | None = UNSET
    val_reconstruction_loss: Number | UnsetType | None = UNSET
    val_kl_loss: Number | UnsetType | None = UNSET
    old: Number | UnsetType | None = UNSET
    new: Number | UnsetType | None = UNSET


def parse(line: bytes) -> dict[str, Any] | None:
    """Read a line as a row, NaN as None; None for what is no row."""
    try:
        return object_from(line, FILE, Row)
    except FileProblem:
        return None


def lost_after(row: dict[str, Any]) -> int | None:
    """Step of a row that says that the run was resumed: rows of later steps before it do not count. None for other rows."""
    return row["step"] if row.get("event") == "resumed" else None


class MetricsLog:
    """Reader of what is new in a run's metrics.jsonl, from where it stopped the last time.

    Attributes:
        problem: Why the file cannot be read, "" if it can or is not there yet.
        refused: Lines that are no rows, but for one that may be torn for each time that the run was resumed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.problem = ""
        self._offset, self._head = 0, b""
        self._begin(NONE)

    @property
    def refused(self) -> int:
        """Whole lines that were left out, torn ones not counted."""
        return max(0, self._refused - self._torn)

    def read(self, take: Take, forget: Callable[[], None] = lambda: None, *, unended: bool = False) -> None:
        """Read the rows that are new.

        Args:
            take: Called with each new row.
            forget: Called before them if the file is another or shorter than it was.
            unended: Take a last line without a line break too, if it is a row. Whoever reads on has to wait for its end.
        """
        self.problem = ""
        try:
            with open_regular(self.path) as file:
                status, head = os.fstat(file.fileno()), file.read(HEAD)
                # the number of a file that was removed may be given to the next one
                other = status.st_ino != self._inode or not head.startswith(self._head)
                if other or status.st_size < self._offset:
                    forget()
                    self._begin(status.st_ino)
                    self._offset = _start(file, status.st_size)
                self._head = head
                file.seek(self._offset)
                for line, size in _lines(file, unended):
                    self._offset += size
                    self._take(line, take)
        except FileMissing:
            if self._inode != NONE:  # another run bears the name now, and has no rows yet
                forget()
                self._begin(NONE)
        except FileProblem as error:
            self.problem = str(error)

    def _begin(self, inode: int) -> None:
        self._inode, self._offset, self._head = inode, 0, b""
        self._refused, self._torn = 0, 1

    def _take(self, line: bytes, take: Take) -> None:
        row = parse(line)
        if row is None:
            self._refused += bool(line.strip())
            return
        self._torn += lost_after(row) is not None
        take(row)


def _start(file: IO[bytes], size: int) -> int:
    """Where reading begins: at the beginning of a line, so that no more than `MAX_BYTES` are read."""
    if size <= MAX_BYTES:
        return 0
    file.seek(size - MAX_BYTES)
    return size - MAX_BYTES + file.read(MAX_LINE).find(b"\n") + 1


def _lines(file: IO[bytes], unended: bool) -> Iterator[tuple[bytes, int]]:
    """Whole lines and their bytes in the file; b"?" for one that is too long to be a row. What has no end yet is left, unless `unended`."""
    rest, dropped = b"", 0
    while block := file.read(BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            size = len(line) + 1 + dropped
            yield (b"?" if dropped or len(line) > MAX_LINE else line), size
            dropped = 0
        if len(rest) > MAX_LINE:
            rest, dropped = b"", dropped + len(rest)
    if unended and rest and not dropped:
        yield rest, len(rest)


def append_row(folder: Path, row: Mapping[str, Any]) -> None:
    """Add a row, in one write; a torn line left by a killed trainer is closed first."""
    line = json.dumps(row) + "\n"
    with open(folder / FILE, "ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode())


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Read every row that counts, in order; empty if the file is not there or cannot be read.

    Rows of steps that a killed trainer lost and a resumed one did again appear once.
    """
    rows: list[dict[str, Any]] = []

    def take(row: dict[str, Any]) -> None:
        lost = lost_after(row)
        if lost is not None:
            rows[:] = [old for old in rows if old["step"] <= lost]
        rows.append(row)

    MetricsLog(folder).read(take, unended=True)
    return rows


def table(folder: Path, kind: str, names: tuple[str, ...]) -> np.ndarray:
    """Read the rows of a kind that count, as numbers.

    Args:
        folder: The run's.
        kind: "step" or "validation".
        names: The columns.

    Returns:
        float64 (n, len(names)); NaN where a row does not say.
    """
    import numpy as np

    rows: list[tuple[float, ...]] = []

    def take(row: dict[str, Any]) -> None:
        lost = lost_after(row)
        if lost is not None:
            rows[:] = [old for old in rows if old[0] <= lost]
        if row.get("kind") == kind:
            rows.append((row["step"], *(number(row.get(name)) for name in names)))

    MetricsLog(folder).read(take, unended=True)
    return np.array(rows, np.float64).reshape(-1, 1 + len(names))[:, 1:]


def last_rows(folder: Path, size: int = TAIL_BYTES) -> list[dict[str, Any]]:
    """Read the rows in the last `size` bytes; empty if the file is not there or cannot be read."""
    try:
        lines = read_tail(folder / FILE, size).split(b"\n")
    except FileProblem:
        return []
    return [row for line in lines if (row := parse(line)) is not None]


def number(value: Any) -> float:
    """Convert a row's value for an array: NaN where there is none, or none that a chart can hold."""
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e30 else float("nan")
