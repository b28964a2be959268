"""One moment of a training as pictures: fixed test images, their reconstructions, fixed samples. No streamlit."""

from __future__ import annotations

import numpy as np

from pages.ui.images import enlarge
from vae_core.analysis import latent_points, mosaics
from vae_core.network.engine import Engine

SHOWN = 10
PIXELS = 84


def sheet(engine: Engine, codes: np.ndarray, fixed: np.ndarray | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows of ten: the fixed test images (if they are here), their reconstructions, samples of the prior: uint8 (H, W, 3).

    And what each row is, in words.

    engine: the decoder of that moment. codes: (n, d) z_mean of fixed test images. fixed: uint8 (n, h, w, c), the first of these
    images. The samples are always of the same z.
    """
    count = min(SHOWN, len(codes))
    z = latent_points.sample_prior(SHOWN, engine.latent_dim, seed=0)
    rows = [engine.decode(codes[:count]), engine.decode(z)[:SHOWN]]
    words = [
        f"reconstructions of {count} fixed test images (from z_mean)",
        f"{SHOWN} samples of the prior, always of the same z",
    ]
    if fixed is not None and len(fixed) >= count:
        rows.insert(0, fixed[:count].astype(np.float32) / 255)
        words = [f"{count} fixed test images", "their reconstructions (from z_mean)", words[1]]
    blank = np.zeros((SHOWN, *engine.image_shape), np.float32)
    tiles = []
    for row in rows:
        padded = np.concatenate([row, blank[len(row) :]])
        tiles += [enlarge(picture, PIXELS) for picture in padded]
    whole = np.stack([tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, axis=2) for tile in tiles])
    return mosaics.mosaic(whole, columns=SHOWN, gap=4, fill=128), tuple(words)
