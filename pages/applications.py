"""Applications: what a model is used for, on the chosen picture and over many, each use beside its baselines."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.app.frame import frame
from pages.ui.app.model_pictures import pictures_for
from pages.ui.applications.anomalies import anomalies
from pages.ui.applications.clustering import clustering
from pages.ui.applications.compression import compression
from pages.ui.applications.denoising import denoising
from pages.ui.glossary import term
from pages.ui.shared.picture_line import picture_line

USES = {"Compression": compression, "Denoising": denoising, "Anomalies": anomalies, "Unsupervised learning": clustering}


def main(model: LoadedModel) -> None:
    """Picture, use, result."""
    test_images = pictures_for(model)
    selected = picture_line(model, test_images)
    use = st.segmented_control(
        "Use",
        list(USES),
        default=next(iter(USES)),
        key="use",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    assert use is not None  # required
    st.caption(
        f"Four uses of a {term('VAE')}, each from what it has learned: the {term('posterior')} of a picture, its "
        f"{term('reconstruction')}, and its place in {term('latent space')}.",
        unsafe_allow_html=True,
    )
    USES[use](model, test_images, selected)


frame("Applications", main)
