"""Report: is the model's loss good, where do its nats go, and what do its units, latent space and classes look like."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.app.frame import frame
from pages.ui.app.model_pictures import pictures_for
from pages.ui.glossary import term
from pages.ui.report import view
from pages.ui.report.cache import contents_of
from pages.ui.shared.measuring import offer_to_measure


def main(model: LoadedModel) -> None:
    """The result as sentences, the file and a second model, then every part."""
    test_images = pictures_for(model)
    st.markdown(
        f"Is the loss good, and where do its {term('nats')} go? What lies between the {term('ELBO')} and exact log p(x), in one "
        "column to read, to print and to send.",
        unsafe_allow_html=True,
    )
    contents = contents_of(model, test_images)
    if contents is None:
        offer_to_measure(model, test_images, "report", "What its nats are made of", long=True)
        return
    view.result(contents)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        other = view.compared(model)
        view.download(contents, other)
    st.html(view.STYLE_TAG)
    view.against(contents, other)
    view.parts(model, test_images, contents)


frame("Report", main)
