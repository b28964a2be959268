"""Train a VAE into a run directory, and continue one: blocking, draws nothing.

    train(ModelConfig(), TrainingConfig(epochs=2), datasets.load(), Run("runs/demo"))

The loop is Keras' stock `fit`; what is ours is the order of the images (a function of seed and epoch, so that a
resumed run sees what it would have seen), and the callbacks that write the run directory.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from vae_core.config import ModelConfig, TrainingConfig, recommended
from vae_core.network import presets
from vae_core.network.layers import Weights
from vae_core.runs import interruption
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.storage.files import FULL, why_unwritten
from vae_core.training.history import History
from vae_core.training.recorder import (
    AVERAGE_EVERY,
    Average,
    Progress,
    Recorder,
    Remote,
    RunFailed,
    RunStopped,
    StopOnNaN,
    diverged,
)
from vae_core.training.vae import VAE, set_weights

if TYPE_CHECKING:
    from vae_core.checkpoints.store import Checkpoint
    from vae_core.datasets.dataset import Dataset

SHOWN_IMAGES = 10  # of them, for whoever watches
SNAPSHOT_IMAGES = 1000  # test images whose codes each snapshot holds
VALIDATION_BATCH = 500

Show = Callable[[dict[str, Any]], None]


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """peak times a shape: linear warm-up then cosine to 1 %, or constant. `peak` can be turned while training."""

    def __init__(self, training: TrainingConfig, total_steps: int) -> None:
        self.peak = keras.Variable(training.learning_rate, trainable=False, name="peak")
        warmup = max(1, round(training.warmup * total_steps))
        self.shape = keras.optimizers.schedules.CosineDecay(
            0.01, max(1, total_steps - warmup), alpha=0.01, warmup_target=1.0, warmup_steps=warmup
        )
        self.constant = training.schedule == "constant"

    def __call__(self, step: Any) -> Any:
        """Learning rate at a step."""
        return self.peak + 0.0 if self.constant else self.peak * self.shape(step)


def train(
    model: ModelConfig,
    training: TrainingConfig,
    dataset: Dataset,
    run: Run,
    *,
    start: Checkpoint | None = None,
    show: Show | None = None,
    strategy: str = "default",
    tensorboard: bool = False,
    deterministic: bool = False,
    checkpoint_seconds: float = 10.0,
    request: Mapping[str, Any] | None = None,
) -> str:
    """Train from scratch, or from the weights of `start`, into `run`; returns its last state, "finished" or "stopped".

    request: what `Run.write_request` is to keep, so that the run can be continued in the same way. show is called with each metrics row. strategy "mirrored" uses all GPUs of this machine. Raises `RunError` for
    a directory that is taken or not writable, `RunFailed` for a loss that became NaN; the run directory then says
    "failed" and why.
    """
    _check(tensorboard)
    if dataset.image_shape != model.image_shape:
        raise RunError(
            f"the model takes pictures of {model.image_shape}, {dataset.name} has {dataset.image_shape}. Set image_shape to match."
        )
    config = {
        "name": run.name,
        "model": model.to_dict(),
        "training": training.to_dict(),
        "dataset": dataset.describe(),
        "versions": versions(),
    }
    if start is not None:
        if start.network.weight_shapes() != presets.build(model).weight_shapes():
            raise RunError(
                f"{start.name} has other layers than this model. Start from one of the same preset, units and pictures."
            )
        config["started_from"] = {"name": start.name, "step": start.step, "training": start.training.to_dict()}
    run.check_free()  # before the lock, which makes the folder
    with interruption.noted(), run.lock():
        run.create(config, presets.build(model))
        if request:
            run.write_request(**{**run.request(), **request})
        return _go(
            run,
            model,
            training,
            dataset,
            show,
            strategy,
            tensorboard,
            deterministic,
            checkpoint_seconds,
            weights=start.weights if start else None,
        )


def resume(
    run: Run,
    dataset: Dataset,
    *,
    show: Show | None = None,
    strategy: str = "default",
    tensorboard: bool = False,
    deterministic: bool = False,
    checkpoint_seconds: float = 10.0,
    forget: bool = True,
) -> str:
    """Continue a stopped, killed or failed run from its newest checkpoint, to the same weights as if never stopped.

    forget: take back the stop or pause that was asked for last. Raises `RunError` for a run that has finished, is being trained, or began with other data.
    """
    _check(tensorboard)
    config = run.config()
    began, now = config["dataset"], dataset.describe()
    if began.get("checksum") != now.get("checksum"):
        raise RunError(
            f"{run.path} was trained on {began.get('name')} ({began.get('source')}), this is {now['name']} ({now['source']}). "
            "Pass the same --data."
        )
    model, training = ModelConfig.from_dict(config["model"]), TrainingConfig.from_dict(config["training"])
    with interruption.noted(), run.lock():  # nothing is written before it is ours
        if run.status().get("state") == "finished":
            raise RunError(f"{run.path} has finished its epochs; there is nothing to resume. Train a new run instead.")
        if forget:
            run.update_control(command="run")
        return _go(
            run, model, training, dataset, show, strategy, tensorboard, deterministic, checkpoint_seconds, resumed=True
        )


def _check(tensorboard: bool) -> None:
    """TensorFlow no longer brings TensorBoard along."""
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise RunError("TensorBoard is not installed. Install it (pip install tensorboard), or train without it.")


def _go(
    run: Run,
    model: ModelConfig,
    training: TrainingConfig,
    dataset: Dataset,
    show: Show | None,
    strategy: str,
    tensorboard: bool,
    deterministic: bool,
    checkpoint_seconds: float,
    resumed: bool = False,
    weights: Weights | None = None,
) -> str:
    """Train, and keep the status true whatever happens. The caller holds the lock."""
    try:
        run.write_status("waiting", doing="building the network")
        if deterministic:
            tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(training.seed)
        with scope(strategy):
            session = _Session(run, model, training, dataset, show, tensorboard, checkpoint_seconds)
            if weights is not None:
                set_weights(session.vae, weights)
                session.save()  # so that a run killed at once goes on from these and not from random ones
            if resumed:
                session.restore()
        try:
            session.fit()
            state = "finished"
        except RunStopped:
            state = "stopped"
        session.recorder.end(state)
        return state
    except KeyboardInterrupt:  # from somewhere that signals could not be noted
        with suppress(OSError):
            run.write_status("stopped", **_where(run))
        return "stopped"
    except OSError as error:
        failure = RunFailed(_reason(run, error))
        _fail(run, failure)
        raise failure from error
    except BaseException as error:
        _fail(run, error)
        raise


def _reason(run: Run, error: OSError) -> str:
    """What could not be written or read, why, and the way out."""
    name = str(error.filename or run.path)
    if error.errno in FULL:
        return f"could not write {name}: {why_unwritten(error)} Free some space, then resume."
    verb = "write" if name.startswith(str(run.path)) else "read"
    return f"could not {verb} {name}: {why_unwritten(error)} See that it is there and may be used, then resume."


def _where(run: Run) -> dict[str, Any]:
    """How far it had come by its last status."""
    return {key: value for key, value in run.status().items() if key in ("step", "epoch", "total_steps", "loss")}


def _fail(run: Run, error: BaseException) -> None:
    """Say in the run directory that and why it ended; if even that cannot be written, the lock's end says it."""
    text, before = str(error) or type(error).__name__, _where(run)
    with suppress(OSError):
        run.write_status("failed", **before, error=text, traceback="".join(traceback.format_exception(error)))
    with suppress(OSError):
        run.append_metrics({"kind": "event", "event": "failed", "step": before.get("step", 0), "error": text})


class _Session:
    """One process's work on one run: model, data order, callbacks."""

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
        self.run, self.training = run, training
        self.pixels = dataset.pixels("train")[: training.images or None]
        self.validation, self.validation_batch = dataset.images("validation"), VALIDATION_BATCH
        devices = tf.distribute.get_strategy().num_replicas_in_sync
        if devices > 1:
            self.share_out(devices)
        per_epoch = -(-len(self.pixels) // training.batch_size)
        total = per_epoch * training.epochs
        self.progress = Progress(total, per_epoch)
        self.vae, self.schedule = compiled(model, training, total)
        self.average = Average(training.ema, self.progress)
        seen, labels = dataset.images("test", SNAPSHOT_IMAGES), dataset.labels("test")[:SNAPSHOT_IMAGES]
        run.save_fixed(dataset.pixels("test")[:SHOWN_IMAGES])
        self.recorder = Recorder(run, self.progress, self.average, seen, labels, show)
        self.remote = Remote(run, self.recorder, self.save, checkpoint_seconds)
        self.history, self.sums = History(run.path / "history.csv"), Sums()
        before, after = [self.sums, self.average, StopOnNaN(self.progress)], [self.recorder, self.remote, self.history]
        self.callbacks: list[keras.callbacks.Callback] = [*before, *after]
        for callback in self.callbacks:
            callback.set_model(self.vae)  # `fit` may have nothing to do, or never be called
        self.tensorboard = None
        if tensorboard:
            self.tensorboard = keras.callbacks.TensorBoard(str(run.path / "tensorboard"), update_freq=50)

    def share_out(self, devices: int) -> None:
        """Leave out the few images that would leave a device without any: a convolution of none is an error."""
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
        """Stock `fit`: what is left of the epoch that was begun, then the others. First a validation that was cut short."""
        if self.run.control().command == "stop" or interruption.asked():  # while TensorFlow was being imported
            raise RunStopped
        per_epoch, epochs = self.progress.steps_per_epoch, self.training.epochs
        epoch, batch = divmod(self.progress.step, per_epoch)
        if epoch and not batch and epoch - 1 not in self.history.epochs():
            self._validate(epoch - 1)
        if batch:
            self._fit(epoch, epoch + 1, batch)
            epoch += 1
        if epoch < epochs:
            self._fit(epoch, epochs, 0)

    def _fit(self, first: int, last: int, skip: int) -> None:
        """Train epochs first..last - 1, leaving out `skip` batches of the first."""
        beside = [*self.callbacks, self.tensorboard] if self.tensorboard else self.callbacks
        try:
            self.vae.fit(
                batches(self.pixels, self.training, first, last, skip).with_options(_options()),
                initial_epoch=first,
                epochs=last,
                steps_per_epoch=self.progress.steps_per_epoch - skip,
                validation_data=self._validation_data(),
                callbacks=beside,
                shuffle=False,  # `batches` has seen to that
                verbose=0,
            )
        except BaseException:
            if self.tensorboard:  # `fit` leaves its callbacks open when one of them raises
                self.tensorboard.on_train_end()
            raise

    def _validate(self, epoch: int) -> None:
        """The validation that the end of an epoch lacks, with the same figures as if it had not been cut short."""
        logs = self.sums.result()
        figures = self.vae.evaluate(self._validation_data(), callbacks=self.callbacks, return_dict=True, verbose=0)
        logs |= {f"val_{name}": float(value) for name, value in figures.items()}
        for callback in (self.recorder, self.history):
            callback.on_epoch_end(epoch, logs)

    def _validation_data(self) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(self.validation).batch(self.validation_batch).with_options(_options())

    def save(self) -> None:
        """Everything that the next step depends on, in one file; never numbers that are not finite."""
        arrays = {f"model/{i}": variable.numpy() for i, variable in enumerate(self.vae.variables)}
        arrays |= {f"optimizer/{i}": variable.numpy() for i, variable in enumerate(self.vae.optimizer.variables)}
        arrays |= {f"average/{name}": array for name, array in (self.average.weights or {}).items()}
        # The sums that the epoch's row in history.csv is made of.
        arrays |= {f"sums/{i}": variable.numpy() for i, variable in enumerate(self.vae.metrics_variables)}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise diverged(self.progress.step)
        values = {
            "step": self.progress.step,
            "seconds": self.progress.seconds,
            "peak": float(self.schedule.peak.numpy()),
        }
        self.run.save_state({name: np.asarray(array) for name, array in arrays.items()}, values)

    def restore(self) -> None:
        """Put the newest checkpoint back; a run killed before its first one begins again."""
        state = self.run.load_state()
        arrays, values = state if state else ({}, {"step": 0})
        if state:
            for prefix, variables in (("model", self.vae.variables), ("optimizer", self.vae.optimizer.variables)):
                for i, variable in enumerate(variables):
                    variable.assign(arrays[f"{prefix}/{i}"])
            kept = {name.removeprefix("average/"): a for name, a in arrays.items() if name.startswith("average/")}
            self.average.weights = {name: array.copy() for name, array in kept.items()} or None
            sums = [arrays[name] for name in sorted(arrays) if name.startswith("sums/")]
            self.sums.put_back(sums, at_the_end=values["step"] % self.progress.steps_per_epoch == 0)
            self.progress.step, self.progress.seconds = values["step"], values["seconds"]
            self.schedule.peak.assign(values["peak"])
        self.run.remove_snapshots_after(values["step"])
        self.history.forget_from(values["step"] // self.progress.steps_per_epoch)
        self.recorder.event("resumed")


class Sums(keras.callbacks.Callback):
    """The sums of an epoch that was begun before a stop: its row in history.csv is of all of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self._begun: list[np.ndarray] = []

    def put_back(self, sums: list[np.ndarray], at_the_end: bool) -> None:
        """sums: of the model's `metrics_variables`, in their order; none from an older program. at_the_end: of the epoch."""
        if len(sums) != len(self.model.metrics_variables):
            return
        self._begun = sums
        if at_the_end:
            self._assign()

    def result(self) -> dict[str, float]:
        """The means of the epoch that has just ended; none where they were not kept."""
        if not self._begun:
            return {}
        figures = {name: float(value) for name, value in self.model.get_metrics_result().items()}
        self._begun = []
        return figures

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """`fit` has just set them to zero."""
        self._assign()
        self._begun = []

    def _assign(self) -> None:
        for variable, value in zip(self.model.metrics_variables, self._begun, strict=False):
            variable.assign(value)


def _options() -> tf.data.Options:
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    # The tuning thread sleeps for up to a minute between two looks, and `fit` cannot return before it wakes.
    options.autotune.enabled = False
    return options


def compiled(model: ModelConfig, training: TrainingConfig, total_steps: int) -> tuple[VAE, Schedule]:
    """The untrained model, ready for `fit`, and the schedule whose peak can be turned."""
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


def pace(model: ModelConfig, steps: int = 8) -> tuple[float, float]:
    """Seconds that a step takes here and now, as (seconds a step, seconds an image more): means over noise images.

    It trains for a moment with two batch sizes and the moving average, and leaves nothing behind.
    """
    small, large, per_average = 16, 96, AVERAGE_EVERY * max(1, steps // AVERAGE_EVERY)
    # The first compiles the graph; the first of each size warms up.
    sizes = [small] * (per_average + 2) + [large] * (per_average + 1)
    pixels = np.random.default_rng(0).integers(0, 256, (large, *model.image_shape)).astype(np.uint8)

    def noise() -> Iterator[np.ndarray]:
        for size in sizes:
            yield pixels[:size].astype(np.float32) / 255

    times: list[float] = []
    progress = Progress(len(sizes), len(sizes))

    def tick(batch: int, logs: Any) -> None:
        progress.step += 1
        times.append(perf_counter())

    clock = keras.callbacks.LambdaCallback(on_train_batch_end=tick)
    training = recommended(model)
    spec = tf.TensorSpec((None, *model.image_shape), tf.float32)
    vae, _ = compiled(model, training, len(sizes))
    data = tf.data.Dataset.from_generator(noise, output_signature=spec).prefetch(2)
    beside = [Average(training.ema, progress), clock]
    vae.fit(data, steps_per_epoch=len(sizes), callbacks=beside, shuffle=False, verbose=0)
    spent = np.diff(times)
    few, many = float(spent[1 : per_average + 1].mean()), float(spent[-per_average:].mean())
    image = max(many - few, 1e-9) / (large - small)
    return max(few - small * image, 0.0), image


def batches(pixels: np.ndarray, training: TrainingConfig, first: int, last: int, skip: int = 0) -> tf.data.Dataset:
    """Float images in [0, 1], batch by batch, of epochs first..last - 1, leaving out `skip` batches of the first.

    pixels: (n, h, w, c) uint8. The order of epoch e is `default_rng((seed, e)).permutation(n)`.
    """

    def orders() -> Iterator[np.ndarray]:
        for epoch in range(first, last):
            order = np.random.default_rng((training.seed, epoch)).permutation(len(pixels))
            yield order[skip * training.batch_size if epoch == first else 0 :]

    everything = tf.constant(pixels)
    spec = tf.TensorSpec((None,), tf.int64)
    chosen = tf.data.Dataset.from_generator(orders, output_signature=spec).flat_map(
        lambda order: tf.data.Dataset.from_tensor_slices(order).batch(training.batch_size)
    )
    return chosen.map(lambda index: tf.cast(tf.gather(everything, index), tf.float32) / 255.0).prefetch(2)


def scope(strategy: str) -> Any:
    """The devices to train on: "default" is one GPU or the CPU, "mirrored" all GPUs (or logical CPUs) of this machine."""
    if strategy == "default":
        return nullcontext()
    if strategy != "mirrored":
        raise RunError(f"strategy must be default or mirrored, got {strategy!r}.")
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    cross = tf.distribute.HierarchicalCopyAllReduce() if devices[0].device_type == "CPU" else None
    return tf.distribute.MirroredStrategy([device.name for device in devices], cross_device_ops=cross).scope()


def versions() -> dict[str, str]:
    """What a run was made with."""
    packages = ("keras", "numpy", "onnxruntime")
    found = {package: importlib.metadata.version(package) for package in packages}
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        **found,
        "backend": keras.backend.backend(),
    }


__all__ = ["RunFailed", "RunStopped", "Schedule", "batches", "pace", "resume", "train", "versions"]
