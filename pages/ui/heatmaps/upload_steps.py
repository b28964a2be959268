"""From an upload to what the model sees: every step as a picture, and the switches that change them."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel
from pages.ui.formatting import markdown_text, plain_text
from pages.ui.heatmaps.pictures import thumbnail
from pages.ui.shared.picture import picture
from vae_core.datasets.preprocessing import Prepared

INVERT = {"auto": None, "yes": True, "no": False}
STEP = 144  # pixels a side


def upload_steps(prepared: Prepared, model: LoadedModel) -> None:
    """The switches, then the picture as it came and after every step. For an upload that is the selection."""
    upload = state.selection().upload
    assert upload is not None  # only an upload has steps
    with st.container(border=True):
        _switches(upload, model)
        with st.container(horizontal=True):
            for number, step in enumerate(prepared.steps):
                with st.container(width=STEP + 8, gap="small"):
                    image = thumbnail(step.image, STEP)
                    words = "Your picture as it came" if number == 0 else f"After the step {step.name}"
                    picture(image, alt=plain_text(f"{words}: {step.note}"), width=image.shape[1])
                    st.caption(
                        f"**{'your picture' if number == 0 else markdown_text(step.name)}**: {markdown_text(step.note)}"
                    )


def _switches(upload: state.Upload, model: LoadedModel) -> None:
    garment = model.treatment["fit"] == "garment"
    crop = garment if upload.crop is None else upload.crop
    now = next(name for name, value in INVERT.items() if value == upload.invert)
    st.session_state.update(upload_invert=now, upload_crop=crop, upload_contrast=upload.contrast)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**From your picture to the model's input**", width="content")
        st.segmented_control(
            "Invert",
            list(INVERT),
            key="upload_invert",
            required=True,
            on_change=_changed,
            format_func=lambda name: f"Invert: {name}",
            label_visibility="collapsed",
            help="Auto swaps light and dark if the background is light: the model knows its pictures on black."
            if garment
            else "Auto leaves light and dark as they are, as in the pictures that the model was trained on.",
        )
        st.toggle(
            "Crop to the garment" if model.clothes else "Crop to what stands out", key="upload_crop", on_change=_changed
        )
        st.toggle("Stretch contrast", key="upload_contrast", on_change=_changed)


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
