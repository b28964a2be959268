"""Where the nats go, against closed forms: a linear-Gaussian model whose log p(x) and both gaps are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from linear_gaussian import LinearGaussian

from vae_core.analysis.report import amortisation, gaps, grid_posterior, refinement
from vae_core.checkpoints import store
from vae_core.config import ModelConfig
from vae_core.datasets import loading
from vae_core.network import presets, schema
from vae_core.network.engine import Engine


def engine_of(latent_dim: int, likelihood: str = "bernoulli", shape: tuple[int, int, int] = (28, 28, 1)) -> Engine:
    network = presets.build(ModelConfig("classic", latent_dim, shape, likelihood=likelihood))
    return Engine(network, schema.random_weights(network, 3), threads=1)


def linear(widen: float = 1.0, shift: float = 0.0, sigma: float = 0.02, correlated: bool = False) -> LinearGaussian:
    """With loadings so small that it stays within [0, 1] over the whole grid."""
    return LinearGaussian(widen, shift, sigma, correlated, scale=0.008)


def log_p_by_grid(model: LinearGaussian, images: np.ndarray, side: int) -> np.ndarray:
    return grid_posterior.grid_posterior(model, images, grid_posterior.grid_for(model, side)).log_p


def test_the_grid_gives_the_exact_log_p_of_a_linear_gaussian_model() -> None:
    for model in (linear(), linear(correlated=True)):
        images = model.images(8)
        np.testing.assert_allclose(log_p_by_grid(model, images, 81), model.log_p(images), atol=2e-3)


def test_the_integral_converges_as_the_grid_is_refined() -> None:
    model = linear(sigma=0.004)
    images = model.images(20)
    errors = [np.abs(log_p_by_grid(model, images, side) - model.log_p(images)).max() for side in (21, 41, 81, 161)]
    assert errors[0] > 0.3
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.005


def test_a_posterior_narrower_than_the_spacing_is_refined_where_it_lies() -> None:
    """Its deviation is a fifth of the spacing of the grid, which is off by nats."""
    model = linear(sigma=0.0008)
    images = model.images(20)
    coarse = grid_posterior.grid_posterior(model, images, grid_posterior.grid_for(model, 41))
    assert np.abs(coarse.log_p - model.log_p(images)).max() > 1
    result = refinement.refined(model, images, coarse)
    assert result.divided.all()
    np.testing.assert_allclose(result.log_p, model.log_p(images), atol=0.02)
    z_mean, z_log_var = model.encode(images)
    np.testing.assert_allclose(result.centre, z_mean, atol=2e-3)
    np.testing.assert_allclose(result.variance, np.exp(z_log_var), rtol=0.1)


def test_a_grid_is_widened_for_an_image_whose_posterior_touches_its_edge() -> None:
    model = linear()
    near, far = model.images(1), np.clip(0.5 + 5 * model.loadings[:, 0], 0, 1).reshape(1, 4, 4, 1).astype(np.float32)
    images = np.concatenate([near, far])
    first = grid_posterior.grid_posterior(model, images, grid_posterior.grid_for(model, 81, 4.2))
    assert first.edge_mass()[0] < 1e-6 < 1e-3 < first.edge_mass()[1]
    parts = list(grid_posterior.widened(model, images, first))
    assert [rows.tolist() for rows, _ in parts] == [[0], [1]]
    wider = parts[1][1]
    assert wider.grid.extent == pytest.approx(6.3)
    assert wider.grid.spacing == pytest.approx(first.grid.spacing)
    assert wider.log_p[0] == pytest.approx(model.log_p(images)[1], abs=2e-3)


def test_the_density_sums_to_one_and_peaks_at_the_mode() -> None:
    model = linear()
    images = model.images(3)
    posterior = grid_posterior.grid_posterior(model, images, grid_posterior.grid_for(model, 81))
    density = posterior.density(1)
    assert density.sum() * posterior.grid.spacing**2 == pytest.approx(1, abs=1e-6)
    z_mean, _ = model.encode(images)
    assert np.abs(posterior.modes() - z_mean).max() <= posterior.grid.spacing
    at = np.unravel_index(density.argmax(), density.shape)
    assert [posterior.grid.axis[i] for i in at] == pytest.approx(posterior.modes()[1], abs=1e-6)


@pytest.mark.parametrize(("widen", "shift"), [(1.0, 0.0), (4.0, 0.0), (1.0, 0.5), (0.5, -0.3)])
def test_both_gaps_of_a_linear_gaussian_model_are_as_known(widen: float, shift: float) -> None:
    """KL(q, p(z | x)) of two Gaussians in closed form: of the best diagonal one, and of what the encoder reports beyond it."""
    model = linear(widen, shift, correlated=True)
    images = model.images(6)
    found = gaps.measure_gaps(model, images, side=81)
    diagonal = model.precision.diagonal()
    approximation = 0.5 * (np.log(diagonal).sum() - np.linalg.slogdet(model.precision)[1])
    assert approximation > 0.05
    off = np.full(2, shift)
    whole = approximation + 0.5 * (2 * (widen - 1 - math.log(widen)) + off @ model.precision @ off)
    np.testing.assert_allclose(found.log_p, model.log_p(images), atol=2e-3)
    np.testing.assert_allclose(found.approximation, approximation, atol=3e-3)
    np.testing.assert_allclose(found.amortisation, whole - approximation, atol=3e-3)


def test_the_best_gaussian_is_found_from_a_bad_guess() -> None:
    model = linear(correlated=True)
    images = model.images(5)
    mean, log_var = gaps.best_gaussians(model, images, np.full((5, 2), 1.5), np.zeros((5, 2)))
    reached, best = (gaps.quadrature_elbo(model, images, *codes) for codes in ((mean, log_var), model.encode(images)))
    assert (gaps.quadrature_elbo(model, images, np.full((5, 2), 1.5), np.zeros((5, 2))) < best - 3).all()
    np.testing.assert_allclose(reached, best, atol=0.01)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3)])
def test_every_pair_at_once_is_as_one_by_one(likelihood: str, shape: tuple[int, int, int]) -> None:
    from vae_core.analysis.likelihood import reconstruction_loss

    engine, rng = engine_of(2, likelihood, shape), np.random.default_rng(0)
    images = rng.random((3, *shape), np.float32)
    grid = grid_posterior.LatentGrid(5, 2.0, 2)
    pairs = grid_posterior.log_likelihoods(engine, images, grid)
    z = grid.points()
    for i, image in enumerate(images):
        loss = reconstruction_loss(engine, np.repeat(image[None], len(z), axis=0), z)
        np.testing.assert_allclose(pairs[i], -loss, rtol=1e-5, atol=0.02)
        chosen = np.array([7, 3])
        logits = engine.decode_logits(z).reshape(len(z), -1)
        some = refinement.pairwise(engine, images.reshape(3, -1), np.array([i, i]), logits, chosen)
        np.testing.assert_allclose(some, -loss[chosen], rtol=1e-5, atol=0.02)


class Differentiable(LinearGaussian):
    """With the gradient of its decoder: the logits are log(m / (1 - m)) of m = 0.5 + W z."""

    def decoder_gradient(self, z: np.ndarray, by_logits: np.ndarray) -> np.ndarray:
        means = self.decode(z).reshape(len(z), -1).astype(np.float64)
        return np.asarray((by_logits.reshape(len(z), -1) / (means * (1 - means))) @ self.loadings, np.float32)


@pytest.mark.parametrize(("widen", "shift"), [(1.0, 0.0), (4.0, 0.0), (1.0, 0.5)])
def test_the_ascent_finds_the_amortisation_gap_without_a_grid(widen: float, shift: float) -> None:
    model = Differentiable(widen, shift, sigma=0.02, correlated=True, scale=0.008)
    images = model.images(60)
    found = amortisation.measure_amortisation(model, images)
    off = np.full(2, shift)
    expected = 0.5 * (2 * (widen - 1 - math.log(widen)) + off @ model.precision @ off)
    assert (found.gap >= 0).all()
    codes = (model.encode(images), (found.z_mean, found.z_log_var))
    encoder, reached = (gaps.quadrature_elbo(model, images, *of) for of in codes)
    np.testing.assert_allclose(reached - encoder, expected, atol=0.06)
    assert found.gap.mean() == pytest.approx(expected, abs=0.15 * expected + 0.03)


def test_the_ascent_works_in_many_units_and_never_loses() -> None:
    images = np.random.default_rng(1).random((3, 28, 28, 1), np.float32)
    for likelihood in ("bernoulli", "gaussian"):
        found = amortisation.measure_amortisation(engine_of(7, likelihood), images, steps=20)
        assert (found.gap >= 0).all() and found.gap.max() > 0


def test_one_unit_too() -> None:
    engine, images = engine_of(1), np.random.default_rng(1).random((4, 28, 28, 1), np.float32)
    found = gaps.measure_gaps(engine, images, side=61)
    assert (found.amortisation >= 0).all()
    assert (found.approximation > -0.02).all()


def test_three_units_are_refused_with_what_to_take_instead() -> None:
    with pytest.raises(ValueError, match="this model has 3"):
        gaps.measure_gaps(engine_of(3), np.zeros((1, 28, 28, 1), np.float32))
    with pytest.raises(ValueError, match="a side of 3 or more and a positive extent, got 2"):
        grid_posterior.grid_for(engine_of(2), side=2)


@pytest.mark.real_data
def test_where_the_nats_of_the_shipped_model_go(fashion_dir: str) -> None:
    """The grid alone gives 248.05 over 500 test images; divided cells 247.83, and the encoder loses almost all of the rest."""
    engine = store.load("checkpoints/fashion-2d").engine()
    images = loading.load("fashion").images("test", 500)[::5]
    found = gaps.measure_gaps(engine, images)
    assert -found.grid_log_p.mean() == pytest.approx(259.13, abs=0.02)
    assert -found.log_p.mean() == pytest.approx(258.81, abs=0.02)
    assert (found.approximation > -0.02).all()
    assert found.approximation.mean() < 0.3
    assert 5 < found.amortisation.mean() < 7
