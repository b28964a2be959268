"""How quickly the app answers: first paint, clicks, hovering, uploads, memory, and twenty visitors at once.

    python benchmarks/app.py [--visitors 20] [--seconds 20] [--only cold,clicks,hover,upload,sheet,memory,crowd]

Everything runs here: a fresh server for each cold page, headless Chromium, and visitors that speak Streamlit's protocol
without a browser. Cold is a server that has shown nothing yet, of an app that was started before (its byte code is there).
The first paint is compared with that of an empty Streamlit app in the same run. Needs what the browser
tests need. Trust it only on an idle machine.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import ROOT, verdict
from benchmarks.live_map import PLAY, SECONDS
from benchmarks.visitor import crowd

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
PAGES = ("", "latent_space", "reconstruction", "heatmaps", "generate", "models")
MODELS = ROOT / "checkpoints"
COLD_STARTS = 3
READY_SECONDS = 120  # within which the process that Train keeps ready has done its work
# the sheet that the tiles of all channels are cut from; the component stands in a shadow tree
MOSAIC = """(() => {
  const roots = [...document.querySelectorAll("[data-testid^=stBidiComponent] *, [data-testid^=stBidiComponent]")];
  const tile = roots.map((element) => element.shadowRoot?.querySelector(".mosaic-picture")).find(Boolean);
  return tile && getComputedStyle(tile).backgroundImage;
})()"""
PARTS = ("cold", "clicks", "hover", "upload", "sheet", "memory", "crowd")


def first_paint(browser: Any, script: str, path: str = "") -> tuple[float, float]:
    """Seconds from the visit of a server that has shown nothing yet until the title is there, and until the script has ended."""
    from server import READY, serving

    with tempfile.TemporaryDirectory() as folder, serving(MODELS, Path(folder) / "log", script) as server:
        time.sleep(0.5)  # the server has started; its first visitor comes a moment later
        page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        began = time.perf_counter()
        page.goto(f"{server.url}/{path}")
        page.wait_for_selector("h1", timeout=60_000)
        painted = time.perf_counter() - began
        page.wait_for_selector(READY, timeout=60_000)
        settled = time.perf_counter() - began
        page.context.close()
    return painted, settled


def cold(browser: Any) -> bool:
    """Each page of a cold server against an empty app."""
    empty = min(first_paint(browser, "tests/e2e/apps/empty_app.py")[0] for _ in range(COLD_STARTS))
    print(f"an empty Streamlit app: first paint {empty:.2f} s (best of {COLD_STARTS})")
    good = True
    for path in PAGES:
        painted, settled = min(
            (first_paint(browser, "streamlit_app.py", path) for _ in range(COLD_STARTS)), key=lambda pair: pair[1]
        )
        name = path or "front page"
        print(f"{name}: first paint {painted:.2f} s, whole and answering {settled:.2f} s")
        good &= verdict(f"{name}, cold, beyond the empty app", settled - empty, 1, "s", at_least=False)
    return good


def clicks(page: Any, count: int = 40) -> list[float]:
    """Seconds from a click on the map until the words beside it are of the new point."""
    box = page.locator("canvas").last.bounding_box()
    rng, times = np.random.default_rng(0), []
    for right, down in rng.uniform(0.1, 0.9, (count, 2)):
        words = page.locator("strong").filter(has_text=re.compile(r"^z = \(")).inner_text()
        page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"])
        page.wait_for_timeout(450)
        began = time.perf_counter()
        page.mouse.down()
        page.mouse.up()
        page.wait_for_function("old => !document.body.innerText.includes(old)", arg=words, polling=5)
        times.append(time.perf_counter() - began)
    return times


def upload(page: Any, url: str, count: int = 5) -> list[float]:
    """Seconds from giving the page Heatmaps a photo until the mosaic of all channels is of that photo."""
    from PIL import Image, ImageDraw
    from server import settle

    page.goto(f"{url}/heatmaps")
    settle(page)
    times = []
    for number in range(count):
        photo = Image.new("RGB", (1200, 1600), (240, 238, 232))
        ImageDraw.Draw(photo).rectangle((200 + 60 * number, 150, 1000 - 60 * number, 1450), fill=(40, 60, 90))
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG")
        before = page.evaluate(MOSAIC)
        began = time.perf_counter()
        page.set_input_files(
            "input[type=file]", {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}
        )
        page.wait_for_function(
            f"old => {{ const sheet = {MOSAIC}; return sheet && sheet !== old }}", arg=before, polling=20
        )
        times.append(time.perf_counter() - began)
    return times


def sheet(page: Any, url: str, count: int = 10) -> list[float]:
    """Seconds from the click on Draw new samples until the sheet of 256 of `fashion-16d` is another one."""
    from server import settle

    page.goto(f"{url}/generate?model=fashion-16d")
    settle(page)
    changed = f"old => {{ const sheet = {MOSAIC}; return sheet && sheet !== old }}"
    page.wait_for_function(changed, arg="", timeout=60_000)
    times = []
    for _ in range(count):
        before = page.evaluate(MOSAIC)
        began = time.perf_counter()
        page.get_by_role("button", name="Draw new samples").click()
        page.wait_for_function(changed, arg=before, polling=5)
        times.append(time.perf_counter() - began)
        settle(page)
    return times


def resident(process: psutil.Process) -> float:
    """MB of memory of one process."""
    return float(process.memory_info().rss / 1e6)


def ready_process(server: psutil.Process) -> psutil.Process | None:
    """What the page Train keeps ready, once it has measured the machine and stands still; None where it keeps none."""
    end, before = time.monotonic() + READY_SECONDS, -1.0
    while time.monotonic() < end:
        time.sleep(2)
        children = server.children()
        now = sum(sum(child.cpu_times()[:2]) for child in children)
        if children and now > 3 and now - before < 0.1:  # TensorFlow is imported, and nothing is measured any more
            return children[0]
        before = now
    return None


def within(server: Any, browser: Any, parts: list[str]) -> bool:
    """What one visitor with a browser feels."""
    from server import settle

    good = True
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.goto(server.url)
    page.wait_for_function("() => window.__liveMap?.living?.missing === 0", timeout=120_000)
    settle(page)
    if "clicks" in parts:
        times = clicks(page)
        print(f"click to the server's answer: p50 {np.quantile(times, 0.5) * 1000:.0f} ms")
        slow = 1000 * float(np.quantile(times, 0.95))
        good &= verdict("click to the server's answer, p95", slow, 300, "ms", at_least=False)
    if "hover" in parts:
        hover = page.evaluate(PLAY.replace("__liveMap.map", "__liveMap.living"), SECONDS)
        good &= verdict("hover, frames per second (aim 55)", hover["fps"], 30, "fps")
    if "upload" in parts:
        seen = float(np.median(upload(page, server.url)))
        good &= verdict("upload to the mosaic of all channels, median", seen, 0.5, "s", at_least=False)
    if "sheet" in parts:
        drawn = float(np.median(sheet(page, server.url)))
        good &= verdict("click to a sheet of 256 samples, median", drawn, 0.3, "s", at_least=False)
    if "memory" in parts:
        for name in PAGES:
            page.goto(f"{server.url}/{name}")
            settle(page)
        process = psutil.Process(server.process.pid)
        good &= verdict("server's memory after every page", resident(process), 500, "MB", at_least=False)
        page.goto(f"{server.url}/train")
        settle(page)
        ready = ready_process(process)
        text = "none (VAE_EXPLORER_STANDBY=0, or no TensorFlow)" if ready is None else f"{resident(ready):.0f} MB"
        print(f"the process that the page Train keeps ready, beside it: {text}")
    page.context.close()
    return good


def main() -> int:
    """All of it."""
    import chromium
    from playwright.sync_api import sync_playwright
    from server import FLAGS, serving

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    options = parser.parse_args()
    parts = options.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}; got {', '.join(sorted(unknown))}.")
    path = chromium.find()
    if path is None:
        raise SystemExit(chromium.HOW)
    # Where this is set Python compiles all of the app's modules at every start, which it does elsewhere at the first one only.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    good = True
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        if "cold" in parts:
            good &= cold(browser)
        if set(parts) - {"cold", "crowd"}:
            with serving(MODELS, Path(folder) / "log", "streamlit_app.py") as server:
                good &= within(server, browser, parts)
        browser.close()
    if "crowd" in parts:
        with (
            tempfile.TemporaryDirectory() as folder,
            serving(MODELS, Path(folder) / "log", "streamlit_app.py") as server,
        ):
            process = psutil.Process(server.process.pid)
            asyncio.run(crowd(server.url, 1, 2))  # the first run of a page reads the model
            before = sum(process.cpu_times()[:2])
            many = asyncio.run(crowd(server.url, options.visitors, options.seconds))
            each = 1000 * (sum(process.cpu_times()[:2]) - before) / len(many)
            memory = resident(process)
        name = f"{options.visitors} visitors clicking once a second"
        print(
            f"{name}: {each:.1f} ms of one core for each click, the opening of the page included; {memory:.0f} MB at the end"
        )
        print(f"{name}: {len(many)} answers, p50 {np.quantile(many, 0.5):.2f} s")
        good &= verdict(f"{name}, p95", float(np.quantile(many, 0.95)), 1, "s", at_least=False)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
