"""Generate: pictures that do not exist, ways between pictures, and reckoning with them."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.app.frame import frame
from pages.ui.app.model_pictures import pictures_for
from pages.ui.generate.arithmetic import carry_view, sum_view
from pages.ui.generate.interpolation import interpolation_view
from pages.ui.generate.quality import quality_view
from pages.ui.generate.samples import samples_view, take_click
from pages.ui.glossary import term
from pages.ui.shared.picture_line import picture_line

SAMPLES, WALK, SUM, CARRY, QUALITY = "Samples", "Interpolate", "A − B + C", "Carry a style over", "How good are they?"


def main(model: LoadedModel) -> None:
    """One of five views."""
    st.caption(
        f"Pictures that do not exist: {term('z')} is drawn from the {term('prior')}, or found between real pictures, and the "
        f"{term('decoder')} draws it.",
        unsafe_allow_html=True,
    )
    test_images = pictures_for(model)
    take_click()
    view = st.segmented_control(
        "View",
        (SAMPLES, WALK, SUM, CARRY, QUALITY),
        default=SAMPLES,
        key="generate_view",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if view == SAMPLES:
        samples_view(model, test_images)
    elif view == QUALITY:
        quality_view(model)
    else:
        draw = {WALK: interpolation_view, SUM: sum_view, CARRY: carry_view}[view]
        draw(model, test_images, picture_line(model, test_images))


frame("Generate", main)
