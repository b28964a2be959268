"""How far a run has come, shared by its callbacks, and the error that ends a run whose numbers are no longer finite.

>>> progress = Progress(total_steps=600, steps_per_epoch=100, step=150)
>>> progress.epoch
1.5
>>> print(diverged(progress.step))
the loss became NaN or infinite at step 150. Lower the learning rate (a tenth is a good try) or beta, and start again.
"""

from __future__ import annotations

from typing import Any

import keras


class RunFailed(RuntimeError):
    """A run that cannot go on; the message says at which step and what to try."""


def diverged(step: int) -> RunFailed:
    """Make the error for a run whose numbers are no longer finite."""
    return RunFailed(
        f"the loss became NaN or infinite at step {step}. "
        "Lower the learning rate (a tenth is a good try) or beta, and start again."
    )


class Progress:
    """Steps done and seconds spent by a run, shared by its callbacks.

    Attributes:
        total_steps: Batches of the whole run.
        steps_per_epoch: Batches of one epoch.
        step: Batches trained so far.
        seconds: Time spent training them.
    """

    def __init__(self, total_steps: int, steps_per_epoch: int, step: int = 0, seconds: float = 0.0) -> None:
        """Start at a step, with the seconds that it took to get there."""
        self.total_steps, self.steps_per_epoch = total_steps, steps_per_epoch
        self.step, self.seconds = step, seconds

    @property
    def epoch(self) -> float:
        """Passes over the data so far, with fractions."""
        return self.step / self.steps_per_epoch

    @property
    def epoch_done(self) -> bool:
        """Whether the next thing to come is a validation: after each epoch, and after the last step."""
        return self.step % self.steps_per_epoch == 0 or self.step == self.total_steps


class StopOnNaN(keras.callbacks.TerminateOnNaN):
    """Keras' own check, reported with the step and the way out; the last good checkpoint stays."""

    def __init__(self, progress: Progress) -> None:
        """Report the step of `progress`."""
        super().__init__()
        self.progress = progress

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Check the loss of a batch.

        Raises:
            RunFailed: The loss is NaN or infinite.
        """
        super().on_batch_end(batch, logs)
        if self.model.stop_training:
            raise diverged(self.progress.step + 1)
