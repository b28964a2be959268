"""The sheet of samples, what it is drawn from, and the sample that was clicked: large, and whether it is a copy."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, codes_have_pictures
from pages.ui.app.subject import in_words
from pages.ui.components.mosaic import Tile, clicked, mosaic
from pages.ui.formatting import beside, file_text, markdown_text, number, plain_text
from pages.ui.generate import files
from pages.ui.generate.cache import Draw, TrainingSide, density_of, sheet_of, training_side, usual_test_distance
from pages.ui.generate.verdict import agreement, classifier_notes, neighbour_notes
from pages.ui.images import enlarge
from pages.ui.shared.picture import picture
from vae_core.analysis import latent_geometry, mosaics
from vae_core.analysis.generation import copies
from vae_core.analysis.generation.sampling import Samples
from vae_core.checkpoints.probe import affordable
from vae_core.settings import PROGRAM

SHEET, CHOSEN, LOOK = "generate_sheet", "generate_chosen", "generate_look"
COUNTS = (1, 16, 64, 256)
SIDE = 464  # pixels of the sheet's side
PRIOR, FITTED = "N(0, I)", "Fitted density"
ALL = "All classes"


def current(model: LoadedModel) -> tuple[Draw, Samples]:
    """The sheet that is shown, by the controls as they stand."""
    fitted = density_of(model)
    use = fitted is not None and st.session_state.get("generate_from") == FITTED
    name, label = st.session_state.get("generate_class", ALL), None
    if use and fitted is not None:
        label = next((label for label in fitted.classes if class_name(model, label) == name), None)
    n = affordable(model.engine, int(st.session_state.get("generate_count", COUNTS[-1])))
    seed, temperature = st.session_state.get("generate_seed", 0), st.session_state.get("generate_temperature", 1.0)
    draw = Draw(n, int(seed or 0), float(temperature), use, label)
    return draw, sheet_of(model, draw)


def chosen_sample(model: LoadedModel) -> np.ndarray:
    """z (d,) of the sample that was clicked, the first at the start."""
    _, samples = current(model)
    index = st.session_state.get(CHOSEN, 0)
    return samples.z[index if index < len(samples.z) else 0]


def take_click() -> None:
    """Make a click on the sheet the chosen sample. Call it before anything is drawn."""
    tile = clicked(SHEET)
    if tile is not None and tile.isdecimal():
        st.session_state[CHOSEN] = int(tile)


def samples_view(model: LoadedModel, test_images: Source | None) -> None:
    """The sheet at the left; beside it what it is drawn from, and the chosen sample."""
    left, right = st.columns([54, 46], gap="medium")
    with right:
        controls(model)
        below = st.container()
    draw, samples = current(model)
    index = min(st.session_state.get(CHOSEN, 0), len(samples.z) - 1)
    with left:
        sheet(model, draw, samples, index)
    with below:
        sample(model, test_images, samples.z[index], samples.images[index], f"Sample {index + 1} of {draw.n}")


def controls(model: LoadedModel) -> None:
    """Draw anew, how many, from what; temperature and seed folded."""
    fitted = density_of(model)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button("Draw new samples", icon=":material/casino:", key="generate_draw", type="primary", on_click=_draw)
        st.segmented_control(
            "How many", COUNTS, default=COUNTS[-1], key="generate_count", required=True, persist_state="session"
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if fitted is not None:
            source = st.segmented_control(
                "Drawn from",
                (PRIOR, FITTED),
                default=PRIOR,
                key="generate_from",
                required=True,
                persist_state="session",
                help="N(0, I) is the prior the model was trained towards. The fitted density is a Gaussian mixture that "
                "follows where the codes of the training images really lie.",
            )
            if source == FITTED and len(fitted.classes) > 1:
                names = [class_name(model, label) for label in fitted.classes]
                st.selectbox(
                    "Of class", [beside(ALL, names), *names], key="generate_class", persist_state="session", width=170
                )
        with st.popover("Temperature and seed", icon=":material/tune:"):
            st.slider(
                "Temperature",
                0.0,
                2.0,
                1.0,
                0.05,
                key="generate_temperature",
                persist_state="session",
                help="Factor of the spread: below 1 safer and more alike, above 1 wilder.",
            )
            st.number_input(
                "Seed",
                0,
                2**31 - 1,
                key="generate_seed",
                persist_state="session",
                help="The same seed, the same samples.",
            )
    if fitted is None:
        st.caption(
            "No density fitted to the training codes lies beside this model, so samples come from N(0, I) alone. "
            + (
                "Keep the run as a model (page Models) to have it fitted."
                if model.entry.state
                else f"`{PROGRAM} generate {markdown_text(model.entry.id)} --prior density` fits it once."
            )
        )


def class_name(model: LoadedModel, label: int) -> str:
    """Name of a class; its number where it has none."""
    return plain_text(model.classes[label]) if label < len(model.classes) else f"class {label}"


def sheet(model: LoadedModel, draw: Draw, samples: Samples, index: int) -> None:
    """The samples edge to edge, each of which can be clicked, and what they are."""
    columns = round(draw.n**0.5) if draw.n in COUNTS else 16
    size = SIDE // columns
    step = max(1, -(-max(samples.images.shape[1:3]) // size))
    pictures = np.stack([mosaics.mosaic(image[None]) for image in samples.images[:, ::step, ::step]])
    tiles = [Tile(f"{i}", "", "", f"Sample {i + 1}") for i in range(draw.n)]
    mosaic(pictures, tiles, SHEET, "Samples", str(index), size=size, sheet=columns)
    source = "N(0, I)"
    if draw.fitted:
        source = "the fitted density" + (
            "" if draw.label is None else f" of {markdown_text(class_name(model, draw.label))}"
        )
    words = f"{draw.n} {model.thing}s that do not exist: z drawn from {source}, decoded. Click one to see it large."
    if draw.label is not None:
        share = agreement(model, samples.z, samples.images, draw.label)
        if share is not None:
            words += f" {share[1].capitalize()} call{'s' if 'classifier' in share[1] else ''} {100 * share[0]:.0f} % of them that."
    st.caption(words)
    st.download_button(
        "Sheet (PNG)",
        lambda: files.sheet_png(samples.images, columns),
        f"{file_text(model.checkpoint.name)}-samples-{draw.seed:d}.png",
        "image/png",
        key="generate_sheet_png",
        on_click="ignore",
        icon=":material/image:",
    )


def sample(model: LoadedModel, test_images: Source | None, z: np.ndarray, image: np.ndarray, name: str) -> None:
    """One sample: large, its z, verdicts, what to do with it, and the pictures nearest to it."""
    large, beside_it = st.columns([168, 330], gap="small")
    with large:
        picture(enlarge(image, 168), alt=f"{name}, enlarged")
    with beside_it:
        st.markdown(f"**{name}**")
        st.caption(markdown_text(in_words(z, most=16), 300))
        verdicts = [
            *(f"Classifier: {markdown_text(note)}" for note in classifier_notes(model, image[None])),
            *(f"nearest test codes: {markdown_text(note)}" for note in neighbour_notes(model, z[None])),
        ]
        if verdicts:
            st.caption(" · ".join(verdicts))
        with st.container(horizontal=True):
            st.button(
                "Use this point",
                icon=":material/my_location:",
                key="generate_use",
                on_click=_use,
                args=(z.tolist(),),
                help="It becomes what is chosen on every page.",
            )
            st.download_button(
                "PNG",
                lambda: files.picture_png(image),
                f"{file_text(model.checkpoint.name)}-sample.png",
                "image/png",
                key="generate_png",
                on_click="ignore",
                icon=":material/image:",
            )
    nearest_real(model, test_images, z, image)


def nearest_real(model: LoadedModel, test_images: Source | None, z: np.ndarray, image: np.ndarray) -> None:
    """Its nearest test and training images, in latent space and in pixels, with distances; and whether it is a copy."""
    st.markdown("**Is it a copy?** The pictures nearest to it")
    shown: list[tuple[np.ndarray, str, str]] = []
    if test_images is not None and codes_have_pictures(model, test_images) and model.latents is not None:
        rows, away = latent_geometry.nearest(model.latents.z_mean, z[None], 1)
        shown.append((test_images.pixels[rows[0, 0]], "test, by z", number(away[0, 0])))
    if test_images is not None and test_images.pixels.shape[1:] == image.shape:
        rows, away = copies.nearest_pictures(test_images.pixels, image[None])
        shown.append((test_images.pixels[rows[0, 0]], "test, by pixels", number(away[0, 0])))
    side = training_side(model) if st.session_state.get(LOOK) else None
    verdict = ""
    if isinstance(side, TrainingSide):
        verdict = _among_training(side, z, image, shown)
    if shown:
        with st.container(horizontal=True):
            for pixels, name, distance in shown:
                with st.container(width=112, gap=None):
                    picture(enlarge(pixels, 84), width=84, alt=f"Nearest {name}, at distance {distance}")
                    st.caption(f"{name}: {distance}")
    if isinstance(side, str):
        st.caption(side)
    elif verdict:
        st.caption(verdict)
    else:
        compared = test_images if test_images is not None and test_images.pixels.shape[1:] == image.shape else None
        usual = None if compared is None else usual_test_distance(compared)
        if compared is not None and usual is not None:
            st.caption(
                f"Among {markdown_text(compared.title)}. A test image's own nearest neighbour is {number(usual[0])} away by pixels (median of "
                f"{usual[1]:d}). The model never saw these: a copy would be one of a training image."
            )
        st.button(
            "Look among the training images",
            icon=":material/search:",
            key="generate_look_button",
            on_click=_look,
            help="Reads and encodes them once, which takes some seconds; from then on every sample is compared.",
        )
        if not shown:
            st.caption("The test images of this model are not on this machine.")


def _among_training(
    side: TrainingSide, z: np.ndarray, image: np.ndarray, shown: list[tuple[np.ndarray, str, str]]
) -> str:
    """Adds the nearest training images; the verdict as a sentence."""
    rows, away = latent_geometry.nearest(side.z_mean, z[None], 1)
    shown.append((side.pixels[rows[0, 0]], "train, by z", number(away[0, 0])))
    latent = float(away[0, 0])
    rows, away = copies.nearest_pictures(side.pixels, image[None])
    shown.append((side.pixels[rows[0, 0]], "train, by pixels", number(away[0, 0])))
    pixel = float(away[0, 0])
    if not len(side.usual_pixel):
        return "There are no test images to say what distance is usual."
    low, middle = float(side.usual_pixel[0]), float(np.median(side.usual_pixel))
    copy = "nearer than any of them: **it may be a copy**" if pixel < low else "within what is usual: **no copy**"
    return (
        f"Among {len(side.pixels):,} training images the nearest is {number(pixel)} away in pixels and {number(latent)} in z. "
        f"Unseen test images are {number(middle)} and {number(float(np.median(side.usual_code)))} from theirs (medians of "
        f"{len(side.usual_pixel)}; the nearest {number(low)} in pixels), so this is {copy}. A blurred picture lies nearer to "
        "everything."
    )


def _draw() -> None:
    seed = st.session_state.get("generate_seed", 0)
    st.session_state["generate_seed"] = (int(seed or 0) + 1) % 2**31
    st.session_state[CHOSEN] = 0


def _use(z: list[float]) -> None:
    state.choose_point(z)
    st.toast("This point is now what is chosen on every page.", icon=":material/my_location:")


def _look() -> None:
    st.session_state[LOOK] = True
