"""The page Heatmaps in a real Chromium: tiles by mouse and keyboard, an upload, the files, and that it fits."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from server import settle

pytestmark = pytest.mark.browser


def shirt() -> bytes:
    image = Image.new("RGB", (300, 360), "#f0eee8")
    ImageDraw.Draw(image).polygon(
        [(90, 40), (210, 40), (280, 120), (210, 130), (210, 320), (90, 320), (90, 130), (20, 120)], "#334"
    )
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def shows(page: Any, words: str) -> None:
    page.locator("strong", has_text=words).first.wait_for(timeout=60_000)
    settle(page)


def picture(page: Any) -> str:
    return page.get_by_alt_text(" over the ").first.get_attribute("src")


def channels(page: Any) -> Any:
    """The tiles of the channels: those of the layers stand in another list."""
    return page.get_by_role("listbox", name="Channels of").first.get_by_role("option")


def unfold(page: Any) -> None:
    """What is rarely needed lies in a fold."""
    page.get_by_text("Colours, order, smoothing, second picture, downloads").click()


def test_a_click_on_a_tile_enlarges_it_and_the_link_keeps_it(open_page: Any) -> None:
    page = open_page(query="/heatmaps")
    shows(page, "Encoder conv_2, mean of 64 channels")
    before = picture(page)
    channels(page).nth(65).wait_for()  # they come a moment after the words
    assert channels(page).count() == 66  # mean, maximum, 64 channels
    page.get_by_role("option", name="channel 12:").click()
    shows(page, "Encoder conv_2, channel 12")
    assert picture(page) != before
    assert (
        channels(page)
        .and_(page.get_by_role("option", selected=True))
        .get_attribute("aria-label")
        .startswith("channel 12:")
    )
    layers = page.get_by_role("listbox", name="Layers for").get_by_role("option")
    assert [label.split(",")[0] for label in layers.evaluate_all("all => all.map(one => one.ariaLabel)")] == [
        "encoder conv_1",
        "encoder conv_2",
        "decoder deconv_1",
        "decoder deconv_2",
        "decoder logits",
    ]
    layers.nth(2).click()
    shows(page, "Decoder deconv_1, mean of 64 channels")
    page.get_by_role("option", name="channel 7:").click()
    shows(page, "Decoder deconv_1, channel 7")
    page.reload()
    settle(page)
    shows(page, "Decoder deconv_1, channel 7")


def test_tiles_by_keyboard(open_page: Any) -> None:
    page = open_page(query="/heatmaps")
    shows(page, "mean of 64 channels")
    channels(page).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    focused = page.locator("[role=option]:focus")
    below = focused.bounding_box()
    assert below["y"] > channels(page).first.bounding_box()["y"]
    name = focused.get_attribute("aria-label").split(":")[0]
    page.keyboard.press("Enter")
    shows(page, f"Encoder conv_2, {name}")
    assert page.locator("[role=option]:focus").get_attribute("aria-selected") == "true"  # the focus stays
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")  # nothing beyond the end
    assert page.locator("[role=option]:focus").get_attribute("aria-label").startswith("channel 63:")


def test_tiles_show_their_own_piece_of_the_sprite(open_page: Any) -> None:
    page = open_page(query="/heatmaps")
    shows(page, "mean of 64 channels")
    unfold(page)
    page.get_by_text("As they are", exact=True).click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some(e => e.shadowRoot?.querySelector('.mosaic:not(.smooth)'))",
        timeout=60_000,
    )
    settle(page)
    for index in (0, 17, 65):
        style = (
            channels(page)
            .nth(index)
            .locator(".mosaic-picture")
            .evaluate(
                """span => { const style = getComputedStyle(span), box = span.getBoundingClientRect();
            return [style.backgroundPosition, box.width, box.height, style.backgroundSize, style.backgroundImage.slice(0, 14)] }"""
            )
        )
        position, width, height, size, image = style
        x, y = (-float(part.removesuffix("px")) for part in position.split())
        assert width == height and width % 7 == 0  # whole multiples of the native 7 × 7
        assert (x, y) == (index % 16 * width, index // 16 * height)
        assert size == f"{16 * width:g}px {5 * height:g}px" and image == 'url("data:imag'


def test_an_upload_shows_its_steps_and_heatmaps(open_page: Any) -> None:
    page = open_page(query="/heatmaps")
    shows(page, "mean of 64 channels")
    before = picture(page)
    file = {"name": "shirt.png", "mimeType": "image/png", "buffer": shirt()}
    page.set_input_files("input[type=file]", file)
    shows(page, "Your picture: shirt.png")
    page.get_by_alt_text("After the step inverted: light and dark swapped").wait_for(timeout=60_000)
    overlay = page.get_by_alt_text("encoder conv_2, mean of 64 channels over the picture, your picture")
    overlay.wait_for(timeout=60_000)
    assert overlay.evaluate("async image => { await image.decode(); return image.naturalWidth }") == 336
    assert overlay.get_attribute("src") != before
    page.get_by_text("Invert: no").click()
    page.get_by_alt_text("After the step inverted").wait_for(state="detached", timeout=60_000)
    settle(page)
    page.set_input_files("input[type=file]", {**file, "name": "notes.png", "buffer": b"these are words"})
    page.get_by_test_id("stAlert").get_by_text("notes.png was not taken:").wait_for(timeout=60_000)
    shows(page, "Your picture: shirt.png")  # the page goes on, and says what it shows


def test_two_pictures_and_a_pinned_one(open_page: Any) -> None:
    page = open_page(query="/heatmaps?image=3")
    unfold(page)
    page.get_by_text("Compare with a second picture").click()
    page.get_by_text("Both pictures on a common scale").wait_for(timeout=60_000)
    settle(page)
    assert page.get_by_role("listbox", name="Channels of conv_2").count() == 2
    page.get_by_role("button", name="Pin the first picture here").click()
    page.get_by_text("the pinned one stays").wait_for(timeout=60_000)
    settle(page)
    page.get_by_role("listbox", name="Channels of conv_2").last.get_by_role("option", name="channel 5:").click()
    shows(page, "channel 5")
    selected = page.get_by_role("option", name="channel 5:", selected=True)
    assert selected.count() == 2  # the same channel of both


def test_the_files(open_page: Any, tmp_path: Path) -> None:
    page = open_page(query="/heatmaps")
    shows(page, "mean of 64 channels")
    unfold(page)
    with page.expect_download() as png:
        page.get_by_role("button", name="PNG: this layer").click()
    png.value.save_as(tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as seen:
        assert min(seen.size) > 336
    assert png.value.suggested_filename == "fashion-2d-conv_2-mean.png"
    with page.expect_download() as npz:
        page.get_by_role("button", name="NPZ: raw activations").click()
    npz.value.save_as(tmp_path / "raw.npz")
    with np.load(tmp_path / "raw.npz", allow_pickle=False) as raw:
        assert raw["encoder/conv_2"].shape == (7, 7, 64) and raw["decoder/logits"].shape == (28, 28, 1)


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_it_fits_with_the_map_on_the_first_screen(open_page: Any, width: int, height: int, scheme: str) -> None:
    page = open_page(width, height, scheme, "/heatmaps")
    shows(page, "mean of 64 channels")
    overlay = page.get_by_alt_text("encoder conv_2, mean of 64 channels over the picture")
    overlay.wait_for(timeout=60_000)
    box = overlay.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= height and box["width"] >= 300
    unfold(page)
    page.get_by_text("Compare with a second picture").click()
    page.get_by_text("Both pictures on a common scale").wait_for(timeout=60_000)
    settle(page)
    sizes = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth]"
    )
    assert max(sizes) <= width  # nothing to scroll sideways
    for box in (tile.bounding_box() for tile in page.get_by_role("option").all()[:8]):
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and min(box["width"], box["height"]) >= 24


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")])
def test_a_unit_is_chosen_and_its_map_is_there(open_page: Any, width: int, height: int, scheme: str) -> None:
    page = open_page(width, height, scheme, "/heatmaps")
    page.get_by_text("What drives a unit", exact=True).click()
    shows(page, "What raises z₁")
    first = page.get_by_alt_text("What raises z₁, over ")
    first.wait_for(timeout=60_000)
    before, box = first.get_attribute("src"), first.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= height and box["width"] >= 300  # the result comes first
    page.get_by_role("listbox", name="What each latent unit changes").get_by_role("option", name="z₂:").click()
    shows(page, "What raises z₂")
    second = page.get_by_alt_text("What raises z₂, over ")
    second.wait_for(timeout=60_000)
    assert second.get_attribute("src") != before
    sizes = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth]"
    )
    assert max(sizes) <= width
    page.reload()  # the address keeps the view and the unit
    settle(page)
    shows(page, "What raises z₂")
