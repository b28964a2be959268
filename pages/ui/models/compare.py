"""Two models figure by figure: a difference only where both mean the same, measured on the same pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.ui.formatting import SENTENCE, markdown_text, plain_text, sentence
from pages.ui.models.facts import Facts, in_digits
from vae_core.analysis.standing import HIGHER, LOWER
from vae_core.checkpoints.card import ROWS
from vae_core.checkpoints.figures import Figure
from vae_core.checkpoints.registry import Entry
from vae_core.network.layers import Network

BY_LIKELIHOOD = {"negative_elbo", "reconstruction_loss", "iwae_nll"}  # a density is no probability
COUNTS: dict[str, Callable[[Network], int]] = {
    "parameters": Network.parameters,
    "multiply-adds to encode one picture": lambda network: network.encoder.multiply_adds(),
    "multiply-adds to decode one picture": lambda network: network.decoder.multiply_adds(),
}


@dataclass(frozen=True)
class Row:
    """One line of a comparison. better: "A", "B", "equal", or "" where there is no better; why: why they do not compare."""

    label: str
    a: float | None
    b: float | None
    difference: float | None
    better: str
    why: str
    measured: str


def side_by_side(entry: Entry, entries: dict[str, Entry], good: dict[str, Facts]) -> None:
    """Two models, figure by figure."""
    others = [model_id for model_id in good if model_id != entry.id]
    if not others:
        st.info("There is only this model. Train another to compare.", icon=":material/info:")
        return
    if st.session_state.get("other") not in others:
        st.session_state["other"] = others[0]
    other = st.selectbox(
        "B, to compare with", others, key="other", format_func=lambda name: plain_text(entries[name].label)
    )
    rows = compare(good[entry.id], good[other])
    names = {"A": entry.id, "B": other}
    st.markdown(f"**A: {markdown_text(entry.id)}**, **B: {markdown_text(other)}**")
    st.table(
        {
            "Figure": [markdown_text(sentence(row.label)) for row in rows],
            "A": [in_digits(row.a) for row in rows],
            "B": [in_digits(row.b) for row in rows],
            "B − A": ["" if row.difference is None else in_digits(row.difference, signed=True) for row in rows],
            "Better": [
                f"**{markdown_text(row.better)}: {markdown_text(names[row.better])}**"
                if row.better in names
                else markdown_text(row.better) or "–"
                for row in rows
            ],
            "Measured on": [
                f"not comparable: {markdown_text(row.why, SENTENCE)}"
                if row.why
                else markdown_text(row.measured, SENTENCE)
                for row in rows
            ],
        },
        hide_index=True,
    )
    st.caption(
        "A difference is printed only where both were measured on the same data, split and number of images, in the same way. "
        "Losses of training with a beta other than 1 are never compared: every −ELBO here is at beta = 1. KL, active units and "
        "counts have no better. Each model is one training from one seed; small differences may be chance."
    )


def compare(a: Facts, b: Facts) -> list[Row]:
    """The figures of two models; a difference (B − A) only where both mean the same on the same pictures."""
    rows = []
    for name, label in ROWS.items():
        figure_a, figure_b = a.figures.get(name), b.figures.get(name)
        if figure_a or figure_b:
            rows.append(_row(name, label, figure_a, figure_b, _obstacle(name, a, b, figure_a, figure_b)))
    if a.validation or b.validation:
        label = "−ELBO on validation at the last epoch, nats"
        why = "only one of them has it" if not (a.validation and b.validation) else ""
        if not why and a.checkpoint.dataset.get("checksum") != b.checkpoint.dataset.get("checksum"):
            why = "trained on different data"
        elif not why:
            why = _obstacle("negative_elbo", a, b, a.validation, b.validation, same_data=True)
        rows.append(_row("negative_elbo", label, a.validation, b.validation, why))
    for label, count in COUNTS.items():
        first, second = count(a.checkpoint.network), count(b.checkpoint.network)
        rows.append(Row(label, first, second, second - first, "", "", "counted from the layers"))
    return rows


def _obstacle(
    name: str, a: Facts, b: Facts, figure_a: Figure | None, figure_b: Figure | None, same_data: bool = False
) -> str:
    """Why two figures must not be subtracted; "" if they may."""
    if figure_a is None or figure_b is None:
        return "only one of them has it"
    if not same_data and (a.measured_data != b.measured_data or not a.measured_data):
        return "measured on different data"
    if (figure_a.split, figure_a.n) != (figure_b.split, figure_b.n):
        return f"A on {figure_a.measured_on}, B on {figure_b.measured_on}"
    if name in BY_LIKELIHOOD and a.checkpoint.network.likelihood != b.checkpoint.network.likelihood:
        return "a density (Gaussian) against a probability (Bernoulli)"
    return "" if figure_a.method == figure_b.method else "measured in different ways"


def _row(name: str, label: str, figure_a: Figure | None, figure_b: Figure | None, why: str) -> Row:
    first, second = (figure.value if figure else None for figure in (figure_a, figure_b))
    figure_of_either = figure_a or figure_b
    assert figure_of_either is not None  # a row is made where one of them is
    measured = f"{figure_of_either.measured_on}; {figure_of_either.method}"
    if why or first is None or second is None:
        return Row(label, first, second, None, "", why, measured)
    difference, better = second - first, ""
    if name in LOWER | HIGHER:
        better = "equal" if difference == 0 else "B" if (difference < 0) == (name in LOWER) else "A"
    return Row(label, first, second, difference, better, "", measured)
