"""Models that can be looked at: shipped ones, the user's own, and runs with a snapshot. Reads small files only.

>>> entry = Entry("runs/mine", Path("runs/mine"), state="running", latent_dim=2)
>>> entry.label
'mine · run, running'
>>> default_model([entry]).id
'runs/mine'
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_core import settings
from vae_core.config import ModelConfig
from vae_core.runs.directory import Run
from vae_core.runs.index import list_runs
from vae_core.runs.readers import read_config
from vae_core.settings import runs_folder
from vae_core.storage.errors import printable
from vae_core.storage.files import recover
from vae_core.storage.kind import RUN, kind_of
from vae_core.storage.names import encodable
from vae_core.storage.records import Stamp, stamps, unchanged

DEFAULT = "fashion-2d"
# A failed run whose losses became NaN or infinite: what it draws is no picture.
DIVERGED = "diverged"
# Runs that a picker offers.
NEWEST = 200
PARTS = ("config.json", "network.json", "model.safetensors", "latents.npz")


@dataclass(frozen=True)
class Entry:
    """A model that can be chosen.

    Attributes:
        id: Its name in the URL.
        path: Its folder.
        state: Of a run ("running", "finished", "diverged" …); "" for a checkpoint.
        latent_dim: Its units; None if its config.json cannot be read: opening it then says why.
    """

    id: str
    path: Path
    state: str
    latent_dim: int | None

    @property
    def label(self) -> str:
        """Text for the picker: "fashion-2d", or "my-run · run, running"."""
        return f"{printable(self.path.name)} · run, {self.state}" if self.state else self.id

    @property
    def changed(self) -> tuple[Stamp | None, ...]:
        """Stamps of its files: part of every cache's key, so that a folder written anew is opened anew, whatever its clock."""
        return stamps(self.path, *PARTS, "snapshots")


def list_models(also: Collection[str | None] = ()) -> list[Entry]:
    """List the models that a picker offers. Folders whose names are no text are left out: no address could name them.

    Args:
        also: Ids of runs that are listed however old they are; None among them is ignored.

    Returns:
        Checkpoints by name (damaged ones too: opening one says what is wrong), then the `NEWEST` runs that have a
        snapshot, newest first.
    """
    runs, kept = runs_folder(), kept_models()
    entries = [Entry(printable(path.name), path, _state(path), _latent_dim(path)) for path in kept]
    for run in newest(list_runs(runs), [str(model_id).removeprefix("runs/") for model_id in also]) if runs else []:
        if run.snapshots() and encodable(run.path.name):
            entries.append(Entry(f"runs/{run.name}", run.path, _state(run.path), _latent_dim(run.path)))
    return entries


def kept_models() -> list[Path]:
    """Folders of checkpoints, by name. One of the user's own hides a shipped one of the same name."""
    recover(settings.checkpoints_folder())
    by_name: dict[str, Path] = {}
    for folder in settings.model_folders():
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name[0] != "." and encodable(path.name) and any((path / part).exists() for part in PARTS):
                by_name.setdefault(path.name, path)
    return [by_name[name] for name in sorted(by_name)]


def newest(runs: list[Run], also: Collection[str] = ()) -> list[Run]:
    """Runs that a picker offers.

    Args:
        runs: All runs, newest first.
        also: Names of runs that are among them wherever they stand.

    Returns:
        The first `NEWEST`, then those of `also`.
    """
    chosen = runs[:NEWEST]
    missing = set(also) - {"", *(run.name for run in chosen)}
    if missing and len(runs) > NEWEST:
        chosen += [run for run in runs[NEWEST:] if run.name in missing]
    return chosen


def default_model(entries: list[Entry]) -> Entry | None:
    """Model to show at first: the shipped `fashion-2d`, else the first with two latent units, else the first.

    Args:
        entries: As `list_models` gives them.

    Returns:
        One of them; None of none.
    """
    for suits in (lambda entry: entry.id == DEFAULT, lambda entry: entry.latent_dim == 2):
        chosen = next((entry for entry in entries if suits(entry)), None)
        if chosen:
            return chosen
    return entries[0] if entries else None


def _state(path: Path) -> str:
    if not (path / "control.json").exists() or kind_of(path) != RUN:
        return ""
    run = Run(path)
    status = run.status()
    state = run.state(status)[0]
    return DIVERGED if state == "failed" and _diverged(status) else state


def _diverged(status: Mapping[str, Any]) -> bool:
    """Whether a failed run ended since its numbers were no longer finite."""
    return status.get("loss", 0.0) is None or "NaN" in str(status.get("error"))


def _latent_dim(path: Path) -> int | None:
    model = model_config_of(path)
    return None if model is None else model.latent_dim


def model_config_of(path: Path) -> ModelConfig | None:
    """Model configuration in a folder's config.json, read once a change.

    Args:
        path: A checkpoint folder or run directory.

    Returns:
        The configuration; None if it cannot be read: opening the model then says why.
    """
    try:
        return unchanged(path / "config.json", _read_model)
    except ValueError:
        return None


def _read_model(path: Path) -> ModelConfig | None:
    config = read_config(path)
    return ModelConfig.from_dict(config["model"]) if "model" in config else None
