"""What can be done with a run that has ended: resume, look at it, name it, keep it, take it away."""

from __future__ import annotations

import time

import streamlit as st

from pages.ui.app import state
from pages.ui.formatting import file_text, markdown_text
from pages.ui.shared.deletion import deletion_control
from pages.ui.train.form import duration
from pages.ui.train.others import guarded_button
from vae_core.jobs import finished_runs, launcher
from vae_core.jobs.deletion import delete_run
from vae_core.jobs.keeping import QUEUE, Keeping
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.live_reader import View
from vae_core.storage.trash import Deleted

TICK = 1.0  # seconds between two looks at a run that is being kept


def after_its_end(run: Run, view: View) -> None:
    """Resume, open, rename, keep, download, delete."""
    if view.health.resumable:
        st.button("Resume", icon=":material/play_arrow:", type="primary", key="resume", on_click=_resume, args=(run,))
    if view.snapshots:
        look_and_keep(run)
    deletion_control(
        run.path, f"the run {markdown_text(run.name)}", lambda: _delete(run), after=lambda: state.choose_run("")
    )


def look_and_keep(run: Run) -> None:
    """Pages to open it on, its name, keeping it as a model, its zip."""
    st.header("Look at it, keep it", anchor=False)
    with st.container(horizontal=True):
        for page, words, icon in (
            ("latent_space", "Latent space", "scatter_plot"),
            ("reconstruction", "Reconstruction", "compare"),
            ("heatmaps", "Heatmaps", "blur_on"),
        ):
            if st.button(f"Open on {words}", icon=f":material/{icon}:", key=f"open_{page}"):
                state.choose_model(f"runs/{run.name}")
                st.switch_page(f"pages/{page}.py", query_params=state.in_links())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name", run.name, key=_name_key(run), width=320)
        guarded_button(run, "Rename the run", "edit", "rename", lambda: _rename(run))
        st.button(
            "Keep as a model",
            icon=":material/bookmark:",
            key="keep",
            help="Measured on the whole test split, and put beside the shipped models.",
            on_click=_keep,
            args=(run,),
        )
        st.download_button(
            "Download (zip)",
            lambda: finished_runs.download(run.path),
            f"{file_text(run.name)}.zip",
            "application/zip",
            key="get_run",
            icon=":material/download:",
            on_click="ignore",
        )
    job = QUEUE.newest(run)
    if job is not None:
        st.fragment(_keeping, run_every=None if job.over else TICK)(job, job.over)


def _name_key(run: Run) -> str:
    """Where the session has the name in the field. Asked at the click: what was typed just before it counts."""
    return f"name_{run.name}"


def _keep(run: Run) -> None:
    try:
        QUEUE.begin(run, st.session_state[_name_key(run)])
    except (RunError, ValueError) as error:
        st.session_state["train_error"] = str(error)


def _keeping(job: Keeping, was_over: bool) -> None:
    """How the run's keeping stands; looked at again until it is over."""
    if job.over and not was_over:
        st.rerun(scope="app")  # the picker knows the model now, and the looking ends
    if job.state == "waiting":
        before = QUEUE.before(job)
        st.info(
            f"It is kept as {markdown_text(job.target.name)} after {before:d} other{'s' if before != 1 else ''}: one is measured at a time.",
            icon=":material/hourglass:",
        )
    elif job.state == "measuring":
        st.info(
            f"Measuring it on the whole test split to keep it as {markdown_text(job.target.name)}: {duration(time.time() - job.since)} so "
            "far, up to a minute in all. It goes on when you leave this page.",
            icon=":material/hourglass:",
        )
    elif job.state == "failed":
        st.error(f"It was not kept: {markdown_text(job.note, 600)}", icon=":material/error:")
    elif job.target.exists():
        st.success(
            f"Kept as {markdown_text(job.target.name)}: it is in the model picker now.",
            icon=":material/bookmark_added:",
        )


def _delete(run: Run) -> Deleted:
    with QUEUE.at_rest(run):  # what another visitor has asked for rests on it
        return delete_run(run)


def _resume(run: Run) -> None:
    try:
        with QUEUE.at_rest(run):
            launcher.resume(run)
    except (RunError, ValueError) as error:
        st.session_state["train_error"] = str(error)


def _rename(run: Run) -> None:
    try:
        with QUEUE.at_rest(run):
            renamed = finished_runs.rename(run, st.session_state[_name_key(run)])
    except (RunError, ValueError) as error:
        st.session_state["train_error"] = str(error)
        return
    state.choose_run(renamed.name)
