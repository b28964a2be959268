"""The app as a server process, and how to tell that a page of it has settled."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
READY = "[data-testid='stApp'][data-test-script-state='notRunning']"
STYLED = """() => !document.title.endsWith("VAE Explorer")  // a component by itself has none
  || [...document.querySelectorAll("style")].some((style) => style.textContent.includes(".promise"))"""
COMPLAINT = re.compile(r"deprecat|Traceback|Error\b|missing ScriptRunContext|Please replace", re.IGNORECASE)


class Server:
    """`streamlit run` on a free port of this machine; its log is kept. program: what runs instead of `-m streamlit`."""

    def __init__(
        self, folder: Path, log: Path, script: str = "streamlit_app.py", program: Sequence[str] = ("-m", "streamlit")
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}", log
        flags = ["--server.headless=true", f"--server.port={port}", "--server.address=127.0.0.1"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *program, "run", script, *flags],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "VAE_EXPLORER_CHECKPOINTS": str(folder)},
            )

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
def serving(
    folder: Path, log: Path, script: str = "streamlit_app.py", program: Sequence[str] = ("-m", "streamlit")
) -> Iterator[Server]:
    """A server that shows the models in `folder`, and ends."""
    server = Server(folder, log, script, program)
    try:
        server.wait()
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(10)
        except subprocess.TimeoutExpired:
            server.process.kill()


def settle(page: Any) -> None:
    """Until the script has run, and the page's style has come, which is a moment later than its text."""
    page.wait_for_selector(READY, timeout=60_000)
    page.wait_for_function(STYLED, timeout=60_000)
