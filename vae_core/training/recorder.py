"""What happens beside the training steps: the run directory is written, and whoever asks is obeyed.

Four callbacks for stock `fit`, in this order: `Average` keeps a moving average of the weights, `StopOnNaN` fails
a run that has diverged, `Recorder` writes what is to be seen, `Remote` obeys pause, step, stop and new values and
keeps the resumable state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from vae_core.network.engine import Engine
from vae_core.network.layers import Weights
from vae_core.runs import interruption
from vae_core.runs.directory import Run
from vae_core.training.vae import VAE, get_weights, set_weights

REPORT_SECONDS = 0.5
AVERAGE_EVERY = 8  # steps between two updates of the moving average: copying 1 M values each step would show
FIRST_SNAPSHOT_SECONDS, SNAPSHOT_SPACING = 2.0, 0.2  # the next one after 20 % more of the run's time
SNAPSHOT_SHARE = 0.015  # of the run's time that snapshots may take


class RunStopped(Exception):
    """Leaves `fit` at once when a stop is asked for; the state has been saved."""


class RunFailed(RuntimeError):
    """The run cannot go on; the message says at which step and what to try."""


def diverged(step: int) -> RunFailed:
    """The error for a run whose numbers are no longer finite."""
    return RunFailed(
        f"the loss became NaN or infinite at step {step}. "
        "Lower the learning rate (a tenth is a good try) or beta, and start again."
    )


class Progress:
    """Where a run is, shared by the callbacks: steps done in all, and seconds spent training."""

    def __init__(self, total_steps: int, steps_per_epoch: int, step: int = 0, seconds: float = 0.0) -> None:
        self.total_steps, self.steps_per_epoch = total_steps, steps_per_epoch
        self.step, self.seconds = step, seconds

    @property
    def epoch(self) -> float:
        """Passes over the data so far, with fractions."""
        return self.step / self.steps_per_epoch


class Average(keras.callbacks.Callback):
    """Exponential moving average of the weights, in numpy; validation and snapshots use it.

    The decay rises with the step, min(decay, (1 + step) / (10 + step)), so that early snapshots are not the
    initial weights. decay 0 switches it off.
    """

    def __init__(self, decay: float, progress: Progress, weights: Weights | None = None) -> None:
        super().__init__()
        self.decay, self.progress, self.weights = decay, progress, weights
        self._kept: Weights | None = None

    def current(self) -> Weights:
        """The weights to evaluate and to keep."""
        if self._kept is not None or not self.decay or self.weights is None:
            return get_weights(self._vae())
        return {name: array.copy() for name, array in self.weights.items()}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Fold the newest weights in."""
        step = self.progress.step + 1  # `Recorder` counts this batch after us
        if not self.decay or step % AVERAGE_EVERY:
            return
        newest = get_weights(self._vae())
        if self.weights is None:
            self.weights = newest
        share = 1 - min(self.decay, (1 + step) / (10 + step)) ** AVERAGE_EVERY
        for name, array in self.weights.items():
            array += np.float32(share) * (newest[name] - array)

    def on_test_begin(self, logs: Any = None) -> None:
        """Validate the average."""
        if self.decay and self.weights is not None:
            self._kept = get_weights(self._vae())
            set_weights(self._vae(), self.weights)

    def on_test_end(self, logs: Any = None) -> None:
        """Go on training where we were."""
        if self._kept is not None:
            set_weights(self._vae(), self._kept)
            self._kept = None

    def _vae(self) -> VAE:
        assert isinstance(self.model, VAE)
        return self.model


class StopOnNaN(keras.callbacks.TerminateOnNaN):
    """Keras' own check, reported with the step and the way out; the last good checkpoint stays."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Raise `RunFailed` at the first loss that is NaN or infinite."""
        super().on_batch_end(batch, logs)
        if self.model.stop_training:
            raise diverged(self.progress.step + 1)


class Recorder(keras.callbacks.Callback):
    """Writes metrics.jsonl, status.json and the snapshots; calls `show` with each row for a terminal."""

    def __init__(
        self,
        run: Run,
        progress: Progress,
        average: Average,
        images: np.ndarray,
        labels: np.ndarray,
        show: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        super().__init__()
        self.run, self.progress, self.average, self.show = run, progress, average, show
        self.images, self.labels = images, labels
        self.state = "running"
        self._batches, self._busy, self._began = 0, 0.0, 0.0
        self._traced = False  # the first batch of a process compiles the graph: its time says nothing
        self._last_report = self._last_snapshot = time.monotonic()
        self._snapshot_cost = 0.0  # seconds that the last one took
        self._engine_started = False
        self._row: dict[str, Any] = {}

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop the clock; report and take a snapshot if it is time."""
        spent = time.perf_counter() - self._began
        self.progress.step += 1
        self.progress.seconds += spent
        if self._traced:
            self._batches, self._busy = self._batches + 1, self._busy + spent
        now = time.monotonic()
        last = self.progress.step % self.progress.steps_per_epoch == 0
        if not self._traced or last or self.state == "paused" or now - self._last_report >= REPORT_SECONDS:
            self.report()
        if not self._traced or now - self._last_snapshot >= self.snapshot_wait():
            self.snapshot()
        self._traced = True

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Validation takes a while too: stay alive to the readers."""
        self.beat_if_due()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the validation figures."""
        found = {name: float(value) for name, value in (logs or {}).items() if name.startswith("val_")}
        self.run.append_metrics({"kind": "validation", **self._where(), **found})

    def report(self) -> None:
        """One row: means over the batches since the last row."""
        model: Any = self.model
        terms = model.terms.numpy().astype(np.float64)
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
            self._row = {"kind": "step", **self._where(), **row}
            self.run.append_metrics(self._row)
        self._batches, self._busy = 0, 0.0
        self.beat()
        if self.show:
            self.show({**self._where(), **self._row, "state": self.state, "eta_seconds": self.eta()})

    def end(self, state: str) -> None:
        """The last words of a run that has "finished" or was "stopped", perhaps before its first batch."""
        self.report()
        if self.progress.step:  # else there is nothing to see but noise
            self.snapshot()
        self.state = state
        self.event(state)
        self.beat()

    def beat(self) -> None:
        """Tell the readers where we are."""
        self._last_report = time.monotonic()
        figures = {
            key: self._row[key] for key in ("loss", "reconstruction_loss", "kl_loss", "batch_time") if key in self._row
        }
        total = self.progress.total_steps
        self.run.write_status(self.state, **self._where(), total_steps=total, eta_seconds=self.eta(), **figures)

    def beat_if_due(self) -> None:
        """`beat`, unless the readers have just heard of us."""
        if time.monotonic() - self._last_report >= REPORT_SECONDS:
            self.beat()

    def event(self, event: str, **values: Any) -> None:
        """A mark on the charts: paused, resumed, a new learning rate."""
        self.run.append_metrics({"kind": "event", "event": event, **self._where(), **values})

    def snapshot_wait(self) -> float:
        """Seconds from one snapshot to the next: 2 at first, then a share of the run; more where they are dear."""
        return max(
            FIRST_SNAPSHOT_SECONDS, SNAPSHOT_SPACING * self.progress.seconds, self._snapshot_cost / SNAPSHOT_SHARE
        )

    def snapshot(self) -> None:
        """Weights, and the codes of the fixed images, without disturbing the step (ONNX Runtime, one thread)."""
        began = time.monotonic()
        weights = self.average.current()
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise diverged(self.progress.step)  # the loss shows it a step later
        z_mean, z_log_var = Engine(self.model.network, weights, threads=1).encode(self.images)
        latents = {"z_mean": z_mean, "z_log_var": z_log_var, "labels": self.labels}
        self.run.save_snapshot(self.progress.step, weights, latents)
        self._last_snapshot = time.monotonic()
        # not the first: it starts the engine, and would put off the second for half a minute on a busy machine
        self._snapshot_cost = self._last_snapshot - began if self._engine_started else 0.0
        self._engine_started = True

    def eta(self) -> float | None:
        """Seconds to go at the pace of the last report."""
        if "batch_time" not in self._row:
            return None
        return float((self.progress.total_steps - self.progress.step) * self._row["batch_time"] / 1000)

    def _where(self) -> dict[str, Any]:
        return {
            "step": self.progress.step,
            "epoch": round(self.progress.epoch, 4),
            "seconds": round(self.progress.seconds, 3),
        }


class Remote(keras.callbacks.Callback):
    """Obeys control.json after each batch, and keeps the resumable state every so many seconds and at each epoch."""

    def __init__(self, run: Run, recorder: Recorder, save: Callable[[], None], every_seconds: float) -> None:
        super().__init__()
        self.run, self.recorder, self.save, self.every_seconds = run, recorder, save, every_seconds
        self._control = run.control()
        self._stamp: tuple[int, int] | None = None  # of the control.json that was read last
        self._paused, self._steps = False, self._control.steps  # single batches done, of those asked for
        self._saved = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """The moment between two steps."""
        if self._paused:
            self._steps += 1
        # An epoch's state is kept before it is validated: by then the model holds the average, not what was trained.
        epoch_done = self.recorder.progress.step % self.recorder.progress.steps_per_epoch == 0
        if epoch_done or time.monotonic() - self._saved >= self.every_seconds:
            self._keep()
        self._obey(self._keep)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Validation can be paused and stopped as well; the epoch's last state is on disk by then."""
        self._obey(lambda: None)

    def _obey(self, keep: Callable[[], None]) -> None:
        """Do what is asked for; returns when the next batch may run. keep: called before a pause and before leaving."""
        self._look()
        if self._control.command == "pause" and not self._paused:
            self._turn_to("paused")
            keep()
        while self._control.command == "pause" and self._steps >= self._control.steps and not interruption.asked():
            time.sleep(0.05)
            self.recorder.beat_if_due()
            self._look()
        if self._control.command == "stop" or interruption.asked():
            keep()
            raise RunStopped
        if self._control.command in ("run", "wait"):
            self._steps = self._control.steps
            if self._paused:
                self._turn_to("running")

    def _turn_to(self, state: str) -> None:
        self._paused = state == "paused"
        self.recorder.state = state
        self.recorder.report()
        self.recorder.event("paused" if self._paused else "continued")

    def _keep(self) -> None:
        self.save()
        self._saved = time.monotonic()

    def _look(self) -> None:
        """Read control.json again if it is another file than last time: a look costs microseconds. Turn the dials."""
        try:
            found = (self.run.path / "control.json").stat()
        except OSError:
            return
        # The clock of file times is coarse; two files that follow each other differ in their number at least.
        stamp = (found.st_ino, found.st_mtime_ns)
        if stamp == self._stamp:
            return
        self._stamp, self._control = stamp, self.run.control()
        model: Any = self.model
        dials = {"learning_rate": model.optimizer._learning_rate.peak, "beta": model.beta}
        for name, variable in dials.items():
            old, new = float(variable.numpy()), getattr(self._control, name)
            if new is not None and not np.isclose(old, new, rtol=1e-6, atol=0):
                self.recorder.report()
                self.recorder.event(name, old=old, new=float(new))
                variable.assign(new)
