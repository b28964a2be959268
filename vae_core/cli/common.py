"""What several commands share: how they find the models and runs that are named."""

from __future__ import annotations

import shlex
from pathlib import Path

from vae_core import settings

_MARKS = ("config.json", "status.json")  # a run that waits for its turn has only the second


def command_text(*words: object) -> str:
    """A command of this program as it is typed into a shell: a path with spaces is quoted."""
    return f"{settings.PROGRAM} {shlex.join(map(str, words))}"


def model_path(name: str) -> Path:
    """The folder of a model or run that a command names: a path, or a name such as `runs/demo`, `demo` or `fashion-2d`.

    A path that holds a model or run comes first, then the folders of runs and models (`vae_core.settings`). Where nothing
    is found the path itself is returned, and opening it says what is missing.
    """
    return _first([settings.expanded(name), *_named(name)])


def run_path(name: str, root: Path | None) -> Path:
    """The folder of a run that a command names: a path, or the name of a run in the folder of runs.

    root: where --root was given, and then no other folder is looked in.
    """
    if root is not None:
        return root / name if _is_name(name) else settings.expanded(name)
    return _first([settings.expanded(name), *_named(name)], otherwise=settings.command_line_runs() / name)


def named_model(name: str, folders: list[Path]) -> Path:
    """The folder of a model to be deleted: a path, taken literally, or a name in the first of the folders that has it."""
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
