"""Train on a server that several use: whose run it is, what is refused, and keeping in the background."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from app_testing import problems, visit, words
from streamlit.testing.v1 import AppTest
from test_page_train import PAGE, Stand, a_run, press
from tiny_runs import wait_for

from pages.ui.train import finished
from vae_core.jobs import keeping
from vae_core.jobs import launcher as trainer
from vae_core.jobs.worker_pool import Ready
from vae_core.runs.control import RunError
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
    monkeypatch.setattr(trainer, "start", made.start)
    yield made
    st.cache_data.clear()
    st.cache_resource.clear()


def strangers(run: Run) -> Run:
    """The run as another visitor's."""
    run.write_request(visitor="somebody-else")
    return run


def test_the_page_says_that_runs_are_shared(stand: Stand) -> None:
    shared = "Runs are shared: all who use this server see them, and can pause, stop, rename and delete them."
    assert shared in words(visit(PAGE))
    a_run(stand.folder / "mine", "running")
    assert shared in words(visit(PAGE, run="mine"))


@pytest.mark.parametrize(("state", "key", "asked"), [("running", "stop", "stop"), ("running", "pause", "pause")])
def test_another_visitors_run_is_touched_after_a_question_only(stand: Stand, state: str, key: str, asked: str) -> None:
    run = strangers(a_run(stand.folder / "theirs", state, snapshots=(1,)))
    at = visit(PAGE, run="theirs")
    assert "another visitor" not in words(at)
    press(at, key)
    assert run.control().command == "run"
    assert "**theirs** was begun by another visitor of this server" in words(at)
    press(at, "asked_no")
    assert run.control().command == "run" and "another visitor" not in words(at)
    press(press(at, key), "asked_yes")
    assert run.control().command == asked and "another visitor" not in words(at)


def test_another_visitors_run_is_renamed_after_a_question(stand: Stand) -> None:
    strangers(a_run(stand.folder / "theirs", "finished", snapshots=(1,)))
    at = visit(PAGE, run="theirs")
    at.text_input(key="name_theirs").set_value("ours").run()
    press(at, "rename")
    assert (stand.folder / "theirs").is_dir()
    press(at, "asked_yes")
    assert (stand.folder / "ours").is_dir() and not (stand.folder / "theirs").exists()


def test_ones_own_run_and_one_from_a_terminal_are_touched_at_once(stand: Stand) -> None:
    at = visit(PAGE)
    press(at, "start")
    ((request, _),) = stand.started
    assert request.visitor
    own = Run(stand.folder / "my-run-1")
    own.write_request(visitor=request.visitor)
    press(at, "stop")
    assert own.control().command == "stop"
    terminal = a_run(stand.folder / "terminal", "running")
    press(visit(PAGE, run="terminal"), "stop")
    assert terminal.control().command == "stop"


def test_what_the_machine_cannot_take_is_said_before_the_click(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUN_MB", "100")
    at = visit(PAGE)
    (problem,) = problems(at)
    assert "This run would take about" in problem and "100 MB may be taken (VAE_EXPLORER_RUN_MB)" in problem
    assert at.button(key="start").disabled
    monkeypatch.setenv("VAE_EXPLORER_RUN_MB", "100000")
    assert problems(at.run()) == [] and not at.button(key="start").disabled


def test_a_run_beside_another_is_offered_only_where_one_more_may_train(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(stand.folder / "first", "running")
    monkeypatch.setenv("VAE_EXPLORER_RUNS_BESIDE", "1")
    at = visit(PAGE, run="first")
    at.selectbox(key="run_picker").select("A new run").run()
    assert problems(at) == ["first is in progress. A new run waits for its end."]
    assert not at.toggle and not at.button(key="start").disabled
    monkeypatch.setenv("VAE_EXPLORER_RUNS_BESIDE", "2")
    assert at.run().toggle(key="form_beside") is not None


def test_without_a_process_kept_ready_the_page_promises_no_measurement(stand: Stand) -> None:
    stand.ready = Ready("off")
    everything = words(visit(PAGE))
    assert "No process is kept ready here (VAE_EXPLORER_STANDBY=0)" in everything
    assert "How long it will take shows after its first batches" in everything


def test_keeping_goes_on_while_the_page_stays_usable(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, model = threading.Event(), stand.folder.parent / "models" / "shoes"

    def work(run: Run, name: str) -> Path:
        assert may_end.wait(30)
        if run.name == "two":
            raise RunError("its data have gone.")
        model.mkdir(parents=True)
        return model

    queue = keeping.KeepingQueue(work)
    monkeypatch.setattr(finished, "QUEUE", queue)
    visitors: dict[str, AppTest] = {}
    for name, kept in (("one", "shoes"), ("two", "boots")):
        a_run(stand.folder / name, "finished", snapshots=(1,))
        visitors[name] = visit(PAGE, run=name)
        visitors[name].text_input(key=f"name_{name}").set_value(kept).run()
        press(visitors[name], "keep")
    assert "Measuring it on the whole test split to keep it as shoes" in words(visitors["one"])
    assert "It is kept as boots after 1 other: one is measured at a time." in words(visitors["two"])
    other = visit(PAGE, run="two")
    other.text_input(key="name_two").set_value("three").run()
    press(other, "rename")
    assert "two is just being kept. Wait until that is done." in words(other)
    for key in (f"delete_{stand.folder / 'two'}", "delete_yes"):
        press(visitors["two"], key)
    assert (stand.folder / "two").is_dir() and "two is just being kept. Wait until that is done." in words(
        visitors["two"]
    )
    press(visitors["one"], "keep")
    assert "a run is just being kept under the name 'shoes'" in words(visitors["one"])
    may_end.set()
    jobs = [queue.newest(Run(stand.folder / name)) for name in visitors]
    wait_for(lambda: all(job is not None and job.over for job in jobs), "the end", 20)
    at = visitors["one"].run()
    assert [element.value for element in at.success] == ["Kept as shoes: it is in the model picker now."]
    assert "It was not kept: its data have gone." in words(visitors["two"].run())
