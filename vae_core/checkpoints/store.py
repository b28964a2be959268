"""Trained models as folders of plain files: save, load, list. Nothing is ever unpickled or executed.

    config.json  network.json  model.safetensors  metrics.json  latents.npz  history.csv  MODEL_CARD.md

A run directory loads too (its newest snapshot), so every consumer can open a model in the middle of its training.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_core.checkpoints.codes import CODES, LOG_VAR_RANGE, MAX_Z, check_code_headers, check_codes, kept_rows
from vae_core.checkpoints.figures import clean
from vae_core.config import ConfigError, ModelConfig, TrainingConfig
from vae_core.network.latents import Latents
from vae_core.network.layers import Network, NetworkError, Weights
from vae_core.network.schema import check_weights
from vae_core.runs.directory import Run, RunError, read_config, read_network
from vae_core.settings import PROGRAM
from vae_core.storage import names
from vae_core.storage.files import TakenProblem, new_folder, recover, write_bytes, write_json
from vae_core.storage.kind import KIND, MODEL, RUN, kind_of, surroundings
from vae_core.storage.npz import read_npz
from vae_core.storage.records import FileProblem, printable, read_object, unchanged
from vae_core.storage.weights import check_weights_file, read_weights, write_weights

if TYPE_CHECKING:
    from vae_core.network.engine import Engine

FORMAT_VERSION = 1
# All that a model's folder holds: one with anything else in it is never replaced.
FILES = (
    "config.json",
    "network.json",
    "model.safetensors",
    "metrics.json",
    "latents.npz",
    "scores.npz",
    "history.csv",
    "MODEL_CARD.md",
    "data.json",
)
FRAMES = "snapshots"
MAX_NAME = 200  # characters of a source or a checksum


class CheckpointError(ValueError):
    """A folder that is no usable model: which file, what is wrong with it, what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@dataclass(frozen=True)
class Checkpoint:
    """A trained model in memory. `metrics` and `step` are None where the folder has none."""

    path: Path
    name: str
    model: ModelConfig
    training: TrainingConfig
    dataset: Mapping[str, Any]
    network: Network
    weights: Weights
    metrics: Mapping[str, Any] | None
    step: int | None

    def engine(self, threads: int = 0) -> Engine:
        """The network ready to run. Imports ONNX Runtime."""
        from vae_core.network.engine import Engine

        return Engine(self.network, self.weights, threads)


def load(path: str | Path, step: int | None = None) -> Checkpoint:
    """A model from a checkpoint folder or a run directory (its newest snapshot, or the one of `step`).

    Shapes and sizes are compared with config.json and network.json before any weight is read. Raises
    `CheckpointError` for a missing, truncated, misshapen, non-finite or newer file, with what to do.
    """
    return _read(Path(path), step, arrays=True)


def inspect(path: str | Path) -> Checkpoint:
    """All of a model but its arrays: `weights` is empty. Reads headers and small files only, so it is quick for any model.

    Raises `CheckpointError` for what `load` and `load_latents` would refuse by its description, names, shapes or types.
    Values are not looked at: weights that are NaN are found by `load`.
    """
    return _read(Path(path), None, arrays=False)


def _read(path: Path, step: int | None, arrays: bool) -> Checkpoint:
    if not path.is_dir() and path.name:
        recover(path.parent, path.name)
    if not path.is_dir():
        raise CheckpointError(
            f"there is no model at {path}: not a folder. `{PROGRAM} runs` lists runs; shipped models are in checkpoints/."
        )
    try:
        config = unchanged(path / "config.json", read_config)
        model = ModelConfig.from_dict(config["model"])
        network = unchanged(path / "network.json", read_network)
        _agree(path, model, network)
        weights, step = _weights(path, network, config, step, arrays)
        if not arrays:
            check_code_headers(_codes_file(path, step), network.latent_dim)
        metrics = read_object(path / "metrics.json") if (path / "metrics.json").exists() else None
        return Checkpoint(
            path=path,
            name=names.clean(_name(path, config)),
            model=model,
            training=TrainingConfig.from_dict(config["training"]),
            dataset=_dataset(path, config["dataset"]),
            network=network,
            weights=weights,
            metrics=metrics,
            step=step,
        )
    except (FileProblem, NetworkError, ConfigError, RunError) as error:
        raise CheckpointError(str(error)) from error
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path / 'config.json'} lacks {error} or holds it in an odd form. Copy the folder again."
        ) from error


def _name(path: Path, config: Mapping[str, Any]) -> str:
    """What a model calls itself. A run is called as its folder is, which may have been moved since it was described."""
    described = config.get("name")
    if path.name and (kind_of(path, config) == RUN or not isinstance(described, str) or not described):
        return path.name
    return str(described or path.resolve().name)


def _weights(
    path: Path, network: Network, config: Mapping[str, Any], step: int | None, arrays: bool
) -> tuple[Weights, int | None]:
    run = Run(path)
    if kind_of(path) != RUN:
        if step not in (None, config.get("step")):
            raise CheckpointError(
                f"{path} holds the model of step {config.get('step')} only, not of step {step}. A run directory holds more."
            )
        file = path / "model.safetensors"
        if not arrays:
            check_weights_file(file, network)
        return read_weights(file, network) if arrays else {}, config.get("step")
    steps = run.snapshots()
    newest = step if step is not None else (steps[-1] if steps else None)
    if arrays or newest is None:  # without a snapshot this says so
        return run.snapshot_weights(step), newest
    check_weights_file(path / "snapshots" / f"{newest:08d}" / "weights.safetensors", network)
    return {}, newest


def _dataset(path: Path, dataset: Any) -> Mapping[str, Any]:
    """What a model was trained on, in the form that every reader counts on."""
    if not isinstance(dataset, dict) or not isinstance(dataset.get("name"), str):
        raise CheckpointError(f"{path / 'config.json'}: dataset must be an object with a name. Copy the folder again.")
    texts = {key: clean(dataset[key], MAX_NAME) for key in ("source", "checksum") if key in dataset}
    classes = {"classes": [names.clean(str(name)) for name in dataset["classes"]]} if "classes" in dataset else {}
    return {**dataset, **texts, **classes, "name": names.clean(dataset["name"])}


def _agree(path: Path, model: ModelConfig, network: Network) -> None:
    for name, says, has in (
        ("latent_dim", model.latent_dim, network.latent_dim),
        ("image_shape", model.image_shape, network.image_shape),
        ("likelihood", model.likelihood, network.likelihood),
    ):
        if says != has:
            raise CheckpointError(
                f"{path}: config.json says {name} {says}, network.json says {has}. The files do not belong together."
            )


def check_place(folder: str | Path, replace: bool = False) -> Path:
    """The absolute path of a folder that a model may be written to; quick, so that it can be asked before any work.

    Nothing that exists is written over: `CheckpointError` unless the name is free, or `replace` is given and it is a
    model with nothing else in its folder.
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


def _check_replaceable(path: Path, replace: bool) -> None:
    """`CheckpointError` unless a folder that exists may be replaced by a model."""
    kind = None if path.is_symlink() or not path.is_dir() else kind_of(path)
    if kind != MODEL:
        what = "a link" if path.is_symlink() else "a run" if kind == RUN else "a folder" if path.is_dir() else "a file"
        raise CheckpointError(
            f"{path} exists already: it is {what} and is left as it is. Name a folder that does not exist yet."
        )
    if not replace:
        raise CheckpointError(
            f"there is a model at {path} already. Choose another name, or add --replace to replace that model."
        )
    others = _others(path)
    if others:
        raise CheckpointError(
            f"{path} holds more than a model ({', '.join(others[:3])}), so it is not replaced. "
            "Move these files elsewhere first, or choose another name."
        )
    if Path.cwd().is_relative_to(path.resolve()):
        raise CheckpointError(f"{path} is the current folder and is not replaced. Go to another folder first.")


def _others(path: Path) -> list[str]:
    """What lies in a model's folder and is no part of the model, by name."""
    odd = [entry.name for entry in path.iterdir() if entry.name not in (*FILES, FRAMES) or entry.is_symlink()]
    frames = path / FRAMES
    if frames.is_dir():
        odd += [f"{FRAMES}/{entry.name}" for entry in frames.iterdir() if not entry.name.lstrip(".").isdigit()]
    return sorted(odd)


def save(
    path: str | Path,
    *,
    config: Mapping[str, Any],
    network: Network,
    weights: Weights,
    metrics: Mapping[str, Any] | None = None,
    latents: Latents | None = None,
    texts: Mapping[str, str] | None = None,
    copy: Iterable[Path] = (),
    replace: bool = False,
    complete: Callable[[Path], None] | None = None,
) -> Path:
    """Write a checkpoint folder, whole or not at all.

    texts: further files by name. copy: files or folders to add. complete: adds the rest to the folder that is given,
    before it takes its place. replace: another model of that name. Raises `CheckpointError` for a name that is in use,
    `NetworkError` for weights that `load` would refuse.
    """
    check_weights(network, weights)
    path = Path(path)
    check_place(path, replace)
    try:
        with new_folder(path, (lambda old: kind_of(old) == MODEL and not _others(old)) if replace else None) as folder:
            write_json(folder / "config.json", {"format_version": FORMAT_VERSION, **config, KIND: MODEL})
            write_json(folder / "network.json", network.to_dict())
            write_weights(folder / "model.safetensors", weights)
            if metrics is not None:
                write_json(folder / "metrics.json", metrics)
            if latents is not None:
                rows = kept_rows(latents.z_mean.shape[1])
                arrays = {name: getattr(latents, name)[:rows] for name in CODES}
                np.savez_compressed(folder / "latents.npz", **arrays)
            for name, text in (texts or {}).items():
                write_bytes(folder / name, text.encode())
            for source in copy:
                if source.is_dir():
                    shutil.copytree(source, folder / source.name)
                elif source.exists():
                    shutil.copy(source, folder / source.name)
            if complete:
                complete(folder)
    except TakenProblem as error:
        raise CheckpointError(str(error)) from error
    return path


def load_latents(path: str | Path) -> Latents:
    """The test split's codes that lie beside a checkpoint, float32; `CheckpointError` if they are missing or damaged."""
    return _latents(Path(path) / "latents.npz", None)


def latents_of(checkpoint: Checkpoint) -> Latents | None:
    """The codes that belong to a model: its test split's, or of a run those of the newest snapshot's fixed test images.

    float32; None where there are no rows. Raises `CheckpointError` if they are missing, damaged or of other units.
    """
    latents = _latents(_codes_file(checkpoint.path, checkpoint.step), checkpoint.network.latent_dim)
    return latents if len(latents.labels) else None


def check_computes(engine: Engine) -> None:
    """Raise `CheckpointError` for a network whose weights are finite but whose codes or pictures are not."""
    with np.errstate(all="ignore"):
        logits = engine.decode_logits(np.zeros((1, engine.latent_dim), np.float32))
        z_mean, z_log_var = engine.encode(np.full((1, *engine.image_shape), 0.5, np.float32))
        again = engine.decode_logits(z_mean)
    low, high = LOG_VAR_RANGE
    good = all((np.abs(values) <= most).all() for values, most in ((logits, 1e12), (again, 1e12), (z_mean, MAX_Z)))
    if not good or not ((z_log_var >= low) & (z_log_var <= high)).all():
        raise CheckpointError(
            "its network computes values that are not finite, or too large to show. The run diverged; use an earlier "
            "snapshot, or train again at a lower learning rate."
        )


def check_frame(latents: Latents, latent_dim: int, origin: str) -> None:
    """Raise `CheckpointError` unless the codes of a timeline's frame can be shown."""
    if (
        latents.z_mean.ndim != 2
        or latents.z_mean.shape[1:] != (latent_dim,)
        or latents.z_log_var.shape != latents.z_mean.shape
    ):
        raise CheckpointError(f"{origin}: its codes are {latents.z_mean.shape}, the model has {latent_dim} units.")
    if latents.labels.shape != latents.z_mean.shape[:1] or latents.labels.dtype.kind not in "iu":
        raise CheckpointError(f"{origin}: its labels are no whole number for each code.")
    try:
        check_codes(latents, origin)
    except FileProblem as error:
        raise CheckpointError(str(error)) from error


def _codes_file(path: Path, step: int | None) -> Path:
    if step is None or (path / "model.safetensors").exists():
        return path / "latents.npz"
    return path / "snapshots" / f"{step:08d}" / "latents.npz"


def _latents(file: Path, latent_dim: int | None) -> Latents:
    try:
        check_code_headers(file, latent_dim)
        latents = Latents(**read_npz(file, CODES))
        check_codes(latents, str(file))
    except FileProblem as error:
        raise CheckpointError(str(error)) from error
    return Latents(latents.z_mean.astype(np.float32), latents.z_log_var.astype(np.float32), latents.labels)


def list_checkpoints(*roots: str | Path) -> list[Path]:
    """Folders below `roots` that look like models (a config.json and a network.json), by name."""
    for root in roots:
        recover(Path(root))
    found = [path.parent for root in roots for path in Path(root).glob("[!.]*/config.json")]
    return sorted(path for path in found if (path / "network.json").exists())
