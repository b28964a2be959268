"""The trainers' processes as the server sees them: one that stands ready, those that were sent off, how they ended.

>>> Trainers().ready_memory()
0
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from vae_core.jobs.environment import child_environment, python_module
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.health import LOG
from vae_core.runs.process import stamp
from vae_core.settings import STANDBY, start_folder

RETRY_SECONDS = 60.0  # between two tries to start a process that could not be started


@dataclass(frozen=True)
class Ready:
    """State of the process that is kept ready for the next run.

    Attributes:
        state: "ready", "starting", "busy" (a run is in progress: none is kept ready), "off" (none is wanted) or "unavailable".
        note: Why it is unavailable.
    """

    state: str
    note: str = ""


class _Child:
    """A `python -m vae_core standby` and what it has reported."""

    def __init__(self, root: Path, cold: bool) -> None:
        words = python_module("vae_core", "standby", "--root", str(root))
        # In the server's session, so that its low priority counts; it makes a process group of its own.
        self.process = subprocess.Popen(
            [*words, "--cold"] if cold else words,
            cwd=start_folder(),
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.messages: dict[str, Any] = {}
        self.run: Run | None = None
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def send(self, run: Run, arguments: list[str]) -> None:
        """Make it that run's trainer. `BrokenPipeError` if it has gone."""
        assert self.process.stdin is not None
        self.run = run
        line = json.dumps({"arguments": arguments, "log": str(run.path / LOG)}) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.close()

    def _listen(self) -> None:
        """Hear it out, then wait for its end, so that it does not stay behind as a zombie."""
        assert self.process.stdout is not None
        with self.process.stdout as lines, suppress(OSError):
            for line in lines:
                with suppress(ValueError, TypeError):
                    self.messages |= json.loads(line)
        code = self.process.wait()
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()
        if self.run is not None:
            _note_end(self.run, self.process.pid, code, str(self.messages.get("error", "")))


class Trainers:
    """The trainers' processes of a server, for all its sessions.

    Attributes:
        lock: Held while a run is set up, so that two clicks come one after the other.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._standby: _Child | None = None
        self._failed: tuple[float, str] = (-RETRY_SECONDS, "")

    def prepare(self, root: Path, busy: bool) -> Ready:
        """Start the process that stands ready, unless there is one or the machine is busy with a run; returns at once.

        Args:
            root: The folder of runs.
            busy: Whether a run is in progress.
        """
        with self.lock:
            child = self._standby
            if child is not None and child.alive:
                return Ready("ready" if child.messages.get("state") else "starting")
            if child is not None:
                self._standby = None
                if child.process.returncode != 0:  # 0: nobody had asked for long
                    why = child.messages.get("error", f"the trainer's process ended with {child.process.returncode}.")
                    self._failed = (time.monotonic(), str(why))
            if time.monotonic() - self._failed[0] < RETRY_SECONDS:
                return Ready("unavailable", self._failed[1])
            if not STANDBY.value():
                return Ready("off")
            if busy:
                return Ready("busy")
            try:
                self._standby = _Child(root, cold=False)
            except OSError as error:
                self._failed = (time.monotonic(), f"no process can be started ({error.strerror}).")
                return Ready("unavailable", self._failed[1])
            return Ready("starting")

    def ready_memory(self) -> int:
        """Memory in bytes of the process that stands ready, which the next run takes over; 0 without one."""
        with self.lock, suppress(psutil.Error):
            child = self._standby
            if child is not None and child.alive:
                return int(psutil.Process(child.process.pid).memory_info().rss)
        return 0

    def launch(self, root: Path, run: Run, arguments: list[str], asked: float, cold: bool) -> None:
        """Send a process off with a run. Where none can be started, the run's status says why.

        Args:
            root: The folder of runs.
            run: Its directory exists and holds what the command needs.
            arguments: Words of the command that trains it.
            asked: When it was asked for, in seconds since 1970.
            cold: Take a new process that imports nothing before its turn, not the one that stands ready.
        """
        with self.lock:
            for _ in range(2):
                child = self._taken(root, cold)
                run.write_status("waiting", **stamp(child.process.pid), since=asked, doing="starting")
                try:
                    child.send(run, arguments)
                    return
                except (BrokenPipeError, ValueError):  # it has just ended; take a new one
                    continue
            child.listener.join(2)  # what it had to say may still be on its way
            why = child.messages.get("error", "the trainer's process could not be started.")
            run.write_status("failed", error=str(why))

    def _taken(self, root: Path, cold: bool) -> _Child:
        child = None if cold else self._standby
        if child is not None:
            self._standby = None
        return child if child is not None and child.alive else _Child(root, cold)


def _note_end(run: Run, pid: int, code: int, error: str = "") -> None:
    """Say in the run directory how a trainer ended that could not do so itself. error: what it reported."""
    status = run.status()
    if code == 0 or status.get("pid") != pid or status.get("state") in ENDED:
        return
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        why = f"The trainer's process was killed ({name})"
        why += ": by someone, or by the system for want of memory." if name == "SIGKILL" else "."
    else:
        why = error or f"The trainer's process ended with exit code {code}."
    began = (run.path / "config.json").exists()
    why += " Resume continues from the last checkpoint." if began else " Resume begins it again."
    with suppress(OSError):
        run.write_status(**{**status, "state": "failed", "error": why})
