"""The controls of the view "What drives a unit". What they choose is kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from pages.ui.formatting import markdown_text, unit_name
from pages.ui.heatmaps.methods import METHODS
from vae_core.analysis.attribution import maps
from vae_core.analysis.attribution.maps import MapSettings
from vae_core.analysis.attribution.targets import Target
from vae_core.network.engine import Engine

# Keys of the widgets, and their names in the address.
VIEW, EXPLAIN, UNIT, METHOD = "view", "explain", "unit", "method"
LAYERS, DRIVES = "layers", "drives"
VIEWS = {LAYERS: "What each layer sees", DRIVES: "What drives a unit"}
NUMBERS = {
    "up": "z_mean, upwards",
    "down": "z_mean, downwards",
    "log_var": "Uncertainty, log σ²",
    "unit_kl": "KL of the unit",
    "kl": "KL of all units",
    "reconstruction": "Reconstruction error",
}
WHOLE = ("kl", "reconstruction")


@dataclass(frozen=True)
class Choice:
    """What is explained and how. target: as `Target.parse` takes it. unit: None where it is not one unit's number."""

    target: str
    unit: int | None
    method: str
    settings: MapSettings


def view_control() -> str:
    """Which of the two views: the layers, or what drives a unit."""
    chosen = st.segmented_control(
        "View",
        list(VIEWS),
        default=LAYERS,
        key=VIEW,
        required=True,
        format_func=VIEWS.__getitem__,
        label_visibility="collapsed",
        bind="query-params",
    )
    return chosen or LAYERS


def main_controls(latent_dim: int) -> Choice:
    """The number, the unit and the method, in this order."""
    drop_unknown(UNIT, range(latent_dim))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox(
            "Number to explain",
            list(NUMBERS),
            key=EXPLAIN,
            format_func=NUMBERS.__getitem__,
            bind="query-params",
            width=200,
        )
        unit: int | None = None
        if number not in WHOLE:
            unit = st.selectbox(
                "Latent unit",
                range(latent_dim),
                key=UNIT,
                format_func=unit_name,
                bind="query-params",
                width=110,
                disabled=latent_dim == 1,
            )
        method = st.selectbox(
            "Method",
            list(METHODS),
            key=METHOD,
            format_func=lambda name: METHODS[name].name,
            bind="query-params",
            width=190,
        )
    kinds = {"up": ("z_mean", 1), "down": ("z_mean", -1), "log_var": ("z_log_var", 1), "unit_kl": ("kl", 1)}
    kind, sign = kinds.get(number, (number, 1))
    return Choice(str(Target(kind, unit, sign)), unit, method, MapSettings())


def rare_controls(engine: Engine, choice: Choice) -> Choice:
    """The formula and the source of the method, and its own settings, folded."""
    method, settings = METHODS[choice.method], choice.settings
    with st.expander("Formula, source and settings of the method", key="drive_fold", icon=":material/tune:"):
        st.latex(method.formula)
        st.caption(f"t: the number to explain; x: the picture. {markdown_text(method.source)}.")
        with st.container(horizontal=True):
            if choice.method == maps.INTEGRATED:
                steps = st.select_slider("Steps", (10, 50, 200, 500, 1000, 2000), 200, key="drive_steps", width=220)
                settings = replace(settings, steps=steps)
            elif choice.method == maps.SMOOTHGRAD:
                samples = st.select_slider("Noisy copies", (5, 25, 50, 100, 200), 25, key="drive_samples", width=220)
                noise = st.slider("Noise, share of the range", 0.0, 0.5, 0.15, 0.05, key="drive_noise", width=220)
                settings = replace(settings, samples=samples, noise=noise)
            elif choice.method == maps.OCCLUSION:
                settings = _occlusion(engine, settings)
            elif choice.method in (maps.GRAD_CAM, maps.ATTENTION):
                layers = maps.layers_for_maps(engine)
                if layers:
                    drop_unknown("drive_layer", layers)
                    last = len(layers) - 1
                    layer = st.selectbox("Layer", layers, index=last, key="drive_layer", width=170)
                    settings = replace(settings, layer=layer)
    return replace(choice, settings=settings)


def _occlusion(engine: Engine, settings: MapSettings) -> MapSettings:
    shorter = min(engine.image_shape[:2])
    usual, most = max(1, round(shorter / 7)), max(2, shorter // 2)
    if st.session_state.get("drive_patch", usual) > most:
        del st.session_state["drive_patch"]
    patch = st.slider("Patch, pixels a side", 1, most, usual, key="drive_patch", width=220)
    strides = ("auto", "1", "2", "4", "8")
    stride = st.selectbox(
        "Stride",
        strides,
        key="drive_stride",
        format_func=lambda text: "Finest of 1,024 passes" if text == "auto" else text,
        width=200,
    )
    # finer than a stride of 1 in a large picture would take minutes
    least = 1 if shorter <= 128 else 4
    return replace(settings, patch=patch, stride=None if stride == "auto" else max(least, int(stride)))


def drop_unknown(key: str, options: Sequence[object]) -> None:
    """Another model may not have what was chosen."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]
