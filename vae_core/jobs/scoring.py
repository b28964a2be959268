"""Queue of models whose test images are scored one by one, each in a process of its own that stands aside for the app.

Scoring 10,000 images takes some seconds of a processor. `QUEUE.begin(task)` returns at once; what has been worked out is kept
beside the model where `Task.keep` allows it, and in this process, so that no image is scored twice.

    python -m vae_core.jobs.scoring MODEL [--step STEP] < pixels > scores

>>> QUEUE.job(("models/mine", "1f2e")) is None
True
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from vae_core.analysis import image_scores
from vae_core.analysis.image_scores import NAMES, Scores
from vae_core.checkpoints import store
from vae_core.checkpoints.errors import CheckpointError
from vae_core.jobs.environment import child_environment, python_module
from vae_core.jobs.model_check import bound_this_process
from vae_core.jobs.worker import NICE
from vae_core.settings import RUNS_WAITING, start_folder

# Models whose scores stay in memory, 240 KB each for 10,000 images.
REMEMBERED = 64
# Seconds of a process: of processors, and by the clock on a machine that is busy.
PROCESSOR_SECONDS, PATIENCE = 900, 3600.0


class ScoringFailed(RuntimeError):
    """Scores that could not be worked out, with what the process has said."""


@dataclass(frozen=True)
class Task:
    """Images to be scored by a model.

    Attributes:
        key: Tells it from all others: the model's files and the data set.
        model: Folder of the checkpoint or run.
        step: Of a run's snapshot; None for a checkpoint.
        weights: The file of the weights that are scored.
        checksum: Of the data set.
        pixels: (n, h, w, c) uint8.
        keep: Whether the scores may be written beside the model.
    """

    key: Hashable
    model: Path
    step: int | None
    weights: Path
    checksum: str
    pixels: np.ndarray = field(compare=False, repr=False)
    keep: bool = True


@dataclass
class Job:
    """A task on its way.

    Attributes:
        task: What is to be done; None once it is over, when its pixels are let go.
        total: Number of images.
        state: "waiting", "scoring", "done" or "failed".
        done: Images that have been scored.
        scores: The result.
        note: Why it failed.
    """

    task: Task | None
    total: int
    state: str = "waiting"
    done: int = 0
    scores: Scores | None = None
    note: str = ""

    @property
    def over(self) -> bool:
        """Whether it is done or has failed."""
        return self.state in ("done", "failed")


Progress = Callable[[int], None]


class ScoringQueue:
    """The models of a server whose images are scored, one at a time.

    Args:
        work: Scores a task's images; told how many are done.
    """

    def __init__(self, work: Callable[[Task, Progress], Scores] | None = None) -> None:
        self._work, self._lock = work or score_in_child, threading.Lock()
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()
        self._worker: threading.Thread | None = None

    def begin(self, task: Task) -> None:
        """Put a task into the queue, unless it is there already or the queue is full; returns at once."""
        with self._lock:
            waiting = sum(not job.over for job in self._jobs.values())
            if task.key in self._jobs or waiting > RUNS_WAITING.value():
                return
            self._jobs[task.key] = Job(task, len(task.pixels))
            for key in [key for key, other in self._jobs.items() if other.over][: max(0, len(self._jobs) - REMEMBERED)]:
                del self._jobs[key]
            if self._worker is None:
                self._worker = threading.Thread(target=self._work_off, daemon=True)
                self._worker.start()

    def job(self, key: Hashable) -> Job | None:
        """Job of a key; None where there is none, or where it was long ago."""
        with self._lock:
            if key in self._jobs:
                self._jobs.move_to_end(key)
            return self._jobs.get(key)

    def forget(self, key: Hashable) -> None:
        """Let a task that is over be begun again."""
        with self._lock:
            if key in self._jobs and self._jobs[key].over:
                del self._jobs[key]

    def _work_off(self) -> None:
        while True:
            with self._lock:
                job = next((job for job in self._jobs.values() if job.state == "waiting"), None)
                if job is None or job.task is None:
                    self._worker = None
                    return
                job.state, task = "scoring", job.task
            try:
                job.scores = self._done(task, job)
                job.state = "done"
            except FileNotFoundError:
                job.note, job.state = "its files have been replaced or deleted meanwhile.", "failed"
            # Whatever it was, the next one must have its turn.
            except Exception as error:
                job.note, job.state = str(error) or type(error).__name__, "failed"
            job.task = None

    def _done(self, task: Task, job: Job) -> Scores:
        def progress(done: int) -> None:
            job.done = done

        # Before the process reads the weights: if they are replaced meanwhile, the scores count for neither.
        digest = image_scores.weights_digest(task.weights)
        scores = self._work(task, progress)
        if task.keep:
            with suppress(OSError):
                image_scores.save(task.model, scores, task.checksum, digest)
        return scores


def score_in_child(task: Task, progress: Progress) -> Scores:
    """Score a task's images in a process that is niced and bounded.

    Raises:
        ScoringFailed: With the sentence that the process has printed.
        OSError: The pixels cannot be handed over: no space is left.
    """
    words = [str(task.model.resolve())]
    if task.step is not None:
        words += ["--step", str(task.step)]
    with tempfile.TemporaryFile() as pixels, tempfile.TemporaryFile() as result:
        pixels.write(np.ascontiguousarray(task.pixels).data)
        pixels.seek(0)
        child = subprocess.Popen(
            python_module("vae_core.jobs.scoring", *words),
            cwd=start_folder(),
            env=child_environment(),
            stdin=pixels,
            stdout=result,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        with suppress(psutil.Error, OSError):
            # The app comes first.
            psutil.Process(child.pid).nice(NICE)
        alarm = threading.Timer(PATIENCE, child.kill)
        alarm.start()
        try:
            said = _heard(child, progress)
            child.wait()
        finally:
            alarm.cancel()
        if child.returncode:
            raise ScoringFailed(said or "The process that scored them was ended: too little memory, or time.")
        result.seek(0)
        values = np.frombuffer(result.read(), np.float32)
    if values.size != len(NAMES) * len(task.pixels):
        raise ScoringFailed("The process that scored them broke off.")
    return Scores(*values.reshape(len(NAMES), -1))


def _heard(child: subprocess.Popen[str], progress: Progress) -> str:
    """Pass on the numbers that a child prints, until it ends; returns its last other line."""
    assert child.stderr is not None
    said = ""
    with child.stderr:
        for line in child.stderr:
            if line.strip().isdecimal():
                progress(int(line))
            elif line.strip():
                said = line.strip().removeprefix("error: ")
    return said


QUEUE = ScoringQueue()  # one for all sessions of the server


def main() -> int:
    """Score the pixels of standard input; write the figures to standard output as (6, n) float32."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--step", type=int)
    arguments = parser.parse_args()
    bound_this_process(PROCESSOR_SECONDS)

    def progress(done: int, total: int) -> None:
        print(done, file=sys.stderr, flush=True)

    try:
        checkpoint = store.load(arguments.model, arguments.step)
        pixels = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, *checkpoint.model.image_shape)
        scores = image_scores.score(checkpoint.engine(), pixels, progress=progress)
    except (CheckpointError, ValueError, OSError, MemoryError) as error:
        print(f"error: {error or 'it takes too much memory'}".replace("\n", " "), file=sys.stderr)
        return 2
    sys.stdout.buffer.write(np.stack([getattr(scores, name) for name in NAMES]).astype(np.float32).data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
