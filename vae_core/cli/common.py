"""What several commands share: how they find the models, runs and data that are named, and what they print beside results.

>>> command_text("evaluate", "my models/fashion").endswith("evaluate 'my models/fashion'")
True
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_core import settings

if TYPE_CHECKING:
    from vae_core.datasets.dataset import Dataset
    from vae_core.storage.trash import Deleted

_MARKS = ("config.json", "status.json")  # a run that waits for its turn has only the second


class TrainingFailed(Exception):
    """A run that began and could not go on."""


def command_text(*words: object) -> str:
    """Command of this program as it is typed into a shell; words with spaces are quoted."""
    return f"{settings.PROGRAM} {shlex.join(map(str, words))}"


def model_path(name: str) -> Path:
    """Folder of a model or run that a command names: a path, or a name such as `runs/demo`, `demo` or `fashion-2d`.

    A path that holds a model or run comes first, then the folders of runs and models (`vae_core.settings`). Where nothing
    is found the path itself is returned, and opening it says what is missing.
    """
    return _first([settings.expanded(name), *_named(name)])


def run_path(name: str, root: Path | None) -> Path:
    """Folder of a run that a command names.

    Args:
        name: A path, or the name of a run.
        root: The folder of --root, where it was given; then no other folder is looked in.
    """
    if root is not None:
        return root / name if _is_name(name) else settings.expanded(name)
    return _first([settings.expanded(name), *_named(name)], otherwise=settings.command_line_runs() / name)


def named_model(name: str, folders: list[Path]) -> Path:
    """Folder of a model that is to be deleted.

    Args:
        name: A path, taken literally, or a name.
        folders: Where a name is looked for; the first that has it counts.
    """
    if not _is_name(name):
        return settings.expanded(name)
    return next((folder / name for folder in folders if (folder / name).exists()), folders[0] / name)


def _is_name(name: str) -> bool:
    return len(Path(name).parts) == 1 and name not in (".", "..") and not name.startswith("~")


def _named(name: str) -> list[Path]:
    folders = {"runs": [settings.command_line_runs()], "checkpoints": settings.command_line_models()}
    parts = Path(name).parts
    if len(parts) == 2 and parts[0] in folders:
        return [folder / parts[1] for folder in folders[parts[0]]]
    return [folder / name for group in folders.values() for folder in group] if _is_name(name) else []


def _first(paths: list[Path], otherwise: Path | None = None) -> Path:
    for path in paths:
        if any((path / mark).exists() for mark in _MARKS):
            return path
    return otherwise or paths[0]


def runs_folder(root: str | None) -> Path:
    """Folder of runs: that of --root, else that of the settings."""
    return settings.expanded(root) if root else settings.command_line_runs()


def data_named(name: str, image_shape: Any = None, fit: str = "resize") -> Dataset:
    """Data set that --data names.

    Args:
        name: "auto", "fashion", "drawn", or a folder, zip or .npz.
        image_shape: (height, width, channels) that a user's own pictures are brought to; None leaves it to the data.
        fit: What is done to a user's own pictures, "resize" or "garment".

    Raises:
        DataError: If they cannot be read.
    """
    from vae_core.datasets import loading

    return loading.load(name, notify=note, image_shape=tuple(image_shape) if image_shape else None, fit=fit)


def note(text: str) -> None:
    """Print a line for the user that is no result."""
    print(text, file=sys.stderr, flush=True)


def deletion_note(command: str, entry: Deleted) -> str:
    """Sentence that says what was deleted, and the command that puts it back."""
    back = command_text(command, "--root", entry.path.parents[1], "--restore", entry.name)
    return f"{entry.name} is deleted. Within a day this puts it back:  {back}"
