"""How a run is, as a person should hear it; and the end of a trainer that no longer listens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from vae_core.runs.directory import ENDED, OVER, UNREADABLE, Run, RunError
from vae_core.settings import PROGRAM
from vae_core.storage.records import FileProblem, printable, read_tail, reason

LOG = "trainer.log"  # what the trainer printed
TAIL_BYTES = 4000
MAX_NOTE = 2000  # characters of a sentence that a status file holds
PATIENCE = 3.0  # seconds for a trainer to end when it is asked politely


@dataclass(frozen=True)
class Health:
    """state: one of `formats.STATES`, or "unreadable". note: a sentence for the page, "" where nothing is to be said.

    log: the last lines that a failed trainer printed. active: a process is at work on it, or waits to. hangs: that process
    has not been heard of for long. resumable: it ended before its last step and can go on. problems: a sentence for each file
    that cannot be read, but without which the run can be looked at.
    """

    state: str
    note: str = ""
    log: str = ""
    active: bool = False
    hangs: bool = False
    resumable: bool = False
    problems: tuple[str, ...] = ()


def health(run: Run, status: Mapping[str, Any] | None = None) -> Health:
    """Never raises: a directory that is half deleted, odd or of a newer version is "unreadable", and the note says why.

    status: what `run.status()` has read just now.
    """
    status = run.status() if status is None else status
    try:
        run.check()
    except (ValueError, OSError) as error:
        return Health(UNREADABLE, printable(reason(error)))
    state, note = run.state(status)
    note, problems = printable(note[:MAX_NOTE]), run.problems()
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
    """The last `TAIL_BYTES` of what the trainer printed; "" if there is no log, as with a run from a terminal."""
    try:
        text = read_tail(run.path / LOG, TAIL_BYTES).decode(errors="replace")
    except FileProblem:
        return ""
    return text.strip()


def end(run: Run) -> str:
    """End a trainer that does not listen: first politely, then by force; returns a sentence that says what happened.

    Raises `RunError` if there is none, or if the process of that number is not a trainer of ours.
    """
    process = run.process()
    if process is None:
        raise RunError(f"{run.path}: no process is at work on it. {run.state()[1]}".rstrip())
    try:
        words = process.cmdline()
    except psutil.Error:
        words = []
    if process.pid == os.getpid() or not _is_trainer(words):
        raise RunError(
            f"process {process.pid} is not a trainer that was started by `{PROGRAM}`; it is left alone. End it yourself."
        )
    status = run.status()
    forced = False
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(PATIENCE)
        except psutil.TimeoutExpired:
            forced = True
            process.kill()
            with suppress(psutil.TimeoutExpired):
                process.wait(PATIENCE)
    if not forced and run.status().get("state") in ENDED:  # it listened after all, and has said so itself
        return f"{run.name} has stopped."
    how = "It did not answer and was ended by force." if forced else "It was ended from outside."
    note = f"{how} Resume continues from the last checkpoint."
    kept = {key: value for key, value in status.items() if key != "state"}
    run.write_status("failed", **{**kept, "error": note})
    return note


def _is_trainer(words: list[str]) -> bool:
    """python -m vae_core train, resume or standby."""
    inside = any(word == "vae_core" or Path(word).parent.name == "vae_core" for word in words)
    return inside and any(word in ("train", "resume", "standby") for word in words)
