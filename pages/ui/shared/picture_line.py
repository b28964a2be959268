"""The chosen picture, in one line at the top of every page that is about one, and all the ways to choose another.

    selected = picture_line(model, test_images)

In this order: thumbnail, name, back to the first, previous, next, random, of a class, upload, (drawing has its place here,) a
photo to try. Below it, for an upload, how it became what the model sees.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, prepared
from pages.ui.app.sample_photos import is_sample, sample_photos
from pages.ui.app.state import Selection
from pages.ui.app.subject import Subject, subject
from pages.ui.app.uploads import PICTURE_MB, drop, refusal_message
from pages.ui.app.widget_sync import set_widget
from pages.ui.formatting import beside, markdown_text, plain_text, sentence
from pages.ui.images import enlarge
from pages.ui.shared.picture import picture
from pages.ui.shared.picture_choices import CLASS, Choices, choices_of
from pages.ui.shared.picture_steps import take_cut, upload_steps
from vae_core.datasets.image_headers import READABLE
from vae_core.datasets.preprocessing import PictureError
from vae_core.storage.names import clean

ANY = "Any class"
THUMBNAIL = 56  # pixels
FIRST = Selection(index=0)
UPLOADS, PENDING = (
    "uploads",
    "upload_pending",
)  # in the session: how many files came, and the newest until it is taken up
REFUSED = "upload_refused"  # in the session: (the sentence, the choice beside which it is said)
STYLE = """<style>
.st-key-picture_line button { min-height: 2.25rem; padding: 0.2rem 0.7rem; }
.st-key-picture_line [data-testid="stFileUploader"] { width: auto; }
.st-key-picture_line [data-testid="stFileUploaderDropzone"] { padding: 0; background: none; border: none; min-height: 0; height: auto; }
.st-key-picture_line [data-testid="stFileUploaderDropzoneInstructions"] { display: none; }
/* the browser itself refuses what is too large, and no run of the page hears of it */
.st-key-picture_line [data-testid="stFileUploader"]:has([data-testid="stFileChipIconError"])::after {
    content: "Not taken: PICTURE_MB MB at most. Remove it to choose another."; font-size: 0.875rem; line-height: 1.3; }
/* an icon to see, words for who cannot */
.st-key-choose_default button, .st-key-choose_previous button, .st-key-choose_next button { width: 2.25rem; padding: 0; }
.st-key-choose_default button > *, .st-key-choose_previous button > *, .st-key-choose_next button > * { gap: 0; }
.st-key-choose_default button p, .st-key-choose_previous button p, .st-key-choose_next button p {
    position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
</style>""".replace("PICTURE_MB", str(PICTURE_MB))


def picture_line(model: LoadedModel, test_images: Source | None) -> Subject:
    """Draw the line, take up what is chosen in it, and return the chosen picture as the model sees it.

    Call it before anything that shows the picture, and after a click elsewhere on the page has been taken up.
    """
    st.html(STYLE)
    take_cut()
    choices = choices_of(model, test_images)
    with st.container(key="picture_line", gap="small"):
        _take_upload(model)  # before the thumbnail is drawn
        selected = subject(model, test_images)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            _chip(selected, choices)
            if choices is not None:
                _other_ways(choices)
            upload_button(model)
            if model.clothes:
                _sample_menu()
        refused_upload(selected)
        if selected.prepared is not None:
            upload_steps(selected.prepared, model)
    return selected


def upload_button(model: LoadedModel) -> None:
    """An uploaded or pasted picture becomes the choice. The button is a new one after each, as no file is to lie in it."""
    number = st.session_state.setdefault(UPLOADS, 0)
    key = f"upload_{number}" if number else "upload"
    st.file_uploader(
        "Upload a picture",
        key=key,
        max_upload_size=PICTURE_MB,
        label_visibility="collapsed",
        width=105,
        help=f"{_wanted(model)}. {READABLE}, {PICTURE_MB} MB at most. Drop it here, or click into the field and paste a picture.",
        on_change=_uploaded,
        args=(key,),
    )


def _uploaded(key: str) -> None:
    """Called before the page is drawn: the file is laid aside for `_take_upload`, which may take a moment and says so."""
    file = st.session_state[key]
    # not a file that was dropped here, of which the browser speaks once more while it has not heard of the new button
    if isinstance(file, UploadedFile):
        st.session_state[PENDING] = state.Upload(clean(file.name), file.getvalue())
        st.session_state[UPLOADS] += 1
        drop(file.file_id)


def _take_upload(model: LoadedModel) -> None:
    upload = st.session_state.get(PENDING)
    if upload is None:
        return
    try:
        with st.spinner("Reading the picture …", show_time=False):
            prepared(upload, model.engine.image_shape, model.treatment)
    except PictureError as error:
        st.session_state[REFUSED] = (
            f"{markdown_text(upload.name)} was not taken: {markdown_text(error)}",
            state.selection(),
        )
    else:
        state.choose(Selection(upload=upload))
    del st.session_state[PENDING]  # not reached by a run that another one has cut short


def refused_upload(selected: Subject) -> None:
    """Why the newest file was not taken, and what is shown instead; until another picture is chosen."""
    refusal_message()
    refusal, beside_what = st.session_state.get(REFUSED, ("", None))
    if not refusal:
        return
    if state.selection() != beside_what:
        del st.session_state[REFUSED]
        return
    st.error(f"{refusal} What is shown is still {markdown_text(title(selected))}.", icon=":material/broken_image:")


def title(selected: Subject) -> str:
    """The name of a picture in the line: "test image 12 (Coat)", "your picture shirt.png", "sample photo: boot"; plain text."""
    upload = state.selection().upload
    if selected.prepared is None or upload is None:
        return selected.name
    return f"{'sample photo' if is_sample(upload) else 'your picture'}: {plain_text(upload.name)}"


def _chip(selected: Subject, choices: Choices | None) -> None:
    picture(enlarge(selected.image, 2 * THUMBNAIL), alt=plain_text(f"Chosen: {selected.name}"), width=THUMBNAIL)
    st.markdown(f"**{markdown_text(sentence(title(selected)))}**", width="content")
    if state.selection() != FIRST:
        _icon_button("close", "Back to the first picture", "choose_default", state.choose, FIRST)
    if choices is not None:
        _icon_button("chevron_left", "Previous picture", "choose_previous", choices.step, -1)
        _icon_button("chevron_right", "Next picture", "choose_next", choices.step, 1)


def _icon_button(icon: str, words: str, key: str, act: Callable[..., None], *args: object) -> None:
    st.button(words, icon=f":material/{icon}:", help=words, key=key, on_click=act, args=args)


def _other_ways(choices: Choices) -> None:
    """By chance, by class, by number."""
    st.button("Random", icon=":material/shuffle:", key="choose_random", on_click=choices.random)
    name = choices.chosen_class
    words = f"Class: {markdown_text(name)}" if name is not None else "Of a class"
    with st.popover(
        words, key="choose_popover", help="Previous, next and random keep to the class that is chosen here."
    ):
        st.selectbox(
            "Class",
            [beside(ANY, choices.classes), *choices.classes],
            key=CLASS,
            persist_state="session",
            on_change=choices.to_class,
            format_func=plain_text,
        )
        if choices.codes is None:
            last = len(choices.labels) - 1
            now = state.selection().index
            set_widget("choose_index", None if now is None else min(now, last))
            st.number_input(
                f"Test image, 0 to {last:,}",
                0,
                last,
                key="choose_index",
                value=None,
                placeholder="number",
                on_change=_by_number,
            )


def _by_number() -> None:
    number = st.session_state["choose_index"]
    if number is not None:
        state.choose_image(number)


def _sample_menu() -> None:
    """Photos that show what is done to a photo."""
    photos = sample_photos()
    st.menu_button(
        "Try a photo",
        range(len(photos)),
        key="choose_sample",
        icon=":material/photo_camera:",
        format_func=lambda i: photos[i].name,
        on_click=_sample,
        help="Three made-up photos, each with another difficulty",
    )


def _sample() -> None:
    number = st.session_state["choose_sample"]
    if number is not None:
        state.choose(Selection(upload=sample_photos()[number]))


def _wanted(model: LoadedModel) -> str:
    return (
        "A picture of your own: one garment on a plain background"
        if model.clothes
        else "A picture of your own, like those that the model was trained on"
    )
