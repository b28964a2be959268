"""A model that someone has downloaded elsewhere becomes one of this app's."""

from __future__ import annotations

import streamlit as st

from pages.ui.app import state
from pages.ui.app.uploads import ZIP_MB, refusal_message
from pages.ui.formatting import SENTENCE, markdown_text
from vae_core.jobs import finished_runs
from vae_core.runs.control import RunError

REFUSED = "refused_model_zip"  # in the session: the newest zip that was refused, and why


def bring_model() -> None:
    """A zip of a model's folder becomes a model of this app: checked, never executed."""
    brought = st.session_state.pop("brought", None)
    if brought:
        st.success(f"{markdown_text(brought)} is here now: it is the model of every page.", icon=":material/check:")
    refusal_message()
    upload = st.file_uploader(
        "Open a model: the zip that Download on the page Train gives, or a zip of a folder like those in checkpoints/",
        ["zip"],
        key="model_zip",
        max_upload_size=ZIP_MB,
        help="It is checked file by file and never executed; one that fits goes into the folder of models.",
    )
    if upload is None or upload.file_id == st.session_state.get("last_model_zip"):
        return
    known_id, refusal = st.session_state.get(REFUSED, ("", ""))
    if upload.file_id == known_id:  # it lies in the uploader for many runs, and is checked in one of them
        _say(upload.name, refusal)
        return
    try:
        with st.spinner("Checking the model: what the pages show of it is worked out once …"):
            path = finished_runs.import_model(upload.getvalue())
    except (ValueError, RunError, OSError) as error:
        if not isinstance(error, RunError | OSError):  # the zip's own fault: another try would say the same
            st.session_state[REFUSED] = (upload.file_id, str(error))
        _say(upload.name, str(error))
        return
    st.session_state["last_model_zip"] = upload.file_id
    st.session_state["brought"] = path.name
    state.choose_model(path.name)
    st.rerun()  # the picker and the table know it from the start


def _say(name: str, problem: str) -> None:
    st.error(f"{markdown_text(name)}: {markdown_text(problem, SENTENCE)}", icon=":material/folder_zip:")
