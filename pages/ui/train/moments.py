"""The map of a training with its timeline: every snapshot can be played and dragged through, in the browser alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.components.live_map import Timeline, live_map, wishes_frames
from pages.ui.formatting import SENTENCE, file_text, markdown_text, plain_text
from pages.ui.images import data_uri, extent_of
from pages.ui.shared.picture import picture
from pages.ui.train import fixed_images
from pages.ui.train.cache import frame_at, gif_at, map_at, snapshot_pictures, timeline_at
from vae_core.analysis.mosaics import mosaic
from vae_core.network.layers import NetworkError
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.storage.errors import FileProblem
from vae_core.storage.records import stamps

TILES = 12  # pictures along a side of the map: with few the codes are seen to move between them
LEAST_EXTENT = 3.5  # where the codes of a good run come to lie; at its beginning all are near 0
MOST_FRAMES = 12  # of a timeline: each is half a megabyte
AHEAD = 1.25  # times the KL of an axis that another unit must have to take its place
UNREADABLE = (FileProblem, NetworkError, RunError, ValueError)  # what a damaged snapshot raises


def training_map(
    run: Run,
    steps: Sequence[int],
    latent_dim: int,
    *,
    key: str = "training",
    eager: bool = True,
    plays: bool = False,
    plain: bool = False,
    charts: tuple[str, ...] = (),
    last_step: int = 1,
    kl: np.ndarray | None = None,
    height: int = 520,
) -> None:
    """The map at the newest readable snapshot, and the timeline of all.

    eager, plays, plain, charts, last_step: see `Timeline`. kl: nats of each unit; with more than two units the two highest are
    the axes. height: the map's largest side in pixels.
    """
    if latent_dim == 1:
        _without_a_map(run, list(steps))
        return
    path, eager = str(run.path), eager or wishes_frames(key)
    good = readable(run, spread(steps) if eager else steps[-1:])
    if not good:
        return
    chosen = [*good] if eager else [*spread(steps)[:-1], good[-1]]
    extent = _extent(run, good[-1])
    frames = timeline_at(path, chosen, extent, TILES)
    live_map(
        map_at(path, good[-1], extent, TILES),
        key,
        units=_axes(run, kl) if latent_dim > 2 else None,
        height=height,
        tiles=TILES,
        timeline=Timeline(frames, eager, plays, plain, charts, last_step),
    )


def gif_button(run: Run, steps: Sequence[int], key: str = "gif") -> None:
    """The timeline to take away; drawn when it is clicked."""
    if len(steps) < 2:
        return
    st.download_button(
        "Save as GIF",
        lambda: gif_at(str(run.path), spread(steps)),
        f"{file_text(run.name)}.gif",
        "image/gif",
        key=key,
        icon=":material/gif_box:",
        on_click="ignore",
        help="The timeline as an animated picture; drawing it takes some seconds.",
    )


def spread(steps: Sequence[int]) -> list[int]:
    """At most `MOST_FRAMES` + 1 of the steps, evenly; a longer run leaves out some of those, and takes no others.

    >>> spread(range(5))
    [0, 1, 2, 3, 4]
    >>> spread(range(27))
    [0, 4, 8, 12, 16, 20, 24, 26]
    """
    every = 1
    while len(steps) > every * MOST_FRAMES:
        every *= 2
    return sorted({*steps[::every], steps[-1]})


def readable(run: Run, steps: Sequence[int]) -> list[int]:
    """Those of the steps whose snapshots can be shown, the last of them as a map; the page says why not of the others."""
    path, problems = str(run.path), {}
    good = []
    for step in steps:
        try:
            frame_at(path, step)
            good.append(step)
        except UNREADABLE as error:
            problems[str(error)] = step
    while good:
        try:
            map_at(path, good[-1], _extent(run, good[-1]), TILES)
            snapshot_pictures(path, good[-1])
            break
        except UNREADABLE as error:
            problems.setdefault(str(error), good.pop())
    for problem, step in problems.items():
        _cannot(step, problem)
    return good


def _cannot(step: int, problem: object) -> None:
    st.warning(
        f"The snapshot of step {step:,} cannot be shown: {markdown_text(problem, SENTENCE)}",
        icon=":material/broken_image:",
    )


def _axes(run: Run, kl: np.ndarray | None) -> tuple[int, int] | None:
    """The two units with the highest KL. A unit gives its place up only to one that is clearly ahead, so that the map stays calm."""
    if kl is None or len(kl) < 2 or not np.isfinite(kl).all():
        return None
    known: dict[str, tuple[int, int]] = st.session_state.setdefault("training_axes", {})
    first, second = (int(unit) for unit in np.argsort(-kl, kind="stable")[:2])
    now = known.get(run.name)
    if now is None or max(now) >= len(kl) or kl[second] > AHEAD * min(kl[now[0]], kl[now[1]]):
        now = known[run.name] = (first, second)
    return now


def _extent(run: Run, step: int) -> float:
    """Half the side of the map, the same for all steps of a run that a visitor sees: what moves are the codes, not the view."""
    known: dict[Any, float] = st.session_state.setdefault("training_extents", {})
    this = (run.name, stamps(run.path, "network.json"))  # written once a run; another run may have borne the name
    if this not in known:
        codes = frame_at(str(run.path), step).latents.z_mean
        known[this] = max(extent_of(codes[:, :2]), LEAST_EXTENT)
    return known[this]


def _without_a_map(run: Run, steps: list[int]) -> None:
    """Of a model with one latent unit: the pictures at a snapshot."""
    st.caption("One latent unit has no map.")
    step = steps[-1]
    if len(steps) > 1:
        step = st.select_slider(
            "Timeline: snapshot at step",
            steps,
            steps[-1],
            key=f"scrub_{run.name}",
            format_func=lambda step: f"{step:,}",
        )
    try:
        sheet, words = snapshot_pictures(str(run.path), step)
    except UNREADABLE as error:
        _cannot(step, error)
        return
    whole = mosaic(sheet, columns=fixed_images.SHOWN, gap=0)
    picture(data_uri(whole), width="stretch", alt=f"At step {step:d}: {'; '.join(map(plain_text, words))}")
    st.caption(f"At step {step:,}, from the top: {'; '.join(map(markdown_text, words))}.")
