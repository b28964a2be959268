"""Which models there are to look at: shipped ones, and runs with a snapshot. No streamlit here; reads small files only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_core import settings
from vae_core.config import ModelConfig
from vae_core.runs.directory import Run, read_config
from vae_core.runs.index import list_runs
from vae_core.settings import runs_folder
from vae_core.storage.files import recover
from vae_core.storage.kind import RUN, kind_of
from vae_core.storage.names import encodable
from vae_core.storage.records import printable, unchanged

DEFAULT = "fashion-2d"
SHIPPED = ("classic-2d", "fashion-16d", "fashion-2d")  # in the program's own folder of models: they are not deleted
DIVERGED = "diverged"  # a failed run whose losses became NaN or infinite: what it draws is no picture
NEWEST = 200  # runs that a picker offers
PARTS = ("config.json", "network.json", "model.safetensors", "latents.npz")


@dataclass(frozen=True)
class Entry:
    """A model that can be chosen. id: its name in the URL. state: of a run ("running", "finished", "diverged" …), "" for a checkpoint.

    latent_dim: None if its config.json cannot be read; opening it then says why.
    """

    id: str
    path: Path
    state: str
    latent_dim: int | None

    @property
    def label(self) -> str:
        """For the picker: "fashion-2d", or "my-run · run, running"."""
        return f"{printable(self.path.name)} · run, {self.state}" if self.state else self.id

    @property
    def changed(self) -> int:
        """Nanoseconds of the newest change: part of every cache's key, so that a folder written anew is opened anew."""
        newest = 0
        for name in (*PARTS, "snapshots"):
            with suppress(OSError):  # not there, or deleted in this moment
                newest = max(newest, (self.path / name).stat().st_mtime_ns)
        return newest


def is_shipped(path: Path) -> bool:
    """Whether a folder is one of the models that came with the program."""
    return path.name in SHIPPED and path.parent.resolve() == settings.SHIPPED.resolve()


def list_models(also: Collection[str | None] = ()) -> list[Entry]:
    """Shipped models by name (damaged ones too: opening one says what is wrong), then runs that have a snapshot, newest first.

    Of more than `NEWEST` runs the newest, and those whose id is in `also`, however old they are.
    Folders whose names are no text are left out: no address could name them.
    """
    runs, kept = runs_folder(), kept_models()
    entries = [Entry(printable(path.name), path, _state(path), _latent_dim(path)) for path in kept]
    for run in newest(list_runs(runs), [str(model_id).removeprefix("runs/") for model_id in also]) if runs else []:
        if run.snapshots() and encodable(run.path.name):
            entries.append(Entry(f"runs/{run.name}", run.path, _state(run.path), _latent_dim(run.path)))
    return entries


def kept_models() -> list[Path]:
    """Folders of models, by name. One of the user's own stands before a shipped one of the same name."""
    recover(settings.checkpoints_folder())
    by_name: dict[str, Path] = {}
    for folder in settings.model_folders():
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name[0] != "." and encodable(path.name) and any((path / part).exists() for part in PARTS):
                by_name.setdefault(path.name, path)
    return [by_name[name] for name in sorted(by_name)]


def newest(runs: list[Run], also: Collection[str] = ()) -> list[Run]:
    """The first `NEWEST` runs, as many as a picker offers, and those of the names in `also` wherever they stand."""
    chosen = runs[:NEWEST]
    missing = set(also) - {"", *(run.name for run in chosen)}
    if missing and len(runs) > NEWEST:
        chosen += [run for run in runs[NEWEST:] if run.name in missing]
    return chosen


def default_model(entries: list[Entry]) -> Entry | None:
    """The shipped `fashion-2d`, else the first model with two latent units, else the first; None without any."""
    for good in (lambda entry: entry.id == DEFAULT, lambda entry: entry.latent_dim == 2):
        chosen = next((entry for entry in entries if good(entry)), None)
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
    model = model_of(path)
    return None if model is None else model.latent_dim


def model_of(path: Path) -> ModelConfig | None:
    """What config.json says of the model, read once a change; None if it cannot be read: opening the model then says why."""
    try:
        return unchanged(path / "config.json", _read_model)
    except ValueError:
        return None


def _read_model(path: Path) -> ModelConfig | None:
    config = read_config(path)
    return ModelConfig.from_dict(config["model"]) if "model" in config else None
