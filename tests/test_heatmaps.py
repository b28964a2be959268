"""Arrays to pictures: ranges, round trips, and the maps that tempt one to divide by zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vae_core.analysis import heatmaps, mosaics, normalisation

raw_maps = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=3, max_side=6),
    elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
)


@settings(max_examples=60, deadline=None)
@given(raw_maps, st.sampled_from(["channel", "layer"]), st.booleans(), st.sampled_from([0.0, 0.01, 0.2]))
def test_normalised_values_lie_in_0_to_1_and_go_back(raw, scope, signed, clip):
    scaled = normalisation.normalise(raw, scope, clip=clip, signed=signed)
    assert scaled.values.shape == raw.shape and scaled.values.dtype == np.float32
    assert scaled.values.min() >= 0 and scaled.values.max() <= 1  # NaN would fail this
    assert scaled.low.shape == scaled.high.shape == raw.shape[2:]
    assert (scaled.low <= scaled.high).all()
    width = scaled.high - scaled.low
    back = scaled.low + scaled.values * width
    off = np.abs(back - np.clip(raw, scaled.low, scaled.high))
    assert ((off <= 1e-6 * width + 1e-45) | (width == 0)).all()
    if signed:
        np.testing.assert_array_equal(scaled.low, -scaled.high)


def test_scopes():
    maps = np.stack([np.arange(4.0).reshape(2, 2), 10 * np.arange(4.0).reshape(2, 2)], axis=2)
    own = normalisation.normalise(maps, "channel")
    np.testing.assert_array_equal(own.high, [3, 30])
    np.testing.assert_array_equal(own.values[..., 0], own.values[..., 1])
    shared = normalisation.normalise(maps, "layer")
    np.testing.assert_array_equal(shared.high, [30, 30])
    np.testing.assert_allclose(shared.values[..., 0].max(), 0.1)
    limits = normalisation.limits_of([maps, np.full((3, 3, 1), 60.0)])
    assert limits == (0, 60)
    np.testing.assert_allclose(normalisation.normalise(maps, "all", limits).values.max(), 0.5)


def test_maps_scaled_together_have_common_limits():
    one, two = np.arange(8.0).reshape(2, 2, 2), np.arange(8.0).reshape(2, 2, 2) * 10
    first, second = normalisation.normalise_together([one, two])
    np.testing.assert_array_equal(first.high, [60, 70])
    np.testing.assert_array_equal(first.low, [0, 1])
    for scaled, raw in ((first, one), (second, two)):
        np.testing.assert_allclose(scaled.low + scaled.values * (scaled.high - scaled.low), raw, atol=1e-5)
    np.testing.assert_array_equal(
        normalisation.normalise_together([one], "layer")[0].values, normalisation.normalise(one, "layer").values
    )
    with pytest.raises(ValueError, match="of one shape"):
        normalisation.normalise_together([one, one[:1]])


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
def test_constant_maps_are_drawn_without_dividing_by_zero(value):
    flat = np.full((3, 4, 2), value)
    scaled = normalisation.normalise(flat)
    assert (scaled.values == 0).all() and (scaled.low == value).all() and (scaled.high == value).all()
    signed = normalisation.normalise(flat, signed=True)
    assert (signed.values == 0.5 * (1 + np.sign(value))).all()


def test_clip_lets_the_strongest_saturate():
    raw = np.ones((10, 10))
    raw[0] = np.arange(10) / 10
    raw[5, 5] = 1000
    assert normalisation.normalise(raw).values[9, 9] < 0.01
    clipped = normalisation.normalise(raw, clip=0.02)
    assert clipped.values[9, 9] == 1 and clipped.values[5, 5] == 1 and clipped.high == 1


def test_colours_come_from_the_named_map():
    import matplotlib

    values = np.linspace(0, 1, 12).reshape(3, 4)
    rgb = heatmaps.colour(values, "magma")
    assert rgb.shape == (3, 4, 3) and rgb.dtype == np.uint8
    np.testing.assert_allclose(rgb, 255 * matplotlib.colormaps["magma"](values)[..., :3], atol=1)


def test_signed_maps_are_symmetric_about_zero():
    found = heatmaps.signed_heatmap(np.array([[-1.0, 0.0, 4.0]]))
    assert (found.low, found.high) == (-4, 4)
    red, blue = found.rgb[0, :, 0].astype(int), found.rgb[0, :, 2].astype(int)
    assert blue[0] > red[0] and red[2] > blue[2] and abs(red[1] - blue[1]) <= 2 and red[1] > 230
    np.testing.assert_array_equal(heatmaps.signed_heatmap(np.zeros((2, 2))).rgb[0, 0], found.rgb[0, 1])
    assert heatmaps.signed_heatmap(np.ones((2, 2)), limit=2).high == 2


def test_error_and_ssim_pictures():
    image = np.random.default_rng(0).random((12, 12, 3), np.float32)
    brighter = np.clip(image + 0.4, 0, 1)
    error = heatmaps.signed_error(image, brighter)
    assert error.shape == (12, 12, 3) and (error[..., 0] >= error[..., 2]).all()
    same = heatmaps.ssim_colours(image, image)
    assert (same == heatmaps.colour(np.ones((12, 12)), "magma")).all()
    other = heatmaps.ssim_colours(image, 1 - image)
    assert other.mean() < same.mean() / 2
    with pytest.raises(ValueError, match=r"got \(12, 12, 3\) and \(12, 12, 1\)"):
        heatmaps.signed_error(image, image[..., :1])


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


def test_every_channel_over_the_picture():
    picture = np.zeros((8, 8, 1), np.float32)
    maps = np.arange(12.0).reshape(2, 2, 3)
    tiles = heatmaps.overlay_channels(picture, maps, alpha=1)
    assert tiles.shape == (3, 8, 8, 3) and tiles.dtype == np.uint8
    assert len(np.unique(tiles[0].reshape(-1, 3), axis=0)) == 4  # four native pixels, none blended
    np.testing.assert_array_equal(tiles[0], tiles[2])  # each channel by its own limits
    assert (heatmaps.overlay_channels(picture, maps, alpha=0) == 0).all()
    sheet = heatmaps.channel_grid(maps, columns=3, scale=2)
    np.testing.assert_array_equal(sheet[:4, :4], tiles[0, ::4, ::4].repeat(2, axis=0).repeat(2, axis=1))


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


def test_colour_bar_runs_from_high_to_low():
    bar = heatmaps.colour_bar("gray", 10, 3)
    assert bar.shape == (10, 3, 3) and (bar[0] == 255).all() and (bar[-1] == 0).all()
    flat = heatmaps.colour_bar("gray", 3, 10, horizontal=True)
    assert flat.shape == (3, 10, 3) and (flat[:, 0] == 0).all() and (flat[:, -1] == 255).all()


PLANE, RGB = np.zeros((2, 2)), np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: normalisation.normalise(PLANE * np.nan), "NaN"),
        (lambda: normalisation.normalise(PLANE + np.inf), "infinite"),
        (lambda: normalisation.normalise(np.zeros(3)), r"got \(3,\)"),
        (lambda: normalisation.normalise(np.zeros((0, 3))), r"got \(0, 3\)"),
        (lambda: normalisation.normalise(PLANE, "picture"), "scope must be one of channel, layer, all"),
        (lambda: normalisation.normalise(PLANE, "all"), "needs limits"),
        (lambda: normalisation.normalise(PLANE, limits=(1, 0)), "low at most high"),
        (lambda: normalisation.normalise(PLANE, clip=0.7), "clip must be"),
        (lambda: normalisation.limits_of([]), "one value or more"),
        (lambda: heatmaps.colour(PLANE + 2), r"lie in \[0, 1\], got 2"),
        (lambda: heatmaps.colour(PLANE, "rainbows"), "try viridis"),
        (lambda: heatmaps.heatmap(RGB), r"x\[\.\.\., 0\]"),
        (lambda: heatmaps.signed_heatmap(PLANE, limit=-1), "0 or more"),
        (lambda: heatmaps.channel_grid(PLANE), r"got \(2, 2\)"),
        (lambda: mosaics.resize(PLANE, (0, 2)), "size of 1 or more"),
        (lambda: mosaics.resize(PLANE, (2, 2), "cubic"), "method must be"),
        (lambda: mosaics.overlay(PLANE, RGB[:1]), "Use resize and colour first"),
        (lambda: mosaics.overlay(PLANE, RGB.astype(float)), "got float64"),
        (lambda: mosaics.overlay(PLANE, RGB, 1.5), "alpha must be"),
        (lambda: mosaics.overlay(PLANE + 3, RGB), r"uint8 or lie in \[0, 1\]"),
        (lambda: mosaics.mosaic(np.zeros((0, 2, 2))), "0 pictures"),
        (lambda: mosaics.mosaic(np.zeros((2, 2, 2, 4))), r"got shape \(2, 2, 4\)"),
        (lambda: mosaics.mosaic(np.zeros((2, 2, 2)), scale=0), "scale=0"),
        (lambda: heatmaps.colour_bar(height=0), "1 or more"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
