"""What can be done with a run that has ended: resume, look at it, name it, keep it, take it away."""

from __future__ import annotations

import time

import streamlit as st

from pages.ui.app import state
from pages.ui.formatting import SENTENCE, file_text, markdown_text
from pages.ui.shared.deletion import deletion_control
from pages.ui.train.controls import OUTCOME, forced_outcome
from pages.ui.train.form import duration
from pages.ui.train.others import guarded_button
from vae_core.checkpoints.placement import is_shipped
from vae_core.jobs import finished_runs, launcher
from vae_core.jobs.command import command_of
from vae_core.jobs.deletion import delete_model, delete_run
from vae_core.jobs.keeping import QUEUE, Keeping
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.live_reader import View
from vae_core.storage.trash import Deleted, folder_size

NAME_PROBLEM, RESUME_PROBLEM = "name_problem", "resume_problem"  # in the session
PAGES = (
    ("latent_space", "Latent space", "scatter_plot"),
    ("reconstruction", "Reconstruction", "compare"),
    ("heatmaps", "Heatmaps", "blur_on"),
)
TICK = 1.0  # seconds between two looks at a run that is being kept


def end_buttons(run: Run, view: View) -> None:
    """What comes next: explore it, or go on."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if view.snapshots:
            _explore(f"runs/{run.name}")
        if view.health.resumable:
            primary = "secondary" if view.snapshots else "primary"
            st.button("Resume", icon=":material/play_arrow:", type=primary, key="resume", on_click=_resume, args=(run,))  # type: ignore[arg-type]
        if view.snapshots:
            for page, words, icon in PAGES:
                if st.button(f"Open on {words}", icon=f":material/{icon}:", key=f"open_{page}"):
                    _open(f"runs/{run.name}", f"pages/{page}.py")
    forced_outcome(run)
    _problem(RESUME_PROBLEM)


def kept_buttons(run: Run) -> None:
    """A kept model: explore it, its size, delete it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        _explore(run.name)
    if not is_shipped(run.path):
        _size(run)
        deletion_control(
            run.path,
            f"the model {markdown_text(run.name)}",
            lambda: delete_model(run.path),
            after=lambda: state.choose_run(""),
        )


def after_its_end(run: Run, view: View) -> None:
    """Keep, rename, download, delete; its command."""
    if view.snapshots:
        keep_and_rename(run)
    command = command_of(run)
    if command:
        with st.expander("The command that trains this run", icon=":material/terminal:", key="command"):
            st.code(command, language="bash", wrap_lines=True)
            st.caption("It starts the same recipe on the same data anew; another `--run-dir` keeps both.")
    _size(run)
    deletion_control(
        run.path, f"the run {markdown_text(run.name)}", lambda: _delete(run), after=lambda: state.choose_run("")
    )


def _size(run: Run) -> None:
    st.caption(f"It takes {folder_size(run.path) / 1e6:,.1f} MB on this disk.")


def _explore(model_id: str) -> None:
    if st.button("Explore this model", icon=":material/explore:", type="primary", key="explore"):
        _open(model_id, "streamlit_app.py")


def _open(model_id: str, page: str) -> None:
    state.choose_model(model_id)
    st.switch_page(page, query_params=state.in_links())


def _problem(key: str) -> None:
    """Why a click did nothing, beside what was clicked; said once."""
    problem = st.session_state.pop(key, None)
    if problem:
        st.error(markdown_text(problem, SENTENCE), icon=":material/error:")


def keep_and_rename(run: Run) -> None:
    """Keeping it as a model, its name, its zip."""
    st.header("Keep it, rename it", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name", run.name, key=_name_key(run), width=320)
        st.button(
            "Keep as a model",
            icon=":material/bookmark:",
            key="keep",
            help="Measured on the whole test split, and put beside the shipped models.",
            on_click=_keep,
            args=(run,),
        )
        guarded_button(run, "Rename the run", "edit", "rename", lambda: _rename(run))
        st.download_button(
            "Download (zip)",
            lambda: finished_runs.download(run.path),
            f"{file_text(run.name)}.zip",
            "application/zip",
            key="get_run",
            icon=":material/download:",
            on_click="ignore",
        )
    _problem(NAME_PROBLEM)
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
        st.session_state[NAME_PROBLEM] = str(error)


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
    st.session_state.pop(OUTCOME, None)
    try:
        with QUEUE.at_rest(run):
            launcher.resume(run)
    except (RunError, ValueError) as error:
        st.session_state[RESUME_PROBLEM] = str(error)


def _rename(run: Run) -> None:
    try:
        with QUEUE.at_rest(run):
            renamed = finished_runs.rename(run, st.session_state[_name_key(run)])
    except (RunError, ValueError) as error:
        st.session_state[NAME_PROBLEM] = str(error)
        return
    state.choose_run(renamed.name)
