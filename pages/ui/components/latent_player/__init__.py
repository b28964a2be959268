"""Walks through latent space that are decoded in the browser: played, or moved along by a slider, without a rerun.

The decoder travels as for the map, once a session; this component is told the points alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.components._assets import script, style
from pages.ui.components.live_map import carry_decoder
from pages.ui.components.live_map.parts import Part
from pages.ui.images import data_uri

FOLDER = Path(__file__).parent

_player = st.components.v2.component(
    "vae_explorer_latent_player", css=style(FOLDER / "latent_player.css"), js=script(FOLDER / "latent_player.js")
)


@dataclass(frozen=True)
class Track:
    """A walk z (frames, d) float32 under its name. notes: a line for each frame, or none."""

    name: str
    z: np.ndarray
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Chart:
    """Where the tracks run. ground: uint8 (h, w, 3). places: (tracks, frames, 2) in 0..1 from the upper left of the ground.

    curves: (tracks, frames) drawn below it over the frames, called `curve`.
    """

    ground: np.ndarray
    places: np.ndarray
    curves: np.ndarray
    curve: str
    words: str


def latent_player(
    decoder: Part,
    tracks: Sequence[Track],
    key: str,
    label: str,
    ends: tuple[float, float],
    plays: bool,
    start: float,
    size: int,
    chart: Chart | None = None,
) -> None:
    """Show the tracks side by side at one place of the walk, which a slider moves.

    label: what the slider is called. ends: what it reads at the first and the last frame. plays: it goes from frame to frame
    and can be played; else it moves freely between them, along a straight line. start: where it stands at first. size: pixels
    a side of a picture at most. `position(key)` tells in the next run where it was let go.
    """
    frames = len(tracks[0].z)
    if any(len(track.z) != frames or (track.notes and len(track.notes) != frames) for track in tracks):
        raise ValueError("tracks that are shown together need as many frames, and as many notes.")
    data = {  # no lists: Streamlit imports pandas to see whether one is a table
        "decoder": decoder.digest,
        "tracks": tuple(
            (track.name, tuple(map(float, np.asarray(track.z, np.float32).ravel())), tuple(track.notes))
            for track in tracks
        ),
        "frames": frames,
        "label": label,
        "ends": ends,
        "plays": plays,
        "start": float(start),
        "size": size,
        "chart": None
        if chart is None
        else (
            data_uri(chart.ground),
            chart.ground.shape[1] / chart.ground.shape[0],
            tuple(tuple(map(float, np.round(place, 4).ravel())) for place in chart.places),
            tuple(tuple(map(float, np.round(curve, 3))) for curve in chart.curves),
            chart.curve,
            chart.words,
        ),
    }
    carry_decoder(decoder, key)
    _player(key=key, data=data, on_position_change=_ignore, on_missing_change=_ignore)


def position(key: str, ends: tuple[float, float]) -> float | None:
    """Where the slider was let go in this run, as it reads; None in any other run, and for anything odd that came."""
    value = st.session_state.get(key)
    at = value.get("position") if isinstance(value, Mapping) else None
    good = isinstance(at, int | float) and not isinstance(at, bool) and math.isfinite(at) and ends[0] <= at <= ends[1]
    return float(at) if good else None  # type: ignore[arg-type]


def _ignore() -> None:
    """Streamlit wants a callback for a value to be there; `position` reads it instead."""
