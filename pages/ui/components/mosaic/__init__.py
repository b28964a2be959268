"""A mosaic whose tiles can be chosen, by pointer or keyboard: one sprite goes to the browser, one trigger comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.components._assets import script, style
from pages.ui.images import data_uri
from vae_core.analysis import mosaics

FOLDER = Path(__file__).parent

_mosaic = st.components.v2.component(
    "vae_explorer_mosaic", css=style(FOLDER / "mosaic.css"), js=script(FOLDER / "mosaic.js")
)


@dataclass(frozen=True)
class Tile:
    """id: what a click gives back. name, note: the two lines under it. words: what it shows, for tooltip and screen reader."""

    id: str
    name: str
    note: str
    words: str


def mosaic(
    pictures: np.ndarray,
    tiles: Sequence[Tile],
    key: str,
    label: str,
    chosen: str,
    size: int = 56,
    least: int = 44,
    sheet: int = 0,
    room: int | None = None,
    smooth: bool = False,
) -> None:
    """Show pictures (n, h, w, 3) uint8, one per tile; `clicked(key)` tells in the next run which one was chosen.

    size: about how many pixels the longer side of a tile takes on the screen, a whole multiple of the picture's. least: of
    a column, so that the words under a narrow tile have room. room: CSS pixels of height that all tiles may take; they are
    then as large as it and the row allow, whatever `size`. smooth: they need be no whole multiples, and may be blurred. sheet:
    columns of a sheet of bare tiles, 0 for tiles with words.
    """
    if len(pictures) != len(tiles):
        raise ValueError(f"a mosaic needs a tile for each picture, got {len(tiles)} for {len(pictures)}.")
    columns = 16
    sprite = mosaics.mosaic(pictures, columns=columns, gap=0)
    if (sprite == sprite[..., :1]).all():  # grey: a third of the bytes on the way
        sprite = sprite[..., 0]
    _mosaic(
        key=key,
        data={  # no lists: Streamlit imports pandas to see whether one is a table
            "sprite": data_uri(sprite),
            "columns": min(columns, len(tiles)),
            "tile": (int(pictures.shape[2]), int(pictures.shape[1])),
            "tiles": tuple(vars(tile) for tile in tiles),
            "label": label,
            "chosen": chosen,
            "size": size,
            "least": least,
            "sheet": sheet,
            "room": room,
            "smooth": smooth,
        },
        on_chosen_change=_ignore,
    )


def clicked(key: str) -> str | None:
    """The id of the tile that was just chosen, known before the mosaic is drawn; None in any other run."""
    value = st.session_state.get(key)
    chosen = value.get("chosen") if isinstance(value, Mapping) else None
    return chosen if isinstance(chosen, str) else None


def _ignore() -> None:
    """Streamlit wants a callback for a value to be there; `clicked` reads it instead."""
