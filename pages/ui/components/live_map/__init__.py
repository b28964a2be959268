"""The map: a component that runs the decoder in the browser, so that the picture follows the pointer.

Streamlit sends a component's `data` again when any of it changes. So the large parts travel by themselves, each through a
`carrier` that shows nothing, and the map itself is only told their digests. A carrier is mounted in one run only: Streamlit
spends time on megabytes in every run in which they are mentioned. The browser keeps the parts, and a map that finds one gone
asks for it; for the thumbnails it asks when the pointer first rests on it. `live_map.js` imports the other modules (see
`_assets`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.components._assets import script, style
from pages.ui.components.live_map.frames import FramePart, Pictures, Timeline, pack_frame
from pages.ui.components.live_map.parts import (
    MapData,
    Part,
    Thumbnails,
    decoded_grid,
    grid_part,
    map_data,
    snapshot_map,
)

__all__ = [
    "FramePart",
    "MapData",
    "Pictures",
    "Pin",
    "Selected",
    "Strip",
    "Timeline",
    "carry_decoder",
    "clicked_part",
    "decoded_grid",
    "grid_part",
    "live_map",
    "map_data",
    "pack_frame",
    "pinned",
    "snapshot_map",
    "wishes_frames",
]

FOLDER = Path(__file__).parent
SENT = "live_map_sent"  # in the session: digests of the parts that its browser was sent
REMEMBERED = 200


_carrier = st.components.v2.component("vae_explorer_carrier", js=script(FOLDER / "carrier.js"))
_map = st.components.v2.component(
    "vae_explorer_live_map",
    css=style(FOLDER / "live_map.css") + style(FOLDER / "timeline.css"),
    js=script(FOLDER / "live_map.js"),
)


@dataclass(frozen=True)
class Pin:
    """A point that was just pinned: z (d,) float32; index of the code under the pointer, or None; a growing serial number."""

    z: np.ndarray
    index: int | None
    serial: int


@dataclass(frozen=True)
class Selected:
    """A picture whose posterior the map draws at true scale. name tells one picture from the next."""

    name: str
    z_mean: np.ndarray
    z_log_var: np.ndarray | None = None


@dataclass(frozen=True)
class Strip:
    """The way picture → encoder → z → decoder → picture, above the map.

    input_shape: of the encoder. encoder: (name, output shape) of each layer that computes. picture: the chosen picture as an
    address (`data_uri`); None for a chosen point. links: (part, address) for the parts "picture", "encoder", "z", "decoder"
    and "drawn"; a click in the same tab is told by `clicked_part`.
    """

    input_shape: tuple[int, ...]
    encoder: tuple[tuple[str, tuple[int, ...]], ...]
    picture: str | None
    links: tuple[tuple[str, str], ...]


def live_map(
    data: MapData,
    key: str,
    z: np.ndarray | None = None,
    selected: Selected | None = None,
    units: tuple[int, int] | str | None = None,
    height: int = 600,
    tiles: int = 20,
    strip: Strip | None = None,
    fit: bool = False,
    guide: bool = False,
    timeline: Timeline | None = None,
) -> Pin | None:
    """Show the map; returns the `Pin` in the one run after a click (or Enter, or a slider let go), else None.

    z: (d,) the point that the page holds pinned; the map moves its pin when this changes. units: the axes at first, two
    latent units or "pca"; by default the two with the highest KL. height: the map's largest side in pixels.
    tiles: pictures along a side at first, one of 10, 12, 16, 20, 24, 30; a narrow map has 10. strip: what stands above the
    map. fit: the map is as large as the window has room for below what lies above it, up to `height`. guide: a cursor glides
    over the map until the visitor moves. timeline: the
    snapshots that a bar below the map leads through, `data` being the newest of them.
    Raises `ValueError` if z, selected or units do not fit the model.
    """
    # tuples only: where it meets a list or a dict Streamlit looks whether it is a table, and imports pandas for that
    settings: dict[str, Any] = {
        "name": key,
        "units": _units(data, units),
        "height": int(height),
        "tiles": int(tiles),
        "extent": data.extent,
        "fit": fit,
        "guide": guide,
        "strip": None if strip is None else (strip.input_shape, strip.encoder, strip.picture, strip.links),
    }
    settings["z"] = None if z is None else _vector(z, data.latent_dim, "z")
    if selected is not None:
        log_var = selected.z_log_var
        settings["selected"] = (
            selected.name,
            _vector(selected.z_mean, data.latent_dim, "selected.z_mean"),
            None if log_var is None else _vector(log_var, data.latent_dim, "selected.z_log_var"),
        )
    parts: dict[str, Part | Thumbnails | None]
    parts = {"decoder": data.decoder, "codes": data.codes, "grid": data.grid, "thumbnails": data.thumbnails}
    now = [part.digest for part in (data.decoder, data.codes, data.grid) if part is not None]
    later = None if data.thumbnails is None else data.thumbnails.digest
    coming = _coming(key, now, later)
    frames = {} if timeline is None else {f"frame_{frame.step}": frame for frame in timeline.frames}
    coming_frames = [] if timeline is None else _coming_frames(key, timeline)
    if timeline is not None:
        settings["timeline"] = timeline.settings(coming_frames)
    settings["parts"] = tuple((kind, part and part.digest) for kind, part in parts.items())
    settings["coming"] = tuple(coming)
    with st.container(gap=None):  # what comes and goes has places of its own, so that the map stays where it is
        with st.container(gap=None):
            _carry(key, {kind: parts[kind] for kind in ("decoder", "codes", "grid")}, coming)
        result = _map(
            key=key,
            data=settings,
            on_pinned_change=_ignore,
            on_missing_change=_ignore,
            on_part_change=_ignore,
            on_frames_change=_ignore,
        )
        with st.container(gap=None):
            _carry(key, {"thumbnails": data.thumbnails}, coming)  # megabytes that the map need not wait for
            _carry(key, frames, coming_frames)
    return _pin(result.get("pinned"), data.latent_dim)


def pinned(key: str, latent_dim: int) -> Pin | None:
    """What `live_map` of this key will return in this run, known before it is drawn."""
    value = st.session_state.get(key)
    return _pin(value.get("pinned") if isinstance(value, Mapping) else None, latent_dim)


def carry_decoder(part: Part, key: str) -> None:
    """Send a decoder to this session's browser, unless it has it: for another component, of this key, that decodes there.

    The component finds it as `carried(digest)`, and asks for one that it cannot find by its trigger `missing`.
    """
    with st.container(gap=None):
        _carry(key, {"decoder": part}, _coming(key, [part.digest], None))


def clicked_part(key: str) -> str | None:
    """The part of the strip that was clicked before this run, known before the map is drawn."""
    value = st.session_state.get(key)
    part = value.get("part") if isinstance(value, Mapping) else None
    return part if isinstance(part, str) else None


def _carry(key: str, parts: Mapping[str, Part | Thumbnails | FramePart | None], coming: Sequence[str]) -> None:
    for kind, part in parts.items():
        if part is not None and part.digest in coming:
            _carrier(key=f"{key}_{kind}", data=part.data)


def _coming(key: str, now: Sequence[str], later: str | None) -> list[str]:
    """Digests of the parts to send in this run; they count as sent from now on.

    now: those that this session's browser needs. They come if it has not been sent them, or has lost them and asks again.
    later: what comes only if it is asked for.
    """
    sent: dict[str, None] = st.session_state.setdefault(SENT, {})
    value = st.session_state.get(key)
    missing = value.get("missing") if isinstance(value, Mapping) else None
    lost = [str(digest) for digest in missing] if isinstance(missing, list) else []
    coming = [digest for digest in now if digest in lost or digest not in sent]
    coming += [later] if later is not None and later in lost else []
    for digest in coming:
        sent.pop(digest, None)  # the newest stand last
        sent[digest] = None
    for old in list(sent)[:-REMEMBERED]:  # a training sends a decoder every few seconds
        del sent[old]
    return coming


def _coming_frames(key: str, timeline: Timeline) -> list[str]:
    """Digests of the snapshots to send in this run: the newest, and the others once somebody turns to them."""
    value, wished = st.session_state.get(key), f"{key}_wishes_frames"
    lost = value.get("frames") if isinstance(value, Mapping) else None
    lost = [str(digest) for digest in lost] if isinstance(lost, list) else []
    if lost:
        st.session_state[wished] = True
    every = [frame.digest for frame in timeline.frames]
    now = every if timeline.eager or st.session_state.get(wished) else every[-1:]
    sent: dict[str, None] = st.session_state.setdefault(SENT, {})
    coming = [digest for digest in now if digest not in sent or digest in lost]
    sent.update(dict.fromkeys(coming))
    return coming


def _ignore() -> None:
    """Streamlit wants a callback for a value to be there; the result is read instead."""


def _units(data: MapData, units: tuple[int, int] | str | None) -> tuple[int, ...] | str:
    if units is None or data.latent_dim == 2:
        return tuple(data.units)
    if units == "pca" and data.codes is not None:
        return "pca"
    good = (
        not isinstance(units, str)
        and len(set(units)) == len(units) == 2
        and all(0 <= u < data.latent_dim for u in units)
    )
    if not good:
        raise ValueError(
            f'units must be two different latent units in 0..{data.latent_dim - 1}, or "pca" where there are codes, got {units!r}.'
        )
    return tuple(int(unit) for unit in units)


def _vector(values: np.ndarray | Sequence[float], latent_dim: int, name: str) -> tuple[float, ...]:
    array = np.asarray(values, np.float32)
    if array.shape != (latent_dim,) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be {latent_dim} finite numbers, got {array!r}.")
    return tuple(float(value) for value in array)


def _pin(value: Any, latent_dim: int) -> Pin | None:
    """What the browser sent, checked: anything odd counts as nothing."""
    if not isinstance(value, dict):
        return None
    z, index, serial = value.get("z"), value.get("index"), value.get("serial")
    if not isinstance(z, list) or len(z) != latent_dim:
        return None
    if not all(isinstance(part, int | float) and math.isfinite(part) for part in z):
        return None
    return Pin(
        np.array(z, np.float32),
        index if isinstance(index, int) and index >= 0 else None,
        serial if isinstance(serial, int) else 0,
    )


def wishes_frames(key: str) -> bool:
    """Whether this visitor has turned to the timeline below the map of this key."""
    return bool(st.session_state.get(f"{key}_wishes_frames"))
