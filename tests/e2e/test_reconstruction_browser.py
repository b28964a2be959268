"""The page Reconstruction in a real Chromium: what only a browser shows."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from server import settle
from visitor import sentences, shirt

pytestmark = pytest.mark.browser
PAGE = "/reconstruction"

PASTE = """([dropzone, data]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0)), clipboard = new DataTransfer();
    clipboard.items.add(new File([bytes], 'image.png', { type: 'image/png' }));
    dropzone.focus();
    dropzone.dispatchEvent(new ClipboardEvent('paste', { clipboardData: clipboard, bubbles: true, cancelable: true }));
}"""


def heading(page: Any, words: str) -> Any:
    """The line that says which picture is shown, once it does."""
    found = page.locator(".st-key-picture_line strong", has_text=words).first
    found.wait_for(timeout=60_000)
    settle(page)
    return found


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click(timeout=60_000)
    page.wait_for_timeout(200)
    settle(page)


def border(page: Any) -> float:
    """Where the wipe's border is, in per cent from the left, and that the upper picture ends there."""
    left, clip = page.locator(".wipe").evaluate(
        "wipe => [wipe.querySelector('.line').style.left, wipe.querySelector('.over').style.clipPath]"
    )
    share = float(left.rstrip("%"))
    assert clip == f"inset(0px {100 - share:g}% 0px 0px)"
    return share


def test_a_wipe_by_pointer_and_by_key(open_page: Any) -> None:
    from playwright.sync_api import expect

    page = open_page(query=f"{PAGE}?image=3")
    stage, slider = page.locator(".wipe .stage"), page.locator(".wipe input")
    stage.wait_for(timeout=60_000)
    assert border(page) == 50
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box["width"] == box["height"] == 336  # twelve whole pixels for each of 28
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 50)
    assert border(page) == pytest.approx(25, abs=1)
    slider.focus()
    page.keyboard.press("Home")
    assert border(page) == 0
    page.keyboard.press("ArrowRight")
    assert border(page) == 1
    assert slider.get_attribute("aria-label") == "Share of original against reconstruction"
    # the next picture takes its place, and the border stays
    before = page.locator(".wipe .over").get_attribute("src")
    press(page, "Next picture")
    heading(page, "Test image 4 (")
    expect(page.locator(".wipe .over")).not_to_have_attribute("src", before)
    assert page.locator(".wipe").count() == 1 and border(page) == 1
    page.locator(".wipe input").press("End")
    assert border(page) == 100


def test_a_pasted_picture_is_rebuilt_until_another_is_chosen(open_page: Any) -> None:
    page = open_page(query=PAGE)
    dropzone = page.get_by_test_id("stFileUploaderDropzone")
    dropzone.wait_for(timeout=60_000)
    page.evaluate(PASTE, [dropzone.element_handle(), base64.b64encode(shirt()).decode()])
    heading(page, "Your picture")
    page.get_by_alt_text("After the step inverted").wait_for()
    page.reload()  # the server keeps it for this browser
    settle(page)
    heading(page, "Your picture: image.png")
    assert sentences(page) == []
    press(page, "Random")
    heading(page, "Test image ")
    page.evaluate(PASTE, [dropzone.element_handle(), base64.b64encode(b"these are words").decode()])
    page.get_by_text("not a picture that can be read").wait_for(timeout=60_000)
    assert len(sentences(page)) == 1 and "What is shown is still test image " in sentences(page)[0]
    heading(page, "Test image ")


def test_best_worst_and_the_url(open_page: Any) -> None:
    page = open_page(query=PAGE)
    press(page, "Worst")
    page.wait_for_url("**image=*", timeout=60_000)
    number = page.url.split("image=")[1].split("&")[0]
    heading(page, f"Test image {number} (")
    page.reload()
    settle(page)
    heading(page, f"Test image {number} (")


def test_downloads_hold_what_is_seen(open_page: Any, tmp_path: Path) -> None:
    page = open_page(query=f"{PAGE}?image=3")
    heading(page, "Test image 3 (")
    files = {}
    for label in ("PNG: the comparison", "CSV: the figures"):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        download.value.save_as(tmp_path / label)
        files[download.value.suggested_filename] = (tmp_path / label).read_bytes()
    (row,) = csv.DictReader(io.StringIO(files["reconstruction-fashion-2d.csv"].decode()))
    assert row["picture"].startswith("test image 3 (")
    shown = page.get_by_test_id("stTable").inner_text().replace("\xa0", " ")
    assert f"{float(row['mse']):.4f}" in shown and f"{float(row['negative_elbo']):.1f} nats" in shown
    assert Image.open(io.BytesIO(files["reconstruction-fashion-2d.png"])).width > 4 * 168


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_it_fits_with_the_pictures_on_the_first_screen(open_page: Any, width: int, height: int, scheme: str) -> None:
    from playwright.sync_api import expect

    page = open_page(width, height, scheme, PAGE)
    for view, count in (("One picture", 4), ("Sixteen pictures", 8)):
        if view != "One picture":  # which is there from the start; a click would scroll to the control
            page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True).click(timeout=60_000)
        images = page.get_by_test_id("stImage").locator("img:not([alt^='Chosen'])")
        expect(images).to_have_count(count, timeout=60_000)
        settle(page)
        sizes = page.evaluate(
            "() => [document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth]"
        )
        assert max(sizes) <= width  # nothing to scroll sideways
        boxes = [image.bounding_box() for image in images.all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        if view == "One picture":
            side_by_side = boxes if width == 1440 else boxes[:2]  # on a phone original and reconstruction come first
            assert len({round(box["y"]) for box in side_by_side}) == 1
            assert all(box["y"] >= 0 and box["y"] + box["height"] <= height for box in side_by_side)
        else:
            assert len({round(box["width"]) for box in boxes}) == 1 and boxes[0]["width"] >= 8 * 40
