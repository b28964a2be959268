"""Figures per image: what they are, their order, and the file that keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.metrics import structural_similarity
from tiny_runs import MODEL, Squares

from vae_core.analysis import image_scores, likelihood
from vae_core.analysis.image_scores import NAMES, Scores
from vae_core.checkpoints import publish, store
from vae_core.config import TrainingConfig
from vae_core.network.engine import Engine
from vae_core.network.presets import build
from vae_core.network.schema import random_weights
from vae_core.runs.directory import Run

CHECKSUM = "c" * 64


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return store.load(tiny_checkpoint).engine()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (30, 28, 28, 1), dtype=np.uint8)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with weights of some kind."""
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def random_scores(n: int = 5) -> Scores:
    return Scores(*np.random.default_rng(1).random((len(NAMES), n), np.float32))


def test_each_figure_is_that_of_its_image(engine: Engine, pixels: np.ndarray) -> None:
    scores, images = image_scores.score(engine, pixels), pixels.astype(np.float32) / 255
    reconstructions = engine.reconstruct(images)
    for i in (0, 17):
        x, y = images[i, ..., 0].astype(np.float64), reconstructions[i, ..., 0].astype(np.float64)
        assert scores.mse[i] == pytest.approx(((x - y) ** 2).mean(), rel=1e-5)
        assert scores.psnr[i] == pytest.approx(-10 * np.log10(((x - y) ** 2).mean()), rel=1e-5)
        similarity = structural_similarity(
            x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
        )
        assert scores.ssim[i] == pytest.approx(similarity, abs=1e-6)
    z_mean, z_log_var = engine.encode(images)
    np.testing.assert_allclose(scores.kl_loss, likelihood.kl_per_unit(z_mean, z_log_var).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(scores.negative_elbo, scores.reconstruction_loss + scores.kl_loss, rtol=1e-5)
    # the least binary cross-entropy is the pixels' own entropy, whatever z is drawn
    floors = [likelihood.pixel_entropy_floor(images[i : i + 1]) for i in range(30)]
    assert (scores.reconstruction_loss >= floors).all()


def test_uint8_and_float_images_score_alike(engine: Engine, pixels: np.ndarray) -> None:
    for name in NAMES:
        np.testing.assert_array_equal(
            getattr(image_scores.score(engine, pixels), name),
            getattr(image_scores.score(engine, pixels.astype(np.float32) / 255), name),
        )


def test_only_the_seed_changes_the_sample(engine: Engine, pixels: np.ndarray) -> None:
    first, repeated, other = (image_scores.score(engine, pixels, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.negative_elbo, repeated.negative_elbo)
    assert (first.negative_elbo != other.negative_elbo).any()
    np.testing.assert_array_equal(first.mse, other.mse)  # from z_mean


def test_progress_counts_images(engine: Engine, pixels: np.ndarray) -> None:
    progress: list[tuple[int, int]] = []
    image_scores.score(engine, np.tile(pixels, (20, 1, 1, 1)), progress=lambda *at: progress.append(at))
    assert progress[-1] == (600, 600) and len(progress) > 1 and progress == sorted(progress)
    assert len(image_scores.score(engine, pixels[:0])) == 0


def test_the_best_come_first() -> None:
    scores = Scores(*np.tile(np.float32([3, 1, 2, 1]), (len(NAMES), 1)))
    assert image_scores.best_first(scores, "mse").tolist() == [1, 3, 2, 0]  # low is good, equal ones by number
    assert image_scores.best_first(scores, "ssim").tolist() == [0, 2, 1, 3]
    with pytest.raises(ValueError, match=r"must be one of mse, .*, got 'beauty'"):
        image_scores.best_first(scores, "beauty")


def test_round_trip(kept: Path) -> None:
    written = random_scores()
    image_scores.save(kept, written, CHECKSUM)
    loaded = image_scores.load(kept, CHECKSUM, 5)
    assert loaded is not None
    for name in NAMES:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(written, name))
        assert getattr(loaded, name).dtype == np.float32


def test_scores_of_something_else_are_not_taken(kept: Path) -> None:
    assert image_scores.load(kept, CHECKSUM, 5) is None  # none there yet
    image_scores.save(kept, random_scores(), CHECKSUM)
    assert image_scores.load(kept, "d" * 64, 5) is None  # of other data
    assert image_scores.load(kept, CHECKSUM, 6) is None  # of another number of images
    (kept / "model.safetensors").write_bytes(b"others")
    assert image_scores.load(kept, CHECKSUM, 5) is None  # of other weights
    (kept / "model.safetensors").unlink()
    assert image_scores.load(kept, CHECKSUM, 5) is None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", b"words"])
def test_a_damaged_file_is_no_file(kept: Path, damage: bytes) -> None:
    image_scores.save(kept, random_scores(), CHECKSUM)
    whole = (kept / image_scores.FILE).read_bytes()
    (kept / image_scores.FILE).write_bytes(damage or whole[: len(whole) // 2])
    assert image_scores.load(kept, CHECKSUM, 5) is None


def test_a_kept_run_has_its_scores(tmp_path: Path) -> None:
    data: Any = Squares()
    run, network = Run(tmp_path / "run"), build(MODEL)
    run.create(
        {"model": MODEL.to_dict(), "training": TrainingConfig().to_dict(), "dataset": data.describe(), "versions": {}},
        network,
    )
    labels = data.labels("test").astype(np.uint8)
    codes = np.zeros((len(labels), MODEL.latent_dim), np.float32)
    run.save_snapshot(1, random_weights(network, 0), {"z_mean": codes, "z_log_var": codes, "labels": labels})
    (run.path / "history.csv").write_text("step,loss\n1,1.0\n")
    run.write_status("finished", seconds=1.0, step=1)
    folder, figures = publish.publish(run, tmp_path / "kept", data)
    loaded = image_scores.load(folder, data.checksum, len(labels))
    assert loaded is not None
    for name in ("mse", "psnr", "ssim"):  # the card's means, image by image
        assert getattr(loaded, name).mean() == pytest.approx(figures[name]["value"], rel=1e-5)
    engine = store.load(folder).engine()  # the weights as they were stored
    np.testing.assert_allclose(loaded.mse, image_scores.score(engine, data.pixels("test")).mse, rtol=1e-5)
