"""End a trainer's process that no longer listens to control.json.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     end_trainer(Run(folder))
Traceback (most recent call last):
    ...
vae_core.runs.control.RunError: ...: no process is at work on it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, Run
from vae_core.settings import PROGRAM

PATIENCE = 3.0  # seconds for a trainer to end when it is asked politely


def end_trainer(run: Run) -> str:
    """End a trainer that does not listen: first politely, then by force. Takes up to 6 s.

    Returns:
        A sentence that says what happened.

    Raises:
        RunError: If no process is at work on the run, or it is not a trainer of ours.
    """
    process = run.process()
    if process is None:
        raise RunError(f"{run.path}: no process is at work on it. {run.state()[1]}".rstrip())
    try:
        words = process.cmdline()
    except psutil.Error:
        words = []
    if process.pid == os.getpid() or not is_trainer(words):
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
    # it listened after all, and has written so itself
    if not forced and run.status().get("state") in ENDED:
        return f"{run.name} has stopped."
    manner = "It did not answer and was ended by force." if forced else "It was ended from outside."
    note = f"{manner} Resume continues from the last checkpoint."
    others = {key: value for key, value in status.items() if key != "state"}
    run.write_status("failed", **{**others, "error": note})
    return note


def is_trainer(words: list[str]) -> bool:
    """Whether a process's command line is that of `python -m vae_core` with train, resume or standby.

    >>> is_trainer(["python", "-m", "vae_core", "train"]), is_trainer(["python", "train"])
    (True, False)
    """
    inside = any(word == "vae_core" or Path(word).parent.name == "vae_core" for word in words)
    return inside and any(word in ("train", "resume", "standby") for word in words)
