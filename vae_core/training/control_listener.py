"""The callback that obeys control.json (pause, step, stop, new values) and keeps the resumable state.

>>> listener = ControlListener(Run("runs/demo"), recorder=None, save=lambda: None, every_seconds=10.0)
>>> listener.on_test_batch_end(0)  # there is no control.json: the training goes on
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from vae_core.runs import interruption
from vae_core.runs.directory import Run
from vae_core.training.recorder import Recorder


class RunStopped(Exception):
    """A stop that was asked for, raised to leave `fit` at once; the state has been saved."""


class ControlListener(keras.callbacks.Callback):
    """Callback that obeys control.json after each batch, and keeps the resumable state.

    Attributes:
        run: The run directory.
        recorder: Gets the reports and events of what was asked for.
        save: Keeps the resumable state.
        every_seconds: Time from one state to the next; one more is kept at the end of each epoch.
    """

    def __init__(self, run: Run, recorder: Recorder, save: Callable[[], None], every_seconds: float) -> None:
        """Listen from the next batch on."""
        super().__init__()
        self.run, self.recorder, self.save, self.every_seconds = run, recorder, save, every_seconds
        self._control = run.control()
        self._stamp: tuple[int, int] | None = None  # of the control.json that was read last
        # single batches done, of those asked for while paused
        self._paused, self._steps = False, self._control.steps
        self._saved = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the state if it is due, then obey.

        Raises:
            RunStopped: A stop was asked for.
        """
        if self._paused:
            self._steps += 1
        # An epoch's state is kept before it is validated: by then the model holds the average, not what was trained.
        if self.recorder.progress.epoch_done or time.monotonic() - self._saved >= self.every_seconds:
            self._keep()
        self._obey(self._keep)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Obey while validating, too; the epoch's last state is on disk by then.

        Raises:
            RunStopped: A stop was asked for.
        """
        self._obey(lambda: None)

    def _obey(self, keep: Callable[[], None]) -> None:
        """Do what is asked for; returns when the next batch may run. `keep` is called before a pause and before leaving."""
        self._read_control()
        if self._control.command == "pause" and not self._paused:
            self._enter("paused")
            keep()
        while self._control.command == "pause" and self._steps >= self._control.steps and not interruption.asked():
            time.sleep(0.05)
            self.recorder.beat_if_due()
            self._read_control()
        if self._control.command == "stop" or interruption.asked():
            keep()
            raise RunStopped
        if self._control.command in ("run", "wait"):
            self._steps = self._control.steps
            if self._paused:
                self._enter("running")

    def _enter(self, state: str) -> None:
        self._paused = state == "paused"
        self.recorder.state = state
        self.recorder.report()
        self.recorder.event("paused" if self._paused else "continued")

    def _keep(self) -> None:
        self.save()
        self._saved = time.monotonic()

    def _read_control(self) -> None:
        """Read control.json if it is another file than last time, which costs microseconds to see; turn the dials."""
        try:
            status = (self.run.path / "control.json").stat()
        except OSError:
            return
        # The clock of file times is coarse; two files that follow each other differ in their number at least.
        stamp = (status.st_ino, status.st_mtime_ns)
        if stamp == self._stamp:
            return
        self._stamp, self._control = stamp, self.run.control()
        model: Any = self.model
        dials = {"learning_rate": model.optimizer._learning_rate.peak, "beta": model.beta}
        for name, variable in dials.items():
            old, new = float(variable.numpy()), getattr(self._control, name)
            if new is not None and not np.isclose(old, new, rtol=1e-6, atol=0):
                self.recorder.turned(name, old, float(new))
                variable.assign(new)
