"""The commands that train, and those that look after what is being trained: train, resume, standby, runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_core import settings
from vae_core.cli.common import command_text, model_path, run_path
from vae_core.cli.config_flags import given
from vae_core.config import ModelConfig, TrainingConfig, recommended
from vae_core.runs import interruption
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, OVER, Run
from vae_core.runs.formats import RequestFile
from vae_core.runs.health import health
from vae_core.runs.index import list_runs
from vae_core.storage.records import read_object

if TYPE_CHECKING:
    from vae_core.datasets.dataset import Dataset
    from vae_core.storage.trash import Deleted

Go = Callable[[Any, Any], str]  # (the module `training`, `show`) -> the run's last state


class TrainingFailed(Exception):
    """A run that began and could not go on."""


def train(run_dir: str, queue: bool, **options: Any) -> None:
    """Train a new model; queue: when no other run of the folder is in progress."""
    run = Run(settings.expanded(run_dir))
    run.check_free()
    job = _Job.of(options)
    if queue:
        _in_turn(run, lambda: _new(run, job, **options))
    else:
        _watched(run, _new(run, job, **options))


@dataclass(frozen=True)
class _Job:
    """What is to be trained: settings of model and training that were given, where the data are, and how they are fitted."""

    model: dict[str, Any]
    training: dict[str, Any]
    data: str
    fit: str

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> _Job:
        """From the request's file and the flags, which override it. Raises `ConfigError` before any data are looked for."""
        file = options["request"]
        asked = read_object(settings.expanded(file), RequestFile) if file else {}
        job = cls(
            {**asked.get("model", {}), **given(ModelConfig, options)},
            {**asked.get("training", {}), **given(TrainingConfig, options)},
            options["data"] or asked.get("data") or "auto",
            options["fit"] or asked.get("fit") or "resize",
        )
        job.recipe(ModelConfig.from_dict(job.model))
        return job

    def recipe(self, model: ModelConfig, started: bool = False) -> TrainingConfig:
        """The model's recommended recipe with what was given. started: its units are awake already."""
        awake = {"kl_warmup": 0.0} if started else {}
        return TrainingConfig.from_dict({**recommended(model).to_dict(), **awake, **self.training})


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
    training = job.recipe(model, started=start is not None)
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
            request={"data": _again(data, dataset), "machine": machine()},
            strategy=strategy,
            tensorboard=tensorboard,
            deterministic=deterministic,
            checkpoint_seconds=checkpoint_seconds,
        )

    return go


def _again(data: str, dataset: Dataset) -> str:
    """What --data has to name so that the same pictures are found again, wherever the command is given."""
    from vae_core.datasets import fashion_mnist

    named = {fashion_mnist.CHECKSUM: "fashion"}.get(dataset.checksum)
    if data in ("auto", "fashion", "drawn"):
        return named or "drawn"
    return str(settings.expanded(data).resolve())


def resume(run: str, data: str | None, queue: bool, **flags: Any) -> None:
    """Continue a run, with the data that it began with unless others are named."""
    from vae_core.datasets.preprocessing import treatment

    opened = Run(model_path(run))
    config = opened.config()
    shape, fit = tuple(config["model"]["image_shape"]), treatment(config["dataset"])["fit"]

    def again() -> Go:
        dataset = data_named(data or str(opened.request().get("data", "auto")), shape, fit)
        return lambda training, show: training.resume(opened, dataset, show=show, forget=not queue, **flags)

    if queue:
        _in_turn(opened, again)
    else:
        _watched(opened, again())


def standby(root: str | None, cold: bool, main: Callable[[list[str]], int]) -> int:
    """Import TensorFlow, then wait for a command on standard input, which `main` carries out."""
    from vae_core.jobs.worker import serve

    return serve(_runs_folder(root), main, cold)


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
    from vae_core.training.quiet_import import without_notes

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


def runs(
    root: str | None, follow: str | None, pause: str | None, stop: str | None, kill: str | None, **others: Any
) -> None:
    """List, follow, pause, continue, stop, kill."""
    folder = _runs_folder(root)
    if kill:
        from vae_core.jobs.process import end_trainer

        run = _find(root, kill)
        print(f"{run.path}: {end_trainer(run)}")
        return
    if others["delete"] or others["restore"]:
        from vae_core.jobs.deletion import delete_run, restore_by_name

    if others["delete"]:
        print(deletion_note("runs", delete_run(_find(root, others["delete"]))))
        return
    if others["restore"]:
        print(f"{restore_by_name(folder, others['restore'])} is back.")
        return
    verbs = {"pause": pause, "run": others["continue"], "stop": stop}
    for command, name in verbs.items():
        if name:
            _ask(_find(root, name), command)
            return
    if follow:
        _follow(_find(root, follow))
        return
    found = list_runs(folder)
    if not found:
        print(f"no runs in {folder}. Start one:  {command_text('train', '--run-dir', folder / 'demo')}")
    for run in found:
        status = run.status()
        how = health(run, status)
        state, note = how.state, how.note
        step = f"step {status['step']:,}/{status.get('total_steps', 0):,}" if "step" in status else ""
        loss = f"loss {status['loss']:.2f}" if status.get("loss") is not None else ""
        print(f"{run.name:24} {state:10} {step:20} {loss:12} {' '.join((note, *how.problems))}".rstrip())


def _runs_folder(root: str | None) -> Path:
    return settings.expanded(root) if root else settings.command_line_runs()


def deletion_note(command: str, entry: Deleted) -> str:
    """What was deleted, and how it comes back."""
    back = command_text(command, "--root", entry.path.parents[1], "--restore", entry.name)
    return f"{entry.name} is deleted. Within a day this puts it back:  {back}"


def _find(root: str | None, name: str) -> Run:
    run = Run(run_path(name, settings.expanded(root) if root else None))
    run.check_kind()
    if not (run.path / "status.json").exists():  # one that waits for its turn has this and no config.json yet
        run.config()
    return run


def _ask(run: Run, command: str) -> None:
    """Ask, then wait a little for the answer, so that what is printed is what happened."""
    state, _ = run.state()
    if state in OVER:
        raise RunError(f"{run.path} is {state}; only a run in progress can be asked. Continue it with resume.")
    run.update_control(command=command)
    wanted = {"pause": ("paused",), "run": ("running",), "stop": ENDED}[command]
    for _ in range(100):
        state, note = run.state()
        if state in wanted or state == "failed":
            break
        time.sleep(0.1)
    print(f"{run.path}: {state} {note}".rstrip())


def _follow(run: Run) -> None:
    from vae_core.cli.progress_bar import progress_bar

    with progress_bar() as show:
        while True:
            state, note = run.state()
            show({**run.status(), "state": state})
            if state in OVER or note:
                break
            time.sleep(0.5)
    print(f"{run.path}: {state} {note}".rstrip())


def data_named(name: str, image_shape: Any = None, fit: str = "resize") -> Dataset:
    """The data set that --data names; image_shape, fit: of the user's own pictures, where they are settled already."""
    from vae_core.datasets import loading

    return loading.load(name, notify=note, image_shape=tuple(image_shape) if image_shape else None, fit=fit)


def note(text: str) -> None:
    """A line for the user that is no result."""
    print(text, file=sys.stderr, flush=True)
