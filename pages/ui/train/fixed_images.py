"""One moment of a training as pictures: fixed test images, their reconstructions, fixed samples. No streamlit."""

from __future__ import annotations

import numpy as np

from vae_core.analysis import latent_points
from vae_core.network.engine import Engine

SHOWN = 10


def rows(engine: Engine, codes: np.ndarray, fixed: np.ndarray | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows of ten: the fixed test images (if they are here), their reconstructions, samples of the prior.

    Args:
        engine: The decoder of that moment.
        codes: (n, d) z_mean of fixed test images.
        fixed: uint8 (n, h, w, c), the first of these images.

    Returns:
        uint8 (10 * rows, h, w, c), row by row, and what each row is, in words. The samples are always of the same z.
    """
    count = min(SHOWN, len(codes))
    z = latent_points.sample_prior(SHOWN, engine.latent_dim, seed=0)
    decoded = [_bytes(engine.decode(codes[:count])), _bytes(engine.decode(z)[:SHOWN])]
    words = [
        f"reconstructions of {count} fixed test images (from z_mean)",
        f"{SHOWN} samples of the prior, always of the same z",
    ]
    if fixed is not None and len(fixed) >= count:
        decoded.insert(0, fixed[:count])
        words = [f"{count} fixed test images", "their reconstructions (from z_mean)", words[1]]
    blank = np.zeros((SHOWN, *engine.image_shape), np.uint8)
    padded = [np.concatenate([row, blank[len(row) :]]) for row in decoded]
    return np.concatenate(padded), tuple(words)


def _bytes(images: np.ndarray) -> np.ndarray:
    return np.round(255 * images).astype(np.uint8)
