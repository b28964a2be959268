"""How well each single image of a split is reconstructed: one array per figure, kept beside a checkpoint as scores.npz.

For sorting (best and worst), and for an image's rank among the others. `evaluation.evaluate` gives the means.

>>> import numpy as np
>>> scores = Scores(*np.array([[0.1, 0.3, 0.2]] * len(NAMES), np.float32))
>>> best_first(scores, "mse").tolist(), best_first(scores, "ssim").tolist()
([0, 2, 1], [1, 2, 0])
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.analysis.checks import ProgressCallback, unit_range
from vae_core.analysis.image_quality import mse, psnr, ssim
from vae_core.analysis.latent_points import sample_posterior, slice_length
from vae_core.analysis.likelihood import kl_per_unit, reconstruction_loss
from vae_core.network.latents import EncoderDecoder
from vae_core.storage.errors import FileProblem
from vae_core.storage.files import write_bytes
from vae_core.storage.npz import read_npz

FILE = "scores.npz"
WEIGHTS = "model.safetensors"
SEED = 0


@dataclass(frozen=True)
class Scores:
    """Figures of n single images, each (n,) float32.

    Attributes:
        mse: Mean squared error of the reconstruction from z_mean.
        psnr: Peak signal-to-noise ratio of the reconstruction from z_mean, decibels.
        ssim: Structural similarity of the reconstruction from z_mean.
        reconstruction_loss: Nats, summed over pixels, of one sample of z per image.
        kl_loss: Nats, summed over units, closed form.
        negative_elbo: Nats, of the same sample of z, beta = 1.
    """

    mse: np.ndarray
    psnr: np.ndarray
    ssim: np.ndarray
    reconstruction_loss: np.ndarray
    kl_loss: np.ndarray
    negative_elbo: np.ndarray

    def __len__(self) -> int:
        """Number of images."""
        return len(self.mse)


NAMES = tuple(field.name for field in fields(Scores))
HIGH_IS_GOOD = ("psnr", "ssim")


def score(
    engine: EncoderDecoder, images: np.ndarray, seed: int = SEED, progress: ProgressCallback | None = None
) -> Scores:
    """Every figure of every image.

    Args:
        engine: The model.
        images: (n, h, w, c), float32 in [0, 1], or uint8, which is divided by 255 slice by slice.
        seed: Of the samples of z.
        progress: Called with the images done and their total.

    Returns:
        The figures, in the order of the images.

    Raises:
        ValueError: Images of another shape or range, or a network that computes NaN.
    """
    rng, step = np.random.default_rng(seed), min(slice_length(engine), 500)
    parts = []
    for start in range(0, len(images), step):
        x = images[start : start + step]
        x = unit_range(x) if x.dtype == np.uint8 else x
        z_mean, z_log_var = engine.encode(x)
        z = sample_posterior(z_mean, z_log_var, rng)
        reconstructions, kl = engine.decode(z_mean), kl_per_unit(z_mean, z_log_var).sum(axis=1)
        loss = reconstruction_loss(engine, x, z)
        quality = [measure(x, reconstructions) for measure in (mse, psnr, ssim)]
        parts.append(np.stack([*quality, loss, kl, loss + kl]).astype(np.float32))  # (6, slice)
        if progress:
            progress(start + len(x), len(images))
    return Scores(*np.concatenate(parts, axis=1)) if parts else Scores(*np.zeros((len(NAMES), 0), np.float32))


def best_first(scores: Scores, name: str) -> np.ndarray:
    """Indices of the images from the best to the worst by one figure.

    Args:
        scores: Figures of n images.
        name: One of `NAMES`.

    Returns:
        (n,) int64.

    Raises:
        ValueError: Another name.
    """
    if name not in NAMES:
        raise ValueError(f"a figure must be one of {', '.join(NAMES)}, got {name!r}.")
    values = getattr(scores, name)
    return np.argsort(-values if name in HIGH_IS_GOOD else values, kind="stable")


def save(folder: Path, scores: Scores, checksum: str, digest: str | None = None) -> None:
    """Write scores.npz into a checkpoint's folder or a run directory.

    The file names the data and the weights it is of, so that `load` can tell when either has changed.

    Args:
        folder: Where it is written.
        scores: The figures.
        checksum: Of the data set that was scored.
        digest: `weights_digest` of the weights that were scored; of the folder's model.safetensors where it is None.

    Raises:
        OSError: The weights cannot be read, or the file not written.
    """
    buffer = BytesIO()
    arrays: dict[str, Any] = {name: getattr(scores, name) for name in NAMES}
    np.savez_compressed(buffer, checksum=checksum, weights=digest or weights_digest(folder / WEIGHTS), **arrays)
    write_bytes(folder / FILE, buffer.getvalue())


def load(folder: Path, checksum: str, n: int, weights: Path | None = None) -> Scores | None:
    """What `save` wrote, if it is still valid.

    Args:
        folder: Of the checkpoint or run.
        checksum: Of the data set whose figures are wanted.
        n: Number of its images.
        weights: File of the weights whose figures are wanted; the folder's model.safetensors where it is None.

    Returns:
        The figures; None where the file is missing, damaged, of other data, of another number of images or of other
        weights: score anew.
    """
    try:
        arrays = read_npz(folder / FILE, (*NAMES, "checksum", "weights"))
        digest = weights_digest(weights or folder / WEIGHTS)
    except (FileProblem, OSError):
        return None
    columns = [arrays[name] for name in NAMES]
    if (str(arrays["checksum"]), str(arrays["weights"])) != (checksum, digest):
        return None
    if any(array.shape != (n,) or array.dtype.kind != "f" for array in columns):
        return None
    return Scores(*(array.astype(np.float32) for array in columns))


def weights_digest(path: Path) -> str:
    """Digest of the bytes of a file of weights: a few milliseconds for a model of ours; `OSError` where it cannot be read."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()
