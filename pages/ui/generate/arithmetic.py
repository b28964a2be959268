"""Reckoning with pictures: A − B + C, and the difference of two carried onto a row of others, as strong as a slider says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source, codes_have_pictures
from pages.ui.app.subject import Subject
from pages.ui.components.latent_player import Track, latent_player, position
from pages.ui.components.mosaic import Tile, mosaic
from pages.ui.formatting import number, plain_text
from pages.ui.generate.cache import decoder_of, judge
from pages.ui.generate.samples import class_name
from pages.ui.generate.stops import CHOSEN, MEAN, SAMPLE, means, operand, stops
from pages.ui.generate.verdict import classifier_notes, neighbour_notes, notes
from pages.ui.images import enlarge
from pages.ui.shared.picture import picture
from vae_core.analysis import latent_geometry, mosaics
from vae_core.analysis.checks import unit_range
from vae_core.analysis.generation.paths import carry_over

SUM, ROW, NEAR = "generate_sum", "generate_carry", "generate_sum_near"
STRENGTHS = np.linspace(0, 2, 21, dtype=np.float32)
ENDS = (0.0, 2.0)
EIGHT, NEIGHBOURS = 8, 6
# What makes sense of clothes: sleeves from a pullover onto a dress.
CLOTHES = ("Pullover", "T-shirt/top", "Dress", "Coat")


def _options(model: LoadedModel, test_images: Source | None) -> dict[str, np.ndarray | None]:
    """What can be chosen, by name: class means and the stops of the way; None for what changes by itself."""
    through = {
        f"Stop {i + 1} of the way": np.array(stop.z, np.float32) for i, stop in enumerate(stops(model, test_images))
    }
    return {**means(model), CHOSEN: None, SAMPLE: None, **through}


def _default(options: Sequence[str], place: int) -> int:
    wanted = MEAN + CLOTHES[place]
    return list(options).index(wanted) if wanted in options else min(place, len(options) - 1)


def sum_view(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """The three operands and the result, which follows the slider."""
    known, chosen = _options(model, test_images), []
    options = tuple(known)
    left, right = st.columns([3, 4], gap="large")
    with right:
        st.markdown("**C + strength · (A − B)**")
        for place, (letter, words) in enumerate(
            (("A", "what to have more of"), ("B", "what to have less of"), ("C", "what to begin with"))
        ):
            with st.container(horizontal=True, vertical_alignment="bottom"):
                name = st.selectbox(
                    f"{letter}: {words}",
                    options,
                    index=_default(options, place),
                    key=f"generate_{letter}",
                    persist_state="session",
                    width=260,
                    format_func=plain_text,
                )
                z = operand(model, selected, name, known)
                chosen.append(z)
                picture(enlarge(model.engine.decode(z[None])[0], 56), width=56, alt=f"{letter}, decoded")
    a, b, c = chosen
    walk = carry_over(a - b, c[None], STRENGTHS)[0]
    at = position(SUM, ENDS)
    if at is not None:
        st.session_state["generate_strength"] = at
    strength = float(st.session_state.get("generate_strength", 1.0))
    with left:
        by_class = classifier_notes(model, model.engine.decode(walk)) if judge(model) is not None else []
        by_codes = neighbour_notes(model, walk)
        lines = [
            " · ".join(part)
            for part in zip(
                *([[f"classifier: {note}" for note in by_class]] if by_class else []),
                *([[f"test codes: {note}" for note in by_codes]] if by_codes else []),
                strict=True,
            )
        ]
        latent_player(
            decoder_of(model), [Track("C + strength · (A − B)", walk, lines)], SUM, "Strength", ENDS, False, 1, 308
        )
        near(model, test_images, carry_over(a - b, c[None], np.array([strength], np.float32))[0, 0], strength)
    st.caption(
        "For pictures of your own, make them stops on Interpolate, or choose one above. At strength 0 the picture is C, at 1 the whole step from B to A has been taken from C. A mean is that of the class's test "
        "codes; the picture is decoded from it, and need not look like any of them."
    )


def near(model: LoadedModel, test_images: Source | None, z: np.ndarray, strength: float) -> None:
    """The test images nearest to where the slider was let go."""
    if model.latents is None or test_images is None or not codes_have_pictures(model, test_images):
        return
    k = min(NEIGHBOURS, len(model.latents.labels))
    rows, away = latent_geometry.nearest(model.latents.z_mean, z[None], k)
    tiles = [
        Tile(f"{row:d}", class_name(model, int(model.latents.labels[row])), number(distance), f"Test image {row:d}")
        for row, distance in zip(rows[0].tolist(), away[0].tolist(), strict=True)
    ]
    st.caption(f"Nearest test images at strength {strength:.2f}, by z, with their distance:")
    pictures = np.stack([mosaics.mosaic(image[None]) for image in test_images.pixels[rows[0]]])
    mosaic(pictures, tiles, NEAR, "Nearest test images", "", size=56, least=56)


def carry_view(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """The step from one picture to another, taken from eight test images of a class."""
    if test_images is None and (model.latents is None or len(model.latents.labels) < 2):
        st.info(
            "This needs test images or their codes, and this model has neither here. The sheet of samples works without.",
            icon=":material/info:",
        )
        return
    known = _options(model, test_images)
    options = tuple(known)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        start = st.selectbox(
            "The step from",
            options,
            index=_default(options, 1),
            key="generate_step_from",
            persist_state="session",
            width=220,
            format_func=plain_text,
        )
        end = st.selectbox(
            "to",
            options,
            index=_default(options, 0),
            key="generate_step_to",
            persist_state="session",
            width=220,
            format_func=plain_text,
        )
        labels = test_images.labels if test_images is not None else model.latents.labels  # type: ignore[union-attr]
        present = [int(label) for label in np.unique(labels)]
        names = [class_name(model, label) for label in present]
        onto = st.selectbox(
            "taken from test images of",
            names,
            index=names.index(CLOTHES[2]) if CLOTHES[2] in names else len(names) - 1,
            key="generate_onto",
            persist_state="session",
            width=220,
        )
    rows = np.flatnonzero(labels == present[names.index(onto)])[:EIGHT]
    z = (
        model.engine.encode(unit_range(test_images.pixels[rows]))[0]
        if test_images is not None
        else model.latents.z_mean[rows]  # type: ignore[union-attr]
    )
    step = operand(model, selected, end, known) - operand(model, selected, start, known)
    walks = carry_over(step, z, STRENGTHS)  # (rows, strengths, d)
    lines = notes(model, walks.reshape(-1, walks.shape[2]))
    tracks = [
        Track(f"test image {row:d}", walk, lines[i * len(STRENGTHS) : (i + 1) * len(STRENGTHS)])
        for i, (row, walk) in enumerate(zip(rows.tolist(), walks, strict=True))
    ]
    if test_images is not None:
        with st.container(horizontal=True, gap="small"):
            for row in rows.tolist():
                picture(enlarge(test_images.pixels[row], 84), width=84, alt=f"Test image {row:d} as it is")
    latent_player(decoder_of(model), tracks, ROW, "Strength", ENDS, False, 1, 84)
    above = "The upper row is the test images themselves. In the lower row each" if test_images is not None else "Each"
    seen = "the classifier sees in it, and how sure it is" if judge(model) is not None else "the nearest test codes are"
    st.caption(
        f"{above} is rebuilt at strength 0 and moved by the same step at 1, with what {seen}: where that is another class than "
        "you see, the style has not carried over."
    )
