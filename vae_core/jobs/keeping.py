"""Queue of runs that become models, one after the other.

Measuring takes a core for up to a minute, and nobody's page waits for it: `QUEUE.begin(run, "mine")` returns at once, and
`QUEUE.newest(run).state` is "waiting", "measuring", "kept" or "failed".

>>> QUEUE.newest(Run("runs/demo")) is None
True
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vae_core.jobs.finished_runs import publish, target_of
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.settings import RUNS_WAITING
from vae_core.storage.records import Stamp, stamps

REMEMBERED = 50  # jobs that are over


@dataclass
class Keeping:
    """A run on its way to a model.

    Attributes:
        run: The run.
        target: The folder of its model.
        state: "waiting", "measuring", "kept" or "failed".
        since: When that state began, in seconds since 1970.
        note: Why it failed.
    """

    run: Run
    target: Path
    state: str = "waiting"
    since: float = 0.0
    note: str = ""
    files: tuple[Stamp | None, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it is kept or has failed."""
        return self.state in ("kept", "failed")


class KeepingQueue:
    """The runs of a server that are to become models.

    Args:
        work: Makes the model of a run under a name, and returns its folder.
    """

    def __init__(self, work: Callable[[Run, str], Path] = publish) -> None:
        self._work, self._lock = work, threading.Lock()
        self._jobs: deque[Keeping] = deque()
        self._worker: threading.Thread | None = None

    def begin(self, run: Run, name: str) -> Keeping:
        """Put a run into the queue; returns at once.

        Raises:
            RunError: If `publish` would refuse it, its name or the run itself is on its way already, or the queue is full.
        """
        target = target_of(run, name)
        with self._lock:
            waiting = [job for job in self._jobs if not job.over]
            if any(job.target == target for job in waiting):
                raise RunError(f"a run is just being kept under the name {name!r}. Choose another name.")
            self._check_at_rest(run)
            if len(waiting) > RUNS_WAITING.value():
                raise RunError(
                    f"{len(waiting)} runs are being kept, and at most {RUNS_WAITING.value()} may wait "
                    f"({RUNS_WAITING.variable}). Try again in some minutes."
                )
            job = Keeping(run, target, since=time.time(), files=_files(run))
            self._jobs.append(job)
            while len(self._jobs) > REMEMBERED and self._jobs[0].over:
                self._jobs.popleft()
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work_off, daemon=True)
                self._worker.start()
            return job

    def newest(self, run: Run) -> Keeping | None:
        """Newest job of a run; None where there is none."""
        with self._lock:
            return next((job for job in reversed(self._jobs) if _is_of(job, run)), None)

    @contextmanager
    def at_rest(self, run: Run) -> Iterator[None]:
        """Within it nobody begins to keep the run, so that it can be renamed or deleted; `RunError` if it is being kept."""
        with self._lock:
            self._check_at_rest(run)
            yield

    def _check_at_rest(self, run: Run) -> None:
        if any(_is_of(job, run) for job in self._jobs if not job.over):
            raise RunError(f"{run.name} is just being kept. Wait until that is done.")

    def before(self, job: Keeping) -> int:
        """Number of jobs that are to be measured before this one."""
        with self._lock:
            waiting = [other for other in self._jobs if not other.over]
            return waiting.index(job) if job in waiting else 0

    def _work_off(self) -> None:
        while True:
            with self._lock:
                job = next((job for job in self._jobs if job.state == "waiting"), None)
                if job is None:
                    self._worker = None
                    return
                job.state, job.since = "measuring", time.time()
            try:
                self._work(job.run, job.target.name)
                outcome, note = "kept", ""
            except Exception as error:  # whatever it was, the next one must have its turn
                outcome, note = "failed", str(error)
            with self._lock:
                job.state, job.since, job.note = outcome, time.time(), note


def _files(run: Run) -> tuple[Stamp | None, ...]:
    """What tells the run from others that bear its name, before or after it: network.json is written once a run."""
    return stamps(run.path, "network.json")


def _is_of(job: Keeping, run: Run) -> bool:
    files = _files(run)
    return job.files == files and (None not in files or job.run.path == run.path)


QUEUE = KeepingQueue()  # one for all sessions of the server
