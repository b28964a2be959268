"""The commands that train: train, resume, standby.

What a run is asked for is read and checked before any data are looked for:

>>> job = _Job.of({"request": None, "latent_dim": 4, "data": "drawn", "fit": None})
>>> job.model, job.data, job.fit
({'latent_dim': 4}, 'drawn', 'resize')
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vae_core import settings
from vae_core.checkpoints.training_data import own_dataset
from vae_core.cli.common import TrainingFailed, command_text, data_named, model_path, note, runs_folder
from vae_core.cli.config_flags import given
from vae_core.config import ModelConfig, TrainingConfig, recommended
from vae_core.runs import interruption
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.formats import RequestFile
from vae_core.runs.readers import check_described
from vae_core.storage import names
from vae_core.storage.records import read_object

if TYPE_CHECKING:
    from vae_core.datasets.dataset import Dataset

Go = Callable[[Any, Any], str]  # (the module `training`, `show`) -> the run's last state


def train(run_dir: str, queue: bool, **options: Any) -> None:
    """Train a new model.

    Args:
        run_dir: Where to write; must not hold a run yet.
        queue: Wait until no other run of the folder is in progress.
        options: The command's other flags.

    Raises:
        ValueError: If a setting, the data or the folder cannot be used.
        TrainingFailed: If the run began and could not go on.
    """
    run = Run(settings.expanded(run_dir))
    run.check_free()
    job = _Job.of(options)
    if queue:
        _in_turn(run, lambda: _new(run, job, **options))
    else:
        _watched(run, _new(run, job, **options))


@dataclass(frozen=True)
class _Job:
    """A training that is asked for.

    Attributes:
        model: Settings of the model that were given.
        training: Settings of the training that were given.
        data: Where the data are.
        fit: What is done to a user's own pictures.
    """

    model: dict[str, Any]
    training: dict[str, Any]
    data: str
    fit: str

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> _Job:
        """Read the request's file and the flags, which override it.

        Raises:
            ConfigError: If a setting is out of range; no data have been looked for.
        """
        file = options["request"]
        asked = read_object(settings.expanded(file), RequestFile) if file else {}
        recipe, flags = asked.get("training", {}), given(TrainingConfig, options)
        if "epochs" in flags:  # they decide now, not the steps of the request
            recipe = {name: value for name, value in recipe.items() if name != "steps"}
        job = cls(
            {**asked.get("model", {}), **given(ModelConfig, options)},
            {**recipe, **flags},
            options["data"] or asked.get("data") or "auto",
            options["fit"] or asked.get("fit") or "resize",
        )
        job.recipe(ModelConfig.from_dict(job.model))
        return job

    def recipe(self, model: ModelConfig, available: int | None = None, started: bool = False) -> TrainingConfig:
        """The model's recommended recipe with what was given.

        Args:
            model: The model.
            available: Training images of the data set; None while they have not been looked for.
            started: Whether it begins with trained weights: its units are awake already.
        """
        awake = {"kl_warmup": 0.0} if started else {}
        epochs = {name: value for name, value in self.training.items() if name == "epochs"}
        return TrainingConfig.from_dict({**recommended(model, available, **epochs).to_dict(), **awake, **self.training})


def _new(
    run: Run,
    job: _Job,
    *,
    start_from: str | None,
    strategy: str,
    tensorboard: bool,
    deterministic: bool,
    checkpoint_seconds: float,
    **_: Any,
) -> Go:
    """What `train` is to do, checked and with its data at hand."""
    from vae_core.checkpoints import store
    from vae_core.jobs import capacity
    from vae_core.jobs.duration import machine

    image_shape, data = job.model.get("image_shape"), job.data
    dataset = data_named(data, image_shape, job.fit)
    if image_shape and dataset.image_shape != tuple(image_shape):
        raise ValueError(f"--image-shape is for pictures of your own; {dataset.name} has {dataset.image_shape}.")
    model = ModelConfig.from_dict({**job.model, "image_shape": dataset.image_shape})
    start = store.load(model_path(start_from)) if start_from else None
    training = job.recipe(model, dataset.sizes["train"], started=start is not None)
    print(f"{dataset.title('train')} · {model.preset}, {model.latent_dim} latent units · {run.path}", file=sys.stderr)
    try:
        capacity.check_memory(capacity.memory_of(model, training, dataset.sizes))
    except RunError as error:
        print(f"warning: {error}", file=sys.stderr)  # it is the owner's own machine

    def go(training_module: Any, show: Any) -> str:
        return training_module.train(
            model,
            training,
            dataset,
            run,
            start=start,
            show=show,
            request={"data": _same_data(data, dataset), "machine": machine()},
            strategy=strategy,
            tensorboard=tensorboard,
            deterministic=deterministic,
            checkpoint_seconds=checkpoint_seconds,
        )

    return go


def _same_data(data: str, dataset: Dataset) -> str:
    """What --data has to name so that the same pictures are found again, wherever the command is given."""
    from vae_core.datasets import fashion_mnist

    named = {fashion_mnist.CHECKSUM: "fashion"}.get(dataset.checksum)
    if data in ("auto", "fashion", "drawn"):
        return named or "drawn"
    place = str(settings.expanded(data).resolve())
    if not names.encodable(place):
        raise ValueError(
            f"the path {place!a} is no text, so it cannot be noted where these pictures lie. Rename the folder, then train."
        )
    return place


def resume(run: str, data: str | None, queue: bool, **flags: Any) -> None:
    """Continue a run.

    Args:
        run: Its directory or name.
        data: Other data than it began with.
        queue: Wait until no other run of the folder is in progress.
        flags: The command's other flags.

    Raises:
        ValueError: If the run or its data cannot be used.
        TrainingFailed: If it could not go on.
    """
    from vae_core.datasets.preprocessing import treatment

    resumed = Run(model_path(run))
    config = resumed.config()
    check_described(config, resumed.path / "config.json")
    shape, fit = tuple(config["model"]["image_shape"]), treatment(config["dataset"])["fit"]

    def prepare() -> Go:
        if data:
            dataset = data_named(data, shape, fit)
        else:
            dataset = own_dataset(resumed.path, config["dataset"], shape, notify=note)
        return lambda training, show: training.resume(resumed, dataset, show=show, forget=not queue, **flags)

    if queue:
        _in_turn(resumed, prepare)
    else:
        _watched(resumed, prepare())


def standby(root: str | None, cold: bool, main: Callable[[list[str]], int]) -> int:
    """Import TensorFlow, then wait for a command on standard input.

    Args:
        root: The folder of runs; None for the settings'.
        cold: Import TensorFlow only when it is needed.
        main: Carries the command out.

    Returns:
        Its exit code.
    """
    from vae_core.jobs.worker import serve

    return serve(runs_folder(root), main, cold)


def _in_turn(run: Run, job: Callable[[], Go]) -> None:
    """Wait for the run's turn, train; what goes wrong before the trainer itself can say so is said in the directory."""
    from vae_core.jobs.queue import turn

    # Held while it waits as well: of a run that another process trains or waits with, nothing is written.
    with interruption.raised(), run.lock(patience=3.0):
        asked = run.request().get("asked")
        try:
            if not (run.path / "control.json").exists():
                run.update_control(command="wait")
            go = job()
            with turn(run, asked if isinstance(asked, float) else None) as mine:
                if mine:
                    if "tensorflow" not in sys.modules:
                        run.write_status("waiting", doing="importing TensorFlow, which takes some seconds")
                    _watched(run, go)
                else:
                    print(f"stopped before its turn: {run.path}")
        except KeyboardInterrupt:
            _last_word(run, "stopped")
            raise
        except Exception as error:
            reason = str(error) or type(error).__name__
            if isinstance(error, ModuleNotFoundError):
                reason = f"{error.name} is not installed. Run: {settings.INSTALL_TRAINING}"
            _last_word(run, "failed", error=reason)
            raise


def _last_word(run: Run, state: str, **values: Any) -> None:
    """Say how it ended, unless that is said already."""
    if run.status().get("state") not in ENDED:
        with suppress(OSError):
            run.write_status(state, **values)


def _watched(run: Run, go: Go) -> None:
    """Train with a progress bar, and say how it ended."""
    from vae_core.cli.progress_bar import progress_bar
    from vae_core.jobs.quiet_import import without_notes

    with interruption.raised():  # until the trainer itself takes note of signals
        with without_notes():
            from vae_core.training import train as training
        if interruption.asked():  # and the interrupt was lost in an import
            raise KeyboardInterrupt
        try:
            with progress_bar() as show:
                state = go(training, show)
        except training.RunFailed as error:
            raise TrainingFailed(str(error)) from error
        hint, verb = ("Look at it:", "evaluate") if state == "finished" else ("Go on:", "resume")
        print(f"{state}: {run.path}. {hint}  {command_text(verb, run.path)}")
