"""A run as its charts show it, read bit by bit while it goes on: one reader for all who watch, and bounded memory.

>>> smoothed(np.array([1.0, 1.0, np.nan, 1.0])).round(6).tolist()
[1.0, 1.0, 1.0, 1.0]

`live(run).view()` reads the files once a second at most, however many ask.

`metrics.jsonl` is read from where the last look ended. Of a long run every second row is dropped time and again, so that a
week of training takes no more room than an hour.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.signal import lfilter

from vae_core.runs import events
from vae_core.runs.control import Control
from vae_core.runs.directory import Run
from vae_core.runs.events import Event
from vae_core.runs.health import Health, health
from vae_core.runs.metrics_log import MetricsLog, lost_after, number
from vae_core.runs.readers import read_config
from vae_core.storage.records import unchanged

LOOK_SECONDS = 1.0
KEPT_ROWS = 4096  # more are thinned to half
POINTS = 250  # of a chart
MARKS = 200
READERS = 32
COLUMNS = ("step", "seconds", "loss", "reconstruction_loss", "kl_loss", "batch_time", "beta", "learning_rate")
VALIDATION = ("step", "val_loss", "val_reconstruction_loss", "val_kl_loss")


@dataclass(frozen=True)
class Series:
    """One quantity over the steps of `View.steps`, as reported and smoothed. Both float64 (n,); NaN where unknown."""

    raw: np.ndarray
    smooth: np.ndarray


@dataclass(frozen=True)
class View:
    """A run at one moment, for its charts. Shared by all who look: nobody writes to the arrays.

    Attributes:
        health: The run's status.
        version: Rises whenever anything has changed.
        step: Batches trained so far, of `total_steps`.
        epoch: Epochs trained so far; a fraction within one.
        progress: 0..1.
        eta_seconds: Seconds to the end; None where unknown.
        images_per_second: In the last moments, by the clock; None where unknown.
        beta: Of the newest report, None before it.
        learning_rate: Of the newest report, None before it.
        steps: int64 (n,) of the reports, n <= `POINTS`.
        series: By name, the columns of `COLUMNS` without step and seconds.
        validation: By name, the columns of `VALIDATION`, float64 (m,).
        kl_per_unit: float64 (latent_dim,), nats, of the newest report; None before it.
        marks: (step, words) of events, those of a step in one.
        events: (step, seconds, words) of each, oldest first.
        turned: A sentence where beta was turned, so that the loss before and after is another sum; else "".
        doing: What a run does that trains no batch just now: "validating"; else "".
        snapshots: Their steps, oldest first.
        config: config.json, {} before there is one.
        control: What was asked of the trainer last.
    """

    health: Health
    version: int = 0
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    progress: float = 0.0
    eta_seconds: float | None = None
    images_per_second: float | None = None
    beta: float | None = None
    learning_rate: float | None = None
    steps: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    series: dict[str, Series] = field(default_factory=dict)
    validation: dict[str, np.ndarray] = field(default_factory=dict)
    kl_per_unit: np.ndarray | None = None
    marks: tuple[tuple[int, str], ...] = ()
    events: tuple[tuple[int, float, str], ...] = ()
    turned: str = ""
    doing: str = ""
    snapshots: tuple[int, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    control: Control = field(default_factory=Control)

    def config_value(self, part: str, name: str) -> Any:
        """Value of config.json, or None: a damaged file is no reason to show nothing."""
        values = self.config.get(part)
        return values.get(name) if isinstance(values, dict) else None

    @property
    def latent_dim(self) -> int:
        """Latent units of the model; 0 before it is known."""
        return _whole(self.config_value("model", "latent_dim"))


class LiveRun:
    """Reader of one run. Thread-safe; `reads` counts how often it has looked at the files."""

    def __init__(self, run: Run) -> None:
        self.run, self.reads, self._log = run, 0, MetricsLog(run.path)
        self._lock = threading.Lock()
        self._view = View(Health("waiting"))
        self._looked = -LOOK_SECONDS
        self._forget()

    def view(self, fresh: bool = False) -> View:
        """The run as it is now, at most a second old. fresh: look now, as after a click of one's own."""
        with self._lock:
            if fresh or time.monotonic() - self._looked >= LOOK_SECONDS:
                self._view = self._look()
                self._looked = time.monotonic()
                self.reads += 1
            return self._view

    def _forget(self) -> None:
        self._rows: list[tuple[float, ...]] = []
        self._validation: list[tuple[float, ...]] = []
        self._events: deque[Event] = deque(maxlen=MARKS)
        self._units: np.ndarray | None = None
        # of the rows that come, every so many-th is kept
        self._every, self._skipped = 1, 0
        # (heartbeat, step) of the last looks
        self._clock: deque[tuple[float, int]] = deque(maxlen=12)
        self._newest: tuple[float, ...] | None = None
        self._config: dict[str, Any] = {}

    def _look(self) -> View:
        status = self.run.status()
        run_health = health(self.run, status)
        if run_health.state == "unreadable":
            return View(run_health, version=self._view.version + (self._view.health != run_health))
        self._read_rows()
        self._config = self._read_config()
        recipe = self._config.get("training")
        recipe = recipe if isinstance(recipe, dict) else {}
        step, total = _whole(status.get("step")), _whole(status.get("total_steps"))
        rate = self._rate(run_health.state, status, step)
        eta = status.get("eta_seconds")
        if run_health.state == "running" and rate:
            eta = (total - step) / rate
        elif run_health.state != "running":
            eta = None
        view = View(
            health=replace(run_health, problems=self._problems(run_health)),
            step=step,
            total_steps=total,
            epoch=float(status.get("epoch") or 0.0),
            progress=min(1.0, step / total) if total else 0.0,
            eta_seconds=float(eta) if isinstance(eta, (int, float)) else None,
            images_per_second=rate * _whole(recipe.get("batch_size")) if rate else None,
            **self._figures(),
            snapshots=tuple(self.run.snapshots()),
            config=self._config,
            control=self.run.control(),
            doing=str(status.get("doing", "")) if run_health.state == "running" else "",
        )
        before = self._view
        same = before.doing == view.doing and (
            before.health,
            before.step,
            before.snapshots,
            before.marks,
            len(before.steps),
            before.control,
        ) == (view.health, view.step, view.snapshots, view.marks, len(view.steps), view.control)
        return replace(view, version=before.version + (not same))

    # --- the rows ---------------------------------------------------------------------------------------------

    def _read_rows(self) -> None:
        """The whole lines that are new; all of them, if the file is another or shorter than it was."""
        self._log.read(self._take, self._forget)

    def _problems(self, run_health: Health) -> tuple[str, ...]:
        """A sentence for each file that is not read or not wholly."""
        sentences = list(run_health.problems)
        if self._log.problem:
            sentences.append(f"{self._log.problem} There are no curves without it.")
        elif self._log.refused:
            sentences.append(f"{self._log.path}: {self._log.refused:,} lines are unreadable and left out.")
        return tuple(sentences)

    def _take(self, row: dict[str, Any]) -> None:
        kind, step = row.get("kind"), row["step"]
        if kind == "step":
            values = tuple(number(row.get(name)) for name in COLUMNS)
            self._newest = values
            units = row.get("kl_per_unit")
            if units:
                self._units = np.array([number(value) for value in units])
            self._skipped += 1
            if self._skipped >= self._every or step == 1:
                self._skipped = 0
                self._rows.append(values)
            if len(self._rows) > KEPT_ROWS:
                self._rows = self._rows[::2]
                self._every *= 2
        elif kind == "validation":
            self._validation.append(tuple(number(row.get(name)) for name in VALIDATION))
            if len(self._validation) > KEPT_ROWS:
                self._validation = self._validation[::2]
        elif kind == "event":
            self._event(str(row.get("event")), step, row)

    def _event(self, event: str, step: int, row: dict[str, Any]) -> None:
        # what a killed trainer did after its last checkpoint is done again
        if lost_after(row) is not None:
            self._rows = [old for old in self._rows if old[0] <= step]
            self._validation = [old for old in self._validation if old[0] <= step]
            self._events = deque((old for old in self._events if old.step <= step), maxlen=MARKS)
        if event in events.DIALS or event in events.OTHERS:
            seconds = number(row.get("seconds"))
            values = (number(row.get("old")), number(row.get("new"))) if event in events.DIALS else None
            self._events.append(Event(step, seconds if np.isfinite(seconds) else 0.0, event, values))

    # --- what is shown ----------------------------------------------------------------------------------------

    def _figures(self) -> dict[str, Any]:
        rows = self._rows
        if self._newest is not None and (not rows or rows[-1][0] < self._newest[0]):
            rows = [*rows, self._newest]
        if not rows:
            return self._happened()
        table = np.array(rows)  # (n, columns)
        chosen = np.unique(np.linspace(0, len(table) - 1, min(POINTS, len(table))).round().astype(int))
        series = {
            name: Series(table[chosen, i], smoothed(table[:, i])[chosen])
            for i, name in enumerate(COLUMNS)
            if name not in ("step", "seconds")
        }
        seen = np.array(self._validation).reshape(-1, len(VALIDATION))
        last = self._newest or rows[-1]
        return {
            "steps": table[chosen, 0].astype(np.int64),
            "series": series,
            "validation": {name: seen[-POINTS:, i] for i, name in enumerate(VALIDATION)},
            "kl_per_unit": self._units,
            "beta": last[COLUMNS.index("beta")],
            "learning_rate": last[COLUMNS.index("learning_rate")],
            **self._happened(),
        }

    def _happened(self) -> dict[str, Any]:
        return {
            "marks": events.marks(self._events),
            "events": tuple((event.step, event.seconds, event.words) for event in self._events),
            "turned": events.beta_sentence(self._events),
        }

    def _rate(self, state: str, status: dict[str, Any], step: int) -> float | None:
        """Steps a second by the clock, over the last looks; None until there are two of them."""
        beat = number(status.get("heartbeat"))
        if state != "running":
            self._clock.clear()
            return None
        if self._clock and (step < self._clock[-1][1] or beat < self._clock[-1][0]):
            self._clock.clear()
        if np.isfinite(beat) and step and (not self._clock or beat > self._clock[-1][0]):
            self._clock.append((beat, step))
        if len(self._clock) < 2:
            return None
        (first, low), (last, high) = self._clock[0], self._clock[-1]
        return (high - low) / (last - first) if high > low else None

    def _read_config(self) -> dict[str, Any]:
        try:
            return unchanged(self.run.path / "config.json", read_config)
        except ValueError:
            return {}


def smoothed(values: np.ndarray) -> np.ndarray:
    """Exponential moving average over about a twentieth of the values, 4 to 50 of them, unbiased at the start.

    Args:
        values: (n,); NaN where unknown.

    Returns:
        float64 (n,); NaN before the first known value.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values), np.nan)
    share = 2 / (1 + min(max(len(values) / 20, 4), 50))
    weights = lfilter([share], [1, share - 1], known.astype(float))
    sums = lfilter([share], [1, share - 1], np.where(known, values, 0.0))
    return np.divide(sums, weights, out=np.full(len(values), np.nan), where=weights > 0)


_readers: OrderedDict[str, LiveRun] = OrderedDict()
_readers_lock = threading.Lock()


def live(run: Run) -> LiveRun:
    """The one reader of a run in this process; beyond `READERS` of them the least used are forgotten."""
    key = str(run.path.resolve())
    with _readers_lock:
        reader = _readers.setdefault(key, LiveRun(run))
        _readers.move_to_end(key)
        while len(_readers) > READERS:
            _readers.popitem(last=False)
        return reader


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and np.isfinite(value) else 0
