"""The parts of the page Latent space: the pinned picture and its z, what lies near, class centres, traversals, the table."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, codes_have_pictures
from pages.ui.app.subject import Subject, in_words
from pages.ui.components.latent_rows import Row, latent_rows
from pages.ui.components.latent_rows import clicked as row_clicked
from pages.ui.components.mosaic import Tile, clicked, mosaic
from pages.ui.formatting import markdown_text, plain_text, unit_name
from pages.ui.glossary import term
from pages.ui.images import enlarge
from pages.ui.latent_space.cache import support, traversed
from pages.ui.latent_space.landmarks import QUIET, STEPS, Landmarks, small, traversal_extent
from pages.ui.shared.picture import picture
from pages.ui.shared.verdict_card import place_verdict, show_verdict
from vae_core.analysis import latent_geometry, likelihood
from vae_core.checkpoints.probe import affordable

NEAR, CENTRES, ROWS, TABLE = ("latent_near", "latent_centres", "latent_rows", "latent_table")  # the widgets' keys
NEIGHBOURS = 12
FEW_UNITS = 3
SMALL = 168  # pixels a side of the plain map's answer: 28 × 28 sixfold
PLAIN_ROWS = 24  # units that a plain table lists
FEW, MOST = 16, 64  # rows of traversals shown at first, and at most


def take_jump(model: LoadedModel, test_images: Source | None, facts: Landmarks | None) -> None:
    """Make a click on a neighbour, a centre, or a traversal the choice. Call it before `subject`."""
    near, centre = clicked(NEAR), clicked(CENTRES)
    if near is not None and near.isdecimal():
        jump(model, test_images, int(near))
    if centre is not None and facts is not None and centre in map(str, facts.classes):
        state.choose_point(facts.centres[[str(label) for label in facts.classes].index(centre)].tolist())
    z = row_clicked(ROWS, model.engine.latent_dim)
    if z is not None:
        state.choose_point(z)


def jump(model: LoadedModel, test_images: Source | None, code: int) -> None:
    """Choose the picture behind a code, or the code itself where the picture is not here."""
    if model.latents is None or code >= len(model.latents.labels):
        return
    if codes_have_pictures(model, test_images):
        state.choose_image(code)
    else:
        state.choose_point(model.latents.z_mean[code].tolist())


def decoded(model: LoadedModel, selected: Subject) -> None:
    """The picture at the chosen z: the plain map's answer."""
    picture(
        enlarge(model.engine.decode(selected.z[None])[0], SMALL), alt=f"Picture decoded from {in_words(selected.z)}"
    )


def coordinates(model: LoadedModel, selected: Subject) -> None:
    """z unit by unit, with what the picture's own posterior says of each."""
    st.header("Its z", anchor=False)
    units = range(model.engine.latent_dim)
    columns: dict[str, list[float] | list[str]] = {
        "Unit": [unit_name(unit) for unit in units],
        "z" if selected.decoded else "z_mean": [float(selected.z[unit]) for unit in units],
    }
    words = f"A chosen point: it has no {term('posterior')} of its own."
    if selected.z_log_var is not None:
        kl = likelihood.kl_per_unit(selected.z[None], selected.z_log_var[None])[0]
        columns["sigma"] = [float(np.exp(selected.z_log_var[unit] / 2)) for unit in units]
        columns["KL, nats"] = [float(kl[unit]) for unit in units]
        words = (
            f"The {term('posterior')} of {markdown_text(selected.name)}: {term('z_mean')} and {term('sigma')} of each "
            f"{term('latent unit')}, and its {term('KL')} from the {term('prior')}, {kl.sum():.2f} {term('nats')} in all."
        )
    if len(units) <= PLAIN_ROWS:  # a plain table: the interactive one has Streamlit import pandas
        lines = [" | ".join(columns), " | ".join(["---", *["---:"] * (len(columns) - 1)])]
        for row in zip(*columns.values(), strict=True):
            lines.append(" | ".join(cell if isinstance(cell, str) else _signed(cell, 3) for cell in row))
        st.markdown("\n".join(lines))
    else:
        number = st.column_config.NumberColumn
        st.dataframe(
            columns,
            hide_index=True,
            height=598,
            alt=plain_text(f"z of {selected.name}"),
            column_config={name: number(format="%.3f", width="small") for name in columns if name != "Unit"},
        )
    st.caption(words, unsafe_allow_html=True)


def supported(model: LoadedModel, selected: Subject) -> None:
    """Whether the model has pictures here: by the threshold beside it, else by its codes' own density."""
    verdict = place_verdict(model, selected.z)
    if verdict is not None:
        show_verdict(verdict, "latent_space")
        return
    if model.engine.latent_dim > FEW_UNITS:
        return  # where all is far from all, the codes' own density calls most new pictures a hole (docs/verdicts.md)
    level = support(model)
    if level is None or model.latents is None:
        return
    draws = latent_geometry.support_draws(*model.latents.z_mean.shape)
    density = float(
        latent_geometry.aggregate_density(model.latents.z_mean, model.latents.z_log_var, selected.z[None])[0]
    )
    if density < level:
        st.warning(
            "**Unsupported.** Hardly any test image is encoded here, so nothing ever checked what the decoder draws at this point.",
            icon=":material/wrong_location:",
        )
    else:
        st.markdown(":material/check_circle: **Supported**: test images are encoded here.")
    st.caption(
        f"log q(z) = {_signed(density)} nats here; {_signed(level)} or more at 99 % of {draws:,} draws from q, the mean of the "
        f"posteriors of the {_codes(model)}."
    )


def neighbours(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """The test images whose codes are nearest, to jump to."""
    st.header("Nearest test images", anchor=False)
    if model.latents is None or len(model.latents.labels) < 2:
        st.caption("This model comes without codes, so there are no neighbours to show.")
        return
    real, codes = codes_have_pictures(model, test_images), model.latents.z_mean
    itself = selected.index if real and selected.index is not None and selected.index < len(codes) else None
    most = NEIGHBOURS if real else affordable(model.engine, NEIGHBOURS)
    count = min(most + (itself is not None), len(codes))
    nearest, distances = latent_geometry.nearest(codes, selected.z[None], count)
    rows, distances = nearest[0], distances[0]
    kept = rows != itself
    rows, distances = rows[kept][:most], distances[kept][:most]
    images = test_images.pixels[rows] if real and test_images is not None else model.engine.decode(codes[rows])
    names = [model.classes[int(model.latents.labels[row])] for row in rows]
    kind = "" if real else ", reconstructed"
    tiles = [
        Tile(
            f"{row:d}",
            name,
            f"{distance:.3f}" if distance < 10 else f"{distance:.1f}",
            f"Test image {row:d}{kind}: {name}, {distance:.3f} away",
        )
        for row, name, distance in zip(rows.tolist(), names, distances.tolist(), strict=True)
    ]
    mosaic(small(images), tiles, NEAR, "Nearest test images", chosen="", size=64, least=64)
    st.caption(
        f"By the distance of their z_mean from z (below each), among the {len(codes) - (itself is not None):,} {'other ' if itself is not None else ''}test codes. "
        + (
            "Click one to go there."
            if real
            else "The pictures are not on this machine: these are **reconstructions** from z_mean. Click one to go there."
        )
    )


def centres(model: LoadedModel, selected: Subject, facts: Landmarks) -> None:
    """The middle of each class, to jump to."""
    st.header("Class centres", anchor=False)
    distances = np.linalg.norm(facts.centres - selected.z, axis=1)
    nearest = model.classes[int(facts.classes[distances.argmin()])]
    tiles = [
        Tile(
            f"{label:d}",
            model.classes[label],
            f"{distance:.2f}",
            f"Centre of {count:d} codes of {model.classes[label]}, {distance:.2f} away",
        )
        for label, count, distance in zip(
            facts.classes.tolist(), facts.counts.tolist(), distances.tolist(), strict=True
        )
    ]
    here = str(facts.classes[distances.argmin()]) if selected.decoded and distances.min() < 1e-3 else ""
    mosaic(facts.pictures, tiles, CENTRES, "Class centres", chosen=here, size=64, least=64)
    st.caption(
        f"Decoded from the mean z_mean of each class, among the {_codes(model)}; below each its distance from z. The nearest is "
        f"{markdown_text(nearest)}. The mean of a class may lie where the model has no pictures. Click one to go there."
    )


def walks(model: LoadedModel, selected: Subject, facts: Landmarks | None) -> None:
    """A traversal per unit through the pinned z, the highest KL first."""
    st.header("One unit at a time", anchor=False)
    units, quiet = list(range(model.engine.latent_dim)), 0
    if facts is not None:
        units = facts.order.tolist()
        quiet = int((facts.kl < QUIET).sum())
    few, most = (max(1, affordable(model.engine, rows * STEPS) // STEPS) for rows in (FEW, MOST))
    first = min(len(units) - quiet, few) or min(len(units), few)
    hidden, last = len(units) - first, min(len(units), most)
    if hidden:
        why = f"with a KL below {QUIET} nats" if quiet == hidden else "with less KL" if facts is not None else "more"
        more = st.toggle(
            f"Show the {hidden:d} unit{'s' if hidden > 1 else ''} {why} too", key="latent_all", persist_state="session"
        )
        first = last if more else first
    chosen = tuple(int(unit) for unit in units[:first])
    pictures, values = traversed(model, tuple(selected.z.tolist()), chosen)
    rows = [Row(unit, unit_name(unit), "" if facts is None else f"KL {facts.kl[unit]:.2f} nats") for unit in chosen]
    latent_rows(pictures, rows, values, selected.z, ROWS, "Traversals", size=84 if len(rows) <= 4 else 56)
    extent = traversal_extent(selected.z)
    order = f"; KL is the mean over the {_codes(model)}, highest first" if facts is not None else ""
    cut = f" {first:d} of the {len(units):d} units are shown." if first == last < len(units) else ""
    st.caption(
        f"Each row, a {term('traversal')}, changes one unit from −{extent:g} to {extent:g} and keeps the others as in {in_words(selected.z)}. The mark above "
        f"is where the unit is now{order}.{cut} Click a picture to go there.",
        unsafe_allow_html=True,
    )


def table(model: LoadedModel, test_images: Source | None) -> None:
    """The map in words: every code, a line each; choosing a line chooses its picture."""
    assert model.latents is not None  # the caller has looked

    def take() -> None:
        rows = st.session_state[TABLE]["selection"]["rows"]
        if rows:
            jump(model, test_images, int(rows[0]))

    labels, z_mean = model.latents.labels, model.latents.z_mean
    names = np.array([plain_text(name) for name in model.classes], object)[labels.astype(np.int64)]
    columns = {"Test image": np.arange(len(labels)), "Class": names}
    columns |= {unit_name(unit): z_mean[:, unit] for unit in range(z_mean.shape[1])}
    st.dataframe(
        columns,
        key=TABLE,
        hide_index=True,
        height=420,
        on_select=take,
        selection_mode="single-row",
        alt="Codes of the test images",
        column_config={
            unit_name(unit): st.column_config.NumberColumn(format="%.3f") for unit in range(z_mean.shape[1])
        },
    )
    st.caption(f"z_mean of the {_codes(model)}. Click a heading to sort; select a row to go there.")


def _codes(model: LoadedModel) -> str:
    assert model.latents is not None
    return f"{len(model.latents.labels):,} test codes"


def _signed(value: float, places: int = 2) -> str:
    """With a minus sign, and no minus before what rounds to zero."""
    return f"{round(value, places) + 0.0:,.{places}f}".replace("-", "−")
