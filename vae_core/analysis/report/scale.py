"""The scale of a VAE's loss: what it is when pixels or units are averaged instead of summed, and the beta that this implies.

>>> row = reductions(reconstruction=244.0, kl=7.0, pixels=784, units=2)[1]
>>> row.name, round(row.loss, 2), row.beta
('mean over pixels, sum over units', 7.31, 784.0)
"""

from __future__ import annotations

from typing import NamedTuple


class Reduction(NamedTuple):
    """One way to write the loss.

    Attributes:
        name: How pixels and units are reduced.
        reconstruction: The first term as it is then.
        kl: The second.
        loss: Their sum.
        beta: Weight of the KL in the loss of sums whose gradient has the same direction.
    """

    name: str
    reconstruction: float
    kl: float
    loss: float
    beta: float


def reductions(reconstruction: float, kl: float, pixels: int, units: int) -> list[Reduction]:
    """The four usual ways to write the same batch's loss.

    The loss of sums is reconstruction + beta KL. Dividing the first term by the number of pixels is, up to a factor of the
    whole, multiplying the second by it: beta = pixels. Averaging the KL over the units divides beta by their number.

    Args:
        reconstruction: Summed over pixels, mean over the batch, nats.
        kl: Summed over units, mean over the batch, nats.
        pixels: Values of an image, 1 or more.
        units: Latent units, 1 or more.

    Returns:
        Sums first, which is what this program trains.
    """
    rows = []
    for name, of_pixels, of_units in (
        ("sum over pixels, sum over units", 1, 1),
        ("mean over pixels, sum over units", pixels, 1),
        ("mean over pixels, mean over units", pixels, units),
        ("sum over pixels, mean over units", 1, units),
    ):
        first, second = reconstruction / of_pixels, kl / of_units
        rows.append(Reduction(name, first, second, first + second, of_pixels / of_units))
    return rows
