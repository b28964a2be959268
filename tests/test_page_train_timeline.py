"""The timeline of the page Train: what the browser is sent of each snapshot, and what happened to a run on its way."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from app_testing import problems, visit, words
from PIL import Image
from test_page_train import PAGE, Stand, a_run, press

from pages.ui.components import live_map
from pages.ui.train import cache, moments
from vae_core.checkpoints import registry
from vae_core.cli import main as command_line
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.jobs import launcher as trainer
from vae_core.jobs.command import command_of
from vae_core.network.quantize import dequantize, quantize
from vae_core.runs import live_reader
from vae_core.runs.directory import Run
from vae_core.runs.live_reader import LiveRun

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stand]:
    """No model, no run, and no process is started."""
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    made = Stand(tmp_path / "runs")
    monkeypatch.setattr(trainer, "prepare", lambda: made.ready)
    monkeypatch.setattr(trainer, "start", made.start)
    yield made
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the map was told, each time."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(moments, "live_map", lambda data, key, **more: told.append({"data": data, "key": key, **more}))
    return told


def opened(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Header and blocks of a part, as `frames.js` reads them."""
    length = int.from_bytes(data[:4], "little")
    header, payload = json.loads(data[4 : 4 + length]), data[4 + length :]
    return header, {name: payload[at : at + size] for name, (at, size) in header["places"].items()}


def test_a_snapshot_travels_in_8_and_16_bits(stand: Stand) -> None:
    run = a_run(stand.folder / "mine", "finished", snapshots=(1, 30), step=30)
    path, network = str(run.path), run.network()
    first, last = cache.timeline_at(path, [1, 30], 3.5, 4)
    header, blocks = opened(first.data)
    frame, floats = cache.frame_at(path, 1), np.frombuffer(blocks["floats"], "<f4")
    kernels = np.frombuffer(blocks["kernels"], np.int8)
    expected = dequantize(quantize(frame.decoder))
    for name, shape in network.decoder.weight_shapes().items():
        at, scale, size = header["packed"][name]["at"], header["packed"][name]["scale"], int(np.prod(shape))
        if scale is None:
            weights = floats[at : at + size].reshape(shape)
        else:
            weights = kernels[at : at + size].reshape(shape) * floats[scale : scale + shape[-1]]
        np.testing.assert_allclose(weights, expected[name], rtol=1e-6)
    codes = np.frombuffer(blocks["codes"], "<f2").reshape(2, -1, 2)
    np.testing.assert_allclose(codes[0], frame.latents.z_mean, rtol=1e-3)
    assert len(blocks["grid"]) == 4 * 4 * 28 * 28 and len(blocks["pictures"]) == 30 * 28 * 28
    rows = np.frombuffer(blocks["pictures"], np.uint8).reshape(3, 10, 28, 28, 1)[::-1]  # from the lower left
    np.testing.assert_array_equal(rows.reshape(30, 28, 28, 1), cache.snapshot_pictures(path, 1)[0])
    assert set(opened(last.data)[1]) == {"pictures"}  # the map has the newest decoder, its codes and its grid
    weights_bytes = 4 * sum(int(np.prod(shape)) for shape in network.decoder.weight_shapes().values())
    assert (
        len(blocks["kernels"]) + len(blocks["floats"]) < 0.4 * weights_bytes
    )  # this decoder has as many scales as some layers have weights


def test_the_page_opens_with_a_training_that_plays(monkeypatch: pytest.MonkeyPatch, maps: list[dict[str, Any]]) -> None:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(ROOT / "checkpoints"))
    at = visit(PAGE)
    assert problems(at) == [] and "This is what you will see: the training of **fashion-2d**" in words(at)
    timeline = maps[-1]["timeline"]
    assert maps[-1]["key"] == "example" and timeline.plays and timeline.eager and timeline.plain
    assert [frame.step for frame in timeline.frames] == Run(ROOT / "checkpoints" / "fashion-2d").snapshots()
    titles = [json.loads(chart.proto.spec)["title"]["text"] for chart in at.get("echarts_chart")]
    assert titles == ["How badly it rebuilds:\nreconstruction, nats", "How much z says:\nKL, nats"]


def test_without_any_model_the_form_stands_alone(maps: list[dict[str, Any]]) -> None:
    at = visit(PAGE)
    assert maps == [] and problems(at) == [] and at.button(key="start")


def test_older_snapshots_of_a_run_in_progress_come_when_they_are_wished(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, maps: list[dict[str, Any]]
) -> None:
    a_run(stand.folder / "mine", "running", snapshots=(1, 30, 60), step=60, heartbeat=time.time())
    visit(PAGE, run="mine")
    assert not maps[-1]["timeline"].eager and [frame.step for frame in maps[-1]["timeline"].frames] == [1, 30, 60]
    monkeypatch.setattr(moments, "wishes_frames", lambda key: True)
    visit(PAGE, run="mine")
    assert maps[-1]["timeline"].eager


def test_a_snapshot_is_sent_once_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    session: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", session)
    frames = tuple(live_map.FramePart(step, f"{step}", lambda: ({}, b"")) for step in (1, 2, 3))
    digests = [frame.digest for frame in frames]
    live, kept = live_map.Timeline(frames, eager=False), live_map.Timeline(frames)
    assert live_map._coming_frames("a", live) == digests[2:]  # the newest has pictures
    assert live_map._coming_frames("a", live) == []
    session["a"] = {"frames": digests[:2]}  # somebody has turned to the timeline
    assert live_map._coming_frames("a", live) == digests[:2] and live_map.wishes_frames("a")
    session["a"] = {}
    assert live_map._coming_frames("a", live) == [] == live_map._coming_frames("b", kept)


def test_the_axes_are_the_two_units_that_say_most(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, maps: list[dict[str, Any]]
) -> None:
    run = a_run(stand.folder / "mine", "running", ModelConfig("classic", 4), snapshots=(1,), heartbeat=time.time())
    row = {"kind": "step", "epoch": 1, "seconds": 2, "loss": 1.0, "reconstruction_loss": 1.0, "kl_loss": 1.0}
    monkeypatch.setattr(live_reader, "LOOK_SECONDS", 0.0)
    at = visit(PAGE, run="mine")
    for step, kl, axes in [
        (2, [0.0, 0.1, 2.0, 1.0], (2, 3)),
        (3, [0.0, 0.1, 1.0, 2.0], (2, 3)),  # the same two: the map stays
        (4, [1.1, 0.1, 1.0, 2.0], (2, 3)),  # hardly ahead
        (5, [9.0, 0.1, 1.0, 2.0], (0, 3)),
    ]:
        run.append_metrics({**row, "step": step, "kl_per_unit": kl})
        at.run()
        assert maps[-1]["units"] == axes, step


@pytest.mark.parametrize("model", [ModelConfig("classic", 2), ModelConfig("swift", 3, (64, 64, 3))], ids=str)
def test_the_timeline_as_a_gif(stand: Stand, model: ModelConfig) -> None:
    run = a_run(stand.folder / "mine", "finished", model, snapshots=(1, 30, 60), step=60)
    data = cache.gif_at(str(run.path), run.snapshots())
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "GIF" and image.n_frames == 3 + 2 * 6
    with pytest.raises(ValueError, match="needs two"):
        cache.gif_at(str(run.path), [30])


# --- what has happened ------------------------------------------------------------------------------------------------


def test_a_dial_turned_while_paused_is_marked_and_said(stand: Stand) -> None:
    run = a_run(stand.folder / "mine", "running", snapshots=(1, 30), step=30, heartbeat=time.time())
    for event, more in [
        ("paused", {}),
        ("beta", {"old": 1.0, "new": 4.0}),
        ("beta", {"old": 4.0, "new": 8.0}),
        ("learning_rate", {"old": 0.003, "new": 0.006}),
        ("continued", {}),
    ]:
        run.append_metrics({"kind": "event", "event": event, "step": 30, "seconds": 65.0, "epoch": 1.0, **more})
    view = LiveRun(run).view(fresh=True)
    assert view.marks == ((30, "beta 1 → 8, learning rate 0.003 → 0.006, paused"),)
    at = visit(PAGE, run="mine")
    (note,) = problems(at)
    assert note.startswith("Since step 30 the loss weighs KL by 8 and no longer by 4")
    assert "- step 30, after 1 min 5 s: beta 1 → 4" in words(at)


def test_only_a_run_that_waits_is_offered_to_begin_beside_another(stand: Stand) -> None:
    first = a_run(stand.folder / "first", "running", heartbeat=time.time())
    second = a_run(stand.folder / "second", "waiting", since=time.time(), doing="waiting for first to end")
    second.update_control(command="wait")
    assert "at_once" in {button.key for button in visit(PAGE, run="second").button}
    first.write_status("finished", step=90, total_steps=90)
    assert "at_once" not in {button.key for button in visit(PAGE, run="second").button}


def test_a_validation_is_named_and_the_last_seconds_are_not_counted(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_reader, "LOOK_SECONDS", 0.0)
    run = a_run(stand.folder / "mine", "running", step=89, heartbeat=time.time(), eta_seconds=0.2)
    assert _progress(visit(PAGE, run="mine")) == "Step 89 of 90, epoch 0.00, the last steps"
    run.write_status("running", step=90, total_steps=90, doing="validating", eta_seconds=0.0)
    at = visit(PAGE, run="mine")
    assert _progress(at) == "Step 90 of 90, epoch 0.00, validating"
    assert problems(at) == ["The map comes with the first batch."]


def _progress(at: Any) -> str:
    (bar,) = at.get("progress")
    return str(bar.proto.text)


def test_the_losses_of_several_runs_in_one_chart(stand: Stand) -> None:
    for name in ("mine", "other", "third"):
        a_run(stand.folder / name, "finished", snapshots=(1, 30), step=30)
    at = visit(PAGE, run="mine")
    at.multiselect(key="compare_mine").set_value(["other", "third"]).run()
    specs = [json.loads(chart.proto.spec) for chart in at.get("echarts_chart")]
    assert [line["name"] for line in specs[-1]["series"]] == ["mine", "other", "third"]
    assert [spec["title"]["text"].split(":")[0] for spec in specs if "legend" in spec] == ["How badly it rebuilds"] * 2


# --- afterwards -------------------------------------------------------------------------------------------------------


def test_a_run_hides_behind_the_model_that_was_kept_from_it(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(stand.folder / "mine", "finished", snapshots=(1, 30), step=30, seconds=12.345)
    a_run(stand.folder / "other", "finished", snapshots=(1,), step=30, seconds=99.0)
    kept = a_run(stand.folder.parent / "models" / "kept", "finished", snapshots=(1, 30)).path
    (kept / "status.json").unlink()
    config = json.loads((kept / "config.json").read_text())
    (kept / "config.json").write_text(json.dumps({**config, "kind": "model", "steps": 30, "seconds": 12.345}))
    for name in registry.PARTS:
        if not (kept / name).exists():
            (kept / name).touch()
    options = visit(PAGE).selectbox(key="run_picker").options
    assert not any(option.startswith("mine") for option in options)
    assert any(option.startswith("kept") for option in options) and any(o.startswith("other") for o in options)
    assert visit(PAGE, run=run.name).selectbox(key="run_picker").value == "mine"  # a link still leads to it


def test_what_could_not_be_done_is_said_beside_its_button(stand: Stand) -> None:
    a_run(stand.folder / "mine", "finished", snapshots=(1, 30), step=30)
    at = visit(PAGE, run="mine")
    at.text_input(key="name_mine").set_value("../x").run()
    press(at, "rename")
    order = [element.key if hasattr(element, "key") and element.key else element.type for element in at.main]
    assert len(problems(at)) == 1 and order.index("rename") < order.index("error")
    assert problems(at.run()) == []  # said once


@pytest.mark.parametrize(
    ("model", "training"),
    [
        (ModelConfig(), TrainingConfig(steps=2000)),
        (ModelConfig("classic", 16, likelihood="gaussian"), TrainingConfig(epochs=3, beta=4.0, kl_warmup=0.5, seed=7)),
        (ModelConfig(latent_dim=3), TrainingConfig(steps=77, learning_rate=0.01, schedule="constant", free_bits=0.1)),
    ],
)
def test_the_command_of_a_run_trains_the_same(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, model: ModelConfig, training: TrainingConfig
) -> None:
    from vae_core.datasets import loading

    monkeypatch.setattr(loading, "DRAWN", {"train": 6, "validation": 3, "test": 3})
    run, create = a_run(stand.folder / "mine", "finished", model), Run.create
    config = run.config()
    data = {**config["dataset"], "sizes": {"train": 6, "validation": 3, "test": 3}}
    described = {**config, "training": training.to_dict(), "dataset": data}
    (run.path / "config.json").write_text(json.dumps(described))
    run.write_request(data="drawn")
    command = command_of(run).split(" train ")[1].split()
    command[command.index("--run-dir") + 1] = str(stand.folder / "again")

    class MadeRun(Exception):
        pass

    def made(self: Run, *values: Any, **more: Any) -> None:
        create(self, *values, **more)
        raise MadeRun

    monkeypatch.setattr(Run, "create", made)
    with pytest.raises(MadeRun):
        command_line.main(["train", *command])
    again = Run(stand.folder / "again").config()
    assert ModelConfig.from_dict(again["model"]) == model
    assert TrainingConfig.from_dict(again["training"]) == training
