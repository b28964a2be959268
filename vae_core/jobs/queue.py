"""Whose turn it is to train: the runs of one folder go one after another, oldest request first.

The queue is nothing but processes that wait, each with a run directory in the state "waiting"; so it needs no one to
keep it, and outlives whoever started it. A waiting process has not imported TensorFlow and costs little.

>>> import tempfile
>>> from pathlib import Path
>>> with tempfile.TemporaryDirectory() as folder:
...     run = Run(Path(folder) / "demo")
...     run.path.mkdir()
...     with turn(run) as trains:
...         print(trains)
True
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from vae_core.runs.directory import OVER, Run
from vae_core.runs.index import unfinished

LOOK_SECONDS = 0.25
BEAT_SECONDS = 1.0


@contextmanager
def turn(run: Run, asked: float | None = None) -> Iterator[bool]:
    """Wait until no other run of the folder is in progress.

    A run whose control says "run" does not wait, and
    `run.update_control(command="run")` sends a waiting one on at once, beside the others.

    Args:
        run: The run that waits.
        asked: When it was asked for, in seconds since 1970; the older request goes first. By default now.

    Yields:
        Whether to train: False if a stop was asked for.
    """
    lock = FileLock(run.path.parent / ".turn.lock")
    try:
        yield _wait(run, time.time() if asked is None else asked, lock)
    finally:
        lock.release()


def _wait(run: Run, asked: float, lock: FileLock) -> bool:
    beat = 0.0
    while True:
        command = run.control().command
        if command == "stop":
            run.write_status("stopped")
            return False
        others = before(run, asked)
        if command != "wait" or (not others and _had(lock)):
            run.write_status("waiting", doing="starting")
            return True
        if time.monotonic() - beat >= BEAT_SECONDS:
            doing = f"waiting for {others[0].name} to end" if others else "waiting for its turn"
            run.write_status("waiting", since=asked, doing=doing)
            beat = time.monotonic()
        time.sleep(LOOK_SECONDS)


def before(run: Run, asked: float) -> list[Run]:
    """Other runs of the folder that are in progress, then those that wait and were asked for earlier."""
    active, queued = [], []
    for other in unfinished(run.path.parent):
        if other.path == run.path:
            continue
        status = other.status()
        state, _ = other.state(status)
        if state in OVER or other.process(status) is None:
            continue
        since = status.get("since")
        if state != "waiting" or not isinstance(since, (int, float)):
            active.append(other)
        elif (since, other.name) < (asked, run.name):
            queued.append((since, other.name, other))
    return active + [other for *_, other in sorted(queued, key=lambda entry: entry[:2])]


def _had(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
