"""The command line: help, one clear line for a mistake, and everything after training without TensorFlow."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from PIL import Image
from tiny_runs import MODEL, SHAPE, save_npz

from vae_core.checkpoints import store
from vae_core.checkpoints.codes import load_latents
from vae_core.cli.main import build_parser, main
from vae_core.network import presets
from vae_core.runs.directory import Run

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "train",
    "resume",
    "runs",
    "evaluate",
    "generate",
    "interpolate",
    "reconstruct",
    "heatmap",
    "attribute",
    "export",
    "keep",
    "standby",
    "app",
    "check-model",
    "models",
    "compress",
    "denoise",
    "anomalies",
    "cluster",
    "report",
    "app",
    "check-model",
)


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_npz(tmp_path_factory.mktemp("data") / "squares.npz", 200)


@pytest.fixture(scope="module")
def trained(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory, made by the command."""
    path = tmp_path_factory.mktemp("runs") / "demo"
    words = f"train --preset classic --data {squares} --images 96 --epochs 2 --batch-size 16 --run-dir {path}"
    assert main(words.split()) == 0
    return path


@pytest.fixture(scope="module")
def kept(trained: Path, squares: Path) -> Path:
    """A checkpoint folder, made of it by `keep`."""
    folder = trained.parent / "squares-2d"
    assert main(["keep", str(trained), str(folder), "--data", str(squares), "--snapshots", "2"]) == 0
    return folder


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with random weights: no training, no TensorFlow."""
    run = Run(tmp_path_factory.mktemp("quick") / "demo")
    network = presets.build(MODEL)
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in network.weight_shapes().items()}
    config: dict[str, Any] = {"name": "demo", "model": MODEL.to_dict(), "training": {}, "dataset": {"name": "squares"}}
    run.create(config, network)
    codes = np.zeros((3, 2), np.float32)
    run.save_snapshot(7, weights, {"z_mean": codes, "z_log_var": codes, "labels": np.zeros(3)})
    run.write_status("finished", step=7, total_steps=7, loss=99.0)
    return run.path


# --- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_that_parses(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    start = f"Example: python -m vae_core {command} "
    assert start in text
    example = text[text.index(start) :].removeprefix("Example: python -m vae_core ").split()
    assert build_parser().parse_args(example).command == command


def test_every_command_is_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vae_core", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(COMMANDS) <= {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    found = next(action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    assert set(found.choices) == set(COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "paint",
        "train",
        "train --run-dir x --preset large",
        "train --run-dir x --epochs many",
        "train --run-dir x --image-shape 64",
        "generate",
        "heatmap x --part middle",
        "export x --output y",
    ],
)
def test_misused_flags(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words.split())
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --data {npz} --run-dir {new} --latent-dim 0", "latent_dim must be a whole number in 1..256, got 0"),
        ("train --data {npz} --run-dir {new} --beta -1", "beta must be a number in 0..1e+09, got -1.0"),
        ("train --data {new}.npz --run-dir {new}", "does not exist"),
        ("train --data drawn --image-shape 64x64x3 --run-dir {new}", "--image-shape is for pictures of your own"),
        ("resume {new}", "is no run directory"),
        ("runs --stop {new}", "is no run directory"),
        ("runs --stop {run}", "is finished; only a run in progress can be asked"),
        ("generate {new}", "there is no model at"),
        ("generate {run} -n 0", "-n must be in 1..10,000, got 0"),
        ("reconstruct {run} --data {npz} --index 20", "--index must be in 0..19 for squares test, 20 images, got [20]"),
        ("reconstruct {run} --picture {npz}", "squares.npz"),
        ("heatmap {run} --data {npz} --layer dense_1", "--layer must be a convolution layer of the encoder"),
        ("heatmap {run} --data {npz} --channel 64", "--channel must be in 0..63 for conv_2, got 64"),
        ("heatmap {run} --data {npz} --colormap mud", "mud"),
        ("attribute {run} --data {npz} --target z9", "got unit 9 in 'z9'"),
        ("attribute {run} --data {npz} --target up", "a target is z0, -z0, log_var:0"),
        ("attribute {run} --data {npz} --index 0 1", "one picture at a time"),
        ("attribute {run} --data {npz} --method occlusion --patch 99", "patch must fit into the picture"),
        (
            "attribute {run} --data {npz} --method grad_cam --layer dense_1",
            "layer must be a convolution of the encoder",
        ),
        ("evaluate {run} --data {npz} --write -n 3", "--write keeps the figures of the whole test split"),
        ("evaluate {run} --data {npz} --thresholds", "too few for thresholds"),
        ("evaluate {run} --data {npz} --samples", "--samples compares samples with Fashion-MNIST's"),
        ("evaluate {run} --data {npz} --samples --thresholds", "Leave one of them out"),
        ("evaluate {run} --data {new}", "does not exist"),
        ("generate {run} --output {run}/nowhere/a.png", "nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    words: str, message: str, quick: Path, squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [word.format(npz=squares, new=tmp_path / "new", run=quick) for word in words.split()]
    assert main(filled) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and err.startswith("error: ")
    assert message in err
    assert not (tmp_path / "new").exists()


def test_a_mistake_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vae_core", "generate", "nowhere"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: there is no model at nowhere") and "Traceback" not in done.stderr


# --- runs ---------------------------------------------------------------------------------------------------------


def test_runs_are_listed(quick: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--root", str(quick.parent)]) == 0
    assert capsys.readouterr().out.split() == ["demo", "finished", "step", "7/7", "loss", "99.00"]
    Run(tmp_path / "new").create({}, presets.build(MODEL))
    assert main(["runs", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == ["new", "waiting"]
    assert main(["runs", "--root", str(tmp_path / "none")]) == 0
    assert "Start one:  python -m vae_core train" in capsys.readouterr().out


def test_follow_and_ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path / "demo")
    run.create({}, presets.build(MODEL))
    run.write_status("running", step=3, total_steps=9)

    def obey() -> None:
        for command, state in (("pause", "paused"), ("run", "running"), ("stop", "stopped")):
            while run.control().command != command:
                time.sleep(0.01)
            run.write_status(state, step=3, total_steps=9)

    trainer = threading.Thread(target=obey)
    trainer.start()
    for verb, state in (("pause", "paused"), ("continue", "running"), ("stop", "stopped")):
        assert main(["runs", "--root", str(tmp_path), f"--{verb}", "demo"]) == 0
        assert capsys.readouterr().out == f"{run.path}: {state}\n"
    trainer.join()

    run.write_status("running", step=4, total_steps=9)
    threading.Timer(0.7, run.write_status, ["finished"], {"step": 9, "total_steps": 9}).start()
    assert main(["runs", "--follow", str(run.path)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{run.path}: finished\n" and "100%" in err


# --- training -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_train_then_resume(trained: Path, squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(trained)
    assert run.state() == ("finished", "") and run.status()["total_steps"] == 12
    assert run.config()["dataset"]["name"] == "squares"
    assert run.config()["training"]["schedule"] == "constant"  # the recipe of `classic`
    assert main(["resume", str(trained), "--data", str(squares)]) == 2
    assert "has finished its epochs" in capsys.readouterr().err
    assert main(["train", "--preset", "classic", "--data", str(squares), "--run-dir", str(trained)]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert run.state() == ("finished", "")


def test_the_list_of_runs_imports_what_it_needs(quick: Path) -> None:
    """Of a folder of thousands too most of its time would else be imports."""
    code = "import sys; from vae_core.cli.main import main; main(sys.argv[1:]); print({'numpy', 'psutil', 'filelock'} & {*sys.modules})"
    words = [sys.executable, "-c", code, "runs", "--root", str(quick.parent)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "demo" in done.stdout and done.stdout.splitlines()[-1] == "set()"


@pytest.mark.slow
def test_a_run_that_diverges_is_exit_code_1(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        f"train --preset classic --data {squares} --run-dir {tmp_path}/a --epochs 30 --learning-rate 1000 --beta 1e9"
    )
    assert main(words.split()) == 1
    out, err = capsys.readouterr()
    assert "NaN or infinite at step" in err and "Lower the learning rate" in err and "finished" not in out
    assert main(["runs", "--root", str(tmp_path)]) == 0
    assert "failed" in capsys.readouterr().out


@pytest.mark.slow
def test_keep_makes_a_whole_checkpoint(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {path.name for path in kept.iterdir()}
    assert names == {
        "config.json",
        "network.json",
        "model.safetensors",
        "metrics.json",
        "latents.npz",
        "history.csv",
        "MODEL_CARD.md",
        "snapshots",
        "scores.npz",
        "density.npz",
        "data.json",
    }
    loaded = store.load(kept)
    assert loaded.step == 12 and loaded.metrics and loaded.model.image_shape == SHAPE
    assert load_latents(kept).z_mean.shape == (20, 2)
    assert len(list((kept / "snapshots").iterdir())) == 2


AFTER_TRAINING = """
import json, sys
from vae_core.cli.main import main
report = {}
for words in json.loads(sys.argv[1]):
    report[words[0] + " " + words[-1]] = main(words)
report["imported"] = sorted({"tensorflow", "keras"} & set(sys.modules))
sys.modules["keras"] = None  # as if TensorFlow were not installed
report["train"] = main(["train", "--preset", "classic", "--data", sys.argv[2], "--run-dir", sys.argv[3]])
print(json.dumps(report), file=sys.stderr)
"""


@pytest.mark.slow
def test_everything_after_training_goes_without_tensorflow(kept: Path, squares: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(np.pad(np.full((20, 12), 200, np.uint8), 8)).save(picture)
    model, data = str(kept), ["--data", str(squares)]
    words = [
        ["evaluate", model, *data, "--iwae", "3"],
        ["evaluate", model, *data, "--write"],
        ["generate", model, "-n", "5", "--output", f"{tmp_path}/samples.png"],
        ["reconstruct", model, *data, "--index", "0", "3", "--output", f"{tmp_path}/index.png"],
        ["reconstruct", model, "--picture", str(picture), "--output", f"{tmp_path}/own.png"],
        ["heatmap", model, "--picture", str(picture), "--output", f"{tmp_path}/maps.png"],
        [
            "heatmap",
            model,
            *data,
            "--part",
            "decoder",
            "--layer",
            "deconv_1",
            "--channel",
            "3",
            "--output",
            f"{tmp_path}/map.png",
        ],
        [
            "attribute",
            model,
            *data,
            "--target=-z0",
            "--method",
            "integrated_gradients",
            "--check",
            "--output",
            f"{tmp_path}/driven.png",
        ],
        [
            "attribute",
            model,
            "--picture",
            str(picture),
            "--target",
            "reconstruction",
            "--output",
            f"{tmp_path}/error.png",
        ],
        ["export", model, *data, "--format", "projector", "--output", f"{tmp_path}/projector"],
        ["export", model, "--format", "onnx", "--output", f"{tmp_path}/onnx"],
        ["export", model, "--format", "browser", "--output", f"{tmp_path}/browser"],
    ]
    code = [sys.executable, "-c", AFTER_TRAINING, json.dumps(words), str(squares), f"{tmp_path}/never"]
    done = subprocess.run(code, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stderr.splitlines()[-1])
    assert report.pop("imported") == [] and report.pop("train") == 2
    assert set(report.values()) == {0}, done.stderr
    assert "error: keras is not installed. Run: pip install -r requirements.txt" in done.stderr
    assert not (tmp_path / "never").exists()

    assert "the map sums to it with an error of" in done.stdout and "z_mean of unit 0, downwards" in done.stdout
    assert "random from the top to encoder conv_1: rank correlation" in done.stdout
    for name in ("samples", "index", "own", "maps", "map", "driven", "error"):
        with Image.open(tmp_path / f"{name}.png") as image:
            assert min(image.size) >= 16 and np.ptp(np.asarray(image)) > 0
    assert "| −ELBO, nats |" in done.stdout and "test, 20" in done.stdout
    assert "5 samples of z ~ N(0, 1) decoded by squares-2d, seed 0" in done.stdout
    assert "decoder/deconv_1, 1 channel(s) of 8×8, raw " in done.stdout
    rows = (tmp_path / "projector" / "codes.tsv").read_text().splitlines()
    assert len(rows) == 20 and all(len(row.split("\t")) == 2 for row in rows)
    assert {path.name for path in (tmp_path / "onnx").iterdir()} == {"encoder.onnx", "decoder.onnx"}
    assert (tmp_path / "browser" / "decoder.bin").stat().st_size % 4 == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras' own
def test_export_keras(kept: Path, tmp_path: Path) -> None:
    assert main(["export", str(kept), "--format", "keras", "--output", str(tmp_path / "a" / "b")]) == 0
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"encoder.keras", "decoder.keras"}


def test_models_prints_the_table_and_says_so_where_there_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "--root", str(ROOT / "checkpoints")]) == 0
    shown = capsys.readouterr().out
    assert "| `fashion-2d` | swift | 2 |" in shown
    assert "test, 10,000 images" in shown
    assert main(["models", "--root", str(tmp_path)]) == 0
    assert "no models in" in capsys.readouterr().out


def test_training_can_start_from_a_models_weights(tmp_path: Path, trained: Path, squares: Path) -> None:
    first, again, other = Run(trained), Run(tmp_path / "again"), tmp_path / "other"
    words = ["train", "--preset", "classic", "--data", str(squares), "--epochs", "1", "--learning-rate", "0"]
    words += ["--start-from", str(trained)]
    assert main([*words, "--run-dir", str(again.path)]) == 0
    before, after = first.snapshot_weights(), again.snapshot_weights()
    assert all(np.array_equal(before[name], after[name]) for name in before)  # a learning rate of 0 changes nothing
    assert again.config()["started_from"]["step"] == first.snapshots()[-1]
    assert main([*words, "--latent-dim", "3", "--run-dir", str(other)]) == 2  # other layers
    assert not other.exists()


# --- queue and standby --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_queued_behind_another_run(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other, run = Run(tmp_path / "other"), Run(tmp_path / "mine")
    other.create({}, presets.build(MODEL))
    other.write_status("running", step=1)  # this process is at work on it

    def look() -> None:
        while "waiting for other" not in str(run.status().get("doing")):
            time.sleep(0.01)
        assert main(["runs", "--root", str(tmp_path)]) == 0
        other.write_status("finished")

    looker = threading.Thread(target=look)
    looker.start()
    words = f"train --queue --preset classic --data {squares} --images 32 --epochs 1 --run-dir {run.path}"
    assert main(words.split()) == 0
    looker.join()
    assert "waiting for other to end" in capsys.readouterr().out
    assert run.state() == ("finished", "")
    assert run.request()["data"] == str(squares.resolve())
    assert main([*words.split()]) == 2
    assert "holds a run already" in capsys.readouterr().err and run.state() == ("finished", "")


def test_a_queued_run_says_why_it_cannot_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path / "mine")
    assert main(["train", "--queue", "--data", f"{tmp_path}/gone.zip", "--run-dir", str(run.path)]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert run.state()[0] == "failed" and "does not exist" in run.state()[1]


def test_a_queued_run_is_stopped(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other, run = Run(tmp_path / "other"), Run(tmp_path / "mine")
    other.create({}, presets.build(MODEL))
    other.write_status("paused")
    stop = threading.Timer(0.5, lambda: main(["runs", "--root", str(tmp_path), "--stop", "mine"]))
    stop.start()
    assert main(["train", "--queue", "--data", str(squares), "--run-dir", str(run.path)]) == 0
    stop.join()
    assert run.state() == ("stopped", "") and "stopped before its turn" in capsys.readouterr().out


@pytest.mark.slow
def test_resume_finds_its_data(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path / "demo")
    words = f"train --preset classic --data {squares} --epochs 10000 --batch-size 16 --run-dir {run.path}"

    def stop() -> None:
        while run.status().get("step", 0) < 3:
            time.sleep(0.01)
        run.update_control(command="stop")

    stopper = threading.Thread(target=stop)
    stopper.start()
    assert main(words.split()) == 0
    stopper.join()
    assert run.state()[0] == "stopped"
    threading.Timer(3, lambda: run.update_control(command="stop")).start()
    assert main(["resume", str(run.path)]) == 0
    assert "resumed" in [row.get("event") for row in run.metrics()]
    capsys.readouterr()


def test_kill_needs_a_trainer(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(quick)
    assert main(["runs", "--kill", str(quick)]) == 2
    assert "is not a trainer" in capsys.readouterr().err and run.state()[0] == "finished"


@pytest.mark.parametrize("line", ["", "not json\n", '{"arguments": 7}\n'])
def test_a_process_on_standby_ends_with_its_parent(line: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "vae_core", "standby", "--cold", "--root", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, input=line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == ""


def test_a_process_on_standby_becomes_the_command(quick: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "vae_core", "standby", "--cold", "--root", str(tmp_path)]
    line = json.dumps({"arguments": ["runs", "--root", str(quick.parent)], "log": str(tmp_path / "log")})
    done = subprocess.run(words, cwd=ROOT, input=f"{line}\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout == done.stderr == ""
    assert (tmp_path / "log").read_text().split()[:2] == ["demo", "finished"]
