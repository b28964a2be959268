"""Any terminal, any pipe: what is printed never decides whether the work is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import save_checkpoint
from tiny_runs import MODEL, save_npz, wait_for

from vae_core.cli.common import command_text
from vae_core.jobs.environment import child_environment
from vae_core.runs.directory import Run

ROOT = Path(__file__).parents[1]
VAE_CORE = [sys.executable, "-m", "vae_core"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and descriptors of POSIX")


def run(*words: object, **changes: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, with other environment variables."""
    return subprocess.run(
        [*VAE_CORE, *map(str, words)], cwd=ROOT, env={**os.environ, **changes}, capture_output=True, timeout=120
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, whose folder's name no encoding but UTF-8 has in full."""
    return save_checkpoint(tmp_path_factory.mktemp("models") / "Schuhe × 鞋 −2", MODEL)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_npz(tmp_path_factory.mktemp("data") / "squares.npz")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "cp437"])
@pytest.mark.parametrize("command", ["models", "heatmap", "--help"])
def test_a_terminal_that_lacks_characters(command: str, encoding: str, model: Path, data: Path, tmp_path: Path) -> None:
    words = {
        "models": ["models", "--root", model.parent],
        "heatmap": ["heatmap", model, "--data", data, "--output", tmp_path / "×.png"],
        "--help": ["--help"],
    }[command]
    done = run(*words, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding)
    if command == "heatmap":
        assert (tmp_path / "×.png").exists()
        assert "raw -" in done.stdout.decode(encoding) or "raw 0" in done.stdout.decode(encoding)


def test_a_minus_sign_stays_one_in_ascii(model: Path) -> None:
    done = run("models", "--root", model.parent, PYTHONIOENCODING="ascii")
    assert b"-2" in done.stdout and b"?2" not in done.stdout


def test_an_error_in_ascii(tmp_path: Path) -> None:
    done = run("evaluate", tmp_path / "鞋", PYTHONIOENCODING="ascii")
    assert done.returncode == 2 and done.stderr.startswith(b"error: ")


@posix
@pytest.mark.parametrize("both", [False, True])
def test_a_reader_that_has_gone(both: bool, model: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "heatmap.png"
    reader, writer = os.pipe()
    os.close(reader)
    words = ["heatmap", str(model), "--data", str(data), "--output", str(output)]
    done = subprocess.run(
        [*VAE_CORE, *words], cwd=ROOT, stdout=writer, stderr=writer if both else subprocess.PIPE, timeout=120
    )
    os.close(writer)
    assert done.returncode == 0 and output.exists()
    assert both or done.stderr == b""


@posix
def test_output_that_cannot_be_written_is_told(model: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        words = [*VAE_CORE, "models", "--root", str(model.parent)]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 2 and b"could not be written" in done.stderr


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors(closed: str, model: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "heatmap.png"
    line = f'"$0" -m vae_core heatmap "$1" --data "$2" --output "$3" {closed}'
    done = subprocess.run(["sh", "-c", line, sys.executable, str(model), str(data), str(output)], cwd=ROOT, timeout=120)
    assert done.returncode == 0 and output.read_bytes().startswith(b"\x89PNG")


@posix
def test_a_training_outlives_its_reader_and_is_stopped_by_a_closed_terminal(data: Path, tmp_path: Path) -> None:
    words = f"train --preset classic --data {data} --batch-size 16 --epochs 100000 --run-dir".split()
    reader, writer = os.pipe()
    trainer = subprocess.Popen([*VAE_CORE, *words, tmp_path / "my run"], cwd=ROOT, stdout=writer, stderr=writer)
    try:
        os.close(writer)
        assert os.read(reader, 1)  # the first line, as `head -1` takes it
        os.close(reader)
        made = Run(tmp_path / "my run")
        wait_for(lambda: made.status().get("step", 0) > 5, "the first steps", 100)
        trainer.send_signal(signal.SIGHUP)
        trainer.wait(60)
        assert made.status()["state"] == "stopped"
    finally:
        trainer.kill()


def test_a_printed_command_can_be_typed() -> None:
    assert command_text("evaluate", Path("runs/demo")) == "python -m vae_core evaluate runs/demo"
    assert command_text("evaluate", "my runs/it's") == """python -m vae_core evaluate 'my runs/it'"'"'s'"""


def test_children_are_given_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    monkeypatch.setenv("PYTHONUTF8", "0")
    code = "import sys; print(sys.stdout.encoding, '−×鞋')"
    done = subprocess.run([sys.executable, "-c", code], env=child_environment(), capture_output=True, check=True)
    assert done.stdout.decode() == "utf-8 −×鞋\n"
