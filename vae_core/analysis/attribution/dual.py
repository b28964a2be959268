"""The dual of attribution: what a latent unit changes in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_core.analysis.attribution.maps import checked_image
from vae_core.analysis.likelihood import kl_per_unit
from vae_core.network.engine import Engine


@dataclass(frozen=True)
class UnitEffects:
    """What each latent unit changes in a picture's reconstruction, the unit with the largest KL first.

    Attributes:
        units: Numbers of the units, from 0, (latent_dim,) int64.
        maps: Derivative of the reconstruction by each unit at z_mean, signed, (latent_dim, h, w, c) float32, ordered as `units`.
        kl: Each unit's KL for this picture in nats, (latent_dim,) float64, ordered as `units`.
        reconstruction: decode(z_mean), (h, w, c) float32.
    """

    units: np.ndarray
    maps: np.ndarray
    kl: np.ndarray
    reconstruction: np.ndarray


def unit_effects(engine: Engine, image: np.ndarray) -> UnitEffects:
    """Derivative of the reconstruction by every latent unit, exactly, by forward-mode differentiation of the decoder.

    The columns of the decoder's Jacobian at z_mean (Arvanitidis et al. 2018, arXiv:1710.11379).

    Args:
        engine: The model.
        image: (h, w, c) in [0, 1].

    Returns:
        The maps, sorted by the KL of the units for this picture.

    Raises:
        ValueError: An image of another shape or range.
    """
    z_mean, z_log_var = engine.encode(checked_image(engine, image)[None])
    kl = kl_per_unit(z_mean, z_log_var)[0]
    units = np.argsort(-kl, kind="stable")
    directions = np.eye(engine.latent_dim, dtype=np.float32)[units]
    along = engine.decoder_derivative(np.repeat(z_mean, engine.latent_dim, axis=0), directions)  # of the logits
    reconstruction = engine.decode(z_mean)[0]
    return UnitEffects(units, reconstruction * (1 - reconstruction) * along, kl[units], reconstruction)
