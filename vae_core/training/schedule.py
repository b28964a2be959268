"""The learning rate of each step, with a peak that can be turned while training.

>>> from vae_core.config import TrainingConfig
>>> schedule = Schedule(TrainingConfig(learning_rate=0.003, warmup=0.1), total_steps=100)
>>> [round(float(schedule(step)), 5) for step in (0, 10, 100)]
[3e-05, 0.003, 3e-05]
"""

from __future__ import annotations

from typing import Any

import keras

from vae_core.config import TrainingConfig


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate as a peak times a shape: linear warm-up then cosine to 1 %, or constant.

    Attributes:
        peak: Keras variable, which can be turned while training.
        shape: The cosine schedule, 0.01 to 1.
        constant: Whether the rate is the peak at every step.
    """

    def __init__(self, training: TrainingConfig, total_steps: int) -> None:
        """Take peak, kind and warm-up from a recipe, for a run of `total_steps` batches."""
        self.peak = keras.Variable(training.learning_rate, trainable=False, name="peak")
        warmup = max(1, round(training.warmup * total_steps))
        self.shape = keras.optimizers.schedules.CosineDecay(
            0.01, max(1, total_steps - warmup), alpha=0.01, warmup_target=1.0, warmup_steps=warmup
        )
        self.constant = training.schedule == "constant"

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step, a scalar."""
        return self.peak + 0.0 if self.constant else self.peak * self.shape(step)
