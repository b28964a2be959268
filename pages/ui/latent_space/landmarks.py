"""What the codes of a model tell of its latent space: KL per unit, a centre per class, how far the codes reach. No streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pages.ui.images import extent_of
from vae_core.analysis import latent_geometry, latent_points, likelihood
from vae_core.analysis.mosaics import mosaic
from vae_core.checkpoints.probe import affordable
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents

THUMB = 64  # pixels a side of a small picture at most: larger ones are thinned to it
STEPS = 11  # pictures of a traversal
MOST_CENTRES = 100  # of the classes with the most codes
QUIET = 0.05  # nats: a unit with a KL below it tells next to nothing of the picture


@dataclass(frozen=True)
class Landmarks:
    """kl: (d,) nats, mean over the codes. order: (d,) units, the highest KL first. classes, counts: (k,), the labels there
    are and how many codes each has. centres: (k, d) float32, the mean z_mean of each. pictures: (k, h, w, 3) uint8, decoded
    there. extent: half the side of a square that holds the codes, along the two units with the highest KL.
    """

    kl: np.ndarray
    order: np.ndarray
    classes: np.ndarray
    counts: np.ndarray
    centres: np.ndarray
    pictures: np.ndarray
    extent: float


def landmarks_of(engine: Engine, latents: Latents) -> Landmarks:
    """From a model's codes, one or more."""
    kl = likelihood.kl_per_unit(latents.z_mean, latents.z_log_var).mean(axis=0)
    order = np.argsort(-kl, kind="stable")
    classes, centres = latent_geometry.class_centroids(latents.z_mean, latents.labels)
    counts = np.bincount(latents.labels.astype(np.int64), minlength=1)[classes.astype(np.int64)]
    most = np.sort(np.argsort(-counts, kind="stable")[: affordable(engine, MOST_CENTRES)])
    classes, counts, centres = classes[most], counts[most], centres[most]
    extent = extent_of(latents.z_mean[:, order[:2]])
    return Landmarks(kl, order, classes, counts, centres, small(engine.decode(centres)), extent)


def small(images: np.ndarray) -> np.ndarray:
    """Pictures (n, h, w, c), float in [0, 1] or uint8, as (n, h, w, 3) uint8 of at most THUMB pixels a side."""
    step = -(-max(images.shape[1:3]) // THUMB)
    thin = images[:, ::step, ::step]
    height, width = thin.shape[1:3]
    return mosaic(thin, columns=1, gap=0).reshape(-1, height, width, 3)


def traversal_extent(z: np.ndarray) -> float:
    """How far a traversal through z (d,) goes to either side of 0: 3 standard deviations of the prior, up to 6 for a z beyond."""
    return float(np.clip(np.ceil(np.abs(z).max()), 3, 6))


def traversals(engine: Engine, z: np.ndarray, units: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """A row of pictures per unit: z (d,) -> pictures (units, STEPS, h, w, 3) uint8 and the units' values (STEPS,)."""
    values = latent_points.traversal_values(STEPS, traversal_extent(z))
    points = np.concatenate([latent_points.traverse(z, unit, values) for unit in units])
    pictures = small(engine.decode(points))
    return pictures.reshape(len(units), STEPS, *pictures.shape[1:]), values
