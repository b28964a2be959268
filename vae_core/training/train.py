"""Train a VAE into a run directory, and continue one: blocking, draws nothing.

    train(ModelConfig(), TrainingConfig(epochs=2), datasets.load(), Run("runs/demo"))
    resume(Run("runs/demo"), datasets.load())

The loop is Keras' stock `fit`; what is ours is the order of the images (`batches`) and the callbacks that write the run
directory and obey it (`recorder`, `control_listener`).

>>> versions()["backend"]
'tensorflow'
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network import presets
from vae_core.network.layers import Weights
from vae_core.runs import interruption
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.storage.files import FULL, why_unwritten
from vae_core.training import warm_up
from vae_core.training.control_listener import RunStopped
from vae_core.training.devices import device_scope
from vae_core.training.progress import RunFailed
from vae_core.training.session import Session, Show
from vae_core.training.vae import set_weights

if TYPE_CHECKING:
    from vae_core.checkpoints.store import Checkpoint
    from vae_core.datasets.dataset import Dataset


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
    """Train from scratch, or from the weights of a checkpoint, into a run directory.

    Args:
        model: The network.
        training: The recipe.
        dataset: Pictures of the network's shape; only the train split is trained on.
        run: A directory that is not there yet, or waits for its turn.
        start: A checkpoint of the same network whose weights are trained on.
        show: Called with each row of metrics, for a terminal.
        strategy: "default" for one GPU or the CPU, "mirrored" for all GPUs of this machine.
        tensorboard: Also write TensorBoard's log into the run directory.
        deterministic: Have TensorFlow's operations give the same bits each time, which is slower.
        checkpoint_seconds: Time from one resumable state to the next; one more is kept at the end of each epoch.
        request: What `Run.write_request` is to keep, so that the run can be continued in the same way.

    Returns:
        The run's last state, "finished" or "stopped".

    Raises:
        RunError: The directory is taken or not writable, or the data set, the checkpoint or the devices do not fit.
        RunFailed: The loss became NaN, or a file could not be written; the run directory then says "failed" and why.
    """
    _require_tensorboard(tensorboard)
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
    # before the lock, which makes the folder
    run.check_free()
    with interruption.noted(), run.lock():
        run.create(config, presets.build(model))
        if request:
            run.write_request(**{**run.request(), **request})
        return _run(
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

    Args:
        run: The run directory.
        dataset: The data that the run began with.
        show: As for `train`.
        strategy: As for `train`.
        tensorboard: As for `train`.
        deterministic: As for `train`.
        checkpoint_seconds: As for `train`.
        forget: Take back the stop or pause that was asked for last.

    Returns:
        The run's last state, "finished" or "stopped".

    Raises:
        RunError: The run has finished, is being trained, or began with other data.
        RunFailed: As for `train`.
    """
    _require_tensorboard(tensorboard)
    config = run.config()
    began, now = config["dataset"], dataset.describe()
    if began.get("checksum") != now.get("checksum"):
        raise RunError(
            f"{run.path} was trained on {began.get('name')} ({began.get('source')}), this is {now['name']} ({now['source']}). "
            "Pass the same --data."
        )
    model, training = ModelConfig.from_dict(config["model"]), TrainingConfig.from_dict(config["training"])
    # nothing is written before it is ours
    with interruption.noted(), run.lock():
        if run.status().get("state") == "finished":
            raise RunError(f"{run.path} has finished its epochs; there is nothing to resume. Train a new run instead.")
        if forget:
            run.update_control(command="run")
        return _run(
            run, model, training, dataset, show, strategy, tensorboard, deterministic, checkpoint_seconds, resumed=True
        )


def _require_tensorboard(needed: bool) -> None:
    """Check that TensorBoard, which TensorFlow no longer brings along, is installed where it is to be used."""
    if needed and importlib.util.find_spec("tensorboard") is None:
        raise RunError("TensorBoard is not installed. Install it (pip install tensorboard), or train without it.")


def _run(
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
        if deterministic or tensorboard:
            warm_up.forget()
        keras.utils.set_random_seed(training.seed)
        with device_scope(strategy):
            session = Session(run, model, training, dataset, show, tensorboard, checkpoint_seconds)
            if weights is not None:
                set_weights(session.vae, weights)
                # so that a run killed at once goes on from these and not from random ones
                session.save()
            if resumed:
                session.restore()
        try:
            session.fit()
            state = "finished"
        except RunStopped:
            state = "stopped"
        session.recorder.end(state)
        return state
    # from somewhere that signals could not be noted
    except KeyboardInterrupt:
        with suppress(OSError):
            run.write_status("stopped", **_last_position(run))
        return "stopped"
    except OSError as error:
        failure = RunFailed(_failed_access(run, error))
        _fail(run, failure)
        raise failure from error
    except BaseException as error:
        _fail(run, error)
        raise


def _failed_access(run: Run, error: OSError) -> str:
    """Describe what could not be written or read, why, and the way out."""
    name = str(error.filename or run.path)
    if error.errno in FULL:
        return f"could not write {name}: {why_unwritten(error)} Free some space, then resume."
    verb = "write" if name.startswith(str(run.path)) else "read"
    return f"could not {verb} {name}: {why_unwritten(error)} See that it is there and may be used, then resume."


def _last_position(run: Run) -> dict[str, Any]:
    """Return how far a run had come by its last status."""
    return {key: value for key, value in run.status().items() if key in ("step", "epoch", "total_steps", "loss")}


def _fail(run: Run, error: BaseException) -> None:
    """Note in the run directory that and why it ended; if even that cannot be written, the lock's end tells it."""
    text, position = str(error) or type(error).__name__, _last_position(run)
    with suppress(OSError):
        run.write_status("failed", **position, error=text, traceback="".join(traceback.format_exception(error)))
    with suppress(OSError):
        run.append_metrics({"kind": "event", "event": "failed", "step": position.get("step", 0), "error": text})


def versions() -> dict[str, str]:
    """Return the versions that a run is made with: of Python, of four packages, and the name of Keras' backend."""
    packages = ("keras", "numpy", "onnxruntime")
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        **{package: importlib.metadata.version(package) for package in packages},
        "backend": keras.backend.backend(),
    }
