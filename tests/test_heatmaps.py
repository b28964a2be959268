"""Coloured maps: colours that are known, bars, errors."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vae_core.analysis import heatmaps

PLANE, RGB = np.zeros((2, 2)), np.zeros((2, 2, 3), np.uint8)


def test_colours_come_from_the_named_map():
    import matplotlib

    values = np.linspace(0, 1, 12).reshape(3, 4)
    rgb = heatmaps.colour(values, "magma")
    assert rgb.shape == (3, 4, 3) and rgb.dtype == np.uint8
    np.testing.assert_allclose(rgb, 255 * matplotlib.colormaps["magma"](values)[..., :3], atol=1)


def test_signed_maps_are_symmetric_about_zero():
    picture = heatmaps.signed_heatmap(np.array([[-1.0, 0.0, 4.0]]))
    assert (picture.low, picture.high) == (-4, 4)
    red, blue = picture.rgb[0, :, 0].astype(int), picture.rgb[0, :, 2].astype(int)
    assert blue[0] > red[0] and red[2] > blue[2] and abs(red[1] - blue[1]) <= 2 and red[1] > 230
    np.testing.assert_array_equal(heatmaps.signed_heatmap(np.zeros((2, 2))).rgb[0, 0], picture.rgb[0, 1])
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


def test_colour_bar_runs_from_high_to_low():
    bar = heatmaps.colour_bar("gray", 10, 3)
    assert bar.shape == (10, 3, 3) and (bar[0] == 255).all() and (bar[-1] == 0).all()
    flat = heatmaps.colour_bar("gray", 3, 10, horizontal=True)
    assert flat.shape == (3, 10, 3) and (flat[:, 0] == 0).all() and (flat[:, -1] == 255).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: heatmaps.colour(PLANE + 2), r"lie in \[0, 1\], got 2"),
        (lambda: heatmaps.colour(PLANE, "rainbows"), "try viridis"),
        (lambda: heatmaps.heatmap(RGB), r"x\[\.\.\., 0\]"),
        (lambda: heatmaps.signed_heatmap(PLANE, limit=-1), "0 or more"),
        (lambda: heatmaps.channel_grid(PLANE), r"got \(2, 2\)"),
        (lambda: heatmaps.colour_bar(height=0), "1 or more"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("backend", ["nonsense", "svg", ""])
def test_a_backend_of_matplotlib_that_is_none_does_no_harm(backend: str) -> None:
    code = (
        "import os, numpy as np; from vae_core.analysis import heatmaps; heatmaps.colour(np.zeros((2, 2)));"
        "import matplotlib; print(os.environ['MPLBACKEND'], dict.__getitem__(matplotlib.rcParams, 'backend') == 'svg')"
    )
    root, environment = Path(__file__).parents[1], {**os.environ, "MPLBACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*([backend] if backend else []), str(backend == "svg")]
