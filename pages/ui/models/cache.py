"""The cached functions of the page Models: what is known of a model without opening it, its losses, the picture on its card.

model_facts(entry), model_curves(entry), card_picture(entry), folder_size(path)
"""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.images import class_colour, data_uri, extent_of
from pages.ui.models.facts import Facts, facts_of
from vae_core.analysis.latent_geometry import pca_plane
from vae_core.analysis.latent_points import grid, sample_prior
from vae_core.analysis.mosaics import mosaic
from vae_core.checkpoints import codes, store
from vae_core.checkpoints.errors import CheckpointError
from vae_core.checkpoints.history import Curves, curves
from vae_core.checkpoints.probe import affordable
from vae_core.checkpoints.registry import Entry
from vae_core.checkpoints.store import inspect
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents
from vae_core.storage.records import Stamp, stamps

SIDE, SAMPLES, DOTS = 8, 8, 400  # of a card: garments a side of the map, samples beside it, codes on it
TILE = 28  # pixels a side of a garment on a card: larger ones are thinned

Stamps = tuple[Stamp | None, ...]


def folder_size(path: Path) -> int:
    """Bytes of a model's folder."""
    size = 0
    for file in path.rglob("*"):
        # deleted in this moment
        with suppress(OSError):
            status = file.stat()
            size += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size


def model_facts(entry: Entry) -> Facts | str:
    """What is known of a model without opening it; of one that cannot be opened, the sentence that says why."""
    return _facts(entry, str(entry.path), entry.changed, _written(entry.path))


@st.cache_resource(max_entries=64, show_spinner="Reading the models …", hash_funcs={Entry: lambda entry: entry.id})
def _facts(entry: Entry, path: str, changed: Stamps, written: Stamps) -> Facts | str:
    try:
        return facts_of(inspect(path), folder_size(entry.path))
    except CheckpointError as error:
        return str(error)


def card_picture(entry: Entry) -> tuple[str, str]:
    """The map and eight samples of a model as a data: address, and ""; of one that cannot be opened "" and why."""
    return _card_picture(str(entry.path), entry.changed)


@st.cache_data(max_entries=64, show_spinner="Drawing the models …")
def _card_picture(path: str, changed: Stamps) -> tuple[str, str]:
    try:
        checkpoint = store.load(path)
        latents = codes.latents_of(checkpoint.path, checkpoint.step, checkpoint.network.latent_dim)
        engine = checkpoint.engine()
        store.check_computes(engine)
    except CheckpointError as error:
        return "", str(error)
    samples = _small(engine.decode(sample_prior(SAMPLES, engine.latent_dim, seed=0)))
    sheet = mosaic(samples, columns=2, gap=0)
    if engine.latent_dim == 1:
        return data_uri(sheet), ""
    plane = _small_map(engine, latents)
    times = plane.shape[0] // sheet.shape[0]
    sheet = sheet.repeat(max(1, times), axis=0).repeat(max(1, times), axis=1)
    height = max(len(plane), len(sheet))
    canvas = np.full((height, plane.shape[1] + 8 + sheet.shape[1], 3), 128, np.uint8)
    canvas[: len(plane), : plane.shape[1]] = plane
    canvas[: len(sheet), plane.shape[1] + 8 :] = sheet
    return data_uri(canvas), ""


def _small_map(engine: Engine, latents: Latents | None) -> np.ndarray:
    """The plane of the first two units, or of most variance, with codes as dots: (h, w, 3) uint8."""
    side = max(2, int(affordable(engine, SIDE * SIDE) ** 0.5))
    plane = pca_plane(latents.z_mean) if latents is not None and engine.latent_dim > 2 else None
    positions = None if latents is None else latents.z_mean if plane is None else plane.project(latents.z_mean)
    extent = 3.0 if positions is None else extent_of(positions[:, :2])
    z, _ = grid(engine.latent_dim if plane is None else 2, side, extent=extent)
    z = z if plane is None else plane.lift(z)
    drawn = mosaic(_small(engine.decode(z)), columns=side, gap=0)
    if positions is None or latents is None:
        return drawn
    height, width = drawn.shape[:2]
    for (x, y), label in zip(positions[:DOTS, :2], latents.labels[:DOTS], strict=False):
        column, row = int((x / extent + 1) / 2 * width), int((1 - y / extent) / 2 * height)
        if 1 <= column < width - 1 and 1 <= row < height - 1:
            colour = class_colour(int(label))
            drawn[row - 1 : row + 2, column - 1 : column + 2] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return drawn


def _small(images: np.ndarray) -> np.ndarray:
    step = -(-max(images.shape[1:3]) // TILE)
    return images[:, ::step, ::step]


def model_curves(entry: Entry) -> Curves:
    """A model's losses over epochs."""
    return _curves(str(entry.path), _written(entry.path))


@st.cache_resource(max_entries=16, show_spinner=False)
def _curves(path: str, written: Stamps) -> Curves:
    return curves(Path(path))


def _written(path: Path) -> Stamps:
    """Stamps of the files with a folder's figures; metrics.jsonl only counts until there is a history."""
    written = stamps(path, "metrics.json", "history.csv")
    return written if written[1] is not None else (*written, *stamps(path, "metrics.jsonl"))
