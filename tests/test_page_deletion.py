"""Deleting on the pages: asked first, put back with one press, and no trouble for another visitor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from app_testing import DRAWN, go, problems, visit, words
from streamlit.testing.v1 import AppTest
from test_deletion import ended_run
from tiny_models import save_checkpoint

from vae_core import settings
from vae_core.config import ModelConfig
from vae_core.datasets import fashion_mnist, loading
from vae_core.jobs.worker_pool import Ready
from vae_core.storage.trash import FOLDER

MODELS, TRAIN = "pages/models.py", "pages/train.py"


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Folders of models and of runs, with two models and a run; no real data, and no process kept ready."""
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    monkeypatch.setattr("vae_core.jobs.worker_pool.Trainers.prepare", lambda *_, **__: Ready("warm"))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    for name in ("first", "second"):
        save_checkpoint(tmp_path / "models" / name, ModelConfig("classic", 2))
    ended_run(tmp_path / "runs" / "demo")
    yield tmp_path
    st.cache_data.clear()
    st.cache_resource.clear()


def press(at: AppTest, key: str) -> AppTest:
    return at.button(key=key).click().run()


def test_a_model_is_deleted_and_put_back(place: Path) -> None:
    at = visit(MODELS)
    key = f"delete_{place / 'models' / 'first'}"
    asked = press(at, key)
    assert any("Delete the model first, " in problem and " MB?" in problem for problem in problems(asked))
    at = press(asked, "delete_no")
    assert problems(at) == [] and (place / "models" / "first").exists()
    at = press(press(at, key), "delete_yes")
    assert not (place / "models" / "first").exists()
    assert [button.key for button in at.button if str(button.key).startswith("open_")] == [
        "open_second",
        "open_runs/demo",
    ]
    assert any("first was deleted" in done.value for done in at.success)
    at = press(at, "delete_undo")
    assert (
        problems(at) == [] and (place / "models" / "first").exists() and not list((place / "models" / FOLDER).iterdir())
    )


def test_put_back_from_the_list_where_the_name_was_taken(place: Path) -> None:
    at = visit(MODELS)
    press(press(at, f"delete_{place / 'models' / 'first'}"), "delete_yes")
    save_checkpoint(place / "models" / "first", ModelConfig("classic", 2), seed=1)
    other = visit(MODELS)  # another visitor, and later
    (back,) = [button for button in other.button if button.label == "Put back"]
    back.click().run()
    assert any("first is back under the name first-2" in error.value.replace("\\", "") for error in other.error)
    assert (place / "models" / "first-2").exists()


def test_a_run_is_deleted_on_the_page_train(place: Path) -> None:
    at = go(visit(run="demo"), TRAIN)
    at = press(press(at, f"delete_{place / 'runs' / 'demo'}"), "delete_yes")
    assert not (place / "runs" / "demo").exists() and at.selectbox(key="run_picker").value == "A new run"
    assert any("demo was deleted" in done.value for done in at.success)
    assert press(at, "delete_undo").selectbox(key="run_picker").options[1:] == ["demo (finished)"]


def test_another_visitor_looks_at_what_is_deleted(place: Path) -> None:
    watcher, reader = go(visit(run="demo"), TRAIN), visit(model="first")
    at = visit(MODELS)
    press(press(at, f"delete_{place / 'models' / 'first'}"), "delete_yes")
    ended_run(place / "runs" / "other")
    (place / "runs" / "demo").rename(place / "gone")
    assert "The model first is gone" in words(reader.run())
    assert "There is no run called “demo” here" in words(watcher.run())


def test_two_visitors_delete_one_model(place: Path) -> None:
    key = f"delete_{place / 'models' / 'first'}"
    asked = [press(visit(MODELS), key) for _ in range(2)]
    press(asked[0], "delete_yes")
    at = press(asked[1], "delete_yes")
    assert any("first is gone already" in error.value for error in at.error)


def test_what_came_with_the_program_has_no_button(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SHIPPED", place / "checkpoints")
    (place / "models").rename(place / "checkpoints")
    (place / "checkpoints" / "first").rename(place / "checkpoints" / "fashion-2d")
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(place / "checkpoints"))
    at = visit(MODELS)
    assert at.header[0].value == "fashion-2d" and "It came with the program" in words(at)
    assert [button for button in at.button if button.label.startswith("Delete")] == []


def test_a_damaged_model_can_be_deleted(place: Path) -> None:
    (place / "models" / "second" / "config.json").write_text('{"format_version": 1, "model": ')
    at = visit(MODELS)
    assert [problem.startswith("second is damaged") for problem in problems(at)] == [True]
    at = press(press(at, f"delete_{place / 'models' / 'second'}"), "delete_yes")
    assert problems(at) == [] and not (place / "models" / "second").exists()
