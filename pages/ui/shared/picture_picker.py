"""The controls that choose a picture on any page: by number, by class, by chance, or a picture of the user's own."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.subject import upload_selection
from pages.ui.app.uploads import PICTURE_MB, refusal_message
from pages.ui.app.widget_sync import set_widget
from pages.ui.components.mosaic import Tile, clicked, mosaic
from pages.ui.formatting import beside, plain_text
from vae_core.analysis import mosaics
from vae_core.datasets.image_headers import READABLE

ANY = "Any class"
CODES = 12  # decoded codes offered where there are no pictures
DECODED = "choose_code"  # the key of their tiles


def choose_picture(model: LoadedModel, test_images: Source | None) -> None:
    """Number, class, chance, upload. Call it before `subject`: what is chosen here is shown in the same run."""
    above, below = st.container(), st.container()
    with below:  # first, so that the number above knows of an upload
        upload_control(model)
    with above:
        if test_images is not None:
            _from_test(test_images)
        elif model.latents is not None and len(model.latents.labels):
            _from_codes(model)


def upload_control(model: LoadedModel) -> None:
    """An uploaded or pasted picture becomes the choice, once: a later click elsewhere is newer than a file still lying there."""
    refusal_message()
    upload = st.file_uploader(
        "A picture of yours: one garment on a plain background"
        if model.clothes
        else "A picture of yours, like those that the model was trained on",
        key="upload",
        max_upload_size=PICTURE_MB,
        help=f"{READABLE}, told by what is in the file. Drop it here, or click into the field and paste a picture.",
    )
    if upload is None or upload.file_id == st.session_state.get("last_upload"):
        return
    chosen = upload_selection(upload.name, upload.getvalue(), model)
    if chosen is not None:
        st.session_state["last_upload"] = upload.file_id
        state.choose(chosen)


def _from_test(test_images: Source) -> None:
    last = len(test_images.labels) - 1
    now = state.selection().index
    set_widget("choose_index", None if now is None else min(now, last))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            f"Test image, 0 to {last:,}",
            0,
            last,
            key="choose_index",
            value=None,
            width=190,
            placeholder="number",
            on_change=_by_number,
        )
        st.selectbox(
            "Of class",
            [beside(ANY, test_images.dataset.classes), *test_images.dataset.classes],
            key="choose_class",
            persist_state="session",
            width=190,
            on_change=_of_class,
            format_func=plain_text,
            args=(test_images,),
        )
        st.button(
            "Previous", icon=":material/chevron_left:", key="choose_previous", on_click=_step, args=(test_images, -1)
        )
        st.button("Next", icon=":material/chevron_right:", key="choose_next", on_click=_step, args=(test_images, 1))
        st.button("Random", icon=":material/shuffle:", key="choose_random", on_click=_random, args=(test_images,))


def _from_codes(model: LoadedModel) -> None:
    """Without pictures of the model's shape: some test codes, decoded, each of which can be clicked."""
    assert model.latents is not None
    codes, labels = model.latents.z_mean[:CODES], model.latents.labels[:CODES].tolist()
    number = clicked(DECODED)
    if number is not None and number.isdecimal() and int(number) < len(codes):
        state.choose_point(codes[int(number)].tolist())
    now = state.selection().z
    # the first is what a page shows before any choice
    chosen = 0 if now is None else next((i for i, z in enumerate(codes.tolist()) if z == list(now)), None)
    st.markdown(f"**Test codes, decoded**: the first {len(codes)} of {len(model.latents.labels):,}")
    tiles = [
        Tile(f"{i:d}", f"{i:d}", model.classes[label], f"test code {i:d}, {model.classes[label]}, decoded")
        for i, label in enumerate(labels)
    ]
    pictures = np.stack([mosaics.mosaic(picture[None]) for picture in model.engine.decode(codes)])
    mosaic(pictures, tiles, DECODED, "Decoded test codes", "" if chosen is None else str(chosen), size=64, least=72)


def among(test_images: Source) -> np.ndarray:
    """Numbers of the test images of the class that is chosen, ascending."""
    name = st.session_state.get("choose_class")
    if name not in test_images.dataset.classes:
        return np.arange(len(test_images.labels))
    return np.flatnonzero(test_images.labels == test_images.dataset.classes.index(name))


def _by_number() -> None:
    number = st.session_state["choose_index"]
    if number is not None:
        state.choose_image(number)


def _of_class(test_images: Source) -> None:
    """The chosen picture stays if it is of that class; else the first of it."""
    numbers, now = among(test_images), state.selection().index
    if len(numbers) and now not in numbers:
        state.choose_image(int(numbers[0]))


def _step(test_images: Source, by: int) -> None:
    """The next picture of the chosen class, round the end."""
    numbers, now = among(test_images), state.selection().index
    if not len(numbers):
        return
    place = np.searchsorted(numbers, -1 if now is None else now, side="right" if by > 0 else "left")
    state.choose_image(int(numbers[(place if by > 0 else place - 1) % len(numbers)]))


def _random(test_images: Source) -> None:
    numbers = among(test_images)
    if len(numbers):
        state.choose_image(int(np.random.default_rng().choice(numbers)))
