"""From an upload to what the model sees: every step as a small picture, and the switches that change them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel
from pages.ui.components.crop_frame import WHOLE, Box, crop_frame, framed
from pages.ui.formatting import SENTENCE, markdown_text, plain_text
from pages.ui.shared.picture import picture
from vae_core.datasets.preprocessing import TRIM, Prepared

INVERT = {"auto": None, "yes": True, "no": False}
STEP = 72  # pixels a side
CUT = "upload_frame"  # the key of the frame
FRAMED = 300  # pixels a side of the picture in it


def upload_steps(prepared: Prepared, model: LoadedModel) -> None:
    """The picture as it came and after every step, and the switches. For an upload that is the selection."""
    upload = state.selection().upload
    assert upload is not None  # only an upload has steps
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="picture_steps"):
        with st.container(horizontal=True, gap="small", width="content"):
            for number, step in enumerate(prepared.steps):
                with st.container(width=STEP, gap=None, horizontal_alignment="center"):
                    image = thumbnail(step.image, STEP)
                    words = "Your picture as it came" if number == 0 else f"After the step {step.name}"
                    picture(image, alt=plain_text(f"{words}: {step.note}"), width=image.shape[1])
                    st.caption(markdown_text(step.name), width="content")
        _switches(upload, prepared, model)
    if prepared.uneven and _cropped(upload, model):
        st.warning(
            f"The background is uneven: a corner differs from it by {prepared.unevenness:.2f} of full brightness, and from "
            f"{TRIM:.2f} on it counts as part of the {model.thing}. *Cut by hand* closer to it.",
            icon=":material/texture:",
        )


def thumbnail(image: np.ndarray, pixels: int) -> np.ndarray:
    """uint8 (h, w[, c]) with its longer side at about `pixels`: enlarged crisply, or reduced smoothly."""
    longest = max(image.shape[:2])
    if longest <= pixels:
        return np.repeat(np.repeat(image, pixels // longest, axis=0), pixels // longest, axis=1)
    from PIL import Image

    small = Image.fromarray(image)
    small.thumbnail((pixels, pixels), Image.Resampling.BOX, reducing_gap=1.0)
    return np.asarray(small)


def _cropped(upload: state.Upload, model: LoadedModel) -> bool:
    return model.treatment["fit"] == "garment" if upload.crop is None else upload.crop


def _switches(upload: state.Upload, prepared: Prepared, model: LoadedModel) -> None:
    now = next(name for name, value in INVERT.items() if value == upload.invert)
    st.session_state.update(upload_invert=now, upload_crop=_cropped(upload, model), upload_contrast=upload.contrast)
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        st.segmented_control(
            "Invert",
            list(INVERT),
            key="upload_invert",
            required=True,
            on_change=_changed,
            format_func=lambda name: f"Invert: {name}",
            label_visibility="collapsed",
            help="Auto swaps light and dark if the background is light: the model knows its pictures on black."
            if model.treatment["fit"] == "garment"
            else "Auto leaves light and dark as they are, as in the pictures that the model was trained on.",
        )
        st.toggle("Crop", key="upload_crop", on_change=_changed, help=f"To the {model.thing}: to what stands out.")
        st.toggle(
            "Contrast", key="upload_contrast", on_change=_changed, help="Stretched: the background 0, the brightest 1."
        )
        with st.popover("Cut by hand", icon=":material/crop:", key="upload_cut"):
            whole = next(i for i, step in enumerate(prepared.steps) if step.name in ("cut", "grey", "colour")) - 1
            crop_frame(
                thumbnail(prepared.steps[whole].image, FRAMED), upload.box or WHOLE, CUT, "The picture as it came"
            )
            st.button("Keep all of it", key="upload_whole", on_click=_cut, args=(WHOLE,), disabled=upload.box is None)
            st.markdown(
                "\n".join(
                    f"1. **{markdown_text(step.name)}**: {markdown_text(step.note, SENTENCE)}"
                    for step in prepared.steps
                )
            )


def take_cut() -> None:
    """Where the frame was just let go becomes the part of the upload that is kept. Call it before the picture is made ready."""
    box = framed(CUT)
    if box is not None:
        _cut(box)


def _cut(box: Box) -> None:
    upload = state.selection().upload
    if upload is not None:
        state.choose(state.Selection(upload=replace(upload, box=None if box == WHOLE else box)))


def _changed() -> None:
    upload = state.selection().upload
    if upload is None:
        return
    switched = replace(
        upload,
        invert=INVERT[st.session_state["upload_invert"]],
        crop=st.session_state["upload_crop"],
        contrast=st.session_state["upload_contrast"],
    )
    state.choose(state.Selection(upload=switched))
