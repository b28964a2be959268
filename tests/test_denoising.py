"""Denoising: the noises, the filters and the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_models import save_checkpoint

from vae_core.analysis.applications import denoising
from vae_core.analysis.applications.denoising import FILTERS, GAUSSIAN, METHODS, NOISY, PATCH, SALT, VAE
from vae_core.analysis.applications.statistics import Interval
from vae_core.checkpoints import measurements, store
from vae_core.cli.main import main
from vae_core.config import ModelConfig
from vae_core.datasets.drawn import wardrobe


def clothes(n: int) -> np.ndarray:
    return wardrobe.draw(n)[0]


def test_noises_are_what_they_are_called() -> None:
    grey = np.full((200, 20, 20, 1), 0.5, np.float32)
    assert (denoising.corrupt(grey, GAUSSIAN, 0.1) - 0.5).std() == pytest.approx(0.1, rel=0.02)
    salted = denoising.corrupt(grey, SALT, 0.3)
    assert (salted != 0.5).mean() == pytest.approx(0.3, abs=0.01) and (salted == 1).mean() == pytest.approx(
        0.15, abs=0.01
    )
    patched = denoising.corrupt(grey, PATCH, 0.25)
    assert ((patched == 0).sum(axis=(1, 2, 3)) == 25).all()
    for kind in (GAUSSIAN, SALT, PATCH):
        assert np.array_equal(denoising.corrupt(grey, kind, 0.0), grey)
        assert np.array_equal(denoising.corrupt(grey, kind, 0.4, 3), denoising.corrupt(grey, kind, 0.4, 3))
        assert denoising.corrupt(grey, kind, 1.0).shape == grey.shape
    with pytest.raises(ValueError, match="must be one of"):
        denoising.corrupt(grey, "rain", 0.1)
    with pytest.raises(ValueError, match="of a strength in"):
        denoising.corrupt(grey, SALT, 1.5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FILTERS)
def test_filters_leave_a_flat_picture_alone_and_pictures_apart(name: str, channels: int) -> None:
    flat = np.full((1, 16, 12, channels), 0.4, np.float32)
    pair = np.concatenate([flat, np.random.default_rng(0).random(flat.shape, np.float32)])
    for setting in denoising.SETTINGS[name]:
        result = denoising.filtered(pair, name, setting)
        assert result.shape == pair.shape and result.dtype == np.float32
        assert np.allclose(result[0], 0.4, atol=1e-3)
        assert np.allclose(result[1:], denoising.filtered(pair[1:], name, setting), atol=1e-6)


def test_the_median_takes_out_single_pixels() -> None:
    image = np.zeros((1, 9, 9, 1), np.float32)
    image[0, 4, 4] = 1
    assert denoising.filtered(image, "median", 3).max() == 0
    with pytest.raises(ValueError, match="a filter must be one of"):
        denoising.filtered(image, "magic", 3)


def test_the_setting_with_the_highest_psnr_is_chosen() -> None:
    images = clothes(8).astype(np.float32) / 255
    slight, strong = (denoising.corrupt(images, GAUSSIAN, strength) for strength in (0.02, 0.4))
    weak, heavy = denoising.tuned(images, slight), denoising.tuned(images, strong)
    assert weak["total variation"] < heavy["total variation"] and weak["Gaussian"] < heavy["Gaussian"]


def test_measure(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "model", ModelConfig("classic", 2))
    engine = store.load(folder).engine()
    steps: list[tuple[int, int]] = []
    some = {GAUSSIAN: (0.2,), PATCH: (0.1, 0.3)}
    figures = denoising.measure(engine, clothes(6), clothes(9)[6:], lambda *step: steps.append(step), some)
    assert steps == [(1, 3), (2, 3), (3, 3)] and (figures.n, figures.tuned_on) == (6, 3)
    for noise in figures.noises:
        assert [row.method for row in noise.methods] == list(METHODS) and set(noise.settings()) == set(FILTERS)
        for row in noise.methods:
            assert row.psnr.low <= row.psnr.mean <= min(row.psnr.high, denoising.HIGHEST_PSNR)
    images = clothes(6).astype(np.float32) / 255
    noisy = denoising.corrupt(images, GAUSSIAN, 0.2)
    assert figures.noises[0].methods[0].psnr.mean == pytest.approx(denoising.capped_psnr(images, noisy).mean())
    assert figures.nearest(PATCH, 0.29) is figures.noises[2] and figures.nearest(SALT, 0.3) is None
    alone = denoising.measure(engine, clothes(1), clothes(1)[:0], None, some)
    assert alone.tuned_on == 0 and alone.noises[0].settings() == denoising.USUAL and "usual settings" in alone.method
    measurements.save(folder, "denoising", denoising.to_dict(figures), "sum")
    kept = measurements.load(folder, "denoising", denoising.DenoisingFigures, "sum")
    assert kept == figures and {VAE, NOISY} < {row.method for row in kept.noises[0].methods}


def test_a_setting_that_nobody_offers_is_not_taken() -> None:
    """Of a stranger's file: a median over 10,000 pixels would hold up the server."""
    odd = Interval(1.0, 1.0, 1.0)
    rows = [denoising.MethodFigures(name, 1e4, odd, odd) for name in METHODS]
    assert denoising.NoiseFigures(SALT, 0.1, rows).settings() == denoising.USUAL


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, png = save_checkpoint(tmp_path / "model", ModelConfig("classic", 2)), tmp_path / "denoised.png"
    words = ["denoise", str(folder), "--data", "drawn", "--index", "0", "5", "--noise", "patch", "--output", str(png)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert out.count("drawn clothes test 5  ") == len(METHODS) and "non-local means" in out
    with Image.open(png) as image:
        assert image.size == (4 * (29 * 7 - 1), 4 * (29 * 2 - 1))
    assert main([*words, "--strength", "0.1", "--csv", "a.csv"]) == 2
    assert "go with --measure" in capsys.readouterr().err
