"""What there is to say of a model's training, and where its figures stand. No streamlit."""

from __future__ import annotations

from collections.abc import Mapping

from pages.ui.models.facts import Facts
from vae_core.analysis.standing import BASELINES, standing
from vae_core.analysis.verdicts import Verdict
from vae_core.checkpoints import judgement
from vae_core.datasets import fashion_mnist


def judgements(facts: Facts) -> list[Verdict]:
    """Undertrained, overfitting, collapse: what applies, the gravest first."""
    losses = {"train": facts.losses_train, "validation": facts.losses_validation}
    return judgement.judgements(facts.checkpoint, facts.epochs, losses, facts.kl_per_unit)


def place_among(name: str, facts: Facts, others: Mapping[str, Facts]) -> str:
    """Where a figure stands among the models that were measured in the same way, and the baselines of Fashion-MNIST; "" if there is nothing to say.

    others: models by name, `facts` among them or not.
    """
    figure = facts.figures.get(name)
    if figure is None or not facts.measured_data:
        return ""
    known = {
        label: other.figures[name].value
        for label, other in others.items()
        if other is not facts
        and name in other.figures
        and other.measured_data == facts.measured_data
        and other.checkpoint.network.likelihood == facts.checkpoint.network.likelihood
        and (other.figures[name].split, other.figures[name].n, other.figures[name].method)
        == (figure.split, figure.n, figure.method)
    }
    if facts.measured_data == fashion_mnist.CHECKSUM and (figure.split, figure.n) == ("test", 10_000):
        known |= BASELINES.get(name, {})
    return standing(name, figure.value, known)
