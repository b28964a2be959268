"""Likelihoods and bounds against closed forms: a linear-Gaussian model whose log p(x) is known, equal Gaussians."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_gaussian import SHAPE, SIGMA, LinearGaussian

from vae_core.analysis import likelihood


def test_bernoulli_loss_is_the_cross_entropy():
    rng = np.random.default_rng(0)
    images, p = rng.random((2, 6, 5, 4, 1)).astype(np.float32).clip(0.01, 0.99)
    expected = -(images * np.log(p) + (1 - images) * np.log(1 - p)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(likelihood.bernoulli_loss(images, np.log(p / (1 - p))), expected, rtol=1e-5)


def test_bernoulli_loss_survives_extreme_logits():
    images = np.array([0.0, 1.0], np.float32).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(likelihood.bernoulli_loss(images, np.full_like(images, 500)), [500, 0])
    np.testing.assert_allclose(likelihood.bernoulli_loss(images, np.full_like(images, -500)), [0, 500])


def test_floor_is_reached_by_the_images_themselves_only():
    images = np.random.default_rng(0).random((4, 6, 6, 1), np.float32).clip(0.01, 0.99)
    floor = likelihood.pixel_entropy_floor(images)
    logits = np.log(images / (1 - images))
    assert likelihood.bernoulli_loss(images, logits).mean() == pytest.approx(floor, rel=1e-5)
    assert likelihood.bernoulli_loss(images, logits + 0.3).mean() > floor + 0.1
    assert likelihood.pixel_entropy_floor(np.round(images)) == 0
    half = np.full((2, 3, 3, 1), 0.5, np.float32)
    assert likelihood.pixel_entropy_floor(half) == pytest.approx(9 * math.log(2))


@pytest.mark.real_data
def test_floor_of_the_real_test_split(fashion_dir):
    path = next(Path(fashion_dir).glob("t10k-images*"))
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28, 1) / np.float32(255)
    assert likelihood.pixel_entropy_floor(images) == pytest.approx(189.86, abs=0.01)


def test_gaussian_loss_is_minus_the_log_density():
    images = np.full((1, 2, 2, 1), 0.5, np.float32)
    at_the_mean = likelihood.gaussian_loss(images, np.zeros_like(images), math.log(SIGMA))
    np.testing.assert_allclose(at_the_mean, 4 * math.log(SIGMA * math.sqrt(2 * math.pi)), rtol=1e-6)
    mean = 0.5 + SIGMA  # one sigma away in each of 4 pixels
    off = np.log(mean / (1 - mean)) * np.ones_like(images)
    np.testing.assert_allclose(likelihood.gaussian_loss(images, off, math.log(SIGMA)) - at_the_mean, 2, rtol=1e-5)
    assert np.isfinite(likelihood.gaussian_loss(images, np.full_like(images, 1e4), -1.0)).all()


def test_kl_of_equal_gaussians_is_zero_and_known_elsewhere():
    assert (likelihood.kl_per_unit(np.zeros((3, 2)), np.zeros((3, 2))) == 0).all()
    np.testing.assert_allclose(likelihood.kl_per_unit(np.full((1, 1), 2.0), np.zeros((1, 1))), 2)
    s = 0.3
    np.testing.assert_allclose(
        likelihood.kl_per_unit(np.zeros((1, 1)), np.full((1, 1), 2 * math.log(s))), (s * s - 1) / 2 - math.log(s)
    )


@settings(max_examples=30, deadline=None)
@given(st.floats(-50, 50, width=32), st.floats(-30, 30, width=32))
def test_kl_is_never_negative(mean, log_var):
    assert likelihood.kl_per_unit(np.array([[mean]]), np.array([[log_var]]))[0, 0] >= 0


def test_iwae_is_exact_with_the_exact_posterior():
    engine = LinearGaussian()
    images = engine.images(6)
    for k in (1, 7):
        np.testing.assert_allclose(likelihood.iwae(engine, images, k), engine.log_p(images), atol=1e-3)


def test_iwae_is_a_bound_that_tightens_with_k():
    engine = LinearGaussian(widen=2.0, shift=0.4)
    images = engine.images(200)
    truth = engine.log_p(images).mean()
    bounds = [likelihood.iwae(engine, images, k, seed=3).mean() for k in (1, 5, 50)]
    assert bounds == sorted(bounds)
    assert bounds[0] < truth - 0.2
    assert likelihood.iwae(engine, images, 500, seed=3).mean() == pytest.approx(truth, abs=0.01)


def test_iwae_does_not_depend_on_slices_or_neighbours():
    engine = LinearGaussian(widen=2.0)
    images = engine.images(7)
    whole, seen = likelihood.iwae(engine, images, 12, seed=5), []
    pieces = likelihood.iwae(engine, images, 12, seed=5, at_once=5, progress=lambda *pair: seen.append(pair))
    np.testing.assert_allclose(pieces, whole, rtol=1e-6)
    np.testing.assert_allclose(likelihood.iwae(engine, images[:3], 12, seed=5), whole[:3], rtol=1e-6)
    assert seen[-1] == (7, 7)
    assert not np.allclose(likelihood.iwae(engine, images, 12, seed=6), whole)


def test_iwae_of_one_sample_is_the_elbo_in_expectation():
    engine = LinearGaussian(widen=2.0)
    images = np.repeat(engine.images(1), 4000, axis=0)
    loss, units = likelihood.elbo_terms(engine, images, seed=1)
    assert units.shape == (4000, 2)
    assert likelihood.iwae(engine, images, 1).mean() == pytest.approx(-(loss + units.sum(axis=1)).mean(), abs=0.1)


def test_bad_input_is_named():
    good = np.zeros((2, 12, 12, 1), np.float32)
    nan = good.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="logits hold NaN"):
        likelihood.bernoulli_loss(good, nan)
    with pytest.raises(ValueError, match="one shape"):
        likelihood.kl_per_unit(np.zeros((2, 3)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="k must be 1 or more"):
        likelihood.iwae(LinearGaussian(), np.zeros((1, *SHAPE)), 0)
    with pytest.raises(ValueError, match="needs one image"):
        likelihood.pixel_entropy_floor(good[:0])
