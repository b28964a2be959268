"""What there is to say of a model's training: undertrained, overfitting, units switched off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vae_core.analysis import verdicts
from vae_core.analysis.verdicts import Verdict
from vae_core.checkpoints.store import Checkpoint

ORDER = {"warning": 0, "notice": 1, "good": 2}


def losses_of(history: Sequence[Mapping[str, float]], prefix: str = "") -> tuple[float, ...]:
    """−ELBO at beta = 1 after each epoch that has both of its terms, nats, oldest first.

    Args:
        history: Rows of a history.csv.
        prefix: "" for train, "val_" for validation.
    """
    names = (f"{prefix}reconstruction_loss", f"{prefix}kl_loss")
    return tuple(row[names[0]] + row[names[1]] for row in history if row.keys() >= set(names))


def judgements(
    checkpoint: Checkpoint, epochs: int, losses: Mapping[str, Sequence[float]], kl_per_unit: Sequence[float]
) -> list[Verdict]:
    """What applies, the gravest first.

    Args:
        checkpoint: The model, with or without its weights.
        epochs: How many it was trained for, 0 if not known.
        losses: "train" and "validation" -> −ELBO after each epoch.
        kl_per_unit: Nats, empty if not known.

    Returns:
        The verdicts; none for a model of which there is nothing to say.
    """
    training = checkpoint.training
    bernoulli = checkpoint.network.likelihood == "bernoulli"
    train, validation = (losses["train"], losses["validation"]) if bernoulli else ([], [])
    every = [
        verdicts.undertrained(checkpoint.step or 0, epochs, validation),
        verdicts.overfitting(train, validation),
        verdicts.collapse(kl_per_unit, training.beta, training.kl_warmup, training.free_bits) if kl_per_unit else None,
    ]
    return sorted((verdict for verdict in every if verdict is not None), key=lambda verdict: ORDER[verdict.level])
