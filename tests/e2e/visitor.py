"""What a visitor does on any page of the app, for the browser tests."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageDraw
from server import settle

SHIRT = [(90, 40), (210, 40), (280, 120), (210, 130), (210, 320), (90, 320), (90, 130), (20, 120)]


def shirt(mode: str = "RGB", background: Any = "#f0eee8", garment: Any = "#334", form: str = "PNG") -> bytes:
    """A picture file of a shirt."""
    image = Image.new(mode, (300, 360), background)
    ImageDraw.Draw(image).polygon(SHIRT, garment)
    return saved(image, form)


def saved(image: Image.Image, form: str = "PNG", **more: Any) -> bytes:
    """A picture as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, form, **more)
    return buffer.getvalue()


def upload(page: Any, data: bytes, name: str = "shirt.png", kind: str = "image/png") -> None:
    """Choose a file; the server has answered."""
    box = page.get_by_test_id("stFileUploader").first
    box.locator("input[type=file]").set_input_files({"name": name, "mimeType": kind, "buffer": data})
    page.wait_for_timeout(300)  # the browser sends the file first
    settle(page)


def sentences(page: Any) -> list[str]:
    """What the page complains of; no traceback is among it."""
    assert page.get_by_test_id("stException").count() == 0
    return [
        text.strip() for text in page.get_by_test_id("stAlert").get_by_test_id("stMarkdownContainer").all_inner_texts()
    ]


def pick_model(page: Any, name: str) -> None:
    """Choose in the sidebar's picker."""
    page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").locator("input").click()
    page.get_by_role("option", name=name, exact=True).click()
    page.wait_for_timeout(300)
    settle(page)


def model_is(page: Any, name: str) -> None:
    """The sidebar's picker comes to show this model."""
    picker = "[data-testid=stSidebar] [data-testid=stSelectbox] input"
    page.wait_for_function(
        "([at, name]) => document.querySelector(at)?.value === name", arg=[picker, name], timeout=60_000
    )
    settle(page)


def menu(page: Any, label: str) -> None:
    """Go to another page by the menu."""
    page.get_by_test_id("stSidebar").get_by_role("link", name=label).click()
    page.get_by_role("heading", level=1, name=label, exact=True).wait_for()
    settle(page)
