"""How live a training is: from the click to the first point, and what it costs the run, the other pages and the machine.

    python benchmarks/live_training.py [--only start,speed,clicks,latency,memory,viewers]

Everything runs here: the app's server, real trainers, headless Chromium, and visitors that speak Streamlit's protocol. On
Fashion-MNIST where FASHION_MNIST_DIR names it, else on drawn clothes. Needs what the browser tests need, and about five
minutes. Trust it only on an idle machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.app import clicks as browser_clicks
from benchmarks.common import ROOT, verdict
from benchmarks.trainings import Machine, Watcher, at_step, batch_size, data_name, others, until
from benchmarks.visitor import visit
from vae_core.runs.directory import Run
from vae_core.runs.index import list_runs

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
MODELS = ROOT / "checkpoints"
POINT = ".st-key-chart_loss canvas"
STARTS, PAUSES, STOPS = 3, 6, 3
TURNS = (
    "watched",
    "alone",
    "alone",
    "watched",
    "alone",
    "watched",
    "watched",
    "alone",
)  # a machine that drifts serves both alike
FROM, EARLY, WHOLE = (100, 700, 2300)  # of the comparison: from this step on, so many; snapshots are densest at first
PINS, PACE = 60, 0.35  # clicks of a visitor, and seconds between them
VIEWERS, LOOK = 10, 20  # so many pages open on one run, for so many seconds


def start(machine: Machine) -> bool:
    """From the click on Train to the first point of the loss on the page."""
    times = []
    for number in range(STARTS):
        with machine.page("train") as page:
            opened = time.monotonic()
            machine.wait_for_standby()
            ready = time.monotonic() - opened
            times.append(
                _train(
                    machine, page, f"start {number + 1}: a process stood idle {ready:.1f} s after the page was opened"
                )
            )
        machine.stop(_newest(machine))
    return verdict(f"click on Train to the first loss point, slowest of {STARTS}", max(times), 4, "s", at_least=False)


def speed(machine: Machine) -> bool:
    """Images per second of the same command, with the page Train open on it and without, in turns.

    Over the first steps, and over nearly all of the run that the form proposes.
    """
    found: dict[str, list[tuple[float, float]]] = {"watched": [], "alone": []}
    for number, how in enumerate(TURNS):
        with ExitStack() as stack:
            run = stack.enter_context(machine.training(f"{how}-{number}"))
            page = stack.enter_context(machine.page(f"train?run={run.name}")) if how == "watched" else None
            first, low = at_step(run, FROM)
            if page is not None:
                page.wait_for_selector(POINT)
            parts = [at_step(run, FROM + steps) for steps in (EARLY, WHOLE)]
            assert machine.standby() is None  # it would import TensorFlow beside one of them
            if page is not None:  # it has really followed
                shown = page.get_by_test_id("stProgress").first.inner_text()
                assert page.evaluate("window.__liveMap?.training?.ready"), "the map was not drawn"
                assert int(shown.split()[1].replace(",", "")) > FROM, shown
            early, whole = ((high - low) * batch_size(run) / (last - first) for last, high in parts)
            found[how].append((early, whole))
        print(f"{how}: {early:,.0f} images a second over {EARLY} steps, {whole:,.0f} over {WHOLE}", flush=True)
    early, whole = np.mean(found["watched"], axis=0) / np.mean(found["alone"], axis=0)
    name = "images per second, watched by one Chromium against unwatched"
    print(f"      {name}, the first {EARLY} steps: {early:.3g} ×")
    return verdict(f"{name}, {WHOLE} steps", float(whole), 0.9)


def clicks(machine: Machine) -> bool:
    """From a click on the front page's map to the answer, while a run trains."""
    idle = _apart(_pins(machine.server.url, PINS // 2))
    print(f"click to the answer, nothing else at work: {_quantiles(idle)}")
    with machine.training("beside") as run:
        at_step(run, 50)
        busy = _apart(_pins(machine.server.url, PINS))
        with machine.page("") as page:
            page.wait_for_function("() => window.__liveMap?.living?.missing === 0", timeout=120_000)
            seen = browser_clicks(page, 30)
        assert run.state()[0] == "running", "the run ended before the clicks"
    print(f"click to the answer, while a run trains: {_quantiles(busy)}; with Chromium: {_quantiles(seen)}")
    good = verdict("click to decode beside a run, p95", 1000 * _p95(busy), 600, "ms", at_least=False)
    return good & verdict(
        "click to decode beside a run, in Chromium, p95", 1000 * _p95(seen), 600, "ms", at_least=False
    )


def latency(machine: Machine) -> bool:
    """From a click on Pause and on Stop to the state on disk, and on the page."""
    rng, found = np.random.default_rng(0), {"paused": [], "stopped": []}  # type: ignore[var-annotated]
    with machine.training("obeys") as run, machine.page(f"train?run={run.name}") as page:
        page.wait_for_selector(POINT, timeout=120_000)
        for _ in range(PAUSES):
            page.wait_for_timeout(1000 + 1000 * rng.random())  # anywhere between two ticks of the page
            found["paused"].append(_asked(page, run, "Pause", "paused"))
            _asked(page, run, "Continue", "running")
        for number in range(STOPS):
            page.wait_for_timeout(1000 + 1000 * rng.random())
            found["stopped"].append(_asked(page, run, "Stop", "stopped"))
            if number + 1 < STOPS:
                until(lambda: run.process() is None, "the end of its process")
                _asked(page, run, "Resume", "running")
    good = True
    for state, times in found.items():
        written, click, page_time = (max(column) for column in zip(*times, strict=True))
        name = f"{state}, slowest of {len(times)}"
        good &= verdict(f"{name}: from control.json to status.json", written, 0.5, "s", at_least=False)
        print(f"      {name}: from the click to the disk {click:.2f} s, to the page {page_time:.2f} s")
        print("      each, from control.json to status.json: " + ", ".join(f"{each[0]:.2f}" for each in times))
    return good


def memory(machine: Machine) -> bool:
    """Resident memory of the server with a run on a page, of the process that stands ready, and of the trainer."""
    with machine.page("train") as page:
        waiting = machine.wait_for_standby().memory_info().rss
        page.get_by_role("button", name="Train", exact=True).click()
        page.wait_for_selector(POINT, timeout=120_000)
        run = _newest(machine)
        at_step(run, 300)
        process = run.process()
        trainer = process.memory_info().rss if process else 0
        server = machine.process.memory_info().rss
    machine.stop(run)
    print(f"memory: the process that stands ready {waiting / 1e6:.0f} MB, the trainer {trainer / 1e6:.0f} MB")
    return verdict("memory of the server that shows it", server / 1e6, 500, "MB", at_least=False)


def viewers(machine: Machine) -> bool:
    """How often the server reads the files of a run that ten look at. Its server notes what it opens."""
    opened = Path(os.environ["OPENED"])
    with machine.training("popular") as run:
        at_step(
            run, 300
        )  # past the second snapshot: then badge and buttons stay as they are, and only the fragment runs
        before, began, answers = 0.0, 0.0, []

        def all_there() -> None:
            nonlocal before, began
            before, began = _cpu(machine.process), time.time()

        answers = _apart(_audience(machine.server.url, f"run={run.name}", all_there))
        spent, ended = _cpu(machine.process) - before, time.time()
        assert run.state()[0] == "running", "the run ended before the viewers left"
    rows = [line.split() for line in opened.read_text().splitlines()]
    rows = [row for row in rows if began <= float(row[0]) <= ended]
    counts = Counter(name for _, name in rows)
    seconds = ended - began
    print(
        f"{VIEWERS} viewers for {seconds:.0f} s: {len(answers)} ticks answered, {_quantiles(answers)}; the server took "
        f"{100 * spent / seconds:.0f} % of one core ({os.cpu_count()} here), {1000 * spent / max(1, len(answers)):.0f} ms a tick"
    )
    each = ", ".join(f"{name} {count / seconds:.2f}" for name, count in counts.most_common())
    print(f"      files of the run opened by the server, times a second: {each}")
    return verdict(
        f"reads of metrics.jsonl a second with {VIEWERS} viewers",
        counts["metrics.jsonl"] / seconds,
        1,
        "",
        at_least=False,
    )


# --- how it is measured ---------------------------------------------------------------------------------------


def _train(machine: Machine, page: Any, words: str) -> float:
    """Press Train; seconds until the first point is on the page. Prints the words, and what came before it when."""
    known = {run.name for run in list_runs(machine.runs)}
    made = Watcher(lambda: _newest(machine).name not in known)
    written = Watcher(lambda: made.seen and (_newest(machine).path / "metrics.jsonl").exists())
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


def _apart(visits: Coroutine[Any, Any, list[float]]) -> list[float]:
    """In a thread of its own: Playwright's loop has this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, visits).result()


async def _pins(url: str, count: int) -> list[float]:
    """Seconds of so many clicks of one visitor on the front page."""
    rng, times = np.random.default_rng(1), []
    async with visit(url) as visitor:
        await visitor.run()
        for z in rng.uniform(-2, 2, (count, 2)).round(1):
            times.append(await visitor.pin([float(value) for value in z]))
            await asyncio.sleep(PACE)
    return times


async def _audience(url: str, query: str, all_there: Callable[[], None]) -> list[float]:
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


def _asked(page: Any, run: Run, button: str, state: str) -> tuple[float, float, float]:
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


def _newest(machine: Machine) -> Run:
    run = machine.newest()
    assert run is not None
    return run


def _cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def _p95(times: list[float]) -> float:
    return float(np.quantile(times, 0.95))


def _quantiles(times: list[float]) -> str:
    return f"p50 {1000 * np.quantile(times, 0.5):.0f} ms, p95 {1000 * _p95(times):.0f} ms (n = {len(times)})"


PARTS: dict[str, Callable[[Machine], bool]] = {
    "start": start,
    "speed": speed,
    "clicks": clicks,
    "latency": latency,
    "memory": memory,
    "viewers": viewers,
}


def main() -> int:
    """All of it, or the parts that are named."""
    import chromium
    from playwright.sync_api import sync_playwright
    from server import FLAGS, serving

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parts = parser.parse_args().only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}; got {', '.join(sorted(unknown))}.")
    path = chromium.find()
    if path is None:
        raise SystemExit(chromium.HOW)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; trained on: {data_name()}", flush=True)
    began, good = time.monotonic(), True
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["OPENED"] = f"{folder}/opened"
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name in parts:  # each with a server and a folder of its own: none inherits what another has left
            runs = Path(folder) / name
            runs.mkdir()
            os.environ["VAE_EXPLORER_RUNS"] = str(runs)
            program = ("benchmarks/counted_server.py",) if name == "viewers" else ("-m", "streamlit")
            foreign, at = others(), time.monotonic()
            with serving(MODELS, Path(folder) / f"{name}.log", program=program) as server:
                machine = Machine(server, runs, browser)
                try:
                    good &= PARTS[name](machine)
                finally:
                    machine.end()
                    share = 100 * (others() - foreign) / (time.monotonic() - at)
                print(f"({name}: programs that are not ours took {share:.0f} % of a core meanwhile)\n", flush=True)
                for line in server.complaints():
                    print(f"the server's log complains: {line}")
                    good = False
        browser.close()
    print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
