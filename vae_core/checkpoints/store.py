"""Trained models as folders of plain files: load, inspect, list. Nothing is ever unpickled or executed.

    config.json  network.json  model.safetensors  metrics.json  latents.npz  history.csv  MODEL_CARD.md

A run directory loads too (its newest snapshot), so every consumer can open a model in the middle of its training.

>>> import tempfile
>>> from vae_core.checkpoints.saving import save
>>> from vae_core.network import presets, schema
>>> network = presets.build(ModelConfig("swift"))
>>> config = {"model": ModelConfig("swift").to_dict(), "training": TrainingConfig().to_dict(), "dataset": {"name": "mine"}}
>>> with tempfile.TemporaryDirectory() as root:
...     folder = save(Path(root) / "noise", config=config, network=network, weights=schema.random_weights(network))
...     load(folder).engine().decode(np.zeros((1, 2))).shape
(1, 28, 28, 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_core.checkpoints.codes import LOG_VAR_RANGE, MAX_Z, check_code_headers, codes_file
from vae_core.checkpoints.errors import CheckpointError
from vae_core.checkpoints.figures import clean
from vae_core.config import ConfigError, ModelConfig, TrainingConfig
from vae_core.network.layers import Network, NetworkError, Weights
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.readers import read_config, read_network
from vae_core.settings import PROGRAM
from vae_core.storage import names
from vae_core.storage.errors import FileProblem
from vae_core.storage.files import recover
from vae_core.storage.kind import RUN, kind_of
from vae_core.storage.records import read_object, unchanged
from vae_core.storage.weights import check_weights_file, read_weights

if TYPE_CHECKING:
    from vae_core.network.engine import Engine

# Characters of a source or a checksum.
MAX_NAME = 200
# Of a logit: past it a picture cannot be worked out.
MAX_LOGIT = 1e12


@dataclass(frozen=True)
class Checkpoint:
    """A trained model in memory.

    Attributes:
        path: The folder that it was read from.
        name: What it is called.
        model: Its configuration.
        training: The recipe that it was trained with.
        dataset: Description of the data set that it was trained on, as in config.json: "name", and mostly "source",
            "checksum", "sizes" and "classes".
        network: Its layers.
        weights: float32 arrays by full name; empty if it was inspected only.
        metrics: Figures by name, as `vae_core.analysis.evaluation.evaluate` gives them; None where the folder has none.
        step: Training step of the weights; None where the folder does not say.
    """

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
        """The network ready to run. Imports ONNX Runtime.

        Args:
            threads: CPU threads of one call, 0 for all.

        Returns:
            An engine with the weights.

        Raises:
            NetworkError: The weights were not read, or do not belong to the network.
        """
        from vae_core.network.engine import Engine

        return Engine(self.network, self.weights, threads)


def load(path: str | Path, step: int | None = None) -> Checkpoint:
    """Open a model. Shapes and sizes are compared with config.json and network.json before any weight is read.

    Args:
        path: A checkpoint folder or a run directory.
        step: Step of the snapshot to take from a run directory; None for its newest.

    Returns:
        The model with its weights.

    Raises:
        CheckpointError: A missing, truncated, misshapen, non-finite or newer file, with what to do.
    """
    return _read(Path(path), step, arrays=True)


def inspect(path: str | Path) -> Checkpoint:
    """Read all of a model but its arrays: headers and small files only, so it is quick for any model.

    Args:
        path: A checkpoint folder or a run directory.

    Returns:
        The model with empty `weights`.

    Raises:
        CheckpointError: What `load` and `load_latents` would refuse by its description, names, shapes or types. Values are
            not looked at: weights that are NaN are found by `load`.
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
        _check_agreement(path, model, network)
        weights, step = _weights(path, network, config, step, arrays)
        if not arrays:
            check_code_headers(codes_file(path, step), network.latent_dim)
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
    """Name of a model. A run is called as its folder is, which may have been moved since it was described."""
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
    # Without a snapshot, reading one says so.
    if arrays or newest is None:
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


def _check_agreement(path: Path, model: ModelConfig, network: Network) -> None:
    for name, configured, built in (
        ("latent_dim", model.latent_dim, network.latent_dim),
        ("image_shape", model.image_shape, network.image_shape),
        ("likelihood", model.likelihood, network.likelihood),
    ):
        if configured != built:
            raise CheckpointError(
                f"{path}: config.json says {name} {configured}, network.json says {built}. The files do not belong together."
            )


def check_computes(engine: Engine) -> None:
    """Refuse a network whose weights are finite but whose codes or pictures are not.

    Args:
        engine: The model.

    Raises:
        CheckpointError: What it computes of a middle grey, or decodes at 0, is not finite or too large to show.
    """
    with np.errstate(all="ignore"):
        logits = engine.decode_logits(np.zeros((1, engine.latent_dim), np.float32))
        z_mean, z_log_var = engine.encode(np.full((1, *engine.image_shape), 0.5, np.float32))
        reconstructed = engine.decode_logits(z_mean)
    low, high = LOG_VAR_RANGE
    bounds = ((logits, MAX_LOGIT), (reconstructed, MAX_LOGIT), (z_mean, MAX_Z))
    bounded = all((np.abs(values) <= most).all() for values, most in bounds)
    if not bounded or not ((z_log_var >= low) & (z_log_var <= high)).all():
        raise CheckpointError(
            "its network computes values that are not finite, or too large to show. The run diverged; use an earlier "
            "snapshot, or train again at a lower learning rate."
        )


def list_checkpoints(*roots: str | Path) -> list[Path]:
    """Folders that look like models (a config.json and a network.json).

    Args:
        *roots: Where to look, one level deep.

    Returns:
        The folders, sorted.
    """
    for root in roots:
        recover(Path(root))
    folders = [config.parent for root in roots for config in Path(root).glob("[!.]*/config.json")]
    return sorted(folder for folder in folders if (folder / "network.json").exists())
