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


def run_path(name: str, root: Path) -> Path:
    """The folder of a run that a command names: a path, or the name of a run in `root`."""
    return _first([settings.expanded(name), root / name, *_named(name)], otherwise=root / name)


def _named(name: str) -> list[Path]:
    folders = {"runs": settings.command_line_runs(), "checkpoints": settings.command_line_checkpoints()}
    parts = Path(name).parts
    if len(parts) == 2 and parts[0] in folders:
        return [folders[parts[0]] / parts[1]]
    return [folder / name for folder in folders.values()] if len(parts) == 1 and name not in (".", "..") else []


def _first(paths: list[Path], otherwise: Path | None = None) -> Path:
    for path in paths:
        if any((path / mark).exists() for mark in _MARKS):
            return path
    return otherwise or paths[0]
