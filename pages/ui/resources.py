"""The only cached functions: the model that the app shows, and what is computed from it once.

Engines are shared by all sessions and never changed; keys are a folder's path and the time of its last change.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.figures import SIDE, class_colour, extent_of
from pages.ui.live_map import MapData, map_data
from vae_core import checkpoints, latent
from vae_core.checkpoints import Checkpoint, CheckpointError, Latents
from vae_core.engine import Engine
from vae_core.heatmaps import mosaic
from vae_core.runs import Run, list_runs

ROOT = Path(__file__).parents[2]
THUMB = 64  # pixels a side of a garment on the map: larger models are thinned to this
VARIABLE = "VAE_EXPLORER_CHECKPOINTS"  # another folder with models; then only that one is looked in

# Streamlit collects garbage after every run; what the imports have left behind need not be looked through each time.
gc.collect()
gc.freeze()


@dataclass(frozen=True)
class Opened:
    """A 2-D model ready to be looked at. The arrays are shared: nobody writes to them.

    extent: half the side of its map. background: uint8 (h, w, 3), the garments decoded over the map.
    living: what the living map holds: the decoder and the codes, packed for the browser.
    """

    checkpoint: Checkpoint
    engine: Engine
    latents: Latents
    extent: float
    background: np.ndarray
    living: MapData

    @property
    def classes(self) -> list[str]:
        """A name per label, from the data that the model was trained on."""
        return class_names(self.checkpoint, self.latents)


def find_model() -> Opened | None:
    """The shipped `fashion-2d`, else the first other 2-D checkpoint, else the newest run of a 2-D model; None without.

    Raises `CheckpointError` if the shipped model is there but damaged: it should not be replaced by another in silence.
    """
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else ROOT / "checkpoints"
    if (folder / "fashion-2d").is_dir():
        return _open(folder / "fashion-2d")
    runs = [] if named else [run.path for run in list_runs(ROOT / "runs")]
    newest = sorted(runs, key=_changed, reverse=True)
    for path in [*checkpoints.list_checkpoints(folder), *newest]:
        try:
            if checkpoints.load(path).model.latent_dim == 2:
                return _open(path)
        except CheckpointError:
            continue  # a run without a snapshot yet, or a folder that is no model: the next one
    return None


def _open(path: Path) -> Opened:
    return open_model(str(path), _changed(path))


def _changed(path: Path) -> int:
    parts = [path / name for name in ("config.json", "model.safetensors", "latents.npz", "snapshots")]
    return max((part.stat().st_mtime_ns for part in parts if part.exists()), default=0)


@st.cache_resource(max_entries=4, show_spinner="Opening the model …")
def open_model(path: str, changed: int) -> Opened:
    """Load a 2-D model with its codes and decode its map. `changed` makes a folder that was written anew a new key."""
    checkpoint = checkpoints.load(path)
    if checkpoint.model.latent_dim != 2:
        raise CheckpointError(
            f"{path} has {checkpoint.model.latent_dim} latent units; the map shows models with 2."
        )
    engine = checkpoint.engine()
    latents = _latents(checkpoint)
    extent = extent_of(latents.z_mean)
    z, _ = latent.grid(2, SIDE, extent=extent)
    step = -(-max(engine.image_shape[:2]) // THUMB)
    garments = engine.decode(z)[:, ::step, ::step]
    names = class_names(checkpoint, latents)
    living = map_data(checkpoint, latents, names, [class_colour(i) for i in range(len(names))])
    return Opened(checkpoint, engine, latents, extent, mosaic(garments, columns=SIDE, gap=0), living)


def class_names(checkpoint: Checkpoint, latents: Latents) -> list[str]:
    """A name per label, from the data that the model was trained on."""
    count = int(latents.labels.max()) + 1
    names = [str(name) for name in checkpoint.dataset.get("classes", ())][:count]
    return names + [f"class {label}" for label in range(len(names), count)]


def _latents(checkpoint: Checkpoint) -> Latents:
    """The test split's codes of a checkpoint, or the fixed test images' of a run's snapshot."""
    if (checkpoint.path / "model.safetensors").exists() or checkpoint.step is None:
        return checkpoints.load_latents(checkpoint.path)
    return Latents(**Run(checkpoint.path).snapshot_latents(checkpoint.step))
