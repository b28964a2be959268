"""Every command under encodings that lack characters, with models, runs and folders whose names hold such characters."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from own_models import CLASSES, own_run, own_zip
from tiny_models import save_checkpoint
from tiny_runs import MODEL, save_npz

from vae_core.cli.main import build_parser, main
from vae_core.jobs import finished_runs
from vae_core.runs.directory import Run
from vae_core.storage.trash import FOLDER as TRASH

ROOT = Path(__file__).parents[1]
ENCODINGS = ("cp1252", "ascii", "utf-8")
FOLDER, MODEL_NAME, RUN_NAME = "Bücher − 鞋", "Schuhe × 鞋 −2", "läuft … 鞋"
# A line a use of each command; "=> 2" where it is to be refused by a sentence. {new} is a name that is free.
TABLE = """
models --root {models}
models --root {models} --delete {model_name}
models --root {models} --restore {model_name}
check-model {model}
evaluate {model} --data {npz}
evaluate {run}
evaluate {run} --split validation -n 3 --iwae 2
generate {model} -n 4 --output {new}.png --csv {new}.csv
interpolate {run} --index 0 1 --frames 8 --output {new}.gif --csv {new}.csv
compress {model} --picture {picture} --output {new}.vaez
denoise {run} --index 0 --output {new}.png
anomalies {run} --index 0 --output {new}.png
cluster {run} --output {new}.png
reconstruct {run} --index 0 1 --output {new}.png
reconstruct {model} --picture {picture} --output {new}.png
heatmap {run} --index 1 --output {new}.png
heatmap {model} --picture {picture} --output {new}.png
attribute {run} --index 1 --check --output {new}.png
attribute {model} --picture {picture} --target z0 --output {new}.png
report {run} --output {new}.html
report {model} --data {npz} --output {new}.html
export {model} --format onnx --output {new}
export {model} --format browser --output {new}
export {run} --format projector --output {new}
keep {run} {new}
keep {run} {models} => 2
runs --root {runs}
runs --root {new}
runs --root {runs} --follow {run_name}
runs --root {runs} --pause {run_name} => 2
runs --root {runs} --continue {run_name} => 2
runs --root {runs} --stop {run_name} => 2
runs --root {runs} --kill {run_name} => 2
runs --root {runs} --delete {run_name}
runs --root {runs} --restore {run_name}
train --data {new} --run-dir {new} => 2
train --data {npz} --run-dir {run} => 2
resume {new} => 2
app --host {new} => 2
"""
ELSEWHERE = {"standby"}  # reads standard input and ends its process


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The words of `TABLE` in braces."""
    folder = tmp_path_factory.mktemp("encodings") / FOLDER
    model = save_checkpoint(folder / "models" / MODEL_NAME, MODEL)
    run = own_run(folder / "runs" / RUN_NAME, own_zip(folder / "Bilder ∞.zip"))
    npz = save_npz(folder / "Quadrate ≥.npz")
    main(["generate", str(model), "-n", "1", "--output", str(folder / "Bild ×.png")])
    paths = {"models": model.parent, "model": model, "runs": run.path.parent, "run": run.path, "npz": npz}
    texts = {name: str(path) for name, path in {**paths, "picture": folder / "Bild ×.png"}.items()}
    return {**texts, "model_name": MODEL_NAME, "run_name": RUN_NAME}


Spoken = Callable[[list[str], str], tuple[int, str]]


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> Spoken:
    """Runs a command in this process: its exit code, and all it printed as a terminal of that encoding reads it."""

    def run(arguments: list[str], encoding: str) -> tuple[int, str]:
        streams = {name: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for name in ("stdout", "stderr")}
        with monkeypatch.context() as patch:
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            code = main(arguments)
        for stream in streams.values():
            stream.flush()
        printed = (stream.buffer.getvalue() for stream in streams.values())  # type: ignore[attr-defined]
        return code, "".join(part.decode(encoding) for part in printed)

    return run


def test_every_command_is_in_the_table() -> None:
    commands = next(action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    assert {line.split()[0] for line in TABLE.split("\n") if line} | ELSEWHERE == set(commands.choices)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command(encoding: str, names: dict[str, str], spoken: Spoken, tmp_path: Path) -> None:
    for number, line in enumerate(TABLE.strip().splitlines()):
        words, _, expected = line.partition(" => ")
        new = str(tmp_path / f"{number} neu − 鞋")
        code, text = spoken([word.format(**names, new=new) for word in words.split()], encoding)
        assert code == int(expected or 0), (line, text)
        assert text and "Traceback" not in text and "codec can't" not in text, (line, text)
        if encoding == "utf-8":
            assert "?" not in text, (line, text)
    left = [path.name for path in tmp_path.rglob("*") if path.name.startswith(".") and path.name != TRASH]
    assert left == []


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_training_from_its_start_to_what_is_kept(encoding: str, tmp_path: Path) -> None:
    """Stopped, resumed and what follows, in one process whose terminal has this encoding; classes have such names too."""
    folder = tmp_path / FOLDER
    data, run, model = own_zip(folder / "Bilder ∞ 鞋.zip"), folder / "runs" / RUN_NAME, folder / "models" / MODEL_NAME
    renamed_classes(data)
    training = f"--data|{data}|--epochs|40|--batch-size|8|--images|32|--run-dir|{run}"
    lines = [
        f"train|--preset|classic|{training}",
        f"resume|{run}",
        f"runs|--root|{run.parent}",
        f"evaluate|{run}",
        f"keep|{run}|{model}",
        f"export|{model}|--format|onnx|--output|{folder / 'aus ×'}",
        f"export|{run}|--format|projector|--output|{folder / 'Projektor ×'}",
    ]
    code = "import sys; from vae_core.cli.main import main; print([main(line.split('|')) for line in sys.argv[1:]])"
    stopping = threading.Thread(target=stopped_once, args=(Run(run),), daemon=True)
    stopping.start()
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, *lines], cwd=ROOT, env=environment, capture_output=True, timeout=300
    )
    printed = done.stdout.decode(encoding) + done.stderr.decode(encoding)
    stopping.join(60)
    assert done.returncode == 0 and "stopped" in printed and printed.count(str([0] * len(lines))) == 1, printed
    assert "Traceback" not in printed and "codec can't" not in printed
    assert Run(run).state() == ("finished", "") and Run(run).config()["dataset"]["classes"] == [
        "Hüte",
        "Stiefel −",
        "鞋",
    ]
    assert "鞋" in (model / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "鞋" in next((folder / "Projektor ×").rglob("metadata.tsv")).read_text(encoding="utf-8")
    if encoding == "utf-8":
        assert MODEL_NAME in printed and "?" not in printed


def stopped_once(run: Run) -> None:
    """Ask a run to stop as soon as it trains."""
    deadline = time.monotonic() + 120
    while run.status().get("state") != "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    main(["runs", "--root", str(run.path.parent), "--stop", run.path.name])


def renamed_classes(path: Path) -> None:
    """Give the classes of `own_zip` names beyond any of the encodings."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    names = dict(zip(CLASSES, ("Stiefel −", "Hüte", "鞋"), strict=True))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            folder, _, file = name.partition("/")
            archive.writestr(f"{names[folder]}/{file}", content)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_process_that_stands_by(encoding: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "vae_core", "standby", "--cold", "--root", str(tmp_path / FOLDER)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(words, cwd=ROOT, env=environment, input=b"", capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_run_is_kept_by_an_app_with_such_an_environment(
    names: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the app's own process, whose environment is cp1252's; then by a terminal's that has this encoding."""
    runs, models = tmp_path / FOLDER / "runs", tmp_path / FOLDER / "models"
    shutil.copytree(names["run"], runs / RUN_NAME)
    environment = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for name, value in {**environment, "VAE_EXPLORER_CHECKPOINTS": str(models)}.items():
        monkeypatch.setenv(name, value)
    kept = finished_runs.publish(Run(runs / RUN_NAME), "kept")
    assert "kept" in (kept / "MODEL_CARD.md").read_text(encoding="utf-8") and (kept / "scores.npz").exists()
    words = [sys.executable, "-m", "vae_core", "keep", str(runs / RUN_NAME), str(models / MODEL_NAME)]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert b"Schuhe \xd7 ? -2" in done.stdout.splitlines()[-1]
    assert (models / MODEL_NAME / "scores.npz").exists()
