"""What the benchmark of live training stands on: a machine with a folder of runs, a browser, and trainers that end with it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import psutil

from benchmarks.common import ROOT
from vae_core.config import ModelConfig, recommended
from vae_core.jobs.launcher import Request
from vae_core.jobs.worker import NICE
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.index import list_runs

EPOCHS = 6  # about two minutes of two cores on the real images
READY_MB, IDLE_SHARE = 250, 0.05  # of a process that has imported TensorFlow and waits
Found = TypeVar("Found")


def until(true: Callable[[], Found | None], what: str, seconds: float = 120, every: float = 0.02) -> Found:
    """The first true answer."""
    end = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every)
    return found


class Machine:
    """A server of the app, the folder of its runs, and headless Chromium."""

    def __init__(self, server: Any, runs: Path, browser: Any) -> None:
        self.server, self.runs, self.browser = server, runs, browser
        self.process = psutil.Process(server.process.pid)

    def newest(self) -> Run | None:
        """The run that was begun last."""
        found = list_runs(self.runs)
        return found[0] if found else None

    @contextmanager
    def page(self, path: str) -> Iterator[Any]:
        """A new visitor's page, settled; its context ends with it."""
        from server import settle

        context = self.browser.new_context(viewport={"width": 1440, "height": 1000})
        page = context.new_page()
        page.goto(f"{self.server.url}/{path}")
        settle(page)
        try:
            yield page
        finally:
            context.close()

    def standby(self) -> psutil.Process | None:
        """The process that stands ready, if there is one."""
        trainers = [run.status().get("pid") for run in list_runs(self.runs)]
        for child in self.process.children():
            with suppress(psutil.Error):
                if "standby" in child.cmdline() and child.pid not in trainers:
                    return child
        return None

    def wait_for_standby(self) -> psutil.Process:
        """Until it has imported and measured what it will, and is idle, as it is by the time that a form is filled."""

        def idle() -> psutil.Process | None:
            found = self.standby()
            with suppress(psutil.Error):
                if found and found.memory_info().rss > READY_MB * 1e6:
                    return found if found.cpu_percent(1.0) < 100 * IDLE_SHARE else None
            return None

        return until(idle, "a trainer that stands ready", 120)

    @contextmanager
    def training(self, name: str) -> Iterator[Run]:
        """`python -m vae_core train`, as the form would ask for it, niced as the app does it; stopped at the end."""
        run = Run(self.runs / name)
        run.path.mkdir(parents=True)
        words = [word for word in _request(name).arguments(run) if word != "--queue"]
        with open(run.path / "trainer.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "vae_core", *words], cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        trainer = psutil.Process(process.pid)
        trainer.nice(trainer.nice() + NICE)
        # A page that is open before the first step finds it, and keeps no other process ready beside it.
        run.write_status("waiting", pid=process.pid, started=trainer.create_time(), doing="starting")
        try:
            yield run
        finally:
            self.stop(run)
            process.wait()

    def stop(self, run: Run) -> None:
        """Until it has saved and ended; whoever does not listen is killed."""
        process = run.process()
        with suppress(RunError, OSError):
            if run.state()[0] not in ENDED:
                run.update_control(command="stop")
        if process is not None:
            with suppress(psutil.Error):
                try:
                    process.wait(20)
                except psutil.TimeoutExpired:
                    process.kill()

    def end(self) -> None:
        """No process stays behind."""
        for run in list_runs(self.runs):
            self.stop(run)
        for child in self.process.children(recursive=True):
            with suppress(psutil.Error):
                child.kill()


class Watcher(Thread):
    """Looks every few milliseconds whether something is true; `seen` is when it was, by time.time()."""

    def __init__(self, true: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.true, self.seen = true, 0.0
        self.start()

    def run(self) -> None:
        """Until it is."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with suppress(Exception):
                if self.true():
                    self.seen = time.time()
                    return
            time.sleep(0.005)


def at_step(run: Run, step: int, seconds: float = 120) -> tuple[float, int]:
    """Waits for a report of at least this step: when it was made, by time.time(), and of which step it is."""

    def reached() -> tuple[float, int] | None:
        status = run.status()
        if status.get("state") == "failed":
            raise SystemExit(f"{run.name} failed: {status.get('error')}")
        done = int(status.get("step") or 0)
        return (float(status["heartbeat"]), done) if done >= step else None

    return until(reached, f"step {step} of {run.name}", seconds, every=0.05)


def others() -> float:
    """CPU-seconds of this machine so far that neither this process nor any that it has started took."""
    whole = psutil.cpu_times()
    busy = sum(getattr(whole, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))
    mine = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.Error):
            spent = process.cpu_times()
            mine += spent.user + spent.system + spent.children_user + spent.children_system
    return busy - mine


def _request(name: str) -> Request:
    return Request(name, training=recommended(ModelConfig(), epochs=EPOCHS))


def batch_size(run: Run) -> int:
    """Images a step."""
    return int(run.config()["training"]["batch_size"])


def data_name() -> str:
    """What the runs train on: "fashion" or "drawn"."""
    return _request("any").settled()
