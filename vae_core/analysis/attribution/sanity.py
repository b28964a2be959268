"""Does a map depend on what was learned? The same map with the weights drawn at random, layer by layer from the top.

The cascading randomisation of Adebayo et al. 2018 (arXiv:1810.03292), with Spearman's rank correlation between the maps. A
map that stays alike when nothing learned is left shows the picture, or the architecture, and not the model. That alone would pass an
untrained model, whose maps are noise that another draw changes too: so maps by the pixels' gradient must also be smoother than those
of random networks (Moran's I between neighbouring pixels, Moran 1950), as those of trained ones are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from vae_core.analysis.attribution.maps import GRADIENT, INTEGRATED, SMOOTHGRAD, Attribution, MapSettings, attribute
from vae_core.analysis.attribution.targets import Target
from vae_core.analysis.checks import ProgressCallback
from vae_core.network.engine import Engine
from vae_core.network.layers import WEIGHTED, Weights

# Rank correlation from which a map is said to hardly depend on what was learned.
ALIKE = 0.5
# Networks with all weights random that a map is compared with: one is as smooth as none of nine by chance in one case of ten.
DRAWS = 9
# Methods whose maps are as rough as their network: the others blank patches or enlarge coarse maps.
BY_PIXEL = (GRADIENT, SMOOTHGRAD, INTEGRATED)


@dataclass(frozen=True)
class Stage:
    """The map after one more layer has lost what it learned.

    Attributes:
        layer: The layer, "decoder dense_1" or "encoder z_mean and z_log_var"; those above it are random already.
        values: The map then, (h, w) float32.
        correlation: Spearman's rank correlation with the model's own map, -1..1; 0 where a map is constant.
        strength_correlation: The same of the absolute values: where the maps are strong, whatever their sign.
    """

    layer: str
    values: np.ndarray
    correlation: float
    strength_correlation: float


@dataclass(frozen=True)
class RandomisationCheck:
    """What became of a map as the weights were drawn at random.

    Attributes:
        stages: From the top layer to the first of the encoder.
        correlation: With all weights random, the mean over the draws of the absolute rank correlation, 0..1.
        strength_correlation: The mean of that of the absolute values.
        smoothness: Moran's I of the model's own map, about 0 for noise and 1 for a smooth map.
        random_smoothness: Largest Moran's I among the maps of random networks.
        draws: How many random networks.
        learned: Whether the map depends on what was learned.
        verdict: The same in a sentence or two, with the threshold.
    """

    stages: tuple[Stage, ...]
    correlation: float
    strength_correlation: float
    smoothness: float
    random_smoothness: float
    draws: int
    learned: bool
    verdict: str


def randomisation_check(
    engine: Engine,
    image: np.ndarray,
    target: Target,
    method: str,
    settings: MapSettings | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> RandomisationCheck:
    """Compute a map again with random weights, from the top layer down, and compare.

    A kernel or bias is drawn from a normal distribution about 0, with the root mean square that it was trained to.

    Args:
        engine: The model.
        image: (h, w, c) in [0, 1].
        target: What is explained.
        method: As for `attribute`.
        settings: As for `attribute`.
        seed: Seed of the weights.
        progress: Called with the maps done and their total.

    Returns:
        The stages and the verdict.

    Raises:
        ValueError: As `attribute`.
    """
    own = attribute(engine, image, target, method, settings)
    stages = _layers_from_the_top(engine, target)
    total, done = len(stages) + DRAWS - 1, 0

    def map_with(weights: Weights) -> np.ndarray:
        nonlocal done
        drawn = attribute(Engine(engine.network, weights, threads=1), image, target, method, settings).map
        done += 1
        if progress is not None:
            progress(done, total)
        return drawn

    rng, weights, reached = np.random.default_rng(seed), dict(engine.weights), []
    for name, prefixes in stages:
        weights = _randomised(weights, prefixes, rng)
        values = map_with(weights)
        reached.append(
            Stage(name, values, rank_correlation(own.map, values), rank_correlation(abs(own.map), abs(values)))
        )
    every = [prefix for _, prefixes in stages for prefix in prefixes]
    drawn = [reached[-1].values, *(map_with(_randomised(engine.weights, every, rng)) for _ in range(DRAWS - 1))]
    return _verdict(own, tuple(reached), drawn)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two maps of one shape, ties by their mean rank; 0 where one is constant.

    >>> rank_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 8.0, 9.0]]))
    1.0
    """
    ranks = [rankdata(values) for values in (np.ravel(first), np.ravel(second))]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.clip(np.corrcoef(*ranks)[0, 1], -1, 1))


def smoothness(values: np.ndarray) -> float:
    """Moran's I of a map (h, w), over neighbours across and down: the mean product of their deviations, by the variance."""
    deviations = values.astype(np.float64) - values.mean(dtype=np.float64)
    products = [(deviations[1:] * deviations[:-1]).ravel(), (deviations[:, 1:] * deviations[:, :-1]).ravel()]
    pairs, variance = np.concatenate(products), float(np.square(deviations).mean())
    return float(pairs.mean() / variance) if variance > 0 and len(pairs) else 0.0


def _verdict(own: Attribution, stages: tuple[Stage, ...], drawn: list[np.ndarray]) -> RandomisationCheck:
    correlation = float(np.mean([abs(rank_correlation(own.map, values)) for values in drawn]))
    strength = float(np.mean([rank_correlation(abs(own.map), abs(values)) for values in drawn]))
    own_smoothness, random_smoothness = smoothness(own.map), max(map(smoothness, drawn))
    rough = own.method in BY_PIXEL and own_smoothness <= random_smoothness
    flat = bool(np.ptp(own.map) == 0)
    alike = f"rank correlation {correlation:.2f} with the maps of {len(drawn)} networks with random weights"
    if flat:
        verdict = "This map is the same everywhere: there is nothing to check."
    elif correlation >= ALIKE:
        verdict = f"This map hardly depends on what was learned: {alike}, from {ALIKE:g} on that is said."
    elif rough:
        verdict = (
            f"This map hardly depends on what was learned: it is as rough as those of {len(drawn)} networks with random "
            f"weights (Moran's I {own_smoothness:.2f}, theirs up to {random_smoothness:.2f})."
        )
    else:
        verdict = f"This map depends on what was learned: {alike}, below {ALIKE:g}."
        if strength >= ALIKE:
            verdict += f" Its signs do; where it is strong follows the picture itself (rank correlation of the strengths {strength:.2f})."
    learned = not (flat or rough or correlation >= ALIKE)
    return RandomisationCheck(
        stages, correlation, strength, own_smoothness, random_smoothness, len(drawn), learned, verdict
    )


def _layers_from_the_top(engine: Engine, target: Target) -> list[tuple[str, list[str]]]:
    """The layers with weights from the target's end to the pixels: a name for people, and the beginnings of their weights' names."""
    network, stages = engine.network, []
    parts = (network.decoder, network.encoder) if target.needs_decoder else (network.encoder,)
    for part in parts:
        heads = " and ".join(head.name for head in part.heads)
        stages.append((f"{part.name} {heads}", [f"{part.name}/{head.name}/" for head in part.heads]))
        stages += [
            (f"{part.name} {layer.name}", [f"{part.name}/{layer.name}/"])
            for layer in reversed(part.layers)
            if layer.kind in WEIGHTED
        ]
    return stages


def _randomised(weights: Weights, prefixes: list[str], rng: np.random.Generator) -> Weights:
    return {
        name: (rng.standard_normal(array.shape) * np.sqrt(np.square(array).mean())).astype(np.float32)
        if name.startswith(tuple(prefixes))
        else array
        for name, array in weights.items()
    }
