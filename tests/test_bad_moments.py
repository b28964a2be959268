"""Moments in which a machine lets a run down: a full disk, a clock that is set back, another run's odd file in the queue."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vae_core.jobs import queue
from vae_core.runs import directory
from vae_core.runs.directory import STALE_SECONDS, Run
from vae_core.runs.health import health


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "run")
    made.path.mkdir()
    return made


def full_disk(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOSPC) -> None:
    """From now on nothing new can be written under a name of its own; what is there can be written over."""

    def refused(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(directory, "write_json", refused)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_the_last_word_of_a_run_is_said_on_a_full_disk(run: Run, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    run.write_status("running", step=7, doing="a sentence that is longer than all that comes after it " * 9)
    full_disk(monkeypatch, number)
    run.write_status("failed", step=7, error="the disk is full.", traceback="x" * 9000)
    assert run.state() == ("failed", "the disk is full.")
    status = json.loads((run.path / "status.json").read_text())  # nothing of the longer one is left
    assert status["step"] == 7 and "traceback" not in status and "doing" not in status


def test_a_state_that_is_no_last_word_is_not_written_over(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write_status("running", step=7)
    before = (run.path / "status.json").read_bytes()
    full_disk(monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        run.write_status("running", step=8)
    full_disk(monkeypatch, errno.EACCES)
    with pytest.raises(OSError, match="Permission denied"):
        run.write_status("failed", error="why")
    assert (run.path / "status.json").read_bytes() == before


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_a_clock_that_was_set_makes_no_living_trainer_dead(
    run: Run, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    run.write_status("running", step=1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600 * hours)
    assert run.state() == ("running", "") and run.process() is not None
    assert health(run).active


@pytest.mark.parametrize("hours", [-30, -1, 0, 1])
def test_a_clock_that_was_set_makes_no_dead_trainer_alive(
    run: Run, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    code = "import sys; from vae_core.runs.directory import Run; Run(sys.argv[1]).write_status('running', step=1)"
    subprocess.run([sys.executable, "-c", code, str(run.path)], check=True, timeout=60)
    status = json.loads((run.path / "status.json").read_text())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600 * hours)
    assert run.state()[0] == "failed"
    # its number has been given to another process, this one, which began long after
    (run.path / "status.json").write_text(json.dumps({**status, "pid": os.getpid()}))
    assert run.process() is None and run.state()[0] == "failed"


@pytest.mark.parametrize("hours", [-30, 0, 30])
def test_a_trainer_that_hangs_is_told_whatever_the_clock_says(
    run: Run, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    run.write_status("running", step=1)
    now, ticks = time.time(), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: now + 3600 * hours)
    monkeypatch.setattr(time, "monotonic", lambda: ticks + STALE_SECONDS + 12)
    state, note = run.state()
    assert state == "running" and "not been heard of for 42 s" in note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"state": 3}',
        '{"state": "running", "heartbeat": null}',
        "[" * 100_000,
        '{"state": "no"}',
    ],
)
def test_a_run_waits_for_no_other_whose_status_is_odd(tmp_path: Path, text: str) -> None:
    other, mine = tmp_path / "other", Run(tmp_path / "mine")
    other.mkdir()
    mine.path.mkdir()
    (other / "status.json").write_text(text)
    mine.update_control(command="wait")
    with queue.turn(mine) as mine_now:
        assert mine_now
    assert (other / "status.json").read_text() == text


def test_an_odd_status_that_comes_while_a_run_waits_lets_it_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, mine = Run(tmp_path / "other"), Run(tmp_path / "mine")
    mine.path.mkdir()
    other.path.mkdir()
    other.write_status("running", step=1)  # by this process, which lives
    mine.update_control(command="wait")
    looks = []

    def look(_: float) -> None:
        looks.append(mine.status()["doing"])
        (other.path / "status.json").write_text('{"state": "running", "pid": "1e999"}')

    monkeypatch.setattr(queue.time, "sleep", look)
    with queue.turn(mine) as mine_now:
        assert mine_now
    assert looks[0] == "waiting for other to end"
