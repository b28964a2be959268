"""Stopped, killed, out of space: what is lost is at most what came after the last checkpoint."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from tensorflow.python.framework.config import disable_op_determinism
from tiny_runs import MODEL, Squares, events, recipe, save_npz, traced_once, wait_for

from vae_core.cli import main as command_line
from vae_core.datasets import loading
from vae_core.network import presets
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.training import recorder, session
from vae_core.training.recorder import Recorder
from vae_core.training.train import resume, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """A training traces its graph only where no other one has."""
    with traced_once():
        yield


# 18 steps, 6 an epoch; everything that has a state of its own is on
CONFIG = recipe(epochs=3, ema=0.9, schedule="cosine", kl_warmup=0.5)


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr("vae_core.training.moving_average.AVERAGE_EVERY", 2)


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    run = Run(tmp_path_factory.mktemp("runs") / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vae_core.training.moving_average.AVERAGE_EVERY", 2)
        assert train(MODEL, CONFIG, Squares(), run, deterministic=True) == "finished"
    yield run
    disable_op_determinism()


def everything(run: Run) -> dict[str, np.ndarray]:
    """Weights that are trained, their average, the optimizer's memory, the state of the random numbers."""
    state = run.load_state()
    assert state is not None
    return state[0]


@pytest.mark.parametrize("stops", [(8,), (6,), (3, 13)], ids=["mid-epoch", "end of an epoch", "twice"])
def test_stopped_and_resumed_is_never_stopped(never_stopped: Run, tmp_path: Path, stops: tuple[int, ...]) -> None:
    run = Run(tmp_path / "demo")

    def stop(row: dict[str, Any]) -> None:
        if row["step"] in stops and row["state"] == "running":
            run.update_control(command="stop")

    assert train(MODEL, CONFIG, Squares(), run, show=stop, deterministic=True) == "stopped"
    for at in stops:
        assert run.state() == ("stopped", "") and run.status()["step"] == at
        state = resume(run, Squares(), show=stop, deterministic=True)
    assert state == "finished"
    whole, parts = everything(never_stopped), everything(run)
    assert set(whole) == set(parts) and any(name.startswith("average/") for name in whole)
    for name, array in whole.items():
        if array.shape != (2 + MODEL.latent_dim,):  # `terms`, zeroed at each report
            np.testing.assert_allclose(parts[name], array, rtol=0, atol=1e-5, err_msg=name)
    for name, array in never_stopped.snapshot_weights().items():
        np.testing.assert_allclose(run.snapshot_weights()[name], array, rtol=0, atol=1e-5)
    steps = [row["step"] for row in run.metrics() if row["kind"] == "step"]
    assert steps == list(range(1, 19))
    assert events(run) == ["stopped", "resumed"] * len(stops) + ["finished"]


def test_stopped_while_validating_too(never_stopped: Run, tmp_path: Path) -> None:
    """The model holds the average then, which must not be taken for what was trained."""
    run, ask = Run(tmp_path / "demo"), "on_test_batch_end"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, ask, lambda self, batch, logs=None: run.update_control(command="stop"))
        assert train(MODEL, CONFIG, Squares(), run, deterministic=True) == "stopped"
    assert run.status()["step"] == 6
    assert resume(run, Squares(), deterministic=True) == "finished"
    for name, array in never_stopped.snapshot_weights().items():
        np.testing.assert_allclose(run.snapshot_weights()[name], array, rtol=0, atol=1e-5)


def history(run: Run) -> list[str]:
    return (run.path / "history.csv").read_text().splitlines()


def validations(run: Run) -> list[dict[str, Any]]:
    return [{**row, "seconds": 0} for row in run.metrics() if row["kind"] == "validation"]


def same_end(never_stopped: Run, run: Run) -> None:
    """To the bit: weights, average, optimizer, random numbers, each epoch's row, and the validations on the chart."""
    whole, parts = everything(never_stopped), everything(run)
    assert set(whole) == set(parts)
    for name, array in whole.items():
        if array.shape != (2 + MODEL.latent_dim,):  # `terms`, zeroed at each report
            np.testing.assert_array_equal(parts[name], array, err_msg=name)
    for name, array in never_stopped.snapshot_weights().items():
        np.testing.assert_array_equal(run.snapshot_weights()[name], array)
    assert history(run) == history(never_stopped)
    assert validations(run) == validations(never_stopped)


@pytest.mark.parametrize("stops", [(7, 8, 15)])
def test_the_row_of_an_epoch_is_of_all_its_batches(never_stopped: Run, tmp_path: Path, stops: tuple[int, ...]) -> None:
    run = Run(tmp_path / "demo")

    def stop(row: dict[str, Any]) -> None:
        if row["step"] in stops and row["state"] == "running":
            run.update_control(command="stop")

    train(MODEL, CONFIG, Squares(), run, show=stop, deterministic=True)
    for _ in stops:
        resume(run, Squares(), show=stop, deterministic=True)
    same_end(never_stopped, run)


@pytest.mark.parametrize(("end", "epochs"), [("stop", [3]), ("signal", [3]), ("kill", [3]), ("kill", [1, 2])], ids=str)
def test_a_validation_that_was_cut_short_is_made_up(
    never_stopped: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, epochs: list[int]
) -> None:
    """The last one too: then there is nothing left to train. Every file is as it is at that moment."""
    run, todo = Run(tmp_path / "demo"), list(epochs)

    class Killed(BaseException):
        pass

    def cut(self: Recorder, batch: int, logs: Any = None) -> None:
        if todo and self.progress.epoch == todo[0]:
            todo.pop(0)
            if end == "stop":
                run.update_control(command="stop")
            elif end == "signal":
                signal.raise_signal(signal.SIGTERM)
            else:
                raise Killed

    monkeypatch.setattr(Recorder, "on_test_batch_end", cut)
    monkeypatch.setattr("vae_core.training.train._fail", lambda *_: None)  # a kill leaves no word

    def go(train: Any, *arguments: Any) -> str:
        try:
            return str(train(*arguments, deterministic=True))
        except Killed:
            return "killed"

    state, ends = go(train, MODEL, CONFIG, Squares(), run), []
    while state != "finished":
        ends.append(state)
        state = go(resume, run, Squares())
    assert ends == ["killed" if end == "kill" else "stopped"] * len(epochs)
    same_end(never_stopped, run)
    assert run.state() == ("finished", "")


@pytest.mark.parametrize("stops", [(8,), (12,), (14,), (3, 12, 14)], ids=str)
def test_a_run_that_is_counted_in_steps_ends_within_an_epoch(tmp_path: Path, stops: tuple[int, ...]) -> None:
    """16 steps of 6 an epoch; the last 4 are an epoch of their own, with its validation and its row."""
    config, whole, parts = replace(CONFIG, steps=16), Run(tmp_path / "whole"), Run(tmp_path / "parts")
    train(MODEL, config, Squares(), whole, deterministic=True)

    def stop(row: dict[str, Any]) -> None:
        if row["step"] in stops and row["state"] == "running":
            parts.update_control(command="stop")

    state = train(MODEL, config, Squares(), parts, show=stop, deterministic=True)
    for _ in stops:
        assert state == "stopped"
        state = resume(parts, Squares(), show=stop, deterministic=True)
    assert state == "finished" and parts.status()["step"] == parts.status()["total_steps"] == 16
    same_end(whole, parts)
    assert [row["step"] for row in validations(parts)] == [6, 12, 16] and len(history(parts)) == 1 + 3


def test_killed_after_the_last_validation(never_stopped: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path / "demo")

    def killed(self: Recorder, state: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "end", killed)
        assert train(MODEL, CONFIG, Squares(), run, deterministic=True) == "stopped"
    assert resume(run, Squares(), deterministic=True) == "finished"
    same_end(never_stopped, run)


@pytest.mark.parametrize("how", ["asked", "signal"])
def test_stopped_before_the_first_batch(never_stopped: Run, tmp_path: Path, monkeypatch: Any, how: str) -> None:
    run, built = Run(tmp_path / "demo"), session.compile_vae

    def stop(*arguments: Any) -> Any:
        if how == "asked":
            run.update_control(command="stop")
        else:
            signal.raise_signal(signal.SIGINT)
        return built(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(session, "compile_vae", stop)
        assert train(MODEL, CONFIG, Squares(), run, request={"data": "here"}, deterministic=True) == "stopped"
    assert run.state() == ("stopped", "")
    assert run.request() == {"data": "here"}  # resume finds the data again
    assert run.snapshots() == []
    assert resume(run, Squares(), deterministic=True) == "finished"
    same_end(never_stopped, run)


def test_a_state_of_an_older_program_lacks_the_sums(never_stopped: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(never_stopped.path, tmp_path / "demo"))
    state = run.load_state()
    assert state is not None
    run.save_state({name: array for name, array in state[0].items() if not name.startswith("sums/")}, state[1])
    rows = history(run)
    (run.path / "history.csv").write_text("\n".join([*rows[:-1], rows[-1][:30]]))  # torn
    run.write_status("failed")
    assert resume(run, Squares(), deterministic=True) == "finished"
    assert history(run)[:-1] == rows[:-1]
    known = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    made_up = dict(zip(rows[0].split(","), history(run)[-1].split(","), strict=True))
    assert made_up == {
        name: "" if name in ("loss", "kl_loss", "reconstruction_loss") else known[name] for name in known
    }


def test_resume_writes_nothing_before_it_has_the_lock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is trained and paused stays so; `--queue` does not touch its status."""
    data = save_npz(tmp_path / "squares.npz")
    run = Run(tmp_path / "demo")
    dataset = loading.load(str(data))
    config = {"model": MODEL.to_dict(), "training": CONFIG.to_dict(), "dataset": dataset.describe()}
    run.create(config, presets.build(MODEL))
    run.update_control(command="pause")
    run.write_status("paused", step=3)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    held, free = threading.Event(), threading.Event()

    def trainer() -> None:
        with Run(run.path).lock():
            held.set()
            free.wait(60)

    thread = threading.Thread(target=trainer)
    thread.start()
    held.wait(60)
    try:
        with pytest.raises(RunError, match="is being trained by another process"):
            resume(run, dataset)
        for words in (["resume", str(run.path)], ["resume", str(run.path), "--queue"]):
            assert command_line.main([*words, "--data", str(data)]) == 2
            assert "is being trained by another process" in capsys.readouterr().err
        after = {path.name: path.read_bytes() for path in run.path.iterdir() if path.name != ".lock"}
        assert after == before
    finally:
        free.set()
        thread.join()


def test_other_data_are_refused(never_stopped: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "demo")
    run.create({**never_stopped.config()}, never_stopped.network())
    with pytest.raises(RunError, match=r"was trained on squares \(drawn by a test\).* Pass the same --data"):
        resume(run, Squares(train=97))
    (run.path / "config.json").write_text('{"format_version": 9}')
    with pytest.raises(RunError, match="is in format 9, this program reads 1"):
        resume(run, Squares())


def test_killed_before_the_first_checkpoint_begins_again(never_stopped: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "demo")
    run.create(never_stopped.config(), never_stopped.network())
    run.append_metrics({"kind": "step", "step": 3})
    assert resume(run, Squares(), deterministic=True) == "finished"
    assert [row["step"] for row in run.metrics() if row["kind"] == "step"] == list(range(1, 19))


def test_kill_9_at_any_moment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A real process, asked, refused to share, killed, and continued."""
    data, run = save_npz(tmp_path / "squares.npz", 600), Run(tmp_path / "demo")
    command = f"train --preset classic --data {data} --run-dir {run.path} --epochs 1000 --batch-size 16 --checkpoint-seconds 0.3"
    root = Path(__file__).parents[1]
    with open(tmp_path / "log", "w") as log:
        child = subprocess.Popen([sys.executable, "-m", "vae_core", *command.split()], cwd=root, stdout=log, stderr=log)
    try:
        wait_for(lambda: run.load_state() or child.poll() is not None, "a checkpoint", 120)
        assert child.poll() is None, (tmp_path / "log").read_text()

        dataset = loading.load(str(data))
        with pytest.raises(RunError, match=rf"being trained by another process \(pid {child.pid}\)"):
            resume(run, dataset)
        at = run.status()["step"]
        wait_for(lambda: run.status()["step"] > at, "the first trainer going on")

        for verb, state in (("pause", "paused"), ("continue", "running")):
            assert command_line.main(["runs", "--root", str(tmp_path), f"--{verb}", "demo"]) == 0
            assert f"demo: {state}" in capsys.readouterr().out and run.state()[0] == state

        time.sleep(random.uniform(0.0, 0.6))
        last = run.load_state()
    finally:
        child.kill()
        child.wait()
    assert last is not None
    state, why = run.state()
    assert state == "failed" and "Resume continues from the last checkpoint" in why
    assert command_line.main(["runs", "--pause", str(run.path)]) == 2
    assert "only a run in progress can be asked" in capsys.readouterr().err

    kept, seen = run.load_state(), [row["step"] for row in run.metrics() if row["kind"] == "step"][-1]
    assert kept is not None and last[1]["step"] <= kept[1]["step"]
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"kind": "step", "st')  # as a kill in the middle of a write would leave it

    def stop(row: dict[str, Any]) -> None:
        if row["step"] >= max(seen, kept[1]["step"]) + 5:
            run.update_control(command="stop")

    assert resume(run, dataset, show=stop) == "stopped"
    resumed = [row for row in run.metrics() if row.get("event") == "resumed"]
    assert [row["step"] for row in resumed] == [kept[1]["step"]]
    steps = [row["step"] for row in run.metrics() if row["kind"] == "step"]
    assert steps == sorted(set(steps)) and steps[-1] > seen
    assert {"paused", "continued", "resumed", "stopped"} <= set(events(run))
    assert all(step <= steps[-1] for step in run.snapshots())


FULL = """
import os, resource, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, sys.argv[1])
from tiny_runs import MODEL, Squares, recipe
from vae_core.cli import train_commands
from vae_core.runs import Run
from vae_core.training import recorder
recorder.REPORT_SECONDS = 0.0
run = Run(sys.argv[2])
def fill(row):
    if row["step"] == 8:  # the first epoch's checkpoint is there; from now on files end at 60 kB
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
def go(module, show):
    return module.train(MODEL, recipe(), Squares(), run, show=fill)
try:
    train_commands._watched(run, go)
except train_commands.TrainingFailed as error:
    print(error)
    sys.exit(1)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """Files that cannot grow stand in for it: Python ignores SIGXFSZ, so a write fails as it does on a full disk."""
    run = Run(tmp_path / "demo")
    code = [sys.executable, "-c", FULL, str(Path(__file__).parent), str(run.path)]
    done = subprocess.run(code, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1, done.stderr[-3000:]
    assert "could not write" in done.stdout and "Free some space, then resume." in done.stdout
    state, why = run.state()
    assert state == "failed" and "could not write" in why and run.status()["step"] >= 8
    kept = run.load_state()
    assert kept is not None and kept[1]["step"] == 6  # the earlier checkpoint is whole
    assert not list((run.path / "checkpoint").glob(".*"))
    assert resume(run, Squares()) == "finished"
    assert events(run) == ["resumed", "finished"] and run.state() == ("finished", "")
