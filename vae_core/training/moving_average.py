"""An exponential moving average of the weights, kept beside the training in numpy.

>>> average = ExponentialMovingAverage(decay=0.999, progress=Progress(600, 100))
>>> round(average.decay_at(8), 3), average.decay_at(100_000)
(0.5, 0.999)
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from vae_core.network.layers import Weights
from vae_core.training.progress import Progress
from vae_core.training.vae import VAE, get_weights, set_weights

AVERAGE_EVERY = 8  # steps between two updates: copying 1 M values each step would show


class ExponentialMovingAverage(keras.callbacks.Callback):
    """Callback that averages the weights and puts the average into the model while it is validated.

    Attributes:
        decay: Decay of a step late in the run; 0 switches the average off.
        weights: The average by full weight name, float32; None before the first update.
    """

    def __init__(self, decay: float, progress: Progress, weights: Weights | None = None) -> None:
        """Go on from `weights`, or from the model's own at the first update."""
        super().__init__()
        self.decay, self.progress, self.weights = decay, progress, weights
        self._trained: Weights | None = None  # set aside during a validation

    def decay_at(self, step: int) -> float:
        """Return the decay at a step: min(decay, (1 + step) / (10 + step)), so that early averages forget the initial weights."""
        return min(self.decay, (1 + step) / (10 + step))

    def current(self) -> Weights:
        """Return a copy of the weights to evaluate and to keep: the average, or the model's own where it is off."""
        if self._trained is not None or not self.decay or self.weights is None:
            return get_weights(self._vae())
        return {name: array.copy() for name, array in self.weights.items()}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Fold the newest weights in, every `AVERAGE_EVERY` steps."""
        # `Recorder` counts this batch after us.
        step = self.progress.step + 1
        if not self.decay or step % AVERAGE_EVERY:
            return
        newest = get_weights(self._vae())
        if self.weights is None:
            self.weights = newest
        share = 1 - self.decay_at(step) ** AVERAGE_EVERY
        for name, array in self.weights.items():
            array += np.float32(share) * (newest[name] - array)

    def on_test_begin(self, logs: Any = None) -> None:
        """Put the average into the model, to be validated."""
        if self.decay and self.weights is not None:
            self._trained = get_weights(self._vae())
            set_weights(self._vae(), self.weights)

    def on_test_end(self, logs: Any = None) -> None:
        """Put the trained weights back into the model."""
        if self._trained is not None:
            set_weights(self._vae(), self._trained)
            self._trained = None

    def _vae(self) -> VAE:
        assert isinstance(self.model, VAE)
        return self.model
