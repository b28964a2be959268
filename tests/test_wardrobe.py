"""The drawn clothes: their form, their variety, the same bytes for a seed, and whether they pass for the real thing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_core.datasets.drawn import brushes, wardrobe
from vae_core.datasets.drawn.brushes import SIDE, Dice, X, Y
from vae_core.datasets.drawn.wardrobe import CLASSES, draw, draw_class


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    return draw(2000, seed=1)


@settings(max_examples=8, deadline=None)
@given(n=st.integers(0, 150), seed=st.integers(0, 2**40))
def test_form_and_balance_hold_for_any_n_and_seed(n: int, seed: int) -> None:
    pixels, labels = draw(n, seed)
    assert pixels.shape == (n, 28, 28, 1) and pixels.dtype == np.uint8
    assert labels.shape == (n,) and labels.dtype == np.uint8
    counts = np.bincount(labels, minlength=10)
    assert counts.max() - counts.min() <= 1


def test_a_seed_draws_the_same_bytes_on_every_machine() -> None:
    pixels, labels = draw(500, seed=7)
    digest = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    assert digest == "25ddf46d6a636aadef6d6beea0f16bf4d2f03275ec9857acc13dcddf2c807322"


def test_another_seed_draws_other_clothes_in_another_order(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, labels = draw(2000, seed=2)
    assert (labels != drawn[1]).mean() > 0.8
    assert not {image.tobytes() for image in pixels} & {image.tobytes() for image in drawn[0]}


def test_classes_are_shuffled_and_match_the_tailors(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, labels = drawn
    assert len(CLASSES) == 10 and len(set(labels[:60].tolist())) == 10
    for label in range(10):
        np.testing.assert_array_equal(pixels[labels == label], draw_class(label, 200, seed=1))


@pytest.mark.parametrize("label", [0, 5, 8])
def test_the_first_pictures_do_not_depend_on_how_many_follow(label: int) -> None:
    many = draw_class(label, 150, seed=3)
    np.testing.assert_array_equal(draw_class(label, 5, seed=3), many[:5])
    np.testing.assert_array_equal(draw_class(label, 100, seed=3), many[:100])


def test_only_the_chosen_classes_are_drawn() -> None:
    _, labels = draw(31, classes=[9, 1])
    assert sorted(np.bincount(labels, minlength=10)[[1, 9]]) == [15, 16] and set(labels.tolist()) == {1, 9}


def test_brightness_is_that_of_fashion_mnist(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    assert abs(drawn[0].mean() / 255 - 0.286) < 0.03  # 0.286: mean pixel of the 60,000 real ones


def test_no_two_are_alike_and_every_class_varies(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, labels = drawn
    assert len({image.tobytes() for image in pixels}) == len(pixels)
    for label in range(10):
        images = pixels[labels == label].astype(np.float64) / 255
        assert images.std(axis=0).mean() > 0.06, CLASSES[label]  # spread of each pixel over the class
        bright = images.sum(axis=(1, 2, 3)) / (images > 0.02).sum(axis=(1, 2, 3))  # mean shade of each garment
        assert bright.std() > 0.08, CLASSES[label]


def test_the_layout_is_that_of_fashion_mnist(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """Light on black; the longest side fills the frame; tops are symmetric; the toe is left of and below the shaft."""
    pixels, labels = drawn
    ink = pixels[..., 0] > 12
    corners = pixels[:, [0, 0], [0, -1], 0]
    assert np.isin(labels[corners.any(axis=1)], [5, 8, 9]).all()  # only a shaft or a clutch reaches up there
    wide, tall = ink.any(axis=1).sum(axis=1), ink.any(axis=2).sum(axis=1)
    assert np.percentile(np.maximum(wide, tall), 2) >= 26
    assert (wide[np.isin(labels, [5, 7, 9])] >= 25).mean() >= 0.99
    assert (tall[np.isin(labels, [0, 1, 2, 3, 6])] >= 25).mean() >= 0.99
    for label in (0, 1, 2, 3, 4, 6, 8):
        mean = pixels[labels == label, :, :, 0].mean(axis=0)
        assert abs(mean - mean[:, ::-1]).mean() < 0.1 * mean.mean(), CLASSES[label]
    for label in (7, 9):
        left, right = ink[labels == label, :, :9], ink[labels == label, :, -9:]
        assert (left.sum(axis=(1, 2)) < right.sum(axis=(1, 2))).mean() > 0.98, CLASSES[label]


def test_edges_are_anti_aliased() -> None:
    """A trouser leg's edge has greys between black and the cloth, as one pixel covers part of it."""
    assert 0.03 < brushes.below(X, 14.3)[0, 0, 14] < 0.97
    disc = brushes.inside(brushes.ellipse(X - 14, Y - 14, 8.0, 8.0))
    assert disc.sum() == pytest.approx(np.pi * 64, rel=0.01)
    block = brushes.inside(brushes.box(X - 14, Y - 14, 6.25, 3.5, 0.0))
    assert block.sum() == pytest.approx(12.5 * 7, rel=0.01)
    line = brushes.stroke(4.0, 5.0, 22.0, 20.0, 2.0)
    assert line.sum() == pytest.approx(2 * np.hypot(18, 15) + np.pi, rel=0.03)
    slanted = brushes.below(X, np.float32(6) + np.float32(0.5) * Y)
    assert slanted[0, :, :].sum() == pytest.approx(28 * (6 + 0.5 * 14), rel=0.005)


def test_knots_and_waves_follow_their_formulas() -> None:
    line = brushes.knots(Y, (4.0, 1.0), (14.0, 6.0), (24.0, 2.0))[0, :, 0]
    np.testing.assert_allclose(line, np.interp(Y[0, :, 0], [4, 14, 24], [1, 6, 2]), atol=1e-5)
    wave = brushes.wave(X, 4.0, 0.0)
    assert wave.min() >= -1 and wave.max() <= 1
    np.testing.assert_allclose(wave[..., 4:], wave[..., :-4], atol=1e-5)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_dice_keep_to_their_ranges(seed: int) -> None:
    dice = Dice(np.random.default_rng(seed), 40)
    for values, low, high in (
        (dice.between(-2, 3), -2, 3),
        (dice.near(5, 1.5), 3.5, 6.5),
        (dice.shade(0.1, 0.4, 0.9), 0.1, 0.9),
        (dice.happens(0.3), 0, 1),
    ):
        assert values.shape == (40, 1, 1) and values.dtype == np.float32
        assert values.min() >= low and values.max() <= high
    cloth = brushes.cloth(dice, dice.between(0, 1))
    assert cloth.shape == (40, SIDE, SIDE) and cloth.dtype == np.float32
    assert cloth.min() >= 0.02 and cloth.max() <= 1


def test_sharpening_keeps_flat_cloth_and_brightens_rims() -> None:
    canvas = np.zeros((1, SIDE, SIDE), np.float32)
    canvas[:, 8:20, 8:20] = 0.5
    sharp = wardrobe.sharpen(canvas)
    np.testing.assert_allclose(sharp[0, 10:18, 10:18], 0.5, atol=1e-6)
    assert sharp[0, 8, 14] > 0.55 and sharp[0, 7, 14] == 0


@pytest.mark.parametrize("n", [-1, 2.5, "10", True, None])
def test_a_bad_number_is_refused(n: object) -> None:
    with pytest.raises(ValueError, match=r"n must be a whole number of at least 0, got"):
        draw(n)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"n must be a whole number of at least 0, got"):
        draw_class(0, n)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_a_bad_seed_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match=r"seed must be a whole number of at least 0, got"):
        draw(1, seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", [-1, 10, 1.5, "Coat", True])
def test_a_bad_label_is_refused(label: object) -> None:
    with pytest.raises(ValueError, match=r"a class must be a whole number in 0..9, got .*9 Ankle boot"):
        draw_class(label, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a class must be a whole number in 0..9, got .*9 Ankle boot"):
        draw(1, classes=[0, label])  # type: ignore[list-item]


@pytest.mark.parametrize("classes", [[], [3, 3]])
def test_no_class_and_a_class_twice_are_refused(classes: list[int]) -> None:
    with pytest.raises(ValueError, match="name each class once and at least one"):
        draw(1, classes=classes)


def test_importing_it_is_light() -> None:
    code = "import sys, vae_core.datasets.drawn.wardrobe; print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


@pytest.mark.real_data
def test_neighbours_among_real_clothes_name_them(fashion_dir: Path, drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """15 nearest neighbours among 10,000 real training pictures, in 16 principal components."""
    from sklearn.decomposition import PCA
    from sklearn.neighbors import KNeighborsClassifier

    from vae_core.datasets.idx import read_idx

    def read(name: str, dimensions: int) -> np.ndarray:
        plain = fashion_dir / name
        return read_idx(plain if plain.exists() else plain.with_name(f"{name}.gz"), dimensions)[:10_000]

    real, real_labels = read("train-images-idx3-ubyte", 3), read("train-labels-idx1-ubyte", 1)
    real = real.reshape(10_000, 784).astype(np.float32) / 255
    components = PCA(16, svd_solver="covariance_eigh").fit(real)
    classifier = KNeighborsClassifier(15).fit(components.transform(real), real_labels)
    pixels, labels = drawn
    named = classifier.predict(components.transform(pixels.reshape(-1, 784).astype(np.float32) / 255))
    assert (named == labels).mean() >= 0.70
    for label in range(10):
        assert (named == label)[labels == label].mean() >= 0.35, CLASSES[label]
