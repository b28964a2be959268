"""The page Applications in a real Chromium: its main way, with a picture of the visitor's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server import Server, serving, settle
from visitor import sentences, shirt, upload

from vae_core.analysis.applications.code_archive import unpack
from vae_core.checkpoints import store

pytestmark = pytest.mark.browser
SHIPPED = Path(__file__).parents[2] / "checkpoints"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app on the shipped models, whose uses have been measured."""
    with serving(SHIPPED, tmp_path_factory.mktemp("applications") / "log") as running:
        yield running


def use(page: Any, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click(timeout=60_000)
    settle(page)


def test_a_picture_of_ones_own_through_every_use(open_page: Any) -> None:
    """Compressed and read back; denoised; its anomaly score beside the trap; its cluster."""
    page = open_page(query="/applications?model=fashion-2d")
    page.get_by_role("heading", level=1, name="Applications").wait_for(timeout=60_000)
    settle(page)
    upload(page, shirt())
    page.locator(".st-key-picture_line strong", has_text="shirt.png").first.wait_for(timeout=60_000)
    page.get_by_text("bits of codes bring this picture back").wait_for(timeout=60_000)
    page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name="File of codes (").click(timeout=60_000)
    data = Path(waiting.value.path()).read_bytes()
    engine = store.load(SHIPPED / "fashion-2d").engine()
    assert unpack(data, engine).shape == (1, engine.latent_dim)
    use(page, "Denoising")
    page.get_by_text("against the clean picture, of this one picture").wait_for(timeout=60_000)
    assert page.locator("[data-testid='stMain'] img").count() >= 8
    use(page, "Anomalies")
    page.get_by_text("ordinary test images are as odd").first.wait_for(timeout=60_000)
    page.get_by_text("The trap: this model").wait_for(timeout=60_000)
    use(page, "Unsupervised learning")
    page.get_by_text("This picture is in cluster").wait_for(timeout=60_000)
    assert sentences(page) == []
