"""What is known of a model without running it: its figures, its training, its layers.

A folder may come from a stranger: what is not in the form that `vae_core.analysis.evaluation.evaluate` writes is left out. No streamlit.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.checkpoints.publish import ROWS
from vae_core.checkpoints.store import Checkpoint
from vae_core.datasets import fashion_mnist as fashion
from vae_core.network.layers import Part
from vae_core.runs import metrics_log
from vae_core.storage.records import FileProblem, read_bytes, read_head

LOSSES = ("loss", "reconstruction_loss", "kl_loss")
TRAIN_FLOOR = (
    188.28  # nats: the entropy of Fashion-MNIST's 60,000 train pictures, the least a Bernoulli likelihood can reach
)
POINTS = 400  # of a curve: more than a chart has pixels for
MAX_TEXT = 1_000_000  # bytes of a card
MAX_HISTORY = 16_000_000  # bytes: 100,000 epochs


@dataclass(frozen=True)
class Figure:
    """A measured number with what makes it one: which split, how many images, how."""

    value: float
    split: str
    n: int
    method: str

    @property
    def measured_on(self) -> str:
        """ "test, 10,000"."""
        return f"{self.split}, {self.n:,}"


@dataclass(frozen=True)
class Facts:
    """A model that can be opened. `checkpoint` comes without its weights.

    figures: by their names in metrics.json; measured_data: checksum of what they were measured on. validation: −ELBO at the
    end of the last epoch, from history.csv. size: bytes on disk.
    """

    checkpoint: Checkpoint
    figures: Mapping[str, Figure]
    measured_data: str
    validation: Figure | None
    epochs: int
    size: int

    @property
    def data_name(self) -> str:
        """What it was trained on."""
        return str(self.checkpoint.dataset.get("name", "unknown data"))

    @property
    def floor(self) -> float | None:
        """The least reconstruction_loss that training could reach, where it is known."""
        whole = self.checkpoint.training.images == 0
        known = self.checkpoint.dataset.get("checksum") == fashion.CHECKSUM
        return TRAIN_FLOOR if whole and known and self.checkpoint.network.likelihood == "bernoulli" else None


@dataclass(frozen=True)
class LayerRow:
    """One layer for one picture."""

    name: str
    kind: str
    activation: str
    output: str
    parameters: int
    multiply_adds: int


Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # quantity -> epochs (n,), nats (n,); val_ for validation


def facts_of(checkpoint: Checkpoint, size: int) -> Facts:
    """Everything the table and the comparison need; reads history.csv. checkpoint: without weights, to be kept in a cache."""
    raw = checkpoint.metrics or {}
    figures = {name: figure for name in (*ROWS, "floor") if (figure := _figure(raw.get(name)))}
    data = raw.get("dataset")
    method = str(data.get("method", "")) if isinstance(data, Mapping) else ""
    history = _read_csv(checkpoint.path / "history.csv")
    return Facts(
        checkpoint, figures, method.removeprefix("checksum "), _validation(checkpoint, history), len(history), size
    )


def curves(path: Path) -> Curves:
    """The losses over epochs: of history.csv, or while that has fewer than three, of the run's metrics.jsonl."""
    rows = _read_csv(path / "history.csv")
    if len(rows) >= 3 or not (path / "metrics.jsonl").exists():
        names = [name for loss in LOSSES for name in (loss, f"val_{loss}")]
        return {
            name: (np.arange(1.0, len(rows) + 1), np.array([row.get(name, math.nan) for row in rows]))
            for name in names
            if any(name in row for row in rows)
        }
    found: Curves = {}
    for kind, prefix in (("step", ""), ("validation", "val_")):
        names = [prefix + loss for loss in LOSSES]
        epochs, *losses = metrics_log.table(path, kind, ("epoch", *names)).T
        for name, values in zip(names, losses, strict=True):
            known = np.isfinite(epochs) & np.isfinite(values)
            if known.any():
                found[name] = thin(epochs[known], values[known])
    return found


def thin(x: np.ndarray, y: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` of (n,) twice, each the mean of its neighbours: nothing is hidden, but smoothed."""
    if len(x) <= points:
        return x, y
    parts = np.array_split(np.arange(len(x)), points)
    return np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])


def layer_rows(part: Part) -> list[LayerRow]:
    """Every layer of the encoder or the decoder, heads last."""
    return [
        LayerRow(
            name=layer.name,
            kind=layer.kind,
            activation=layer.activation,
            output=" × ".join(map(str, after)),
            parameters=sum(math.prod(size) for size in layer.weight_shapes(before).values()),
            multiply_adds=layer.multiply_adds(before),
        )
        for layer, _, before, after in part.walk()
    ]


def plain(text: str) -> str:
    """Somebody's text for Markdown, without any of its powers."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|$:~&])", r"\\\1", " ".join(text.split()))


def sentence(label: str) -> str:
    """As the start of a sentence."""
    return label[0].upper() + label[1:]


def in_digits(value: float | None, signed: bool = False) -> str:
    """Digits by size, a real minus sign; "–" for none."""
    if value is None:
        return "–"
    digits = ",d" if isinstance(value, int) else ",.4f" if abs(value) < 10 else ",.2f"
    return format(value, ("+" if signed and value else "") + digits).replace("-", "−")


def card_of(path: Path) -> str | None:
    """MODEL_CARD.md, fit to be shown: headings small, pictures from elsewhere as text. None if there is none.

    Streamlit shows raw HTML as text; a picture would make the visitor's browser call its address.
    """
    try:
        text = read_head(path / "MODEL_CARD.md", MAX_TEXT).decode(errors="replace")
    except FileProblem:
        return None
    text = text.replace("![", "!\\[")
    return re.sub(r"^#{1,6} +", "##### ", re.sub(r"\A\s*# .*\n", "", text), flags=re.MULTILINE).strip()


def _figure(raw: Any) -> Figure | None:
    """A figure as `evaluate` writes it, or None for anything else."""
    if not isinstance(raw, Mapping):
        return None
    value, n = raw.get("value"), raw.get("n")
    if type(n) is not int or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not math.isfinite(value):
        return None
    return Figure(value, str(raw.get("split", "")), n, str(raw.get("method", "")))


def _read_csv(path: Path) -> list[dict[str, float]]:
    """The rows of a history.csv; what is no finite number is left out, and a torn last line too."""
    rows: list[dict[str, float]] = []
    with suppress(FileProblem, csv.Error):  # a field of more than 128 kB is no number
        for raw in csv.DictReader(read_bytes(path, MAX_HISTORY).decode(errors="replace").splitlines()):
            numbers = {str(name): number for name, text in raw.items() if (number := _number(text)) is not None}
            if numbers.keys() & set(LOSSES):
                rows.append(numbers)
    return rows


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _validation(checkpoint: Checkpoint, history: list[dict[str, float]]) -> Figure | None:
    """−ELBO is the sum of the two terms whatever beta was; `val_loss` is only that at beta = 1."""
    sizes = checkpoint.dataset.get("sizes")
    n = sizes.get("validation") if isinstance(sizes, Mapping) else None
    last = next((row for row in reversed(history) if {"val_reconstruction_loss", "val_kl_loss"} <= row.keys()), None)
    if last is None or type(n) is not int:
        return None
    method = (
        "val_reconstruction_loss + val_kl_loss of the last epoch, nats per image, one sample of z per image, beta = 1"
    )
    return Figure(last["val_reconstruction_loss"] + last["val_kl_loss"], "validation", n, method)
