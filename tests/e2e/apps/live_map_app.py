"""The map alone, on a network with random weights: ?model= says which. Shows how often it ran and what Python was told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st
from lively import MODELS, lively

from pages.ui.components.live_map import MapData, Selected, live_map
from pages.ui.components.live_map.parts import Thumbnails, codes_part, decoder_part, grid_part
from vae_core.checkpoints.codes import load_latents
from vae_core.checkpoints.store import load
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents

COLOURS = ["#40f8e0", "#8441be", "#f3de07"]


@st.cache_resource
def opened(name: str, thumbnails: bool, extent: float | None, grid: bool) -> MapData:
    if name in MODELS:
        (network, weights), rng = lively(name), np.random.default_rng(0)
        z_mean = rng.normal(size=(300, network.latent_dim)).astype(np.float32)
        latents = Latents(z_mean, np.full_like(z_mean, -3), (np.arange(300) % 3).astype(np.uint8))
    else:  # a checkpoint's folder
        checkpoint = load(Path(name))
        network, weights, latents = checkpoint.network, checkpoint.weights, load_latents(Path(name))
    colours = (COLOURS * 4)[: int(latents.labels.max()) + 1]
    pictures = np.zeros((len(latents.labels), 28, 28), np.uint8)
    pictures[:, 4:24, 4:24] = np.arange(len(pictures))[:, None, None] % 200 + 50
    return MapData(
        network.latent_dim,
        (0, 1),
        decoder_part(network, weights),
        codes_part(latents, [f"class {i}" for i in range(len(colours))], colours),
        Thumbnails(pictures) if thumbnails else None,
        grid_part(Engine(network, weights, threads=1), 20, extent) if grid and extent else None,
        extent,
    )


st.set_page_config(layout="wide")
runs = st.session_state["runs"] = st.session_state.get("runs", 0) + 1
asked = st.query_params
extent = float(asked["extent"]) if "extent" in asked else None
data = opened(asked.get("model", "swift-2"), "thumbnails" in asked, extent, "grid" in asked)
d = data.latent_dim
selected = (
    Selected("picture 1", np.full(d, 0.5, np.float32), np.full(d, -2, np.float32))
    if "selected" in st.query_params
    else None
)
pin = live_map(data, "map", z=st.session_state.get("z"), selected=selected, height=520)
if pin is not None:
    st.session_state["z"], st.session_state["pins"] = pin.z, st.session_state.get("pins", 0) + 1
    st.session_state["index"] = pin.index
if st.button("Go to one, one"):
    st.session_state["z"] = np.ones(d, np.float32)
    st.rerun()
told = " ".join(f"{value:.3f}" for value in st.session_state.get("z", ()))
st.text(f"runs {runs}, pins {st.session_state.get('pins', 0)}, z {told}")
st.text(f"index {st.session_state.get('index')}")
