"""The front page, Explore: the map of the chosen model, what lies at the chosen place, and the way to the other pages."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, codes_have_pictures
from pages.ui.app.model_pictures import pictures_for
from pages.ui.app.subject import Subject, in_words
from pages.ui.formatting import SENTENCE, markdown_text, plain_text
from pages.ui.glossary import term
from pages.ui.images import enlarge
from pages.ui.map.view import follow_part, map_of, plain_map_link, take_click
from pages.ui.shared.picture import picture
from pages.ui.shared.picture_line import picture_line
from pages.ui.shared.verdict_card import picture_verdict, show_verdict
from vae_core.analysis import activations, heatmaps, image_quality, latent_geometry, mosaics

NEIGHBOURS = 15
MAP_HEIGHT = 720  # pixels a side at most; the window's height bounds it too
# in HTML, so that a phone speaks of a finger
PROMISE = (
    '<p class="promise"><strong><span class="mouse">Move your mouse</span><span class="finger">Hold a finger</span> over the map: '
    "every point is a {thing} the model makes up.</strong> <span>{learned}</span></p>"
)
LEARNED = (
    f"A {term('VAE', 'variational autoencoder (VAE)')} has learned to describe each picture with "
    f"{{units}}, called {term('z')}, and to draw it again from them."
)


def main(model: LoadedModel) -> None:
    """Map, what is chosen."""
    units = model.engine.latent_dim
    learned = LEARNED.format(units={1: "one number", 2: "two numbers"}.get(units, f"{units:d} numbers"))
    st.html(PROMISE.format(thing="piece of clothing" if model.clothes else "picture", learned=learned))
    test_images = pictures_for(model)
    follow_part()
    take_click(model, test_images)
    above = st.container()
    selected = picture_line(model, test_images)  # before the map, since an upload has its place on it
    with above:
        map_of(model, test_images, selected, lambda: decoded(model, selected), MAP_HEIGHT, front=True)
    nearest_codes(model, test_images, selected)
    inside(model, selected)
    plain_map_link(model)


def decoded(model: LoadedModel, selected: Subject) -> None:
    """What the decoder makes of the chosen z: the plain map's answer."""
    picture(enlarge(model.engine.decode(selected.z[None])[0]), alt=f"Picture decoded from {in_words(selected.z)}")


def nearest_codes(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """Whether the model knows such a picture or place, and which pictures lie there."""
    whose = "" if selected.decoded else f"{term('z_mean')} of {markdown_text(selected.name)}"
    st.markdown(f"**{in_words(selected.z)}** {whose}", unsafe_allow_html=True)
    verdict = picture_verdict(model, selected)
    show_verdict(verdict, "explore")
    if verdict is not None and verdict.level == "warning":
        return  # what lies near is no answer where the model knows nothing
    if model.latents is None or len(model.latents.labels) <= NEIGHBOURS:
        return  # too few to say anything
    itself = selected.index if codes_have_pictures(model, test_images) else None
    nearest, distances = latent_geometry.nearest(model.latents.z_mean, selected.z[None], NEIGHBOURS + 1)
    others = nearest[0] != itself  # a test image is its own nearest
    nearest, distances = nearest[0][others][:NEIGHBOURS], distances[0][others][:NEIGHBOURS]
    counts = np.bincount(model.latents.labels[nearest])
    st.caption(
        f"Of the {len(nearest):d} {'other ' if itself is not None else ''}test codes nearest to it {counts.max():d} are "
        f"{markdown_text(model.classes[int(counts.argmax())])}; the nearest is {distances[0]:.2f} away."
    )


def inside(model: LoadedModel, selected: Subject) -> None:
    """A picture, its reconstruction, and where the last convolution of the encoder responds."""
    image = selected.image
    rebuilt = model.engine.reconstruct(image[None])[0]
    layer, maps = list(activations.feature_maps(model.engine, image).items())[-1]
    heatmap = heatmaps.heatmap(activations.over_channels(maps))
    coloured = mosaics.overlay(image, mosaics.resize(heatmap.rgb, image.shape[:2]), 0.6)
    mse, ssim = image_quality.mse(image[None], rebuilt[None])[0], image_quality.ssim(image[None], rebuilt[None])[0]
    height, width, channels = maps.shape
    slots = st.columns(3)
    with slots[0]:
        st.markdown("**What the model sees**")
        picture(enlarge(image), alt=plain_text(f"The picture as the model sees it: {selected.name}"))
        steps = "" if selected.prepared is None else ": " + " → ".join(step.name for step in selected.prepared.steps)
        st.caption(markdown_text(f"{selected.name}{steps}", SENTENCE))
        _link("latent_space", "Its place in latent space", "scatter_plot")
    with slots[1]:
        st.markdown("**Reconstruction**")
        picture(enlarge(rebuilt), alt="The model's reconstruction of the picture")
        if selected.decoded:
            words = (
                "Encoded and decoded once more. The decoder drew this picture itself, so this does not test the model"
            )
        else:
            words = "Decoded from z_mean"
        st.caption(
            f"{words}. Of this one picture: {term('MSE')} {mse:.4f}, {term('SSIM')} {ssim:.2f}.", unsafe_allow_html=True
        )
        _link("reconstruction", "Compare closely", "compare")
    with slots[2]:
        st.markdown(f"**Heatmap of {layer}**")
        picture(enlarge(coloured), alt=f"Where {layer} responds, over the picture")
        picture(heatmaps.colour_bar(height=10, width=252, horizontal=True), alt="The heatmap's colours, low to high")
        st.caption(
            f"{heatmap.low:.3g} (left) to {heatmap.high:.3g} (right): the mean of {channels} {term('channel', 'channels')} of "
            f"{height}\u00a0×\u00a0{width} values. A strong response does not mean that the place matters.",
            unsafe_allow_html=True,
        )
        _link("heatmaps", "Every layer and channel", "blur_on")


def _link(page: str, words: str, icon: str) -> None:
    """To another page, with what is chosen here."""
    st.page_link(f"pages/{page}.py", label=words, icon=f":material/{icon}:", query_params=state.in_links())
