"""What is measured for a model's report: its form, kept beside the model as report.json, and whether a file's figures belong together."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vae_core.analysis.report.magnification import Magnification

# Classes whose confusion and examples are kept, and best and worst reconstructions of each.
MOST_CLASSES, EXAMPLES = 25, 2
# Past it a figure of a file cannot be drawn.
MOST_NATS = 1e9
# How far a posterior's highest point may be from z_mean before the encoder looks in the wrong place.
ASTRAY = 0.3


@dataclass(frozen=True)
class Mean:
    """A mean over images, with its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class SplitLoss:
    """Losses over the first n images of a split, nats per image, one sample of z per image, seed 0, beta = 1.

    Attributes:
        split: "train", "validation" or "test".
        n: Number of images.
        floor: Entropy of the pixels; None for a Gaussian likelihood.
        reconstruction_loss: Summed over pixels.
        kl_loss: Summed over units.
        negative_elbo: Their sum.
    """

    split: str
    n: int
    floor: float | None
    reconstruction_loss: Mean
    kl_loss: Mean
    negative_elbo: Mean


@dataclass(frozen=True)
class Bounds:
    """Bounds on −log p(x) with more and more samples of z per image, of the first n test images.

    Attributes:
        pixels: "grey", or "binarised": each pixel 1 with the probability of its grey value, seed 0.
        n: Number of images.
        samples: Of z per image.
        values: −IWAE of so many samples, nats.
        gains: How much lower than −ELBO of the same images, nats: its error is a tenth of the values', whose images differ.
        all_n: Number of images that −ELBO is of.
        negative_elbo: −ELBO of those.
    """

    pixels: str
    n: int
    samples: list[int]
    values: list[Mean]
    gains: list[Mean]
    all_n: int
    negative_elbo: Mean

    def on_all(self, i: int) -> Mean:
        """−IWAE of `samples[i]` on all images: their −ELBO less the gain on some."""
        elbo, gain = self.negative_elbo, self.gains[i]
        return Mean(elbo.value - gain.value, math.hypot(elbo.error, gain.error))


@dataclass(frozen=True)
class GapFigures:
    """Exact −log p(x) of the first n test images of a model of one or two units, and what lies between it and −ELBO.

    Attributes:
        n: Number of images.
        side: Points of the grid along each unit, before its cells were divided.
        extent: Half its width.
        exact: −log p(x) of each, nats.
        by_grid: The same by the grid alone.
        best: −ELBO of the best diagonal Gaussian.
        encoder: −ELBO of the encoder's Gaussian, by quadrature.
        astray: Distance of the posterior's highest point from z_mean.
        labels: Class of each.
    """

    n: int
    side: int
    extent: float
    exact: list[float]
    by_grid: list[float]
    best: list[float]
    encoder: list[float]
    astray: list[float]
    labels: list[int]

    def nats(self) -> dict[str, np.ndarray]:
        """Per image, (n,) each: "exact", "approximation" (gap), "amortisation" (gap), "encoder"."""
        exact, best, encoder = np.array(self.exact), np.array(self.best), np.array(self.encoder)
        return {"exact": exact, "approximation": best - exact, "amortisation": encoder - best, "encoder": encoder}


@dataclass(frozen=True)
class AmortisationFigures:
    """−ELBO of the first n test images of a model of more units: by the encoder, and by a Gaussian found for each image.

    Attributes:
        n: Number of images.
        steps: Of the ascent.
        best: −ELBO of the Gaussian that was found, nats.
        encoder: −ELBO of the encoder's, of the same samples of z.
        labels: Class of each.
    """

    n: int
    steps: int
    best: list[float]
    encoder: list[float]
    labels: list[int]

    def gap(self) -> np.ndarray:
        """What the encoder fails to find, (n,) nats, 0 or more."""
        return np.array(self.encoder) - np.array(self.best)


@dataclass(frozen=True)
class Confusion:
    """Classes of test images against the vote of the nearest train codes.

    Attributes:
        n: Test images.
        train: Train codes that vote.
        counts: Rows are the true classes, columns those that were voted for.
    """

    n: int
    train: int
    counts: list[list[int]]


@dataclass(frozen=True)
class ClassExamples:
    """Test images of a class that are rebuilt best and worst, by their place in the split, the best and the worst first."""

    label: int
    best: list[int]
    worst: list[int]


@dataclass(frozen=True)
class ReportFigures:
    """What was measured for a model's report.

    Attributes:
        likelihood: "bernoulli" or "gaussian".
        losses: On each split that has images.
        variances: Of z_mean over the test images, one per unit.
        kl_per_unit: Over the test images, nats.
        bounds: Of grey pixels, and of a Bernoulli likelihood of binarised ones.
        gaps: Of a model of one or two units.
        magnification: Of a model of two units.
        confusion: Where there are labels of two classes or more.
        examples: Per class.
        batch_n: Test images of the batch that explains the scale.
        batch_reconstruction: Its reconstruction loss, nats, summed over pixels, mean over images.
        batch_kl: Its KL, nats, summed over units, mean over images.
        amortisation: Of a model of three units or more.
    """

    likelihood: str
    losses: list[SplitLoss]
    variances: list[float]
    kl_per_unit: list[float]
    bounds: list[Bounds]
    gaps: GapFigures | None
    magnification: Magnification | None
    confusion: Confusion | None
    examples: list[ClassExamples]
    batch_n: int
    batch_reconstruction: float
    batch_kl: float
    amortisation: AmortisationFigures | None = None

    def loss_on(self, split: str) -> SplitLoss | None:
        """Losses on a split; None where it has no images."""
        return next((loss for loss in self.losses if loss.split == split), None)


def to_dict(figures: ReportFigures) -> dict[str, Any]:
    """Plain values for JSON."""
    return asdict(figures)


def consistent(figures: ReportFigures, latent_dim: int) -> bool:
    """Whether figures from a file of anybody's belong together and are of a size that can be drawn.

    Args:
        figures: Of the right types.
        latent_dim: Units of the model.
    """
    lengths = [len(figures.variances) == latent_dim, len(figures.kl_per_unit) == latent_dim, figures.batch_n > 0]
    numbers = [*figures.variances, *figures.kl_per_unit, figures.batch_reconstruction, figures.batch_kl]
    for loss in figures.losses:
        terms = (loss.reconstruction_loss, loss.kl_loss, loss.negative_elbo)
        numbers += [loss.floor or 0.0, *(number for mean in terms for number in (mean.value, mean.error))]
    for bounds in figures.bounds:
        lengths.append(0 < len(bounds.samples) == len(bounds.values) == len(bounds.gains))
        means = (*bounds.values, *bounds.gains, bounds.negative_elbo)
        numbers += [*bounds.samples, *(number for mean in means for number in (mean.value, mean.error))]
    if figures.gaps is not None:
        gaps = figures.gaps
        columns = (gaps.exact, gaps.by_grid, gaps.best, gaps.encoder, gaps.astray)
        lengths += [0 < len(gaps.labels) == gaps.n, *(len(column) == gaps.n for column in columns)]
        numbers += [number for column in (*columns, gaps.labels, [gaps.extent]) for number in column]
    if figures.amortisation is not None:
        found = figures.amortisation
        lengths += [0 < found.n == len(found.best) == len(found.encoder) == len(found.labels)]
        numbers += [*found.best, *found.encoder, *found.labels]
    if figures.magnification is not None:
        known = figures.magnification
        lengths += [latent_dim == 2, known.side**2 == len(known.values) > 0, 0 < known.extent < 100]
        numbers += known.values
    if figures.confusion is not None:
        counts = figures.confusion.counts
        lengths += [0 < len(counts) <= MOST_CLASSES, *(len(row) == len(counts) for row in counts)]
        numbers += [number for row in counts for number in row]
    lengths.append(len(figures.examples) <= MOST_CLASSES)
    for one in figures.examples:
        lengths.append(len(one.best) == len(one.worst) <= EXAMPLES)
        lengths.append(all(0 <= place < 10**9 for place in (one.label, *one.best, *one.worst)))
    return all(lengths) and all(abs(number) <= MOST_NATS for number in numbers)
