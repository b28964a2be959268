"""Training for real, on small squares: what is written, who is obeyed, what goes wrong and how it is said."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from tiny_runs import MODEL, SHAPE, Squares, events, in_thread, recipe, traced_once, wait_for

from vae_core.checkpoints import store
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.training import recorder
from vae_core.training.batches import batches
from vae_core.training.compiled import Schedule
from vae_core.training.progress import Progress, RunFailed
from vae_core.training.recorder import Recorder
from vae_core.training.session import Session
from vae_core.training.train import resume, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """A training traces its graph only where no other one has."""
    with traced_once():
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[dict[str, Any]]]:
    """A run that has finished, and the rows that a terminal was shown."""
    run, shown = Run(tmp_path_factory.mktemp("runs") / "demo"), []
    assert train(MODEL, recipe(), Squares(), run, show=shown.append) == "finished"
    return run, shown


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each step, however fast they are."""
    monkeypatch.setattr(recorder, "REPORT_SECONDS", 0.0)


# --- what a run leaves --------------------------------------------------------------------------------------------


def test_the_run_directory(finished: tuple[Run, Any]) -> None:
    run, _ = finished
    names = {path.name for path in run.path.iterdir()} - {".lock"}
    assert names == {
        "config.json",
        "network.json",
        "status.json",
        "control.json",
        "metrics.jsonl",
        "history.csv",
        "snapshots",
        "checkpoint",
        "fixed.npz",
    }
    config = run.config()
    assert config["training"] == recipe().to_dict() and config["dataset"]["name"] == "squares"
    assert ModelConfig.from_dict(config["model"]) == MODEL
    assert {"python", "tensorflow", "keras", "numpy", "backend"} <= set(config["versions"])
    status = run.status()
    assert run.state() == ("finished", "") and status["step"] == status["total_steps"] == 12
    assert status["epoch"] == 2 and status["eta_seconds"] == 0 and status["pid"] == os.getpid()


def test_metrics_rows(finished: tuple[Run, Any]) -> None:
    run, shown = finished
    rows = run.metrics()
    steps = [row for row in rows if row["kind"] == "step"]
    assert [row["step"] for row in steps] == sorted({row["step"] for row in steps})
    assert {1, 6, 12} <= {row["step"] for row in steps}  # the first step and the end of each epoch
    for row in steps:
        assert row["epoch"] == pytest.approx(row["step"] / 6, abs=1e-4)
        assert row["loss"] == pytest.approx(row["reconstruction_loss"] + row["beta"] * row["kl_loss"])
        assert sum(row["kl_per_unit"]) == pytest.approx(row["kl_loss"], abs=1e-3)
        assert len(row["kl_per_unit"]) == 2 and row["kl_loss"] >= 0 and row["seconds"] > 0
        assert row["learning_rate"] > 0 and row.get("batch_time", 1) > 0
    validation = [row for row in rows if row["kind"] == "validation"]
    assert [row["step"] for row in validation] == [6, 12]
    for row in validation:
        terms = row["val_reconstruction_loss"] + row["val_kl_loss"]
        assert row["val_loss"] == pytest.approx(terms, rel=1e-5)
    assert events(run) == ["finished"]
    assert {"state", "eta_seconds", "loss"} <= set(shown[-1])


def test_history_csv(finished: tuple[Run, Any]) -> None:
    with open(finished[0].path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert {"loss", "val_loss", "val_kl_loss", "kl_loss"} <= set(rows[0])
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())


def test_snapshots_open_as_models(finished: tuple[Run, Any]) -> None:
    run, _ = finished
    assert {1, 12} <= set(run.snapshots())
    opened = store.load(run.path)
    assert opened.step == 12 and opened.model == MODEL
    latents = run.snapshot_latents(12)
    z_mean, z_log_var = opened.engine().encode(Squares().images("test"))
    np.testing.assert_allclose(latents["z_mean"], z_mean, atol=1e-5)
    np.testing.assert_allclose(latents["z_log_var"], z_log_var, atol=1e-5)
    np.testing.assert_array_equal(latents["labels"], Squares().labels("test"))
    first, last = run.snapshot_weights(1), run.snapshot_weights(12)
    assert any(not np.array_equal(first[name], last[name]) for name in first)


def test_a_taken_directory_and_other_pictures(finished: tuple[Run, Any], tmp_path: Path) -> None:
    run, _ = finished
    before = (run.path / "status.json").read_bytes()
    with pytest.raises(RunError, match="holds a run already"):
        train(MODEL, recipe(), Squares(), run)
    with pytest.raises(RunError, match="has finished its epochs"):
        resume(run, Squares())
    assert (run.path / "status.json").read_bytes() == before
    with pytest.raises(RunError, match=r"takes pictures of \(28, 28, 1\), squares has \(16, 16, 1\)"):
        train(ModelConfig("classic"), recipe(), Squares(), Run(tmp_path / "other"))
    with pytest.raises(RunError, match="strategy must be default or mirrored, got 'cloud'"):
        train(MODEL, recipe(), Squares(), Run(tmp_path / "cloud"), strategy="cloud")
    assert Run(tmp_path / "cloud").state()[0] == "failed"


# --- the order of the images, the schedule ------------------------------------------------------------------------


def order(config: TrainingConfig, first: int, last: int, skip: int = 0) -> list[np.ndarray]:
    """Indices of the images, batch by batch: image i is all i."""
    pixels = np.broadcast_to(np.arange(20, dtype=np.uint8)[:, None, None, None], (20, 2, 2, 1)).copy()
    found = [batch.numpy() for batch in batches(pixels, config, first, last, skip)]
    assert all(batch.dtype == np.float32 and batch.max() <= 1 for batch in found)
    return [np.rint(batch[:, 0, 0, 0] * 255).astype(int) for batch in found]


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    config = recipe(batch_size=8)
    both = order(config, 0, 2)
    assert [len(batch) for batch in both] == [8, 8, 4, 8, 8, 4]
    for epoch in (0, 1):
        epoch_order = np.concatenate(both[3 * epoch : 3 * epoch + 3])
        assert sorted(epoch_order) == list(range(20))
        np.testing.assert_array_equal(epoch_order, np.random.default_rng((0, epoch)).permutation(20))
    assert not np.array_equal(both[0], both[3])
    assert not np.array_equal(both[0], order(recipe(batch_size=8, seed=1), 0, 1)[0])


def test_skipping_batches_goes_on_where_it_was() -> None:
    config = recipe(batch_size=8)
    whole, rest = order(config, 0, 3), order(config, 1, 3, skip=2)
    assert [batch.tolist() for batch in rest] == [batch.tolist() for batch in whole[5:]]


def test_schedules() -> None:
    cosine = Schedule(recipe(schedule="cosine", learning_rate=0.5, warmup=0.1), 100)
    rates = np.array([float(cosine(step)) for step in range(0, 101, 5)])
    assert rates.max() == pytest.approx(0.5, rel=1e-3) and rates.argmax() == 2  # at 10 % of the run
    assert (np.diff(rates[2:]) < 0).all() and rates[-1] == pytest.approx(0.005, rel=1e-3)
    constant = Schedule(recipe(schedule="constant", learning_rate=0.5), 100)
    assert {float(constant(step)) for step in (0, 1, 50, 100)} == {0.5}


# --- obeying ------------------------------------------------------------------------------------------------------


def step_of(run: Run) -> int:
    return int(run.status().get("step", 0))


def test_the_page_is_obeyed(tmp_path: Path) -> None:
    """Pause, single steps, new values, go on, stop: one run, as a page would drive it."""
    run = Run(tmp_path / "demo")
    endless = recipe(epochs=1000, schedule="constant")
    with in_thread(run, lambda: train(MODEL, endless, Squares(train=2048), run)) as trainer:
        waits = []
        for _ in range(3):  # the best of three: what else the machine does is not the trainer's doing
            run.update_control(command="pause")
            waits.append(wait_for(lambda: run.state()[0] == "paused", "paused"))
            run.update_control(command="run")
            wait_for(lambda: run.state()[0] == "running", "running")
        assert min(waits) <= 0.5

        run.update_control(command="pause")
        wait_for(lambda: events(run)[-1] == "paused", "the mark of the pause")
        wait_for(lambda: run.load_state(), "the state that a pause keeps")
        at, rows = step_of(run), len(run.metrics())
        time.sleep(0.6)
        assert step_of(run) == at and len(run.metrics()) == rows  # it stands still
        beat = run.status()["heartbeat"]
        wait_for(lambda: run.status()["heartbeat"] > beat, "a sign of life while paused")

        for steps, wanted in ((1, at + 1), (2, at + 2), (5, at + 5)):
            run.update_control(steps=steps)
            wait_for(lambda wanted=wanted: step_of(run) >= wanted, f"step {wanted}")
            time.sleep(0.2)
            assert step_of(run) == wanted and run.state()[0] == "paused"
        assert [row["step"] for row in run.metrics() if row["kind"] == "step"][-5:] == list(range(at + 1, at + 6))

        run.update_control(beta=4.0, learning_rate=2e-4)
        wait_for(lambda: {"beta", "learning_rate"} <= set(events(run)), "the marks of the new values")
        marks = {row["event"]: row for row in run.metrics() if row["kind"] == "event"}
        assert (marks["beta"]["old"], marks["beta"]["new"]) == (1.0, 4.0)
        assert marks["learning_rate"]["new"] == 2e-4 and marks["beta"]["step"] == at + 5
        wait_for(lambda: at + 5 in run.snapshots(), "how the map looked until then")
        run.update_control(steps=6)
        wait_for(lambda: step_of(run) == at + 6, "a step with the new values")
        row = run.metrics()[-1]
        assert row["beta"] == 4.0 and row["learning_rate"] == pytest.approx(2e-4, rel=1e-5)
        assert row["loss"] == pytest.approx(row["reconstruction_loss"] + 4 * row["kl_loss"])

        run.update_control(command="run")
        wait_for(lambda: step_of(run) > at + 20, "going on")
        run.update_control(command="stop")
        assert trainer.result(60) == "stopped"
    status, state = run.status(), run.load_state()
    assert state is not None and run.state() == ("stopped", "")
    assert state[1]["step"] == status["step"] == run.snapshots()[-1]  # it saved first
    assert events(run)[-2:] == ["continued", "stopped"]
    assert state[1]["peak"] == pytest.approx(2e-4)


def test_a_pause_while_validating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still between two validation batches, and one step more is one training step more."""
    run, asked = Run(tmp_path / "demo"), threading.Event()
    monkeypatch.setattr("vae_core.training.session.VALIDATION_BATCH", 4)

    def ask(self: Recorder, batch: int, logs: Any = None) -> None:
        if not asked.is_set():
            asked.set()
            run.update_control(command="pause")

    monkeypatch.setattr(Recorder, "on_test_batch_end", ask)
    with in_thread(run, lambda: train(MODEL, recipe(epochs=1000), Squares(), run)) as trainer:
        wait_for(lambda: run.state()[0] == "paused", "paused")
        assert step_of(run) == 6 and not any(row["kind"] == "validation" for row in run.metrics())
        run.update_control(steps=1)
        wait_for(lambda: step_of(run) > 6, "one step more")
        time.sleep(0.2)
        assert step_of(run) == 7 and run.state()[0] == "paused"
        assert [row["step"] for row in run.metrics() if row["kind"] == "validation"] == [6]
        run.update_control(command="stop")
        assert trainer.result(60) == "stopped"


def test_stop_while_validating_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path / "demo")
    monkeypatch.setattr(
        Recorder, "on_test_batch_end", lambda self, batch, logs=None: run.update_control(command="stop")
    )
    assert train(MODEL, recipe(), Squares(train=192), run) == "stopped"
    state = run.load_state()
    assert state is not None and state[1]["step"] == 12 == run.snapshots()[-1]
    # What is kept to go on with is what was trained; the snapshot holds its average.
    average = run.snapshot_weights()
    np.testing.assert_allclose(average["encoder/conv_1/kernel"], state[0]["average/encoder/conv_1/kernel"])


def test_control_that_disappears_is_no_order(tmp_path: Path, every_step: None) -> None:
    run = Run(tmp_path / "demo")

    def remove(row: dict[str, Any]) -> None:
        (run.path / "control.json").unlink(missing_ok=True)

    assert train(MODEL, recipe(epochs=1), Squares(), run, show=remove) == "finished"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_kill_saves_and_leaves(tmp_path: Path, every_step: None, number: int) -> None:
    run, before = Run(tmp_path / "demo"), signal.getsignal(number)

    def kill(row: dict[str, Any]) -> None:
        if row["step"] == 4 and signal.getsignal(number) != before:
            os.kill(os.getpid(), number)

    assert train(MODEL, recipe(), Squares(), run, show=kill) == "stopped"
    state = run.load_state()
    assert state is not None and 4 <= state[1]["step"] <= 6 and run.state() == ("stopped", "")
    assert signal.getsignal(number) == before


# --- what a configuration does ------------------------------------------------------------------------------------


def test_gaussian_likelihood(tmp_path: Path) -> None:
    run = Run(tmp_path / "demo")
    model = ModelConfig("classic", 3, SHAPE, "gaussian")
    assert train(model, recipe(epochs=6), Squares(), run) == "finished"
    validation = [row["val_loss"] for row in run.metrics() if row["kind"] == "validation"]
    assert validation[-1] < validation[0]
    assert -3 < store.load(run.path).engine().log_sigma < 0  # the scalar survives being written
    assert run.snapshot_weights()["likelihood/log_sigma"] != -1.0  # where it began
    assert not (run.path / "tensorboard").exists()


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    run = Run(tmp_path / "demo")
    assert train(MODEL, recipe(epochs=1), Squares(), run, tensorboard=True) == "finished"
    assert list((run.path / "tensorboard").rglob("events.out.tfevents.*"))


def test_no_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RunError, match=r"TensorBoard is not installed\. Install it \(pip install tensorboard\)"):
        train(MODEL, recipe(), Squares(), Run(tmp_path / "demo"), tensorboard=True)
    assert not (tmp_path / "demo").exists()


def test_three_images_kl_warmup_and_free_bits(tmp_path: Path, every_step: None) -> None:
    run = Run(tmp_path / "demo")
    config = recipe(epochs=4, batch_size=64, kl_warmup=1.0, free_bits=5.0, ema=0.0, images=2)
    tiny = Squares(train=3, validation=1, test=1)
    sessions: list[Any] = []
    original = Session.fit

    def look(self: Any) -> None:
        sessions.append(self)
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "fit", look)
        assert train(MODEL, config, tiny, run) == "finished"
    session = sessions[0]
    assert len(session.pixels) == 2 and session.progress.total_steps == 4
    assert session.vae.kl_warmup_steps == 4 and session.vae.free_bits == 5.0
    assert session.average.weights is None  # ema 0: nothing is averaged
    assert len(run.snapshot_latents(4)["z_mean"]) == 1


def test_the_average_is_what_is_validated_and_kept(tmp_path: Path) -> None:
    run = Run(tmp_path / "demo")
    train(MODEL, recipe(epochs=3, ema=0.99, learning_rate=3e-3), Squares(), run)
    state, kept = run.load_state(), run.snapshot_weights()
    assert state is not None
    arrays, name = state[0], "encoder/conv_1/kernel"
    np.testing.assert_array_equal(kept[name], arrays[f"average/{name}"])
    trained = [array for key, array in arrays.items() if key.startswith("model/") and array.shape == kept[name].shape]
    assert trained and not any(np.array_equal(array, kept[name]) for array in trained)


# --- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_loss_that_is_no_number_fails_the_run(tmp_path: Path, every_step: None, ema: float) -> None:
    run = Run(tmp_path / "demo")
    config = recipe(epochs=50, learning_rate=1000.0, ema=ema, beta=1e9)
    with pytest.raises(RunFailed, match=r"NaN or infinite at step \d+\. Lower the learning rate"):
        train(MODEL, config, Squares(), run, checkpoint_seconds=0.0)
    state, why = run.state()
    assert state == "failed" and "Lower the learning rate" in why
    assert "RunFailed" in run.status()["traceback"] and events(run) == ["failed"]
    kept = run.load_state()
    assert kept is None or all(np.isfinite(array).all() for array in kept[0].values())
    assert json.loads((run.path / "status.json").read_bytes())["step"] >= 1


def test_an_error_in_the_middle_is_in_the_run_directory(tmp_path: Path, every_step: None) -> None:
    run = Run(tmp_path / "demo")

    def trip(row: dict[str, Any]) -> None:
        if row["step"] == 3:
            raise ZeroDivisionError("tripped")

    with pytest.raises(ZeroDivisionError):
        train(MODEL, recipe(), Squares(), run, show=trip)
    assert run.state() == ("failed", "tripped")
    assert "ZeroDivisionError" in run.status()["traceback"] and run.status()["step"] == 3
    with run.lock():
        pass  # it was given back


MIRRORED = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, sys.argv[1])
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tiny_runs import MODEL, Squares, recipe
from vae_core.runs import Run
from vae_core.training.session import Session
from vae_core.training.train import resume, train

def check(self, fit=Session.fit):
    fit(self)
    if self.run.name == "two":
        for variable in self.vae.trainable_variables:
            first, second = (part.numpy() for part in variable.value.values)
            np.testing.assert_array_equal(first, second)
        print("alike", len(self.vae.trainable_variables))

Session.fit = check
odd, config = Squares(train=99, validation=9), recipe(epochs=4)  # 98 and 8 for two devices; the last batch has 2
one, two = Run(sys.argv[2] + "/one"), Run(sys.argv[2] + "/two")
def turn(row):
    if row["step"] == 1:
        one.update_control(beta=2.0)
print(train(MODEL, config, odd, one, show=turn))
def stop(row):
    if row["step"] == 1:
        two.update_control(command="stop", beta=2.0)
print(train(MODEL, config, odd, two, strategy="mirrored", show=stop))
print(resume(two, odd, strategy="mirrored"))
for odd, data in ((recipe(batch_size=15), Squares()), (recipe(), Squares(validation=1))):
    try:
        train(MODEL, odd, data, Run(sys.argv[2] + "/" + str(data.validation)), strategy="mirrored")
    except ValueError as error:
        print(error, file=sys.stderr)
"""


def test_two_devices_train_as_one(tmp_path: Path) -> None:
    code = [sys.executable, "-c", MIRRORED, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(code, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "batch_size must be a multiple of the 2 devices, got 15." in done.stderr
    assert "2 devices need as many images, validation has 1. Use --strategy default." in done.stderr
    assert done.stdout.split() == ["finished", "stopped", "alike", "18", "finished"]
    one, two = ([row for row in Run(tmp_path / name).metrics()] for name in ("one", "two"))
    for kind, loss in (("step", "reconstruction_loss"), ("validation", "val_loss")):
        single, mirrored = ([row for row in rows if row["kind"] == kind][-1] for rows in (one, two))
        assert single["step"] == mirrored["step"] == 28
        assert mirrored[loss] == pytest.approx(single[loss], rel=0.05)  # the noise differs
    assert events(Run(tmp_path / "two")) == ["beta", "stopped", "resumed", "finished"]


# --- snapshots ----------------------------------------------------------------------------------------------------


def test_snapshots_take_a_small_share_however_dear_they_are(tmp_path: Path) -> None:
    progress = Progress(1000, 100)
    writer = Recorder(Run(tmp_path), progress, None, None, None)  # type: ignore[arg-type]
    for seconds, cost, wait in ((0, 0.0, 2.0), (10, 0.02, 2.0), (100, 0.02, 20.0), (1, 0.3, 20.0)):
        progress.seconds, writer._snapshot_cost = seconds, cost
        assert writer.snapshot_wait() == pytest.approx(wait)
        assert cost / writer.snapshot_wait() < 0.02


def test_after_a_dial_was_turned_the_map_is_kept_every_two_seconds_for_half_a_minute(tmp_path: Path) -> None:
    progress = Progress(1000, 100)
    writer = Recorder(Run(tmp_path), progress, None, None, None)  # type: ignore[arg-type]
    writer.report = writer.snapshot = lambda: None  # type: ignore[method-assign]
    progress.seconds = 600.0
    assert writer.snapshot_wait() == pytest.approx(120.0)
    writer.turned("beta", 1.0, 8.0)
    for seconds, wait in ((600, 2.0), (629, 2.0), (631, 126.2)):
        progress.seconds = seconds
        assert writer.snapshot_wait() == pytest.approx(wait)


def test_a_dear_first_snapshot_does_not_put_off_the_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts the engine as well, which takes half a second on a busy machine; from the second on the cost counts."""
    clock, progress = [0.0], Progress(1000, 100)
    writer = Recorder(SimpleNamespace(save_snapshot=lambda *_: None), progress, None, None, None)  # type: ignore[arg-type]
    writer.average = SimpleNamespace(current=lambda: {})
    writer._model = SimpleNamespace(network=None)
    writer.images = writer.labels = np.zeros(1)

    def encode(_images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        clock[0] += 0.6
        return np.zeros((1, 2)), np.zeros((1, 2))

    monkeypatch.setattr(recorder, "Engine", lambda *_, **__: SimpleNamespace(encode=encode))
    monkeypatch.setattr(recorder.time, "monotonic", lambda: clock[0])
    writer.snapshot()
    assert writer.snapshot_wait() == 2.0
    writer.snapshot()
    assert writer.snapshot_wait() == pytest.approx(40.0)
