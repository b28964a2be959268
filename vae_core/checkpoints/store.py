"""Trained models as folders of plain files: save, load, list. Nothing is ever unpickled or executed.

    config.json  network.json  model.safetensors  metrics.json  latents.npz  history.csv  MODEL_CARD.md

A run directory loads too (its newest snapshot), so every consumer can open a model in the middle of its training.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_core.analysis.latent_points import Latents
from vae_core.config import ConfigError, ModelConfig, TrainingConfig
from vae_core.network.layers import Network, NetworkError, Weights, check_weights
from vae_core.runs.directory import Run, RunError, read_config, read_network
from vae_core.storage.files import (
    FileProblem,
    new_folder,
    read_npz,
    read_weights,
    write_bytes,
    write_json,
    write_weights,
)
from vae_core.storage.records import printable, read_object, unchanged

if TYPE_CHECKING:
    from vae_core.network.engine import Engine

FORMAT_VERSION = 1


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
    path = Path(path)
    if not path.is_dir():
        raise CheckpointError(
            f"there is no model at {path}: not a folder. `python -m vae_core runs` lists runs; shipped models are in checkpoints/."
        )
    try:
        config = unchanged(path / "config.json", read_config)
        model = ModelConfig.from_dict(config["model"])
        network = unchanged(path / "network.json", read_network)
        _agree(path, model, network)
        weights, step = _weights(path, network, config, step)
        metrics = read_object(path / "metrics.json") if (path / "metrics.json").exists() else None
        return Checkpoint(
            path=path,
            name=str(config.get("name", printable(path.name))),
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


def _weights(path: Path, network: Network, config: Mapping[str, Any], step: int | None) -> tuple[Weights, int | None]:
    run = Run(path)
    if not (path / "control.json").exists():  # a run directory has one, a checkpoint folder none
        if step not in (None, config.get("step")):
            raise CheckpointError(
                f"{path} holds the model of step {config.get('step')} only, not of step {step}. A run directory holds more."
            )
        return read_weights(path / "model.safetensors", network), config.get("step")
    steps = run.snapshots()
    return run.snapshot_weights(step), step if step is not None else (steps[-1] if steps else None)


def _dataset(path: Path, dataset: Any) -> Mapping[str, Any]:
    """What a model was trained on, in the form that every reader counts on."""
    if not isinstance(dataset, dict) or not isinstance(dataset.get("name"), str):
        raise CheckpointError(f"{path / 'config.json'}: dataset must be an object with a name. Copy the folder again.")
    return dataset


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
) -> Path:
    """Write a checkpoint folder, whole or not at all. texts: further files by name. copy: files or folders to add.

    Raises `NetworkError` for weights that `load` would refuse.
    """
    path = Path(path)
    check_weights(network, weights)
    with new_folder(path) as folder:
        write_json(folder / "config.json", {"format_version": FORMAT_VERSION, **config})
        write_json(folder / "network.json", network.to_dict())
        write_weights(folder / "model.safetensors", weights)
        if metrics is not None:
            write_json(folder / "metrics.json", metrics)
        if latents is not None:
            arrays = {"z_mean": latents.z_mean, "z_log_var": latents.z_log_var, "labels": latents.labels}
            np.savez_compressed(folder / "latents.npz", **arrays)  # type: ignore[arg-type]
        for name, text in (texts or {}).items():
            write_bytes(folder / name, text.encode())
        for source in copy:
            if source.is_dir():
                shutil.copytree(source, folder / source.name)
            elif source.exists():
                shutil.copy(source, folder / source.name)
    return path


def load_latents(path: str | Path) -> Latents:
    """The test split's codes that lie beside a checkpoint; `CheckpointError` if they are missing or damaged."""
    try:
        arrays = read_npz(Path(path) / "latents.npz", ("z_mean", "z_log_var", "labels"))
    except FileProblem as error:
        raise CheckpointError(str(error)) from error
    latents = Latents(**arrays)
    if (
        latents.z_mean.ndim != 2
        or latents.z_mean.shape != latents.z_log_var.shape
        or latents.labels.shape != latents.z_mean.shape[:1]
    ):
        raise CheckpointError(
            f"{path}/latents.npz: shapes {[a.shape for a in arrays.values()]} do not belong together."
        )
    return latents


def list_checkpoints(*roots: str | Path) -> list[Path]:
    """Folders below `roots` that look like models (a config.json and a network.json), by name."""
    found = [path.parent for root in roots for path in Path(root).glob("[!.]*/config.json")]
    return sorted(path for path in found if (path / "network.json").exists())
