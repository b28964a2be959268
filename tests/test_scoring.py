"""Scoring of a model's test images in a process that stands aside: once a model, kept beside it, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from app_testing import DRAWN, go, visit, words
from tiny_models import save_checkpoint
from tiny_runs import wait_for

from pages.ui.reconstruction import cache
from vae_core.analysis import image_scores
from vae_core.analysis.image_scores import NAMES, Scores
from vae_core.checkpoints import store
from vae_core.config import ModelConfig
from vae_core.datasets import fashion_mnist, loading
from vae_core.jobs import scoring
from vae_core.jobs.scoring import Progress, ScoringFailed, ScoringQueue, Task
from vae_core.storage.files import write_json
from vae_core.storage.records import read_object

PAGE = "pages/reconstruction.py"
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 28, 28, 1), dtype=np.uint8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path / "models" / "mine", ModelConfig("classic", 2))


def task(model: Path, key: str = "a", pixels: np.ndarray = PIXELS, keep: bool = True) -> Task:
    return Task(key, model, None, model / "model.safetensors", "c" * 64, pixels, keep)


def made(task: Task, progress: Progress) -> Scores:
    progress(len(task.pixels))
    return Scores(*np.random.default_rng(1).random((len(NAMES), len(task.pixels)), np.float32))


def finished(queue: ScoringQueue, key: str) -> scoring.Job:
    wait_for(lambda: (job := queue.job(key)) is not None and job.over, "the scores", 100)
    job = queue.job(key)
    assert job is not None
    return job


def test_a_process_scores_as_this_one_does(model: Path) -> None:
    told: list[int] = []
    scores = scoring.score_in_child(task(model), told.append)
    expected = image_scores.score(store.load(model).engine(), PIXELS)
    for name in NAMES:
        np.testing.assert_allclose(getattr(scores, name), getattr(expected, name), rtol=1e-4)
    assert told[-1] == len(PIXELS)


def test_a_process_says_why_it_failed(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ScoringFailed, match=r"model\.safetensors"):
        scoring.score_in_child(task(model), lambda done: None)


def test_scores_are_kept_beside_the_model(model: Path) -> None:
    queue = ScoringQueue(made)
    queue.begin(task(model))
    job = finished(queue, "a")
    assert job.state == "done" and job.done == job.total == len(PIXELS) and job.task is None
    kept = image_scores.load(model, "c" * 64, len(PIXELS))
    assert kept is not None and job.scores is not None and np.array_equal(kept.mse, job.scores.mse)


def test_scores_of_pictures_that_stand_in_are_not_kept(model: Path) -> None:
    queue = ScoringQueue(made)
    queue.begin(task(model, keep=False))
    assert finished(queue, "a").scores is not None
    assert not (model / image_scores.FILE).exists()


def test_scores_of_weights_that_were_replaced_meanwhile_do_not_count(model: Path) -> None:
    def replaced(task: Task, progress: Progress) -> Scores:
        save_checkpoint(model.with_name("other"), ModelConfig("classic", 2), seed=1)
        (model.with_name("other") / "model.safetensors").replace(model / "model.safetensors")
        return made(task, progress)

    queue = ScoringQueue(replaced)
    queue.begin(task(model))
    finished(queue, "a")
    assert image_scores.load(model, "c" * 64, len(PIXELS)) is None


def test_one_at_a_time_and_none_twice(model: Path) -> None:
    go_on, begun = threading.Event(), []

    def slow(task: Task, progress: Progress) -> Scores:
        begun.append(task.key)
        go_on.wait(60)
        return made(task, progress)

    queue = ScoringQueue(slow)
    for key in ("a", "b", "a"):
        queue.begin(task(model, key))
    wait_for(lambda: begun == ["a"], "the first", 60)
    second = queue.job("b")
    assert second is not None and second.state == "waiting"
    go_on.set()
    assert finished(queue, "b").state == "done" and begun == ["a", "b"]


def test_a_full_queue_takes_no_more(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS_WAITING", "1")
    go_on = threading.Event()

    def slow(task: Task, progress: Progress) -> Scores:
        go_on.wait(60)
        return made(task, progress)

    queue = ScoringQueue(slow)
    for key in ("a", "b", "c"):
        queue.begin(task(model, key))
    assert queue.job("b") is not None and queue.job("c") is None
    go_on.set()
    finished(queue, "b")


def test_a_failure_is_told_and_can_be_tried_again(model: Path) -> None:
    def fails(task: Task, progress: Progress) -> Scores:
        raise ScoringFailed("no memory")

    queue = ScoringQueue(fails)
    queue.begin(task(model))
    assert (finished(queue, "a").state, finished(queue, "a").note) == ("failed", "no memory")
    queue.forget("a")
    assert queue.job("a") is None


# --- on the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def heavy(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model of the drawn clothes here, none of whose work is quick."""
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    monkeypatch.setattr(cache, "QUICK_WORK", 0)
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(model.parent))
    config = read_object(model / "config.json")
    write_json(model / "config.json", {**config, "dataset": loading.load_local().describe()})
    yield model
    st.cache_data.clear()
    st.cache_resource.clear()


def test_the_page_waits_for_nothing_and_scores_once(heavy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, count = threading.Event(), []

    def slow(task: Task, progress: Progress) -> Scores:
        count.append(task.key)
        progress(12)
        go_on.wait(60)
        return made(task, progress)

    queue = ScoringQueue(slow)
    monkeypatch.setattr(cache, "QUEUE", queue)
    at = visit(PAGE)
    wait_for(lambda: count != [], "the work to begin", 60)
    at.run()
    assert not at.exception and "est image 0" in words(at)
    assert at.button(key="rank_Best").disabled and len(at.get("plotly_chart")) == 0
    assert "12 so far" in at.get("progress")[0].proto.text
    at.segmented_control(key="rebuilt_view").set_value("Sixteen pictures").run()
    at.segmented_control(key="strip_of").set_value("Best").run()
    assert "known once all test images are scored" in words(at)
    go_on.set()
    wait_for(lambda: (heavy / image_scores.FILE).exists(), "the scores", 60)
    at.segmented_control(key="rebuilt_view").set_value("One picture").run()
    assert not at.button(key="rank_Best").disabled and len(at.get("plotly_chart")) == 1
    st.cache_resource.clear()
    # As after a new start of the server: from the file.
    monkeypatch.setattr(cache, "QUEUE", ScoringQueue(slow))
    at = visit(PAGE)
    assert len(at.get("plotly_chart")) == 1 and not at.get("progress") and len(count) == 1


def test_the_page_says_why_nothing_was_scored(heavy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(task: Task, progress: Progress) -> Scores:
        raise ScoringFailed("too little memory")

    queue = ScoringQueue(fails)
    monkeypatch.setattr(cache, "QUEUE", queue)
    at = visit(PAGE)
    wait_for(lambda: all(job.over for job in queue._jobs.values()), "the failure", 60)
    at.run()
    assert "could not be scored by mine: too little memory" in words(at)
    monkeypatch.setattr(queue, "_work", made)
    at.button(key="score_again_mine").click().run()
    wait_for(lambda: (heavy / image_scores.FILE).exists(), "the scores", 60)
    assert len(go(at, PAGE).get("plotly_chart")) == 1
