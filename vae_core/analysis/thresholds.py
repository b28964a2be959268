"""What is usual for a model, measured on the validation split: from where on a picture or a point is called unusual.

`measure` gives figures of the form of `evaluation.evaluate`, which are kept in metrics.json beside those; the test split has
no part in them, but for the codes whose density a map shows.

>>> import numpy as np
>>> round(held_out_rate(np.arange(1000.0), 0.99), 2)
0.01
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from vae_core.analysis.checks import finite_values, unit_range
from vae_core.analysis.image_quality import misfit
from vae_core.analysis.latent_geometry import aggregate_density
from vae_core.analysis.latent_points import sample_posterior, slice_length
from vae_core.network.latents import EncoderDecoder, Latents

SPLIT = "validation"
# Fewer pictures say nothing about the rarest hundredth.
FEWEST = 200
# Random halvings that a rate of false alarms is the mean of.
HALVINGS = 100
# Names of the figures, and the share of the validation pictures that lie on the usual side.
MISFIT = {"misfit_90": 0.9, "misfit_99": 0.99, "misfit_99_9": 0.999}
ALARM = "misfit_99_false_alarms"
SUPPORT, SUPPORT_ALARM = "support", "support_false_alarms"
SUPPORT_SHARE = 0.01


class ThresholdData(Protocol):
    """The part of a data set that `measure` needs."""

    def pixels(self, split: str) -> np.ndarray:
        """Pixels of a split, (n, h, w, c) uint8."""
        ...


def held_out_rate(values: np.ndarray, share: float, seed: int = 0) -> float:
    """Rate of false alarms of a threshold at a quantile: set on a random half, counted on the other, over 100 halvings.

    Args:
        values: A score of each picture, (n,), n of 2 or more; high is unusual.
        share: The quantile, 0..1.
        seed: Of the halvings.

    Returns:
        Share of the other half above the threshold, in [0, 1].

    Raises:
        ValueError: Fewer than two values, or one that is NaN or infinite.
    """
    values = finite_values(values, "values")
    if len(values) < 2:
        raise ValueError(f"a rate needs two values or more, got {len(values)}.")
    rng, half = np.random.default_rng(seed), len(values) // 2
    rates = []
    for _ in range(HALVINGS):
        shuffled = rng.permutation(values)
        rates.append((shuffled[half:] > np.quantile(shuffled[:half], share)).mean())
    return float(np.mean(rates))


def measure(
    engine: EncoderDecoder, dataset: ThresholdData, latents: Latents | None = None, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Thresholds of a model on the validation split of its data, ready for `json.dump`.

    Args:
        engine: The model.
        dataset: What it was trained on.
        latents: The codes that its map shows, whose density tells where a hole is; None leaves those figures out.
        seed: Of the samples of z and of the halvings.

    Returns:
        name -> {"value", "split", "n", "method"}; empty where the validation split has fewer than `FEWEST` pictures.

    Raises:
        ValueError: Pictures of another shape than the model's, or a network that computes NaN.
    """
    pixels = dataset.pixels(SPLIT)
    if len(pixels) < FEWEST:
        return {}

    def figure(value: float, method: str) -> dict[str, Any]:
        return {"value": float(value), "split": SPLIT, "n": len(pixels), "method": method}

    rng, step = np.random.default_rng(seed), min(slice_length(engine), 500)
    scores, densities = [], []
    for start in range(0, len(pixels), step):
        images = unit_range(pixels[start : start + step])
        z_mean, z_log_var = engine.encode(images)
        scores.append(misfit(images, engine.decode(z_mean)))
        if latents is not None:
            z = sample_posterior(z_mean, z_log_var, rng)
            densities.append(aggregate_density(latents.z_mean, latents.z_log_var, z))
    values = np.concatenate(scores)
    about = "root mean squared error times (1 - correlation) of a picture and its reconstruction from z_mean"
    halves = f"set on a random half, counted on the other, mean of {HALVINGS} halvings, seed {seed}"
    figures = {
        name: figure(np.quantile(values, share), f"{100 * share:g} % of the pictures lie below; {about}")
        for name, share in MISFIT.items()
    }
    figures[ALARM] = figure(held_out_rate(values, MISFIT["misfit_99"], seed), f"share above misfit_99, {halves}")
    if densities:
        density = np.concatenate(densities)
        where = "log density of the codes in latents.npz at a sample of z per picture, nats"
        figures[SUPPORT] = figure(
            np.quantile(density, SUPPORT_SHARE),
            f"{100 * SUPPORT_SHARE:g} % of the pictures lie below; {where}, seed {seed}",
        )
        rate = held_out_rate(-density, 1 - SUPPORT_SHARE, seed)
        figures[SUPPORT_ALARM] = figure(rate, f"share below support, {halves}")
    return figures
