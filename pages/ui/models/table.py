"""Every model and figure in one table, the best first."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from pages.ui.app import state
from pages.ui.formatting import plain_text
from pages.ui.glossary import meaning, term
from pages.ui.models.facts import Facts
from vae_core.checkpoints.placement import is_shipped
from vae_core.checkpoints.registry import Entry

CLICKED = "model_table_name"  # of the button column
COLUMNS = {  # figure -> heading, format and term
    "negative_elbo": ("−ELBO, nats", "%.2f", "ELBO"),
    "reconstruction_loss": ("Reconstruction, nats", "%.2f", "reconstruction loss"),
    "kl_loss": ("KL, nats", "%.2f", "KL"),
    "ssim": ("SSIM", "%.3f", "SSIM"),
    "mse": ("MSE", "%.4f", "MSE"),
    "knn_accuracy": ("Nearest neighbours", "%.3f", "nearest-neighbour accuracy"),
    "active_units": ("Active units", "%d", "active unit"),
}
PIXELS = {"bernoulli": "as probabilities", "gaussian": "as values"}


def table(entries: dict[str, Entry], good: dict[str, Facts]) -> None:
    """One line a model, by −ELBO; a run has no test figures until it is kept. A click on a name opens it."""
    by_elbo = sorted(entries.values(), key=lambda entry: _elbo(good.get(entry.id)))
    rows = [_line(entry, good.get(entry.id)) for entry in by_elbo]
    number = st.column_config.NumberColumn

    def take() -> None:
        click = st.session_state.get(CLICKED)
        if click is not None and 0 <= click["row"] < len(by_elbo):
            state.choose_model(by_elbo[click["row"]].id)

    st.dataframe(
        {name: [row.get(name) for row in rows] for name in max(rows, key=len)},
        hide_index=True,
        placeholder="–",
        alt="The models and their figures",
        column_config={heading: number(format=shape, help=meaning(name)) for heading, shape, name in COLUMNS.values()}
        | {
            "Model": st.column_config.ButtonColumn(
                pinned=True, alignment="left", help="A click opens the model.", key=CLICKED, on_click=take
            ),
            "Validation −ELBO": number(format="%.2f", help=meaning("validation")),
            "Parameters": number(format="localized", help=meaning("parameters")),
            "Size, MB": number(format="%.1f"),
            "Network": st.column_config.TextColumn(help=meaning("preset")),
            "Pixels": st.column_config.TextColumn(help=meaning("likelihood")),
        },
    )
    st.caption(
        f"The lowest {term('ELBO', '−ELBO')} first: {term('reconstruction loss')} + {term('KL')} at {term('beta')} = 1 with one "
        f"sample of {term('z')} per image, in {term('nats')} per image. Lower is better for −ELBO, reconstruction and "
        f"{term('MSE')}, higher for {term('SSIM')} and nearest neighbours. Only lines with the same data, images and "
        f"{term('likelihood')} compare.",
        unsafe_allow_html=True,
    )


def _elbo(facts: Facts | None) -> tuple[int, float]:
    """For sorting: measured models, then the others, then damaged ones."""
    if facts is None:
        return 2, 0.0
    figure = facts.figures.get("negative_elbo")
    return (1, 0.0) if figure is None or math.isnan(figure.value) else (0, figure.value)


def _line(entry: Entry, facts: Facts | None) -> dict[str, Any]:
    """A model's cells by column; of a damaged one only its name is known."""
    kept = "shipped" if is_shipped(entry.path) else "kept"
    row: dict[str, Any] = {"Model": plain_text(entry.id), "State": f"run, {entry.state}" if entry.state else kept}
    if facts is None:
        return row | {"State": "damaged"}
    checkpoint, values = facts.checkpoint, {name: figure.value for name, figure in facts.figures.items()}
    measured = next((facts.figures[name].measured_on for name in COLUMNS if name in values), "not measured")
    cells = [(heading, values.get(name)) for name, (heading, *_) in COLUMNS.items()]
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
        "Network": checkpoint.model.preset,
        "Pixels": PIXELS.get(checkpoint.network.likelihood, ""),
        "Trained on": plain_text(facts.data_name),
    }
