"""The models as cards: a small map, eight samples, a sentence, three figures, what is to be said of it, and "Open"."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from pages.ui.app import state
from pages.ui.formatting import SENTENCE, markdown_text, plain_text
from pages.ui.glossary import term
from pages.ui.models.cache import card_picture
from pages.ui.models.facts import Facts
from pages.ui.models.judgement import judgements
from pages.ui.shared.picture import picture
from vae_core.checkpoints.registry import DEFAULT, DIVERGED, Entry

CARDS, COLUMNS = 12, 3  # the others are in the table
NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


def cards(
    entries: list[Entry], facts: Mapping[str, Facts | str], chosen: str | None, deletable: Callable[[Entry], None]
) -> None:
    """The first `CARDS` models, three in a row.

    facts: of each model, or the sentence that says why it cannot be opened. chosen: id of the model of every page.
    deletable: draws a way to delete a model, for those that cannot be opened.
    """
    ordered = sorted(entries, key=lambda entry: (entry.id != DEFAULT, bool(entry.state)))
    first = ordered[:CARDS]
    first[CARDS - 1 :] = [entry for entry in ordered[CARDS - 1 :] if entry.id == chosen] or first[CARDS - 1 :]
    for start in range(0, len(first), COLUMNS):
        for slot, entry in zip(st.columns(COLUMNS), first[start : start + COLUMNS], strict=False):
            with slot, st.container(border=True, key=f"model_card_{entries.index(entry)}"):
                if not _card(entry, facts[entry.id], entry.id == chosen):
                    deletable(entry)
    if len(entries) > len(first):
        st.caption(f"The other {len(entries) - len(first):,} are in the table below.")


def _card(entry: Entry, facts: Facts | str, chosen: bool) -> bool:
    """Whether its facts are known."""
    st.markdown(f"**{markdown_text(entry.label)}**")
    if isinstance(facts, str):
        _broken(f"{entry.id} is damaged: {facts}")
        return False
    if entry.state == DIVERGED:
        _broken(
            "Diverged: its losses stopped being numbers, so what it draws is no picture. Train again at a lower learning rate."
        )
        return True
    drawn, problem = card_picture(entry)
    if problem:
        _broken(f"{entry.id} is damaged: {problem}")
        return True
    picture(
        drawn, alt=plain_text(f"{entry.label}: its map, and eight pictures sampled from the prior"), width="stretch"
    )
    st.markdown(summary(facts))
    st.markdown(three_figures(facts), unsafe_allow_html=True)
    for verdict in judgements(facts)[:1]:
        st.caption(f":material/info: {markdown_text(verdict.sentence, SENTENCE)}")
    st.button(
        "Open" if not chosen else "Open now",
        key=f"open_{entry.id}",
        disabled=chosen,
        icon=":material/check:" if chosen else ":material/visibility:",
        help="Every page shows this model." if chosen else "Make it the model of every page.",
        on_click=state.choose_model,
        args=(entry.id,),
    )
    return True


def _broken(words: str) -> None:
    st.warning(markdown_text(words, SENTENCE), icon=":material/broken_image:")


def summary(facts: Facts) -> str:
    """One sentence: what it is good for and where it comes from, in Markdown."""
    network, checkpoint = facts.checkpoint.network, facts.checkpoint
    units = network.latent_dim
    count = NUMBERS[units] if units < len(NUMBERS) else f"{units:d}"
    use = {1: "a line shows all it can draw", 2: "one map shows all it can draw"}.get(
        units, "sharper pictures than any flat map can show"
    )
    steps = "" if checkpoint.step is None else f", {checkpoint.step:,} steps"
    return (
        f"{count} number{'' if units == 1 else 's'} per picture: {use}. The {markdown_text(checkpoint.model.preset)} network, "
        f"trained on {markdown_text(facts.data_name)}{steps}."
    )


def three_figures(facts: Facts) -> str:
    """−ELBO, SSIM and nearest-neighbour accuracy, as far as they were measured; else what validation says."""
    values = {name: figure.value for name, figure in facts.figures.items()}
    parts = [
        f"{words} **{values[name]:{shape}}**"
        for name, words, shape in (
            ("negative_elbo", term("ELBO", "−ELBO"), ".1f"),
            ("ssim", term("SSIM"), ".3f"),
            ("knn_accuracy", term("nearest-neighbour accuracy", "neighbours"), ".1%"),
        )
        if name in values
    ]
    if not parts and facts.validation:
        parts = [f"{term('ELBO', '−ELBO')} on {term('validation')} **{facts.validation.value:.1f}**"]
    return " · ".join(parts) if parts else "Not measured yet."
