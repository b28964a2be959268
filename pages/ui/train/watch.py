"""A run's life on the page Train: how it stands, its curves, its map and pictures along the timeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from pages.ui.components.live_map import live_map
from pages.ui.formatting import SENTENCE, markdown_text, plain_text, sentence
from pages.ui.images import extent_of
from pages.ui.shared.picture import picture
from pages.ui.train import charts
from pages.ui.train.cache import frame_at, kept_curves, map_at, network_of, sheet_at
from pages.ui.train.controls import steer
from pages.ui.train.finished import after_its_end
from pages.ui.train.form import duration
from vae_core.datasets.fashion_mnist import CHECKSUM
from vae_core.network.layers import NetworkError
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.live_reader import View, live
from vae_core.storage.errors import FileProblem
from vae_core.storage.records import stamps

FLOOR = 188.28  # nats: the entropy of Fashion-MNIST's train pixels, the least cross-entropy there can be
TICK, HURRY = 1.0, 0.4  # seconds between two looks; until the first point is there
CHART = 215  # pixels: three of them stand beside the map
TILES = 12  # pictures along a side of the map: with few the codes are seen to move between them
LEAST_EXTENT = 3.5  # where the codes of a good run come to lie; at its beginning all are near 0
UNREADABLE = (FileProblem, NetworkError, RunError, ValueError)  # what a damaged snapshot raises
BADGES = {
    "waiting": ("gray", ":material/hourglass:"),
    "running": ("green", ":material/play_arrow:"),
    "paused": ("orange", ":material/pause:"),
    "stopped": ("gray", ":material/stop:"),
    "finished": ("violet", ":material/check:"),
    "failed": ("red", ":material/error:"),
    "unreadable": ("red", ":material/broken_image:"),
}

Spec = dict[str, Any]  # of a chart


def watch(run: Run) -> None:
    """Live while a trainer is at work; once when it is over."""
    if (run.path / "model.safetensors").exists() and not (run.path / "status.json").exists():
        _kept(run)
        return
    first = live(run).view(fresh=True)
    active = _active(first)
    hurry = active and not len(first.steps)
    heading(run, first)
    with st.container():  # a place that stays, so that what is below does too
        if active:
            steer(run, first)
        follow = active and _follow(run, first)
    every = (HURRY if hurry else TICK) if active else None
    with st.container(key="life"):
        st.fragment(_life, run_every=every)(run, active, hurry, follow, _way(first))
    if len(first.steps):
        curve_captions(_floor(first))
    if not active:
        after_its_end(run, first)


def _active(view: View) -> bool:
    return view.health.state not in ENDED and view.health.state != "unreadable"


def _way(view: View) -> tuple[str, bool, bool]:
    """What the badge and the buttons depend on."""
    return view.health.state, view.health.hangs, len(view.snapshots) > 1


def _follow(run: Run, view: View) -> bool:
    """Whether the newest snapshot is shown; there is a choice from the second one on."""
    return len(view.snapshots) < 2 or st.toggle("Follow the newest snapshot", True, key=f"follow_{run.name}")


def _life(run: Run, active: bool, hurry: bool, follow: bool, way: tuple[str, bool, bool]) -> None:
    """All that moves. hurry: until the first point is there. follow: show the newest snapshot.

    way: as the run was when badge and buttons were drawn.

    It is drawn anew each second, so it holds no more than it must. Each part has a place of its own: what comes and goes above
    must not take the map below it down.
    """
    view = live(run).view(fresh=hurry)
    if active and (_way(view) != way or (hurry and len(view.steps))):
        st.rerun(
            scope="app"
        )  # another badge, other buttons; or what comes after its end, and the ticking stops or slows down
    top, slider = st.container(), st.container()
    left, right = st.columns(2, gap="large")
    below = st.container()
    if view.health.state == "unreadable":
        with top:
            standing(view)
        return
    step = None
    if view.snapshots:
        with slider:
            step = _which(run, list(view.snapshots), active, follow)
    else:
        slider.info("The first snapshot comes with the first batch.", icon=":material/hourglass:")
    # made before any of it is drawn: what comes together is rendered together, which spares the browser half of the work
    losses, others = curves_of(view, None if active else step) if len(view.steps) else ({}, {})
    with top:
        standing(view)
    if step is not None:
        with left:
            the_map(run, step, view.latent_dim)
        with right:
            the_sheet(run, step)
    with right:
        for name, spec in losses.items():
            _chart(spec, name)
    with below:
        for name, column in zip(others, st.columns(2, gap="large"), strict=False):
            with column:
                _chart(others[name], name)


def _kept(run: Run) -> None:
    """The timeline of a model that was kept with one, beside its losses over epochs."""
    steps = run.snapshots()
    if not steps:  # deleted in this moment
        st.info(f"The timeline of {markdown_text(run.name)} is gone.", icon=":material/info:")
        return
    st.caption("The timeline of a kept model: drag the slider and see the map being learned.")
    step = _which(run, steps, active=False, follow=False)
    left, right = st.columns(2, gap="large")
    with left:
        the_map(run, step, network_of(str(run.path)).latent_dim)
    with right:
        the_sheet(run, step)
        curves = kept_curves(str(run.path))
        for name in ("loss", "reconstruction_loss", "kl_loss"):
            if name not in curves:
                continue
            epochs, values = curves[name]
            epoch_steps = steps[-1] / epochs[-1]  # steps of an epoch
            validation = curves.get(f"val_{name}")
            _chart(
                charts.curve(
                    epochs * epoch_steps,
                    values,
                    values,
                    name=name,
                    marks=[(step, "shown")],
                    validation=None if validation is None else (validation[0] * epoch_steps, validation[1]),
                ),
                name,
            )
        if curves:
            st.caption("After each epoch: the mean over its batches (violet) and the validation split (orange).")


def heading(run: Run, view: View) -> None:
    """Name and state."""
    colour, icon = BADGES[view.health.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(markdown_text(run.name), anchor=False, width="content")
        st.badge(markdown_text(view.health.state), color=colour, icon=icon)  # type: ignore[arg-type]


def standing(view: View) -> None:
    """What there is to say, progress, figures of the moment."""
    if view.health.note:
        say = (
            st.error if view.health.state in ("failed", "unreadable") else st.warning if view.health.hangs else st.info
        )
        say(markdown_text(sentence(view.health.note), SENTENCE))
    if view.health.log and view.health.state == "failed":
        with st.expander("What the trainer printed last"):
            st.code(view.health.log, language=None)
    for problem in view.health.problems:
        st.warning(f"Unreadable: {markdown_text(problem, 600)}", icon=":material/broken_image:")
    if not view.total_steps:
        return
    eta = "" if view.eta_seconds is None else f", about {duration(view.eta_seconds)} to go"
    pace = "" if view.images_per_second is None else f", {view.images_per_second:,.0f} images a second"
    st.progress(view.progress, f"Step {view.step:,} of {view.total_steps:,}, epoch {view.epoch:.2f}{eta}{pace}")


def the_map(run: Run, step: int, latent_dim: int) -> None:
    """The living map as it was at a step; hovering decodes with the decoder of that moment."""
    if latent_dim == 1:
        st.caption("One latent unit has no map.")
        return
    try:
        data = map_at(str(run.path), step, _extent(run, step), TILES)
    except UNREADABLE as error:
        _cannot(step, error)
        return
    live_map(data, "training", height=520, tiles=TILES)
    st.caption(f"The map at step {step:,}: hover to decode with the decoder of that moment.")


def _extent(run: Run, step: int) -> float:
    """Half the side of the map, the same for all steps of a run that a visitor sees: what moves are the codes, not the view."""
    known: dict[Any, float] = st.session_state.setdefault("training_extents", {})
    this = (run.name, stamps(run.path, "network.json"))  # written once a run; another run may have borne the name
    if this not in known:
        codes = frame_at(str(run.path), step).latents.z_mean
        known[this] = max(extent_of(codes[:, :2]), LEAST_EXTENT)
    return known[this]


def the_sheet(run: Run, step: int) -> None:
    """Ten fixed test images, their reconstructions, ten fixed samples at a step."""
    try:
        sheet, rows = sheet_at(str(run.path), step)
    except UNREADABLE as error:
        _cannot(step, error)
        return
    picture(sheet, width="stretch", alt=f"At step {step:d}: {'; '.join(map(plain_text, rows))}")
    st.caption(f"At step {step:,}, from the top: {'; '.join(rows)}.")


def _cannot(step: int, error: Exception) -> None:
    st.warning(f"The snapshot of step {step:,} cannot be shown: {markdown_text(error)}", icon=":material/broken_image:")


def _which(run: Run, steps: list[int], active: bool, follow: bool) -> int:
    """The newest step, or the one the slider stands at."""
    if len(steps) < 2:
        return steps[-1]
    frozen = f"steps_{run.name}"
    if follow:
        st.session_state.pop(frozen, None)
        return steps[-1]
    known = steps
    if active:  # a slider whose ends move cannot be held
        before = st.session_state.get(frozen, steps)
        known = st.session_state[frozen] = before if set(before) <= set(steps) else steps  # it was trained anew
    return int(
        st.select_slider(
            "Timeline: snapshot at step",
            known,
            known[-1],
            key=f"scrub_{run.name}_{len(known)}",
            format_func=lambda step: f"{step:,}",
        )
    )


def curves_of(view: View, selected_step: int | None) -> tuple[dict[str, Spec], dict[str, Spec]]:
    """The three losses; time per batch and KL of each unit. By name. selected_step: the step that the timeline stands at."""
    floor, losses = _floor(view), {}
    marks = [
        *view.marks,
        *([] if selected_step is None or selected_step == view.snapshots[-1] else [(selected_step, "shown")]),
    ]
    for name in ("loss", "reconstruction_loss", "kl_loss"):
        series, val = view.series[name], view.validation
        losses[name] = charts.curve(
            view.steps,
            series.raw,
            series.smooth,
            name=name,
            marks=marks,
            validation=(val["step"], val[f"val_{name}"]) if f"val_{name}" in val else None,
            floor=floor if name == "reconstruction_loss" else None,
        )
    pace, words = view.series["batch_time"], "time per batch"
    others = {words: charts.curve(view.steps, pace.raw, pace.smooth, name=words, unit="ms", marks=view.marks)}
    if view.kl_per_unit is not None and np.isfinite(view.kl_per_unit).all():
        others["KL per unit"] = charts.bars(view.kl_per_unit, name="KL per unit, newest report")
    return losses, others


def _chart(spec: Spec, words: str) -> None:
    st.echarts_chart(spec, height=CHART, key=f"chart_{words}", alt=f"{words} of the run")


def curve_captions(floor: float | None) -> None:
    """The method behind the curves."""
    st.caption(
        "Train: means over the batches between two reports (thin), and their moving average (bold). Validation (orange): the "
        "whole split after each epoch, one sample of z per image, weights averaged."
        + (
            ""
            if floor is None
            else f" The grey line at {floor:.2f} nats is the entropy of the train pixels: no model gets below it."
        )
        + " The first moments may lie above the charts."
    )


def _floor(view: View) -> float | None:
    known = view.config_value("dataset", "checksum") == CHECKSUM
    return FLOOR if known and view.config_value("model", "likelihood") == "bernoulli" else None
