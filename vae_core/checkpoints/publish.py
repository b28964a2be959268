"""From a run to a checkpoint that people can trust: measured, with its card and its frames of the timeline.

>>> spaced_steps([0, 10, 100, 1000, 10_000], count=3)
[0, 100, 10000]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.analysis import image_scores, latent_points, thresholds
from vae_core.analysis.evaluation import evaluate
from vae_core.analysis.generation import density
from vae_core.checkpoints import saving, store
from vae_core.checkpoints.card import model_card
from vae_core.checkpoints.placement import check_place
from vae_core.checkpoints.store import Checkpoint
from vae_core.checkpoints.thresholds import write_thresholds
from vae_core.checkpoints.timeline import save_frame
from vae_core.checkpoints.training_data import FILE, is_drawn, is_fashion, note_for
from vae_core.datasets.dataset import Dataset
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.readers import check_described, read_config
from vae_core.storage.files import write_bytes, write_json


def publish(
    run: Run,
    folder: str | Path,
    dataset: Dataset,
    snapshots: int = 0,
    half: bool = False,
    note: Callable[[str], None] | None = None,
    data: str | None = None,
    replace: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Make a checkpoint folder of a run's newest snapshot, measured on the whole test split.

    Args:
        run: A run that has ended.
        folder: The folder to be.
        dataset: What the run was trained on.
        snapshots: How many frames of the timeline are kept, spaced evenly in log time, since most happens early.
        half: Whether to store the weights as 16-bit floats; what is measured are the rounded weights.
        note: Told what is being done.
        data: What --data named, if not what the run noted; the model notes it.
        replace: Whether a model that has this name already is replaced; nothing else ever is.

    Returns:
        The folder, and the figures as `evaluate` gives them.

    Raises:
        CheckpointError: The folder is in use, or the run cannot be opened.
        RunError: The run goes on.
        ValueError: `dataset` is not what the run was trained on.
    """
    path = check_place(folder, replace)
    _check_publishable(run, dataset)
    with run.at_rest():
        figures = _published(run, path, dataset, snapshots, half, note, data, replace)
    return Path(folder), figures


def _published(
    run: Run,
    path: Path,
    dataset: Dataset,
    snapshots: int,
    half: bool,
    note: Callable[[str], None] | None,
    data: str | None,
    replace: bool,
) -> dict[str, Any]:
    """Measure a run and write its model; returns the figures. For the arguments see `publish`."""
    checkpoint = store.load(run.path)
    precision = np.float16 if half else np.float32
    stored = {name: array.astype(precision) for name, array in checkpoint.weights.items()}
    engine = Engine(checkpoint.network, {name: array.astype(np.float32) for name, array in stored.items()})
    if note:
        note(f"measuring {run.name} on {dataset.title('test')}")
    figures = evaluate(engine, dataset, "test")
    z_mean, z_log_var = engine.encode(dataset.images("test"))
    scores = image_scores.score(engine, dataset.pixels("test"))
    latents = Latents(z_mean, z_log_var, dataset.labels("test").astype(np.uint8))
    usual = thresholds.measure(engine, dataset, latents)
    if note:
        note("fitting where the codes of its train images lie")
    fitted = fit_density(engine, dataset)
    status = run.status()
    config = {
        **run.config(),
        "name": path.name,
        "steps": checkpoint.step,
        "step": checkpoint.step,
        "seconds": status.get("seconds", 0.0),
    }
    texts = {"MODEL_CARD.md": model_card(path.name, config, checkpoint.network.parameters(), figures)}
    place = data if data is not None else run.request().get("data")
    # Fashion-MNIST and the drawn clothes are known by name.
    if isinstance(place, str) and not (is_fashion(config["dataset"]) or is_drawn(config["dataset"])):
        texts[FILE] = json.dumps(note_for(place, path), indent=1) + "\n"

    def complete(unfinished: Path) -> None:
        image_scores.save(unfinished, scores, dataset.checksum)
        if usual:
            write_thresholds(unfinished, usual)
        density.save(unfinished, fitted)
        for step in spaced_steps(run.snapshots(), snapshots):
            save_frame(unfinished, step, run.snapshot_weights(step), run.snapshot_latents(step))

    saving.save(
        path,
        config=config,
        network=checkpoint.network,
        weights=stored,
        metrics=figures,
        latents=latents,
        texts=texts,
        copy=[run.path / "history.csv"],
        replace=replace,
        complete=complete,
    )
    return figures


def _check_publishable(run: Run, dataset: Dataset) -> None:
    """Refuse a run that goes on, and a data set that it was not trained on."""
    state, _ = run.state()
    if state not in ENDED:
        raise RunError(
            f"{run.path} is {state}; its newest snapshot is not its last. Wait for its end, or stop it, then keep it."
        )
    trained_on, given = run.config()["dataset"], dataset.describe()
    if trained_on["checksum"] != given["checksum"]:
        raise ValueError(
            f"{run.path} was trained on {trained_on['name']}, this is {given['name']} ({given['source']}). Pass the same --data."
        )


def fit_density(engine: Engine, dataset: Dataset) -> density.Density:
    """Fit the density of a model's train codes; the validation codes choose its number of components.

    Args:
        engine: The model.
        dataset: What it was trained on.

    Returns:
        The mixture, for density.npz.
    """
    train, validation = (latent_points.encode_dataset(engine, dataset, split) for split in ("train", "validation"))
    return density.fit(train.z_mean, train.labels, validation.z_mean, validation.labels)


def spaced_steps(steps: list[int], count: int) -> list[int]:
    """Steps evenly spaced in the logarithm: the last, then the first, then between.

    Args:
        steps: Ascending, 0 or more each.
        count: How many at most.

    Returns:
        Some of `steps`, ascending; fewer than `count` where two goals fall on one step.
    """
    if count <= 0 or not steps:
        return []
    # A run's first snapshot is of step 0, which has no logarithm.
    logs = np.log1p(steps)
    return sorted({steps[np.abs(logs - goal).argmin()] for goal in np.linspace(logs[-1], logs[0], count)})


def write_figures(checkpoint: Checkpoint, figures: Mapping[str, Any]) -> None:
    """Write freshly measured figures, and the card that shows them, into a checkpoint's folder.

    Args:
        checkpoint: The model that was measured.
        figures: As `evaluate` gives them.
    """
    path = checkpoint.path / "config.json"
    config = {
        "steps": checkpoint.step or 0,
        **{name: value for name, value in read_config(path).items() if value is not None},
    }
    config.setdefault("seconds", 0.0)
    check_described(config, path)
    card = model_card(checkpoint.name, config, checkpoint.network.parameters(), figures)
    write_json(checkpoint.path / "metrics.json", figures)
    write_bytes(checkpoint.path / "MODEL_CARD.md", card.encode())
