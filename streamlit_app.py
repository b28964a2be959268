"""The front page: the map of the shipped two-dimensional model, and what it makes of a picture of yours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import figures
from pages.ui.live_map import Selected, live_map
from pages.ui.resources import Opened, find_model
from vae_core import activations, heatmaps, latent, metrics
from vae_core.preprocessing import PictureError, Prepared, prepare

VIEWS = ("Living map", "Plain map")  # the second for browsers where the component cannot run
NEIGHBOURS = 15
TYPES = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"]
STYLE = """<style>
.block-container { padding-top: 2rem; max-width: 1280px; }
h1 { font-size: 2.2rem !important; }
.st-key-map [data-testid="stPlotlyChart"] { aspect-ratio: 1 / 1.1; height: auto !important; }
@media (max-width: 640px) { .st-key-map [data-testid="stPlotlyChart"] { aspect-ratio: 1 / 1.22; } }
[data-testid="stImageContainer"] img { image-rendering: pixelated; border-radius: 4px; }
</style>"""


def main() -> None:
    """Frame, map, picture."""
    st.set_page_config("VAE Explorer", "👕", layout="wide")
    st.html(STYLE)
    st.title("VAE Explorer", anchor=False)
    try:
        model = find_model()
    except ValueError as error:
        st.error(f"The model cannot be opened: {error}", icon=":material/error:")
        return
    if model is None:
        empty_state()
        return
    st.caption(source_line(model))
    above, below = st.container(), st.container()
    with below:  # first, since the picture has its place on the map
        picture = ask_picture(model)
    with above:
        explore(model, picture)


def empty_state() -> None:
    """No model yet: what to do."""
    st.info(
        "There is no two-dimensional model to show yet. Train one, then reload this page:",
        icon=":material/info:",
    )
    st.code("python -m vae_core train --epochs 2 --run-dir runs/demo", language="bash")
    st.caption("It shows up here from its first snapshot on.")


def source_line(model: Opened) -> str:
    """Which model, of which data: always on the page."""
    checkpoint, data = model.checkpoint, model.checkpoint.dataset
    return (
        f"Model **{checkpoint.name}**: {checkpoint.model.preset}, {checkpoint.network.parameters():,} parameters, "
        f"two latent units. Trained on **{data['name']}** ({data['source']})."
    )


def explore(model: Opened, picture: Prepared | None) -> None:
    """The map, and what the chosen point becomes."""
    view = st.segmented_control(
        "Map",
        VIEWS,
        default=VIEWS[0],
        key="view",
        required=True,
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == VIEWS[0]:
        living(model, picture)
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Click anywhere on the map", anchor=False)
        z = the_map(model, picture)
    with right:
        st.subheader("Decoded from there", anchor=False)
        st.image(figures.enlarge(model.engine.decode(z[None])[0], 336), alt=f"Decoded from {in_words(z)}")
        garment(model, z)


def living(model: Opened, picture: Prepared | None) -> None:
    """The map that follows the pointer: the decoder runs in the browser, and only a click comes back here."""
    z = np.array(st.session_state.get("z", (0, 0)), np.float32)
    selected = None
    if picture is not None:
        z_mean, z_log_var = model.engine.encode(picture.image[None])
        selected = Selected("your picture", z_mean[0], z_log_var[0])
    pin = live_map(model.living, "living", z=z, selected=selected, height=620)
    if pin is not None:
        z = pin.z
        st.session_state["z"] = (float(z[0]), float(z[1]))
    st.caption(
        "Move over the map: each position becomes a garment, decoded in your browser. A click pins it; arrow keys move, "
        "the wheel zooms." + (" The ellipse is the posterior of your picture." if picture is not None else "")
    )
    garment(model, z)


def the_map(model: Opened, picture: Prepared | None) -> np.ndarray:
    """The plane of z; a click chooses a point of it. Returns the chosen z (2,) float32."""
    codes, labels = model.latents.z_mean, model.latents.labels
    shown = np.random.default_rng(0).permutation(len(codes))[: figures.POINTS]
    points = figures.lattice(model.extent)
    start = int(np.square(points).sum(axis=1).argmin())
    figure = figures.map_figure(
        model.background, model.extent, codes[shown], labels[shown], model.classes, start,
        None if picture is None else model.engine.encode(picture.image[None])[0][0],
    )  # fmt: skip
    with st.container(key="map"):
        event = st.plotly_chart(
            figure, key="map_chart", on_select="rerun", selection_mode="points", height="stretch",
            config={"displayModeBar": False}, alt="Garments decoded over the plane of z, with the test codes on top",
        )  # fmt: skip
    st.caption(
        f"{len(shown):,} of the {len(codes):,} codes (z_mean) of the test images, coloured by class, over {figures.SIDE} × "
        f"{figures.SIDE} garments decoded where they lie: z₁ to the right, z₂ upwards. Click a class in the legend to hide it."
        + (" The star is your picture." if picture is not None else "")
    )
    # a second click on the same point deselects it: the last one stays chosen
    if event["selection"]["points"]:
        found = event["selection"]["points"][0]
        st.session_state["z"] = (found["x"], found["y"])
    return np.array(st.session_state.get("z", points[start]), np.float32)


def garment(model: Opened, z: np.ndarray) -> None:
    """Which clothes lie at one point."""
    k = min(NEIGHBOURS, len(model.latents.labels))
    nearest, distances = latent.nearest(model.latents.z_mean, z[None], k)
    counts = np.bincount(model.latents.labels[nearest[0]])
    name = model.classes[int(counts.argmax())]
    st.markdown(f"**{in_words(z)}**")
    st.caption(
        f"Of the {k} test codes nearest to it {counts.max()} are {name}; the nearest is {distances[0, 0]:.2f} away."
    )


def in_words(z: np.ndarray) -> str:
    """z = (0.12, -1.30)"""
    return f"z = ({z[0]:.2f}, {z[1]:.2f})"


def ask_picture(model: Opened) -> Prepared | None:
    """An uploaded picture as model input, shown with what the model makes of it; None without one or if it is none."""
    st.subheader("Try a picture of yours", anchor=False)
    ask, *slots = st.columns(4)
    with ask:
        upload = st.file_uploader(
            "One garment on a plain background", TYPES, key="upload", max_upload_size=20
        )
        if upload is None:
            st.caption("You will see its reconstruction, and where the last convolution responds to it.")
            return None
        try:
            picture = prepare(upload.getvalue(), model.checkpoint.model.image_shape)
        except PictureError as error:
            st.error(f"{upload.name}: {error}", icon=":material/broken_image:")
            return None
    inside(model, picture, slots)
    return picture


def inside(model: Opened, picture: Prepared, slots: Sequence[DeltaGenerator]) -> None:
    """A picture, its reconstruction, and where the last convolution of the encoder responds."""
    image = picture.image
    rebuilt = model.engine.reconstruct(image[None])[0]
    layer, maps = list(activations.feature_maps(model.engine, image).items())[-1]
    found = heatmaps.heatmap(activations.over_channels(maps))
    coloured = heatmaps.overlay(image, heatmaps.resize(found.rgb, image.shape[:2]), 0.6)
    mse, ssim = metrics.mse(image[None], rebuilt[None])[0], metrics.ssim(image[None], rebuilt[None])[0]
    height, width, channels = maps.shape
    with slots[0]:
        st.markdown("**What the model sees**")
        st.image(figures.enlarge(image), alt="Your picture as the model sees it")
        st.caption(" → ".join(step.name for step in picture.steps))
    with slots[1]:
        st.markdown("**Reconstruction**")
        st.image(figures.enlarge(rebuilt), alt="The model's reconstruction of your picture")
        st.caption(f"Decoded from z_mean. Of this one picture: MSE {mse:.4f}, SSIM {ssim:.2f}.")
    with slots[2]:
        st.markdown(f"**Heatmap of {layer}**")
        st.image(figures.enlarge(coloured), alt=f"Where {layer} responds, over your picture")
        st.image(
            heatmaps.colour_bar(height=10, width=252, horizontal=True),
            alt="The heatmap's colours, low to high",
        )
        st.caption(
            f"{found.low:.3g} (left) to {found.high:.3g} (right): mean of {channels} channels, natively {height} × {width}. "
            "A strong response is not importance."
        )


main()
