"""One process's work on one run: the model, the order of the data, the callbacks, and the state to resume from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from vae_core.config import ModelConfig, TrainingConfig
from vae_core.runs import interruption
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.training.batches import batches, pipeline_options
from vae_core.training.compiled import compile_vae
from vae_core.training.control_listener import ControlListener, RunStopped
from vae_core.training.history import EpochSums, History
from vae_core.training.moving_average import ExponentialMovingAverage
from vae_core.training.progress import Progress, StopOnNaN, diverged
from vae_core.training.recorder import Recorder
from vae_core.training.warm_up import take

if TYPE_CHECKING:
    from vae_core.datasets.dataset import Dataset

SHOWN_IMAGES = 10  # of them, for whoever watches
SNAPSHOT_IMAGES = 1000  # test images whose codes each snapshot holds
VALIDATION_BATCH = 500

Show = Callable[[dict[str, Any]], None]


class Session:
    """One process's work on one run.

    Attributes:
        run: The run directory.
        training: The recipe.
        pixels: Training images, (n, h, w, c) uint8.
        validation: Validation images, (n, h, w, c) float32 in [0, 1].
        validation_batch: Images of a validation batch.
        progress: Steps and seconds so far.
        vae: The model, compiled.
        schedule: Its learning rate.
        average: The moving average of its weights.
        recorder: Writes the run directory.
        control_listener: Obeys control.json.
        history: Writes history.csv.
        sums: Keeps the sums of an epoch over a stop.
        callbacks: All of them, in the order in which `fit` calls them.
        tensorboard: TensorBoard's callback; None if it is not to be used.
    """

    def __init__(
        self,
        run: Run,
        model: ModelConfig,
        training: TrainingConfig,
        dataset: Dataset,
        show: Show | None,
        tensorboard: bool,
        checkpoint_seconds: float,
    ) -> None:
        """Build the model and write the images that whoever watches sees; the arguments are those of `train`.

        Raises:
            RunError: There are fewer images than devices, or the batch size is no multiple of their number.
        """
        self.run, self.training = run, training
        self.pixels = dataset.pixels("train")[: training.images or None]
        self.validation, self.validation_batch = dataset.images("validation"), VALIDATION_BATCH
        devices = tf.distribute.get_strategy().num_replicas_in_sync
        if devices > 1:
            self._share_out(devices)
        total = training.total_steps(len(self.pixels))
        self.progress = Progress(total, training.steps_per_epoch(len(self.pixels)))
        self.vae, self.schedule = take(model, training, total) or compile_vae(model, training, total)
        self.average = ExponentialMovingAverage(training.ema, self.progress)
        images, labels = dataset.images("test", SNAPSHOT_IMAGES), dataset.labels("test")[:SNAPSHOT_IMAGES]
        run.save_fixed(dataset.pixels("test")[:SHOWN_IMAGES])
        self.recorder = Recorder(run, self.progress, self.average, images, labels, show)
        self.control_listener = ControlListener(run, self.recorder, self.save, checkpoint_seconds)
        self.history, self.sums = History(run.path / "history.csv"), EpochSums()
        self.callbacks: list[keras.callbacks.Callback] = [
            self.sums,
            self.average,
            StopOnNaN(self.progress),
            self.recorder,
            self.control_listener,
            self.history,
        ]
        for callback in self.callbacks:
            # `fit` may have nothing to do, or never be called
            callback.set_model(self.vae)
        self.tensorboard = None
        if tensorboard:
            self.tensorboard = keras.callbacks.TensorBoard(str(run.path / "tensorboard"), update_freq=50)

    def _share_out(self, devices: int) -> None:
        """Leave out the few images that do not divide by the devices: a convolution of no image is an error."""
        if self.training.batch_size % devices:
            raise RunError(f"batch_size must be a multiple of the {devices} devices, got {self.training.batch_size}.")
        for name, images in (("train", self.pixels), ("validation", self.validation)):
            if len(images) < devices:
                raise RunError(
                    f"{devices} devices need as many images, {name} has {len(images)}. Use --strategy default."
                )
        self.pixels = self.pixels[: len(self.pixels) // devices * devices]
        parts = -(-len(self.validation) // VALIDATION_BATCH)
        size = len(self.validation) // parts // devices * devices
        self.validation, self.validation_batch = self.validation[: parts * size], size

    def fit(self) -> None:
        """Train what is left: a validation that was cut short, the rest of the epoch that was begun, then the others.

        Raises:
            RunStopped: A stop was asked for.
            RunFailed: The loss became NaN or infinite.
        """
        # perhaps asked for while TensorFlow was being imported
        if self.run.control().command == "stop" or interruption.asked():
            raise RunStopped
        per_epoch, total = self.progress.steps_per_epoch, self.progress.total_steps
        epoch, batch = divmod(self.progress.step, per_epoch)
        last = -(-self.progress.step // per_epoch) - 1
        if last >= 0 and self.progress.epoch_done and last not in self.history.epochs():
            self._validate(last)
        if batch and self.progress.step < total:
            self._fit(epoch, epoch + 1, batch)
        epoch += batch > 0
        if epoch < total // per_epoch:
            self._fit(epoch, total // per_epoch, 0)
        epoch = max(epoch, total // per_epoch)
        if epoch * per_epoch < total:
            self._fit(epoch, epoch + 1, 0)

    def _fit(self, first: int, last: int, skip: int) -> None:
        """Train epochs first..last - 1, leaving out `skip` batches of the first; the run's last one may end within it."""
        per_epoch = min(
            self.progress.steps_per_epoch, self.progress.total_steps - first * self.progress.steps_per_epoch
        )
        callbacks = [*self.callbacks, self.tensorboard] if self.tensorboard else self.callbacks
        if self.recorder.is_new:  # the first batch of a process takes seconds: its graph is made
            self.run.write_status("waiting", doing="compiling the first batch")
        try:
            self.vae.fit(
                batches(self.pixels, self.training, first, last, skip).with_options(pipeline_options()),
                initial_epoch=first,
                epochs=last,
                steps_per_epoch=per_epoch - skip,
                validation_data=self._validation_data(),
                callbacks=callbacks,
                # `batches` has seen to that
                shuffle=False,
                verbose=0,
            )
        except BaseException:
            # `fit` leaves its callbacks open when one of them raises.
            if self.tensorboard:
                self.tensorboard.on_train_end()
            raise

    def _validate(self, epoch: int) -> None:
        """Validate an epoch whose validation was cut short, with the same figures as if it had not been."""
        logs = self.sums.result()
        figures = self.vae.evaluate(self._validation_data(), callbacks=self.callbacks, return_dict=True, verbose=0)
        logs |= {f"val_{name}": float(value) for name, value in figures.items()}
        for callback in (self.recorder, self.history):
            callback.on_epoch_end(epoch, logs)

    def _validation_data(self) -> tf.data.Dataset:
        return (
            tf.data.Dataset.from_tensor_slices(self.validation)
            .batch(self.validation_batch)
            .with_options(pipeline_options())
        )

    def save(self) -> None:
        """Keep everything that the next step depends on, in one file.

        Raises:
            RunFailed: A number is not finite; the state on disk stays.
        """
        arrays = {f"model/{i}": variable.numpy() for i, variable in enumerate(self.vae.variables)}
        arrays |= {f"optimizer/{i}": variable.numpy() for i, variable in enumerate(self.vae.optimizer.variables)}
        arrays |= {f"average/{name}": array for name, array in (self.average.weights or {}).items()}
        # what the epoch's row in history.csv is made of
        arrays |= {f"sums/{i}": variable.numpy() for i, variable in enumerate(self.vae.metrics_variables)}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise diverged(self.progress.step)
        values = {
            "step": self.progress.step,
            "seconds": self.progress.seconds,
            "peak": float(self.schedule.peak.numpy()),
        }
        self.run.save_state({name: np.asarray(array) for name, array in arrays.items()}, values)

    def check_state(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """`RunError` for a state that is not of this network, or beyond the last step."""
        parts = {"model": self.vae.variables, "optimizer": self.vae.optimizer.variables}
        for name, variable in ((f"{part}/{i}", v) for part, group in parts.items() for i, v in enumerate(group)):
            if name not in arrays or arrays[name].shape != tuple(variable.shape):
                raise RunError(
                    f"the checkpoint of {self.run.path} lacks {name}, or has it in another shape: it is not of this run. "
                    "Put the run's own checkpoint back, or train anew."
                )
        if values["step"] > self.progress.total_steps:
            raise RunError(
                f"the checkpoint of {self.run.path} is of step {values['step']:,}, the run has {self.progress.total_steps:,}: "
                "it is not of this run. Put the run's own checkpoint back, or train anew."
            )

    def restore(self) -> None:
        """Put the newest checkpoint back; a run killed before its first one begins again."""
        state = self.run.load_state()
        arrays, values = state if state else ({}, {"step": 0})
        if state:
            self.check_state(arrays, values)
            for prefix, variables in (("model", self.vae.variables), ("optimizer", self.vae.optimizer.variables)):
                for i, variable in enumerate(variables):
                    variable.assign(arrays[f"{prefix}/{i}"])
            average = {name.removeprefix("average/"): a for name, a in arrays.items() if name.startswith("average/")}
            self.average.weights = {name: array.copy() for name, array in average.items()} or None
            sums = [arrays[name] for name in sorted(arrays) if name.startswith("sums/")]
            self.progress.step, self.progress.seconds = values["step"], values["seconds"]
            self.sums.restore(sums, at_the_end=self.progress.epoch_done)
            self.schedule.peak.assign(values["peak"])
        self.run.remove_snapshots_after(values["step"])
        self.history.forget_from(values["step"] // self.progress.steps_per_epoch)
        self.recorder.event("resumed")
