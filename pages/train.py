"""Train: press the button and watch the map being learned; steer it, leave it, come back to it, keep it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import streamlit as st

from pages.ui.app import state
from pages.ui.app.frame import frame_without_model
from pages.ui.app.widget_sync import set_widget
from pages.ui.formatting import beside, markdown_text, plain_text
from pages.ui.glossary import term
from pages.ui.shared.deletion import deleted_today, deletion_messages
from pages.ui.train.form import run_form
from pages.ui.train.kept import example
from pages.ui.train.watch import watch
from vae_core.checkpoints.registry import kept_models, newest
from vae_core.checkpoints.timeline import frame_steps
from vae_core.jobs import launcher
from vae_core.jobs.deletion import deleted_runs
from vae_core.runs.directory import OVER, Run
from vae_core.settings import PROGRAM
from vae_core.storage.records import read_object, unchanged

NEW = "A new run"
# what is drawn anew stays as it is until then
STYLE = """<style>
[data-testid="stMain"] [data-stale="true"] { opacity: 1 !important; transition: none !important; }
.st-key-dials button { min-height: 2rem; padding: 0 0.6rem; }
</style>"""


def main() -> None:
    """Which run, then its form or its life."""
    launcher.prepare()  # a process stands ready by the time the button is pressed
    st.html(STYLE)
    deletion_messages()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        words = st.empty()
        run = pick_run()
    if run is None:
        words.markdown(
            f"Press **Train** and watch a {term('VAE')} learn a map of pictures, {term('step')} by step.",
            width="content",
            unsafe_allow_html=True,
        )
        form, picture = st.columns([5, 8], gap="medium")
        with form, st.container(border=True):
            run_form()
        with picture:
            example()
    else:
        watch(run)
    deleted_today(deleted_runs(), "runs")


def pick_run() -> Run | None:
    """A new run, one of yours, or a kept model with a timeline; in the URL as `run`. None for a new one."""
    name = state.asked_run()
    if name is None:  # the first visit: whatever is going on now
        active = launcher.active()
        name = active[0].name if active else ""
    every = launcher.runs()
    runs = {run.name: run for run in newest(every, [name])}
    timelines = [path for path in kept_models() if frame_steps(path)]
    kept = {mark for path in timelines if (mark := _mark(path / "config.json", "steps"))}
    runs = {key: run for key, run in runs.items() if key == name or _mark(run.path / "status.json", "step") not in kept}
    listed = runs | {path.name: Run(path) for path in timelines if path.name not in runs}
    over = {name: condition for name, run in runs.items() if (condition := run.state()[0]) in OVER}
    if name and name not in listed:
        st.warning(
            f"There is no run called “{markdown_text(name)}” here: it may have been renamed or deleted.",
            icon=":material/link_off:",
        )
        name = ""
    state.choose_run(name)
    new = beside(NEW, listed)
    labels = {new: new} | {name: _words(name, over.get(name), name not in runs) for name in listed}
    set_widget("run_picker", name or new, labels[name or new])
    st.selectbox(
        "Run",
        list(labels),
        key="run_picker",
        on_change=_picked,
        args=(new,),
        width=300,
        label_visibility="collapsed",
        format_func=lambda name: plain_text(labels[name]),
    )
    if len(every) > len(newest(every, [name])):
        st.caption(
            f"The newest {len(runs)} of {len(every):,} runs. `?run=NAME` in this page's address opens any other; "
            f"`{PROGRAM} runs` lists all."
        )
    return listed.get(name)


def _words(name: str, ended: str | None, kept: bool) -> str:
    """In the picker. How a run in progress stands changes under one's eyes: the page says it, not the picker."""
    return f"{name} ({ended})" if ended else f"{name} (timeline of a kept model)" if kept else name


def _mark(file: Path, step: str) -> tuple[int, float] | None:
    """Steps and seconds of a training: a model has those of the run that it was kept from, which then hides behind it."""
    with suppress(ValueError):
        values = unchanged(file, read_object)
        steps, seconds = values.get(step), values.get("seconds")
        if isinstance(steps, int) and isinstance(seconds, int | float) and seconds > 0:
            return steps, float(seconds)
    return None


def _picked(new: str) -> None:
    picked = st.session_state["run_picker"]
    state.choose_run("" if picked == new else picked)


frame_without_model("Train", main)
