"""Write a model's folder, whole or not at all.

    config.json  network.json  model.safetensors  metrics.json  latents.npz  history.csv  MODEL_CARD.md

>>> import tempfile
>>> from vae_core.config import ModelConfig, TrainingConfig
>>> from vae_core.network import presets, schema
>>> network = presets.build(ModelConfig("swift"))
>>> config = {"model": ModelConfig("swift").to_dict(), "training": TrainingConfig().to_dict(), "dataset": {"name": "mine"}}
>>> with tempfile.TemporaryDirectory() as root:
...     folder = save(Path(root) / "noise", config=config, network=network, weights=schema.random_weights(network))
...     sorted(path.name for path in folder.iterdir())
['config.json', 'model.safetensors', 'network.json']
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.checkpoints.codes import CODES, kept_rows
from vae_core.checkpoints.errors import CheckpointError
from vae_core.checkpoints.placement import check_place, is_model_alone
from vae_core.network.latents import Latents
from vae_core.network.layers import Network, Weights
from vae_core.network.schema import check_weights
from vae_core.storage.files import TakenProblem, new_folder, write_bytes, write_json
from vae_core.storage.kind import KIND, MODEL
from vae_core.storage.trash import put_away
from vae_core.storage.weights import write_weights

FORMAT_VERSION = 1


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

    Args:
        path: The folder to be.
        config: Content of config.json.
        network: The layers.
        weights: Arrays by full name, float32 or float16.
        metrics: Content of metrics.json; None for no such file.
        latents: Codes of the test split, of which the first `kept_rows` are written; None for no such file.
        texts: Further files by name.
        copy: Files or folders to add.
        replace: Whether another model of that name may be replaced.
        complete: Adds the rest to the folder that is given, before it takes its place.

    Returns:
        The folder.

    Raises:
        CheckpointError: The name is in use, or nothing can be written there.
        NetworkError: Weights that `load` would refuse.
    """
    check_weights(network, weights)
    path = Path(path)
    check_place(path, replace)
    try:
        with new_folder(path, is_model_alone if replace else None, put_away) as folder:
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
