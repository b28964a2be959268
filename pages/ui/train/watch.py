"""A run's life on the page Train: how it stands, its curves, its map and pictures along the timeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from pages.ui.formatting import SENTENCE, markdown_text, plain_text, sentence
from pages.ui.glossary import term
from pages.ui.train import charts
from pages.ui.train.comparison import compare_runs
from pages.ui.train.controls import steer
from pages.ui.train.finished import after_its_end, end_buttons, kept_buttons
from pages.ui.train.form import duration
from pages.ui.train.kept import CHART, kept_timeline
from pages.ui.train.moments import gif_button, training_map
from vae_core.datasets.fashion_mnist import CHECKSUM
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.live_reader import View, live

FLOOR = 188.28  # nats: the entropy of Fashion-MNIST's train pixels, the least cross-entropy there can be
FLOOR_WORDS = "no model gets below the pixels' own entropy"
TICK, HURRY = 1.0, 0.4  # seconds between two looks; until the first point is there
LOSSES = ("reconstruction_loss", "kl_loss", "loss")
LAST_SECONDS = 1.5  # less than that to go is not counted down
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
        st.header(markdown_text(run.name), anchor=False)
        kept_timeline(run)
        kept_buttons(run)
        return
    first = live(run).view(fresh=True)
    active = _active(first)
    hurry = active and not len(first.steps)
    heading(run, first)
    with st.container():  # a place that stays, so that what is below does too
        if active:
            steer(run, first)
        else:
            end_buttons(run, first)
    every = (HURRY if hurry else TICK) if active else None
    with st.container(key="life"):
        st.fragment(_life, run_every=every)(run, active, hurry, _way(first))
    if first.latent_dim > 1:
        gif_button(run, first.snapshots)
    if len(first.steps):
        curve_captions(_floor(first))
        compare_runs(run)
    if not active:
        after_its_end(run, first)


def _active(view: View) -> bool:
    return view.health.state not in ENDED and view.health.state != "unreadable"


def _way(view: View) -> tuple[str, bool]:
    """What the badge and the buttons depend on."""
    return view.health.state, view.health.hangs


def _life(run: Run, active: bool, hurry: bool, way: tuple[str, bool]) -> None:
    """All that moves. hurry: until the first point is there. way: as the run was when badge and buttons were drawn.

    It is drawn anew each second, so it holds no more than it must. Each part has a place of its own: what comes and goes above
    must not take the map below it down.
    """
    view = live(run).view(fresh=hurry)
    if active and (_way(view) != way or (hurry and len(view.steps))):
        st.rerun(
            scope="app"
        )  # another badge, other buttons; or what comes after its end, and the ticking stops or slows down
    top = st.container()
    left, right = st.columns(2, gap="large")
    below = st.container()
    if view.health.state == "unreadable":
        with top:
            standing(view)
        return
    # made before any of it is drawn: what comes together is rendered together, which spares the browser half of the work
    losses, others = curves_of(view) if len(view.steps) else ({}, {})
    with top:
        standing(view)
    with left:
        if view.snapshots:
            training_map(
                run,
                view.snapshots,
                view.latent_dim,
                eager=not active,
                charts=tuple(f"chart_{name}" for name in losses),
                last_step=int(view.steps[-1]) if len(view.steps) else 1,
                kl=view.kl_per_unit,
            )
        else:
            st.info("The map comes with the first batch.", icon=":material/hourglass:")
    with right:
        for name, spec in losses.items():
            _chart(spec, name)
    with below:
        if view.turned:
            st.info(markdown_text(view.turned, SENTENCE), icon=":material/tune:")
        for name, column in zip(others, st.columns(2, gap="large"), strict=False):
            with column:
                _chart(others[name], name)
        _events(view)


def heading(run: Run, view: View) -> None:
    """Name and state."""
    colour, icon = BADGES[view.health.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(markdown_text(run.name), anchor=False, width="content")
        st.badge(markdown_text(view.health.state), color=colour, icon=icon)  # type: ignore[arg-type]


def standing(view: View) -> None:
    """What there is to say, progress, figures of the moment."""
    # a stage is told with the progress, but not that the trainer hangs in it
    if view.health.note and (view.health.hangs or not (view.doing and view.total_steps)):
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
    pace = "" if view.images_per_second is None or view.doing else f", {view.images_per_second:,.0f} images a second"
    st.progress(
        view.progress, f"Step {view.step:,} of {view.total_steps:,}, epoch {view.epoch:.2f}{_to_go(view)}{pace}"
    )


def _to_go(view: View) -> str:
    if view.doing:
        return f", {markdown_text(view.doing)}"
    if view.eta_seconds is None:
        return ""
    return ", the last steps" if view.eta_seconds < LAST_SECONDS else f", about {duration(view.eta_seconds)} to go"


def curves_of(view: View) -> tuple[dict[str, Spec], dict[str, Spec]]:
    """The three losses; time per batch and KL of each unit. By name."""
    floor, losses = _floor(view), {}
    for number, name in enumerate(LOSSES):
        series, val = view.series[name], view.validation
        losses[name] = charts.curve(
            view.steps,
            series.raw,
            series.smooth,
            title=charts.TITLES[name],
            marks=view.marks,
            validation=(val["step"], val[f"val_{name}"]) if f"val_{name}" in val else None,
            floor=(floor, FLOOR_WORDS) if floor is not None and name == "reconstruction_loss" else None,
            legend=number == 0,
        )
    pace = view.series["batch_time"]
    others = {
        "batch_time": charts.curve(
            view.steps, pace.raw, pace.smooth, title=charts.TITLES["batch_time"], unit="ms", marks=view.marks
        )
    }
    if view.kl_per_unit is not None and np.isfinite(view.kl_per_unit).all():
        others["kl_per_unit"] = charts.bars(view.kl_per_unit, title="How much each latent unit says now: KL, nats")
    return losses, others


def _chart(spec: Spec, name: str) -> None:
    st.echarts_chart(spec, height=CHART, key=f"chart_{name}", alt=f"{plain_text(spec['title']['text'])} of the run")


def _events(view: View) -> None:
    """What happened when, newest first."""
    if not view.events:
        return
    with st.expander(f"What has happened ({len(view.events)})", icon=":material/list:", key="events"):
        lines = (
            f"- step {step:,}, after {duration(seconds)}: {markdown_text(words)}"
            for step, seconds, words in reversed(view.events)
        )
        st.markdown("\n".join(lines))


def curve_captions(floor: float | None) -> None:
    """The method behind the curves."""
    st.caption(
        f"Train: means over the batches between two reports (thin), and their moving average (bold). {term('validation', 'Validation')} "
        f"(orange): the whole split after each {term('epoch')}, one sample of {term('z')} per image, weights {term('EMA', 'averaged')}. "
        f"What they mean: {term('loss')}, {term('reconstruction loss')}, {term('KL')}, {term('nats')}."
        + (
            ""
            if floor is None
            else f" The grey line, the {term('floor')}, at {floor:.2f} nats is the entropy of the train pixels: no model gets below it."
        )
        + " The first steps may lie above the top of a chart.",
        unsafe_allow_html=True,
    )


def _floor(view: View) -> float | None:
    known = view.config_value("dataset", "checksum") == CHECKSUM
    return FLOOR if known and view.config_value("model", "likelihood") == "bernoulli" else None
