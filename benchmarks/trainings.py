"""What the benchmark of live training stands on: a machine with a folder of runs, a browser, and trainers that end with it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import numpy as np
import psutil

from benchmarks.common import ROOT
from benchmarks.visitor import visit
from vae_core.config import ModelConfig, recommended
from vae_core.jobs.launcher import Request
from vae_core.jobs.worker import NICE
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.index import list_runs

EPOCHS = 6  # about two minutes of two cores on the real images
READY_MB, IDLE_SHARE = 250, 0.05  # of a process that has imported TensorFlow and waits
POINT = ".st-key-chart_loss canvas"
PINS, PACE = 60, 0.35  # clicks of a visitor, and seconds between them
VIEWERS, LOOK = 10, 20  # so many pages open on one run, for so many seconds
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


# --- what is measured ---------------------------------------------------------------------------------------------


def press_train(machine: Machine, page: Any, words: str) -> float:
    """Press Train; seconds until the first point is on the page. Prints the words, and what came before it when."""
    known = {run.name for run in list_runs(machine.runs)}
    made = Watcher(lambda: newest(machine).name not in known)
    written = Watcher(lambda: made.seen and (newest(machine).path / "metrics.jsonl").exists())
    began = time.time()
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_selector(POINT, timeout=120_000)
    shown = time.time() - began
    written.join()
    print(
        f"{words}; from the click to the run's directory {made.seen - began:.2f} s, to its first row {written.seen - began:.2f} s, "
        f"to the page {shown:.2f} s",
        flush=True,
    )
    return shown


def apart(visits: Coroutine[Any, Any, list[float]]) -> list[float]:
    """In a thread of its own: Playwright's loop has this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, visits).result()


async def pins(url: str, count: int) -> list[float]:
    """Seconds of so many clicks of one visitor on the front page."""
    rng, times = np.random.default_rng(1), []
    async with visit(url) as visitor:
        await visitor.run()
        for z in rng.uniform(-2, 2, (count, 2)).round(1):
            times.append(await visitor.pin([float(value) for value in z]))
            await asyncio.sleep(PACE)
    return times


async def audience(url: str, query: str, all_there: Callable[[], None]) -> list[float]:
    """`VIEWERS` pages on one run; `all_there` is called when all of them are open. Seconds of each tick."""
    times: list[float] = []
    open_yet = asyncio.Barrier(VIEWERS) if hasattr(asyncio, "Barrier") else None

    async def one(number: int) -> None:
        async with visit(url, query, "train") as visitor:
            await visitor.run()
            if open_yet is None:
                await asyncio.sleep(5)
            else:
                await open_yet.wait()
            if number == 0:
                all_there()
            await asyncio.sleep(number / VIEWERS)  # they did not come at the same moment
            times.extend(await visitor.look(LOOK))

    await asyncio.gather(*(one(number) for number in range(VIEWERS)))
    return times


def asked(page: Any, run: Run, button: str, state: str) -> tuple[float, float, float]:
    """Seconds from control.json to status.json, from the click to status.json, and from the click to the page."""
    there = Watcher(lambda: run.status().get("state") == state)
    page.get_by_role("button", name=button, exact=True).wait_for()
    began = time.time()
    page.get_by_role("button", name=button, exact=True).click()
    page.locator(".stMarkdownBadge", has_text=state).wait_for(timeout=120_000)
    shown = time.time() - began
    there.join()
    asked = (run.path / "control.json").stat().st_mtime
    return there.seen - asked, there.seen - began, shown


def newest(machine: Machine) -> Run:
    run = machine.newest()
    assert run is not None
    return run


def cpu_seconds(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def p95(times: list[float]) -> float:
    return float(np.quantile(times, 0.95))


def quantiles(times: list[float]) -> str:
    return f"p50 {1000 * np.quantile(times, 0.5):.0f} ms, p95 {1000 * p95(times):.0f} ms (n = {len(times)})"
