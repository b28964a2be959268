"""A real server and a real Chromium for the browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromium
import pytest
from server import FLAGS, Server, serving, settle

# On a page's own address Streamlit first looks for its server below that address, and finds it above: no fault of ours.
PROBES = ("/_stcore/health", "/_stcore/host-config")


def is_fault(message: Any) -> bool:
    """Whether a message of the browser's console should not be there."""
    return message.type == "error" and not message.location.get("url", "").endswith(PROBES)


@pytest.fixture(scope="session")
def server(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app on a small random model."""
    with serving(tiny_checkpoint.parent, tmp_path_factory.mktemp("server") / "log") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all browser tests; skips where there is none."""
    path = chromium.find()
    if path is None:
        pytest.skip(f"no browser. {chromium.HOW}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any, server: Server) -> Iterator[Any]:
    """`open_page(width=1440, query="/models?image=7")` gives a settled page; fails at the end on console errors or a complaining log."""
    contexts, errors = [], []

    def open_at(width: int = 1440, height: int = 1000, scheme: str = "light", query: str = "", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if is_fault(message) else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.url + query)
        settle(page)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert errors == []
    assert server.complaints() == []
