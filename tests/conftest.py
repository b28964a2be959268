"""What every test may ask for: the real data, and a small model on disk. Nothing here imports Keras."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tiny_models import save_checkpoint

from vae_core.config import ModelConfig

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

# Streamlit before 1.67, which Python 3.10 has, gives each AppTest a registry of components of its own: what was registered
# when a module was imported is missing in it. A server has one registry.
if tuple(map(int, version("streamlit").split(".")[:2])) < (1, 67):
    from typing import Any

    from streamlit.components import v2
    from streamlit.components.v2.component_manager import BidiComponentManager
    from streamlit.testing.v1 import AppTest

    def _share_components() -> None:
        manager, begin = BidiComponentManager(), AppTest.__init__

        def begin_with_all(self: AppTest, *arguments: Any, **named: Any) -> None:
            begin(self, *arguments, **named)
            self._bidi_component_manager = manager

        v2.get_bidi_component_manager = lambda: manager
        AppTest.__init__ = begin_with_all

    _share_components()


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


@pytest.fixture
def only_drawn_clothes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No real data on this machine, few drawn clothes, and no cache of an earlier test."""
    import streamlit as st
    from app_testing import DRAWN

    from vae_core.datasets import fashion_mnist, loading

    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[..., AppTest]:
    """`show(folder, **url)`: the page that the test's module calls PAGE, on the models in a folder."""
    from app_testing import visit

    def start(folder: Path, **url: str) -> AppTest:
        monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(folder))
        return visit(request.module.PAGE, **url)

    return start
