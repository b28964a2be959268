"""A run that has ended: rename it, publish it as a model, download it as a zip; and import such a zip. No streamlit.

>>> FRAMES >= 2
True
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from vae_core.checkpoints import bundle
from vae_core.jobs.capacity import check_disk
from vae_core.jobs.environment import child_environment, python_module
from vae_core.jobs.model_check import check_in_child
from vae_core.jobs.worker import NICE
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, UNREADABLE, Run
from vae_core.runs.naming import checked_name
from vae_core.settings import checkpoints_folder, model_folders, start_folder
from vae_core.storage import limits
from vae_core.storage.errors import FileProblem
from vae_core.storage.files import write_json
from vae_core.storage.records import read_object

FRAMES = 7  # of the timeline that a kept model shows


def rename(run: Run, name: str) -> Run:
    """Rename a run; its folder moves.

    Args:
        run: A run that has ended.
        name: 1 to 60 letters, digits, dots, dashes or underscores, beginning with a letter or digit.

    Returns:
        The run in its new folder.

    Raises:
        RunError: If the run is in progress, the name is odd or taken, or the folder cannot be moved.
    """
    _ended(run)
    target = run.path.with_name(checked_name(name))
    if target == run.path:
        return run
    if target.exists():
        raise RunError(f"{target.name!r} is taken. Choose another name.")
    try:
        # Nobody resumes or keeps it in this moment.
        with run.at_rest():
            run.path.rename(target)
    except OSError as error:
        raise RunError(f"{run.name} cannot be renamed: {error.strerror}.") from error
    with suppress(OSError, FileProblem):  # a run is called as its folder is; the description only repeats it
        write_json(target / "config.json", {**read_object(target / "config.json"), "name": name})
    return Run(target)


def publish(run: Run, name: str) -> Path:
    """Make a model of a run beside the shipped ones, measured on the whole test split in a process of its own.

    Takes some seconds up to a minute.

    Args:
        run: A run that has ended.
        name: The model's, as `rename` takes it.

    Returns:
        The model's folder.

    Raises:
        RunError: If `target_of` refuses, or with what the command has printed.
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
    """Folder that a run's model would lie in.

    Raises:
        RunError: If the run is in progress, the name is odd or taken, or the disk is too full.
    """
    _ended(run)
    target = checkpoints_folder().resolve() / checked_name(name)
    if any((folder / target.name).exists() for folder in model_folders()):
        raise RunError(f"there is a model called {target.name!r} already. Choose another name.")
    check_disk(target.parent)
    return target


def download(path: Path) -> bytes:
    """Zip of a model's folder or of a run that has ended.

    Raises:
        ImportProblem: If the run is in progress, or the zip would be too large.
        RunError: If the folder is gone.
    """
    Run(path).check_exists()
    return bundle.pack_model(path)


def import_model(data: bytes) -> Path:
    """Unpack an uploaded zip of a model beside the shipped ones, and check it in a process of its own.

    Returns:
        The model's new folder.

    Raises:
        ImportProblem: If the zip is too large, or no sound model.
        RunError: If the disk is too full.
    """
    if len(data) > limits.MODEL_ZIP:
        raise bundle.ImportProblem(f"the zip has {len(data) >> 20} MiB, at most {limits.MODEL_ZIP >> 20} are taken.")
    check_disk(checkpoints_folder().resolve(), len(data))
    return bundle.import_model(data, checkpoints_folder().resolve(), check_in_child)


def _ended(run: Run) -> None:
    run.check_exists()
    state, note = run.state()
    if state not in ENDED:
        step = "" if state == UNREADABLE else "; stop it or wait for its end"
        raise RunError(f"{run.name} is {state}{step}. {note}".rstrip())
