"""The map on a page, or the plain one for those who need it: no script of ours in the browser. A click is the choice."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, codes_have_pictures
from pages.ui.app.subject import Subject, in_words
from pages.ui.components.live_map import Selected, Strip, clicked_part, live_map, pinned
from pages.ui.formatting import html_text, plain_text
from pages.ui.images import SIDE, data_uri
from pages.ui.map.cache import living, plain_map
from pages.ui.map.plain_figure import POINTS, map_figure
from vae_core.checkpoints.probe import affordable

LIVING, PLAIN = "living", "map_chart"  # the widgets' keys
COMPUTING = ("conv2d", "conv2d_transpose", "dense", "fourier")  # kinds of layers that are more than another shape
PARTS: dict[str, tuple[str, dict[str, str]]] = {  # of the strip: the page behind each, and what more its address says
    "picture": ("reconstruction", {}),
    "encoder": ("heatmaps", {"part": "encoder"}),
    "z": ("latent_space", {}),
    "decoder": ("heatmaps", {"part": "decoder"}),
    "drawn": ("reconstruction", {}),
}
THUMB = 64  # pixels a side of the chosen picture in the strip: a larger one is thinned to it
PLAIN_VIEW = "plain_view"  # in the session: whether the plain map is shown; an address with ?view=plain begins with it


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


def follow_part() -> None:
    """Go to the page of the strip's part that was clicked, with what is chosen here."""
    page, more = PARTS.get(clicked_part(LIVING) or "", (None, {}))
    if page is not None:
        st.switch_page(f"pages/{page}.py", query_params=state.in_links() | more)


def map_of(
    model: LoadedModel,
    test_images: Source | None,
    selected: Subject,
    answer: Callable[[], None],
    height: int = 620,
    front: bool = False,
) -> None:
    """Draw the map with what is selected on it. A model with one latent unit has no map, and the page says so.

    answer: draws the picture decoded at `selected.z` beside the plain map, which has no place for it. front: with the strip
    above the map, a cursor that shows what to do, and as large as the window has room for.
    """
    if model.engine.latent_dim < 2:
        st.info(
            "A map needs two latent units, this model has one. Its traversal is on the page Latent space.",
            icon=":material/info:",
        )
        return
    if has_plain_map(model) and _plain_is_shown():
        _plain(model, selected, answer)
    else:
        posterior = (
            None if selected.z_log_var is None else Selected(plain_text(selected.name), selected.z, selected.z_log_var)
        )
        live_map(
            living(model, test_images),
            LIVING,
            z=selected.z,
            selected=posterior,
            height=height,
            strip=_strip(model, selected) if front else None,
            fit=front,
            guide=front,
        )


def _strip(model: LoadedModel, selected: Subject) -> Strip:
    """The model's encoder, the chosen picture, and the pages behind the parts."""
    encoder = model.checkpoint.network.encoder
    layers = tuple(
        (layer.name, after)
        for layer, _, _, after in encoder.walk()
        if layer.kind in COMPUTING and layer not in encoder.heads
    )
    picture = None if selected.decoded else data_uri(np.round(255 * _thumb(selected.image)).astype(np.uint8).squeeze())
    links = state.in_links()
    addresses = tuple((part, f"{page}?{urlencode(links | more)}") for part, (page, more) in PARTS.items())
    return Strip(tuple(encoder.input_shape), layers, picture, addresses)


def _thumb(image: np.ndarray) -> np.ndarray:
    step = -(-max(image.shape[:2]) // THUMB)
    return image[::step, ::step]


def has_plain_map(model: LoadedModel) -> bool:
    """Whether the model can be shown on a plain map: two units, codes, and pictures that do not take long to decode."""
    garments = SIDE**2
    return model.engine.latent_dim == 2 and model.latents is not None and affordable(model.engine, garments) == garments


def plain_map_link(model: LoadedModel) -> None:
    """A quiet way to the plain map, and back."""
    if not has_plain_map(model):
        return
    plain = _plain_is_shown()

    def turn() -> None:
        st.session_state[PLAIN_VIEW] = not plain

    st.button(
        "Back to the map that follows the pointer" if plain else "The map does not move? Use the plain one",
        key="plain_link",
        type="tertiary",
        on_click=turn,
        help="Drawn by the server: works in browsers where the map above cannot run, and for those who prefer a still picture.",
    )


def _plain_is_shown() -> bool:
    return bool(st.session_state.setdefault(PLAIN_VIEW, st.query_params.get("view") == "plain"))


def _plain(model: LoadedModel, selected: Subject, answer: Callable[[], None]) -> None:
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
    place, beside = st.columns([2, 1], gap="medium")
    with place, st.container(key="map"):
        st.plotly_chart(
            figure,
            key=PLAIN,
            on_select="rerun",
            selection_mode="points",
            height="stretch",
            config={"displayModeBar": False},
            alt="Pictures decoded over the plane of z, with the test codes on top",
        )
    with beside:
        answer()
        st.caption(f"Decoded at the star, {in_words(selected.z)}. Click the map to put it elsewhere.")
        st.caption(
            f"{len(drawn):,} of the {len(codes):,} codes (z_mean) of the test images, coloured by class, over {SIDE} × "
            f"{SIDE} {model.thing}s decoded where they lie: z₁ to the right, z₂ upwards. Click a class in the legend to "
            "hide it."
        )
