"""Traversals that can be clicked: a row of pictures per latent unit, with its value now marked where it lies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.app.state import FAR
from pages.ui.components._assets import script, style
from pages.ui.images import data_uri
from vae_core.analysis import mosaics

FOLDER = Path(__file__).parent

_rows = st.components.v2.component(
    "vae_explorer_latent_rows", css=style(FOLDER / "latent_rows.css"), js=script(FOLDER / "latent_rows.js")
)


@dataclass(frozen=True)
class Row:
    """unit: 0 and up. name: "z₁". note: what is known of it, "KL 2.31 nats"."""

    unit: int
    name: str
    note: str


def latent_rows(
    pictures: np.ndarray, rows: Sequence[Row], values: np.ndarray, z: np.ndarray, key: str, label: str, size: int
) -> None:
    """Show pictures (rows, steps, h, w, 3) uint8, decoded from z (d,) with the row's unit at each of values (steps,).

    size: how many pixels a picture's side takes at most; a whole multiple of its own, as many as fit. `clicked(key, d)`
    tells in the next run which one was chosen.
    """
    count, steps, height, width = pictures.shape[:4]
    if len(rows) != count or len(values) != steps:
        raise ValueError(
            f"{count} rows of {steps} pictures need as many names and values, got {len(rows)} and {len(values)}."
        )
    sprite = mosaics.mosaic(pictures.reshape(-1, height, width, 3), columns=steps, gap=0)
    _rows(
        key=key,
        data={  # no lists: Streamlit imports pandas to see whether one is a table
            "sprite": data_uri(sprite),
            "tile": (width, height),
            "rows": tuple(vars(row) for row in rows),
            "values": tuple(float(value) for value in values),
            "z": tuple(float(value) for value in z),
            "label": label,
            "size": size,
        },
        on_chosen_change=_ignore,
    )


def clicked(key: str, latent_dim: int) -> tuple[float, ...] | None:
    """The z (d,) of the picture that was just chosen; None in any other run, and for anything odd that came."""
    value = st.session_state.get(key)
    z = value.get("chosen") if isinstance(value, Mapping) else None
    if not isinstance(z, list) or len(z) != latent_dim:
        return None
    good = all(isinstance(part, int | float) and math.isfinite(part) and abs(part) <= FAR for part in z)
    return tuple(float(part) for part in z) if good else None


def _ignore() -> None:
    """Streamlit wants a callback for a value to be there; `clicked` reads it instead."""
