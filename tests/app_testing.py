"""The app without a browser: started from its front page, as a visitor does, and read as text."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.ui.formatting import BREAK

ROOT = Path(__file__).parents[1]
MAIN = "streamlit_app.py"
PAGES = (MAIN, *sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py")))
NO_MODEL = (
    "pages/models.py",
    "pages/train.py",
)  # show no single model: they have no line about it, and outlive a damaged one
NAMES = ("**Test image ", "**Your picture", "**Sample photo", "**Decoded from ")  # in the line of the chosen picture
DRAWN = {"train": 40, "validation": 10, "test": 60}  # stand-ins for the drawn clothes' thousands


def visit(page: str = MAIN, **url: str) -> AppTest:
    """A new visitor who opens the front page with these parameters in the URL, then goes to `page`."""
    at = AppTest.from_file(str(ROOT / MAIN), default_timeout=60)
    at.query_params = dict(url)
    at.run()
    return at if page == MAIN else go(at, page)


def go(at: AppTest, page: str) -> AppTest:
    """The same visitor on another page."""
    return at.switch_page(page).run()


def words(at: AppTest) -> str:
    """All that is said on the page, no-break spaces as plain ones; fails on a traceback."""
    assert not at.exception, at.exception[0].message
    elements = [*at.title, *at.markdown, *at.caption, *at.header, *at.subheader, *at.info, *at.warning, *at.error]
    return read("\n".join(element.value for element in elements)).replace("\xa0", " ")


def problems(at: AppTest) -> list[str]:
    """What the page complains of, a sentence each."""
    assert not at.exception, at.exception[0].message
    return [read(element.value) for element in [*at.warning, *at.info, *at.error]]


def chosen_picture(at: AppTest) -> str:
    """What the line at the top of a page calls the chosen picture."""
    assert not at.exception, at.exception[0].message
    names = (markdown.value for markdown in at.main.markdown)
    return read(next(name for name in names if name.startswith(NAMES))).strip("*")


def pictures(at: AppTest) -> list[Any]:
    """The pictures of the page's result: without the thumbnail and the steps of the line at its top."""
    thumbnails = ("Chosen: ", "Your picture as it came", "After the step ")
    return [image for image in at.image if not image.proto.imgs[0].alt.startswith(thumbnails)]


def read(text: str) -> str:
    """Markdown as it is read: without what is said of a term on hover, and the signs that take the powers of names of others."""
    text = re.sub(r"<dfn[^>]*>(.*?)<span class=\"meaning\" hidden>.*?</span></dfn>", r"\1", text, flags=re.DOTALL)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text).replace(BREAK, "")


def png(array: np.ndarray) -> bytes:
    """An array as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def garment() -> bytes:
    """A PNG of something light on black."""
    array = np.zeros((90, 60), np.uint8)
    array[10:80, 15:45] = 200
    return png(array)


def decoded(url: str) -> np.ndarray:
    """The picture of a data: address, uint8 (h, w, 3)."""
    data = base64.b64decode(url.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def holds(pictures: list[np.ndarray], wanted: np.ndarray) -> bool:
    """Whether one of them is the wanted picture (h, w, c), enlarged by a whole number and nothing else."""
    wanted = np.broadcast_to(wanted, (*wanted.shape[:2], 3))
    for picture in pictures:
        times = picture.shape[0] // wanted.shape[0]
        enlarged = times and picture.shape == (times * wanted.shape[0], times * wanted.shape[1], 3)
        if enlarged and np.array_equal(picture[::times, ::times], wanted):
            return True
    return False
