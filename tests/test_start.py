"""What the server does before its first visitor."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st

from pages.ui.app import startup as start
from vae_core.cli import app_command

ROOT = Path(__file__).parents[1]
IMPORTED = """
import sys
import streamlit as st
import streamlit_app
from pages.ui.app import startup as start
assert isinstance(streamlit_app.app, st.App)
start.import_pages()
start.import_tables()
from streamlit.testing.v1 import AppTest
packages = lambda: {name.split(".")[0] for name in sys.modules}
before = packages()
for page in (None, "train", "latent_space", "reconstruction", "heatmaps", "applications", "report", "models"):
    at = AppTest.from_file("streamlit_app.py", default_timeout=60)
    if page:
        at.switch_page(f"pages/{page}.py")
    assert not at.run().exception
print(sorted(packages() - before - sys.stdlib_module_names))
print([name for name in ("tensorflow", "keras") if name in sys.modules])
"""


def test_the_first_visitor_of_a_page_waits_for_no_import() -> None:
    """In a process of its own: all that any page needs is there before it runs, and TensorFlow is not."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "[]"]


STARTED = """
import asyncio
from threadpoolctl import threadpool_info
from pages.ui.app import startup

async def live():
    async with startup.started(None):
        print({library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"})

asyncio.run(live())
"""


def test_a_visitors_page_computes_on_one_thread() -> None:
    """In a process of its own, whose limit it sets."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2", "STREAMLIT_SERVER_HEADLESS": "true"}
    done = subprocess.run([sys.executable, "-c", STARTED], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "{1}"


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "http://localhost:8501/"),
        ({"server.port": 8600, "server.baseUrlPath": "/vae/"}, "http://localhost:8600/vae"),
        ({"browser.serverAddress": "vae.example", "server.sslCertFile": "c.pem"}, "https://vae.example:8501/"),
    ],
)
def test_where_the_server_is(options: dict[str, object], address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"server.port": 8501, "browser.serverAddress": "localhost", **options}
    monkeypatch.setattr(st, "get_option", known.get)
    assert start.address() == address


@pytest.mark.parametrize("headless", [True, False])
def test_a_browser_is_opened_where_there_is_a_screen(headless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        st, "get_option", {"server.headless": headless, "server.port": 1, "browser.serverAddress": "localhost"}.get
    )
    monkeypatch.setattr(webbrowser, "open_new_tab", opened.append)

    async def live() -> None:
        async with start.started(st.App(ROOT / "streamlit_app.py")):
            while not headless and not opened:
                await asyncio.sleep(0.01)

    with ThreadPoolExecutor(1) as elsewhere:  # beside the browser tests this thread has a loop running already
        elsewhere.submit(lambda: asyncio.run(asyncio.wait_for(live(), 30))).result()
    assert opened == ([] if headless else ["http://localhost:1/"])


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ([], ""),
        (["HOST=0.0.0.0"], "--server.address 0.0.0.0"),
        (["HOST=::"], "--server.address ::"),
        (["HOST=::1"], '--server.address ::1 --browser.serverAddress "[::1]"'),
        (["PORT=8600", "ARGS=--x"], "--server.port 8600 --x"),
    ],
)
def test_make_run_lets_others_in_only_where_it_is_asked_to(words: list[str], flags: str) -> None:
    """A HOST that the shell exports for purposes of its own does not count."""
    # these tests may run within a make of their own, which speaks of folders
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", "run", *words],
        cwd=ROOT,
        env={**env, "HOST": "here", "PORT": "1"},
        capture_output=True,
        text=True,
    )
    (line,) = [line for line in done.stdout.splitlines() if "streamlit_app.py" in line]
    assert " ".join(line.split("streamlit_app.py")[1].split()) == flags, done.stderr


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the server is a child")
@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", None), ("::", None), ("0.0.0.0", None), ("::1", "[::1]"), ("fe80::2", "[fe80::2]")],
)
def test_an_address_of_ipv6_is_one_that_a_browser_opens(
    host: str, shown: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(app_command.socket, "getaddrinfo", lambda *words, **more: [])
    monkeypatch.setattr(app_command.os, "execv", lambda path, words: became.append(words))
    monkeypatch.setattr(app_command.subprocess, "run", lambda *words, **more: SimpleNamespace(returncode=0))
    monkeypatch.setenv("PYTHONPATH", "")
    app_command.app(host, 8501, True)
    (words,) = became
    assert words[words.index("--server.address") + 1] == host
    given = words[words.index("--browser.serverAddress") + 1] if "--browser.serverAddress" in words else None
    assert given == shown
