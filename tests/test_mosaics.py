"""Pictures resized, overlaid and side by side."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vae_core.analysis import mosaics

PLANE, RGB = np.zeros((2, 2)), np.zeros((2, 2, 3), np.uint8)


raw_maps = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=3, max_side=6),
    elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
)


@settings(max_examples=40, deadline=None)
@given(raw_maps, st.integers(1, 4))
def test_nearest_keeps_every_native_pixel(raw, factor):
    size = raw.shape[0] * factor, raw.shape[1] * factor
    large = mosaics.resize(raw, size)
    np.testing.assert_array_equal(large, raw.repeat(factor, axis=0).repeat(factor, axis=1))
    np.testing.assert_array_equal(mosaics.resize(large, raw.shape[:2]), raw)


def test_nearest_takes_the_pixel_at_the_centre():
    np.testing.assert_array_equal(mosaics.resize(np.arange(9.0).reshape(1, 9), (1, 3)), [[1, 4, 7]])


def test_bilinear_is_smooth_keeps_constants_and_dtype():
    ramp = np.array([[0.0, 1.0]])
    smooth = mosaics.resize(ramp, (3, 8), "bilinear")
    assert (
        smooth.shape == (3, 8) and (np.diff(smooth[0]) >= 0).all() and smooth[0, 3] + smooth[0, 4] == pytest.approx(1)
    )
    flat = mosaics.resize(np.full((7, 7, 3), 200, np.uint8), (28, 20), "bilinear")
    assert flat.shape == (28, 20, 3) and flat.dtype == np.uint8 and (flat == 200).all()


def test_overlay_mixes_by_alpha():
    picture = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4, 1)
    red = np.zeros((3, 4, 3), np.uint8)
    red[..., 0] = 255
    grey = np.round(255 * picture).astype(np.uint8).repeat(3, axis=2)
    np.testing.assert_array_equal(mosaics.overlay(picture, red, 0), grey)
    np.testing.assert_array_equal(mosaics.overlay(grey, red, 1), red)
    half = mosaics.overlay(picture[..., 0], red)
    np.testing.assert_allclose(half, (grey.astype(float) + red) / 2, atol=0.51)
    mask = np.zeros((3, 4))
    mask[0] = 1
    mixed = mosaics.overlay(picture, red, mask)
    assert (mixed[0] == red[0]).all() and (mixed[1:] == grey[1:]).all()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 12), st.none() | st.integers(1, 15), st.integers(0, 3), st.integers(1, 3), st.sampled_from([1, 3])
)
def test_every_picture_is_found_again_in_the_mosaic(n, columns, gap, scale, channels):
    images = np.random.default_rng(n).integers(0, 256, (n, 4, 5, channels), np.uint8)
    sheet = mosaics.mosaic(images, columns, gap, scale, fill=9)[::scale, ::scale]
    across = (sheet.shape[1] + gap) // (5 + gap)
    assert across == min(n, columns) if columns else across * across >= n
    for i, image in enumerate(images):
        top, left = i // across * (4 + gap), i % across * (5 + gap)
        np.testing.assert_array_equal(sheet[top : top + 4, left : left + 5], np.broadcast_to(image, (4, 5, 3)))
    if gap and across > 1:
        assert (sheet[:, 5 : 5 + gap] == 9).all()


def test_mosaic_takes_floats_without_channels():
    sheet = mosaics.mosaic(np.ones((2, 3, 3)), gap=0)
    assert sheet.shape == (3, 6, 3) and (sheet == 255).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mosaics.resize(PLANE, (0, 2)), "size of 1 or more"),
        (lambda: mosaics.resize(PLANE, (2, 2), "cubic"), "method must be"),
        (lambda: mosaics.overlay(PLANE, RGB[:1]), "Use resize and colour first"),
        (lambda: mosaics.overlay(PLANE, RGB.astype(float)), "got float64"),
        (lambda: mosaics.overlay(PLANE, RGB, 1.5), "alpha must be"),
        (lambda: mosaics.overlay(PLANE + 3, RGB), r"uint8 or lie in \[0, 1\]"),
        (lambda: mosaics.mosaic(np.zeros((0, 2, 2))), "0 pictures"),
        (lambda: mosaics.mosaic(np.zeros((2, 2, 2, 4))), r"got shape \(2, 2, 4\)"),
        (lambda: mosaics.mosaic(np.zeros((2, 2, 2)), scale=0), "scale=0"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
