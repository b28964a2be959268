"""What a terminal shows of a run."""

from __future__ import annotations

import pytest

from vae_core.cli.progress_bar import figures, progress_bar

ROW = {
    "step": 30,
    "total_steps": 120,
    "epoch": 0.25,
    "state": "running",
    "loss": 262.14,
    "reconstruction_loss": 255.8,
    "kl_loss": 6.34,
    "batch_time": 20.6,
    "eta_seconds": 151.9,
}


def test_figures() -> None:
    assert figures(ROW) == "loss 262.1 = reconstruction 255.8 + beta · KL 6.3 · 21 ms/batch · 2:31 to go"
    assert figures({**ROW, "eta_seconds": 3.0}).endswith("0:03 to go")
    assert figures({}) == ""
    assert figures({"eta_seconds": None, "batch_time": 1.0}) == "1 ms/batch"


def test_the_bar_ends_with_the_last_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with progress_bar() as show:
        show({})
        show(ROW)
        show({**ROW, "step": 60, "state": "paused"})
    out, err = capsys.readouterr()
    assert out == ""  # what a command prints stays clean
    assert "paused epoch 0.25" in err and "50%" in err and "loss 262.1" in err


def test_a_bar_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="on the way"), progress_bar():
        raise ValueError("on the way")
    assert "starting" in capsys.readouterr().err
