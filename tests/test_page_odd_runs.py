"""Pages beside runs that anybody may have spoiled, and with a run that diverged as the model: a sentence, never a traceback."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import streamlit
from app_testing import PAGES, go, problems, visit, words
from tiny_runs import recipe, weights_of

from vae_core.checkpoints import registry
from vae_core.config import ModelConfig
from vae_core.network.presets import build
from vae_core.runs.directory import Run

MODEL = ModelConfig("classic", 2)
NETWORK = build(MODEL)
SPOILED = {
    "status.json": b'{"state": "running", "heartbeat": null}',
    "config.json": b'{"format_version": 1, "model": {"latent_dim": 1e999}}',
    "control.json": b'{"steps": ' + b"[" * 100_000,
    "network.json": b'{"encoder": ' + b"9" * 400 + b"}",
    "metrics.jsonl": b'{"step": -1}\n{"step": "\\ud800"}\n[]\n',
    "request.json": b'{"asked": "yesterday"}',
    "fixed.npz": b"PK",
}


def a_run(path: Path, scale: float = 1.0) -> Run:
    run = Run(path)
    dataset = {"name": "drawn clothes", "checksum": "0" * 64, "classes": ["a", "b"], "sizes": {"train": 9}}
    config = {"name": path.name, "model": MODEL.to_dict(), "training": recipe().to_dict(), "dataset": dataset}
    run.create(config, NETWORK)
    run.write_request(data="drawn")
    run.save_fixed(np.zeros((10, 28, 28, 1), np.uint8))
    run.append_metrics({"kind": "step", "step": 1, "epoch": 0.1, "loss": float("nan"), "kl_loss": float("inf")})
    weights = {name: scale * array for name, array in weights_of(NETWORK).items()}
    codes = {"z_mean": np.zeros((20, 2), np.float32), "z_log_var": np.zeros((20, 2), np.float32)}
    run.save_snapshot(1, weights, {**codes, "labels": np.zeros(20, np.uint8)})
    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()
    return tmp_path / "runs"


def test_spoiled_runs_beside_a_whole_one(folder: Path) -> None:
    a_run(folder / "whole").write_status("finished", step=1, total_steps=1)
    for name, data in SPOILED.items():
        shutil.copytree(folder / "whole", folder / name.replace(".", "-"))
        (folder / name.replace(".", "-") / name).write_bytes(data)
    os.mkfifo(folder / "status-json" / "trainer.log")
    at = visit(model="runs/whole")
    assert "whole" in words(at)
    go(at, "pages/train.py")
    assert not at.exception
    for name in SPOILED:
        at.selectbox(key="run_picker").select(name.replace(".", "-")).run()
        told = " ".join(problems(at)).replace("\\", "")
        assert name in told, name
    at.selectbox(key="run_picker").select("whole").run()
    assert problems(at) == []


def test_a_run_that_diverged(folder: Path) -> None:
    """Its weights are finite, but what they encode and decode is not."""
    run = a_run(folder / "wild", scale=1e15)
    run.write_status("failed", step=1, total_steps=9, error="the loss became NaN or infinite at step 2.")
    (entry,) = registry.list_models()
    assert entry.state == registry.DIVERGED and entry.label == "wild · run, diverged"
    at = visit()
    for page in PAGES:
        at = go(at, page) if page != PAGES[0] else at
        if page == "pages/train.py":
            at.selectbox(key="run_picker").select("wild").run()
        told = " ".join(problems(at)).replace("\\", "")
        assert "diverged" in told or "NaN" in told or "damaged" in told or page == "pages/models.py", page
