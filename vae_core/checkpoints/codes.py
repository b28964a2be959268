"""The codes beside a model (latents.npz): how many are kept, and what they must be so that pages can show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vae_core.network.latents import Latents
from vae_core.storage.npz import array_headers
from vae_core.storage.records import FileProblem

CODES = ("z_mean", "z_log_var", "labels")
MAX_ROWS = 50_000  # that are read
KEPT_ROWS = 20_000  # that are written beside a model: working out where codes are supported takes a second for these
MAX_VALUES = 2_600_000  # rows times units: 10 MB an array, and some ten times that while their density is worked out
MAX_LABEL = 9_999  # config.json names so many classes at most
MAX_Z = 1e4  # of a z_mean; those of a model that learned are below 10
LOG_VAR_RANGE = (-60.0, 40.0)  # past it exp() and its inverse leave what 32 bits hold


def most_rows(latent_dim: int) -> int:
    """How many codes of a model are read at most."""
    return min(MAX_ROWS, MAX_VALUES // max(1, latent_dim))


def kept_rows(latent_dim: int) -> int:
    """How many codes are written beside a model: the first so many of the test split."""
    return min(KEPT_ROWS, most_rows(latent_dim))


def check_code_headers(path: Path, latent_dim: int | None = None) -> None:
    """Raise `FileProblem` unless the file claims codes of a fit shape, type and number; reads no array.

    latent_dim: what a row must have; None takes what there is.
    """
    headers = array_headers(path, CODES)
    z_mean, z_log_var, labels = (headers[name] for name in CODES)
    shapes = [list(header.shape) for header in (z_mean, z_log_var, labels)]
    if len(z_mean.shape) != 2 or z_log_var.shape != z_mean.shape or labels.shape != z_mean.shape[:1]:
        raise FileProblem(f"{path}: shapes {shapes} do not belong together. Copy the folder again.")
    rows, units = z_mean.shape
    if latent_dim is not None and units != latent_dim:
        raise FileProblem(f"{path}: its codes are of {units} units, the model has {latent_dim}. Copy the folder again.")
    if rows > most_rows(units):
        raise FileProblem(
            f"{path} holds {rows:,} codes of {units} units; at most {most_rows(units):,} are read. Keep the first so many."
        )
    if any(header.dtype.kind != "f" or header.dtype.itemsize not in (2, 4) for header in (z_mean, z_log_var)):
        raise FileProblem(f"{path}: codes must be 16- or 32-bit floats, got {z_mean.dtype} and {z_log_var.dtype}.")
    if labels.dtype.kind not in "iu":
        raise FileProblem(f"{path}: labels must be whole numbers, got {labels.dtype}.")


def check_codes(latents: Latents, origin: str) -> None:
    """Raise `FileProblem` unless every value can be shown. latents: of shapes that `check_code_headers` has seen."""
    z_mean, z_log_var, labels = latents.z_mean, latents.z_log_var, latents.labels
    low, high = LOG_VAR_RANGE
    # a NaN fails every comparison
    if not (np.abs(z_mean) <= MAX_Z).all() or not ((z_log_var >= low) & (z_log_var <= high)).all():
        raise FileProblem(
            f"{origin}: its codes are not all finite and of a size that can be shown (z_mean within ±{MAX_Z:g}, z_log_var in "
            f"{low:g}..{high:g}). The run diverged, or the file is damaged; use an earlier snapshot."
        )
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) <= MAX_LABEL):
        raise FileProblem(f"{origin}: labels must be in 0..{MAX_LABEL}, got {labels.min()}..{labels.max()}.")
