"""A resumable state or a history that is not of the run: refused or put aside, never half of a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.readers import check_described
from vae_core.storage.errors import FileProblem

GOOD = {"step": 3, "seconds": 1.0, "peak": 0.001}


def written(tmp_path: Path, values: Any) -> Run:
    (tmp_path / "checkpoint").mkdir()
    save_file(
        {"model/0": np.zeros(2, np.float32)},
        tmp_path / "checkpoint" / "state.safetensors",
        {"values": json.dumps(values)},
    )
    return Run(tmp_path)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    state = written(tmp_path, GOOD).load_state()
    assert state is not None and state[1] == GOOD


@pytest.mark.parametrize(
    "values",
    [{}, [1], "x", None, *({**GOOD, "step": step} for step in ("x", -1, 1.5, True, 10**400)), {**GOOD, "peak": 1e9}],
)
def test_odd_numbers_are_refused(tmp_path: Path, values: Any) -> None:
    with pytest.raises(FileProblem, match="holds no values"):
        written(tmp_path, values).load_state()


@pytest.mark.slow
def test_a_foreign_history_is_put_aside(tmp_path: Path) -> None:
    from vae_core.training.history import History

    path = tmp_path / "history.csv"
    path.write_text("a,b\n1,2\n")
    history = History(path)
    history.forget_from(0)
    history.on_epoch_end(0, {"loss": 1.0})
    assert path.read_text() == "epoch,loss\n0,1.0\n"
    assert (tmp_path / "history.csv.damaged").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize("lacking", ["model", "training", "dataset", "model.image_shape", "dataset.sizes"])
def test_a_config_that_leaves_out_what_is_needed_is_named(tmp_path: Path, lacking: str) -> None:
    model = {"preset": "swift", "latent_dim": 2, "image_shape": [28, 28, 1], "likelihood": "bernoulli"}
    config: dict[str, Any] = {"model": model, "training": {}}
    config["dataset"] = {"name": "own", "checksum": "0", "sizes": {}}
    check_described(config, tmp_path)
    part, _, key = lacking.partition(".")
    config[part] = {name: value for name, value in config[part].items() if name != key} if key else None
    with pytest.raises(RunError, match=f"lacks {lacking}, so"):
        check_described(config, tmp_path)
