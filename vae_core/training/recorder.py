"""The callback that writes what a training shows: metrics.jsonl, status.json and the snapshots of a run directory.

>>> progress = Progress(total_steps=600, steps_per_epoch=100)
>>> average = ExponentialMovingAverage(0.999, progress)
>>> recorder = Recorder(Run("runs/demo"), progress, average, np.zeros((5, 28, 28, 1), np.float32), np.zeros(5))
>>> progress.seconds = 60.0
>>> recorder.snapshot_wait()
12.0
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from vae_core.network.engine import Engine
from vae_core.runs.directory import Run
from vae_core.training.moving_average import ExponentialMovingAverage
from vae_core.training.progress import Progress, diverged

REPORT_SECONDS = 0.5
FIRST_SNAPSHOT_SECONDS, SNAPSHOT_SPACING = 2.0, 0.2  # the next one after 20 % more of the run's time
SNAPSHOT_SHARE = 0.015  # of the run's time that snapshots may take
TURNED_SECONDS = 30.0  # of training after a dial was turned: what it does is to be seen


class Recorder(keras.callbacks.Callback):
    """Callback that writes metrics.jsonl, status.json and the snapshots.

    Attributes:
        run: The run directory.
        progress: Steps and seconds so far; counted here.
        average: Source of the weights that snapshots hold.
        show: Called with each row of metrics, for a terminal.
        images: Test images that each snapshot holds the z_mean and z_log_var of, (n, h, w, c) float32 in [0, 1].
        labels: Their labels, (n,).
        state: "running" or "paused", as status.json tells; at the end "finished" or "stopped".
    """

    def __init__(
        self,
        run: Run,
        progress: Progress,
        average: ExponentialMovingAverage,
        images: np.ndarray,
        labels: np.ndarray,
        show: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Write into `run` from the next batch on."""
        super().__init__()
        self.run, self.progress, self.average, self.show = run, progress, average, show
        self.images, self.labels = images, labels
        self.state = "running"
        self._batches, self._busy, self._began = 0, 0.0, 0.0
        # The first batch of a process compiles the graph: its time says nothing.
        self._traced = False
        self._last_report = self._last_snapshot = time.monotonic()
        self._snapshot_cost = 0.0  # seconds that the last snapshot took
        self._engine_started = False
        self._row: dict[str, Any] = {}
        self._turned = -TURNED_SECONDS  # seconds of training when a dial was turned last
        self._doing = ""  # besides training batches

    @property
    def is_new(self) -> bool:
        """Whether no batch has been trained by this process yet."""
        return not self._traced

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop the clock; write a report and a snapshot if they are due."""
        spent = time.perf_counter() - self._began
        self.progress.step += 1
        self.progress.seconds += spent
        if self._traced:
            self._batches, self._busy = self._batches + 1, self._busy + spent
        now = time.monotonic()
        if (
            not self._traced
            or self.progress.epoch_done
            or self.state == "paused"
            or now - self._last_report >= REPORT_SECONDS
        ):
            self.report()
        if not self._traced or now - self._last_snapshot >= self.snapshot_wait():
            self.snapshot()
        self._traced = True

    def on_test_begin(self, logs: Any = None) -> None:
        """Say that the batches stand still for a validation."""
        self._doing = "validating"
        self.beat()

    def on_test_end(self, logs: Any = None) -> None:
        """Say that they go on."""
        self._doing = ""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Update the heartbeat, since validation takes a while too."""
        self.beat_if_due()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the validation figures."""
        figures = {name: float(value) for name, value in (logs or {}).items() if name.startswith("val_")}
        self.run.append_metrics({"kind": "validation", **self._position(), **figures})

    def report(self) -> None:
        """Append a row to metrics.jsonl, of means over the batches since the last row, and update status.json.

        The losses are in nats per image, `batch_time` is in milliseconds.
        """
        model: Any = self.model
        terms = model.terms.numpy().astype(np.float64)  # (2 + latent_dim,)
        model.terms.assign(np.zeros_like(terms))
        images, reconstruction, units = terms[0], terms[1], terms[2:]
        if images:
            beta = float(model.beta.numpy())
            row = {
                "reconstruction_loss": reconstruction / images,
                "kl_loss": units.sum() / images,
                "loss": (reconstruction + beta * units.sum()) / images,
                "kl_per_unit": [round(value, 4) for value in units / images],
                "beta": beta,
                "learning_rate": float(model.optimizer.learning_rate),
            }
            if self._batches:
                row["batch_time"] = 1000 * self._busy / self._batches
            self._row = {"kind": "step", **self._position(), **row}
            self.run.append_metrics(self._row)
        self._batches, self._busy = 0, 0.0
        self.beat()
        if self.show:
            self.show({**self._position(), **self._row, "state": self.state, "eta_seconds": self.eta()})

    def end(self, state: str) -> None:
        """Write the last report and snapshot of a run, which may end before its first batch.

        Args:
            state: "finished" or "stopped".
        """
        self.report()
        # At step 0 there is nothing to see but noise.
        if self.progress.step:
            self.snapshot()
        self.state = state
        self.event(state)
        self.beat()

    def beat(self) -> None:
        """Write status.json with the position and the last report's figures."""
        self._last_report = time.monotonic()
        figures = {
            key: self._row[key] for key in ("loss", "reconstruction_loss", "kl_loss", "batch_time") if key in self._row
        }
        total = self.progress.total_steps
        doing = {"doing": self._doing} if self._doing else {}
        position = {**self._position(), "total_steps": total, "eta_seconds": self.eta()}
        self.run.write_status(self.state, **position, **figures, **doing)

    def beat_if_due(self) -> None:
        """Write status.json unless that was done within `REPORT_SECONDS`."""
        if time.monotonic() - self._last_report >= REPORT_SECONDS:
            self.beat()

    def event(self, event: str, **values: Any) -> None:
        """Append an event to metrics.jsonl, which charts mark.

        Args:
            event: For example "paused", "resumed" or "learning_rate".
            **values: What belongs to it, for example `old` and `new`.
        """
        self.run.append_metrics({"kind": "event", "event": event, **self._position(), **values})

    def turned(self, dial: str, old: float, new: float) -> None:
        """Report up to here, mark that a dial was turned, and keep how the map looked until now.

        Args:
            dial: "learning_rate" or "beta".
            old: Its value until now.
            new: From the next batch on.
        """
        self.report()
        self.event(dial, old=old, new=new)
        self._turned = self.progress.seconds
        if self.progress.step:
            self.snapshot()

    def snapshot_wait(self) -> float:
        """Return the seconds from one snapshot to the next.

        2 at first and for half a minute after a dial was turned, then a share of the run; more where they take long.
        """
        if self.progress.seconds - self._turned < TURNED_SECONDS:
            return FIRST_SNAPSHOT_SECONDS
        return max(
            FIRST_SNAPSHOT_SECONDS, SNAPSHOT_SPACING * self.progress.seconds, self._snapshot_cost / SNAPSHOT_SHARE
        )

    def snapshot(self) -> None:
        """Write the weights, and z_mean and z_log_var of the fixed images, with ONNX Runtime on one thread.

        Raises:
            RunFailed: A weight is not finite.
        """
        began = time.monotonic()
        weights = self.average.current()
        if not all(np.isfinite(array).all() for array in weights.values()):
            # The loss shows it a step later.
            raise diverged(self.progress.step)
        z_mean, z_log_var = Engine(self.model.network, weights, threads=1).encode(self.images)
        latents = {"z_mean": z_mean, "z_log_var": z_log_var, "labels": self.labels}
        self.run.save_snapshot(self.progress.step, weights, latents)
        self._last_snapshot = time.monotonic()
        # Not that of the first: it starts the engine, and would put off the second for half a minute on a busy machine
        self._snapshot_cost = self._last_snapshot - began if self._engine_started else 0.0
        self._engine_started = True

    def eta(self) -> float | None:
        """Return the seconds to go at the speed of the last report; None before the first."""
        if "batch_time" not in self._row:
            return None
        return float((self.progress.total_steps - self.progress.step) * self._row["batch_time"] / 1000)

    def _position(self) -> dict[str, Any]:
        return {
            "step": self.progress.step,
            "epoch": round(self.progress.epoch, 4),
            "seconds": round(self.progress.seconds, 3),
        }
