"""The second picture of a comparison: the pinned one, or a test picture by number, class or chance."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import Opened, Source, prepared
from pages.ui.app.state import Selection
from pages.ui.app.subject import Subject, numbered, point
from pages.ui.app.widget_sync import tell
from pages.ui.formatting import markdown_text, plain_text
from vae_core.datasets.preprocessing import PictureError

SECOND = "second_picture"  # a Selection, in the session
ANY = "Any class"


def ask_second() -> bool:
    """Is a second picture wanted?"""
    return st.toggle("Compare with a second picture", key="heat_compare", persist_state="session")


def second(model: Opened, found: Source | None, shown: Subject) -> Subject | None:
    """Which one, and how the model sees it; None if it does not fit the model, which is said."""
    if SECOND not in st.session_state:
        st.session_state[SECOND] = _another(found, shown) if found is not None else state.selection()
    _controls(found)
    chosen: Selection = st.session_state[SECOND]
    if chosen == state.selection():
        st.caption("Both pictures are the same now: choose another one above, the pinned one stays.")
    return _subject(model, found, chosen)


def _controls(found: Source | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Pin the first picture here",
            icon=":material/keep:",
            key="pin",
            on_click=_pin,
            help="The picture that is chosen now becomes the second one. Then choose another as the first.",
        )
        if found is None:
            return
        index = st.session_state[SECOND].index
        tell("second_index", None if index is None else min(index, len(found.labels) - 1))
        st.number_input(
            "Second: test image",
            0,
            len(found.labels) - 1,
            key="second_index",
            on_change=_by_number,
            width=170,
            value=None,
            placeholder="number",
        )
        st.selectbox(
            "Second: of class",
            [ANY, *found.dataset.classes],
            key="second_class",
            persist_state="session",
            width=180,
            format_func=plain_text,
        )
        st.button("Second: random", icon=":material/shuffle:", key="second_random", on_click=_random, args=(found,))


def _pin() -> None:
    st.session_state[SECOND] = state.selection()


def _by_number() -> None:
    number = st.session_state["second_index"]
    if number is not None:
        st.session_state[SECOND] = Selection(index=int(number))


def _random(found: Source) -> None:
    name = st.session_state["second_class"]
    wanted = None if name == ANY else found.dataset.classes.index(name)
    among = np.arange(len(found.labels)) if wanted is None else np.flatnonzero(found.labels == wanted)
    if len(among):
        st.session_state[SECOND] = Selection(index=int(np.random.default_rng().choice(among)))


def _another(found: Source, shown: Subject) -> Selection:
    """The first test picture of another class."""
    others = np.flatnonzero(found.labels != (shown.label if shown.label is not None else found.labels[0]))
    return Selection(index=int(others[0]) if len(others) else 0)


def _subject(model: Opened, found: Source | None, chosen: Selection) -> Subject | None:
    if chosen.upload is not None:
        try:
            done = prepared(chosen.upload, model.engine.image_shape, model.treatment)
        except PictureError as error:
            st.info(f"The second picture: {markdown_text(error)}", icon=":material/info:")
            return None
        z_mean, z_log_var = model.engine.encode(done.image[None])
        return Subject("your picture", done.image, z_mean[0], z_log_var[0], prepared=done)
    if chosen.z is not None and len(chosen.z) == model.engine.latent_dim:
        return point(model, np.array(chosen.z, np.float32))
    if chosen.index is not None and found is not None:
        return numbered(model, found, min(chosen.index, len(found.labels) - 1))
    if chosen.index is not None and model.latents is not None and len(model.latents.labels):
        return point(model, model.latents.z_mean[min(chosen.index, len(model.latents.labels) - 1)])
    st.info("The second picture does not fit this model: pin another one.", icon=":material/info:")
    return None
