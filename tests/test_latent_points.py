"""Points of latent space: exact ends, orders of rows, draws whose moments are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vae_core.analysis import latent_points

points = arrays(np.float32, 5, elements=st.floats(-100, 100, width=32))


def codes(n=200, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def test_posterior_samples_have_the_posteriors_moments():
    z_mean, z_log_var = np.full((20000, 2), 3.0), np.full((20000, 2), 2 * math.log(0.5))
    z = latent_points.sample_posterior(z_mean, z_log_var, seed=1)
    assert z.dtype == np.float32 and z.shape == (20000, 2)
    np.testing.assert_allclose(z.mean(axis=0), 3, atol=0.02)
    np.testing.assert_allclose(z.std(axis=0), 0.5, atol=0.02)
    np.testing.assert_array_equal(z, latent_points.sample_posterior(z_mean, z_log_var, seed=1))
    np.testing.assert_array_equal(latent_points.sample_posterior(z_mean, np.full_like(z_mean, -200)), z_mean)


def test_prior_samples_are_standard_normal_and_seeded():
    z = latent_points.sample_prior(20000, 2, seed=4)
    assert z.dtype == np.float32 and abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02
    np.testing.assert_array_equal(z, latent_points.sample_prior(20000, 2, seed=4))
    assert (z != latent_points.sample_prior(20000, 2, seed=5)).any()
    assert latent_points.sample_prior(0, 3).shape == (0, 3)


@pytest.mark.parametrize("spacing", ["linear", "normal-quantile"])
def test_grid_is_read_like_a_picture(spacing):
    z, (across, down) = latent_points.grid(4, 5, units=(1, 3), spacing=spacing, base=np.array([7, 0, 8, 0]))
    sheet = z.reshape(5, 5, 4)
    assert z.dtype == np.float32
    assert (np.diff(sheet[:, :, 1], axis=1) > 0).all()  # to the right the first unit grows
    assert (np.diff(sheet[:, :, 3], axis=0) < 0).all()  # downwards the second one falls
    assert (sheet[..., 0] == 7).all() and (sheet[..., 2] == 8).all()
    np.testing.assert_array_equal(sheet[2, :, 1], across)
    np.testing.assert_array_equal(sheet[:, 2, 3], down)
    np.testing.assert_allclose(across, -across[::-1], atol=1e-6)


def test_grid_spacings():
    _, (across, _) = latent_points.grid(2, 7, extent=2.5)
    np.testing.assert_allclose(across, np.linspace(-2.5, 2.5, 7), rtol=1e-6)
    _, (across, _) = latent_points.grid(2, 9, spacing="normal-quantile")
    share = [0.5 * (1 + math.erf(value / math.sqrt(2))) for value in across]
    np.testing.assert_allclose(share, (np.arange(9) + 0.5) / 9, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(points, points, st.integers(2, 9), st.sampled_from(["linear", "slerp"]))
def test_interpolation_ends_exactly_where_it_should(a, b, steps, path):
    walk = latent_points.interpolate(a, b, steps, path)
    assert walk.shape == (steps, 5) and walk.dtype == np.float32 and np.isfinite(walk).all()
    np.testing.assert_array_equal(walk[0], a)
    np.testing.assert_array_equal(walk[-1], b)


def test_slerp_turns_evenly_and_interpolates_the_length():
    walk = latent_points.interpolate(np.array([1.0, 0.0]), np.array([0.0, 3.0]), 7, "slerp")
    np.testing.assert_allclose(np.linalg.norm(walk, axis=1), np.linspace(1, 3, 7), rtol=1e-5)
    np.testing.assert_allclose(np.degrees(np.arctan2(walk[:, 1], walk[:, 0])), np.linspace(0, 90, 7), atol=1e-3)
    opposite = latent_points.interpolate(np.array([1.0, 0.0]), np.array([-1.0, 0.0]), 3, "slerp")
    np.testing.assert_allclose(opposite[1], 0, atol=1e-6)
    np.testing.assert_allclose(latent_points.interpolate(np.zeros(2), np.ones(2), 3)[1], 0.5)


def test_traversal_moves_one_unit_about_its_mean():
    z = np.array([1.0, 2.0, 3.0])
    values = latent_points.traversal_values(5, extent=2, z_mean=2.0, z_log_var=2 * math.log(0.5))
    np.testing.assert_allclose(values, [1, 1.5, 2, 2.5, 3], rtol=1e-6)
    rows = latent_points.traverse(z, 1, values)
    np.testing.assert_array_equal(rows[:, 1], values)
    assert (rows[:, [0, 2]] == [1, 3]).all()
    np.testing.assert_array_equal(latent_points.traverse(z, 0)[[0, -1], 0], [-3, 3])


class Halves:
    """Codes that are known: the mean of each half of a picture."""

    latent_dim, image_shape = 2, (4, 4, 1)

    def encode(self, images):
        assert len(images) <= 3 and images.dtype == np.float32 and images.max() <= 1
        return images.reshape(len(images), 2, 8).mean(axis=2), np.zeros((len(images), 2), np.float32)


class Random:
    def pixels(self, split):
        return np.random.default_rng(len(split)).integers(0, 256, (8, 4, 4, 1), np.uint8)

    def labels(self, split):
        return np.arange(8, dtype=np.uint8)


def test_encode_dataset_goes_in_slices(monkeypatch):
    monkeypatch.setattr(latent_points, "VALUES", 3 * 16)
    seen = []
    latents = latent_points.encode_dataset(Halves(), Random(), "test", 7, lambda *pair: seen.append(pair))
    expected = Random().pixels("test")[:7].reshape(7, 2, 8).mean(axis=2) / 255
    np.testing.assert_allclose(latents.z_mean, expected, rtol=1e-5)
    np.testing.assert_array_equal(latents.labels, np.arange(7))
    assert latents.z_log_var.shape == (7, 2) and seen == [(3, 7), (6, 7), (7, 7)]
    other = Halves()
    other.image_shape = (28, 28, 1)
    with pytest.raises(ValueError, match=r"have shape \(4, 4, 1\), the model takes \(28, 28, 1\)"):
        latent_points.encode_dataset(other, Random(), "test")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: latent_points.sample_prior(-1, 2), "n must be 0 or more"),
        (lambda: latent_points.sample_posterior(np.zeros((2, 3)), np.zeros((2, 2))), "one shape"),
        (lambda: latent_points.sample_posterior(np.zeros(3), np.zeros(3)), r"z\[None\]"),
        (lambda: latent_points.grid(2, 1), "side must be 2 or more, got 1"),
        (lambda: latent_points.grid(1, 3), r"must be 0\.\.0 for latent_dim 1, got 1"),
        (lambda: latent_points.grid(3, 3, units=(1, 1)), "two different"),
        (lambda: latent_points.grid(3, 3, spacing="log"), "spacing must be"),
        (lambda: latent_points.grid(3, 3, extent=0), "extent must be"),
        (lambda: latent_points.grid(3, 3, base=np.zeros(2)), r"base must have shape \(3,\)"),
        (lambda: latent_points.interpolate(np.zeros(2), np.zeros(3), 4), r"z_b must have shape \(2,\), got \(3,\)"),
        (lambda: latent_points.interpolate(np.zeros(2), np.zeros(2), 1), "steps must be 2 or more"),
        (lambda: latent_points.interpolate(np.zeros(2), np.zeros(2), 3, "bezier"), "path must be"),
        (lambda: latent_points.interpolate(np.array([np.nan]), np.zeros(1), 3), "NaN"),
        (lambda: latent_points.traverse(np.zeros(2), 2), r"0\.\.1"),
        (lambda: latent_points.traversal_values(5, extent=-1), "positive extent"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
