"""The page Generate in a real Chromium: a sheet of 256, a way that is played, a picture that follows its slider."""

from __future__ import annotations

from typing import Any

import pytest
from server import settle

pytestmark = pytest.mark.browser

LONG = 120_000
PICTURE = "() => [...document.querySelectorAll('*')].map(e => e.shadowRoot ?? e).flatMap(r => [...r.querySelectorAll?.('.player-track canvas') ?? []])[0]?.toDataURL()"


def view(page: Any, name: str) -> None:
    page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name, exact=True)).first.click()
    page.locator('.player[data-ready="true"]').wait_for(timeout=LONG)
    settle(page)


def test_a_sheet_a_way_and_a_sum(open_page: Any) -> None:
    page = open_page(width=1440, height=900, query="/generate")
    tiles = page.get_by_role("listbox", name="Samples").get_by_role("option")
    tiles.nth(255).wait_for(timeout=LONG)
    assert tiles.count() == 256
    box = tiles.nth(255).bounding_box()
    assert box["y"] + box["height"] <= 900, "the sheet is whole above the fold"
    tiles.nth(40).click()
    page.get_by_text("Sample 41 of 256").wait_for(timeout=LONG)

    view(page, "Interpolate")
    player = page.locator(".player")
    assert player.locator("canvas").first.get_attribute("aria-label").startswith("Straight, 1 of ")
    first = page.evaluate(PICTURE)
    player.get_by_role("button", name="Play").click()
    page.locator('.player[data-playing="true"]').wait_for(timeout=LONG)
    page.wait_for_function("old => (" + PICTURE + ")() !== old", arg=first, timeout=LONG)
    player.get_by_role("button", name="Pause").click()
    page.locator('.player[data-playing="false"]').wait_for(timeout=LONG)

    view(page, "A − B + C")
    slider = player.get_by_role("slider")
    player.get_by_text("1.00").wait_for(timeout=LONG)
    before = page.evaluate(PICTURE)
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_function("old => (" + PICTURE + ")() !== old", arg=before, timeout=LONG)
    page.get_by_text("2.00").first.wait_for(timeout=LONG)


def test_the_sheet_fits_a_phone(open_page: Any) -> None:
    page = open_page(width=390, height=844, query="/generate")
    page.get_by_role("listbox", name="Samples").get_by_role("option").nth(255).wait_for(timeout=LONG)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    view(page, "Interpolate")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
