"""Every figure of a model's report that takes more than a moment: measured once, kept beside the model as report.json."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vae_core.analysis.checks import ProgressCallback, unit_range
from vae_core.analysis.evaluation import NEIGHBOURS, EvaluationData
from vae_core.analysis.latent_points import encode_dataset, slice_length
from vae_core.analysis.likelihood import elbo_terms, iwae, pixel_entropy_floor
from vae_core.analysis.report.amortisation import STEPS, DifferentiableDecoder, measure_amortisation
from vae_core.analysis.report.gaps import Gaps, measure_gaps
from vae_core.analysis.report.grid_posterior import EXTENT, MOST_UNITS, SIDE
from vae_core.analysis.report.magnification import Magnification, magnification
from vae_core.network.latents import EncoderDecoder

# Images at most: of each split's loss, of the bounds, of the gaps in two units and in more, of the batch that explains the scale; classes of the confusion.
OF_SPLIT, OF_BOUNDS, OF_GAPS, OF_AMORTISATION, OF_BATCH, MOST_CLASSES = 10_000, 200, 500, 100, 64, 25
SAMPLES = (1, 10, 100, 1000)
MOST_SAMPLES = 5000
SPLITS = ("train", "validation", "test")
# Best and worst reconstructions of each class.
EXAMPLES = 2
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


def measure(
    engine: DifferentiableDecoder,
    dataset: EvaluationData,
    progress: ProgressCallback | None = None,
    most_samples: int = SAMPLES[-1],
    limit: int | None = None,
) -> ReportFigures:
    """Measure everything of a model's report.

    Args:
        engine: The model.
        dataset: What it was trained on, with its test split.
        progress: Called with the steps done and their total, 100.
        most_samples: Largest K of the IWAE bounds, 1 to 5,000.
        limit: Images of each part at most, for tests; None for as many as the report shows.

    Returns:
        The figures.

    Raises:
        ValueError: No test images, images of another shape, or a network that computes NaN.
    """
    stages = _Stages(progress)
    pixels = dataset.pixels("test")
    if not len(pixels):
        raise ValueError(f"the test split of {dataset.name} is empty: a report needs test images.")
    most = limit or OF_SPLIT
    losses, terms = [], None
    for split in SPLITS:
        known = dataset.pixels(split)[:most]
        if len(known):
            loss, per_image = _losses(engine, known, split, stages.part(0.05))
            losses.append(loss)
            terms = per_image if split == "test" else terms
    assert terms is not None  # the test split has images
    labels = np.asarray(dataset.labels("test"))
    bounds = _bounds(engine, pixels[:most], losses[-1], min(OF_BOUNDS, most), most_samples, stages)
    gaps = None
    if engine.latent_dim <= MOST_UNITS:
        images = unit_range(pixels[: min(OF_GAPS, most)])
        found = measure_gaps(engine, images, progress=stages.part(0.3))
        gaps = _gap_figures(found, labels[: len(images)])
    amortisation = None
    if gaps is None:
        images = unit_range(pixels[: min(OF_AMORTISATION, most)])
        reached = measure_amortisation(engine, images, progress=stages.part(0.3))
        amortisation = AmortisationFigures(
            len(images),
            STEPS,
            _rounded(-reached.best),
            _rounded(-reached.encoder),
            labels[: len(images)].astype(int).tolist(),
        )
    latents = encode_dataset(engine, dataset, "test", most, stages.part(0.02))
    variances = latents.z_mean.astype(np.float64).var(axis=0)
    batch = slice(0, OF_BATCH)
    return ReportFigures(
        engine.likelihood,
        losses,
        _rounded(variances),
        _rounded(terms.kl.mean(axis=0)),
        bounds,
        gaps,
        magnification(engine) if engine.latent_dim == 2 else None,
        _confusion(engine, dataset, latents.z_mean, labels[: len(latents.labels)], most, stages.part(0.1)),
        _examples(terms.excess, labels[: len(terms.excess)]),
        len(terms.kl[batch]),
        float(terms.reconstruction[batch].mean()),
        float(terms.kl[batch].sum(axis=1).mean()),
        amortisation,
    )


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


@dataclass(frozen=True)
class _Terms:
    """Of n test images: reconstruction loss (n,), KL (n, latent_dim), and loss above each image's own floor (n,)."""

    reconstruction: np.ndarray
    kl: np.ndarray
    excess: np.ndarray


class _Stages:
    """One progress of many parts, in whole percent."""

    def __init__(self, progress: ProgressCallback | None) -> None:
        self._progress, self._done, self._told = progress, 0.0, -1

    def part(self, share: float) -> ProgressCallback:
        """Progress of a part that takes such a share of the whole."""
        begun = self._done
        self._done += share

        def report(done: int, total: int) -> None:
            percent = min(100, round(100 * (begun + share * done / max(total, 1))))
            if self._progress and percent > self._told:
                self._told = percent
                self._progress(percent, 100)

        return report


def _losses(
    engine: EncoderDecoder, pixels: np.ndarray, split: str, progress: ProgressCallback
) -> tuple[SplitLoss, _Terms]:
    step = min(slice_length(engine), 1000)
    parts, floors = [], []
    rng = np.random.default_rng(0)
    for start in range(0, len(pixels), step):
        images = unit_range(pixels[start : start + step])
        parts.append(elbo_terms(engine, images, rng))
        floors.append([pixel_entropy_floor(image[None]) for image in images])
        progress(start + len(images), len(pixels))
    reconstruction, kl = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    floor = np.concatenate(floors)
    bernoulli = engine.likelihood == "bernoulli"
    loss = SplitLoss(
        split,
        len(pixels),
        float(floor.mean()) if bernoulli else None,
        _mean(reconstruction),
        _mean(kl.sum(axis=1)),
        _mean(reconstruction + kl.sum(axis=1)),
    )
    return loss, _Terms(reconstruction, kl, reconstruction - floor if bernoulli else reconstruction)


def _bounds(
    engine: EncoderDecoder, pixels: np.ndarray, loss: SplitLoss, n: int, most_samples: int, stages: _Stages
) -> list[Bounds]:
    """Of grey pixels, whose −ELBO is known from `loss`, and of binarised ones."""
    if not 1 <= most_samples <= MOST_SAMPLES:
        raise ValueError(f"the IWAE bound takes 1 to {MOST_SAMPLES:,} samples per image, got {most_samples}.")
    samples = [k for k in SAMPLES if k < most_samples] + [most_samples]
    grey = unit_range(pixels[:n])
    found = [_bound(engine, grey, "grey", samples, loss.n, loss.negative_elbo, stages)]
    if engine.likelihood == "bernoulli":
        rng = np.random.default_rng(0)
        binary = (rng.random(pixels.shape, np.float32) < unit_range(pixels)).astype(np.uint8) * np.uint8(255)
        every, _ = _losses(engine, binary, "test", stages.part(0.05))
        x, ends = unit_range(binary[:n]), sorted({1, most_samples})
        found.append(_bound(engine, x, "binarised", ends, every.n, every.negative_elbo, stages))
    return found


def _bound(
    engine: EncoderDecoder, images: np.ndarray, name: str, samples: list[int], all_n: int, elbo: Mean, stages: _Stages
) -> Bounds:
    first = -iwae(engine, images, 1)
    every = [-iwae(engine, images, k, progress=stages.part(0.2 * k / sum(samples))) for k in samples]
    gains = [_mean(first - values) for values in every]
    return Bounds(name, len(images), samples, [_mean(values) for values in every], gains, all_n, elbo)


def _gap_figures(gaps: Gaps, labels: np.ndarray) -> GapFigures:
    astray = np.sqrt(np.square(gaps.modes - gaps.z_mean).sum(axis=1))
    return GapFigures(
        n=len(labels),
        side=SIDE,
        extent=EXTENT,
        exact=_rounded(-gaps.log_p),
        by_grid=_rounded(-gaps.grid_log_p),
        best=_rounded(-gaps.best),
        encoder=_rounded(-gaps.encoder),
        astray=_rounded(astray),
        labels=labels.astype(int).tolist(),
    )


def _confusion(
    engine: EncoderDecoder,
    dataset: EvaluationData,
    codes: np.ndarray,
    labels: np.ndarray,
    most: int,
    progress: Callable[[int, int], None],
) -> Confusion | None:
    """Votes of the nearest train codes, the whole train split's unless `most` is a test's."""
    classes = int(labels.max()) + 1
    if not 2 <= classes <= MOST_CLASSES:
        return None
    train = encode_dataset(engine, dataset, "train", None if most >= OF_SPLIT else most, progress)
    if len(train.labels) < NEIGHBOURS:
        return None
    from sklearn.neighbors import KNeighborsClassifier

    votes = KNeighborsClassifier(NEIGHBOURS).fit(train.z_mean, train.labels).predict(codes)
    classes = max(classes, int(train.labels.max()) + 1)
    if classes > MOST_CLASSES:
        return None
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels.astype(int), votes.astype(int)), 1)
    return Confusion(len(labels), len(train.labels), counts.tolist())


def _examples(excess: np.ndarray, labels: np.ndarray) -> list[ClassExamples]:
    examples = []
    for label in np.unique(labels)[:MOST_CLASSES].tolist():
        rows = np.flatnonzero(labels == label)
        order = rows[np.argsort(excess[rows], kind="stable")].tolist()
        examples.append(ClassExamples(label, order[:EXAMPLES], order[::-1][:EXAMPLES]))
    return examples


def _mean(values: np.ndarray) -> Mean:
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Mean(round(float(values.mean()), 4), round(float(error), 4))


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(values.astype(np.float64), 4).tolist()
