"""How live a training is: from the click to the first point, and what it costs the run, the other pages and the machine.

    python benchmarks/live_training.py [--only start,speed,clicks,latency,memory,viewers]

Everything runs here: the app's server, real trainers, headless Chromium, and visitors that speak Streamlit's protocol. On
Fashion-MNIST where FASHION_MNIST_DIR names it, else on drawn clothes. Needs what the browser tests need, and about five
minutes. Trust it only on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.app import clicks as browser_clicks
from benchmarks.common import ROOT, verdict
from benchmarks.trainings import (
    PINS,
    POINT,
    VIEWERS,
    Machine,
    apart,
    asked,
    at_step,
    audience,
    batch_size,
    cpu_seconds,
    data_name,
    newest,
    others,
    p95,
    pins,
    press_train,
    quantiles,
    until,
)

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
MODELS = ROOT / "checkpoints"
STARTS, PAUSES, STOPS = 3, 6, 3
# a machine that drifts serves both alike
TURNS = ("watched", *("alone",) * 2, "watched", "alone", *("watched",) * 2, "alone")
FROM, EARLY, WHOLE = (100, 700, 2300)  # of the comparison: from this step on, so many; snapshots are densest at first


def start(machine: Machine) -> bool:
    """From the click on Train to the first point of the loss on the page."""
    times = []
    for number in range(STARTS):
        with machine.page("train") as page:
            opened = time.monotonic()
            machine.wait_for_standby()
            ready = time.monotonic() - opened
            times.append(
                press_train(
                    machine, page, f"start {number + 1}: a process stood idle {ready:.1f} s after the page was opened"
                )
            )
        machine.stop(newest(machine))
    return verdict(f"click on Train to the first loss point, slowest of {STARTS}", max(times), 2.5, "s", at_least=False)


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
    idle = apart(pins(machine.server.url, PINS // 2))
    print(f"click to the answer, nothing else at work: {quantiles(idle)}")
    with machine.training("beside") as run:
        at_step(run, 50)
        busy = apart(pins(machine.server.url, PINS))
        with machine.page("") as page:
            page.wait_for_function("() => window.__liveMap?.living?.missing === 0", timeout=120_000)
            seen = browser_clicks(page, 30)
        assert run.state()[0] == "running", "the run ended before the clicks"
    print(f"click to the answer, while a run trains: {quantiles(busy)}; with Chromium: {quantiles(seen)}")
    good = verdict("click to decode beside a run, p95", 1000 * p95(busy), 600, "ms", at_least=False)
    return good & verdict("click to decode beside a run, in Chromium, p95", 1000 * p95(seen), 600, "ms", at_least=False)


def latency(machine: Machine) -> bool:
    """From a click on Pause and on Stop to the state on disk, and on the page."""
    rng, found = np.random.default_rng(0), {"paused": [], "stopped": []}  # type: ignore[var-annotated]
    with machine.training("obeys") as run, machine.page(f"train?run={run.name}") as page:
        page.wait_for_selector(POINT, timeout=120_000)
        for _ in range(PAUSES):
            page.wait_for_timeout(1000 + 1000 * rng.random())  # anywhere between two ticks of the page
            found["paused"].append(asked(page, run, "Pause", "paused"))
            asked(page, run, "Continue", "running")
        for number in range(STOPS):
            page.wait_for_timeout(1000 + 1000 * rng.random())
            found["stopped"].append(asked(page, run, "Stop", "stopped"))
            if number + 1 < STOPS:
                until(lambda: run.process() is None, "the end of its process")
                asked(page, run, "Resume", "running")
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
        run = newest(machine)
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
            before, began = cpu_seconds(machine.process), time.time()

        answers = apart(audience(machine.server.url, f"run={run.name}", all_there))
        spent, ended = cpu_seconds(machine.process) - before, time.time()
        assert run.state()[0] == "running", "the run ended before the viewers left"
    rows = [line.split() for line in opened.read_text().splitlines()]
    rows = [row for row in rows if began <= float(row[0]) <= ended]
    counts = Counter(name for _, name in rows)
    seconds = ended - began
    print(
        f"{VIEWERS} viewers for {seconds:.0f} s: {len(answers)} ticks answered, {quantiles(answers)}; the server took "
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
