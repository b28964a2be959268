"""The run directory: whole files, honest states, nobody's work overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import MODEL, SHAPE

from vae_core.network import presets
from vae_core.runs.control import Control, RunError
from vae_core.runs.directory import STALE_SECONDS, Run
from vae_core.runs.index import list_runs
from vae_core.storage.errors import FileProblem

NETWORK = presets.build(MODEL)


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in NETWORK.weight_shapes().items()}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "demo")
    made.create({"model": MODEL.to_dict()}, NETWORK)
    return made


def test_create_then_read_back(run: Run) -> None:
    assert run.name == "demo"
    assert run.config() == {"format_version": 1, "kind": "run", "model": json.loads(json.dumps(MODEL.to_dict()))}
    assert run.network() == NETWORK
    assert run.network().image_shape == SHAPE
    assert run.control() == Control()
    assert run.state() == ("waiting", "")
    assert run.metrics() == [] and run.snapshots() == [] and run.load_state() is None


def test_a_taken_directory_is_refused_and_left_alone(run: Run) -> None:
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    with pytest.raises(RunError, match=r"demo holds a run already\. Choose another --run-dir"):
        run.create({"model": {}}, NETWORK)
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """Below a regular file nobody can write, root included."""
    (tmp_path / "file").write_text("in the way")
    blocked = Run(tmp_path / "file" / "demo")
    with pytest.raises(RunError, match=r"cannot write to .*demo: Not a directory\. Choose a folder"):
        blocked.create({}, NETWORK)
    with pytest.raises(RunError, match="cannot write to"), blocked.lock():
        pytest.fail("the lock must not be had")


def test_no_run_and_a_newer_one(tmp_path: Path, run: Run) -> None:
    with pytest.raises(RunError, match=r"is no run directory: it has no config\.json"):
        Run(tmp_path / "nothing").config()
    (run.path / "config.json").write_text('{"format_version": 2}')
    with pytest.raises(RunError, match=r"is in format 2, this program reads 1\. Update VAE Explorer\."):
        run.config()
    (run.path / "config.json").write_text('{"format_version"')
    with pytest.raises(FileProblem, match="not valid JSON"):
        run.config()


def test_list_runs_newest_first(tmp_path: Path) -> None:
    for age, name in ((20, "old"), (0, "new"), (10, "middle")):
        made = Run(tmp_path / name)
        made.create({}, NETWORK)
        os.utime(made.path / "config.json", (1e9 - age, 1e9 - age))
    (tmp_path / "no-run").mkdir()
    assert [made.name for made in list_runs(tmp_path)] == ["new", "middle", "old"]
    assert list_runs(tmp_path / "nowhere") == []


def test_one_trainer_at_a_time(run: Run) -> None:
    run.write_status("running")
    with (
        run.lock(),
        pytest.raises(RunError, match=rf"being trained by another process \(pid {os.getpid()}\)"),
        Run(run.path).lock(),
    ):
        pytest.fail("two had the lock")
    with run.lock():
        pass  # it was given back


def test_the_lock_of_a_process_that_ends_is_free(run: Run) -> None:
    code = f"from vae_core.runs import Run; import os; Run({str(run.path)!r}).lock().__enter__(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 9
    with run.lock():
        pass


# --- status -------------------------------------------------------------------------------------------------------


def test_status_round_trip_and_ended_states(run: Run) -> None:
    run.write_status("running", step=3)
    assert run.status()["step"] == 3 and run.status()["pid"] == os.getpid()
    assert abs(run.status()["heartbeat"] - time.time()) < 5
    assert run.state() == ("running", "")
    run.write_status("failed", error="the disk is full")
    assert run.state() == ("failed", "the disk is full")
    run.write_status("finished")
    assert run.state() == ("finished", "")


def test_a_dead_trainer_is_not_running(run: Run) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    run.write_status("running", step=5)
    status = {**run.status(), "pid": child.pid}
    try:
        deadline = time.monotonic() + 30
        while run.state()[0] != "failed":  # first a zombie (it has ended, nobody has looked), then gone
            (run.path / "status.json").write_text(json.dumps(status))
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        child.wait()
    state, why = run.state()
    assert state == "failed" and "killed, or out of memory" in why and "Resume" in why


def test_a_stale_heartbeat_is_said(run: Run) -> None:
    run.write_status("running", heartbeat=time.time() - STALE_SECONDS - 12)
    state, why = run.state()
    assert state == "running" and "not been heard of for 42 s" in why
    run.write_status("running", heartbeat=time.time() - STALE_SECONDS / 2)
    assert run.state() == ("running", "")


# --- control ------------------------------------------------------------------------------------------------------


def test_ask_changes_what_is_named_and_keeps_the_rest(run: Run) -> None:
    run.update_control(learning_rate=1e-4)
    run.update_control(command="pause", steps=2)
    assert run.control() == Control("pause", 2, 1e-4, None)
    assert json.loads((run.path / "control.json").read_bytes()) == asdict(run.control())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": "go"}, "command must be run, wait, pause or stop, got 'go'"),
        ({"steps": 1.5}, r"steps must be a whole number, got 1\.5"),
        ({"learning_rate": -1.0}, r"learning_rate must be a number in 0\.\.1000, got -1\.0"),
        ({"learning_rate": "much"}, "learning_rate must be a number"),
        ({"beta": float("nan")}, "beta must be a number"),
    ],
)
def test_what_cannot_be_asked_for(run: Run, changes: dict, message: str) -> None:
    with pytest.raises(RunError, match=message):
        run.update_control(**changes)
    assert run.control() == Control()
    (run.path / "control.json").write_text(json.dumps(changes))
    assert run.control() == Control()  # a file edited by hand does the trainer no harm


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"command": 7}'])
def test_a_damaged_control_asks_for_nothing(run: Run, damage: str) -> None:
    (run.path / "control.json").write_text(damage)
    assert run.control() == Control()
    (run.path / "control.json").unlink()
    assert run.control() == Control()


# --- metrics ------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=6), st.data())
def test_a_torn_last_line_is_skipped_and_closed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], data: st.DataObject
) -> None:
    run = Run(tmp_path_factory.mktemp("run"))
    for step in steps:
        run.append_metrics({"kind": "step", "step": step, "loss": 1.5})
    path = run.path / "metrics.jsonl"
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    # A line that lacks nothing but its newline is whole.
    kept = steps[: whole[: cut + 1].count(b"\n")]
    assert [row["step"] for row in run.metrics()] == kept
    run.append_metrics({"kind": "step", "step": 7})
    assert [row["step"] for row in run.metrics()] == [*kept, 7]


def test_steps_done_again_appear_once(run: Run) -> None:
    for step in (1, 2, 3, 4):
        run.append_metrics({"kind": "step", "step": step, "try": 1})
    run.append_metrics({"kind": "event", "event": "resumed", "step": 2})
    for step in (3, 4, 5):
        run.append_metrics({"kind": "step", "step": step, "try": 2})
    rows = [(row["step"], row["try"]) for row in run.metrics() if row["kind"] == "step"]
    assert rows == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]
    run.append_metrics({"kind": "event", "event": "resumed", "step": 0})
    assert [row["event"] for row in run.metrics()] == ["resumed"]


# --- snapshots and state ------------------------------------------------------------------------------------------


def test_snapshots(run: Run) -> None:
    with pytest.raises(RunError, match=r"has no snapshot yet\. Wait"):
        run.snapshot_weights()
    codes = np.arange(6, dtype=np.float32).reshape(3, 2)
    latents = {"z_mean": codes, "z_log_var": -codes, "labels": np.arange(3, dtype=np.uint8)}
    for step in (100, 9, 9):  # the same step twice: the later one stays
        run.save_snapshot(step, weights(step), latents)
    assert run.snapshots() == [9, 100]
    for step, asked in ((100, None), (9, 9)):
        for name, array in run.snapshot_weights(asked).items():
            np.testing.assert_array_equal(array, weights(step)[name])
    found = run.snapshot_latents(9)
    assert set(found) == set(latents) and all((found[name] == latents[name]).all() for name in found)


def state(step: int) -> dict[str, float]:
    """The numbers of a resumable state."""
    return {"step": step, "seconds": 0.5, "peak": 1e-3}


def test_state_is_replaced_in_one_move(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.save_state({"a": np.arange(3)}, state(1))
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        run.save_state({"a": np.arange(4)}, state(2))
    found = run.load_state()
    assert found is not None
    np.testing.assert_array_equal(found[0]["a"], np.arange(3))
    assert found[1] == state(1)
    assert [path.name for path in (run.path / "checkpoint").iterdir()] == ["state.safetensors"]


def test_a_damaged_state_is_named(run: Run) -> None:
    run.save_state({"a": np.arange(300)}, state(1))
    path = run.path / "checkpoint" / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileProblem, match=r"state\.safetensors is no whole safetensors file"):
        run.load_state()


def test_remove_snapshots_after(run: Run) -> None:
    latents = {"z_mean": np.zeros((1, 2)), "z_log_var": np.zeros((1, 2)), "labels": np.zeros(1)}
    for step in (1, 5, 8):
        run.save_snapshot(step, weights(), latents)
    run.save_state({"a": np.arange(3)}, state(5))
    run.remove_snapshots_after(5)
    assert sorted(path.name for path in (run.path / "snapshots").iterdir()) == ["00000001", "00000005"]
    assert [path.name for path in (run.path / "checkpoint").iterdir()] == ["state.safetensors"]


def test_two_threads_may_write_the_same_file(run: Run) -> None:
    """As two sessions of the app do that click at once: the last one stays, and no one stumbles."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: run.write_status("running", step=i), range(200)))
    assert run.status()["step"] in range(200)
    assert not list(run.path.glob(".*"))


def test_what_was_asked_for_while_waiting_is_kept(tmp_path: Path) -> None:
    waiting = Run(tmp_path / "queued")
    waiting.path.mkdir()
    waiting.write_control(Control("wait", beta=4.0))
    waiting.write_status("waiting")
    assert [found.name for found in list_runs(tmp_path)] == ["queued"]
    waiting.create({}, NETWORK)
    assert waiting.control() == Control("wait", beta=4.0)
    assert waiting.request() == {}
    waiting.write_request(data="drawn", machine="here")
    assert waiting.request() == {"data": "drawn", "machine": "here"}
