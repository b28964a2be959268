"""Human-readable status of a run: its state, a sentence for the page, and what can be done with it.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     run = Run(folder)
...     run.write_status("stopped", error="")
...     stopped_run = health(run)
>>> stopped_run.state, stopped_run.resumable, stopped_run.active
('stopped', True, False)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vae_core.runs.directory import ENDED, UNREADABLE, Run
from vae_core.storage.errors import FileProblem, printable, reason
from vae_core.storage.records import read_tail

LOG = "trainer.log"  # what the trainer printed
TAIL_BYTES = 4000
MAX_NOTE = 2000  # characters of a sentence that a status file holds


@dataclass(frozen=True)
class Health:
    """Status of a run, for a page or a terminal.

    Attributes:
        state: One of `formats.STATES`, or "unreadable".
        note: A sentence for the user, "" where nothing is to be said.
        log: The last lines that a failed trainer printed.
        active: A process is at work on the run, or waits to be.
        hangs: That process has not been heard of for long.
        resumable: The run ended before its last step and can go on.
        problems: A sentence for each file that cannot be read, but without which the run can be looked at.
    """

    state: str
    note: str = ""
    log: str = ""
    active: bool = False
    hangs: bool = False
    resumable: bool = False
    problems: tuple[str, ...] = ()


def health(run: Run, status: Mapping[str, Any] | None = None, arrays: bool = True) -> Health:
    """Find out the status of a run, whatever its directory holds.

    Never raises: a directory that is half deleted, odd or of a newer version is "unreadable", and the note says why.

    Args:
        run: The run.
        status: What `run.status()` has read just now.
        arrays: Whether `problems` tells of arrays that cannot be read; a list of many runs does without.
    """
    status = run.status() if status is None else status
    try:
        run.check()
    except (ValueError, OSError) as error:
        return Health(UNREADABLE, printable(reason(error)))
    state, note = run.state(status)
    note, problems = printable(note[:MAX_NOTE]), run.problems(arrays)
    if state == UNREADABLE:
        return Health(state, note, problems=problems)
    if state in ENDED:
        failed = state == "failed"
        tail = log_tail(run) if failed else ""
        if failed and not (run.path / "config.json").exists():
            note = note or "The trainer's process ended before the first step."
        return Health(state, note, tail, resumable=state != "finished", problems=problems)
    doing = printable(str(status.get("doing", ""))[:MAX_NOTE])
    active = run.process(status) is not None
    return Health(state, note or doing, active=active, hangs=bool(note), problems=problems)


def log_tail(run: Run) -> str:
    """The last `TAIL_BYTES` bytes of what the trainer printed; "" if there is no log, as with a run from a terminal."""
    try:
        text = read_tail(run.path / LOG, TAIL_BYTES).decode(errors="replace")
    except FileProblem:
        return ""
    return text.strip()
