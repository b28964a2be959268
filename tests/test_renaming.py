"""A run under another name: the folder moves in one step, and what is called after it follows or stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import MODEL, recipe, weights_of

from vae_core.checkpoints import store
from vae_core.jobs import finished_runs
from vae_core.network import presets
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has ended, with one snapshot."""
    made, network = Run(tmp_path / "demo"), presets.build(MODEL)
    data = {"name": "squares", "classes": [], "checksum": "0" * 64, "sizes": {}}
    made.create(
        {"name": "demo", "model": MODEL.to_dict(), "training": recipe().to_dict(), "dataset": data, "seed": 0}, network
    )
    codes = np.zeros((3, MODEL.latent_dim), np.float32)
    made.save_snapshot(1, weights_of(network), {"z_mean": codes, "z_log_var": codes, "labels": np.zeros(3, np.uint8)})
    made.write_status("finished", step=1)
    return made


def test_a_renamed_run(run: Run) -> None:
    renamed = finished_runs.rename(run, "other")
    assert not run.path.exists() and renamed.config()["name"] == "other"
    assert store.load(renamed.path).name == "other"


def test_a_folder_that_cannot_be_moved_keeps_its_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    before[".lock"] = b""

    def refused(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(RunError, match="demo cannot be renamed: Permission denied"):
        finished_runs.rename(run, "other")
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before


def test_a_full_disk_leaves_no_wrong_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder has moved and its description cannot be written: what counts is the folder's name."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(finished_runs, "write_json", full)
    renamed = finished_runs.rename(run, "other")
    assert renamed.path.name == "other" and store.load(renamed.path).name == "other"
    assert store.inspect(renamed.path).name == "other"


def test_a_run_that_was_moved_by_hand_is_called_as_its_folder(run: Run) -> None:
    run.path.rename(run.path.with_name("moved"))
    assert store.load(run.path.with_name("moved")).name == "moved"
