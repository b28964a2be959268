"""Deleting runs and models: moved aside for a day, put back on request, and nothing else is ever touched."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_models import own_run, own_zip
from tiny_models import save_checkpoint
from tiny_runs import MODEL

from vae_core import settings
from vae_core.analysis.evaluation import evaluate
from vae_core.checkpoints import publish, registry, store
from vae_core.cli.main import main
from vae_core.jobs import deletion, finished_runs
from vae_core.network import presets
from vae_core.network.schema import random_weights
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.storage import trash
from vae_core.storage.trash import KEPT_SECONDS, TrashError

DAY = KEPT_SECONDS


def folder(path: Path, text: str = "x") -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"name": path.name}))
    (path / "file").write_text(text)
    return path


def ended_run(path: Path, state: str = "finished") -> Run:
    run, network = Run(path), presets.build(MODEL)
    dataset = {"name": "squares", "checksum": "0" * 64, "sizes": {}, "classes": []}
    run.create({"name": path.name, "model": MODEL.to_dict(), "training": {}, "dataset": dataset}, network)
    zeros = np.zeros((1, 2), np.float32)
    run.save_snapshot(
        1, random_weights(network), {"z_mean": zeros, "z_log_var": zeros, "labels": np.zeros(1, np.uint8)}
    )
    run.write_status(state, step=1, total_steps=1)
    return run


def test_a_folder_goes_and_comes_back(tmp_path: Path) -> None:
    entry = trash.delete(folder(tmp_path / "mine", "kept"))
    assert not (tmp_path / "mine").exists() and entry.size > 4
    assert [found.name for found in trash.deleted(tmp_path)] == ["mine"]
    assert trash.restore(tmp_path, entry.path.name) == tmp_path / "mine"
    assert (tmp_path / "mine" / "file").read_text() == "kept" and trash.deleted(tmp_path) == []
    with pytest.raises(TrashError, match="put back already"):
        trash.restore(tmp_path, entry.path.name)


def test_a_name_that_was_taken_meanwhile(tmp_path: Path) -> None:
    first = trash.delete(folder(tmp_path / "mine", "first"), now=1e9)
    second = trash.delete(folder(tmp_path / "mine", "second"), now=1e9)  # in the same millisecond
    assert first.path != second.path
    folder(tmp_path / "mine", "third")
    back = [trash.restore(tmp_path, entry.path.name) for entry in (_again(first), _again(second)) if entry]
    assert back == []  # years ago: swept by the first look
    now = [trash.delete(folder(tmp_path / name)) for name in ("a", "b")]
    folder(tmp_path / "a")
    assert deletion.restore(tmp_path, now[0].path.name) == tmp_path / "a-2"
    assert json.loads((tmp_path / "a-2" / "config.json").read_text())["name"] == "a-2"


def _again(entry: trash.Deleted) -> trash.Deleted | None:
    return next((found for found in trash.deleted(entry.path.parents[1]) if found.path == entry.path), None)


def test_after_a_day_it_is_gone(tmp_path: Path) -> None:
    trash.delete(folder(tmp_path / "old"), now=1e9)
    trash.delete(folder(tmp_path / "new"), now=1e9 + DAY)
    assert [entry.name for entry in trash.deleted(tmp_path, now=1e9 + DAY + 1)] == ["new"]
    assert len(list((tmp_path / trash.FOLDER).iterdir())) == 1


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = folder(tmp_path / "outside", "dear")
    root = tmp_path / "runs"
    root.mkdir()
    (root / "link").symlink_to(outside)
    inner = folder(root / "inner")
    (inner / "link").symlink_to(outside)
    trash.delete(root / "link", now=1e9)
    trash.delete(inner, now=1e9)
    assert trash.deleted(root, now=1e9 + DAY + 1) == [] and list((root / trash.FOLDER).iterdir()) == []
    assert (outside / "file").read_text() == "dear"


def test_a_trash_that_is_a_link_is_refused(tmp_path: Path) -> None:
    outside = folder(tmp_path / "outside" / "1000000000000-mine").parent
    root = folder(tmp_path / "runs" / "mine").parent
    (root / trash.FOLDER).symlink_to(outside)
    with pytest.raises(TrashError, match="is a link"):
        trash.delete(root / "mine")
    assert trash.deleted(root) == [] and len(list(outside.iterdir())) == 1 and (root / "mine").exists()


@pytest.mark.parametrize("place", ["../outside", "1000000000000-../outside", "mine", "", ".", "/etc"])
def test_nothing_outside_the_trash_is_put_back(tmp_path: Path, place: str) -> None:
    folder(tmp_path / "outside")
    trash.delete(folder(tmp_path / "runs" / "mine"))
    with pytest.raises(TrashError, match="no longer in the trash"):
        trash.restore(tmp_path / "runs", place)
    assert (tmp_path / "outside").exists()


@pytest.mark.parametrize("name", [".trash", ".hidden"])
def test_what_is_no_folder_of_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(TrashError, match="no folder of a run or a model"):
        trash.delete(tmp_path / name)


def test_a_folder_of_models_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_checkpoint(tmp_path / "models" / "mine", MODEL)
    for name in (".", "models", ".."):
        main(["models", "--root", str(tmp_path / "models"), "--delete", name])
        assert model.exists(), name


def test_gone_already(tmp_path: Path) -> None:
    with pytest.raises(TrashError, match="mine is gone already"):
        trash.delete(tmp_path / "mine")


@pytest.mark.parametrize("state", ["running", "paused", "waiting"])
def test_a_run_in_progress_stays(tmp_path: Path, state: str) -> None:
    run = ended_run(tmp_path / "demo", state)  # this process is the one at work
    with pytest.raises(RunError, match=f"demo is {state}. Stop it first"):
        deletion.delete_run(run)
    assert run.path.exists() and trash.deleted(tmp_path) == []


def test_a_run_that_somebody_resumes_in_this_moment_stays(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "demo")
    with run.lock(), pytest.raises(RunError, match="being trained by another process"):
        deletion.delete_run(Run(run.path))
    assert run.path.exists()


def test_a_run_that_is_being_kept_is_not_deleted_in_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The app keeps it in a process of its own, whose lock another process minds."""
    run = own_run(tmp_path / "runs" / "demo", own_zip(tmp_path / "pets.zip"))
    begun, go_on = threading.Event(), threading.Event()

    def slow(*words: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return evaluate(*words)

    monkeypatch.setattr(publish, "evaluate", slow)
    keeping = threading.Thread(target=main, args=(["keep", str(run.path), str(tmp_path / "models" / "kept")],))
    keeping.start()
    try:
        assert begun.wait(60)
        assert main(["runs", "--root", str(run.path.parent), "--delete", "demo"]) == 2
        assert "it is just being kept, renamed or deleted" in capsys.readouterr().err
        with pytest.raises(RunError, match="just being kept"):
            finished_runs.rename(Run(run.path), "other")
    finally:
        go_on.set()
        keeping.join()
    assert (tmp_path / "models" / "kept" / "scores.npz").exists() and run.path.exists()
    assert main(["runs", "--root", str(run.path.parent), "--delete", "demo"]) == 0


def test_an_unreadable_run_can_be_deleted(tmp_path: Path) -> None:
    run = ended_run(tmp_path / "demo")
    (run.path / "config.json").write_text("{")
    assert deletion.delete_run(run).name == "demo" and not run.path.exists()


def test_what_was_shipped_stays_and_a_run_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SHIPPED", tmp_path / "checkpoints")
    shipped = save_checkpoint(tmp_path / "checkpoints" / "fashion-2d", MODEL)
    with pytest.raises(TrashError, match="came with the program"):
        deletion.delete_model(shipped)
    with pytest.raises(TrashError, match="demo is a run"):
        deletion.delete_model(ended_run(tmp_path / "runs" / "demo").path)
    own = save_checkpoint(tmp_path / "checkpoints" / "mine", MODEL)
    with pytest.raises(RunError, match="mine is a model, not a run"):
        deletion.delete_run(Run(own))
    (own / "model.safetensors").write_bytes(b"torn")
    assert deletion.delete_model(own).name == "mine"
    assert store.list_checkpoints(tmp_path / "checkpoints") == [shipped]


def test_what_is_deleted_is_no_model_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    deletion.delete_model(save_checkpoint(tmp_path / "models" / "mine", MODEL))
    deletion.delete_run(ended_run(tmp_path / "runs" / "demo"))
    assert registry.list_models() == []
    assert [entry.name for entry in (*deletion.deleted_models(), *deletion.deleted_runs())] == ["mine", "demo"]


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint(tmp_path / "models" / "mine", MODEL)
    ended_run(tmp_path / "runs" / "demo")
    for command, root, name in (("models", tmp_path / "models", "mine"), ("runs", tmp_path / "runs", "demo")):
        assert main([command, "--root", str(root), "--delete", name]) == 0
        assert not (root / name).exists()
        assert f"python -m vae_core {command} --root {root} --restore {name}" in capsys.readouterr().out
        assert main([command, "--root", str(root), "--restore", name]) == 0
        assert (root / name).exists()
        assert main([command, "--root", str(root), "--restore", name]) == 2
        assert "nothing called" in capsys.readouterr().err
    assert main(["models", "--root", str(tmp_path / "models"), "--delete", "other"]) == 2
    assert "other is gone already" in capsys.readouterr().err
