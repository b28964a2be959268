"""How well each single image of a split is rebuilt: one array per figure, kept beside a checkpoint as scores.npz.

For sorting (best and worst), and for an image's place among the others. `metrics.evaluate` gives the means.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.analysis import evaluation as metrics
from vae_core.analysis.latent_points import sample_posterior, slice_length
from vae_core.network.latents import EncoderDecoder
from vae_core.storage.files import FileProblem, read_npz, write_bytes

FILE = "scores.npz"
WEIGHTS = "model.safetensors"
SEED = 0


@dataclass(frozen=True)
class Scores:
    """One number per image, float32 (n,).

    mse, psnr (dB), ssim: of the reconstruction from z_mean. reconstruction_loss (nats, summed over pixels) and
    negative_elbo: of one sample of z per image, beta = 1. kl_loss: nats, closed form.
    """

    mse: np.ndarray
    psnr: np.ndarray
    ssim: np.ndarray
    reconstruction_loss: np.ndarray
    kl_loss: np.ndarray
    negative_elbo: np.ndarray

    def __len__(self) -> int:
        return len(self.mse)


NAMES = tuple(field.name for field in fields(Scores))
HIGH_IS_GOOD = ("psnr", "ssim")


def score(
    engine: EncoderDecoder, images: np.ndarray, seed: int = SEED, progress: metrics.Progress | None = None
) -> Scores:
    """Every figure of every image: images (n, h, w, c) float32 in [0, 1], or uint8, which is divided by 255 slice by slice.

    seed: of the samples of z. `progress(done, total)` counts images.
    """
    rng, step = np.random.default_rng(seed), min(slice_length(engine), 500)
    parts = []
    for start in range(0, len(images), step):
        x = images[start : start + step]
        x = x.astype(np.float32) / 255 if x.dtype == np.uint8 else x
        z_mean, z_log_var = engine.encode(x)
        z = sample_posterior(z_mean, z_log_var, rng)
        rebuilt, kl = engine.decode(z_mean), metrics.kl_per_unit(z_mean, z_log_var).sum(axis=1)
        loss = metrics.reconstruction_loss(engine, x, z)
        error = [measure(x, rebuilt) for measure in (metrics.mse, metrics.psnr, metrics.ssim)]
        parts.append(np.stack([*error, loss, kl, loss + kl]).astype(np.float32))
        if progress:
            progress(start + len(x), len(images))
    return Scores(*np.concatenate(parts, axis=1)) if parts else Scores(*np.zeros((len(NAMES), 0), np.float32))


def best_first(scores: Scores, name: str) -> np.ndarray:
    """Indices of the images from the best to the worst by one figure; `ValueError` for a name that is none."""
    if name not in NAMES:
        raise ValueError(f"a figure must be one of {', '.join(NAMES)}, got {name!r}.")
    values = getattr(scores, name)
    return np.argsort(-values if name in HIGH_IS_GOOD else values, kind="stable")


def save(folder: Path, scores: Scores, checksum: str) -> None:
    """Write scores.npz into a checkpoint's folder; checksum: of the data set that was scored.

    The file names the data and the weights it is of, so that `load` can tell when either has changed.
    """
    buffer = BytesIO()
    arrays: dict[str, Any] = {name: getattr(scores, name) for name in NAMES}
    np.savez_compressed(buffer, checksum=checksum, weights=_digest(folder / WEIGHTS), **arrays)
    write_bytes(folder / FILE, buffer.getvalue())


def load(folder: Path, checksum: str, n: int) -> Scores | None:
    """What `save` wrote, if it is whole, of this data set, of n images and of the weights beside it; else None: score anew."""
    try:
        arrays = read_npz(folder / FILE, (*NAMES, "checksum", "weights"))
        weights = _digest(folder / WEIGHTS)
    except (FileProblem, OSError):
        return None
    found = [arrays[name] for name in NAMES]
    if (str(arrays["checksum"]), str(arrays["weights"])) != (checksum, weights):
        return None
    if any(array.shape != (n,) or array.dtype.kind != "f" for array in found):
        return None
    return Scores(*(array.astype(np.float32) for array in found))


def _digest(path: Path) -> str:
    """Of a file's bytes: a few milliseconds for a model of ours."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()
