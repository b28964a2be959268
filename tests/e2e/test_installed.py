"""The package as a stranger installs it: into an empty environment, without TensorFlow, started from another folder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("vae_explorer-*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    place = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = [str(place / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, Any]:
    """How a command is run from a folder that has nothing to do with the project."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VAE_EXPLORER", "COVERAGE"))
    }
    return {"cwd": tmp_path, "env": {**env, "HOME": str(tmp_path)}}


@pytest.fixture
def app(installed: Path, elsewhere: dict[str, Any]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = elsewhere["cwd"] / "log"
    # a file of somebody's in that folder, called as one of Python's own modules: it must not run
    (elsewhere["cwd"] / "random.py").write_text("raise SystemExit('a file of the current folder has run')")
    with open(log, "wb") as output:
        words = [str(installed / "vae-explorer"), "app", "--no-browser", "--port", str(port)]
        process = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True, **elsewhere)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()  # the command alone: it is the server, not what started it
        process.wait(20)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2)
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
@pytest.mark.browser
def test_the_app_of_an_installed_package(app: str, browser: Any) -> None:
    page = browser.new_page()
    page.goto(app)
    page.get_by_role("application", name=re.compile("Map of the latent space")).wait_for(timeout=60_000)
    page.wait_for_function("Object.values(window.__liveMap ?? {}).some(map => map.ready)", timeout=60_000)
    page.close()


@pytest.mark.slow
def test_the_commands_of_an_installed_package(installed: Path, elsewhere: dict[str, Any]) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(installed / "vae-explorer"), *words], capture_output=True, text=True, **elsewhere)

    listed = run("models")
    assert listed.returncode == 0 and "`fashion-2d`" in listed.stdout, listed.stderr
    none = run("runs")
    assert "vae-explorer train --run-dir" in none.stdout and "python -m" not in none.stdout, none.stdout
    drawn = run("generate", "fashion-2d", "-n", "4")
    assert drawn.returncode == 0 and (elsewhere["cwd"] / "samples.png").stat().st_size > 500, drawn.stderr
    trained = run("train", "--run-dir", "runs/demo", "--data", "drawn")
    assert trained.returncode == 2 and 'pip install "vae-explorer[train]"' in trained.stderr, trained.stderr
