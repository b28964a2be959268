"""Form, command line and request start the same recipe for the same choice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from app_testing import visit, words
from streamlit.testing.v1 import AppTest

from vae_core.cli.main import build_parser, main
from vae_core.config import PRESETS, ModelConfig, TrainingConfig, recommended
from vae_core.datasets import fashion_mnist, loading
from vae_core.jobs import launcher
from vae_core.jobs.launcher import Request
from vae_core.jobs.worker_pool import Ready
from vae_core.runs.directory import Run

PAGE = "pages/train.py"
UNITS = (1, 2, 4, 5, 16, 32)


class Made(Exception):
    """A run has its config.json; the training itself is not begun."""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Drawn clothes, few of them; a run ends as soon as it has been made."""
    create = Run.create

    def made(run: Run, *values: Any, **more: Any) -> None:
        create(run, *values, **more)
        raise Made

    monkeypatch.setattr(Run, "create", made)
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", {"train": 6, "validation": 3, "test": 3})
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(launcher, "prepare", lambda: Ready("ready"))
    yield tmp_path / "runs"
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What the form has asked for."""
    requests: list[Request] = []

    def start(request: Request, *, beside: bool = False) -> Run:
        requests.append(request)
        raise launcher.RunError("not now")

    monkeypatch.setattr(launcher, "start", start)
    return requests


def trained(run: Run, arguments: list[str]) -> dict[str, Any]:
    """The config.json that a command writes."""
    with pytest.raises(Made):
        main(arguments)
    config = json.loads((run.path / "config.json").read_text())
    return {name: config[name] for name in ("model", "training", "dataset")}


def of_request(run: Run, request: Request) -> dict[str, Any]:
    """The config.json of a run that the app starts."""
    run.path.mkdir(parents=True)
    run.write_request(**request.to_dict())
    return trained(run, request.arguments(run))


def choose(at: AppTest, preset: str, units: int) -> AppTest:
    at.segmented_control(key="form_preset").set_value(preset)
    at.number_input(key="form_units").set_value(units)
    return at.run()


def test_the_form_and_the_command_line_train_the_same(place: Path, asked: list[Request]) -> None:
    at = visit(PAGE)
    for preset in PRESETS:
        for units in UNITS:
            choose(at, preset, units)
            at.button(key="start").click().run()
            name = f"{preset}-{units}"
            words = ["train", "--data", "drawn", "--preset", preset, "--latent-dim", str(units)]
            command = Run(place / name / "command")
            by_command = trained(command, [*words, "--run-dir", str(command.path)])
            assert of_request(Run(place / name / "form"), asked[-1]) == by_command, name
            assert by_command["training"] == recommended(ModelConfig(preset, units), 6).to_dict()
    assert len(asked) == len(PRESETS) * len(UNITS)


def test_a_request_carries_every_setting(place: Path, tmp_path: Path) -> None:
    model = ModelConfig("classic", 16, (28, 28, 1), "gaussian", 0.1)
    changes = {
        "steps": 11,
        "warmup": 0.1,
        "beta": 2.5,
        "free_bits": 0.5,
        "ema": 0.5,
        "seed": 9,
        "images": 5,
        "kl_warmup": 0.3,
    }
    training = recommended(model, epochs=7, batch_size=3, learning_rate=0.02, schedule="cosine", **changes)
    config = of_request(Run(place / "request"), Request("x", model, training, "drawn"))
    assert TrainingConfig.from_dict(config["training"]) == training
    assert ModelConfig.from_dict(config["model"]) == model


def test_every_setting_has_a_flag(place: Path) -> None:
    values = {"preset": "classic", "likelihood": "gaussian", "schedule": "cosine", "image_shape": "28x28x1"}
    flags = [
        part
        for config in (ModelConfig, TrainingConfig)
        for setting in fields(config)
        for part in (f"--{setting.name.replace('_', '-')}", values.get(setting.name, setting.metadata.get("low") or 0))
    ]
    run = Run(place / "flags")
    config = trained(run, ["train", "--data", "drawn", *map(str, flags), "--run-dir", str(run.path)])
    for name, value in {**config["model"], **config["training"]}.items():
        asked = flags[flags.index(f"--{name.replace('_', '-')}") + 1]
        assert (value if name != "image_shape" else "x".join(map(str, value))) == asked, name


def test_a_flag_overrides_the_request(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "wish.json"
    file.write_text(json.dumps({"model": {"preset": "classic"}, "training": {"epochs": 3, "beta": 2}, "data": "drawn"}))
    run = Run(place / "flag")
    config = trained(run, ["train", "--request", str(file), "--beta", "4", "--run-dir", str(run.path)])
    assert config["training"] == recommended(ModelConfig("classic"), epochs=3, beta=4.0).to_dict()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"model": 1}', '{"model": {"colour": 1}}', '{"training": {"epochs": 0}}', '{"data": 3}']
)
def test_a_request_that_cannot_be_used(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wish.json"
    file.write_text(text)
    assert main(["train", "--request", str(file), "--run-dir", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "run").exists()


def test_help_tells_the_defaults_of_every_recipe() -> None:
    (action,) = [action for action in build_parser()._actions if action.dest == "command"]
    train = action.choices["train"]  # type: ignore[index, call-overload]
    helps = {option.dest: option.help for option in train._actions}
    assert helps["batch_size"] == "images per step (64; classic 128)"
    assert helps["kl_warmup"].endswith("(0; above 4 units 0.25)")
    assert helps["learning_rate"] == "Adam's peak learning rate (0.003; classic 0.001; above 4 units 0.0025)"


# --- dials that move --------------------------------------------------------------------------------------------------


def test_untouched_dials_follow_and_it_is_said(asked: list[Request]) -> None:
    at = visit(PAGE)
    assert "The recipe for swift with 2 latent units: batch size 64" in words(at) and "Moved" not in words(at)
    choose(at, "classic", 2)
    assert at.number_input(key="form_batch").value == 128 and at.number_input(key="form_rate").value == 1e-3
    assert "Moved with your choice: batch size 64 → 128, learning rate 0.003 → 0.001" in words(at)
    assert "moving average 0.999 → off" in words(at)
    at.number_input(key="form_seed").set_value(3).run()
    assert "Moved with your choice" in words(at)  # until preset or units change again
    choose(at, "swift", 16)
    assert at.number_input(key="form_warm").value == 0.25 and at.number_input(key="form_rate").value == 2.5e-3
    assert "learning rate 0.001 → 0.0025" in words(at)


def test_a_touched_dial_stays_and_it_is_said(asked: list[Request]) -> None:
    at = visit(PAGE)
    at.number_input(key="form_rate").set_value(0.007).run()
    assert "Changed from the recipe for swift" in words(at) and "Your own: learning rate 0.007." in words(at)
    choose(at, "classic", 2)
    assert at.number_input(key="form_rate").value == 0.007 and at.number_input(key="form_batch").value == 128
    assert "Left as you set them: learning rate." in words(at)
    at.number_input(key="form_rate").set_value(1e-3).run()  # back to what the recipe says: it follows again
    assert "Your own" not in words(at)
    choose(at, "swift", 2)
    assert at.number_input(key="form_rate").value == 3e-3
    at.button(key="start").click().run()
    assert asked[0].training == recommended(ModelConfig(), 6)


def test_a_request_without_a_recipe_takes_the_one_that_suits() -> None:
    assert Request("x", ModelConfig("classic")).training == recommended(ModelConfig("classic"), 6)


# --- how long ---------------------------------------------------------------------------------------------------------


def test_few_images_are_seen_more_often_than_six_times() -> None:
    few, many = recommended(ModelConfig(), 288), recommended(ModelConfig(), 55_000)
    assert (few.total_steps(288), many.total_steps(55_000)) == (2000, 5000)
    assert recommended(ModelConfig(), 288, epochs=6).total_steps(288) == 30  # who counts in epochs gets them
    assert recommended(ModelConfig(), 288, steps=7).total_steps(288) == 7


@pytest.mark.parametrize(("chip", "steps"), [(500, 500), (2000, 2000), (10_000, 10_000), ("Other", 321)])
def test_steps_chosen_in_the_form_are_those_of_the_flag(
    place: Path, asked: list[Request], chip: int | str, steps: int
) -> None:
    at = visit(PAGE)
    assert at.segmented_control(key="form_length").value == 2000  # there are six images here
    at.segmented_control(key="form_length").set_value(chip).run()
    if chip == "Other":
        at.number_input(key="form_steps").set_value(steps).run()
    at.button(key="start").click().run()
    run = Run(place / "command")
    by_command = trained(run, ["train", "--data", "drawn", "--steps", str(steps), "--run-dir", str(run.path)])
    assert of_request(Run(place / "form"), asked[-1]) == by_command and by_command["training"]["steps"] == steps


def test_epochs_on_the_command_line_take_the_place_of_a_requests_steps(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "wish.json"
    file.write_text(json.dumps({"training": {"steps": 900}, "data": "drawn"}))
    for flags, expected in (([], (6, 900)), (["--epochs", "3"], (3, 0)), (["--steps", "5"], (6, 5))):
        run = Run(place / f"run{len(flags)}{expected[1]}")
        config = trained(run, ["train", "--request", str(file), *flags, "--run-dir", str(run.path)])
        assert (config["training"]["epochs"], config["training"]["steps"]) == expected
