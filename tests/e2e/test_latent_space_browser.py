"""The page Latent space in a real Chromium: jumps by pointer and keyboard, downloads, and that it fits."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from server import settle

pytestmark = pytest.mark.browser


def pinned(page: Any) -> str:
    """What is pinned: "Test image 0 (Trouser)", "Decoded from z = (1.20, −0.60)"."""
    return str(
        page.locator("strong", has_text="test image")
        .or_(page.locator("strong", has_text="Decoded from"))
        .first.inner_text()
    )


def until_pinned(page: Any, words: str) -> None:
    page.locator("strong", has_text=words).first.wait_for(timeout=60_000)
    settle(page)


def z_of(page: Any) -> list[float]:
    return [float(part.replace("−", "-")) for part in pinned(page).split("(")[1].rstrip(")").split(",")]


def test_a_neighbour_and_a_centre_are_a_click_away(open_page: Any) -> None:
    page = open_page(query="/latent_space")
    page.locator(".mosaic").last.get_by_role("option").last.wait_for(timeout=60_000)
    assert page.locator(".mosaic").count() == 2
    page.locator(".mosaic").first.get_by_role("option").first.click()
    until_pinned(page, "Decoded from")  # this model's codes have no picture here
    first = pinned(page)
    page.locator(".mosaic").last.get_by_role("option").nth(3).click()
    page.wait_for_function("old => !document.body.innerText.includes(old)", arg=first, timeout=60_000)
    settle(page)
    page.locator(".mosaic").last.get_by_role("option").nth(3).and_(page.locator("[aria-selected=true]")).wait_for()


def test_a_traversal_is_walked(open_page: Any) -> None:
    page = open_page(query="/latent_space?latent=0.3,-0.4")
    until_pinned(page, "Decoded from z = (0.30, −0.40)")
    row = page.locator(".rows-row", has_text="z₂")
    tiles = row.get_by_role("option")
    tiles.last.wait_for(timeout=60_000)
    page.wait_for_timeout(300)  # the rows are laid out when their width is known
    assert tiles.count() == 11
    marks = "row => [row.querySelector('.rows-mark'), ...row.querySelectorAll('.rows-picture')].map(e => (e.getBoundingClientRect().left + e.getBoundingClientRect().right) / 2)"
    mark, *places = row.evaluate(marks)
    assert mark == pytest.approx(np.interp(-0.4, np.linspace(-3, 3, 11), places), abs=1)  # where the value lies
    tiles.nth(8).click()
    until_pinned(page, "Decoded from z = (0.30, 1.80)")
    page.locator(".rows-row", has_text="z₂").get_by_role("option", name="z₂ = 1.8").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    until_pinned(page, "Decoded from z = (0.30, 2.40)")
    assert "latent=0.3%2C2.4" in page.url
    assert row.locator("[aria-selected=true]").get_attribute("aria-label") == "z₂ = 2.4"


def test_a_pin_on_the_map_shows_below(open_page: Any) -> None:
    page = open_page(query="/latent_space")
    page.wait_for_function("() => window.__liveMap?.living?.ready", timeout=60_000)
    box = page.locator(".lm-stage").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.2 * box["height"])
    until_pinned(page, "Decoded from")
    z1, z2 = z_of(page)
    assert z1 > 0.5 and z2 > 0.5
    now = [page.locator(".rows-row", has_text=name).locator(".rows-now").inner_text() for name in ("z₁", "z₂")]
    assert [float(words.split()[1].replace("−", "-")) for words in now] == [z1, z2]


def test_downloads(open_page: Any) -> None:
    page = open_page(query="/latent_space?latent=0.3,-0.4")
    files = {}
    for name in ("z (JSON)", "Picture (PNG)", "Grid (PNG)", "Codes (TSV)"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=name).click()
        files[waiting.value.suggested_filename] = waiting.value.path().read_bytes()
    assert set(files) == {
        "fashion-2d-point-z.json",
        "fashion-2d-point.png",
        "fashion-2d-grid.png",
        "fashion-2d-codes.tsv",
    }
    assert Image.open(io.BytesIO(files["fashion-2d-point.png"])).size == (448, 448)
    assert min(Image.open(io.BytesIO(files["fashion-2d-grid.png"])).size) > 1120
    lines = files["fashion-2d-codes.tsv"].decode().splitlines()
    assert len(lines) == 200 and lines[0].startswith("class ") and len(lines[0].split("\t")) == 3
    assert "Decoded from z = (0.30, −0.40)" in pinned(page)  # nothing has moved


def test_the_table_is_a_way_in(open_page: Any) -> None:
    page = open_page(query="/latent_space")
    page.get_by_text("Table of the codes").click()
    table = page.get_by_test_id("stDataFrame").last
    page.get_by_text("z_mean of the 200 test codes. Click a heading").wait_for(timeout=60_000)
    settle(page)
    table.locator("canvas").first.wait_for(timeout=60_000)
    page.wait_for_function("() => window.__liveMap?.living?.ready", timeout=60_000)  # nothing above moves any more
    table.scroll_into_view_if_needed()
    box = None
    while box != (box := table.bounding_box()):
        page.wait_for_timeout(500)
    page.mouse.click(box["x"] + 14, box["y"] + 35 * 1.5)  # the box of the first line
    until_pinned(page, "Decoded from")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits(open_page: Any, width: int, scheme: str) -> None:
    page = open_page(width, 900, scheme, "/latent_space")
    page.locator(".rows-tile").first.wait_for(timeout=60_000)
    page.wait_for_timeout(300)  # the rows are laid out when their width is known
    sizes = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth]"
    )
    assert max(sizes) <= width  # nothing to scroll sideways
    strip = page.locator(".rows-strip").first.bounding_box()
    last = page.locator(".rows-row").first.locator(".rows-picture").last.bounding_box()
    assert last["x"] + last["width"] <= strip["x"] + strip["width"] + 1 <= width
    assert last["width"] % 28 == 0  # crisp
    colours = page.evaluate(
        "() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].map(e => e.shadowRoot?.querySelector('.rows')).filter(Boolean).map(e => getComputedStyle(e).color)"
    )
    assert colours == [{"light": "rgb(29, 26, 38)", "dark": "rgb(236, 234, 242)"}[scheme]]
