"""Start, steer and end trainings from the app; the trainers are processes that outlive it. No streamlit here.

    ready = prepare()                    # on each visit of the page: keeps a warm process
    run = start(Request("shoes", ModelConfig()))
    view = live(run).view()              # vae_core.runs.live_reader

Everything about a run is in its directory, so a server that starts anew finds all of them.

>>> request = Request("shoes", ModelConfig("classic"), data="fashion")
>>> request.training.batch_size, request.images()["test"]
(128, 10000)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from vae_core.config import ModelConfig, TrainingConfig, recommended
from vae_core.datasets import fashion_mnist, loading
from vae_core.jobs import capacity, queue
from vae_core.jobs.duration import Estimate, estimate, machine
from vae_core.jobs.process import end_trainer
from vae_core.jobs.worker_pool import Ready, Trainers
from vae_core.runs.control import Control, RunError
from vae_core.runs.directory import OVER, Run
from vae_core.runs.health import health
from vae_core.runs.index import list_runs, unfinished
from vae_core.runs.naming import checked_name
from vae_core.settings import RUNS_VARIABLE, model_folders, runs_folder
from vae_core.storage.names import encodable

_TRAINERS = Trainers()  # one for all sessions of the server


@dataclass(frozen=True)
class Request:
    """A run that is asked for.

    Attributes:
        name: What its folder is called (`runs.naming`); with the time behind it where that is taken.
        model: What is trained.
        training: How; the recipe that suits the model, unless another is given.
        data: "auto" (the real pictures if they are here), "fashion", "drawn", or a zip's path.
        sizes: Images per split of the zip.
        visitor: Who asks, so that pages can tell whose run it is.
        fit: What is done to the pictures of a zip, "resize" or "garment".
    """

    name: str
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = None  # type: ignore[assignment]
    data: str = "auto"
    sizes: dict[str, int] | None = None
    visitor: str = ""
    fit: str = "resize"

    def __post_init__(self) -> None:
        if self.training is None:
            object.__setattr__(self, "training", recommended(self.model, self.images()["train"]))

    def settled(self) -> str:
        """Value of --data that needs no network, "auto" decided."""
        if self.data != "auto":
            return self.data
        return "fashion" if fashion_mnist.find_fashion() else "drawn"

    def images(self) -> dict[str, int]:
        """Images per split."""
        if self.sizes is not None:
            return self.sizes
        if self.settled() == "drawn":
            return dict(loading.DRAWN)
        return {"train": 60_000 - loading.HELD_OUT, "validation": loading.HELD_OUT, "test": 10_000}

    def to_dict(self) -> dict[str, Any]:
        """The whole recipe as it is written to request.json, for `train --request`."""
        return {
            "model": self.model.to_dict(),
            "training": self.training.to_dict(),
            "data": self.settled(),
            "fit": self.fit,
        }

    def arguments(self, run: Run) -> list[str]:
        """Words of the command that trains it once `to_dict` lies in the run's request.json."""
        return ["train", "--queue", "--run-dir", str(run.path), "--request", str(run.path / "request.json")]


def folder() -> Path:
    """The folder of runs, as an absolute path.

    Raises:
        RunError: If none was named.
    """
    runs = runs_folder()
    if runs is None:
        raise RunError(f"There is no folder for runs. Set {RUNS_VARIABLE} to one, and start the app again.")
    return runs.resolve()


def prepare() -> Ready:
    """Keep a process ready that has imported TensorFlow, unless one is at work; returns its state at once."""
    try:
        root = folder()
        root.mkdir(parents=True, exist_ok=True)
    except RunError as error:
        return Ready("unavailable", str(error))
    except OSError as error:
        return Ready("unavailable", f"{root} cannot be written to ({error.strerror}). Make it writable.")
    return _TRAINERS.prepare(root, busy=bool(active()))


def runs() -> list[Run]:
    """All runs, newest first; without those whose names are no text."""
    root = runs_folder()
    return [run for run in list_runs(root) if encodable(run.path.name)] if root else []


def active() -> list[Run]:
    """Runs that a process is at work on, or that wait for their turn; newest first."""
    folder = runs_folder()
    return [run for run in unfinished(folder) if run.state()[0] not in OVER] if folder else []


def estimated(request: Request) -> Estimate | None:
    """Expected duration of a run on this machine; None before anything was measured, or without a folder for runs."""
    root = runs_folder()
    return estimate(request.model, request.training, request.images(), root.resolve()) if root else None


def refusal(request: Request, *, beside: bool = False) -> str | None:
    """Sentence that says why `start` would refuse it now; None where it would not."""
    try:
        _check(request, folder(), beside)
    except RunError as error:
        return str(error)
    return None


def waits_for(run: Run) -> Run | None:
    """The run whose end a queued one waits for; None for one that does not wait."""
    status = run.status()
    since = status.get("since")
    if status.get("state") != "waiting" or not isinstance(since, int | float) or run.control().command != "wait":
        return None
    return next(iter(queue.before(run, since)), None)


def may_train_beside() -> bool:
    """Whether one more run may train at once."""
    try:
        capacity.check_beside(folder())
    except RunError:
        return False
    return True


def _check(request: Request, root: Path, beside: bool) -> None:
    checked_name(request.name)
    needed = capacity.memory_of(request.model, request.training, request.images())
    capacity.check_start(root, needed, beside=beside, ready=_TRAINERS.ready_memory())


def start(request: Request, *, beside: bool = False) -> Run:
    """Begin a run, or queue it behind the one in progress; returns at once.

    `health(run).note` of a queued one says which it waits for.

    Args:
        request: What to train.
        beside: Whether it begins at once, beside the one in progress.

    Raises:
        RunError: If nothing can be written, or it is more than this machine can take (`capacity`).
    """
    root = folder()
    with _TRAINERS.lock:
        _check(request, root, beside)
        run = _new_directory(root, request.name)
        asked = time.time()
        try:
            run.write_control(Control("run" if beside else "wait"))
            arguments = request.arguments(run)
            run.write_request(
                **request.to_dict(), arguments=arguments, asked=asked, machine=machine(), visitor=request.visitor
            )
            waits = not beside and bool(queue.before(run, asked))
            _TRAINERS.launch(root, run, arguments, asked, cold=waits)
        except OSError as error:
            raise _unwritable(run.path, error) from error
    return run


def resume(run: Run, *, beside: bool = False) -> None:
    """Continue a run that was stopped, killed or has failed, from its last checkpoint; queued like `start`.

    One that never began begins.

    Args:
        run: The run.
        beside: Whether it goes on at once, beside the one in progress.

    Raises:
        RunError: If it is in progress, finished or unreadable, or more than this machine can take.
    """
    root = folder()
    with _TRAINERS.lock:
        run.check_exists()
        condition = health(run)
        if not condition.resumable:
            raise RunError(f"{run.name} is {condition.state}; there is nothing to resume. {condition.note}".rstrip())
        asked = time.time()
        capacity.check_start(root, _memory_again(run), beside=beside, ready=_TRAINERS.ready_memory())
        request = run.request()
        if (run.path / "config.json").exists():
            arguments = ["resume", "--queue", str(run.path)]
        else:
            arguments = [str(word) for word in request.get("arguments", [])]
            if not arguments:
                raise RunError(f"{run.name} ended before it began and cannot be resumed. Start it anew.")
        try:
            run.write_request(**{**request, "asked": asked})
            run.update_control(command="run" if beside else "wait")
            waits = not beside and bool(queue.before(run, asked))
            _TRAINERS.launch(root, run, arguments, asked, cold=waits)
        except OSError as error:
            raise _unwritable(run.path, error) from error


def _memory_again(run: Run) -> int:
    """Bytes that a run takes when it goes on; 0 where its config does not say."""
    try:
        config = run.config()
        model, training = ModelConfig.from_dict(config["model"]), TrainingConfig.from_dict(config["training"])
        sizes = {name: int(config["dataset"]["sizes"][name]) for name in ("train", "validation", "test")}
        return capacity.memory_of(model, training, sizes)
    except (ValueError, KeyError, TypeError, RunError):
        return 0  # it has not begun, or the trainer says what is wrong with it


# --- a run in progress ------------------------------------------------------------------------------------------------


def pause(run: Run) -> None:
    """Let a run stand still after the batch in hand."""
    _update_control(run, command="pause")


def go_on(run: Run) -> None:
    """Continue a paused run; a queued one begins at once, beside the others, if the machine may train one more."""
    with _TRAINERS.lock:
        if run.state()[0] == "waiting":
            capacity.check_beside(run.path.parent)
        _update_control(run, command="run")


def step(run: Run) -> None:
    """Train one batch more, then stand still."""
    _update_control(run, command="pause", steps=run.control().steps + 1)


def stop(run: Run) -> None:
    """Save and end; `resume` goes on. A trainer that hangs does not hear it: `end` it."""
    _update_control(run, command="stop")


def turn_dials(run: Run, *, learning_rate: float | None = None, beta: float | None = None) -> None:
    """Change the learning rate or beta from the next batch on.

    Args:
        run: A run in progress.
        learning_rate: The schedule's peak; None leaves it.
        beta: Weight of the KL loss; None leaves it.

    Raises:
        RunError: If the run has ended, or a value is out of range.
    """
    changes = {"learning_rate": learning_rate, "beta": beta}
    _update_control(run, **{name: value for name, value in changes.items() if value is not None})


def end(run: Run) -> str:
    """End a trainer that does not listen, by force if it must be; returns what happened as a sentence. Takes up to 6 s."""
    run.check_exists()
    return end_trainer(run)


def _update_control(run: Run, **changes: Any) -> None:
    run.check_exists()
    state, _ = run.state()
    if state in OVER:
        raise RunError(f"{run.name} is {state}; only a run in progress can be asked. Resume it.")
    try:
        with _TRAINERS.lock:  # two sessions may ask at once
            run.update_control(**changes)
    except OSError as error:
        raise _unwritable(run.path, error) from error


# --- directories ------------------------------------------------------------------------------------------------------


def _new_directory(root: Path, name: str, now: Callable[[], datetime] = datetime.now) -> Run:
    """A directory of its own for a run: the name; where a run or a model bears it, with the time and then a number behind it."""
    name = checked_name(name)
    timed = f"{name[:40]}-{now():%m%d-%H%M%S}"
    taken = any((folder / name).exists() for folder in model_folders())
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(taken, 1000):
            path = root / (name if number == 0 else timed if number == 1 else f"{timed}-{number}")
            try:
                path.mkdir()
                return Run(path)
            except FileExistsError:
                continue
    except OSError as error:
        raise _unwritable(root, error) from error
    raise RunError(f"{root} holds a thousand runs called {timed}. Choose another name.")


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"cannot write to {path}: {error.strerror}. Free some space or make it writable, or set {RUNS_VARIABLE} to another folder."
    )
