"""The map on a page: the living one, or the plain one for browsers where the component cannot run. A click is the choice."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, codes_have_pictures
from pages.ui.app.subject import Subject
from pages.ui.components.live_map import Selected, live_map, pinned
from pages.ui.formatting import html_text, markdown_text, plain_text
from pages.ui.images import SIDE
from pages.ui.map.cache import living, plain_map
from pages.ui.map.plain_figure import POINTS, map_figure
from vae_core.checkpoints.probe import affordable

VIEWS = ("Living map", "Plain map")


LIVING, PLAIN = "living", "map_chart"  # the widgets' keys


def take_click(model: LoadedModel, test_images: Source | None) -> None:
    """Make the newest click on a map the choice. Call it before `subject`, so that the whole page shows it at once."""
    pin = pinned(LIVING, model.engine.latent_dim)
    if pin is not None and pin.serial != st.session_state.get("last_pin"):
        st.session_state["last_pin"] = pin.serial
        if pin.index is not None and codes_have_pictures(model, test_images):
            state.choose_image(pin.index)
        else:
            state.choose_point(pin.z.tolist())
    points = st.session_state.get(PLAIN, {}).get("selection", {}).get("points", [])
    clicked = (points[0]["x"], points[0]["y"]) if points else None
    # a second click on the same point deselects it: the last one stays chosen
    if clicked is not None and clicked != st.session_state.get("last_click"):
        state.choose_point(clicked)
    st.session_state["last_click"] = clicked


def map_of(model: LoadedModel, test_images: Source | None, selected: Subject, height: int = 620) -> None:
    """Draw the chosen view with what is selected on it. A model with one latent unit has no map, and the page says so."""
    if model.engine.latent_dim < 2:
        st.info(
            "A map needs two latent units, this model has one. Its traversal is on the page Latent space.",
            icon=":material/info:",
        )
        return
    view = VIEWS[0]
    garments = SIDE**2
    if model.engine.latent_dim == 2 and model.latents is not None and affordable(model.engine, garments) == garments:
        view = st.segmented_control(
            "Map", VIEWS, default=VIEWS[0], key="view", required=True, bind="query-params", label_visibility="collapsed"
        )
    if view == VIEWS[0]:
        _living(model, test_images, selected, height)
    else:
        _plain(model, selected)


def _living(model: LoadedModel, test_images: Source | None, selected: Subject, height: int) -> None:
    """The decoder runs in the browser, and only a click comes back."""
    posterior = (
        None if selected.z_log_var is None else Selected(plain_text(selected.name), selected.z, selected.z_log_var)
    )
    live_map(living(model, test_images), LIVING, z=selected.z, selected=posterior, height=height)
    st.caption(
        f"Move over the map (on a touch screen, drag): each position becomes a {model.thing}, decoded in your browser. A click pins "
        "it; arrow keys move, the wheel zooms."
        + (
            ""
            if posterior is None
            else f" The ellipses are the posterior of {markdown_text(selected.name)} at one and two sigma, to scale."
        )
    )


def _plain(model: LoadedModel, selected: Subject) -> None:
    """Codes over decoded pictures, and an invisible lattice that takes the clicks."""
    assert model.latents is not None  # the view is only offered with codes
    plain, codes, labels = plain_map(model), model.latents.z_mean, model.latents.labels
    drawn = np.random.default_rng(0).permutation(len(codes))[:POINTS]
    figure = map_figure(
        plain.background,
        plain.extent,
        codes[drawn],
        labels[drawn],
        [html_text(name) for name in model.classes],
        selected.z,
    )
    with st.container(key="map"):
        st.plotly_chart(
            figure,
            key=PLAIN,
            on_select="rerun",
            selection_mode="points",
            height="stretch",
            config={"displayModeBar": False},
            alt="Pictures decoded over the plane of z, with the test codes on top",
        )
    st.caption(
        f"{len(drawn):,} of the {len(codes):,} codes (z_mean) of the test images, coloured by class, over {SIDE} × "
        f"{SIDE} {model.thing}s decoded where they lie: z₁ to the right, z₂ upwards. Click a class in the legend to hide "
        "it. The star is what is shown."
    )
