"""The second picture of a comparison: the pinned one, or a test picture by number, class or chance."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, prepared
from pages.ui.app.state import Selection
from pages.ui.app.subject import Subject, numbered, point
from pages.ui.app.widget_sync import set_widget
from pages.ui.formatting import beside, markdown_text, plain_text
from vae_core.datasets.preprocessing import PictureError

SECOND = "second_picture"  # a Selection, in the session
ANY = "Any class"


def second_picture_toggle() -> bool:
    """Is a second picture wanted?"""
    return st.toggle("Compare with a second picture", key="heat_compare", persist_state="session")


def second(model: LoadedModel, test_images: Source | None, selected: Subject) -> Subject | None:
    """Which one, and how the model sees it; None if it does not fit the model, which is said."""
    if SECOND not in st.session_state:
        st.session_state[SECOND] = _another(test_images, selected) if test_images is not None else state.selection()
    _controls(test_images)
    chosen: Selection = st.session_state[SECOND]
    if chosen == state.selection():
        st.caption("Both pictures are the same now: choose another one above, the pinned one stays.")
    return _subject(model, test_images, chosen)


def _controls(test_images: Source | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Pin the first picture here",
            icon=":material/keep:",
            key="pin",
            on_click=_pin,
            help="The picture that is chosen now becomes the second one. Then choose another as the first.",
        )
        if test_images is None:
            return
        index = st.session_state[SECOND].index
        set_widget("second_index", None if index is None else min(index, len(test_images.labels) - 1))
        st.number_input(
            "Second: test image",
            0,
            len(test_images.labels) - 1,
            key="second_index",
            on_change=_by_number,
            width=170,
            value=None,
            placeholder="number",
        )
        st.selectbox(
            "Second: of class",
            [beside(ANY, test_images.dataset.classes), *test_images.dataset.classes],
            key="second_class",
            persist_state="session",
            width=180,
            format_func=plain_text,
        )
        st.button(
            "Second: random", icon=":material/shuffle:", key="second_random", on_click=_random, args=(test_images,)
        )


def _pin() -> None:
    st.session_state[SECOND] = state.selection()


def _by_number() -> None:
    number = st.session_state["second_index"]
    if number is not None:
        st.session_state[SECOND] = Selection(index=int(number))


def _random(test_images: Source) -> None:
    name = st.session_state["second_class"]
    classes = test_images.dataset.classes
    label = classes.index(name) if name in classes else None
    numbers = np.arange(len(test_images.labels)) if label is None else np.flatnonzero(test_images.labels == label)
    if len(numbers):
        st.session_state[SECOND] = Selection(index=int(np.random.default_rng().choice(numbers)))


def _another(test_images: Source, selected: Subject) -> Selection:
    """The first test picture of another class."""
    others = np.flatnonzero(
        test_images.labels != (selected.label if selected.label is not None else test_images.labels[0])
    )
    return Selection(index=int(others[0]) if len(others) else 0)


def _subject(model: LoadedModel, test_images: Source | None, chosen: Selection) -> Subject | None:
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
    if chosen.index is not None and test_images is not None:
        return numbered(model, test_images, min(chosen.index, len(test_images.labels) - 1))
    if chosen.index is not None and model.latents is not None and len(model.latents.labels):
        return point(model, model.latents.z_mean[min(chosen.index, len(model.latents.labels) - 1)])
    st.info("The second picture does not fit this model: pin another one.", icon=":material/info:")
    return None
