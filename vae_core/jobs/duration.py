"""How long a training will take on this machine, from what was measured on it. No TensorFlow.

A note in the folder of the runs (`.pace.json`) says how fast this machine trained each preset for a moment; better is a
past run of the same model. Once a run is on, its own pace counts (`vae_core.runs.live_reader`).

>>> import tempfile
>>> sizes = {"train": 60_000, "validation": 5_000}
>>> with tempfile.TemporaryDirectory() as folder:
...     note_pace(Path(folder), ModelConfig(), step_seconds=0.01, image_seconds=0.0002)
...     hurried = estimate(ModelConfig(), TrainingConfig(epochs=1), sizes, Path(folder))
...     patient = estimate(ModelConfig(), TrainingConfig(epochs=9), sizes, Path(folder))
>>> hurried.seconds < patient.seconds
True
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from vae_core.config import ConfigError, ModelConfig, TrainingConfig
from vae_core.network.presets import build
from vae_core.runs.directory import Run
from vae_core.runs.formats import PaceForm
from vae_core.runs.index import list_runs
from vae_core.runs.metrics_log import last_rows, number
from vae_core.storage.errors import FileProblem
from vae_core.storage.files import write_json
from vae_core.storage.records import read_object

NOTE = ".pace.json"
VALIDATION = 0.3  # an image that is only looked at takes so much of one that is learned from
START_SECONDS = 2.0  # building the network and the first step
EPOCH_SECONDS = 0.1  # keeping the state, the row of its history, the way in and out of the loop
LOOK_AT = 20  # past runs


@dataclass(frozen=True)
class Estimate:
    """Expected duration of a training.

    Attributes:
        seconds: Of the whole run.
        images_per_second: While it trains.
        method: How that is known, in words.
    """

    seconds: float
    images_per_second: float
    method: str


def estimate(model: ModelConfig, training: TrainingConfig, sizes: dict[str, int], root: Path) -> Estimate | None:
    """Expected duration of a training on this machine.

    Args:
        model: What is trained.
        training: How.
        sizes: Images per split: "train" and "validation".
        root: The folder of runs.

    Returns:
        None before anything was measured here.
    """
    step, method = _past(model, training, root)
    if step is None:
        step, method = _scaled(model, training.batch_size, root)
    if step is None:
        return None
    steps = training.total_steps(sizes["train"])
    epochs = -(-steps // training.steps_per_epoch(sizes["train"]))
    validation = VALIDATION * sizes["validation"] * step / training.batch_size
    seconds = steps * step + epochs * (validation + EPOCH_SECONDS) + START_SECONDS
    return Estimate(seconds, training.batch_size / step, method)


def note_pace(root: Path, model: ModelConfig, step_seconds: float, image_seconds: float) -> None:
    """Keep what was measured for a model of this preset on this machine.

    Args:
        root: The folder of runs, where the note lies.
        model: What was trained for a moment.
        step_seconds: Seconds a step takes whatever its batch.
        image_seconds: Seconds that each image of a batch adds.
    """
    notes = _notes(root)
    pace = {"step": step_seconds, "image": image_seconds, "multiply_adds": _work(model)}
    here = notes.get(machine())
    notes[machine()] = {**(here if isinstance(here, dict) else {}), model.preset: pace}
    root.mkdir(parents=True, exist_ok=True)
    write_json(root / NOTE, notes)


def known_presets(root: Path) -> set[str]:
    """Presets that were measured on this machine."""
    here = _notes(root).get(machine())
    return set(here) if isinstance(here, dict) else set()


def machine() -> str:
    """Name of this machine with what it has, so that another one's figures are not taken for its own."""
    return f"{platform.node()}, {os.cpu_count()} processors"


def _past(model: ModelConfig, training: TrainingConfig, root: Path) -> tuple[float | None, str]:
    """Seconds a step of the newest run here of such a model and batch size."""
    for run in list_runs(root)[:LOOK_AT]:
        try:
            if run.request().get("machine") != machine():
                continue
            config = run.config()
            same = ModelConfig.from_dict(config["model"]) == model
            if same and TrainingConfig.from_dict(config["training"]).batch_size == training.batch_size:
                times = _batch_times(run)
                if len(times) >= 4:
                    return float(np.median(times)) / 1000, f"measured on this machine in the run {run.name}"
        except (FileProblem, ConfigError, ValueError, KeyError, TypeError):
            continue
    return None, ""


def _batch_times(run: Run) -> list[float]:
    """Milliseconds a batch from the last rows."""
    times = (number(row.get("batch_time")) for row in last_rows(run.path)[-200:])
    return [time for time in times if time > 0]


def _scaled(model: ModelConfig, batch_size: int, root: Path) -> tuple[float | None, str]:
    """Seconds a step from the note, in proportion to the multiply-adds of an image."""
    here = _notes(root).get(machine())
    try:
        pace = msgspec.convert(here[model.preset], PaceForm)  # type: ignore[index]
    except (KeyError, TypeError, msgspec.ValidationError):
        return None, ""
    step = pace.step + batch_size * pace.image * _work(model) / pace.multiply_adds
    return step, f"scaled from some steps of {model.preset} that were timed on this machine"


def _notes(root: Path) -> dict[str, Any]:
    try:
        return read_object(root / NOTE)
    except FileProblem:
        return {}


def _work(model: ModelConfig) -> int:
    network = build(model)
    return network.encoder.multiply_adds() + network.decoder.multiply_adds()
