"""Measuring a model's uses in a process of its own, niced, one at a time: the app stays quick while it lasts.

MEASURING.start(folder, "compression")      # or waits for its turn
MEASURING.progress(folder, "compression")   # None when it has ended
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from vae_core.jobs.environment import child_environment, python_module
from vae_core.jobs.worker import NICE
from vae_core.settings import start_folder

COMMANDS = {
    "compression": "compress",
    "denoising": "denoise",
    "anomalies": "anomalies",
    "clustering": "cluster",
    "report": "report",
}
MOST_WAITING = 8
_STEP = re.compile(r"(\d+) of (\d+)")


@dataclass
class Measurement:
    """One that was asked for.

    Attributes:
        folder: The model's.
        use: One of `COMMANDS`.
        share: How much is done, 0..1.
        state: "waiting", "running", "done", "failed" or "stopped".
        problem: Why it failed.
    """

    folder: Path
    use: str
    share: float = 0.0
    state: str = "waiting"
    problem: str = ""
    _child: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def in_progress(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")


class Measurements:
    """All that one server measures, in the order in which it was asked for."""

    def __init__(self, command: Callable[[Path, str], list[str]] | None = None) -> None:
        """Take another command for tests."""
        self._command = command or measuring_command
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._all: dict[tuple[Path, str], Measurement] = {}

    def start(self, folder: Path, use: str) -> Measurement:
        """Measure a use of a model; one that is in progress is not begun again.

        Raises:
            ValueError: Too many wait already.
        """
        key = (folder.resolve(), use)
        with self._lock:
            known = self._all.get(key)
            if known is not None and known.in_progress:
                return known
            if sum(one.in_progress for one in self._all.values()) >= MOST_WAITING:
                raise ValueError("too many models wait to be measured. Try again in a minute.")
            measurement = self._all[key] = Measurement(*key)
        threading.Thread(target=self._run, args=(measurement,), daemon=True).start()
        return measurement

    def get(self, folder: Path, use: str) -> Measurement | None:
        """The newest measurement of this use; None where there was none since the server began."""
        with self._lock:
            return self._all.get((folder.resolve(), use))

    def stop(self, folder: Path, use: str) -> None:
        """End a measurement; nothing is kept of it."""
        measurement = self.get(folder, use)
        if measurement is None or not measurement.in_progress:
            return
        measurement.state = "stopped"
        child = measurement._child
        if child is not None:
            with suppress(OSError):
                child.terminate()

    def _run(self, measurement: Measurement) -> None:
        with self._turn:
            if measurement.state != "waiting":
                return
            try:
                self._follow(measurement)
            except OSError as error:
                measurement.state, measurement.problem = "failed", str(error)

    def _follow(self, measurement: Measurement) -> None:
        with subprocess.Popen(
            self._command(measurement.folder, measurement.use),
            cwd=start_folder(),
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as child:
            measurement._child = child
            with suppress(psutil.Error, OSError):
                psutil.Process(child.pid).nice(NICE)
            if measurement.state == "stopped":
                child.terminate()
            else:
                measurement.state = "running"
            last = ""
            assert child.stderr is not None
            for line in child.stderr:
                step = _STEP.fullmatch(line.strip())
                if step:
                    measurement.share = int(step[1]) / max(1, int(step[2]))
                elif line.strip():
                    last = line.strip()
        code = child.wait()
        if measurement.state == "running":
            measurement.problem = "" if code == 0 else last.removeprefix("error: ") or f"exit code {code}"
            measurement.state = "done" if code == 0 else "failed"


def measuring_command(folder: Path, use: str) -> list[str]:
    """Words of the command that measures a use and keeps the figures in the model's folder."""
    return python_module("vae_core", COMMANDS[use], str(folder), "--measure", "--write")


MEASURING = Measurements()
