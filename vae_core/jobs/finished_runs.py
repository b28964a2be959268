"""What becomes of a run that has ended: renamed, kept as a model, carried away as a zip; and what is brought along. No streamlit."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

from vae_core.checkpoints import bundle
from vae_core.datasets import image_folders
from vae_core.datasets.idx import DataError
from vae_core.jobs import launcher as trainer
from vae_core.jobs.capacity import check_disk
from vae_core.jobs.environment import child_environment, python_module
from vae_core.jobs.model_check import check_in_child
from vae_core.jobs.worker import NICE
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, UNREADABLE, Run
from vae_core.settings import checkpoints_folder, model_folders, start_folder
from vae_core.storage import limits
from vae_core.storage.files import write_bytes, write_json
from vae_core.storage.records import FileProblem, read_object

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
FRAMES = 7  # of the timeline that a kept model shows
LARGEST_SIDE = 64  # of the shape that is suggested for pictures of the user's own
_KEEPING = threading.Lock()


@dataclass(frozen=True)
class Pictures:
    """A zip of the user's pictures that was taken in. data: for `Request`. shape: suggested for the model.

    sizes: images per split, for `Request` as well. lines: what the user should know of it, a sentence each.
    """

    data: str
    n: int
    classes: tuple[str, ...]
    size: tuple[int, int]
    shape: tuple[int, int, int]
    sizes: dict[str, int]
    lines: tuple[str, ...] = ()


def rename(run: Run, name: str) -> Run:
    """The run under another name; its folder moves. Raises `RunError` for a run in progress, an odd name or a taken one."""
    _ended(run)
    target = run.path.with_name(_name(name))
    if target == run.path:
        return run
    if target.exists():
        raise RunError(f"{name!r} is taken. Choose another name.")
    try:
        run.path.rename(target)
    except OSError as error:
        raise RunError(f"{run.name} cannot be renamed: {error.strerror}.") from error
    with suppress(OSError, FileProblem):  # a run is called as its folder is; the description only repeats it
        write_json(target / "config.json", {**read_object(target / "config.json"), "name": name})
    return Run(target)


def keep(run: Run, name: str) -> Path:
    """A model's folder beside the shipped ones, measured on the whole test split in a process of its own; returns its path.

    Takes some seconds up to a minute. Raises `RunError` for a run in progress, a name that is odd or taken, or with what the
    command has said.
    """
    target = target_of(run, name)
    words = ["keep", str(run.path.resolve()), str(target), "--half", "--snapshots", str(FRAMES)]
    child = subprocess.Popen(
        python_module("vae_core", *words),
        cwd=start_folder(),
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    with suppress(psutil.Error, OSError):
        psutil.Process(child.pid).nice(NICE)  # the app comes first
    _, errors = child.communicate()
    if child.returncode:
        lines = [line for line in errors.splitlines() if line.strip()]
        raise RunError(lines[-1].removeprefix("error: ") if lines else f"exit code {child.returncode}")
    return target


def target_of(run: Run, name: str) -> Path:
    """Where a run's model would lie. `RunError` for a run in progress, a name that is odd or taken, or a disk that is too full."""
    _ended(run)
    target = checkpoints_folder().resolve() / _name(name)
    if any((folder / name).exists() for folder in model_folders()):
        raise RunError(f"there is a model called {name!r} already. Choose another name.")
    check_disk(target.parent)
    return target


def download(path: Path) -> bytes:
    """A zip of a model's folder or of a run that has ended. `ImportProblem` (a ValueError) if it is in progress or too large."""
    return bundle.pack_model(path)


def take_in(data: bytes) -> Path:
    """The model of an uploaded zip as a new folder beside the shipped ones. `ImportProblem` says why not."""
    if len(data) > limits.MODEL_ZIP:
        raise bundle.ImportProblem(f"the zip has {len(data) >> 20} MiB, at most {limits.MODEL_ZIP >> 20} are taken.")
    check_disk(checkpoints_folder().resolve(), len(data))
    return bundle.import_model(data, checkpoints_folder().resolve(), check_in_child)


def take_pictures(name: str, data: bytes) -> Pictures:
    """Keep an uploaded zip of pictures for trainings, under its digest, and look at what it holds.

    Raises `DataError` (a ValueError) for no zip, no pictures, or too few; then nothing is kept.
    """
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    folder = trainer.folder() / "uploads" / digest
    path = folder / f"{bundle.safe_name(Path(name).stem)}.zip"
    with _KEEPING:  # two may bring the same one along
        try:
            if not path.exists():
                check_disk(folder, len(data))
                folder.mkdir(parents=True, exist_ok=True)
                write_bytes(path, data)
        except OSError as error:
            raise RunError(f"the zip cannot be kept in {folder.parent}: {error.strerror}.") from error
    try:
        found = _look(path)
        if found.n < 3:
            raise DataError(
                f"{name} holds {found.n} pictures, at least 3 are needed: one each for train, validation and test."
            )
    except ValueError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(str(error).replace(str(path), name)) from error
    shape = suggested(found.size, found.colour)
    return Pictures(str(path), found.n, found.classes, found.size, shape, dict(found.sizes), found.lines)


@lru_cache(maxsize=16)
def _look(path: Path) -> image_folders.ZipSummary:
    """Looked at once: the page asks on every run, and a zip that is kept under its digest never changes."""
    return image_folders.summarize_zip(path)


def suggested(size: tuple[int, int], colour: bool) -> tuple[int, int, int]:
    """(height, width, channels) of a model for such pictures: multiples of 4, 64 at most, in about their proportions."""
    scale = min(1.0, LARGEST_SIDE / max(size))
    height, width = (min(LARGEST_SIDE, max(8, 4 * round(side * scale / 4))) for side in size)
    return height, width, 3 if colour else 1


def _ended(run: Run) -> None:
    state, note = run.state()
    if state not in ENDED:
        step = "" if state == UNREADABLE else "; stop it or wait for its end"
        raise RunError(f"{run.name} is {state}{step}. {note}".rstrip())


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise RunError(
            f"a name is 1 to 60 letters, digits, dots, dashes or underscores and begins with a letter or digit; got {name!r}."
        )
    return name
