"""Reconstruction: original beside reconstruction, what differs and where, in figures, for one picture, sixteen, or two models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, alike, open_model
from pages.ui.app.frame import frame
from pages.ui.app.model_pictures import pictures_for
from pages.ui.app.subject import Subject
from pages.ui.app.widget_sync import set_widget
from pages.ui.formatting import markdown_text, plain_text
from pages.ui.glossary import term
from pages.ui.reconstruction import comparison
from pages.ui.reconstruction.cache import can_be_scored, scores_of
from pages.ui.reconstruction.comparison import Rebuilt
from pages.ui.reconstruction.view import (
    comparable,
    downloads,
    four,
    pair,
    scoring_progress,
    sixteen,
    sixteen_figures,
    standing,
    wipes,
)
from pages.ui.shared.picture_choices import among
from pages.ui.shared.picture_line import picture_line
from pages.ui.shared.verdict_card import picture_verdict, show_verdict
from vae_core.analysis.image_scores import best_first
from vae_core.checkpoints.errors import CheckpointError

WAYS = ("From z_mean", "From a sample of z")
ONE, MANY = "One picture", "Sixteen pictures"
NEXT, CHANCE, BEST, WORST = "Consecutive", "Random", "Best", "Worst"
STRIP = 16  # pictures
SORTS = ("mse", "ssim", "reconstruction_loss", "negative_elbo")
NONE = ""


def main(model: LoadedModel) -> None:
    """The picture, what the model makes of it, then the controls in the order of their use, figures, and the rest."""
    test_images = pictures_for(model)
    selected = picture_line(model, test_images)
    result, controls = st.container(), st.container()
    with controls:
        many, sampled, other = view_controls(model, test_images)
        if test_images is not None and can_be_scored(model, test_images):
            rank_controls(model, test_images, many)
        numbers = which_sixteen(model, test_images) if test_images is not None and many else None
    models = [model] if other is None else [model, other]
    if test_images is not None and numbers is not None:
        images = test_images.pixels[numbers].astype(np.float32) / 255
        names = [
            f"test image {i} ({plain_text(test_images.dataset.classes[int(test_images.labels[i])])})" for i in numbers
        ]
        rebuilt = rebuild(models, images, sampled)
        with result:
            sixteen(rebuilt, names)
        sixteen_figures(rebuilt, names, test_images)
    else:
        rebuilt = rebuild(models, selected.image[None], sampled)
        with result:
            one_picture(selected, rebuilt)
        details(models, test_images, selected, rebuilt)


def rebuild(models: Sequence[LoadedModel], images: np.ndarray, sampled: bool) -> list[Rebuilt]:
    """The same pictures through each model."""
    seed = int(st.session_state.get("sample_seed", 0))
    return [comparison.rebuild(plain_text(model.entry.label), model.engine, images, sampled, seed) for model in models]


def rank_controls(model: LoadedModel, test_images: Source, many: bool) -> None:
    """Buttons to the best and the worst of the split, or of the chosen class, by one figure; once all are scored."""
    scored = scores_of(model, test_images) is not None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Best and worst by",
            SORTS,
            key="rank_by",
            persist_state="session",
            width=190,
            format_func=lambda name: comparison.figure_name(name, model.engine.likelihood),
            help="Of the chosen class, or of all test images. BCE and −ELBO are of one sample of z per image.",
        )
        if many:  # the strip has its own choice of the best and the worst
            return
        for words, place, by, icon in (
            ("Best", 0, 0, "vertical_align_top"),
            ("One better", None, -1, "arrow_upward"),
            ("One worse", None, 1, "arrow_downward"),
            ("Worst", -1, 0, "vertical_align_bottom"),
        ):
            st.button(
                words,
                key=f"rank_{words}",
                on_click=_ranked,
                args=(model, test_images, place, by),
                icon=f":material/{icon}:",
                disabled=not scored,
                help=None if scored else "Once all test images are scored: see below.",
            )


def order(model: LoadedModel, test_images: Source) -> np.ndarray:
    """Numbers of the test images of the chosen class, the best first; none before all are scored."""
    scores = scores_of(model, test_images)
    if scores is None:
        return np.array([], np.int64)
    ranked = best_first(scores, st.session_state.get("rank_by", SORTS[0]))
    return ranked[np.isin(ranked, among(test_images))]


def _ranked(model: LoadedModel, test_images: Source, place: int | None, by: int) -> None:
    ranked, now = order(model, test_images), state.selection().index
    if not len(ranked):
        return
    if place is None:
        at = np.flatnonzero(ranked == now)
        place = int(np.clip(at[0] + by, 0, len(ranked) - 1)) if len(at) else 0
    state.choose_image(int(ranked[place]))


def view_controls(model: LoadedModel, test_images: Source | None) -> tuple[bool, bool, LoadedModel | None]:
    """Sixteen pictures, not one? From a sample, not from z_mean? And beside which other model."""
    others = {entry.id: entry for entry in alike(model)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        many = False
        if test_images is not None:  # a strip is of test images
            many = (
                st.segmented_control(
                    "Show", (ONE, MANY), default=ONE, key="rebuilt_view", required=True, persist_state="session"
                )
                == MANY
            )
        sampled = WAYS[1] == st.segmented_control(
            "Reconstruct", WAYS, default=WAYS[0], key="rebuilt_way", required=True, persist_state="session"
        )
        if sampled:
            st.button("Resample", icon=":material/casino:", key="resample", on_click=_count, args=("sample_seed",))
        beside = state.beside_model()
        set_widget("rebuilt_other", beside if beside in others else NONE)
        chosen = st.selectbox(
            "Beside another model",
            [NONE, *others],
            key="rebuilt_other",
            width=260,
            format_func=lambda name: plain_text(others[name].label) if name in others else "None",
            on_change=lambda: state.choose_beside(st.session_state["rebuilt_other"]),
            help="Models for pictures of the same shape.",
        )
    if chosen not in others:
        return many, sampled, None
    try:
        return many, sampled, open_model(others[chosen])
    except CheckpointError as error:
        st.error(
            f"The model {markdown_text(others[chosen].label)} cannot be opened: {markdown_text(error)}",
            icon=":material/error:",
        )
        return many, sampled, None


def _count(key: str) -> None:
    st.session_state[key] = st.session_state.get(key, 0) + 1


def one_picture(selected: Subject, rebuilt: Sequence[Rebuilt]) -> None:
    """The pictures in one row."""
    if len(rebuilt) == 1:
        four(rebuilt[0], selected.name)
    else:
        pair(rebuilt[0], rebuilt[1], selected.name)
    if selected.decoded:
        st.caption(
            "This picture is itself decoded from z: the figures tell how well the encoder finds z again, not how well a "
            "photograph is rebuilt."
        )


def seen_by(model: LoadedModel, selected: Subject) -> Subject:
    """The same picture with its place in the latent space of this model."""
    z_mean, z_log_var = model.engine.encode(selected.image[None])
    return replace(selected, z=z_mean[0], z_log_var=z_log_var[0])


def details(
    models: Sequence[LoadedModel], test_images: Source | None, selected: Subject, rebuilt: Sequence[Rebuilt]
) -> None:
    """The figures, the wipe, and where this picture stands in the split."""
    for model in models if not selected.decoded else ():
        show_verdict(
            picture_verdict(model, seen_by(model, selected), good=False), f"reconstruction_{models.index(model)}"
        )
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**Figures of this one picture**")
        st.table(comparison.table(rebuilt), border="horizontal")
        st.caption(
            f"What they mean: {term('MSE')}, {term('PSNR')}, {term('SSIM')}, {term('BCE')}, {term('KL')}, {term('ELBO')}; the last "
            f"three in {term('nats')}.",
            unsafe_allow_html=True,
        )
        comparable(rebuilt)
        downloads(rebuilt, [selected.name])
    with right:
        wipes(rebuilt)
    if test_images is not None:
        standing(models, test_images, rebuilt)
    if len(rebuilt) > 1 and st.toggle("Error and SSIM map of each model", key="rebuilt_maps", persist_state="session"):
        for entry in rebuilt:
            four(entry, selected.name)


def which_sixteen(model: LoadedModel, test_images: Source) -> np.ndarray:
    """Numbers of up to sixteen test images of the chosen class: from the chosen one on, by chance, the best or the worst."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Which sixteen",
            (NEXT, CHANCE, BEST, WORST),
            default=NEXT,
            key="strip_of",
            required=True,
            persist_state="session",
        )
        if which == CHANCE:
            st.button(
                "Draw others", icon=":material/shuffle:", key="strip_again", on_click=_count, args=("strip_seed",)
            )
    numbers = among(test_images)
    if which == CHANCE:
        rng = np.random.default_rng(st.session_state.get("strip_seed", 0))
        return rng.choice(numbers, min(STRIP, len(numbers)), replace=False)
    if which in (BEST, WORST) and can_be_scored(model, test_images):
        if scores_of(model, test_images) is None:
            st.caption(
                "The best and the worst are known once all test images are scored; until then, consecutive ones."
            )
            scoring_progress(model, test_images)
            return consecutive(numbers, test_images)
        return order(model, test_images)[:: 1 if which == BEST else -1][:STRIP]
    return consecutive(numbers, test_images)


def consecutive(numbers: np.ndarray, test_images: Source) -> np.ndarray:
    """Sixteen of the ascending numbers from the chosen picture's on, round the end."""
    now = min(state.selection().index or 0, len(test_images.labels) - 1)
    return np.roll(numbers, -int(np.searchsorted(numbers, now)))[:STRIP]


frame("Reconstruction", main)
