"""Maps scaled to [0, 1]: ranges, round trips, and maps that tempt one to divide by zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vae_core.analysis import normalisation

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
    weak, strong = np.arange(8.0).reshape(2, 2, 2), np.arange(8.0).reshape(2, 2, 2) * 10
    first, second = normalisation.normalise_together([weak, strong])
    np.testing.assert_array_equal(first.high, [60, 70])
    np.testing.assert_array_equal(first.low, [0, 1])
    for scaled, raw in ((first, weak), (second, strong)):
        np.testing.assert_allclose(scaled.low + scaled.values * (scaled.high - scaled.low), raw, atol=1e-5)
    np.testing.assert_array_equal(
        normalisation.normalise_together([weak], "layer")[0].values, normalisation.normalise(weak, "layer").values
    )
    with pytest.raises(ValueError, match="of one shape"):
        normalisation.normalise_together([weak, weak[:1]])


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
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
