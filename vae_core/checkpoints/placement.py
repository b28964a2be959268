"""Where a model's folder may be written: what is never replaced, and what a model's folder holds.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     print(check_place(Path(folder) / "mine").name)
mine
"""

from __future__ import annotations

import os
from pathlib import Path

from vae_core import settings
from vae_core.checkpoints import measurements
from vae_core.checkpoints.errors import CheckpointError
from vae_core.storage.files import recover
from vae_core.storage.kind import MODEL, RUN, kind_of, surroundings

# All that a model's folder holds: one with anything else in it is never replaced.
FILES = (
    "config.json",
    "network.json",
    "model.safetensors",
    "metrics.json",
    "latents.npz",
    "scores.npz",
    "thresholds.json",
    "density.npz",
    "history.csv",
    "MODEL_CARD.md",
    "data.json",
    *measurements.FILES,
)
FRAMES = "snapshots"


# In the program's own folder of models: they are neither deleted nor replaced.
SHIPPED = ("classic-2d", "fashion-16d", "fashion-2d")


def is_shipped(path: Path) -> bool:
    """Whether a folder is one of the models that came with the program."""
    return path.name in SHIPPED and path.parent.resolve() == settings.SHIPPED.resolve()


def check_place(folder: str | Path, replace: bool = False) -> Path:
    """Refuse a place that a model must not be written to; quick, so that it can be asked before any work.

    Args:
        folder: Where the model shall be.
        replace: Whether a model that is there, with nothing else in its folder, may be replaced.

    Returns:
        The absolute path.

    Raises:
        CheckpointError: The name is empty, begins with a dot, is in use or inside another model or run, or cannot be written to.
    """
    if not str(folder).strip():
        raise CheckpointError(
            "the model's folder has an empty name. Name one that does not exist yet: checkpoints/mine."
        )
    path = Path(os.path.abspath(folder))
    recover(path.parent, path.name)
    if path.name.startswith("."):
        raise CheckpointError(f"{path.name} begins with a dot: such a folder is in no list. Choose another name.")
    if inside := surroundings(path):
        raise CheckpointError(f"{path} would lie inside the {inside[0]} {inside[1]}. Name a folder beside it.")
    if os.path.lexists(path):
        _check_replaceable(path, replace)
    above = next(parent for parent in path.parents if os.path.lexists(parent))
    if not above.is_dir():
        raise CheckpointError(f"{above} is no folder, so nothing can be written to {path}. Choose another name.")
    if not os.access(above, os.W_OK):
        raise CheckpointError(f"{above} cannot be written to. Make it writable, or name another folder.")
    return path


def is_model_alone(path: Path) -> bool:
    """Whether a folder is a model with nothing else in it."""
    return kind_of(path) == MODEL and not _foreign_entries(path)


def _check_replaceable(path: Path, replace: bool) -> None:
    """`CheckpointError` unless a folder that exists may be replaced by a model."""
    kind = None if path.is_symlink() or not path.is_dir() else kind_of(path)
    if kind != MODEL:
        what = "a link" if path.is_symlink() else "a run" if kind == RUN else "a folder" if path.is_dir() else "a file"
        raise CheckpointError(
            f"{path} exists already: it is {what} and is left as it is. Name a folder that does not exist yet."
        )
    if is_shipped(path):
        raise CheckpointError(f"{path.name} came with the program and is not replaced. Choose another name.")
    if not replace:
        raise CheckpointError(
            f"there is a model at {path} already. Choose another name, or add --replace to replace that model."
        )
    foreign = _foreign_entries(path)
    if foreign:
        raise CheckpointError(
            f"{path} holds more than a model ({', '.join(foreign[:3])}), so it is not replaced. "
            "Move these files elsewhere first, or choose another name."
        )
    if Path.cwd().is_relative_to(path.resolve()):
        raise CheckpointError(f"{path} is the current folder and is not replaced. Go to another folder first.")


def _foreign_entries(path: Path) -> list[str]:
    """What lies in a model's folder and is no part of the model, by name."""
    names = [entry.name for entry in path.iterdir() if entry.name not in (*FILES, FRAMES) or entry.is_symlink()]
    frames = path / FRAMES
    if frames.is_dir():
        names += [f"{FRAMES}/{entry.name}" for entry in frames.iterdir() if not entry.name.lstrip(".").isdigit()]
    return sorted(names)
