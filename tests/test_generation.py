"""What a model makes up, against closed forms: densities, samples, paths, copies, and how good samples are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny_models import save_checkpoint

from vae_core.analysis.generation import copies, density, paths, sample_quality, sampling
from vae_core.analysis.generation.classifier import Classifier
from vae_core.checkpoints import store
from vae_core.config import ModelConfig

COORDINATES = st.floats(-50, 50, width=32)


def two_classes(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Class 3 about (−4, −4), a third as often class 7 about (4, 4), both of standard deviation 0.5."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([rng.normal(-4, 0.5, (3 * n // 4, 2)), rng.normal(4, 0.5, (n // 4, 2))])
    return codes, np.repeat([3, 7], [3 * n // 4, n // 4])


def fitted(**options: Any) -> density.Density:
    return density.fit(*two_classes(), *two_classes(seed=1), **options)


# --- density ----------------------------------------------------------------------------------------------------------


def test_a_density_draws_where_the_codes_are() -> None:
    found = fitted()
    draws = found.sample(4000, seed=1)
    assert draws.dtype == np.float32 and draws.shape == (4000, 2)
    np.testing.assert_array_equal(draws, found.sample(4000, seed=1))
    low = draws[:, 0] < 0
    assert low.mean() == pytest.approx(0.75, abs=0.03)
    np.testing.assert_allclose(draws[low].std(axis=0), 0.5, atol=0.04)
    assert (found.sample(200, label=7) > 0).all() and (found.sample(200, label=3) < 0).all()
    still = found.sample(50, temperature=0, label=7)
    own = found.means[found.labels == 7]
    assert np.abs(still[:, None] - own).max(axis=2).min(axis=1).max() < 1e-5


def test_the_density_of_a_single_gaussian_is_the_gaussian() -> None:
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(5000, 3)), np.zeros(5000, int)
    found = density.fit(codes, labels, rng.normal(size=(1000, 3)), labels[:1000])
    z = rng.normal(size=(50, 3))
    exact = -0.5 * (z**2).sum(axis=1) - 1.5 * math.log(2 * math.pi)
    np.testing.assert_allclose(found.log_density(z), exact, atol=0.3)
    np.testing.assert_allclose(found.log_density(z, label=0), found.log_density(z))
    assert found.held_out == pytest.approx(found.held_out_prior, abs=0.02)
    assert (found.n, found.n_held_out) == (5000, 1000)


def test_the_held_out_codes_choose_the_components() -> None:
    """Of four clusters, four Gaussians; of one, one."""
    rng = np.random.default_rng(0)

    def clusters(seed: int) -> np.ndarray:
        centres = np.array([[-5, 0], [5, 0], [0, 5], [0, -5]])
        return np.concatenate([np.random.default_rng(seed).normal(centre, 0.4, (200, 2)) for centre in centres])

    four = density.fit(clusters(0), np.zeros(800, int), clusters(1), np.zeros(800, int))
    assert len(four.weights) == 4
    plain = rng.normal(size=(2, 800, 2))
    assert len(density.fit(plain[0], np.zeros(800, int), plain[1], np.zeros(800, int)).weights) == 1


@pytest.mark.parametrize(("n", "d"), [(1, 2), (2, 5), (3, 16), (40, 1)])
def test_a_density_of_a_handful_of_codes_can_be_drawn_from(n: int, d: int) -> None:
    codes = np.random.default_rng(0).normal(size=(n, d))
    found = density.fit(codes, np.zeros(n, int), np.zeros((0, d)), np.zeros(0, int))
    assert np.isfinite(found.sample(100)).all() and np.isfinite(found.log_density(codes)).all()


def test_a_density_comes_back_from_its_file(tmp_path: Path) -> None:
    folder, found = save_checkpoint(tmp_path / "model", ModelConfig("classic", 2)), fitted()
    assert density.load(folder, 2) is None
    density.save(folder, found)
    again = density.load(folder, 2)
    assert again is not None and again.classes == [3, 7]
    np.testing.assert_allclose(again.sample(50, seed=3), found.sample(50, seed=3), atol=1e-4)
    assert (again.n, again.held_out) == (found.n, found.held_out)
    assert density.load(folder, 3) is None
    whole = (folder / density.FILE).read_bytes()
    (folder / density.FILE).write_bytes(whole[: len(whole) // 2])
    assert density.load(folder, 2) is None
    (folder / density.FILE).write_bytes(whole)
    save_checkpoint(folder, ModelConfig("classic", 2), seed=1)
    (folder / density.FILE).write_bytes(whole)
    assert density.load(folder, 2) is None  # of other weights


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.array([-1.0, 2.0])},
        {"weights": np.array([np.nan, 1.0])},
        {"covariances": -np.ones((2, 2, 2))},
        {"means": np.full((2, 2), 1e9)},
        {"labels": np.array([0.5, 1.5])},
        {"numbers": np.array([np.inf] * 4)},
        {"means": np.zeros((3, 2))},
    ],
)
def test_a_strangers_density_is_checked(change: dict[str, np.ndarray], tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "model", ModelConfig("classic", 2))
    density.save(folder, fitted(components=(1,)))
    with np.load(folder / density.FILE) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    assert density.load(folder, 2) is not None
    np.savez(folder / density.FILE, **{**arrays, **change})
    assert density.load(folder, 2) is None


# --- samples ----------------------------------------------------------------------------------------------------------


def test_samples_are_decoded_points_in_one_batch(tmp_path: Path) -> None:
    engine = store.load(save_checkpoint(tmp_path / "model", ModelConfig("classic", 2))).engine()
    found = sampling.draw(engine, 5, seed=2)
    np.testing.assert_array_equal(found.images, engine.decode(found.z))
    np.testing.assert_array_equal(found.z, sampling.draw(engine, 5, seed=2).z)
    np.testing.assert_allclose(sampling.draw(engine, 5, seed=2, temperature=0.5).z, found.z / 2)
    assert len(sampling.draw(engine, 0).images) == 0


def test_nearest_codes_vote() -> None:
    codes, labels = two_classes()
    winner, share = sampling.neighbour_votes(codes, labels, np.array([[4, 4], [-4, -4]]))
    assert winner.tolist() == [7, 3] and share.tolist() == [1, 1]
    assert sampling.neighbour_votes(codes[:1], labels[:1], np.zeros((1, 2)))[0].tolist() == [3]


# --- paths ------------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (3, 4), elements=COORDINATES), st.integers(3, 64), st.sampled_from(["linear", "slerp"]))
def test_a_path_goes_through_each_stop(stops: np.ndarray, frames: int, path: str) -> None:
    walk = paths.path_through(stops, frames, path)
    assert len(walk) <= frames and len(walk) % 2 == 1
    np.testing.assert_array_equal(walk[[0, len(walk) // 2, -1]], stops)


@pytest.mark.parametrize("path", ["linear", "slerp"])
def test_the_end_frames_are_the_end_reconstructions(path: str, tmp_path: Path) -> None:
    engine = store.load(save_checkpoint(tmp_path / "model", ModelConfig("classic", 2))).engine()
    images = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)
    z_mean, _ = engine.encode(images)
    frames = engine.decode(paths.path_through(z_mean, 16, path))
    np.testing.assert_allclose(frames[[0, -1]], engine.reconstruct(images), atol=1e-5)


def test_carry_over_is_latent_arithmetic() -> None:
    a, b, c = np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([0.0, 5.0])
    way = paths.carry_over(a - b, c[None], np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(way[0], [[0, 5], [1, 5], [2, 5]])


# --- copies -----------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5))
def test_nearest_pictures_are_those_of_a_plain_search(n: int, k: int) -> None:
    rng = np.random.default_rng(n)
    images = rng.integers(0, 256, (n, 5, 4, 3), np.uint8)
    pictures = rng.random((3, 5, 4, 3), np.float32)
    distances = np.sqrt(((images[None] / 255.0 - pictures[:, None].astype(float)) ** 2).sum(axis=(2, 3, 4)))
    found, away = copies.nearest_pictures(images, pictures, min(k, n))
    np.testing.assert_allclose(away, np.sort(distances, axis=1)[:, : min(k, n)], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(distances, found, axis=1), away, atol=1e-5)


def test_a_copy_is_at_distance_0() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 1), np.uint8)
    found, away = copies.nearest_pictures(images, images[[7]].astype(np.float32) / 255)
    assert found[0, 0] == 7 and away[0, 0] < 1e-6
    usual = copies.usual_pixel_distances(images[:10], images[10:], 5)
    assert len(usual) == 5 and (np.diff(usual) >= 0).all() and usual[0] > 0.1
    assert copies.usual_code_distances(np.zeros((3, 2)), np.full((2, 2), 1.0)).round(4).tolist() == [1.4142, 1.4142]


# --- how good samples are ---------------------------------------------------------------------------------------------


def test_frechet_distance_of_equal_sets_is_0_and_of_gaussians_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(400, 5))
    assert sample_quality.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    # diagonal covariances: |Δm|² + Σ (σ_a − σ_b)²
    b = 3 * a + 2
    variances = a.var(axis=0, ddof=1)
    exact = ((b.mean(axis=0) - a.mean(axis=0)) ** 2).sum() + (4 * variances).sum()
    assert sample_quality.frechet_distance(a, b) == pytest.approx(exact)
    assert sample_quality.frechet_distance(a, b) == pytest.approx(sample_quality.frechet_distance(b, a))


def test_precision_and_recall() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(300, 4))
    assert sample_quality.precision_recall(real, real) == (1, 1)
    assert sample_quality.precision_recall(real, real + 100) == (0, 0)
    # all samples in one real spot: precise, and next to no recall
    spot = real[:1] + rng.normal(size=(300, 4)) * 1e-4
    precision, recall = sample_quality.precision_recall(real, spot)
    assert precision == 1 and recall < 0.05


def test_the_baselines_draw_what_they_were_fitted_to() -> None:
    """Two kinds of pictures: the mixture finds both, and the principal component lies between them."""
    pixels = np.zeros((200, 4, 4, 1), np.uint8)
    pixels[:100, :2], pixels[100:, 2:] = 255, 255
    drawn = sample_quality.bernoulli_mixture(pixels, 50, components=4)
    ends = np.stack([pixels[0], pixels[-1]]) / 255
    assert np.abs(drawn[:, None] - ends).max(axis=(2, 3, 4)).min(axis=1).max() < 0.02
    linear = sample_quality.pca_gaussian(pixels, 50, components=1)
    assert linear.shape == (50, 4, 4, 1) and linear.min() >= 0 and linear.max() <= 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sampling.draw_points(-1, 2), r"n must be 0\.\.10,000"),
        (lambda: sampling.draw_points(1, 2, temperature=-1), "temperature must be 0 or more"),
        (lambda: sampling.draw_points(1, 2, label=3), "knows no classes"),
        (lambda: sampling.draw_points(1, 3, density=fitted()), "Fit it anew"),
        (lambda: fitted().sample(1, label=5), "no codes of class 5 were fitted; there are 3, 7"),
        (lambda: fitted().sample(1, temperature=math.nan), "temperature"),
        (lambda: density.fit(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2)), np.zeros(0)), "one code or more"),
        (lambda: paths.path_through(np.zeros((1, 2)), 8), "two stops or more"),
        (lambda: paths.path_through(np.zeros((9, 2)), 8), "frames must be 9 or more"),
        (lambda: paths.carry_over(np.zeros(2), np.zeros((1, 3)), np.zeros(1)), r"step must have shape \(3,\)"),
        (lambda: copies.nearest_pictures(np.zeros((1, 2, 2, 1), np.uint8), np.zeros((1, 3, 3, 1))), "one shape"),
        (lambda: copies.nearest_pictures(np.zeros((1, 2, 2, 1), np.uint8), np.zeros((1, 2, 2, 1)), 2), r"1\.\.1"),
        (lambda: sample_quality.frechet_distance(np.zeros((1, 2)), np.zeros((5, 2))), "2 rows or more"),
        (lambda: sample_quality.precision_recall(np.zeros((3, 2)), np.zeros((5, 2))), "4 rows or more"),
        (lambda: Classifier().features(np.zeros((1, 8, 8, 1))), r"\(n, 28, 28, 1\)"),
    ],
)
def test_bad_input_is_named(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
