"""A model that is traced before it is asked for: whoever takes it trains to the same bits, and only if the graph would be the same."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from tiny_runs import SHAPE, Squares, recipe

from vae_core.config import ModelConfig, recommended
from vae_core.runs.directory import Run
from vae_core.training import session, train, warm_up
from vae_core.training.vae import VAE
from vae_core.training.warm_up import Prepared

pytestmark = pytest.mark.slow
MODEL = ModelConfig("swift", 2, SHAPE)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """A model that has been trained on noise for a moment."""
    return warm_up.warm_up(MODEL, steps=1)


@pytest.fixture(autouse=True)
def nothing_kept() -> Any:
    """No test leaves a model to the next."""
    yield
    warm_up.forget()


def results(run: Run) -> dict[str, Any]:
    """All that a run has come to, but for the clock."""
    clock = ("seconds", "batch_time", "time")
    rows = [{key: value for key, value in row.items() if key not in clock} for row in run.metrics()]
    state = run.load_state()
    assert state is not None
    return {"rows": rows, "history": (run.path / "history.csv").read_text(), "state": state[0]}


def test_the_same_bits_as_without(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, optimizer, average and every figure, of a recipe with dials unlike those that were traced."""
    monkeypatch.setattr("vae_core.training.recorder.REPORT_SECONDS", 0.0)  # a row a step, however fast they are
    traced = []
    loss = VAE.compute_loss

    @functools.wraps(loss)  # Keras looks at its signature
    def counted(self: VAE, *arguments: Any, training: bool, **named: Any) -> Any:
        traced.append(training)
        return loss(self, *arguments, training=training, **named)

    monkeypatch.setattr(VAE, "compute_loss", counted)
    asked = recipe(epochs=3, batch_size=20, learning_rate=4e-3, beta=1.5, warmup=0.3)
    found = []
    for name in ("prepared", "built"):
        traced.clear()
        if name == "prepared":
            warm_up.keep(prepared)
        run = Run(tmp_path / name)
        assert train.train(MODEL, asked, Squares(), run) == "finished"
        found.append(results(run))
        # the training step is traced ahead, the validation is not
        assert traced == ([False] if name == "prepared" else [True, False])
    taken, built = found
    assert taken["rows"] == built["rows"] and len(taken["rows"]) > 15
    assert taken["history"] == built["history"]
    assert taken["state"].keys() == built["state"].keys()
    for name, array in taken["state"].items():
        np.testing.assert_array_equal(array, built["state"][name], err_msg=name)


def test_taken_once_and_by_what_suits_alone(prepared: Prepared) -> None:
    training = recommended(MODEL)
    others = [
        (ModelConfig("swift", 3, SHAPE), training),
        (MODEL, recommended(MODEL, schedule="constant")),
        (MODEL, recommended(MODEL, seed=1)),
        (MODEL, recommended(MODEL, free_bits=0.1)),
        (MODEL, recommended(MODEL, kl_warmup=0.5)),
    ]
    for model, asked in others:
        warm_up.keep(prepared)
        assert warm_up.take(model, asked, 100) is None
        assert warm_up.take(MODEL, training, 100) is None  # its memory is the run's
    warm_up.keep(prepared)
    assert warm_up.take(MODEL, recommended(MODEL, epochs=50, batch_size=7, ema=0.0, images=9), 100) is not None
    assert warm_up.take(MODEL, training, 100) is None


@pytest.mark.parametrize("option", ["deterministic", "strategy"])
def test_other_settings_of_tensorflow_build_their_own(
    option: str, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    compiled = session.compile_vae
    monkeypatch.setattr(session, "compile_vae", lambda *args: built.append(args) or compiled(*args))
    # for the whole process, so not in this one
    monkeypatch.setattr(train.tf.config.experimental, "enable_op_determinism", lambda: None)
    monkeypatch.setattr(session.Session, "fit", lambda self: None)
    warm_up.keep(prepared)
    options: dict[str, Any] = {"deterministic": True} if option == "deterministic" else {"strategy": "mirrored"}
    assert train.train(MODEL, recipe(), Squares(), Run(tmp_path / "demo"), **options) == "finished"
    assert len(built) == 1


def test_the_pace_is_measured(prepared: Prepared) -> None:
    assert 0 <= prepared.step_seconds < 1 and 0 < prepared.image_seconds < 0.1
