"""The list of runs: right in a small folder at once, and in one of thousands soon, without looking into each every time."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tiny_runs import MODEL

from vae_core.checkpoints import registry
from vae_core.network import presets
from vae_core.runs import index
from vae_core.runs.directory import Run
from vae_core.runs.index import RunsIndex, list_runs, unfinished

NETWORK = presets.build(MODEL)
LONG_AGO = 1e9


def a_run(path: Path, state: str = "finished", age: float = 0) -> Run:
    run = Run(path)
    run.create({"model": MODEL.to_dict()}, NETWORK)
    run.write_status(state)
    stand(path, LONG_AGO - age)
    return run


def stand(path: Path, when: float = LONG_AGO) -> None:
    """As if nobody had touched it since: what is fresh is looked at anyway."""
    for part in [*path.iterdir(), path]:
        os.utime(part, (when, when))


def names(runs: list[Run]) -> list[str]:
    return [run.name for run in runs]


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunsIndex:
    """Forty runs, of which a listing looks closely at ten."""
    monkeypatch.setattr(index, "CHECKED", 10)
    monkeypatch.setattr(index, "SHARED_SECONDS", 0.0)
    for number in range(40):
        a_run(tmp_path / f"run-{number:02d}", age=number)
    os.utime(tmp_path, (LONG_AGO, LONG_AGO))
    listing = RunsIndex(tmp_path)
    assert names(listing.runs()) == [f"run-{number:02d}" for number in range(40)]
    assert listing.unfinished() == []
    return listing


def test_what_comes_goes_and_is_renamed(many: RunsIndex) -> None:
    a_run(many.root / "new", "running", age=-1)
    assert names(many.runs())[:2] == ["new", "run-00"] and names(many.unfinished()) == ["new"]
    shutil.rmtree(many.root / "run-05")
    (many.root / "run-06").rename(many.root / "other")
    os.utime(many.root, (LONG_AGO, LONG_AGO))  # a clock that ticks coarsely: the folder looks as it was
    assert names(many.runs())[4:8] == ["run-03", "run-04", "other", "run-07"]
    shutil.rmtree(many.root)
    assert many.runs() == many.unfinished() == []


def test_a_run_that_is_resumed_is_seen_at_once(many: RunsIndex) -> None:
    run = Run(many.root / "run-33")
    run.write_status("running")
    assert names(many.unfinished()) == ["run-33"]
    run.write_status("finished")
    assert many.unfinished() == []


def test_an_edit_in_place_is_seen_when_its_turn_comes(many: RunsIndex) -> None:
    """It changes no folder's time. The list is not trusted for good: each listing looks closely at some, in turn."""
    run = Run(many.root / "run-33")
    folder = run.path.stat()
    status = json.loads((run.path / "status.json").read_bytes())
    (run.path / "status.json").write_text(json.dumps({**status, "state": "running"}))
    assert run.path.stat().st_mtime_ns == folder.st_mtime_ns
    seen = [names(many.unfinished()) for _ in range(5)]
    assert seen[-1] == ["run-33"]
    os.utime(many.root / "run-33" / "config.json", (LONG_AGO + 5, LONG_AGO + 5))
    assert [names(many.runs())[0] for _ in range(5)][-1] == "run-33"


def test_ended_runs_are_not_read_again(many: RunsIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    status = Run.status
    monkeypatch.setattr(Run, "status", lambda self: (asked.append(self.name), status(self))[1])
    a_run(many.root / "new", "running")
    for _ in range(5):
        assert names(many.unfinished()) == ["new"]
    assert set(asked) == {"new"}


def test_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nowhere") == [] == unfinished(tmp_path / "nowhere")
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert list_runs(tmp_path) == [] and list_runs(tmp_path / "file") == []
    a_run(tmp_path / "elsewhere" / "mine")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere" / "mine")
    assert names(list_runs(tmp_path)) == ["linked"]


def test_a_run_without_a_status_keeps_nobody_waiting(tmp_path: Path) -> None:
    run = a_run(tmp_path / "copied")
    (run.path / "status.json").unlink()
    assert names(list_runs(tmp_path)) == ["copied"] and unfinished(tmp_path) == []


def test_pickers_offer_the_newest_and_the_chosen(many: RunsIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "NEWEST", 5)
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(many.root))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(many.root / "none"))
    for number in range(40):
        (many.root / f"run-{number:02d}" / "snapshots" / "00000001").mkdir(parents=True)
    newest = [f"runs/run-{number:02d}" for number in range(5)]
    assert [entry.id for entry in registry.list_models()] == newest
    assert [entry.id for entry in registry.list_models(also=["runs/run-33"])] == [*newest, "runs/run-33"]
    assert [entry.id for entry in registry.list_models(also=["runs/run-03"])] == newest
    assert [entry.id for entry in registry.list_models(also=["runs/gone"])] == newest
