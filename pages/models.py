"""Every model of this machine as a card; the chosen one closely; two of them side by side; all in one table."""

from __future__ import annotations

import streamlit as st

from pages.ui.app import state
from pages.ui.app.frame import frame_without_model
from pages.ui.formatting import SENTENCE, markdown_text, plain_text, sentence
from pages.ui.glossary import term
from pages.ui.models.cache import model_curves, model_facts
from pages.ui.models.card import card_of
from pages.ui.models.cards import cards
from pages.ui.models.compare import side_by_side
from pages.ui.models.facts import Facts, LayerRow, in_digits, layer_rows
from pages.ui.models.figures import history_figure
from pages.ui.models.judgement import judgements, place_among
from pages.ui.models.table import table
from pages.ui.models.upload import bring_model
from pages.ui.shared.deletion import deleted_today, deletion_control, deletion_messages
from pages.ui.shared.verdict_card import show_verdict
from vae_core.checkpoints.card import ROWS
from vae_core.checkpoints.history import LOSSES
from vae_core.checkpoints.placement import is_shipped
from vae_core.checkpoints.registry import Entry, list_models
from vae_core.jobs.deletion import delete_model, delete_run, deleted_models
from vae_core.network.layers import Part
from vae_core.runs.directory import Run
from vae_core.settings import PROGRAM

VIEWS = ("Figures", "Training", "Layers", "Card", "Compare")
NEW_RUN = f"{PROGRAM} train --epochs 2 --run-dir runs/demo"


def main() -> None:
    """Cards, one model closely, all in one table, and a place to bring another one."""
    deletion_messages()
    models()
    deleted_today(deleted_models(), "models")
    bring_model()


def models() -> None:
    """The cards, the model of every page closely, and all of them in one table."""
    entries = {entry.id: entry for entry in list_models(also=[state.chosen_model()])}
    if not entries:
        st.info("There is no model to show yet. Train one, then reload this page:", icon=":material/info:")
        st.code(NEW_RUN, language="bash")
        return
    facts_by_id = {entry.id: model_facts(entry) for entry in entries.values()}
    good = {model_id: facts for model_id, facts in facts_by_id.items() if isinstance(facts, Facts)}
    chosen = state.chosen_model() or ""
    st.markdown(
        "Open a model, and every page shows it. A dot on a small map is a test image, in the colour of its class."
    )
    cards(list(entries.values()), facts_by_id, chosen, deletable)
    if chosen in good:
        closely(entries[chosen], entries, good)
    with st.expander("All models and figures in one table", icon=":material/table:"):
        table(entries, good)


def closely(entry: Entry, entries: dict[str, Entry], good: dict[str, Facts]) -> None:
    """The model of every page: what it is, then one of five views of it."""
    facts = good[entry.id]
    st.header(markdown_text(entry.label), anchor=False)
    network = facts.checkpoint.network
    st.caption(
        f"{network.parameters():,} {term('parameters')} in {len(network.encoder.walk()) + len(network.decoder.walk())} layers; "
        f"{network.encoder.multiply_adds() / 1e6:.1f} million multiply-adds to encode a picture, "
        f"{network.decoder.multiply_adds() / 1e6:.1f} million to decode one; {facts.size / 1e6:.1f} MB on disk; "
        f"pictures of {' × '.join(map(str, network.image_shape))}, {markdown_text(network.likelihood.capitalize())} "
        f"{term('likelihood')}{_beta(facts)}.",
        unsafe_allow_html=True,
    )
    for verdict in judgements(facts):
        show_verdict(verdict, "models")
    view = st.segmented_control(
        "Show",
        VIEWS,
        default=VIEWS[0],
        key="model_view",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if view == "Figures":
        figures_of(facts, good)
    elif view == "Training":
        training(entry, facts)
    elif view == "Layers":
        layers(facts)
    elif view == "Card":
        card(entry)
    else:
        side_by_side(entry, entries, good)
    deletable(entry)


def deletable(entry: Entry) -> None:
    """A way to delete it; models that came with the program have none."""
    if is_shipped(entry.path):
        st.caption("It came with the program and cannot be deleted here.")
    elif entry.state:
        deletion_control(entry.path, f"the run {markdown_text(entry.path.name)}", lambda: delete_run(Run(entry.path)))
    else:
        deletion_control(entry.path, f"the model {markdown_text(entry.path.name)}", lambda: delete_model(entry.path))


def _beta(facts: Facts) -> str:
    beta = facts.checkpoint.training.beta
    return "" if beta == 1 else f", {term('beta')} = {beta:g}"


def figures_of(facts: Facts, good: dict[str, Facts]) -> None:
    """Every figure with split, n and method, and where it stands."""
    named = [(name, ROWS[name], facts.figures[name]) for name in ROWS if name in facts.figures]
    if facts.validation:
        named.append(("validation", "−ELBO on validation, nats", facts.validation))
    if not facts.figures:
        newest = " Its newest validation figure is below." if facts.validation else ""
        st.caption(
            f"Not measured on the test split: a run is measured when it is kept, `{PROGRAM} keep RUN FOLDER`, or by "
            f"`{PROGRAM} evaluate RUN`.{newest}"
        )
    if named:
        st.table(
            {
                "Figure": [markdown_text(sentence(label)) for _, label, _ in named],
                "Value": [in_digits(figure.value) for *_, figure in named],
                "Is that good?": [
                    markdown_text(sentence(place_among(name, facts, good)), SENTENCE) or "–" for name, *_ in named
                ],
                "Split, n": [markdown_text(figure.measured_on) for *_, figure in named],
                "Method": [markdown_text(figure.method, SENTENCE) for *_, figure in named],
            },
            hide_index=True,
        )
        st.caption(
            f"{term('ELBO', '−ELBO')}, {term('KL')}, {term('excess')}: in {term('nats')} per picture. {term('MSE')}, {term('PSNR')} "
            f"and {term('SSIM')} of each picture and its {term('reconstruction')}. {term('nearest-neighbour accuracy')}, "
            f"{term('active unit', 'active units')}: what {term('latent space')} knows. Compared are the models here that were "
            f"measured in the same way, and simple methods (`python benchmarks/baselines.py`).",
            unsafe_allow_html=True,
        )


def training(entry: Entry, facts: Facts) -> None:
    """The losses over epochs."""
    curves, beta = model_curves(entry), facts.checkpoint.training.beta
    charts = {
        "loss": ("Loss, nats" if beta == 1 else f"Loss at beta = {beta:g}, nats", None),
        "reconstruction_loss": ("Reconstruction loss, nats", facts.floor),
        "kl_loss": ("KL loss, nats", None),
    }
    drawn = [history_figure(curves, loss, *charts[loss]) for loss in LOSSES]
    if not any(drawn):
        st.info(
            "The folder has no history.csv with losses: how it was trained is not known here.", icon=":material/info:"
        )
        return
    for slot, loss, figure in zip(st.columns(len(LOSSES)), LOSSES, drawn, strict=True):
        if figure is not None:
            slot.plotly_chart(
                figure,
                key=f"history_{loss}",
                config={"displayModeBar": False},
                alt=f"{charts[loss][0]} over the epochs, train and validation",
            )
    sizes = facts.checkpoint.dataset.get("sizes", {})
    st.caption(
        f"Train ({sizes.get('train', 0):,} images): the mean over an epoch, while the weights still moved. Validation "
        f"({sizes.get('validation', 0):,} images): after it, one sample of z per image. Loss = reconstruction + beta · KL."
        + (" With a beta other than 1 it is not an ELBO." if beta != 1 else "")
        + (
            " The floor is the entropy of the pixels of all 60,000 train images, the least a reconstruction loss can be."
            if facts.floor
            else ""
        )
        + " Double-click a chart to see its first epochs."
    )


def layers(facts: Facts) -> None:
    """Encoder and decoder, layer by layer."""
    for part in (facts.checkpoint.network.encoder, facts.checkpoint.network.decoder):
        layer_table(part, layer_rows(part))


def layer_table(part: Part, rows: list[LayerRow]) -> None:
    """One line a layer, for one picture."""
    st.markdown(f"**{markdown_text(part.name.capitalize())}**")
    number = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        {
            "Layer": [row.name for row in rows],
            "Kind": [row.kind for row in rows],
            "Activation": [row.activation for row in rows],
            "Output": [row.output for row in rows],
            "Parameters": [row.parameters for row in rows],
            "Multiply-adds": [row.multiply_adds for row in rows],
        },
        hide_index=True,
        height="content",
        column_config={"Parameters": number, "Multiply-adds": number},
        alt=plain_text(f"The {part.name}'s layers"),
    )
    st.caption(
        f"{sum(row.parameters for row in rows):,} parameters, {sum(row.multiply_adds for row in rows):,} multiply-adds for one "
        f"picture. Input {' × '.join(map(str, part.input_shape))}."
    )


def card(entry: Entry) -> None:
    """MODEL_CARD.md."""
    text = card_of(entry.path)
    if text is None:
        st.info(
            f"It has no MODEL_CARD.md. One is written when a run is kept: `{PROGRAM} keep RUN FOLDER`.",
            icon=":material/info:",
        )
        return
    st.html("<style>.st-key-card table { display: block; overflow-x: auto; }</style>")  # wider than a phone
    with st.container(border=True, key="card"):
        st.markdown(text)


frame_without_model("Models", main)  # a damaged model must not take this page down
