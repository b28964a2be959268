"""How codes lie: planes, neighbours, and densities that are known."""

import math

import numpy as np
import pytest

from vae_core.analysis import latent_geometry, latent_points


def codes(n=200, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def test_pca_plane_finds_the_plane_and_goes_there_and_back():
    rng = np.random.default_rng(0)
    true = np.linalg.qr(rng.standard_normal((5, 2)))[0].T  # (2, 5) orthonormal
    flat = (rng.standard_normal((300, 2)) * [3, 1]) @ true + 2.0
    plane = latent_geometry.pca_plane(flat)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-5)
    assert plane.share.sum() == pytest.approx(1) and plane.share[0] > plane.share[1]
    np.testing.assert_allclose(plane.lift(plane.project(flat)), flat, atol=1e-4)
    assert (plane.axes[[0, 1], np.abs(plane.axes).argmax(axis=1)] > 0).all()
    assert latent_geometry.pca_plane(np.ones((4, 3))).share.sum() == 0


def test_nearest_agrees_with_brute_force(monkeypatch):
    monkeypatch.setattr(latent_geometry, "PAIRS", 450)  # several slices
    held, z = codes(200), codes(7, seed=1)
    indices, distances = latent_geometry.nearest(held, z, 4)
    every = np.linalg.norm(held[None].astype(np.float64) - z[:, None], axis=2)
    np.testing.assert_array_equal(indices, np.argsort(every, axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :4], rtol=1e-6)
    indices, zero = latent_geometry.nearest(held + 1000, held + 1000, 1)
    np.testing.assert_array_equal(indices[:, 0], np.arange(200))
    assert (zero == 0).all()
    assert latent_geometry.nearest(held, z, 200)[0].shape == (7, 200)


def test_aggregate_density_of_one_and_of_two_gaussians(monkeypatch):
    z = codes(11, 2, seed=3)
    density = latent_geometry.aggregate_density(np.zeros((1, 2)), np.zeros((1, 2)), z)
    np.testing.assert_allclose(
        density, -math.log(2 * math.pi) - 0.5 * (z.astype(np.float64) ** 2).sum(axis=1), rtol=1e-6
    )
    mean, log_var = np.array([[0.0], [4.0]]), np.array([[0.0], [2 * math.log(0.1)]])
    grid = np.linspace(-8, 8, 4001)[:, None]
    whole = np.exp(latent_geometry.aggregate_density(mean, log_var, grid))
    assert whole.sum() * (grid[1, 0] - grid[0, 0]) == pytest.approx(1, abs=1e-4)
    monkeypatch.setattr(latent_geometry, "PAIRS", 30)
    np.testing.assert_allclose(np.exp(latent_geometry.aggregate_density(mean, log_var, grid)), whole, rtol=1e-9)
    far = latent_geometry.aggregate_density(mean, log_var, np.array([[1e4]]))
    assert np.isfinite(far).all() and far[0] < -1e6


def test_support_threshold_tells_home_from_nowhere():
    z_mean, z_log_var = codes(400, 2), np.full((400, 2), -3.0)
    low = latent_geometry.support_threshold(z_mean, z_log_var, share=0.01)
    home, away = latent_geometry.aggregate_density(z_mean, z_log_var, np.array([[0.0, 0.0], [8.0, 8.0]]))
    assert home > low > away
    draws = latent_points.sample_posterior(z_mean, z_log_var, seed=9)
    assert (latent_geometry.aggregate_density(z_mean, z_log_var, draws) < low).mean() < 0.05


@pytest.mark.parametrize(("n", "d"), [(1, 2), (10_000, 2), (10_000, 16), (20_000, 50), (10_000, 256), (200_000, 256)])
def test_the_work_for_a_support_threshold_is_bounded(n: int, d: int):
    draws = latent_geometry.support_draws(n, d)
    pairs = draws * n
    assert draws == 1000 if n * d <= 160_000 else 100 <= draws < 1000
    assert draws == 100 or pairs * (latent_geometry.PAIR_WORK + 2 * d) <= latent_geometry.SUPPORT_WORK


def test_class_centroids():
    labels = np.array([5, 2, 5, 2])
    classes, centroids = latent_geometry.class_centroids(np.array([[0, 0], [1, 1], [2, 4], [3, 3]]), labels)
    np.testing.assert_array_equal(classes, [2, 5])
    np.testing.assert_array_equal(centroids, [[2, 2], [1, 2]])


def test_codes_as_a_table() -> None:
    """The Embedding Projector takes the first cell as a label if it is no number."""
    z = np.array([[0.5, -1.25], [1e-7, 3]], np.float32)
    text = latent_geometry.codes_tsv(z, np.array([1, 0], np.uint8), ["T-shirt/top", "Ankle\tboot"])
    assert text == "Ankle\\tboot\t0.5\t-1.25\nT-shirt/top\t1e-07\t3\n"
    for name, label in (("7", "class 7"), ("nan", "class nan"), ("", "class"), ("-1e5", "class -1e5")):
        assert latent_geometry.codes_tsv(z[:1], np.array([0]), [name]).split("\t")[0] == label
    assert latent_geometry.codes_tsv(np.zeros((0, 2)), np.zeros(0, int), []) == ""
    for labels in (np.array([0, 2]), np.array([-1, 0]), np.array([0])):
        with pytest.raises(ValueError, match="labels must have shape"):
            latent_geometry.codes_tsv(z, labels, ["a", "b"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: latent_geometry.pca_plane(np.zeros((5, 1))), "two units or more"),
        (lambda: latent_geometry.nearest(codes(5), codes(1), 6), r"k must be 1\.\.5"),
        (lambda: latent_geometry.nearest(codes(5), codes(1, 2), 1), r"shape \(n, 3\), got \(1, 2\)"),
        (lambda: latent_geometry.nearest(codes(5) * np.nan, codes(1), 1), "NaN"),
        (lambda: latent_geometry.aggregate_density(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((1, 2))), "got none"),
        (lambda: latent_geometry.class_centroids(codes(5), np.zeros(4)), "one per code"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
