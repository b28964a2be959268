"""Points of latent space: encode a data set, draw samples, lay out grids, walk between points.

Every z is (n, latent_dim) float32; every `seed` is a whole number or a `numpy.random.Generator`.

>>> z, (across, down) = grid(latent_dim=2, side=3, extent=1.0)
>>> z.shape, across.tolist(), down.tolist()
((9, 2), [-1.0, 0.0, 1.0], [1.0, 0.0, -1.0])
>>> interpolate(z[0], z[-1], steps=3).tolist()
[[-1.0, 1.0], [0.0, 0.0], [1.0, -1.0]]
"""

from __future__ import annotations

import numpy as np

from vae_core.analysis.checks import ProgressCallback, check_unit, checked_point, checked_posterior, unit_range
from vae_core.network.latents import EncoderDecoder, LabelledImages, Latents, Seed

# float32 pixels held at a time, 16 MB: memory does not grow with the data set.
VALUES = 4_000_000


def encode_dataset(
    engine: EncoderDecoder,
    dataset: LabelledImages,
    split: str,
    n: int | None = None,
    progress: ProgressCallback | None = None,
) -> Latents:
    """Encode the first n images of a split, a slice at a time.

    Args:
        engine: The model.
        dataset: Its pixels, (n, h, w, c) uint8, and labels.
        split: "train", "validation" or "test".
        n: How many images; None for all.
        progress: Called with the images done and their total.

    Returns:
        Posterior parameters, (n, latent_dim) float32, and labels.

    Raises:
        ValueError: The images are not of the model's shape.
    """
    pixels = dataset.pixels(split)[:n]
    if pixels.shape[1:] != tuple(engine.image_shape):
        raise ValueError(
            f"the {split} images have shape {pixels.shape[1:]}, the model takes {tuple(engine.image_shape)}. "
            "Choose a model trained on pictures of this shape."
        )
    z_mean = np.zeros((len(pixels), engine.latent_dim), np.float32)
    z_log_var = np.zeros_like(z_mean)
    step = slice_length(engine)
    for start in range(0, len(pixels), step):
        images = unit_range(pixels[start : start + step])
        stop = start + len(images)
        z_mean[start:stop], z_log_var[start:stop] = engine.encode(images)
        if progress:
            progress(stop, len(pixels))
    return Latents(z_mean, z_log_var, np.asarray(dataset.labels(split))[: len(pixels)])


def slice_length(engine: EncoderDecoder) -> int:
    """Number of images to hold at a time, 1 or more: `VALUES` pixels' worth."""
    return max(1, VALUES // int(np.prod(engine.image_shape)))


def sample_posterior(z_mean: np.ndarray, z_log_var: np.ndarray, seed: Seed = 0) -> np.ndarray:
    """One z per row by the reparameterization trick (Kingma & Welling 2014, arXiv:1312.6114, section 2.4).

    Args:
        z_mean: Posterior means, (n, latent_dim).
        z_log_var: Natural logarithms of the posterior variances, (n, latent_dim).
        seed: Of the noise.

    Returns:
        z_mean + exp(z_log_var / 2) * epsilon, (n, latent_dim) float32.

    Raises:
        ValueError: Shapes that differ, or a value that is NaN or infinite.
    """
    z_mean, z_log_var = checked_posterior(z_mean, z_log_var)
    epsilon = np.random.default_rng(seed).standard_normal(z_mean.shape, np.float32)  # (n, latent_dim)
    return z_mean + np.exp(z_log_var / 2) * epsilon


def sample_prior(n: int, latent_dim: int, seed: Seed = 0) -> np.ndarray:
    """Draws from the prior N(0, 1).

    Args:
        n: How many, 0 or more.
        latent_dim: Number of units, 1 or more.
        seed: Of the draws.

    Returns:
        (n, latent_dim) float32.

    Raises:
        ValueError: n or latent_dim out of range.
    """
    if n < 0 or latent_dim < 1:
        raise ValueError(f"n must be 0 or more and latent_dim 1 or more, got n={n} and latent_dim={latent_dim}.")
    return np.random.default_rng(seed).standard_normal((n, latent_dim), np.float32)


def grid(
    latent_dim: int,
    side: int,
    units: tuple[int, int] = (0, 1),
    spacing: str = "linear",
    extent: float = 3.0,
    base: np.ndarray | None = None,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """A square sheet of points, row by row as a picture is read: the first row is the top, the highest second unit.

    Args:
        latent_dim: Number of units of a point.
        side: Points along each side, 2 or more.
        units: The two units that vary, the first across and the second upwards.
        spacing: "linear" runs from -extent to extent; "normal-quantile" puts the points where each stands for the same
            share of the prior, through the inverse Gaussian CDF (Kingma & Welling 2014, arXiv:1312.6114, appendix A).
        extent: Half the width of a linear sheet, in standard deviations of the prior, above 0.
        base: (latent_dim,) for the units that the sheet does not vary; None for zeros.

    Returns:
        z, (side * side, latent_dim) float32, and the two axes, each (side,): left to right, and top to bottom.

    Raises:
        ValueError: An argument out of range, or two equal units.
    """
    if side < 2:
        raise ValueError(f"side must be 2 or more, got {side}.")
    for unit in units:
        check_unit(unit, latent_dim)
    if len(units) != 2 or units[0] == units[1]:
        raise ValueError(f"units must be two different latent units, got {units}.")
    if spacing == "linear":
        if not (np.isfinite(extent) and extent > 0):
            raise ValueError(f"extent must be a positive number of standard deviations, got {extent}.")
        steps = np.linspace(-extent, extent, side)
    elif spacing == "normal-quantile":
        from scipy.special import ndtri

        steps = ndtri((np.arange(side) + 0.5) / side)
    else:
        raise ValueError(f'spacing must be "linear" or "normal-quantile", got {spacing!r}.')
    across = steps.astype(np.float32)
    down = across[::-1].copy()
    start = np.zeros(latent_dim, np.float32) if base is None else checked_point(base, latent_dim, "base")
    z = np.tile(start, (side * side, 1))  # (side * side, latent_dim)
    z[:, units[0]] = np.tile(across, side)
    z[:, units[1]] = np.repeat(down, side)
    return z, (across, down)


def interpolate(z_a: np.ndarray, z_b: np.ndarray, steps: int, path: str = "linear") -> np.ndarray:
    """A walk from one point to another whose first and last row are exactly the two ends.

    Args:
        z_a: The start, (latent_dim,).
        z_b: The end, (latent_dim,).
        steps: Points of the walk, both ends counted, 2 or more.
        path: "linear", or "slerp": the direction turns at an even pace (Shoemake 1985, "Animating rotation with
            quaternion curves") and the length goes evenly from one end's to the other's. Where a direction is missing
            (a zero vector) or the turn is undefined (same or opposite directions) slerp is linear.

    Returns:
        (steps, latent_dim) float32.

    Raises:
        ValueError: Ends of different length or not finite, too few steps, or another path.
    """
    z_a = checked_point(z_a, None, "z_a")
    z_b = checked_point(z_b, len(z_a), "z_b")
    if steps < 2:
        raise ValueError(f"steps must be 2 or more, since both ends are frames, got {steps}.")
    if path not in ("linear", "slerp"):
        raise ValueError(f'path must be "linear" or "slerp", got {path!r}.')
    a, b = z_a.astype(np.float64), z_b.astype(np.float64)
    share = np.linspace(0, 1, steps)[:, None]  # (steps, 1)
    walk = (1 - share) * a + share * b  # (steps, latent_dim)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if path == "slerp" and min(lengths) > 0:
        angle = np.arccos(np.clip(a / lengths[0] @ (b / lengths[1]), -1, 1))
        if np.sin(angle) > 1e-6:
            turn = np.sin((1 - share) * angle) * a / lengths[0] + np.sin(share * angle) * b / lengths[1]
            walk = turn / np.sin(angle) * ((1 - share) * lengths[0] + share * lengths[1])
    walk = walk.astype(np.float32)
    walk[0], walk[-1] = z_a, z_b
    return walk


def traversal_values(steps: int = 11, extent: float = 3.0, z_mean: float = 0.0, z_log_var: float = 0.0) -> np.ndarray:
    """Values of one unit, evenly spaced about its mean. The defaults span the prior.

    Args:
        steps: Number of values, 2 or more.
        extent: How far to go to each side, in standard deviations, above 0.
        z_mean: The unit's posterior mean, to span its posterior instead.
        z_log_var: Natural logarithm of the unit's posterior variance, likewise.

    Returns:
        (steps,) float32, ascending.

    Raises:
        ValueError: An argument out of range or not finite.
    """
    if steps < 2 or not np.isfinite([extent, z_mean, z_log_var]).all() or extent <= 0:
        raise ValueError(
            f"a traversal needs 2 steps or more and a positive extent, all finite: got steps={steps}, extent={extent}, "
            f"z_mean={z_mean}, z_log_var={z_log_var}."
        )
    return (z_mean + np.exp(z_log_var / 2) * np.linspace(-extent, extent, steps)).astype(np.float32)


def traverse(z: np.ndarray, unit: int, values: np.ndarray | None = None) -> np.ndarray:
    """Copies of a point in which one unit takes each of several values.

    Args:
        z: The point, (latent_dim,).
        unit: The unit that varies, 0..latent_dim - 1.
        values: What it takes, (steps,); None for `traversal_values()`.

    Returns:
        (steps, latent_dim) float32.

    Raises:
        ValueError: A unit that does not exist, or an array of another shape or not finite.
    """
    z = checked_point(z, None, "z")
    check_unit(unit, len(z))
    values = traversal_values() if values is None else checked_point(values, None, "values")
    rows = np.tile(z, (len(values), 1))  # (steps, latent_dim)
    rows[:, unit] = values
    return rows
