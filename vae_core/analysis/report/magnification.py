"""How much the decoder magnifies latent space: where the picture changes fast as z moves (arXiv:1710.11379, arXiv:1711.01204)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_core.analysis.latent_points import grid
from vae_core.network.latents import EncoderDecoder

SIDE, EXTENT = 61, 3.0
# Of the central differences; the decoder is piecewise smooth.
STEP = 1e-2


@dataclass(frozen=True)
class Magnification:
    """sqrt(det J^T J) of the decoder's mean image on a lattice of two units.

    Attributes:
        side: Points along each unit.
        extent: Half the lattice's width.
        values: (side * side,), row by row, the highest second unit first.
    """

    side: int
    extent: float
    values: list[float]

    def image(self) -> np.ndarray:
        """The values as a picture is read, (side, side) float64."""
        return np.array(self.values, np.float64).reshape(self.side, self.side)


def magnification(engine: EncoderDecoder, side: int = SIDE, extent: float = EXTENT) -> Magnification:
    """Area of picture space for an area of latent space, by central differences of the decoder.

    Args:
        engine: A model of two units.
        side: Points along each unit.
        extent: Half the lattice's width, in standard deviations of the prior.

    Returns:
        The values, 0 or more.
    """
    z, _ = grid(2, side, extent=extent)
    return Magnification(side, extent, [float(f"{value:.4g}") for value in magnification_at(engine, z)])


def magnification_at(engine: EncoderDecoder, z: np.ndarray) -> np.ndarray:
    """sqrt(det J^T J) at points z (n, 2): (n,) float64, J the derivative of the mean image."""
    columns = []
    for unit in (0, 1):
        offset = np.zeros(2, np.float32)
        offset[unit] = STEP
        slope = (engine.decode(z + offset) - engine.decode(z - offset)) / (2 * STEP)
        columns.append(slope.reshape(len(z), -1).astype(np.float64))
    a, b = columns
    aa, bb, ab = (np.einsum("ij,ij->i", x, y) for x, y in ((a, a), (b, b), (a, b)))
    return np.sqrt(np.maximum(aa * bb - ab**2, 0))
