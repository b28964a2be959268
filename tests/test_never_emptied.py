"""A folder or file that somebody named is never written over, whatever it is; a run and a model are told apart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_models import save_checkpoint
from tiny_runs import MODEL, Squares

from vae_core import settings
from vae_core.checkpoints import placement, publish, registry, saving, store
from vae_core.checkpoints.errors import CheckpointError
from vae_core.cli import main as command_line
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network.presets import build
from vae_core.network.schema import random_weights
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.index import list_runs
from vae_core.storage import files, trash
from vae_core.storage.kind import kind_of

DATASET: Any = Squares()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has ended, with one snapshot, without the training."""
    run, network = Run(tmp_path / "runs" / "demo"), build(MODEL)
    config = {"model": MODEL.to_dict(), "training": TrainingConfig(epochs=2).to_dict()}
    run.create({**config, "dataset": DATASET.describe(), "versions": {}}, network)
    codes = np.zeros((24, 2), np.float32)
    run.save_snapshot(7, random_weights(network), {"z_mean": codes, "z_log_var": codes, "labels": np.zeros(24)})
    run.write_status("finished", seconds=1.0, step=7)
    return run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path / "models" / "mine", ModelConfig("classic", 2), codes=5)


def contents(folder: Path) -> dict[str, Any]:
    """Every path below a folder with its bytes, links as links."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name != ".lock"
    }


def keep(run: Run, folder: Path | str, replace: bool = False) -> Path:
    return publish.publish(run, folder, DATASET, replace=replace)[0]


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("photos", "it is a folder"),
        ("empty", "it is a folder"),
        ("models", "it is a folder"),  # the folder of all models, the new one's name forgotten
        ("runs", "it is a folder"),
        ("runs/demo", "it is a run"),
        ("runs/other", "it is a run"),
        (".", "it is a folder"),
        ("..", "it is a folder"),
        ("runs/../photos", "it is a folder"),
        ("notes.txt", "it is a file"),
        ("notes.txt/mine", "is no folder"),
        ("link", "it is a link"),
        ("to-model", "it is a link"),
        ("dangling", "it is a link"),
        ("runs/demo/mine", "would lie inside the run"),
        ("runs/demo/snapshots/00000009", "would lie inside the run"),
        ("models/mine/snapshots", "would lie inside the model"),
        ("models/.trash", "begins with a dot"),
        ("models/noted", "holds more than a model|there is a model"),
        ("models/framed", "holds more than a model|there is a model"),
        ("/", "it is a folder"),
    ],
)
def test_keep_writes_over_nothing(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, message: str, replace: bool
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"the only copy")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    (tmp_path / "to-model").symlink_to(model)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    shutil.copytree(run.path, tmp_path / "runs" / "other")
    shutil.copytree(model, tmp_path / "models" / "noted")
    (tmp_path / "models" / "noted" / "thesis.tex").write_text("years of work")
    shutil.copytree(model, tmp_path / "models" / "framed")
    (tmp_path / "models" / "framed" / "snapshots" / "holiday").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publish, "evaluate", lambda *_: pytest.fail("it was measured before it was refused"))
    before = contents(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        keep(run, target, replace)
    words = ["keep", str(run.path), target, "--data", "drawn", *(["--replace"] if replace else [])]
    assert command_line.main(words) == 2
    assert contents(tmp_path) == before


def test_a_model_is_replaced_when_asked_and_only_then(run: Run, model: Path) -> None:
    before = contents(model)
    with pytest.raises(CheckpointError, match=r"there is a model at .*mine already\. .*--replace"):
        keep(run, model)
    assert contents(model) == before
    assert keep(run, model, replace=True) == model
    assert store.load(model).step == 7
    assert sorted(path.name for path in model.parent.iterdir()) == [".trash", "mine"]


def test_the_current_folder_is_not_replaced(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    before = contents(model)
    with pytest.raises(CheckpointError, match="is the current folder"):
        keep(run, ".", replace=True)
    assert contents(model) == before


def test_the_old_model_comes_back_if_the_swap_fails(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, rename = contents(model), os.rename

    def full(source: Any, target: Any) -> None:
        if str(source).endswith(".tmp"):
            raise OSError(28, "No space left on device", str(source), None, str(target))
        rename(source, target)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        keep(run, model, replace=True)
    assert ".tmp" not in str(caught.value)
    assert contents(model) == before
    assert [path.name for path in model.parent.iterdir()] == ["mine"]


def test_what_became_something_else_while_it_was_measured_stays(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look is at the very folder that was moved aside."""
    save_frame = publish.save_frame

    def late(*arguments: Any) -> None:
        (model / "thesis.tex").write_text("put there in this moment")
        save_frame(*arguments)

    monkeypatch.setattr(publish, "save_frame", late)
    with pytest.raises(CheckpointError, match="has appeared in the meantime"):
        publish.publish(run, model, DATASET, snapshots=1, replace=True)
    assert (model / "thesis.tex").read_text() == "put there in this moment"
    assert store.load(model).step == 1


KILLED = """
import os, sys
from vae_core.storage import files
rename = os.rename
def die(source, target):
    rename(source, target)
    if str(target).endswith(".old"):
        os._exit(9)
os.rename = die
from pathlib import Path
with files.new_folder(Path(sys.argv[1]), lambda old: True) as folder:
    (folder / "config.json").write_text("{}")
"""


@pytest.mark.parametrize("use", ["load", "list", "models", "keep"])
def test_a_kill_between_the_two_moves_is_undone(run: Run, model: Path, monkeypatch: Any, use: str) -> None:
    before = contents(model)
    assert subprocess.run([sys.executable, "-c", KILLED, str(model)], timeout=60, check=False).returncode == 9
    assert not model.exists()
    if use == "load":
        store.load(model)
    elif use == "list":
        assert store.list_checkpoints(model.parent) == [model]
    elif use == "models":
        monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(model.parent))
        assert [entry.id for entry in registry.list_models()] == ["mine"]
    else:
        with pytest.raises(CheckpointError, match="there is a model at"):
            keep(run, model)
    assert contents(model) == before
    keep(run, model, replace=True)  # and what was half-written goes
    assert sorted(path.name for path in model.parent.iterdir()) == [".trash", "mine"]


def test_two_who_keep_under_one_name(run: Run, tmp_path: Path) -> None:
    """Both have found the name free; one wins, the other is told, and nothing is torn."""
    ready, ends = threading.Barrier(2), []

    def go(step: int) -> None:
        network = build(MODEL)
        config = {**run.config(), "name": "mine", "step": step}
        try:
            saving.save(
                tmp_path / "mine",
                config=config,
                network=network,
                weights=random_weights(network, step),
                complete=lambda folder: ready.wait(30) and None,
            )
            ends.append(step)
        except CheckpointError as error:
            assert "has appeared in the meantime and is left as it is" in str(error)
            ends.append(0)

    threads = [threading.Thread(target=go, args=(step,)) for step in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends)[0] == 0
    assert store.load(tmp_path / "mine").step == max(ends)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "runs"]


def test_files_of_dead_writers_are_swept_and_others_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine, theirs = f".a.json.{os.getpid()}-1.tmp", f".a.json.{dead.pid}-1.tmp"
    others = [f".other.{dead.pid}-1.tmp", ".a.json.tmp", ".notes.old", "a.json"]
    for name in (mine, theirs, *others):
        (tmp_path / name).write_text("")
    files.sweep(tmp_path, "a.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([mine, *others])


def test_the_number_of_a_dead_writer_may_be_given_to_another(tmp_path: Path) -> None:
    path = tmp_path / f".a.json.{os.getpid()}.tmp"
    path.write_text("")
    os.utime(path, (1e9, 1e9))  # long before this process began
    files.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_training_sweeps_the_runs_folder(run: Run) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in ("", "snapshots", "checkpoint"):
        (run.path / name).mkdir(exist_ok=True)
        (run.path / name / f".status.json.{dead.pid}.tmp").write_text("half")
    (run.path / "snapshots" / f".00000009.{dead.pid}-12.tmp").mkdir()
    with run.lock():
        assert not [path for path in run.path.rglob(".*") if path.name != ".lock"]


def test_a_new_file_is_never_put_over_another(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "a", b"one", new=True)
    with pytest.raises(files.TakenProblem, match="a has appeared in the meantime"):
        files.write_bytes(tmp_path / "a", b"two", new=True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"one")]


# --- a run and a model ------------------------------------------------------------------------------------------------


def test_the_marker_decides_and_older_folders_are_told_by_their_files(run: Run, model: Path, tmp_path: Path) -> None:
    def unmarked(folder: Path) -> Path:
        config = json.loads((folder / "config.json").read_bytes())
        del config["kind"]
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    assert (kind_of(run.path), kind_of(model)) == ("run", "model")
    assert (kind_of(unmarked(run.path)), kind_of(unmarked(model))) == ("run", "model")
    assert kind_of(tmp_path) is None
    waiting = Run(tmp_path / "waiting")
    waiting.path.mkdir()
    waiting.update_control(command="wait")
    waiting.write_status("waiting")
    assert kind_of(waiting.path) == "run"


def test_shipped_models_bear_the_marker() -> None:
    folders = store.list_checkpoints(Path(__file__).parents[1] / "checkpoints")
    assert len(folders) >= 3
    for folder in folders:
        assert json.loads((folder / "config.json").read_bytes())["kind"] == "model"


@pytest.mark.parametrize(
    "words",
    [
        "resume {model}",
        "resume {model} --queue",
        "train --data drawn --run-dir {model}",
        "train --data drawn --queue --run-dir {model}",
        "runs --root {models} --pause mine",
        "runs --root {models} --stop mine",
        "runs --root {models} --continue mine",
        "runs --root {models} --kill mine",
        "runs --root {models} --follow mine",
        "runs --pause {model}",
        "keep {model} {models}/again",
        "evaluate {run} --write",
        "train --data drawn --run-dir {models}",
        "train --data drawn --run-dir {models}/..",
        "train --data drawn --queue --run-dir {models}/..",
        "train --data drawn --run-dir {run}",
    ],
)
def test_each_command_refuses_the_other_kind(
    run: Run, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    before = contents(tmp_path)
    filled = words.format(model=model, models=model.parent, run=run.path)
    assert command_line.main(filled.split()) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    assert contents(tmp_path) == before
    assert not list(tmp_path.rglob("models/**/.lock"))


def test_nothing_of_a_run_is_written_into_a_model(model: Path) -> None:
    run, before = Run(model), contents(model)
    for go in (lambda: run.update_control(command="stop"), lambda: run.lock().__enter__(), run.check_free, run.config):
        with pytest.raises(RunError, match="is a model"):
            go()
    assert contents(model) == before
    assert list_runs(model.parent) == []


def test_a_model_with_a_stray_control_file_still_loads(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model / "control.json").write_text('{"command": "pause"}')
    assert store.load(model).step == 1
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(model.parent))
    assert [entry.state for entry in registry.list_models()] == [""]


@pytest.mark.parametrize("queue", [[], ["--queue"]])
def test_a_folder_with_other_things_does_not_become_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], queue: list[str]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"x")
    words = ["train", "--data", "drawn", *queue, "--run-dir", str(tmp_path / "photos")]
    assert command_line.main(words) == 2
    assert "holds other things (one.jpg). Choose a --run-dir that is new or empty." in capsys.readouterr().err
    assert list(contents(tmp_path)) == ["photos", "photos/one.jpg"]


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_users_photo_is_never_written_over(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, other = tmp_path / "photo.png", tmp_path / "other.png"
    for path in (photo, other):
        Image.fromarray(np.full((28, 28), 90, np.uint8)).save(path)
    (tmp_path / "link.png").symlink_to(photo)
    before = photo.read_bytes()

    def go(*words: str) -> tuple[int, str]:
        return command_line.main([words[0], str(model), *words[1:]]), capsys.readouterr().err

    for command in ("reconstruct", "heatmap"):
        for output in (str(photo), f"{tmp_path}/models/../photo.png", str(tmp_path / "link.png")):
            for extra in ([], ["--replace"]):
                code, error = go(command, "--picture", str(photo), "--output", output, *extra)
                assert code == 2
                assert "is one of the pictures that are read" in error
        code, error = go(command, "--picture", str(photo), "--output", str(other))
        assert code == 2
        assert "was not written by this program" in error
    code, error = go("generate", "-n", "2", "--output", str(photo))
    assert code == 2
    assert "add --replace" in error
    assert photo.read_bytes() == other.read_bytes() == before
    assert go("generate", "-n", "2", "--output", str(tmp_path / "ours.png"))[0] == 0
    assert go("generate", "-n", "3", "--output", str(tmp_path / "ours.png"))[0] == 0  # one of ours
    assert go("generate", "-n", "2", "--output", str(other), "--replace")[0] == 0
    assert other.read_bytes() != before


def test_export_writes_over_no_file(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "decoder.json").write_text("mine")
    words = ["export", str(model), "--format", "browser", "--output", str(tmp_path / "out")]
    assert command_line.main(words) == 2
    assert "holds decoder.json already" in capsys.readouterr().err
    assert contents(tmp_path / "out") == {"decoder.json": b"mine"}
    assert command_line.main([*words, "--replace"]) == 0
    assert sorted(contents(tmp_path / "out")) == ["decoder.bin", "decoder.json"]


@pytest.mark.parametrize("place", ["models/mine/sub", "runs/demo/more", "runs/.hidden"])
def test_a_run_lies_in_no_model_and_in_no_other_run(run: Run, model: Path, tmp_path: Path, place: str) -> None:
    with pytest.raises(RunError, match=r"would lie inside the|begins with a dot"):
        Run(tmp_path / place).check_free()


def test_nothing_is_exported_into_a_model(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(model.rglob("*"))
    assert command_line.main(["export", str(model), "--format", "browser", "--output", str(model)]) == 2
    assert "Choose another folder" in capsys.readouterr().err and sorted(model.rglob("*")) == before


def test_what_is_replaced_lies_in_the_trash_and_what_was_shipped_stays(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (model / "model.safetensors").read_bytes()
    config, network = json.loads((model / "config.json").read_bytes()), store.load(model).network
    saving.save(model, config=config, network=network, weights=random_weights(network, seed=9), replace=True)
    (entry,) = trash.deleted(model.parent)
    assert entry.name == model.name and (entry.path / "model.safetensors").read_bytes() == before
    monkeypatch.setattr(settings, "SHIPPED", model.parent)
    monkeypatch.setattr(placement, "SHIPPED", (model.name,))
    with pytest.raises(CheckpointError, match="came with the program and is not replaced"):
        placement.check_place(model, replace=True)
