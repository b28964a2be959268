"""The use Denoising: noise on the chosen picture, and what the model and the usual filters make of it; and over many."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.subject import Subject
from pages.ui.applications.cache import data_of, measured
from pages.ui.applications.parts import WIDE, Shown, picture_row, plain_chart, say
from pages.ui.formatting import html_text, markdown_text, number, plain_text
from pages.ui.glossary import term
from pages.ui.shared.measuring import offer_to_measure
from vae_core.analysis import image_quality
from vae_core.analysis.applications import denoising as core
from vae_core.analysis.applications.denoising import DenoisingFigures, MethodFigures, NoiseFigures

USE = "denoising"
KINDS = tuple(core.STRENGTHS)
OURS, OTHERS, BEFORE = "#6d3bb0", "#8a93a6", "#c9c9d2"
MEASURES = {"PSNR, dB": "psnr", "SSIM": "ssim"}


def denoising(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """Pictures and sentence on the left, the means over many on the right; controls below."""
    left, right = st.columns([6, 5], gap="large")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Noise", KINDS, default=KINDS[0], key="denoise_kind", required=True, persist_state="session"
        )
        assert kind is not None  # required
        strength = st.slider(
            "Strength",
            0.0,
            0.8,
            0.2,
            0.05,
            key="denoise_strength",
            persist_state="session",
            width=260,
            help=f"{markdown_text(core.MEANINGS[kind])}.",
        )
        seed = int(st.session_state.get("denoise_seed", 0))
        st.button("Other noise", key="denoise_again", icon=":material/casino:", on_click=_again)
        axis = st.segmented_control(
            "Figure", list(MEASURES), default="PSNR, dB", key="denoise_axis", required=True, persist_state="session"
        )
    assert axis is not None  # required
    figures = measured(model.entry.path, USE, DenoisingFigures, data_of(model))
    noise = figures.nearest(kind, strength) if figures is not None else None
    with left:
        _picture(model, selected, kind, strength, seed, noise)
    with right:
        if figures is None or noise is None:
            offer_to_measure(model, test_images, USE, "Denoising over 500 test images")
        else:
            _means(model, figures, noise, MEASURES[axis], axis)


def _again() -> None:
    st.session_state["denoise_seed"] = int(st.session_state.get("denoise_seed", 0)) + 1


def _picture(
    model: LoadedModel, selected: Subject, kind: str, strength: float, seed: int, noise: NoiseFigures | None
) -> None:
    settings = {**core.USUAL, **(noise.settings() if noise is not None else {})}
    image = selected.image[None]
    with st.spinner("Filtering …", show_time=False):
        noisy = core.corrupt(image, kind, strength, seed)
        results = core.denoised(model.engine, noisy, settings)
    psnr = {name: float(core.capped_psnr(image, result)[0]) for name, result in results.items()}
    ssim = {name: float(image_quality.ssim(image, result)[0]) for name, result in results.items()}
    titles = {core.NOISY: "Noisy", core.VAE: "VAE"}
    row = [Shown("Clean", selected.image, selected.name)]
    row += [
        Shown(
            titles.get(name, name[0].upper() + name[1:]),
            results[name][0],
            f"{selected.name} with {kind}: {name}",
            f"{number(psnr[name])} dB, SSIM {number(ssim[name], 2)}",
        )
        for name in core.METHODS
    ]
    picture_row(row, columns=4)
    say("denoising", verdict(psnr), level="good" if max(psnr, key=lambda name: psnr[name]) == core.VAE else "notice")
    tuned = (
        "chosen on validation images for the nearest measured strength"
        if noise is not None
        else "at their usual settings"
    )
    st.caption(
        f"{term('PSNR')} and {term('SSIM')} against the clean picture, of this one picture. The VAE shows its {term('reconstruction')} of the noisy picture; it was "
        f"trained on clean pictures only. The filters are scikit-image's, {tuned}.",
        unsafe_allow_html=True,
    )


def verdict(psnr: dict[str, float]) -> str:
    """Who is nearest to the clean picture, as a sentence; says so where a filter, or doing nothing, wins."""
    best = max(psnr, key=lambda name: psnr[name])
    gain = number(abs(psnr[best] - psnr[core.VAE]), 2)
    if best == core.VAE:
        second = max((name for name in psnr if name != core.VAE), key=lambda name: psnr[name])
        return f"The VAE comes nearest, {number(psnr[core.VAE] - psnr[second], 2)} dB before {_named(second)}."
    return f"{_named(best, start=True)} comes nearer than the VAE, by {gain} dB."


def _named(method: str, start: bool = False) -> str:
    words = {
        core.NOISY: "the noisy picture itself",
        core.VAE: "the VAE",
        "median": "the median filter",
        "Gaussian": "the Gaussian filter",
        "total variation": "total variation",
        "non-local means": "non-local means",
    }[method]
    return words[0].upper() + words[1:] if start else words


def _means(model: LoadedModel, figures: DenoisingFigures, noise: NoiseFigures, field: str, axis: str) -> None:
    st.plotly_chart(
        bars(noise, field, axis),
        key="denoise_means",
        config=WIDE,
        alt=f"{plain_text(axis)} of each method over the test images, with 95 % intervals",
    )
    psnr = {row.method: row.psnr.mean for row in noise.methods if row.method in core.METHODS}
    words = verdict(psnr) if set(core.METHODS) <= set(psnr) else ""
    st.markdown(f"**On average: {words[:1].lower()}{words[1:]}**")
    tuned = f"on {figures.tuned_on:d} validation images" if figures.tuned_on else "not: there were no validation images"
    st.caption(
        f"{markdown_text(model.checkpoint.dataset['name'])} test, the first {figures.n:,} images; {markdown_text(noise.kind)} of strength {number(noise.strength)}, the measured "
        f"one nearest to the slider's. Means with 95 % intervals (Student's t); PSNR {core.HIGHEST_PSNR:.0f} dB at most. Filters tuned "
        f"{tuned}."
    )


def bars(noise: NoiseFigures, field: str, axis: str) -> go.Figure:
    """A bar for each method, the best on top, with its interval."""
    rows: list[MethodFigures] = sorted(noise.methods, key=lambda row: getattr(row, field).mean)
    values = np.array([getattr(row, field) for row in rows])  # (methods, 3): mean, low, high
    colours = {core.VAE: OURS, core.NOISY: BEFORE}
    figure = go.Figure(
        go.Bar(
            x=values[:, 0],
            y=[html_text(row.method) for row in rows],
            orientation="h",
            marker={"color": [colours.get(row.method, OTHERS) for row in rows]},
            error_x={
                "type": "data",
                "array": values[:, 2] - values[:, 0],
                "arrayminus": values[:, 0] - values[:, 1],
                "color": "#e8862e",
            },
            text=[number(value) for value in values[:, 0]],
            textposition="inside",
            insidetextanchor="start",
            hovertemplate="%{y}: %{x:.4g}<extra></extra>",
        )
    )
    return plain_chart(figure, axis, "", height=300, legend=False).update_layout(margin={"l": 120})
