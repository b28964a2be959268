"""What a report is made of: everything that is drawn in it, as plain values and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vae_core.analysis.report.figures import ReportFigures
from vae_core.analysis.verdicts import Verdict
from vae_core.network.latents import Latents


@dataclass(frozen=True)
class Examples:
    """Test images that are rebuilt best and worst, and what the model makes of them.

    Attributes:
        indices: Their places in the test split, best of each class first, then its worst, row by row, (classes, columns).
        images: (classes, columns, h, w, c) float32 in [0, 1].
        reconstructions: The same shape.
        classes: Name of each row.
    """

    indices: np.ndarray
    images: np.ndarray
    reconstructions: np.ndarray
    classes: list[str]


@dataclass(frozen=True)
class ReportContents:
    """A model and what is known of it.

    Attributes:
        name: What it is called.
        preset: Its architecture.
        parameters: Number of weights.
        latent_dim: Number of units.
        image_shape: (height, width, channels).
        beta: Weight of the KL in its training.
        data: Name of its data set.
        checksum: Of its pixels.
        on_fashion: Whether that is Fashion-MNIST, where baselines are known.
        classes: Names.
        steps: Updates of the weights; None if not known.
        figures: What was measured for the report.
        metrics: Other figures of metrics.json by name.
        verdicts: What there is to say of the training, the gravest first.
        losses: −ELBO after each epoch by split, nats; of splits that have it.
        kl_steps: Steps at which the KL of each unit is known, (m,).
        kl_per_unit: There, (m, latent_dim) nats.
        kl_of: What that is the mean over.
        batch_times: Epochs from 1 and milliseconds a batch, (m,) each; None if they were not kept.
        mean_batch_time: Over the whole training, milliseconds; None if not known.
        latents: Codes of test images; None if there are none.
        examples: None where the pictures are not on this machine.
        others: −ELBO of other models, measured alike, by name.
    """

    name: str
    preset: str
    parameters: int
    latent_dim: int
    image_shape: tuple[int, int, int]
    beta: float
    data: str
    checksum: str
    on_fashion: bool
    classes: Sequence[str]
    steps: int | None
    figures: ReportFigures
    metrics: Mapping[str, float]
    verdicts: Sequence[Verdict]
    losses: Mapping[str, np.ndarray]
    kl_steps: np.ndarray
    kl_per_unit: np.ndarray
    kl_of: str
    batch_times: tuple[np.ndarray, np.ndarray] | None
    mean_batch_time: float | None
    latents: Latents | None
    examples: Examples | None
    others: Mapping[str, float] = field(default_factory=dict)
