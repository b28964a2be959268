"""From picture to picture: the straight and the spherical way side by side, played in the browser, and where they run."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.subject import Subject
from pages.ui.components.latent_player import Chart, Track, latent_player
from pages.ui.components.mosaic import Tile, clicked, mosaic
from pages.ui.formatting import file_text, markdown_text, plain_text, sentence
from pages.ui.generate import files
from pages.ui.generate.cache import decoder_of
from pages.ui.generate.stops import MOST, STOPS, Stop, first_stops, keep, of_sample, of_selection, random_image, stops
from pages.ui.generate.verdict import notes
from pages.ui.images import class_colour, extent_of
from vae_core.analysis import latent_geometry, mosaics
from vae_core.analysis.generation.paths import FEWEST_FRAMES, MOST_FRAMES, path_through

PLAYER, ROW = "generate_player", "generate_stop_row"
WAYS = (("Straight", "linear"), ("Spherical", "slerp"))
GROUND, POINTS = 240, 4000  # pixels of the little map's side; codes on it


def interpolation_view(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """Player and stops, then files."""
    through = stops(model, test_images)
    number = clicked(ROW)
    if number is not None and number.isdecimal() and int(number) < len(through) and len(through) > 2:
        through.pop(int(number))
        keep(model, through)
    left, right = st.columns([5, 3], gap="large")
    with right:
        frames = choose_stops(model, test_images, selected, through)
    z = np.array([stop.z for stop in through], np.float32)
    walks = [path_through(z, max(frames, len(z)), kind) for _, kind in WAYS]
    with left:
        tracks = [Track(name, walk, notes(model, walk)) for (name, _), walk in zip(WAYS, walks, strict=True)]
        latent_player(decoder_of(model), tracks, PLAYER, "Frame", (1, len(walks[0])), True, 1, 224, chart(model, walks))
        st.caption(
            "Straight crosses the middle, where lengths shrink and pictures blur; spherical turns and keeps the length of z. "
            "Each end frame is the reconstruction of its picture."
        )
        downloads(model, walks)


def choose_stops(model: LoadedModel, test_images: Source | None, selected: Subject, through: list[Stop]) -> int:
    """What the walk goes through, and how many frames it has."""
    st.markdown("**From picture to picture**")
    decoded = model.engine.decode(np.array([stop.z for stop in through], np.float32))
    tiles = [
        Tile(
            f"{i:d}",
            f"{i + 1:d}",
            "",
            f"Stop {i + 1:d}: {plain_text(stop.name)}" + (", click to remove" if len(through) > 2 else ""),
        )
        for i, stop in enumerate(through)
    ]
    mosaic(np.stack([mosaics.mosaic(image[None]) for image in decoded]), tiles, ROW, "Stops", "", size=64, least=64)
    names = " → ".join(sentence(plain_text(stop.name, 60)) for stop in through)
    st.caption(markdown_text(names, 600) + (". Click a stop to leave it out." if len(through) > 2 else "."))
    full = len(through) >= MOST
    with st.container(horizontal=True):
        for words, icon, make in (
            ("Add the chosen picture", "add_photo_alternate", partial(of_selection, selected)),
            ("Add the clicked sample", "add_circle", partial(of_sample, model)),
            *(
                [("Add a random test image", "shuffle", partial(random_image, model, test_images))]
                if test_images is not None
                else []
            ),
        ):
            st.button(
                words,
                icon=f":material/{icon}:",
                key=f"generate_add_{icon}",
                disabled=full,
                on_click=_add,
                args=(model, through, make),
                help=f"At most {MOST} stops." if full else None,
            )
        st.button(
            "Start over",
            icon=":material/restart_alt:",
            key="generate_reset",
            on_click=lambda: st.session_state.pop(STOPS, None),
            disabled=[stop.name for stop in through] == [stop.name for stop in first_stops(model, test_images)],
        )
    return int(
        st.slider(
            "Frames, at most",
            FEWEST_FRAMES,
            MOST_FRAMES,
            32,
            key="generate_frames",
            persist_state="session",
            help="Each leg gets as many, and every stop is a frame.",
        )
    )


def _add(model: LoadedModel, through: list[Stop], make: partial[Stop]) -> None:
    keep(model, [*through, make()])


def chart(model: LoadedModel, walks: list[np.ndarray]) -> Chart | None:
    """Where the walks run among the test codes, and how dense the codes are along them; None without codes."""
    latents = model.latents
    if latents is None or len(latents.labels) < 2:
        return None
    if model.engine.latent_dim == 1:
        return None
    if model.engine.latent_dim == 2:
        project, what = (lambda z: z), "z₁ to the right, z₂ upwards"
    else:
        project, what = latent_geometry.pca_plane(latents.z_mean).project, "their first two principal components"
    places = project(latents.z_mean)
    half = extent_of(places)
    ground = np.zeros((GROUND, GROUND, 3), np.uint8)
    rows = np.random.default_rng(0).permutation(len(places))[:POINTS]
    at = np.round((places[rows] / half + 1) / 2 * (GROUND - 1)).astype(int)
    inside = ((at >= 0) & (at < GROUND)).all(axis=1)
    colours = np.array([[int(class_colour(label)[i : i + 2], 16) for i in (1, 3, 5)] for label in range(10)], np.uint8)
    across, down, shade = (
        at[inside, 0],
        GROUND - 1 - at[inside, 1],
        colours[latents.labels[rows[inside]].astype(int) % 10],
    )
    ground[down, across] = np.round(0.75 * shade).astype(np.uint8)
    drawn = np.stack([project(walk) for walk in walks])
    within = np.stack([(drawn[..., 0] / half + 1) / 2, (1 - drawn[..., 1] / half) / 2], axis=-1)
    dense = np.stack([latent_geometry.aggregate_density(latents.z_mean, latents.z_log_var, walk) for walk in walks])
    return Chart(
        ground,
        np.clip(within, 0.01, 0.99),
        dense,
        "log density of the test codes along the way",
        f"The way among the test codes ({what}); straight is the whole line, spherical the dashed one",
    )


def downloads(model: LoadedModel, walks: list[np.ndarray]) -> None:
    """Both ways as GIF and as PNG strip, made when they are asked for."""
    name = file_text(model.checkpoint.name)
    both = np.stack(walks, axis=1)  # (frames, ways, d)

    def frames() -> np.ndarray:
        images = model.engine.decode(both.reshape(-1, both.shape[2]))
        side_by_side = images.reshape(*both.shape[:2], *images.shape[1:])
        return np.concatenate([side_by_side[:, 0], side_by_side[:, 1]], axis=2)

    def strip() -> bytes:
        images = model.engine.decode(both.transpose(1, 0, 2).reshape(-1, both.shape[2]))
        return files.sheet_png(images, len(both))

    with st.container(horizontal=True):
        st.download_button(
            "Both ways (GIF)",
            lambda: files.walk_gif(frames()),
            f"{name}-interpolation.gif",
            "image/gif",
            key="generate_gif",
            on_click="ignore",
            icon=":material/gif_box:",
        )
        st.download_button(
            "Strip (PNG)",
            strip,
            f"{name}-interpolation.png",
            "image/png",
            key="generate_strip",
            on_click="ignore",
            icon=":material/view_week:",
        )
