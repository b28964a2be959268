"""From a run to a model that people can trust: its figures, its card, its frames of the timeline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.analysis import image_scores
from vae_core.analysis.evaluation import evaluate
from vae_core.checkpoints import store as checkpoints
from vae_core.checkpoints.figures import read_figures
from vae_core.checkpoints.store import Checkpoint
from vae_core.checkpoints.timeline import save_frame
from vae_core.checkpoints.training_data import FILE, data_name, is_clothes, is_drawn, is_fashion, note_for
from vae_core.datasets.dataset import Dataset
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents
from vae_core.runs.directory import ENDED, Run, RunError
from vae_core.storage.files import write_bytes, write_json

# What each figure is called on a card; in this order, and only these.
ROWS = {
    "negative_elbo": "−ELBO, nats",
    "reconstruction_loss": "reconstruction loss, nats",
    "excess": "excess over the pixels' entropy, nats",
    "kl_loss": "KL, nats",
    "iwae_nll": "IWAE bound on −log p(x), nats",
    "mse": "MSE",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "knn_accuracy": "nearest-neighbour accuracy",
    "active_units": "active units",
}
MOST_CLASSES = 20  # named on a card


def figures_table(figures: Mapping[str, Any]) -> str:
    """The figures as a Markdown table, the data set first: value, split, n, method."""
    lines = ["| figure | value | split, n | method |", "|---|---|---|---|"]
    data = figures.get("dataset")
    if data:
        lines.append(
            f"| data set | {_inline(_measured_on(data))} | {data['split']}, {data['n']:,} | {data['method']} |"
        )
    for name, label in ROWS.items():
        if name in figures:
            found = figures[name]
            value = found["value"]
            shown = f"{value}" if isinstance(value, int) else f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
            lines.append(f"| {label} | {shown} | {found['split']}, {found['n']:,} | {found['method']} |")
    return "\n".join(lines)


def comparison_table(models: list[Checkpoint]) -> str:
    """The models' figures side by side as Markdown, from their metrics.json, with split, n and method below."""
    known = [read_figures(model.metrics) for model in models]
    columns = {name: label for name, label in ROWS.items() if any(name in figures for figures in known)}
    heads = ["model", "preset", "units", "parameters", *columns.values()]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    notes: dict[str, None] = {}  # an ordered set
    for model, figures in zip(models, known, strict=True):
        values = [_shown(figures[name].value) if name in figures else "–" for name in columns]
        first = [f"`{model.name}`", model.model.preset, str(model.model.latent_dim), f"{model.network.parameters():,}"]
        lines.append("| " + " | ".join([*first, *values]) + " |")
        for name, label in columns.items():
            if name in figures:
                found = figures[name]
                notes[f"{label}: {found.split}, {found.n:,} images; {found.method}."] = None
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def _shown(value: float | int) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def model_card(name: str, config: Mapping[str, Any], parameters: int, figures: Mapping[str, Any]) -> str:
    """MODEL_CARD.md: what it is, how it was trained, what was measured, what it is not for."""
    model, training, data = config["model"], config["training"], config["dataset"]
    sizes = ", ".join(f"{split} {size:,}" for split, size in data["sizes"].items())
    recipe = ", ".join(f"{key} {value}" for key, value in training.items())
    before = config.get("started_from")
    if before:
        first = ", ".join(f"{key} {value}" for key, value in before["training"].items())
        recipe += f".\nIt began with the weights of `{before['name']}` at step {before['step']:,}, trained with {first}"
    return f"""# {name}

A convolutional variational autoencoder, preset `{model["preset"]}`, {model["latent_dim"]} latent units, {parameters:,} parameters,
for pictures of {" × ".join(map(str, model["image_shape"]))}, {model["likelihood"]} likelihood.

## Data

{_inline(data_name(data))} ({sizes}), sha256 `{data["checksum"][:16]}…`. {_splits(data)}

## Training

{config["steps"]:,} steps, {config["seconds"] / 60:.0f} minutes. {recipe}.
Versions: {", ".join(f"{key} {value}" for key, value in config["versions"].items())}.

## Figures

{_measured(name, figures)}

## Limits

Made to learn with: to see what a small VAE does. Its pictures are blurred averages of what it has seen. {_knows(data)}
"""


def _measured_on(data: Mapping[str, Any]) -> str:
    """The name of the data set that figures are of, from its entry among them."""
    return data_name({"name": data["value"], "checksum": str(data["method"]).removeprefix("checksum ")})


def _splits(data: Mapping[str, Any]) -> str:
    """What the pictures are and how they were split, as far as it is so for this data set."""
    if is_fashion(data):
        return "The validation split was held out of the original training set; the test split\nwas not trained on."
    if is_drawn(data):
        return (
            "Garments drawn by rule, not photographs. The splits were drawn apart; the test split was not trained on."
        )
    names = [_inline(str(name)) for name in data.get("classes", ())]
    listed = ", ".join(names[:MOST_CLASSES]) + (
        f" and {len(names) - MOST_CLASSES:,} more" if len(names) > MOST_CLASSES else ""
    )
    classes = f"\nClasses: {listed}." if names else ""
    return f"They are {_inline(str(data.get('source', 'pictures of unknown source')))}.\nThe test split was not trained on.{classes}"


def _knows(data: Mapping[str, Any]) -> str:
    """What the model can be asked, in the words of its data set."""
    if is_clothes(data):
        known, nearest = "ten classes of\ncentred clothes on black", "clothes"
    else:
        known, nearest = "only such\npictures as it was trained on", "of these"
    return (
        f"It knows {known}; anything else is rebuilt as the nearest {nearest}, and may still be rated likely. "
        "It is not fit to judge people or products."
    )


def _measured(name: str, figures: Mapping[str, Any]) -> str:
    if not figures:
        return "Not measured yet. `python -m vae_core evaluate FOLDER` measures it on the pictures it was trained on."
    return (
        f"{figures_table(figures)}\n\nPrinted by `python -m vae_core evaluate checkpoints/{name}`; the loss sums over pixels "
        "and latent units, and is measured at beta = 1."
    )


def _inline(text: str) -> str:
    """Somebody's text as plain words within a line of Markdown: no link, no mark-up, no new line or cell."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(text.split()))


def keep(
    run: Run,
    folder: str | Path,
    dataset: Dataset,
    snapshots: int = 0,
    half: bool = False,
    note: Callable[[str], None] | None = None,
    data: str | None = None,
    replace: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Make a checkpoint folder of a run's newest snapshot, measured on the whole test split; returns path and figures.

    dataset must be what the run was trained on. snapshots: so many frames of the timeline are kept (see
    `timeline`), spaced evenly in log time, since most happens early. half: store the weights as 16-bit floats; what
    is measured are the rounded weights. data: what --data named, if not what the run noted; the model notes it.
    replace: a model that has this name already; nothing else is ever replaced.
    """
    path = checkpoints.check_place(folder, replace)
    state, _ = run.state()
    if state not in ENDED:
        raise RunError(
            f"{run.path} is {state}; its newest snapshot is not its last. Wait for its end, or stop it, then keep it."
        )
    began, now = run.config()["dataset"], dataset.describe()
    if began["checksum"] != now["checksum"]:
        raise ValueError(
            f"{run.path} was trained on {began['name']}, this is {now['name']} ({now['source']}). Pass the same --data."
        )
    checkpoint = checkpoints.load(run.path)
    precision = np.float16 if half else np.float32
    stored = {name: array.astype(precision) for name, array in checkpoint.weights.items()}
    engine = Engine(checkpoint.network, {name: array.astype(np.float32) for name, array in stored.items()})
    if note:
        note(f"measuring {run.name} on {dataset.title('test')}")
    figures = evaluate(engine, dataset, "test")
    z_mean, z_log_var = engine.encode(dataset.images("test"))
    each = image_scores.score(engine, dataset.pixels("test"))
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
    if isinstance(place, str) and not (is_fashion(began) or is_drawn(began)):  # these two are known by name
        texts[FILE] = json.dumps(note_for(place, path), indent=1) + "\n"

    def complete(unfinished: Path) -> None:
        image_scores.save(unfinished, each, dataset.checksum)
        for step in spaced(run.snapshots(), snapshots):
            save_frame(unfinished, step, run.snapshot_weights(step), run.snapshot_latents(step))

    checkpoints.save(
        path,
        config=config,
        network=checkpoint.network,
        weights=stored,
        metrics=figures,
        latents=Latents(z_mean, z_log_var, dataset.labels("test").astype(np.uint8)),
        texts=texts,
        copy=[run.path / "history.csv"],
        replace=replace,
        complete=complete,
    )
    return Path(folder), figures


def spaced(steps: list[int], count: int) -> list[int]:
    """At most `count` of the ascending steps, evenly spaced in the logarithm: the last, then the first, then between."""
    if count <= 0 or not steps:
        return []
    logs = np.log1p(steps)  # a run's first snapshot is of step 0
    return sorted({steps[np.abs(logs - goal).argmin()] for goal in np.linspace(logs[-1], logs[0], count)})


def write_into(checkpoint: Checkpoint, figures: Mapping[str, Any]) -> None:
    """Put freshly measured figures and the card that shows them into a checkpoint folder."""
    config = json.loads((checkpoint.path / "config.json").read_bytes())
    write_json(checkpoint.path / "metrics.json", figures)
    card = model_card(checkpoint.name, config, checkpoint.network.parameters(), figures)
    write_bytes(checkpoint.path / "MODEL_CARD.md", card.encode())
