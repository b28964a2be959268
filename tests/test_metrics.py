"""Metrics against closed forms: a linear-Gaussian model whose log p(x) is known, equal Gaussians, equal images."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_core.analysis import evaluation, image_quality, likelihood

SIGMA, SHAPE = 0.05, (4, 4, 1)


class LinearGaussian:
    """x = 0.5 + W z + 0.05 noise: posterior and log p(x) are known. `widen` and `shift` spoil the posterior it reports."""

    latent_dim, image_shape, likelihood, log_sigma = 2, SHAPE, "gaussian", math.log(SIGMA)

    def __init__(self, widen=1.0, shift=0.0):
        self.loadings = 0.02 * np.random.default_rng(1).standard_normal((16, 2))
        precision = np.eye(2) + self.loadings.T @ self.loadings / SIGMA**2
        # Mean-field codes can only be exact where the true posterior has no correlation: make the columns orthogonal.
        self.loadings[:, 1] -= self.loadings[:, 0] * (precision[0, 1] / (precision[0, 0] - 1))
        self.variance = 1 / (1 + (self.loadings**2).sum(axis=0) / SIGMA**2)
        self.widen, self.shift = widen, shift

    def images(self, n, seed=0):
        rng = np.random.default_rng(seed)
        x = 0.5 + rng.standard_normal((n, 2)) @ self.loadings.T + SIGMA * rng.standard_normal((n, 16))
        return np.clip(x, 0, 1).reshape(n, *SHAPE).astype(np.float32)

    def log_p(self, images):
        x = images.reshape(len(images), 16).astype(np.float64) - 0.5
        covariance = self.loadings @ self.loadings.T + SIGMA**2 * np.eye(16)
        _, log_det = np.linalg.slogdet(2 * np.pi * covariance)
        return -0.5 * (log_det + np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x))

    def encode(self, images):
        x = images.reshape(len(images), 16) - 0.5
        z_mean = x @ self.loadings / SIGMA**2 * self.variance + self.shift
        z_log_var = np.broadcast_to(np.log(self.widen * self.variance), z_mean.shape)
        return z_mean.astype(np.float32), z_log_var.astype(np.float32)

    def decode(self, z):
        return (0.5 + z @ self.loadings.T).reshape(len(z), *SHAPE).astype(np.float32)

    def decode_logits(self, z):
        means = self.decode(z).astype(np.float64)
        return np.log(means / (1 - means))


class Bernoulli(LinearGaussian):
    likelihood = "bernoulli"


class Blobs:
    """A data set of 4x4 pictures in three shades."""

    name, checksum = "three shades", "abc"

    def __init__(self, low=40, high=220):
        rng = np.random.default_rng(0)
        self.held = {}
        for split, n in (("train", 60), ("test", 20)):
            labels = np.arange(n) % 3
            shade = np.linspace(low, high, 3)[labels]
            noise = rng.integers(-10, 10, (n, *SHAPE))
            self.held[split] = ((shade[:, None, None, None] + noise).astype(np.uint8), labels.astype(np.uint8))

    def pixels(self, split):
        return self.held[split][0]

    def labels(self, split):
        return self.held[split][1]


@pytest.fixture
def pictures():
    return np.random.default_rng(0).random((5, 12, 16, 3), np.float32)


def test_equal_images_have_no_error(pictures):
    assert (image_quality.mse(pictures, pictures) == 0).all()
    assert np.isposinf(image_quality.psnr(pictures, pictures)).all()
    np.testing.assert_allclose(image_quality.ssim(pictures, pictures), 1, atol=1e-12)
    assert image_quality.ssim_map(pictures, pictures).shape == (5, 12, 16)
    np.testing.assert_allclose(image_quality.ssim_map(pictures, pictures), 1, atol=1e-6)


def test_error_of_a_constant_offset_is_known():
    dark = np.full((3, 12, 12, 1), 0.25, np.float32)
    np.testing.assert_allclose(image_quality.mse(dark, dark + 0.5), 0.25, rtol=1e-6)
    np.testing.assert_allclose(image_quality.psnr(dark, dark + 0.5), -10 * math.log10(0.25), rtol=1e-6)
    # Flat pictures have no structure: SSIM is its luminance term, (2ab + C1) / (a^2 + b^2 + C1) with C1 = 0.01^2.
    a, b, c1 = 0.25, 0.75, 1e-4
    np.testing.assert_allclose(image_quality.ssim(dark, dark + 0.5), (2 * a * b + c1) / (a * a + b * b + c1), rtol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(8, 8, 1), (8, 11, 3), (28, 28, 1), (13, 9, 1)]))
def test_ssim_is_symmetric_and_bounded(seed, shape):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 2, *shape), np.float32)
    there, back = image_quality.ssim(a, b), image_quality.ssim(b, a)
    np.testing.assert_allclose(there, back, atol=1e-9)
    assert (np.abs(there) <= 1).all() and (there < 0.9).all()
    assert (np.abs(image_quality.ssim_map(a, b)) <= 1 + 1e-6).all()


def test_ssim_is_the_published_formula():
    """Wang et al. 2004, equation 13 at one pixel, its 11 x 11 Gaussian window written out."""
    x, y = np.random.default_rng(0).random((2, 21, 21))
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2
    a, b = x[5:16, 5:16], y[5:16, 5:16]
    mean_a, mean_b = (window * a).sum(), (window * b).sum()
    var_a, var_b = (window * a * a).sum() - mean_a**2, (window * b * b).sum() - mean_b**2
    covariance = (window * a * b).sum() - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    expected /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    found = image_quality.ssim_map(x[None, ..., None], y[None, ..., None])
    assert found[0, 10, 10] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (12, 20, 1), (8, 8, 3), (4, 16, 1)])
def test_ssim_is_scikit_images(shape):
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    x = rng.random((3, *shape), np.float32)
    y = np.clip(x + rng.normal(0, 0.2, x.shape), 0, 1).astype(np.float32)
    smallest = min(shape[:2])
    for i in range(3):
        value, full = structural_similarity(
            x[i].astype(np.float64),
            y[i].astype(np.float64),
            win_size=min(11, smallest - 1 + smallest % 2),
            full=True,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=2,
        )
        np.testing.assert_allclose(image_quality.ssim(x, y)[i], value, atol=1e-12)
        np.testing.assert_allclose(image_quality.ssim_map(x, y)[i], full.mean(axis=2), atol=1e-6)


def test_ssim_falls_where_the_picture_is_spoiled():
    image = np.tile(np.linspace(0, 1, 28, dtype=np.float32), (28, 1))[None, ..., None]
    spoiled = image.copy()
    spoiled[0, :8, :8] = 1 - spoiled[0, :8, :8]
    found = image_quality.ssim_map(image, spoiled)[0]
    assert found[:8, :8].mean() < 0.5 and found[16:, 16:].min() > 0.999


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
    found = next(Path(fashion_dir).glob("t10k-images*"))
    raw = gzip.decompress(found.read_bytes()) if found.suffix == ".gz" else found.read_bytes()
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


def test_active_units_counts_those_that_vary():
    codes = np.random.default_rng(0).standard_normal((1000, 3)) * [1, 0.5, 0.01] + [0, 5, 5]
    count, variances = evaluation.active_units(codes)
    assert count == 2
    np.testing.assert_allclose(variances, [1, 0.25, 1e-4], rtol=0.2)


def test_knn_accuracy_on_groups_far_apart_and_on_noise():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    codes = rng.standard_normal((400, 2)) * 0.1 + labels[:, None]
    assert evaluation.knn_accuracy(codes[:300], labels[:300], codes[300:], labels[300:]) == 1
    noise = rng.standard_normal((400, 2))
    assert evaluation.knn_accuracy(noise[:300], labels[:300], noise[300:], labels[300:]) < 0.45
    with pytest.raises(ValueError, match=r"k must be 1\.\.3"):
        evaluation.knn_accuracy(codes[:3], labels[:3], codes, labels, k=15)


def test_roc_auc_of_separate_equal_and_swapped_scores():
    assert evaluation.roc_auc(np.arange(5), np.arange(5) + 10) == 1
    assert evaluation.roc_auc(np.arange(5), np.arange(5)) == 0.5
    assert evaluation.roc_auc(np.arange(5) + 10, np.arange(3)) == 0
    with pytest.raises(ValueError, match="0 unusual"):
        evaluation.roc_auc(np.arange(5), np.zeros(0))


def test_percentile_rank_counts_ties_half():
    np.testing.assert_allclose(
        evaluation.percentile_rank([-1, 0, 1.5, 3, 9], np.array([3, 0, 1, 2])), [0, 0.125, 0.5, 0.875, 1]
    )
    assert evaluation.percentile_rank(1.0, np.ones(10)) == 0.5
    with pytest.raises(ValueError, match="one value or more"):
        evaluation.percentile_rank(1.0, np.zeros(0))


@pytest.mark.parametrize("engine", [LinearGaussian(1.5), Bernoulli(1.5)])
def test_evaluate_says_everything_about_every_figure(engine):
    seen = []
    figures = evaluation.evaluate(engine, Blobs(), iwae_k=20, n_iwae=8, progress=lambda *pair: seen.append(pair))
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    for name, figure in figures.items():
        assert set(figure) == {"value", "split", "n", "method"}, name
        assert figure["split"] == "test" and figure["n"] == (8 if name == "iwae_nll" else 20) and figure["method"]
    assert figures["dataset"]["value"] == "three shades" and "abc" in figures["dataset"]["method"]
    value = {name: figure["value"] for name, figure in figures.items()}
    assert value["negative_elbo"] == pytest.approx(value["reconstruction_loss"] + value["kl_loss"])
    assert value["kl_loss"] == pytest.approx(sum(value["kl_per_unit"]))
    assert len(value["unit_variances"]) == 2 and value["active_units"] in (0, 1, 2)
    assert -1 <= value["ssim"] <= 1 and value["mse"] > 0 and value["knn_accuracy"] > 0.9
    assert ("floor" in value) == ("excess" in value) == (engine.likelihood == "bernoulli")
    if "floor" in value:
        assert value["excess"] == pytest.approx(value["reconstruction_loss"] - value["floor"])
        assert value["excess"] > 0
    done = [pair[0] for pair in seen]
    assert done == sorted(done) and seen[-1] == (20 + 20 + 8 + 60, 20 + 20 + 8 + 60)


def test_negative_elbo_is_above_the_iwae_figure():
    figures = evaluation.evaluate(LinearGaussian(2.0, 0.4), Blobs(), iwae_k=200, knn=False)
    assert figures["negative_elbo"]["value"] > figures["iwae_nll"]["value"]
    assert "knn_accuracy" not in figures


def test_evaluate_is_repeatable_and_obeys_n_and_split():
    engine = Bernoulli()
    assert evaluation.evaluate(engine, Blobs(), n=7) == evaluation.evaluate(engine, Blobs(), n=7)
    figures = evaluation.evaluate(engine, Blobs(), split="train", n=7)
    assert figures["mse"]["n"] == 7 and figures["mse"]["split"] == "train" and "knn_accuracy" not in figures
    with pytest.raises(ValueError, match="n must be 1 or more"):
        evaluation.evaluate(engine, Blobs(), n=0)
    empty = Blobs()
    empty.held["test"] = tuple(array[:0] for array in empty.held["test"])
    with pytest.raises(ValueError, match="test split of three shades is empty"):
        evaluation.evaluate(engine, empty)


def test_a_perfect_reconstruction_leaves_the_infinite_psnr_out():
    class Perfect(Bernoulli):
        def decode(self, z):
            return np.repeat(Blobs().pixels("test")[:1] / np.float32(255), len(z), axis=0)

    figures = evaluation.evaluate(Perfect(), Blobs(), n=1)
    assert "psnr" not in figures and figures["mse"]["value"] == 0


def test_bad_input_is_named():
    good = np.zeros((2, 12, 12, 1), np.float32)
    nan = good.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"images must have shape \(n, h, w, c\), got \(12, 12, 1\)"):
        image_quality.mse(good[0], good)
    with pytest.raises(ValueError, match=r"got \(2, 12, 12, 1\) and \(1, 12, 12, 1\)"):
        image_quality.mse(good, good[:1])
    for measure in (image_quality.mse, image_quality.psnr, image_quality.ssim, image_quality.ssim_map):
        with pytest.raises(ValueError, match="reconstructions must lie in"):
            measure(good, nan)
        with pytest.raises(ValueError, match="Divide uint8 pixels by 255"):
            measure(good + 255, good)
    with pytest.raises(ValueError, match="logits hold NaN"):
        likelihood.bernoulli_loss(good, nan)
    with pytest.raises(ValueError, match="one shape"):
        likelihood.kl_per_unit(np.zeros((2, 3)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="z_mean holds NaN"):
        evaluation.active_units(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="k must be 1 or more"):
        likelihood.iwae(LinearGaussian(), np.zeros((1, *SHAPE)), 0)
    with pytest.raises(ValueError, match="needs one image"):
        likelihood.pixel_entropy_floor(good[:0])
