"""One picture's true posterior beside the encoder's Gaussian, and its nats, for a model of one or two units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_core.analysis.report.drawing import COLOURS, figure, heat, key, plane_length, plane_point
from vae_core.analysis.report.gaps import best_gaussians, quadrature_elbo
from vae_core.analysis.report.grid_posterior import decoded, grid_for, grid_posterior, widened
from vae_core.analysis.report.refinement import pairwise, refined
from vae_core.analysis.report.section import nats
from vae_core.network.latents import EncoderDecoder

# Points along each unit: of the whole plane, and of the window about the posterior.
SIDE, WINDOW_SIDE = 81, 81
# The window reaches so many deviations beyond the posterior's middle and the encoder's.
REACH = 5.0
LEAST_WINDOW = 0.02
# Nats below the highest point that are drawn over the whole plane.
DEEP = 30.0


@dataclass(frozen=True)
class PicturePosterior:
    """Where a picture may lie in latent space, exactly and by the encoder.

    Attributes:
        log_p: log p(x), nats.
        best: ELBO of the best diagonal Gaussian, nats.
        encoder: ELBO of the encoder's, nats.
        z_mean: The encoder's mean, (latent_dim,).
        z_log_var: Natural logarithms of its variances, (latent_dim,).
        best_mean: Of the best Gaussian, (latent_dim,).
        best_log_var: Likewise.
        mode: Highest point of the true posterior, (latent_dim,).
        plane: log p(z | x) over the whole plane, (side, side), first row at the top, first unit across; None for one unit.
        extent: Half the plane's width.
        window: p(z | x) in a window, (side, side) likewise; None for one unit.
        middle: The window's middle, (2,).
        reach: Half its width.
    """

    log_p: float
    best: float
    encoder: float
    z_mean: np.ndarray
    z_log_var: np.ndarray
    best_mean: np.ndarray
    best_log_var: np.ndarray
    mode: np.ndarray
    plane: np.ndarray | None
    extent: float
    window: np.ndarray | None
    middle: np.ndarray
    reach: float


def picture_posterior(engine: EncoderDecoder, image: np.ndarray) -> PicturePosterior:
    """Work out one picture's posterior; about a second for a small decoder.

    Args:
        engine: A model of one or two units.
        image: (h, w, c) in [0, 1].

    Returns:
        The posterior and the nats.

    Raises:
        ValueError: More than two units, an image of another shape or range, or a network that computes NaN.
    """
    images = image[None]
    first = grid_posterior(engine, images, grid_for(engine, SIDE))
    ((_, posterior),) = widened(engine, images, first)
    exact = refined(engine, images, posterior)
    z_mean, z_log_var = engine.encode(images)
    mean, log_var = best_gaussians(engine, images, exact.centre, np.log(exact.variance + 1e-6))
    encoder = float(quadrature_elbo(engine, images, z_mean, z_log_var)[0])
    best = float(quadrature_elbo(engine, images, mean, log_var)[0])
    if best < encoder:
        best, mean, log_var = encoder, z_mean.astype(np.float64), z_log_var.astype(np.float64)
    log_p, grid = float(exact.log_p[0]), posterior.grid
    plane = window = None
    deviation = float(np.exp(log_var / 2).max())
    middle = exact.modes[0]
    near = bool(np.abs(z_mean[0] - middle).max() < 6 * max(deviation, float(np.exp(z_log_var / 2).max())))
    spread = max(deviation, float(np.exp(z_log_var / 2).max())) if near else deviation
    reach = max(LEAST_WINDOW, REACH * spread, float(np.abs(z_mean[0] - middle).max() + 2 * spread) if near else 0.0)
    if engine.latent_dim == 2:
        logs = posterior.log_likelihood[0] + grid.log_prior() - log_p
        plane = logs.reshape(grid.shape).T[::-1]
        window = _window(engine, images, middle, reach, log_p)
    return PicturePosterior(
        log_p,
        best,
        encoder,
        z_mean[0],
        z_log_var[0],
        mean[0],
        log_var[0],
        middle,
        plane,
        grid.extent,
        window,
        middle,
        reach,
    )


def _window(engine: EncoderDecoder, images: np.ndarray, middle: np.ndarray, reach: float, log_p: float) -> np.ndarray:
    steps = np.linspace(-reach, reach, WINDOW_SIDE)
    across, up = np.meshgrid(middle[0] + steps, middle[1] + steps[::-1])
    z = np.stack([across.ravel(), up.ravel()], axis=1)
    parts = []
    for rows, logits in decoded(engine, z.astype(np.float32)):
        at = np.arange(rows.stop - rows.start)
        logs = pairwise(engine, images.reshape(1, -1), np.zeros(len(at), np.int64), logits, at)
        prior = -0.5 * np.square(z[rows]).sum(axis=1) - np.log(2 * np.pi)
        parts.append(np.exp(np.minimum(logs + prior - log_p, 700)))
    return np.concatenate(parts).reshape(WINDOW_SIDE, WINDOW_SIDE)


def posterior_figures(known: PicturePosterior) -> str:
    """HTML: the posterior over the whole plane and in its window, with both Gaussians; "" of one unit."""
    if known.plane is None or known.window is None:
        return ""
    deep = np.maximum(known.plane, known.plane.max() - DEEP)
    centre = np.zeros(2)
    over = _cross(known.z_mean, centre, known.extent, COLOURS[1]) + _cross(known.mode, centre, known.extent, "#ffffff")
    whole = heat(deep, known.extent, "Logarithm of the true posterior over the plane", "viridis", over)
    ellipses = _ellipse(known.z_mean, known.z_log_var, known, COLOURS[1]) + _ellipse(
        known.best_mean, known.best_log_var, known, "#ffffff"
    )
    near = heat(known.window, known.reach, "The true posterior in a window", "viridis", ellipses, known.middle)
    names = key(
        ("the encoder's Gaussian", "white: the true posterior's highest point, the best Gaussian"),
        (COLOURS[1], "#cccccc"),
    )
    parts = [
        figure(
            whole,
            f"log p(z|x) over the plane, down to {DEEP:g} nats below its highest point; crosses: z_mean and that point.",
        ),
        figure(near, "p(z|x) about its highest point, with two standard deviations of each Gaussian."),
    ]
    return f'{names}<div class="figures">{"".join(parts)}</div>'


def posterior_sentence(known: PicturePosterior) -> str:
    """The picture's nats, as plain text."""
    lost = known.best - known.encoder
    astray = float(np.linalg.norm(known.mode - known.z_mean))
    return (
        f"Exact −log p(x) {nats(-known.log_p)} nats; the best diagonal Gaussian {nats(-known.best)}; the encoder {nats(-known.encoder)}: it loses "
        f"{nats(lost)} nats here. The true posterior peaks {nats(astray)} from z_mean."
    )


def _cross(z: np.ndarray, centre: np.ndarray, extent: float, colour: str) -> str:
    x, y = plane_point(float(z[0]), float(z[1]), extent, centre)
    return (
        f'<path d="M{x - 6:.1f},{y:.1f}h12M{x:.1f},{y - 6:.1f}v12" stroke="{colour}" stroke-width="2.5" fill="none"/>'
    )


def _ellipse(z_mean: np.ndarray, z_log_var: np.ndarray, known: PicturePosterior, colour: str) -> str:
    """Two deviations of a diagonal Gaussian, cut off at the edge of the window."""
    x, y = plane_point(float(z_mean[0]), float(z_mean[1]), known.reach, known.middle)
    across, up = (plane_length(2 * float(np.exp(value / 2)), known.reach) for value in z_log_var)
    return f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{across:.1f}" ry="{up:.1f}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
