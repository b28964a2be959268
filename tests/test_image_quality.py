"""Errors and SSIM: closed forms, scikit-image, the published formula."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_core.analysis import image_quality


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
    similarity = image_quality.ssim_map(x[None, ..., None], y[None, ..., None])
    assert similarity[0, 10, 10] == pytest.approx(expected, rel=1e-4)


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
    similarity = image_quality.ssim_map(image, spoiled)[0]
    assert similarity[:8, :8].mean() < 0.5 and similarity[16:, 16:].min() > 0.999


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
