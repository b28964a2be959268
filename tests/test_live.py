"""A run's charts, read bit by bit: what is new, once a second however many look, and never more than fits."""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import MODEL, recipe

from vae_core.network import presets
from vae_core.runs import live_reader as live_module
from vae_core.runs import metrics_log
from vae_core.runs.control import Control
from vae_core.runs.directory import Run
from vae_core.runs.live_reader import KEPT_ROWS, POINTS, LiveRun, live, smoothed


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "demo")
    config = {"model": MODEL.to_dict(), "training": recipe(epochs=3).to_dict()}
    made.create(config, presets.build(MODEL))
    made.write_status("running", step=0, total_steps=18)
    return made


def row(step: int, **changes: Any) -> dict[str, Any]:
    figures = {"loss": 300.0 - step, "reconstruction_loss": 290.0 - step, "kl_loss": 10.0, "batch_time": 20.0}
    more = {"beta": 1.0, "learning_rate": 1e-3, "kl_per_unit": [4.0, 6.0], "seconds": 0.02 * step}
    return {"kind": "step", "step": step, **figures, **more, **changes}


def test_only_what_is_new_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    parse = metrics_log.parse
    monkeypatch.setattr(metrics_log, "parse", lambda line: (taken.append(line), parse(line))[1])
    reader = LiveRun(run)
    assert reader.view().steps.size == 0 and reader.view().kl_per_unit is None
    for step in (1, 2, 3):
        run.append_metrics(row(step))
        view = reader.view(fresh=True)
        assert view.steps.tolist() == list(range(1, step + 1)) and len(taken) == step
    assert view.series["loss"].raw.tolist() == [299.0, 298.0, 297.0]
    assert view.kl_per_unit is not None and view.kl_per_unit.tolist() == [4.0, 6.0]
    assert (view.beta, view.learning_rate) == (1.0, 1e-3)


def test_a_line_still_being_written_waits(run: Run) -> None:
    reader, path = LiveRun(run), run.path / "metrics.jsonl"
    line = json.dumps(row(1)) + "\n"
    for i in (0, 5, len(line) - 1):
        path.write_text(line[:i])
        assert reader.view(fresh=True).steps.tolist() == []
    with open(path, "a") as file:
        file.write(line[len(line) - 1 :])
    assert reader.view(fresh=True).steps.tolist() == [1]
    with open(path, "a") as file:
        file.write('{"kind": "step", "st')  # killed here; the next append closes it
    run.append_metrics(row(2))
    assert reader.view(fresh=True).steps.tolist() == [1, 2]


def test_steps_done_again_and_a_file_that_is_another(run: Run) -> None:
    reader = LiveRun(run)
    for step in (1, 2, 3, 4):
        run.append_metrics(row(step))
    run.append_metrics({"kind": "validation", "step": 4, "val_loss": 250.0})
    run.append_metrics({"kind": "event", "event": "beta", "step": 4, "old": 1.0, "new": 4.0})
    view = reader.view(fresh=True)
    assert view.validation["val_loss"].tolist() == [250.0] and view.marks == ((4, "beta 1 → 4"),)
    run.append_metrics({"kind": "event", "event": "resumed", "step": 2})
    run.append_metrics(row(3, loss=111.0))
    view = reader.view(fresh=True)
    assert view.steps.tolist() == [1, 2, 3] and view.series["loss"].raw[-1] == 111.0
    assert view.validation["val_loss"].size == 0 and view.marks == ((2, "resumed"),)
    (run.path / "metrics.jsonl").unlink()
    run.append_metrics(row(7))
    assert reader.view(fresh=True).steps.tolist() == [7]


def test_a_name_that_another_run_bears_now(run: Run) -> None:
    reader, path = LiveRun(run), run.path / "metrics.jsonl"
    for step in (1, 2, 3):
        run.append_metrics(row(step))
    assert reader.view(fresh=True).steps.tolist() == [1, 2, 3]
    kept = path.read_bytes()
    path.unlink()  # it waits, and has no rows yet
    view = reader.view(fresh=True)
    assert view.steps.size == 0 and view.kl_per_unit is None and view.beta is None
    path.write_bytes(kept)
    assert reader.view(fresh=True).steps.tolist() == [1, 2, 3]
    path.write_bytes(kept.replace(b"299.0", b"211.0") + kept)  # in the old file's place, with its number
    assert reader.view(fresh=True).series["loss"].raw[0] == 211.0


def test_ten_viewers_one_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(live_module.time, "monotonic", lambda: clock[0])
    opened: list[Any] = []
    look = LiveRun._look
    monkeypatch.setattr(LiveRun, "_look", lambda self: (opened.append(self), look(self))[1])
    reader = live(run)
    assert live(Run(run.path)) is reader
    for second in range(3):
        run.append_metrics(row(second + 1))
        with ThreadPoolExecutor(10) as pool:
            views = list(pool.map(lambda _: live(Run(run.path)).view(), range(50)))
        assert {id(view) for view in views} == {id(views[0])}
        assert len(opened) == reader.reads == second + 1
        clock[0] += 1.0


def test_a_look_opens_each_file_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.append_metrics(row(1))
    run.write_status("running", step=1, doing="training")
    run.write_control(Control())
    reader = live(run)
    for name in ("config.json", "network.json", "control.json"):
        os.utime(run.path / name, (1e9, 1e9))  # they have stood for long: what was written just now is read each time
    reader.view(fresh=True)
    opened: Counter[str] = Counter()
    plain = os.open

    def counted(file: Any, *args: Any, **words: Any) -> Any:
        if isinstance(file, (str, Path)) and Path(file).parent == run.path:  # not of the process table
            opened[Path(file).name] += 1
        return plain(file, *args, **words)

    monkeypatch.setattr(os, "open", counted)
    reader.view(fresh=True)
    monkeypatch.undo()
    assert opened == {"status.json": 1, "metrics.jsonl": 1}


def test_a_long_run_takes_bounded_room(run: Run) -> None:
    n = 3 * KEPT_ROWS
    lines = "".join(json.dumps(row(step, loss=float(step))) + "\n" for step in range(1, n + 1))
    (run.path / "metrics.jsonl").write_text(lines)
    reader = LiveRun(run)
    view = reader.view(fresh=True)
    assert len(reader._rows) <= KEPT_ROWS
    assert len(view.steps) <= POINTS and view.steps[0] == 1 and view.steps[-1] == n
    assert (np.diff(view.steps) > 0).all() and np.diff(view.steps).max() < 4 * n / POINTS
    np.testing.assert_array_equal(view.series["loss"].raw, view.steps)
    gap = view.steps - view.series["loss"].smooth  # of a straight line: a constant delay
    assert 0 < gap[-1] < n / 50


def test_progress_pace_and_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = LiveRun(run)
    now = live_module.time.time()
    run.write_status("running", step=2, total_steps=18, heartbeat=now - 2, eta_seconds=99.0)
    assert reader.view(fresh=True).eta_seconds == 99.0
    run.write_status("running", step=6, total_steps=18, heartbeat=now, eta_seconds=99.0)
    view = reader.view(fresh=True)
    assert view.images_per_second == pytest.approx(2 * 16) and view.eta_seconds == pytest.approx(6)
    assert view.progress == pytest.approx(1 / 3) and view.health.active
    version = view.version
    assert reader.view(fresh=True).version == version
    run.write_status("finished", step=18, total_steps=18)
    view = reader.view(fresh=True)
    assert view.version > version and view.eta_seconds is None and view.progress == 1.0
    assert view.health.state == "finished" and not view.health.active


def test_an_unreadable_run_and_odd_rows_do_no_harm(run: Run) -> None:
    reader = LiveRun(run)
    for text in (
        "[]\n",
        '"x"\n',
        "{}\n",
        '{"kind": "step", "step": "many"}\n',
        '{"kind": "step", "step": 1}\n',
        "\xff\n",
    ):
        with open(run.path / "metrics.jsonl", "a", encoding="latin-1") as file:
            file.write(text)
    view = reader.view(fresh=True)
    assert view.steps.tolist() == [1] and np.isnan(view.series["loss"].raw).all()
    (run.path / "network.json").unlink()
    view = reader.view(fresh=True)
    assert view.health.state == "unreadable" and "network.json is missing" in view.health.note
    assert LiveRun(Run(run.path / "nothing")).view().health.state == "unreadable"


def test_smoothed() -> None:
    assert smoothed(np.full(30, 7.0)) == pytest.approx(np.full(30, 7.0))  # unbiased from the first value on
    assert np.isnan(smoothed(np.full(3, np.nan))).all()
    noisy = np.random.default_rng(0).normal(size=400)
    assert smoothed(noisy).std() < 0.5 * noisy.std()
    holed = np.array([1.0, np.nan, 1.0, np.nan, 1.0])
    np.testing.assert_allclose(smoothed(holed), 1.0)


def test_what_a_page_asks_each_second_is_in_the_view(run: Run) -> None:
    """Ten viewers who ask the files themselves would read them ten times as often."""
    reader = LiveRun(run)
    view = reader.view()
    assert view.latent_dim == run.network().latent_dim
    assert view.config_value("training", "epochs") == run.config()["training"]["epochs"]
    assert view.config_value("training", "nothing") is None and view.config_value("nothing", "epochs") is None
    run.update_control(beta=2.5)
    assert reader.view(fresh=True).control.beta == 2.5 and reader.view().version > view.version
