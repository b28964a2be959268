"""How a run is, as a person should hear it; and the end of a trainer that no longer listens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from vae_core.storage.files import FileProblem
from vae_core.runs.directory import ENDED, STATES, Run, RunError

LOG = "trainer.log"  # what the trainer printed
TAIL_BYTES = 4000
PATIENCE = 3.0  # seconds for a trainer to end when it is asked politely


@dataclass(frozen=True)
class Health:
    """state: one of `STATES`, or "unreadable". note: a sentence for the page, "" where nothing is to be said.

    log: the last lines that a failed trainer printed. active: a process is at work on it, or waits to. hangs: that process
    has not been heard of for long. resumable: it ended before its last step and can go on.
    """

    state: str
    note: str = ""
    log: str = ""
    active: bool = False
    hangs: bool = False
    resumable: bool = False


def health(run: Run, status: Mapping[str, Any] | None = None) -> Health:
    """Never raises: a directory that is half deleted or of a newer version is "unreadable", and the note says why.

    status: what `run.status()` has read just now.
    """
    status = run.status() if status is None else status
    try:
        if (run.path / "config.json").exists():
            run.config()
            run.network()
        elif not (run.path / "status.json").exists():
            run.config()  # raises: no run at all
        state, note = run.state(status)
        if state not in STATES:
            raise RunError(f"{run.path} is in the state {state!r}, which this program does not know.")
    except (FileProblem, ValueError, TypeError, KeyError, OSError) as error:
        return Health("unreadable", str(error) or type(error).__name__)
    if state in ENDED:
        failed = state == "failed"
        tail = log_tail(run) if failed else ""
        if failed and not (run.path / "config.json").exists():
            note = note or "The trainer's process ended before the first step."
        return Health(state, note, tail, resumable=state != "finished")
    hangs = bool(note)
    doing = status.get("doing", "")
    return Health(state, note or str(doing), active=run.process(status) is not None, hangs=hangs)


def log_tail(run: Run) -> str:
    """The last `TAIL_BYTES` of what the trainer printed; "" if there is no log, as with a run from a terminal."""
    try:
        with open(run.path / LOG, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
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
            f"process {process.pid} is not a trainer that was started by `python -m vae_core`; it is left alone. End it yourself."
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
