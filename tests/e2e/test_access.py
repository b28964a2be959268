"""Who reads a page by ear or keyboard: axe-core on every page in both themes, the menu, the ring of the focus, terms, the theme."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from server import ROOT, settle
from visitor import menu

from pages.ui.app.frame import PAGES

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
ADDRESSES = ["", *(f"/{Path(page).stem}" for page, *_ in PAGES[1:])]
# a tile's two short lines stand for the sentence that is read aloud in their place
THEIRS = ("label-content-name-mismatch",)
FINDINGS = """async (theirs) => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations
    .filter((rule) => ["serious", "critical"].includes(rule.impact) && !theirs.includes(rule.id))
    .flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")} ${node.html.slice(0, 120)}`));
}"""
# what is drawn anew is pale until it has faded in
AT_REST = """async () => {
  while (document.querySelector('[data-stale="true"]')) await new Promise(requestAnimationFrame);
  const ending = document.getAnimations().filter((animation) => animation.effect.getComputedTiming().iterations !== Infinity);
  await Promise.allSettled(ending.map((animation) => animation.finished));
}"""


def axe() -> str:
    """The script of axe-core, which comes with the checks of the JavaScript."""
    if not AXE.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{AXE} is missing: npm ci fetches it, and `make test` runs that first")
        pytest.skip("no axe-core: npm ci fetches it")
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_finding(open_page: Any, scheme: str) -> None:
    script, page, found = axe(), open_page(scheme=scheme), {}
    for address in ADDRESSES:
        if address:
            page.goto(page.url.split("?")[0].rsplit("/", 1)[0] + address)
            settle(page)
        page.evaluate(AT_REST)
        page.evaluate(script)
        found[address or "/"] = page.evaluate(FINDINGS, list(THEIRS))
    assert found == {address or "/": [] for address in ADDRESSES}


def test_the_menu_is_a_navigation_that_the_keyboard_sees(open_page: Any) -> None:
    page = open_page(query="/models")
    pages = page.get_by_role("navigation", name="Pages")
    pages.wait_for()
    assert pages.get_by_role("link").count() == len(PAGES)
    here = pages.locator("[aria-current=page]")
    here.wait_for()
    assert "Models" in here.inner_text()
    assert page.locator("[data-testid=stIconMaterial]:not([aria-hidden=true])").count() == 0
    train = pages.get_by_role("link", name="Train", exact=True)
    settle(page)  # a menu that is drawn anew loses the focus
    train.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(train).to_be_focused()
    ring = train.evaluate("link => [getComputedStyle(link).outlineStyle, getComputedStyle(link).outlineWidth]")
    assert ring == ["solid", "3px"]
    menu(page, "Heatmaps")
    page.locator("[aria-current=page]", has_text="Heatmaps").wait_for()


def test_a_term_is_explained_by_keyboard_and_by_tap(open_page: Any, browser: Any, server: Any) -> None:
    page = open_page(query="/models")
    word = page.locator("dfn.term").first
    assert not word.locator(".meaning").is_visible()
    word.focus()
    word.locator(".meaning").wait_for(state="visible")
    box = word.locator(".meaning").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1440
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).new_page()
    phone.goto(server.url + "/models")
    settle(phone)
    word = phone.locator("dfn.term").first
    word.scroll_into_view_if_needed()
    word.tap()
    word.locator(".meaning").wait_for(state="visible")
    box = word.locator(".meaning").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and 0 <= box["y"] <= 844 - box["height"]
    phone.context.close()


def test_the_theme_can_be_chosen(open_page: Any) -> None:
    page = open_page()
    page.get_by_test_id("stMainMenuButton").click()
    page.get_by_test_id("stThemeSwitcher").get_by_text("Dark").click()
    page.wait_for_function("getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === 'dark'")
