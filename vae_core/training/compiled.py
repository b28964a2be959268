"""The model with optimizer and learning rate, ready for `fit`.

What a run's length and dials decide are variables, so one compiled model, whose graph takes seconds to trace, serves any of them.

>>> from vae_core.config import recommended
>>> config = ModelConfig("classic", image_shape=(8, 8, 1))
>>> vae, schedule = compile_vae(config, recommended(config), total_steps=100)
>>> round(float(schedule(0)), 6), vae.encoder.output_shape
(0.001, [(None, 2), (None, 2)])
>>> schedule = Schedule(TrainingConfig(learning_rate=0.003, warmup=0.1), total_steps=100)
>>> [round(float(schedule(step)), 5) for step in (0, 10, 100)]
[3e-05, 0.003, 3e-05]
"""

from __future__ import annotations

from typing import Any

import keras

from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network import presets
from vae_core.training.vae import VAE


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate as a peak times a shape: linear warm-up then cosine to 1 %, or constant.

    Attributes:
        peak: Keras variable, which can be turned while training.
        warmup_steps: Keras variable, batches over which the rate rises.
        decay_steps: Keras variable, batches over which it falls.
        shape: The cosine schedule, 0.01 to 1.
        constant: Whether the rate is the peak at every step.
    """

    def __init__(self, training: TrainingConfig, total_steps: int) -> None:
        """Take peak, kind and warm-up from a recipe, for a run of `total_steps` batches."""
        self.peak = keras.Variable(training.learning_rate, trainable=False, name="peak")
        self.warmup_steps = keras.Variable(1.0, trainable=False, name="warmup_steps")
        self.decay_steps = keras.Variable(1.0, trainable=False, name="decay_steps")
        self.shape = keras.optimizers.schedules.CosineDecay(
            0.01, self.decay_steps, alpha=0.01, warmup_target=1.0, warmup_steps=self.warmup_steps
        )
        self.constant = training.schedule == "constant"
        self.assign(training, total_steps)

    def assign(self, training: TrainingConfig, total_steps: int) -> None:
        """Take peak and warm-up from another recipe of the same kind of schedule, for a run of `total_steps` batches."""
        warmup = max(1, round(training.warmup * total_steps))
        self.peak.assign(training.learning_rate)
        self.warmup_steps.assign(warmup)
        self.decay_steps.assign(max(1, total_steps - warmup))

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step, a scalar."""
        return self.peak + 0.0 if self.constant else self.peak * self.shape(step)


def compile_vae(model: ModelConfig, training: TrainingConfig, total_steps: int) -> tuple[VAE, Schedule]:
    """Build an untrained model, ready for `fit`.

    Args:
        model: The network.
        training: The recipe.
        total_steps: Batches of the whole run, which its shares are of.

    Returns:
        The compiled model, and its schedule, whose peak can be turned.
    """
    vae = VAE(
        presets.build(model),
        beta=training.beta,
        free_bits=training.free_bits,
        kl_warmup_steps=round(training.kl_warmup * total_steps),
        seed=training.seed,
    )
    schedule = Schedule(training, total_steps)
    vae.compile(optimizer=keras.optimizers.Adam(schedule))
    vae.optimizer.build(vae.trainable_variables)
    return vae, schedule
