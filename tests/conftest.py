"""What every test may ask for: the real data, and a small model on disk. Nothing here imports Keras."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_models import save_checkpoint

from vae_core.config import ModelConfig


@pytest.fixture(scope="session")
def fashion_dir() -> Path:
    """The folder with the four files of Fashion-MNIST."""
    named = os.environ.get("FASHION_MNIST_DIR")
    if not named:
        pytest.skip("needs the real Fashion-MNIST: set FASHION_MNIST_DIR to the folder of its four files")
    return Path(named)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `fashion-2d` of a random 2-D model. Read only: it is shared by all tests."""
    return save_checkpoint(tmp_path_factory.mktemp("checkpoints") / "fashion-2d", ModelConfig("classic", 2))
