"""Screenshots of every page, as a visitor sees them: 1440 and 390 pixels wide, light and dark.

    python docs/screenshots.py [FOLDER] [--readme]

FOLDER (default: docs/screenshots, which git ignores) gets all of them; --readme renews those in the README instead, cut to their main part. Uses the
shipped models, and Fashion-MNIST where it is on this machine. Needs what the browser tests need.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT)]
SIZES = {1440: 1000, 390: 844}
PAGES = {
    "front-page": "?model=fashion-2d&image=100",
    "train": "train?run=fashion-2d",
    "latent-space": "latent_space?model=fashion-16d&image=100",
    "reconstruction": "reconstruction?model=fashion-16d&image=100",
    "heatmaps": "heatmaps?model=fashion-2d&image=100",
    "models": "models?model=fashion-2d",
}
README = {"front-page": (300, 0, 1140, 760), "heatmaps": (300, 0, 1140, 760)}  # x, y, width, height of what is cut out


def shoot(
    browser: Any, url: str, target: Path, width: int, scheme: str, part: tuple[int, int, int, int] | None = None
) -> None:
    """One picture: the whole page, or a part of what fits the window (x, y, width, height), in 256 colours."""
    from server import settle

    page = browser.new_context(viewport={"width": width, "height": SIZES[width]}, color_scheme=scheme).new_page()
    page.goto(url)
    settle(page)
    page.wait_for_timeout(2500)  # the map decodes its tiles, plotly draws
    if part is None:
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": width, "height": min(height, 8000)})
        page.wait_for_timeout(1500)
    target.parent.mkdir(parents=True, exist_ok=True)
    if part is None:
        page.screenshot(path=target)
    else:
        x, y, across, down = part
        cut = page.screenshot(clip={"x": x, "y": y, "width": across, "height": down})
        Image.open(io.BytesIO(cut)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
    page.context.close()
    print(target.relative_to(ROOT) if target.is_relative_to(ROOT) else target, flush=True)


def main() -> None:
    """All pages, or all that were asked for."""
    import chromium
    from playwright.sync_api import sync_playwright
    from server import FLAGS, serving

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--only", choices=sorted(PAGES), help="one page")
    options = parser.parse_args()
    path = chromium.find()
    if path is None:
        raise SystemExit(chromium.HOW)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(ROOT / "checkpoints", Path(folder) / "log", "streamlit_app.py") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name in [options.only] if options.only else PAGES:
            url = f"{server.url}/{PAGES[name]}"
            if options.readme:
                if name in README:
                    shoot(browser, url, ROOT / "docs" / f"{name}.png", 1440, "light", README[name])
                continue
            for width in SIZES:
                for scheme in ("light", "dark"):
                    shoot(browser, url, options.folder / f"{name}-{width}-{scheme}.png", width, scheme)
        browser.close()


if __name__ == "__main__":
    main()
