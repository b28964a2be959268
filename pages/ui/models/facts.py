"""What is known of a model without running it: its figures, its training, its layers.

A folder may come from a stranger: what is not in the form that `vae_core.analysis.evaluation.evaluate` writes is left out. No streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from vae_core.checkpoints.card import ROWS
from vae_core.checkpoints.figures import MAX_N, Figure, read_figures
from vae_core.checkpoints.history import epochs_of, read_history
from vae_core.checkpoints.judgement import losses_of
from vae_core.checkpoints.store import Checkpoint
from vae_core.datasets import fashion_mnist
from vae_core.network.layers import Part

TRAIN_FLOOR = (
    188.28  # nats: the entropy of Fashion-MNIST's 60,000 train pictures, the least a Bernoulli likelihood can reach
)


@dataclass(frozen=True)
class Facts:
    """A model that can be opened. `checkpoint` comes without its weights.

    figures: by their names in metrics.json; measured_data: checksum of what they were measured on. validation: −ELBO at the
    end of the last epoch, from history.csv. size: bytes on disk. kl_per_unit: nats, () if not measured. losses_train and
    losses_validation: −ELBO after each epoch, nats, oldest first.
    """

    checkpoint: Checkpoint
    figures: Mapping[str, Figure]
    measured_data: str
    validation: Figure | None
    epochs: int
    size: int
    kl_per_unit: tuple[float, ...] = ()
    losses_train: tuple[float, ...] = ()
    losses_validation: tuple[float, ...] = ()

    @property
    def data_name(self) -> str:
        """What it was trained on."""
        return str(self.checkpoint.dataset.get("name", "unknown data"))

    @property
    def floor(self) -> float | None:
        """The least reconstruction_loss that training could reach, where it is known."""
        whole = self.checkpoint.training.images == 0
        known = self.checkpoint.dataset.get("checksum") == fashion_mnist.CHECKSUM
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


def facts_of(checkpoint: Checkpoint, size: int) -> Facts:
    """Everything the table and the comparison need; reads history.csv. checkpoint: without weights, to be kept in a cache."""
    raw = checkpoint.metrics or {}
    figures = {name: figure for name, figure in read_figures(raw).items() if name in (*ROWS, "floor")}
    data = raw.get("dataset")
    method = str(data.get("method", "")) if isinstance(data, Mapping) else ""
    history = read_history(checkpoint.path / "history.csv")
    return Facts(
        checkpoint,
        figures,
        method.removeprefix("checksum "),
        _validation(checkpoint, history),
        _epochs(history),
        size,
        _kl_per_unit(raw.get("kl_per_unit"), checkpoint.network.latent_dim),
        losses_of(history),
        losses_of(history, "val_"),
    )


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


def in_digits(value: float | None, signed: bool = False) -> str:
    """Digits by size, a real minus sign; "–" for none."""
    if value is None:
        return "–"
    digits = ",d" if isinstance(value, int) else ",.4f" if abs(value) < 10 else ",.2f"
    return format(value, ("+" if signed and value else "") + digits).replace("-", "−")


def _kl_per_unit(raw: object, units: int) -> tuple[float, ...]:
    """KL of each unit, from metrics.json; () of another form."""
    values = raw.get("value") if isinstance(raw, Mapping) else None
    if not isinstance(values, list) or len(values) != units:
        return ()
    return tuple(map(float, values)) if all(type(v) in (int, float) and math.isfinite(v) for v in values) else ()


def _epochs(history: list[dict[str, float]]) -> int:
    return int(epochs_of(history)[-1]) if history else 0


def _validation(checkpoint: Checkpoint, history: list[dict[str, float]]) -> Figure | None:
    """−ELBO is the sum of the two terms whatever beta was; `val_loss` is only that at beta = 1."""
    sizes = checkpoint.dataset.get("sizes")
    n = sizes.get("validation") if isinstance(sizes, Mapping) else None
    known = [i for i, row in enumerate(history) if {"val_reconstruction_loss", "val_kl_loss"} <= row.keys()]
    last = history[known[-1]] if known else None
    if last is None or type(n) is not int or not 0 <= n <= MAX_N:
        return None
    which = "the last epoch" if known[-1] == len(history) - 1 else f"epoch {epochs_of(history)[known[-1]]:.0f}"
    method = f"val_reconstruction_loss + val_kl_loss of {which}, nats per image, one sample of z per image, beta = 1"
    return Figure(last["val_reconstruction_loss"] + last["val_kl_loss"], "validation", n, method)
