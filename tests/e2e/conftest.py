"""A real server and a real Chromium for the browser tests."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chromium
import pytest

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
).split()
READY = "[data-testid='stApp'][data-test-script-state='notRunning']"
COMPLAINT = re.compile(r"deprecat|Traceback|Error\b|missing ScriptRunContext|Please replace", re.IGNORECASE)


class Server:
    """`streamlit run` on a free port of this machine; its log is kept."""

    def __init__(self, folder: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}", log
        flags = ["--server.headless=true", f"--server.port={port}", "--server.address=127.0.0.1"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", *flags],
                cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, "VAE_EXPLORER_CHECKPOINTS": str(folder)},
            )  # fmt: skip

    def wait(self, seconds: float = 60) -> None:
        """Until it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        pytest.fail(f"the server did not start:\n{self.log.read_text()}")

    def complaints(self) -> list[str]:
        """Lines of its log that should not be there."""
        return [line for line in self.log.read_text().splitlines() if COMPLAINT.search(line)]


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[Server]:
    """A server that shows the models in `folder`, and ends."""
    server = Server(folder, log)
    try:
        server.wait()
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(10)
        except subprocess.TimeoutExpired:
            server.process.kill()


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
    """`open_page(width=1440, scheme="light")` gives a settled page; fails at the end on console errors or a complaining log."""
    contexts, errors = [], []

    def open_at(width: int = 1440, height: int = 1000, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.url)
        settle(page)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert errors == []
    assert server.complaints() == []


def settle(page: Any) -> None:
    """Until the script has run."""
    page.wait_for_selector(READY, timeout=60_000)
