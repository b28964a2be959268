"""A name that another run has borne: the page Train shows the run that bears it now, and nothing of the one that is gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from own_models import own_run, own_zip
from test_page_train import MODEL, Stand, a_run

from pages.ui.train import cache as timelines
from pages.ui.train import moments
from vae_core.jobs import launcher as trainer
from vae_core.jobs.deletion import delete_run, restore
from vae_core.jobs.finished_runs import rename
from vae_core.network.presets import build
from vae_core.network.schema import random_weights
from vae_core.runs.directory import Run


@pytest.fixture(autouse=True)
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stand]:
    """No model, no run, and no process is started."""
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    made = Stand(tmp_path / "runs")
    monkeypatch.setattr(trainer, "prepare", lambda: made.ready)
    yield made
    st.cache_data.clear()
    st.cache_resource.clear()


def another(path: Path, steps: tuple[int, ...] = (7,), spread: float = 20.0) -> Run:
    """A run of the same network whose weights, codes and fixed images are others than those of `a_run`."""
    run, network, rng = a_run(path, "finished"), build(MODEL), np.random.default_rng(5)
    run.save_fixed(rng.integers(0, 256, (10, *MODEL.image_shape), np.uint8))
    for step in steps:
        z_mean, z_log_var = np.float32(rng.normal(scale=spread, size=(2, 40, 2)))
        codes = {"z_mean": z_mean, "z_log_var": np.zeros_like(z_log_var), "labels": np.uint8(np.arange(40) % 10)}
        run.save_snapshot(step, random_weights(network, 77), codes)
    return run


def everything(run: Run) -> tuple[object, ...]:
    """What the page shows of the snapshot at step 7, without the run's name."""
    path = str(run.path)
    drawn = timelines.map_at(path, 7, 3.5, 4)
    parts = tuple(part.digest for part in (drawn.decoder, drawn.codes, drawn.grid) if part is not None)
    sheet, rows = timelines.snapshot_pictures(path, 7)
    return (*parts, (sheet.tobytes(), rows), timelines.frame_at(path, 7).latents.z_mean.tobytes())


def test_what_is_shown_goes_with_the_run_and_not_with_its_name(stand: Stand) -> None:
    first, second = a_run(stand.folder / "demo", "finished", snapshots=(7,)), another(stand.folder / "other")
    of_first, of_second = everything(first), everything(second)
    assert not set(of_first) & set(of_second)
    gone = delete_run(first)
    assert everything(rename(second, "demo")) == of_second
    back = restore(stand.folder, gone.path.name)
    assert back.name != "demo" and everything(Run(back)) == of_first


def test_a_run_trained_anew_under_its_old_name(stand: Stand) -> None:
    before = everything(a_run(stand.folder / "demo", "finished", snapshots=(7,)))
    shutil.rmtree(stand.folder / "demo")
    assert not set(everything(another(stand.folder / "demo"))) & set(before)


def test_the_view_is_of_the_run_that_is_shown(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {})
    first, second = a_run(stand.folder / "demo", "finished", snapshots=(7,)), another(stand.folder / "other")
    narrow = moments._extent(first, 7)
    delete_run(first)
    assert narrow == moments.LEAST_EXTENT < moments._extent(rename(second, "demo"), 7)


def test_curves_of_a_model_that_was_replaced(tmp_path: Path) -> None:
    def written(loss: float) -> None:
        shutil.rmtree(tmp_path / "kept", ignore_errors=True)
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "history.csv").write_text("epoch,loss\n" + "".join(f"{i},{loss}\n" for i in range(3)))

    written(250.0)
    assert timelines.kept_curves(str(tmp_path / "kept"))["loss"][1].tolist() == [250.0] * 3
    written(240.0)
    assert timelines.kept_curves(str(tmp_path / "kept"))["loss"][1].tolist() == [240.0] * 3


def test_own_pictures_that_are_taken_away_and_put_back(stand: Stand, tmp_path: Path) -> None:
    data = own_zip(tmp_path / "mine.zip")
    path = str(own_run(stand.folder / "mine", data).path)
    assert len(timelines.snapshot_pictures(path, 7)[1]) == 3
    data.rename(tmp_path / "elsewhere.zip")
    assert len(timelines.snapshot_pictures(path, 7)[1]) == 2
    (tmp_path / "elsewhere.zip").rename(data)
    assert len(timelines.snapshot_pictures(path, 7)[1]) == 3
