"""A run that somebody has deleted or renamed while another visitor looked at it: whatever is asked of it says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vae_core.jobs import finished_runs, launcher
from vae_core.jobs.deletion import delete_run
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run

ASKED: dict[str, Callable[[Run], Any]] = {
    "rename": lambda run: finished_runs.rename(run, "other"),
    "keep": lambda run: finished_runs.target_of(run, "mine"),
    "download": lambda run: finished_runs.download(run.path),
    "resume": launcher.resume,
    "pause": launcher.pause,
    "step": launcher.step,
    "go on": launcher.go_on,
    "stop": launcher.stop,
    "dials": lambda run: launcher.turn_dials(run, beta=1.0),
    "end": launcher.end,
    "delete": delete_run,
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_of_a_run_that_is_gone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    (tmp_path / "runs").mkdir()
    run = Run(tmp_path / "runs" / "demo")
    with pytest.raises(RunError, match=r"demo is gone( already)?: somebody (else )?has deleted or renamed it"):
        ASKED[name](run)
    assert not run.path.exists()
