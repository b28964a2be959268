"""Model cards and tables of figures as Markdown.

>>> figure = {"value": 0.0123, "split": "test", "n": 10_000, "method": "mean squared error"}
>>> print(figures_table({"mse": figure}))
| figure | value | split, n | method |
|---|---|---|---|
| MSE | 0.0123 | test, 10,000 | mean squared error |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vae_core.checkpoints.figures import read_figures
from vae_core.checkpoints.store import Checkpoint
from vae_core.checkpoints.training_data import data_name, is_clothes, is_drawn, is_fashion

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
# How good samples are, on a card alone: a table of all models has no room for it.
SAMPLE_ROWS = {
    f"{figure}_{source}": f"{label}, samples from {words}"
    for source, words in (("prior", "N(0, I)"), ("density", "the fitted density"))
    for figure, label in (("frechet", "Fréchet distance"), ("precision", "precision"), ("recall", "recall"))
}
# Named on a card.
MOST_CLASSES = 20


def figures_table(figures: Mapping[str, Any]) -> str:
    """The figures of one model as a Markdown table, the data set first.

    Args:
        figures: Name -> {"value", "split", "n", "method"}, as `vae_core.analysis.evaluation.evaluate` gives them; those
            that `ROWS` and `SAMPLE_ROWS` do not name are left out.

    Returns:
        The table: name, value, split and n, method.
    """
    lines = ["| figure | value | split, n | method |", "|---|---|---|---|"]
    data = figures.get("dataset")
    if data:
        lines.append(
            f"| data set | {_inline(_data_of_figures(data))} | {data['split']}, {data['n']:,} | {data['method']} |"
        )
    for name, label in {**ROWS, **SAMPLE_ROWS}.items():
        if name in figures:
            figure = figures[name]
            value = _digits(figure["value"])
            lines.append(f"| {label} | {value} | {figure['split']}, {figure['n']:,} | {figure['method']} |")
    return "\n".join(lines)


def sample_figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of samples among others, name -> figure: they are measured by themselves, and kept when the rest is measured anew."""
    return {name: figures[name] for name in SAMPLE_ROWS if name in figures}


def thresholds_table(figures: Mapping[str, Any]) -> str:
    """The thresholds of a model's verdicts as a Markdown table.

    Args:
        figures: As `vae_core.analysis.thresholds.measure` gives them.

    Returns:
        The table: name, value, split and n, method.
    """
    lines = ["| threshold | value | split, n | method |", "|---|---|---|---|"]
    for name, figure in figures.items():
        value, on = _digits(figure["value"]), f"{figure['split']}, {figure['n']:,}"
        lines.append(f"| {name} | {value} | {on} | {figure['method']} |")
    return "\n".join(lines)


def comparison_table(models: list[Checkpoint]) -> str:
    """The figures of several models side by side as a Markdown table, with split, n and method below.

    Args:
        models: Whose metrics.json is read; figures of an odd form are left out.

    Returns:
        The table and a list of notes.
    """
    figures_of_models = [read_figures(model.metrics) for model in models]
    columns = {name: label for name, label in ROWS.items() if any(name in figures for figures in figures_of_models)}
    heads = ["model", "preset", "units", "parameters", *columns.values()]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    # An ordered set.
    notes: dict[str, None] = {}
    for model, figures in zip(models, figures_of_models, strict=True):
        values = [_digits(figures[name].value) if name in figures else "–" for name in columns]
        first = [f"`{model.name}`", model.model.preset, str(model.model.latent_dim), f"{model.network.parameters():,}"]
        lines.append("| " + " | ".join([*first, *values]) + " |")
        for name, label in columns.items():
            if name in figures:
                figure = figures[name]
                notes[f"{label}: {figure.split}, {figure.n:,} images; {figure.method}."] = None
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def _digits(value: float | int) -> str:
    """A whole number as it is; others with four decimals below 10, with two above."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def model_card(name: str, config: Mapping[str, Any], parameters: int, figures: Mapping[str, Any]) -> str:
    """Text of MODEL_CARD.md: what the model is, how it was trained, what was measured, what it is not for.

    Args:
        name: What the model is called.
        config: Content of its config.json.
        parameters: Number of its weights.
        figures: Name -> {"value", "split", "n", "method"}; empty for a model that was not measured.

    Returns:
        Markdown.
    """
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
Versions: {", ".join(f"{key} {value}" for key, value in (config.get("versions") or {}).items())}.

## Figures

{_figures_section(name, figures)}

## Limits

Made to learn with: to see what a small VAE does. Its pictures are blurred averages of what it has seen. {_limits(data)}
"""


def _data_of_figures(data: Mapping[str, Any]) -> str:
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


def _limits(data: Mapping[str, Any]) -> str:
    """What the model can be asked, in the words of its data set."""
    if is_clothes(data):
        subject, nearest = "ten classes of\ncentred clothes on black", "clothes"
    else:
        subject, nearest = "only such\npictures as it was trained on", "of these"
    return (
        f"It knows {subject}; anything else is rebuilt as the nearest {nearest}, and may still be rated likely. "
        "It is not fit to judge people or products."
    )


def _figures_section(name: str, figures: Mapping[str, Any]) -> str:
    if not figures:
        return "Not measured yet. `python -m vae_core evaluate FOLDER` measures it on the pictures it was trained on."
    return (
        f"{figures_table(figures)}\n\nPrinted by `python -m vae_core evaluate checkpoints/{name}`; the loss sums over pixels "
        "and latent units, and is measured at beta = 1."
    )


def _inline(text: str) -> str:
    """Somebody's text as plain words within a line of Markdown: no link, no mark-up, no new line or cell."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(text.split()))
