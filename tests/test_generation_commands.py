"""The commands that make up pictures: what they write, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_models import save_checkpoint

from vae_core.analysis.generation import density, sampling
from vae_core.checkpoints import store
from vae_core.cli.main import main
from vae_core.config import ModelConfig


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A random model of the classes 0 to 9, with a density that knows 3 and 7."""
    folder = save_checkpoint(tmp_path / "model", ModelConfig("classic", 2))
    rng, labels = np.random.default_rng(0), np.repeat([3, 7], 50)
    codes = rng.normal(np.where(labels == 3, -4, 4)[:, None], 0.5, (100, 2))
    density.save(folder, density.fit(codes, labels, codes, labels))
    return folder


def csv(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)[:, 1:]


def test_samples_are_written_with_their_points(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png, table = tmp_path / "s.png", tmp_path / "s.csv"
    words = ["generate", str(model), "-n", "9", "--seed", "4", "--temperature", "0.5", "--output", str(png), "--csv"]
    assert main([*words, str(table)]) == 0
    assert "9 samples of z ~ N(0, 1) decoded by model, seed 4, temperature 0.5" in capsys.readouterr().out
    np.testing.assert_allclose(csv(table), sampling.draw_points(9, 2, 4, 0.5), rtol=1e-4)
    with Image.open(png) as image:
        assert image.size == (2 * (3 * 29 - 1), 2 * (3 * 29 - 1))
    assert main([*words, str(table)]) == 2
    assert "exists. Choose another name, or add --replace" in capsys.readouterr().err
    assert main([*words, str(table), "--replace"]) == 0


def test_a_class_is_drawn_from_the_density(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "s.csv"
    words = ["generate", str(model), "-n", "5", "--output", str(tmp_path / "s.png"), "--csv", str(table)]
    assert main([*words, "--class", "class 7"]) == 0
    out = capsys.readouterr().out
    assert "5 samples of class 7 of z from a mixture fitted to 100 train codes" in out
    assert "the classifier calls" in out
    assert (csv(table) > 0).all()
    for label, problem in (("dragon", "--class must be one of the model's classes"), ("5", "there are 3, 7")):
        assert main([*words, "--class", label, "--replace"]) == 2
        assert problem in capsys.readouterr().err


def test_a_way_ends_in_the_reconstructions(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = []
    for i in range(3):
        pictures.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (28, 28), np.uint8)).save(pictures[-1])
    strip, animation, table = tmp_path / "way.png", tmp_path / "way.gif", tmp_path / "way.csv"
    words = ["interpolate", str(model), "--picture", *pictures, "--frames", "9", "--path", "slerp"]
    assert main([*words, "--output", str(strip), "--csv", str(table)]) == 0
    assert "9 frames, slerp, through 0.png → 1.png → 2.png" in capsys.readouterr().out
    z = csv(table)
    with Image.open(strip) as image:
        frames = np.asarray(image.convert("L"))[::3, ::3]
    decoded = np.round(255 * store.load(model).engine().decode(z.astype(np.float32)))[..., 0]
    assert np.abs(frames[:, :28] - decoded[0]).max() <= 1 and np.abs(frames[:, -28:] - decoded[-1]).max() <= 1
    for _ in range(2):  # one of ours is written over
        assert main([*words, "--output", str(animation)]) == 0
    with Image.open(animation) as image:
        assert image.n_frames == 16 and image.info["loop"] == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("interpolate {model} --index 0 --output {new}.png", "two pictures or more"),
        ("generate {model} --csv {folder} --output {new}.png", "is a folder"),
        ("generate {model} --csv {folder}/no/x.csv --output {new}.png", "which is no folder"),
    ],
)
def test_mistakes(words: str, problem: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled = [word.format(model=model, new=tmp_path / "new", folder=tmp_path) for word in words.split()]
    assert main(filled) == 2
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "new.png").exists()
