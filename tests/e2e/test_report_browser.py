"""The page Report in a real Chromium, and its file with the network shut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server import Server, serving, settle
from visitor import sentences

pytestmark = pytest.mark.browser
SHIPPED = Path(__file__).parents[2] / "checkpoints"
# All charts that are in view have come out as pictures.
DRAWN = """() => { const charts = [...document.querySelectorAll("img.chart, img.pixels")];
  return charts.length >= 5 && charts.every((image) => image.complete && image.naturalWidth > 0); }"""
# A chart's letters are drawn in the reader's theme.
DARK = "() => getComputedStyle(document.querySelector('.rep svg text')).fill"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app on the shipped models, whose reports have been measured."""
    with serving(SHIPPED, tmp_path_factory.mktemp("report") / "log") as running:
        yield running


def test_the_report_is_read_compared_taken_along_and_opened_without_a_network(
    open_page: Any, browser: Any, tmp_path: Path
) -> None:
    page = open_page(query="/report?model=fashion-2d")
    page.get_by_text("fashion-2d needs 253.6 nats for a test image").wait_for(timeout=120_000)
    page.get_by_text("nats here. The true posterior peaks").wait_for(timeout=120_000)
    page.wait_for_function(DRAWN, timeout=60_000)
    page.locator(".st-key-report_against input").click(timeout=60_000)
    page.get_by_role("option", name="classic-2d").click(timeout=60_000)
    settle(page)
    page.get_by_role("heading", name="fashion-2d against classic-2d").wait_for(timeout=60_000)
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name="Report (HTML)").click(timeout=60_000)
    assert sentences(page) == []
    path = tmp_path / "report.html"
    waiting.value.save_as(path)
    assert path.stat().st_size < 3_000_000
    fills = []
    for scheme in ("light", "dark"):
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, color_scheme=scheme, offline=True, has_touch=True, is_mobile=True
        )
        alone, asked, errors = context.new_page(), [], []
        alone.on("request", lambda request, asked=asked: asked.append(request.url))
        alone.on("console", lambda message, errors=errors: errors.append(message.text))
        alone.goto(path.as_uri())
        alone.get_by_role("heading", name="Report: fashion-2d").wait_for(timeout=60_000)
        assert alone.get_by_role("heading", level=2).count() == 10
        assert alone.locator(".rep svg").count() >= 5
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert errors == []
        assert alone.evaluate("document.documentElement.scrollWidth") <= 390
        fills.append(alone.evaluate(DARK))
        context.close()
    assert fills[0] != fills[1]
