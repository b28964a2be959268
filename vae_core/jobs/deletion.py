"""Delete runs and models, and put them back within a day. No streamlit.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     restore_by_name(Path(folder), "demo")
Traceback (most recent call last):
    ...
vae_core.storage.trash.TrashError: nothing called 'demo' was deleted ... within the last day; there is nothing.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from vae_core.checkpoints.placement import is_shipped
from vae_core.checkpoints.registry import PARTS
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.health import health
from vae_core.settings import checkpoints_folder, runs_folder
from vae_core.storage import trash
from vae_core.storage.errors import FileProblem
from vae_core.storage.files import write_json
from vae_core.storage.records import read_object
from vae_core.storage.trash import Deleted, TrashError

STARTING_SECONDS = 60.0  # a run that a process is about to take up has no status of its own yet


def delete_run(run: Run) -> Deleted:
    """Move a run that no process is at work on into the trash beside it.

    Raises:
        RunError: If it is in progress, gone already, or cannot be moved.
    """
    if (run.path / "model.safetensors").exists() and not (run.path / "status.json").exists():
        raise RunError(
            f"{run.name} is a model, not a run. Delete it on the page Models, or with: models --delete {run.name}"
        )
    try:
        if not run.path.is_symlink() and run.path.is_dir():
            _at_rest(run)
            with run.lock():  # nobody resumes it in this moment
                return trash.delete(run.path)
        return trash.delete(run.path)
    except TrashError as error:
        raise RunError(str(error)) from error


def delete_model(path: Path) -> Deleted:
    """Move a kept or imported model into the trash beside it; a damaged one too.

    Raises:
        TrashError: If it came with the program, is a run, is gone already, or cannot be moved.
    """
    if is_shipped(path):
        raise TrashError(
            f"{path.name} came with the program and is not deleted. Those that were kept or brought can be."
        )
    if (path / "status.json").exists():
        raise TrashError(f"{path.name} is a run. Delete it on the page Train, or with: runs --delete {path.name}")
    if path.is_dir() and not any((path / part).exists() for part in PARTS):
        raise TrashError(f"{path} is no model: it has none of {', '.join(PARTS)}. `models` lists those there are.")
    return trash.delete(path)


def restore(root: Path, place: str) -> Path:
    """Put a run or a model back, and write its new name into its config.json where the old one was taken.

    Args:
        root: The folder of runs or of models.
        place: Name of its folder in the trash, `Deleted.path.name`.

    Returns:
        Where it lies now.

    Raises:
        TrashError: If it is not in the trash, or cannot be moved.
    """
    path = trash.restore(root, place)
    with suppress(FileProblem, OSError, ValueError):
        config = read_object(path / "config.json")
        if path.name != place.partition("-")[2] and not path.is_symlink():
            write_json(path / "config.json", {**config, "name": path.name})
    return path


def restore_by_name(root: Path, name: str) -> Path:
    """Put back the last run or model of this name that was deleted.

    Args:
        root: The folder of runs or of models.
        name: What it was called.

    Returns:
        Where it lies now.

    Raises:
        TrashError: If nothing of this name was deleted within the last day, or it cannot be moved.
    """
    entries = trash.deleted(root)
    entry = next((entry for entry in entries if entry.name == name), None)
    if entry is None:
        names = ", ".join(entry.name for entry in entries) or "nothing"
        raise TrashError(f"nothing called {name!r} was deleted from {root} within the last day; there is {names}.")
    return restore(root, entry.path.name)


def deleted_models() -> list[Deleted]:
    """Models that were deleted within the last day, the newest first."""
    return trash.deleted(checkpoints_folder())


def deleted_runs() -> list[Deleted]:
    """Runs that were deleted within the last day, the newest first."""
    folder = runs_folder()
    return trash.deleted(folder) if folder else []


def _at_rest(run: Run) -> None:
    """Raises `RunError` while a process is at work on the run, or is about to be."""
    now = health(run)
    if now.state in (*ENDED, "unreadable") and not now.active:
        return
    age = time.time() - max((file.stat().st_mtime for file in run.path.glob("*.json")), default=0.0)
    if now.active or age < STARTING_SECONDS:
        raise RunError(f"{run.name} is {now.state}. Stop it first, or wait for its end; then it can be deleted.")
