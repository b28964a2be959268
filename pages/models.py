"""Every model of this machine with its figures; one of them closely; two of them side by side."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.ui.app import state
from pages.ui.app.frame import frame_without_model
from pages.ui.formatting import SENTENCE, markdown_text, plain_text, sentence
from pages.ui.models.cache import model_curves, model_facts
from pages.ui.models.card import card_of
from pages.ui.models.compare import side_by_side
from pages.ui.models.facts import Facts, LayerRow, in_digits, layer_rows
from pages.ui.models.figures import history_figure
from pages.ui.models.upload import bring_model
from pages.ui.shared.deletion import deleted_today, deletion_control, deletion_messages
from vae_core.checkpoints.card import ROWS
from vae_core.checkpoints.history import LOSSES
from vae_core.checkpoints.placement import is_shipped
from vae_core.checkpoints.registry import Entry, list_models
from vae_core.jobs.deletion import delete_model, delete_run, deleted_models
from vae_core.network.layers import Part
from vae_core.runs.directory import Run
from vae_core.settings import PROGRAM

VIEWS = ("Figures", "Training", "Layers", "Card", "Compare")
COLUMNS = {  # of the table: figure -> heading and format
    "negative_elbo": ("−ELBO, nats", "%.2f"),
    "reconstruction_loss": ("Reconstruction, nats", "%.2f"),
    "kl_loss": ("KL, nats", "%.2f"),
    "ssim": ("SSIM", "%.3f"),
    "mse": ("MSE", "%.4f"),
    "knn_accuracy": ("Nearest neighbours", "%.3f"),
    "active_units": ("Active units", "%d"),
}
NEW_RUN = f"{PROGRAM} train --epochs 2 --run-dir runs/demo"


def main() -> None:
    """Table, one model, and a place to bring another one."""
    deletion_messages()
    models()
    deleted_today(deleted_models(), "models")
    st.divider()
    bring_model()


def models() -> None:
    """The table, and one of its lines closely."""
    entries = {entry.id: entry for entry in list_models(also=[state.chosen_model()])}
    if not entries:
        st.info("There is no model to show yet. Train one, then reload this page:", icon=":material/info:")
        st.code(NEW_RUN, language="bash")
        return
    facts_by_id = {entry.id: model_facts(entry) for entry in entries.values()}
    good = {model_id: facts for model_id, facts in facts_by_id.items() if isinstance(facts, Facts)}
    table(entries, good)
    for model_id, problem in facts_by_id.items():
        if isinstance(problem, str):
            st.warning(
                f"{markdown_text(model_id)} is damaged: {markdown_text(problem, SENTENCE)}",
                icon=":material/broken_image:",
            )
            deletable(entries[model_id])
    if not good:
        return
    entry, facts = choose(entries, good)
    deletable(entry)
    view = st.segmented_control(
        "What of it",
        VIEWS,
        default=VIEWS[0],
        key="model_view",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if view == "Figures":
        figures_of(facts)
    elif view == "Training":
        training(entry, facts)
    elif view == "Layers":
        layers(facts)
    elif view == "Card":
        card(entry)
    else:
        side_by_side(entry, entries, good)


def deletable(entry: Entry) -> None:
    """A way to delete it; models that came with the program have none."""
    if is_shipped(entry.path):
        st.caption("It came with the program and is not deleted here.")
    elif entry.state:
        deletion_control(entry.path, f"the run {markdown_text(entry.path.name)}", lambda: delete_run(Run(entry.path)))
    else:
        deletion_control(entry.path, f"the model {markdown_text(entry.path.name)}", lambda: delete_model(entry.path))


def table(entries: dict[str, Entry], good: dict[str, Facts]) -> None:
    """One line a model; a run has no test figures until it is kept."""
    rows = [_line(entry, good.get(entry.id)) for entry in entries.values()]
    number = st.column_config.NumberColumn
    st.dataframe(
        {name: [row.get(name) for row in rows] for name in max(rows, key=len)},
        hide_index=True,
        placeholder="–",
        alt="The models and their figures",
        column_config={heading: number(format=shape) for heading, shape in COLUMNS.values()}
        | {
            "Model": st.column_config.TextColumn(pinned=True),
            "Validation −ELBO": number(format="%.2f"),
            "Parameters": number(format="localized"),
            "Size, MB": number(format="%.1f"),
        },
    )
    st.caption(
        "Measured: on the split and number of images named; −ELBO is reconstruction + KL at beta = 1 with one sample of z per "
        "image, in nats per image; SSIM and MSE of reconstructions from z_mean; nearest neighbours: the share of images whose "
        "nearest train codes name their class. Lower is better for −ELBO, reconstruction and MSE, higher for SSIM and "
        "nearest neighbours. Validation −ELBO: the same sum at the end of the last epoch, on images held out of train, on which "
        "hyper-parameters are chosen. Only lines with the same data, images and likelihood compare."
    )


def _line(entry: Entry, facts: Facts | None) -> dict[str, Any]:
    """A model's cells by column; of a damaged one only its name is known."""
    row: dict[str, Any] = {"Model": plain_text(entry.id), "State": f"run, {entry.state}" if entry.state else "kept"}
    if facts is None:
        return row | {"State": "damaged"}
    checkpoint, values = facts.checkpoint, {name: figure.value for name, figure in facts.figures.items()}
    measured = next((facts.figures[name].measured_on for name in COLUMNS if name in values), "not measured")
    cells = [(heading, values.get(name)) for name, (heading, _) in COLUMNS.items()]
    return {
        **row,
        **dict(cells[:1]),
        "Measured on": plain_text(measured),
        "Validation −ELBO": facts.validation.value if facts.validation else None,
        **dict(cells[1:]),
        "Epochs": facts.epochs or None,
        "Units": checkpoint.network.latent_dim,
        "Parameters": checkpoint.network.parameters(),
        "Size, MB": facts.size / 1e6,
        "Preset": checkpoint.model.preset,
        "Likelihood": checkpoint.network.likelihood,
        "Trained on": plain_text(facts.data_name),
    }


def choose(entries: dict[str, Entry], good: dict[str, Facts]) -> tuple[Entry, Facts]:
    """Which model is shown closely: the app's, until another is picked here."""
    chosen = state.chosen_model() or ""
    if st.session_state.get("detail_followed") != chosen:
        st.session_state["detail_followed"] = st.session_state["detail"] = chosen
    if st.session_state.get("detail") not in good:  # damaged, or gone since
        st.session_state["detail"] = chosen if chosen in good else next(iter(good))
    st.subheader("One model closely", anchor=False)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        name = st.selectbox("Which", list(good), key="detail", format_func=lambda name: plain_text(entries[name].label))
    with right:
        st.button(
            "Look at this model",
            key="look",
            icon=":material/visibility:",
            width="stretch",
            disabled=name == chosen,
            help="Make it the model of every page" if name != chosen else "It is the model of every page",
            on_click=lambda: state.choose_model(st.session_state["detail"]),
        )
    facts = good[name]
    network = facts.checkpoint.network
    st.caption(
        f"{network.parameters():,} parameters in {len(network.encoder.walk()) + len(network.decoder.walk())} layers; "
        f"{network.encoder.multiply_adds() / 1e6:.1f} million multiply-adds to encode a picture, "
        f"{network.decoder.multiply_adds() / 1e6:.1f} million to decode one; {facts.size / 1e6:.1f} MB on disk; "
        f"pictures of {' × '.join(map(str, network.image_shape))}, {markdown_text(network.likelihood.capitalize())} likelihood; trained on "
        f"{markdown_text(facts.data_name)}{_how_long(facts)}."
    )
    return entries[name], facts


def _how_long(facts: Facts) -> str:
    step = facts.checkpoint.step
    return "" if step is None else f" for {step:,} steps, beta = {facts.checkpoint.training.beta:g}"


def figures_of(facts: Facts) -> None:
    """Every figure with split, n and method."""
    named = [(ROWS[name], facts.figures[name]) for name in ROWS if name in facts.figures]
    if facts.validation:
        named.append(("−ELBO on validation, nats", facts.validation))
    if not facts.figures:
        newest = " Its newest validation figure is below." if facts.validation else ""
        st.caption(
            f"Not measured on the test split: a run is measured when it is kept, `{PROGRAM} keep RUN FOLDER`, or by "
            f"`{PROGRAM} evaluate RUN`.{newest}"
        )
    if named:
        st.table(
            {
                "Figure": [markdown_text(sentence(label)) for label, _ in named],
                "Value": [in_digits(figure.value) for _, figure in named],
                "Split, n": [markdown_text(figure.measured_on) for _, figure in named],
                "Method": [markdown_text(figure.method, SENTENCE) for _, figure in named],
            },
            hide_index=True,
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
        + (" At another beta than 1 it is no ELBO." if beta != 1 else "")
        + (
            " The floor is the entropy of the pixels of all 60,000 train images, the least a reconstruction loss can be."
            if facts.floor
            else ""
        )
        + " Double-click a chart to see its first moments."
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
