"""How smoothly the map follows a pointer, in headless Chromium.

    python benchmarks/live_map.py [CHECKPOINT ...]

A mouse of 125 moves a second is played in the page for some seconds, first while the tiles are being decoded, then after.
Prints frames per second (each with a decode of its own), the decode's time, and how long the page took to be ready.
Needs what the browser tests need. Trust it only on an idle machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import ROOT, verdict

sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT)]  # the browser tests' server is this one's too
SECONDS = 4
STATE = "window.__liveMap.map"
# Lissajous' figure, so that fast and slow stretches both occur; each frame's picture is counted by the map itself.
PLAY = """seconds => new Promise(done => {
  const hosts = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")];
  const top = hosts.map(host => host.shadowRoot?.querySelector(".lm-stage canvas:last-of-type")).find(Boolean);
  const box = top.getBoundingClientRect(), start = performance.now(), state = window.__liveMap.map;
  const first = state.decodes, times = [];
  let decodes = first;
  const timer = setInterval(() => {
    const t = (performance.now() - start) / 1000;
    if (t > seconds) {
      clearInterval(timer);
      times.sort((a, b) => a - b);
      done({ fps: (state.decodes - first) / t, decode: times[times.length >> 1] ?? 0 });
      return;
    }
    if (state.decodes !== decodes) { decodes = state.decodes; times.push(state.decodeMs); }
    const clientX = box.left + box.width * (0.5 + 0.45 * Math.sin(1.7 * t)), clientY = box.top + box.height * (0.5 + 0.45 * Math.sin(2.3 * t));
    top.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerType: "mouse", pointerId: 1 }));
  }, 8);
})"""


def main() -> None:
    """Each checkpoint in a page of its own."""
    import chromium
    from playwright.sync_api import sync_playwright
    from server import FLAGS, serving

    folders = [Path(name).resolve() for name in sys.argv[1:]] or [ROOT / "checkpoints" / "fashion-2d"]
    path = chromium.find()
    if path is None:
        raise SystemExit(chromium.HOW)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), Path(folder) / "log", "tests/e2e/apps/live_map_app.py") as server,
        sync_playwright() as playwright,
    ):
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        measured = [measure(running, server.url, folder) for folder in folders]
        running.close()
    raise SystemExit(0 if all(measured) else 1)


def measure(running: Any, url: str, folder: Path) -> bool:
    """Print one model's figures; True if the bar is met."""
    from server import settle

    page = running.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    start = time.perf_counter()
    page.goto(f"{url}/?model={folder}")
    page.wait_for_function(f"{STATE.replace('.map', '?.map')}?.ready", timeout=60_000)
    ready = time.perf_counter() - start
    busy = page.evaluate(PLAY, SECONDS)
    page.wait_for_function(f"{STATE}.missing === 0", timeout=120_000)
    tiles = time.perf_counter() - start
    settle(page)
    still = page.evaluate(PLAY, SECONDS)
    page.context.close()
    print(
        f"{folder.name}: ready after {ready:.1f} s, all tiles after {tiles:.1f} s; {busy['fps']:.1f} fps from then on, "
        f"{still['fps']:.1f} fps with the tiles there, decode p50 {still['decode']:.1f} ms"
    )
    return verdict(f"{folder.name}, frames per second", still["fps"], 30, "fps")


if __name__ == "__main__":
    main()
