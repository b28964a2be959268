"""The codes beside a model (latents.npz): how many are kept, and what they must be so that pages can show them.

>>> kept_rows(latent_dim=2), kept_rows(latent_dim=256)
(20000, 10156)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vae_core.checkpoints.errors import CheckpointError
from vae_core.network.latents import Latents
from vae_core.storage.errors import FileProblem
from vae_core.storage.npz import array_headers, read_npz

CODES = ("z_mean", "z_log_var", "labels")
# Codes that are read.
MAX_ROWS = 50_000
# Codes that are written beside a model: working out where codes are supported takes a second for these.
KEPT_ROWS = 20_000
# Rows times units: 10 MB an array, and some ten times that while their density is worked out.
MAX_VALUES = 2_600_000
# config.json names so many classes at most.
MAX_LABEL = 9_999
# Of a z_mean; those of a model that learned are below 10.
MAX_Z = 1e4
# Past it exp() and its inverse leave what 32 bits hold.
LOG_VAR_RANGE = (-60.0, 40.0)


def max_rows(latent_dim: int) -> int:
    """Largest number of codes that is read of a model with that many units."""
    return min(MAX_ROWS, MAX_VALUES // max(1, latent_dim))


def kept_rows(latent_dim: int) -> int:
    """Largest number of codes, the first of the test split, that is written beside a model with that many units."""
    return min(KEPT_ROWS, max_rows(latent_dim))


def check_code_headers(path: Path, latent_dim: int | None = None) -> None:
    """Check the shapes, types and number of codes that a file claims to hold; reads no array.

    Args:
        path: A latents.npz.
        latent_dim: Required length of a row; None accepts any.

    Raises:
        FileProblem: The file is missing or damaged, or claims something else.
    """
    headers = array_headers(path, CODES)
    z_mean, z_log_var, labels = (headers[name] for name in CODES)
    shapes = [list(header.shape) for header in (z_mean, z_log_var, labels)]
    if len(z_mean.shape) != 2 or z_log_var.shape != z_mean.shape or labels.shape != z_mean.shape[:1]:
        raise FileProblem(f"{path}: shapes {shapes} do not belong together. Copy the folder again.")
    rows, units = z_mean.shape
    if latent_dim is not None and units != latent_dim:
        raise FileProblem(f"{path}: its codes are of {units} units, the model has {latent_dim}. Copy the folder again.")
    if rows > max_rows(units):
        raise FileProblem(
            f"{path} holds {rows:,} codes of {units} units; at most {max_rows(units):,} are read. Keep the first so many."
        )
    if any(header.dtype.kind != "f" or header.dtype.itemsize not in (2, 4) for header in (z_mean, z_log_var)):
        raise FileProblem(f"{path}: codes must be 16- or 32-bit floats, got {z_mean.dtype} and {z_log_var.dtype}.")
    if labels.dtype.kind not in "iu":
        raise FileProblem(f"{path}: labels must be whole numbers, got {labels.dtype}.")


def check_codes(latents: Latents, origin: str) -> None:
    """Check that every value can be shown.

    Args:
        latents: Codes of shapes that `check_code_headers` has seen.
        origin: What the message calls them.

    Raises:
        FileProblem: A z_mean, z_log_var or label out of range, or NaN.
    """
    z_mean, z_log_var, labels = latents.z_mean, latents.z_log_var, latents.labels
    low, high = LOG_VAR_RANGE
    # A NaN fails every comparison.
    if not (np.abs(z_mean) <= MAX_Z).all() or not ((z_log_var >= low) & (z_log_var <= high)).all():
        raise FileProblem(
            f"{origin}: its codes are not all finite and of a size that can be shown (z_mean within ±{MAX_Z:g}, z_log_var in "
            f"{low:g}..{high:g}). The run diverged (train again at a lower learning rate), or the file is damaged (copy it again)."
        )
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) <= MAX_LABEL):
        raise FileProblem(f"{origin}: labels must be in 0..{MAX_LABEL}, got {labels.min()}..{labels.max()}.")


def codes_file(path: Path, step: int | None) -> Path:
    """The latents.npz of a checkpoint folder, or of one snapshot of a run directory."""
    if step is None or (path / "model.safetensors").exists():
        return path / "latents.npz"
    return path / "snapshots" / f"{step:08d}" / "latents.npz"


def load_latents(path: str | Path) -> Latents:
    """Codes of the test split that lie beside a checkpoint.

    Args:
        path: A checkpoint folder.

    Returns:
        float32 codes, (n, latent_dim), with their labels.

    Raises:
        CheckpointError: They are missing or damaged.
    """
    return _read_latents(Path(path) / "latents.npz", None)


def latents_of(path: Path, step: int | None, latent_dim: int) -> Latents | None:
    """Codes that belong to a model: its test split's, or of a run those of a snapshot's fixed test images.

    Args:
        path: The model's folder, or the run's.
        step: Of a run, the step of the snapshot.
        latent_dim: Units of the model.

    Returns:
        float32 codes, (n, latent_dim), with their labels; None where there are no rows.

    Raises:
        CheckpointError: They are missing, damaged or of other units.
    """
    latents = _read_latents(codes_file(path, step), latent_dim)
    return latents if len(latents.labels) else None


def check_frame(latents: Latents, latent_dim: int, origin: str) -> None:
    """Check that the codes of a timeline's frame can be shown.

    Args:
        latents: The codes, of any shape.
        latent_dim: Units of the model.
        origin: What the message calls them.

    Raises:
        CheckpointError: Another shape or type, or a value out of range.
    """
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


def _read_latents(file: Path, latent_dim: int | None) -> Latents:
    try:
        check_code_headers(file, latent_dim)
        latents = Latents(**read_npz(file, CODES))
        check_codes(latents, str(file))
    except FileProblem as error:
        raise CheckpointError(str(error)) from error
    return Latents(latents.z_mean.astype(np.float32), latents.z_log_var.astype(np.float32), latents.labels)
