"""Runs become models one at a time, while pages stay usable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_runs import MODEL, recipe, wait_for

from vae_core.jobs import finished_runs
from vae_core.jobs.keeping import KeepingQueue
from vae_core.network import presets
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Run]:
    """A run that has finished, by name."""
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))

    def made(name: str) -> Run:
        run = Run(tmp_path / "runs" / name)
        run.create({"model": MODEL.to_dict(), "training": recipe().to_dict(), "dataset": {}}, presets.build(MODEL))
        run.write_status("finished")
        return run

    return made


class Work:
    """Keeps nothing: waits until it may go on, and notes what was at work together."""

    def __init__(self) -> None:
        self.go_on, self.at_work, self.most, self.done = threading.Event(), 0, 0, list[str]()

    def __call__(self, run: Run, name: str) -> Path:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        assert self.go_on.wait(20)
        self.at_work -= 1
        if name == "bad":
            raise RunError("its data have gone.")
        self.done.append(name)
        return run.path


def test_one_is_measured_at_a_time_in_the_order_they_came(ended: Callable[[str], Run]) -> None:
    work = Work()
    queue = KeepingQueue(work)
    one, bad, two = (queue.begin(ended(run), name) for run, name in (("a", "one"), ("b", "bad"), ("c", "two")))
    wait_for(lambda: one.state == "measuring", "the first to be measured", 10)
    assert (bad.state, queue.before(bad), queue.before(two)) == ("waiting", 1, 2)
    work.go_on.set()
    wait_for(lambda: two.over, "the end", 10)
    assert (one.state, bad.state, bad.note, two.state) == ("kept", "failed", "its data have gone.", "kept")
    assert work.done == ["one", "two"] and work.most == 1
    again = queue.begin(ended("d"), "three")  # the worker had gone home
    wait_for(lambda: again.over, "the end", 10)
    assert queue.newest(again.run) is again


def test_two_visitors_do_not_keep_under_one_name(ended: Callable[[str], Run], tmp_path: Path) -> None:
    work = Work()
    queue = KeepingQueue(work)
    first = queue.begin(ended("a"), "mine")
    with pytest.raises(RunError, match="a run is just being kept under the name 'mine'"):
        queue.begin(ended("b"), "mine")
    with pytest.raises(RunError, match="a is just being kept"):
        queue.begin(first.run, "another")
    work.go_on.set()
    wait_for(lambda: first.over, "the end", 10)
    (tmp_path / "models" / "taken").mkdir(parents=True)
    with pytest.raises(RunError, match="there is a model called 'taken' already"):
        queue.begin(first.run, "taken")


def test_the_queue_is_not_endless(ended: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS_WAITING", "1")
    work = Work()
    queue = KeepingQueue(work)
    jobs = [queue.begin(ended(name), name) for name in "ab"]
    with pytest.raises(RunError, match=r"at most 1 may wait \(VAE_EXPLORER_RUNS_WAITING\)"):
        queue.begin(ended("c"), "c")
    work.go_on.set()
    wait_for(lambda: all(job.over for job in jobs), "the end", 10)


def test_a_run_that_is_being_kept_stays_where_it_is(ended: Callable[[str], Run]) -> None:
    work = Work()
    queue = KeepingQueue(work)
    measured, waiting, other = (ended(name) for name in "abc")
    jobs = [queue.begin(measured, "one"), queue.begin(waiting, "two")]
    for run in (measured, waiting):
        with pytest.raises(RunError, match=f"{run.name} is just being kept"), queue.at_rest(run):
            pass
    with queue.at_rest(other):
        pass
    work.go_on.set()
    wait_for(lambda: all(job.over for job in jobs), "the end", 10)
    for run in (measured, waiting):
        with queue.at_rest(run):
            pass


def test_what_was_kept_goes_with_the_run_and_not_with_its_name(ended: Callable[[str], Run]) -> None:
    work = Work()
    work.go_on.set()
    queue = KeepingQueue(work)
    first, second = ended("a"), ended("b")
    job = queue.begin(first, "mine")
    wait_for(lambda: job.over, "the end", 10)
    renamed = finished_runs.rename(first, "c")
    assert queue.newest(renamed) is job
    assert queue.newest(finished_runs.rename(second, "a")) is None
