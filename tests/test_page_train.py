"""The page Train without a browser and without a trainer: what the form asks for, and how every kind of run is shown."""

from __future__ import annotations

import io
import shutil
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import streamlit as st
from app_testing import DRAWN, MAIN, go, problems, visit, words
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.ui.components.live_map import Timeline
from pages.ui.train import cache as timelines
from pages.ui.train import finished, moments
from pages.ui.train.charts import bars, curve
from vae_core.config import ModelConfig, TrainingConfig, recommended
from vae_core.datasets import fashion_mnist, loading
from vae_core.jobs import launcher as trainer
from vae_core.jobs import picture_uploads
from vae_core.jobs.launcher import Request
from vae_core.jobs.worker_pool import Ready
from vae_core.network.presets import build
from vae_core.network.schema import random_weights
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.process import stamp

PAGE = "pages/train.py"
MODEL = ModelConfig("classic", 2)


@dataclass
class Stand:
    """In the place of trainers: what was asked for, and runs that nobody works on."""

    folder: Path
    ready: Ready = field(default_factory=lambda: Ready("warm"))
    started: list[tuple[Request, bool]] = field(default_factory=list)
    refuses: str = ""

    def start(self, request: Request, *, beside: bool = False) -> Run:
        if self.refuses:
            raise RunError(self.refuses)
        self.started.append((request, beside))
        return a_run(self.folder / f"{request.name}-1", "waiting")


def a_run(path: Path, state: str, model: ModelConfig = MODEL, snapshots: tuple[int, ...] = (), **status: object) -> Run:
    """A run directory as a trainer would leave it."""
    run, network = Run(path), build(model)
    data = {"name": "drawn clothes", "checksum": "0" * 64, "classes": [f"class {i}" for i in range(10)]}
    run.create({"model": model.to_dict(), "training": TrainingConfig(epochs=3).to_dict(), "dataset": data}, network)
    run.write_status(state, **{"step": 0, "total_steps": 90, "epoch": 0.0, **status})
    rng = np.random.default_rng(0)
    run.save_fixed(rng.integers(0, 256, (10, *model.image_shape), np.uint8))
    for number, step in enumerate(snapshots):
        codes = dict(zip(("z_mean", "z_log_var"), np.float32(rng.normal(size=(2, 40, model.latent_dim))), strict=True))
        run.save_snapshot(step, random_weights(network, number), {**codes, "labels": np.uint8(np.arange(40) % 10)})
        run.append_metrics(
            {
                "kind": "step",
                "step": step,
                "epoch": step / 30,
                "seconds": number + 1.0,
                "loss": 300.0 - step,
                "reconstruction_loss": 290.0 - step,
                "kl_loss": 10.0,
                "batch_time": 12.5,
                "kl_per_unit": [1.0] * model.latent_dim,
                "beta": 1.0,
                "learning_rate": 1e-3,
            }
        )
    return run


@pytest.fixture(autouse=True)
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stand]:
    """No real data, no model, no run, and no process is started."""
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS_BESIDE", "4")
    made = Stand(tmp_path / "runs")
    monkeypatch.setattr(trainer, "prepare", lambda: made.ready)
    monkeypatch.setattr(trainer, "start", made.start)
    yield made
    st.cache_data.clear()
    st.cache_resource.clear()


def press(at: AppTest, key: str) -> AppTest:
    return at.button(key=key).click().run()


# --- the form ---------------------------------------------------------------------------------------------------------


def test_the_button_alone_is_enough(stand: Stand) -> None:
    at = visit(PAGE)
    assert problems(at) == []
    assert "Press **Train**" in words(at) and "it goes on when you close this page" in words(at)
    press(at, "start")
    ((request, beside),) = stand.started
    assert request.data == "drawn" and not beside  # there are no real data here
    assert request.model == ModelConfig("swift", 2) and request.training.steps == 2000
    assert request.training.learning_rate == 3e-3 and request.training.beta == 1.0 and request.training.images == 0
    assert at.query_params["run"] == "my-run-1" and "my-run-1" in words(at)  # and its life is shown now


def test_what_is_typed_just_before_the_click_counts(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    at = visit(PAGE)
    at.segmented_control(key="form_length").set_value("Other").run()
    at.number_input(key="form_steps").set_value(3)  # both reach the server in one request, as they do where it is busy
    at.text_input(key="form_name").set_value("mine")
    press(at, "start")
    ((request, _),) = stand.started
    assert request.training.steps == 3 and request.name == "mine"

    a_run(stand.folder / "mine", "finished", snapshots=(1,))
    kept: list[str] = []
    monkeypatch.setattr(finished.QUEUE, "begin", lambda run, name: kept.append(name))
    at = visit(PAGE, run="mine")
    at.text_input(key="name_mine").set_value("kept-one")
    press(at, "keep")
    assert kept == ["kept-one"]
    at.text_input(key="name_mine").set_value("renamed")
    press(at, "rename")
    assert at.query_params["run"] == "renamed" and (stand.folder / "renamed").exists()


def test_a_request_from_before_the_pick_does_not_undo_it(stand: Stand) -> None:
    a_run(stand.folder / "one", "running")
    a_run(stand.folder / "two", "running")
    at = visit(PAGE)
    at.selectbox(key="run_picker").select("one").run()
    before = dict(at.query_params)
    assert before["run"] == "one"
    for pick in ("two", "A new run"):
        at.selectbox(key="run_picker").select(pick).run()
        at.query_params = before
        at.run()
        assert at.selectbox(key="run_picker").value == pick and at.query_params == before


def test_the_menu_leads_back_to_the_run(stand: Stand) -> None:
    """In one step of the browser's history: the page need not write it to the address afterwards."""
    a_run(stand.folder / "one", "running")
    at = visit(PAGE)
    at.selectbox(key="run_picker").select("one").run()
    links = {link.proto.page: link.proto.query_string for link in go(at, MAIN).get("page_link")}
    assert "run=one" in links.pop("train")
    assert links and not any("run=" in query for query in links.values())


def test_every_dial_reaches_the_request(stand: Stand) -> None:
    at = visit(PAGE)
    at.segmented_control(key="form_preset").set_value("classic")
    at.number_input(key="form_units").set_value(16)
    at.segmented_control(key="form_length").set_value("Other").run()
    at.number_input(key="form_steps").set_value(17)
    at.number_input(key="form_images").set_value(3)
    at.selectbox(key="form_schedule").set_value("cosine")
    at.number_input(key="form_rate_warm").set_value(0.3)
    at.number_input(key="form_free_bits").set_value(0.25)
    at.number_input(key="form_ema").set_value(0.9)
    at.run()
    at.number_input(key="form_batch").set_value(128)
    at.number_input(key="form_rate").set_value(10.0)
    at.number_input(key="form_beta").set_value(1e6)
    at.number_input(key="form_warm").set_value(0.5)
    at.selectbox(key="form_likelihood").set_value("gaussian")
    at.number_input(key="form_seed").set_value(7)
    at.text_input(key="form_name").set_value("odd")
    at.run()
    press(at, "start")
    ((request, _),) = stand.started
    assert (request.name, request.model) == ("odd", ModelConfig("classic", 16, likelihood="gaussian"))
    assert request.training == recommended(
        request.model,
        steps=17,
        images=3,
        batch_size=128,
        learning_rate=10.0,
        schedule="cosine",
        warmup=0.3,
        beta=1e6,
        kl_warmup=0.5,
        free_bits=0.25,
        ema=0.9,
        seed=7,
    )


def test_the_real_pictures_are_offered_where_they_are(
    stand: Stand, fashion_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fashion_mnist.VARIABLE, str(fashion_dir))
    at = visit(PAGE)
    press(at, "start")
    assert stand.started[0][0].data == "fashion"


def test_what_cannot_start_is_said_and_the_form_stays(stand: Stand) -> None:
    stand.refuses = "cannot write to /runs: No space left on device. Free some space."
    at = visit(PAGE)
    at.text_input(key="form_name").set_value("mine").run()
    press(at, "start")
    assert problems(at) == [stand.refuses]
    assert at.text_input(key="form_name").value == "mine"
    assert problems(at.run()) == []  # said once


def test_without_tensorflow_everything_else_goes_on(stand: Stand) -> None:
    stand.ready = Ready("unavailable", "TensorFlow is not installed.")
    a_run(stand.folder / "old", "stopped", snapshots=(1, 30), step=30)
    at = visit(PAGE)
    assert "Nothing can be trained here:** TensorFlow is not installed." in words(at)
    at.selectbox(key="run_picker").select("old").run()
    assert problems(at) == [] and "old" in words(at)


def test_a_second_one_is_told_that_it_waits(stand: Stand) -> None:
    a_run(stand.folder / "first", "running", heartbeat=time.time())
    at = visit(PAGE, run="first")
    at.selectbox(key="run_picker").select("A new run").run()
    (note,) = problems(at)
    assert "first is in progress. A new run waits for its end" in note
    press(at, "start")
    at.selectbox(key="run_picker").select("A new run").run()
    at.toggle(key="form_beside").set_value(True).run()
    press(at, "start")
    assert [beside for _, beside in stand.started] == [False, True]


def zipped(shape: tuple[int, ...], count: int = 20) -> bytes:
    """Pictures in two folders."""
    made, rng = io.BytesIO(), np.random.default_rng(0)
    with zipfile.ZipFile(made, "w") as archive:
        for i in range(count):
            png = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(png, "PNG")
            archive.writestr(f"{'ab'[i % 2]}/{i}.png", png.getvalue())
    return made.getvalue()


def with_zip(data: bytes) -> AppTest:
    at = visit(PAGE)
    at.segmented_control(key="form_data").set_value("My pictures (a zip)").run()
    assert at.button(key="start").disabled  # nothing to train on yet
    at.file_uploader(key="form_zip").set_value(("pictures.zip", data, "application/zip")).run()
    return at


@pytest.mark.parametrize("data", [b"no zip", zipped((8, 8), 2), zipped((8, 8))], ids=["no zip", "too few", "taken"])
def test_a_zip_is_read_and_written_once_and_not_with_each_click(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    read, written = Mock(wraps=loading.summarize), Mock(wraps=picture_uploads.write_bytes)
    monkeypatch.setattr(loading, "summarize", read)
    monkeypatch.setattr(picture_uploads, "write_bytes", written)
    at = with_zip(data)
    said = problems(at)
    at.text_input(key="form_name").set_value("another").run()
    at.segmented_control(key="form_fit").set_value("Cut to the garment").run()
    assert (read.call_count, written.call_count) == (1, 1)
    assert problems(at) == said and bool(said) == at.button(key="start").disabled
    assert len(list(stand.folder.rglob("*.zip"))) == (not said)


def test_a_zip_that_was_cleared_away_is_taken_again(stand: Stand) -> None:
    at = with_zip(zipped((8, 8)))
    shutil.rmtree(stand.folder / "uploads")
    at.text_input(key="form_name").set_value("another").run()
    press(at, "start")
    ((request, _),) = stand.started
    assert Path(request.data).is_file()


def test_a_folder_of_the_server_where_its_owner_has_opened_one(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "A folder of this server" not in visit(PAGE).segmented_control(key="form_data").options
    with zipfile.ZipFile(io.BytesIO(zipped((64, 64, 3)))) as archive:
        archive.extractall(tmp_path / "opened" / "pets")
    (tmp_path / "opened" / "empty").mkdir()
    monkeypatch.setenv("VAE_EXPLORER_DATA", str(tmp_path / "opened"))
    at = visit(PAGE)
    at.segmented_control(key="form_data").set_value("A folder of this server").run()
    assert at.selectbox(key="form_folder").options == ["empty", "pets"]
    (problem,) = problems(at)
    assert problem.startswith("empty: ") and at.button(key="start").disabled
    at.selectbox(key="form_folder").set_value(tmp_path / "opened" / "pets").run()
    assert "20 pictures in 2 classes; the model will see them as 64 × 64 in colour" in words(at)
    press(at, "start")
    ((request, _),) = stand.started
    assert Path(request.data) == (tmp_path / "opened" / "pets").resolve()


def test_pictures_of_ones_own(stand: Stand) -> None:
    at = with_zip(zipped((64, 64, 3)))
    assert "20 pictures in 2 classes; the model will see them as 64 × 64 in colour" in words(at)
    assert "20 pictures in 2 classes: a 10, b 10" in words(at) and "16 are for training, 2 for validation" in words(at)
    at.segmented_control(key="form_fit").set_value("Cut to the garment").run()
    press(at, "start")
    ((request, _),) = stand.started
    assert request.model.image_shape == (64, 64, 3) and Path(request.data).exists() and request.fit == "garment"
    assert request.sizes is not None and sum(request.sizes.values()) == 20
    assert request.training.total_steps(request.sizes["train"]) == 2000  # six epochs would be six steps


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"these are words", "not a zip", id="no zip"),
        pytest.param(b"", "", id="0 bytes"),
        pytest.param(zipped((28, 28), 2), "", id="two pictures"),
    ],
)
def test_a_zip_that_will_not_do(stand: Stand, data: bytes, expected: str) -> None:
    at = with_zip(data)
    (problem,) = problems(at)
    assert problem.startswith("pictures.zip: ") and expected in problem and problem.endswith(".")
    assert at.button(key="start").disabled


def test_how_long_it_will_take(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "How long it will take is being measured" in words(visit(PAGE))
    monkeypatch.setattr(trainer, "estimated", lambda request: trainer.Estimate(130.0, 2500.0, "measured in a test"))
    assert "About **2 min 10 s** on this machine, 2,500 images a second (measured in a test)" in words(visit(PAGE))


# --- a run ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("waiting", {"pause", "one_step", "stop"}),
        ("running", {"pause", "one_step", "stop", "rate_half", "beta_4", "apply_dials"}),
        ("paused", {"go_on", "one_step", "stop", "rate_double", "beta_0", "apply_dials"}),
        ("stopped", {"explore", "resume", "open_heatmaps", "rename", "keep"}),
        ("failed", {"explore", "resume", "open_heatmaps", "rename", "keep"}),
        ("finished", {"explore", "open_heatmaps", "rename", "keep"}),
    ],
)
def test_each_state_has_its_buttons(stand: Stand, state: str, buttons: set[str]) -> None:
    a_run(stand.folder / "mine", state, snapshots=(1, 30), step=30, heartbeat=time.time(), error="It fell over.")
    at = visit(PAGE, run="mine")
    everything = words(at)
    assert "mine" in everything and f" {state}]" in everything  # the badge
    keys = {button.key for button in at.button}
    assert buttons <= keys
    assert ("resume" in keys) == ("resume" in buttons) and ("stop" in keys) == ("stop" in buttons)
    assert "at_once" not in keys  # there is nothing that it could begin beside
    if "explore" in keys:  # what comes next stands first
        assert next(button.key for button in at.button if button.key not in ("fetch",)) == "explore"
    if state == "failed":
        assert "It fell over." in problems(at)


def test_the_buttons_ask_the_trainer(stand: Stand) -> None:
    run = a_run(stand.folder / "mine", "running", snapshots=(1,), heartbeat=time.time())
    at = visit(PAGE, run="mine")
    press(at, "pause")
    assert run.control().command == "pause"
    press(at, "one_step")
    assert (run.control().command, run.control().steps) == ("pause", 1)
    at.number_input(key="dial_beta_mine").set_value(4.5)
    press(at, "apply_dials")
    assert (run.control().command, run.control().beta) == ("pause", 4.5)
    press(at, "beta_0.25")
    assert run.control().beta == 0.25
    rate = run.config()["training"]["learning_rate"]
    for key, expected in (("rate_double", 2 * rate), ("rate_double", 4 * rate), ("rate_half", 2 * rate)):
        press(at, key)
        assert run.control().learning_rate == pytest.approx(expected)
    run.write_status("paused", step=1, total_steps=90, heartbeat=time.time())
    press(at.run(), "go_on")
    assert run.control().command == "run"
    press(at, "stop")
    assert run.control().command == "stop"


@pytest.mark.parametrize("doing", ["", "validating"])
def test_a_trainer_that_hangs_is_said_and_how_its_end_went_stays(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    """In whatever stage it hangs; and although the page draws itself anew once the run has ended."""
    own = stamp()  # of a process that lives
    silent = {**own, "heartbeat": own["heartbeat"] - 60, "uptime": own["uptime"] - 60}
    run = a_run(stand.folder / "mine", "running", snapshots=(1,), **silent, **({"doing": doing} if doing else {}))

    def end(run: Run) -> str:
        run.write_status("failed", step=1, total_steps=90, error="ended by force")
        return "It did not answer and was ended by force."

    monkeypatch.setattr(trainer, "end", end)
    at = visit(PAGE, run="mine")
    assert "has not been heard of for" in words(at)
    press(at, "force")
    for _ in range(2):
        assert "It did not answer and was ended by force." in problems(at)
        at.run()
    monkeypatch.setattr(trainer, "resume", lambda run: None)
    press(at, "resume")
    assert "It did not answer" not in str(problems(at))
    assert run.state()[0] == "failed"


def test_whatever_is_going_on_is_found(stand: Stand) -> None:
    a_run(stand.folder / "over", "finished", snapshots=(1,))
    a_run(stand.folder / "now", "running", heartbeat=time.time())
    at = visit(PAGE)
    assert at.selectbox(key="run_picker").value == "now"
    at.selectbox(key="run_picker").select("over").run()
    go(at, "pages/models.py")
    assert go(at, PAGE).selectbox(key="run_picker").value == "over"  # a choice holds


def test_a_link_to_a_run_that_is_gone(stand: Stand) -> None:
    (problem,) = problems(visit(PAGE, run="<b>gone`"))
    assert problem == "There is no run called “<b>gone`” here: it may have been renamed or deleted."


def test_the_pictures_of_one_unit_move_with_a_slider(stand: Stand) -> None:
    a_run(stand.folder / "mine", "finished", ModelConfig("classic", 1), snapshots=(1, 30, 90), step=90)
    at = visit(PAGE, run="mine")
    assert "At step 90, from the top: 10 fixed test images" in words(at)
    at.select_slider[0].set_value(30).run()
    assert "At step 30, from the top" in words(at)


def test_a_run_that_is_called_as_the_form(stand: Stand) -> None:
    a_run(stand.folder / "A new run", "finished", snapshots=(1,))
    at = visit(PAGE)
    assert at.selectbox(key="run_picker").options == ["(A new run)", "A new run (finished)"]
    assert at.selectbox(key="run_picker").value == "(A new run)" and at.button(key="start")
    at.selectbox(key="run_picker").select("A new run").run()
    assert problems(at) == [] and at.query_params["run"] == "A new run" and at.button(key="rename")
    at.selectbox(key="run_picker").select("(A new run)").run()
    assert at.button(key="start")


@pytest.mark.parametrize("model", [ModelConfig("classic", 1), ModelConfig("swift", 3, (64, 64, 3))], ids=str)
def test_models_of_other_kinds(stand: Stand, model: ModelConfig) -> None:
    a_run(stand.folder / "mine", "finished", model, snapshots=(1, 90), step=90)
    at = visit(PAGE, run="mine")
    assert problems(at) == []
    assert ("One latent unit has no map." in words(at)) == (model.latent_dim == 1)


# --- what is damaged --------------------------------------------------------------------------------------------------


def test_a_run_of_a_newer_version(stand: Stand) -> None:
    run = a_run(stand.folder / "newer", "finished", snapshots=(1,))
    (run.path / "config.json").write_text('{"format_version": 7}')
    (problem,) = problems(visit(PAGE, run="newer"))
    assert "Update VAE Explorer" in problem


@pytest.mark.parametrize(
    "part", ["network.json", "config.json", "status.json", "metrics.jsonl", "control.json", "fixed.npz"]
)
def test_a_run_half_deleted(stand: Stand, part: str) -> None:
    run = a_run(stand.folder / "half", "finished", snapshots=(1, 30), step=90)
    (run.path / part).unlink()
    found = problems(visit(PAGE, run="half"))
    assert len(found) == (part in ("network.json", "config.json")), found
    assert all("half" in problem for problem in found)


@pytest.mark.parametrize("file", ["weights", "latents"])
def test_a_snapshot_half_deleted(stand: Stand, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    shown: list[Timeline] = []
    monkeypatch.setattr(moments, "live_map", lambda *_, timeline, **__: shown.append(timeline))
    run = a_run(stand.folder / "half", "finished", snapshots=(1, 30), step=90)
    (damaged,) = [
        path
        for path in (run.path / "snapshots" / "00000030").iterdir()
        if file in path.name or (file == "weights" and path.suffix == ".safetensors")
    ]
    damaged.write_bytes(b"torn")
    at = visit(PAGE, run="half")
    (problem,) = problems(at)
    assert "The snapshot of step 30 cannot be shown: " in problem
    assert [frame.step for frame in shown[0].frames] == [1]  # the others are as they were


def test_a_new_snapshot_reads_neither_layers_nor_config_again(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(a_run(stand.folder / "one", "running", snapshots=(1, 30)).path)
    network, config = Mock(wraps=Run(path).network), Mock(wraps=timelines.read_config)
    monkeypatch.setattr(Run, "network", network)
    monkeypatch.setattr(timelines, "read_config", config)
    for step in (1, 30):
        assert timelines.map_at(path, step, 3.5, 4).latent_dim == 2
        assert timelines.snapshot_pictures(path, step)[1]
    assert (network.call_count, config.call_count) == (1, 1)


def test_a_folder_that_cannot_be_read(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.folder.write_text("a file where the folder should be")
    at = visit(PAGE)
    assert "Press **Train**" in words(at)


# --- charts -----------------------------------------------------------------------------------------------------------


def test_a_chart_leaves_out_what_would_flatten_the_rest() -> None:
    steps = np.arange(1, 101)
    values = np.concatenate([[9000.0, 4000.0], np.linspace(300, 250, 98)])
    spec = curve(steps, values, values, title="loss", marks=[(40, "beta 2")], floor=(188.28, "least"))
    low, high = spec["yAxis"]["min"], spec["yAxis"]["max"]
    assert low < 188.28 and 300 < high < 400
    assert len(spec["series"][0]["data"]) == 100  # nothing is hidden from the tooltip
    marks = spec["series"][1]["markLine"]["data"]
    assert [mark.get("xAxis", mark.get("yAxis")) for mark in marks] == [40, 188.28]
    assert marks[1]["label"]["formatter"] == "least: 188.28"
    assert (spec["xAxis"]["name"], spec["yAxis"]["name"]) == ("step", "nats")


def test_a_chart_of_nothing_finite() -> None:
    nan = np.full(3, np.nan)
    spec = curve(np.arange(3), nan, nan, title="loss")
    assert (spec["yAxis"]["min"], spec["yAxis"]["max"]) == (0.0, 1.0)
    assert all(line["data"] == [] for line in spec["series"])


def test_units_are_sorted_by_what_they_tell() -> None:
    spec = bars(np.array([0.1, 3.0, 1.0]), title="KL per unit")
    assert spec["xAxis"]["data"] == ["z2", "z3", "z1"] and spec["series"][0]["data"] == [3.0, 1.0, 0.1]


def test_the_timeline_of_a_shipped_model_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(Path(__file__).parents[1] / "checkpoints"))
    at = visit("pages/train.py", run="fashion-2d")
    assert problems(at) == []
    assert "The timeline of a kept model" in "\n".join(caption.value for caption in at.caption)
