"""The scripts that make the pictures of the README."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image
from tiny_models import save_checkpoint

from vae_core.config import ModelConfig

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import learning_gif  # noqa: E402


def test_the_animation_of_the_shipped_timeline(tmp_path: Path) -> None:
    frames, size = learning_gif.make(ROOT / "checkpoints" / "fashion-2d", tmp_path / "map.gif", tiles=4, between=2)
    with Image.open(tmp_path / "map.gif") as image:
        assert image.n_frames == frames == 6 + 5 * 2 and image.info["loop"] == 0
        first = image.convert("RGB")
        image.seek(frames - 1)
        assert first.tobytes() != image.convert("RGB").tobytes()
    assert size == (tmp_path / "map.gif").stat().st_size


def test_the_one_in_the_readme() -> None:
    path = ROOT / "docs" / "learning.gif"
    assert path.stat().st_size <= 2 * 2**20 and "docs/learning.gif" in (ROOT / "README.md").read_text(encoding="utf-8")
    with Image.open(path) as image:
        assert image.n_frames > 10


def test_a_model_without_a_timeline_makes_none(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "plain", ModelConfig("classic", 2))
    with pytest.raises(SystemExit, match="has 0 snapshots, an animation needs two"):
        learning_gif.make(tmp_path / "plain", tmp_path / "map.gif", 4, 2)
    assert not (tmp_path / "map.gif").exists()
