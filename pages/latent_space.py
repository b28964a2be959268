"""Latent space: what lies near the chosen picture and what each latent unit does, beside a small map."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.app.frame import frame
from pages.ui.app.model_pictures import pictures_for
from pages.ui.app.subject import Subject
from pages.ui.formatting import file_text
from pages.ui.latent_space import files, view
from pages.ui.latent_space.cache import landmarks
from pages.ui.latent_space.landmarks import Landmarks
from pages.ui.map.view import map_of, plain_map_link, take_click
from pages.ui.shared.picture_line import picture_line
from vae_core.analysis import latent_geometry

MAP_HEIGHT = 420  # pixels a side at most


def main(model: LoadedModel) -> None:
    """What lies near and what each unit does, beside a small map; then z in numbers, and files."""
    test_images, facts = pictures_for(model), landmarks(model)
    st.markdown(
        "What lies around the chosen picture, and what each of its numbers changes. Click anything to go there."
    )
    take_click(model, test_images)
    view.take_jump(model, test_images, facts)
    left, right = st.columns([4, 9], gap="medium")
    with right:  # first, since the map shows what is chosen in the line
        selected = picture_line(model, test_images)
    with left:
        map_of(model, test_images, selected, lambda: view.decoded(model, selected), MAP_HEIGHT)
        view.coordinates(model, selected)
        support = st.container()  # filled last: its first look takes a moment
    with right:
        view.neighbours(model, test_images, selected)
        view.walks(model, selected, facts)
        if facts is not None:
            view.centres(model, selected, facts)
    downloads(model, selected, facts)
    if model.latents is not None and st.toggle("Table of the codes", key="latent_codes", persist_state="session"):
        view.table(model, test_images)
    plain_map_link(model)
    with support:
        view.supported(model, selected)


def downloads(model: LoadedModel, selected: Subject, facts: Landmarks | None) -> None:
    """Downloads, made when they are asked for."""
    st.header("Download", anchor=False)
    name, latents = files.stem(model, selected), model.latents
    with st.container(horizontal=True):
        st.download_button(
            "z (JSON)",
            lambda: files.z_json(model, selected),
            f"{name}-z.json",
            "application/json",
            key="latent_json",
            on_click="ignore",
            icon=":material/data_object:",
        )
        st.download_button(
            "Picture (PNG)",
            lambda: files.picture_png(selected.image),
            f"{name}.png",
            "image/png",
            key="latent_png",
            on_click="ignore",
            icon=":material/image:",
        )
        if model.engine.latent_dim > 1:
            st.download_button(
                "Grid (PNG)",
                lambda: files.grid_png(model, selected, facts),
                f"{file_text(model.checkpoint.name)}-grid.png",
                "image/png",
                key="latent_grid",
                on_click="ignore",
                icon=":material/grid_on:",
            )
        if latents is not None:
            st.download_button(
                "Codes (TSV)",
                lambda: latent_geometry.codes_tsv(latents.z_mean, latents.labels, model.classes),
                f"{file_text(model.checkpoint.name)}-codes.tsv",
                "text/tab-separated-values",
                key="latent_tsv",
                on_click="ignore",
                icon=":material/table:",
            )
    if latents is not None:
        load = (
            ", which the Embedding Projector (projector.tensorflow.org) loads as it is"
            if model.engine.latent_dim > 1
            else ""
        )
        st.caption(f"Codes: class and z_mean of the {len(latents.labels):,} test codes, a line each{load}.")


frame("Latent space", main)
