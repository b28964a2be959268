"""Measure all of a model's report that takes more than a moment: losses, bounds, gaps, confusion, examples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vae_core.analysis.checks import ProgressCallback, unit_range
from vae_core.analysis.evaluation import NEIGHBOURS, EvaluationData
from vae_core.analysis.latent_points import encode_dataset, slice_length
from vae_core.analysis.likelihood import elbo_terms, iwae, pixel_entropy_floor
from vae_core.analysis.report.amortisation import STEPS, DifferentiableDecoder, measure_amortisation
from vae_core.analysis.report.figures import (
    EXAMPLES,
    MOST_CLASSES,
    AmortisationFigures,
    Bounds,
    ClassExamples,
    Confusion,
    GapFigures,
    Mean,
    ReportFigures,
    SplitLoss,
)
from vae_core.analysis.report.gaps import Gaps, measure_gaps
from vae_core.analysis.report.grid_posterior import EXTENT, MOST_UNITS, SIDE
from vae_core.analysis.report.magnification import magnification
from vae_core.network.latents import EncoderDecoder

# Images at most: of each split's loss, of the bounds, of the gaps in two units and in more, of the batch that explains the scale.
OF_SPLIT, OF_BOUNDS, OF_GAPS, OF_AMORTISATION, OF_BATCH = 10_000, 200, 500, 100, 64
SAMPLES = (1, 10, 100, 1000)
MOST_SAMPLES = 5000
SPLITS = ("train", "validation", "test")


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
