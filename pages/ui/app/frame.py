"""The frame around every page: settings, style, menu, model picker, title, and which data the page shows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.app import state, widget_sync
from pages.ui.app.cache import LoadedModel, Source, open_model, spare_collector
from pages.ui.app.model_pictures import data_line, image_count, missing, pictures_for, real_here
from pages.ui.app.page_access import page_access
from pages.ui.formatting import markdown_text, plain_text
from vae_core.checkpoints.errors import CheckpointError
from vae_core.checkpoints.placement import is_shipped
from vae_core.checkpoints.registry import Entry, default_model, list_models
from vae_core.checkpoints.training_data import data_name
from vae_core.datasets import fashion_mnist
from vae_core.settings import PROGRAM
from vae_core.storage.errors import DataError

_LOG = logging.getLogger(__name__)
PAGES = (
    ("streamlit_app.py", "Explore", ":material/explore:"),
    ("pages/train.py", "Train", ":material/model_training:"),
    ("pages/latent_space.py", "Latent space", ":material/scatter_plot:"),
    ("pages/reconstruction.py", "Reconstruction", ":material/compare:"),
    ("pages/heatmaps.py", "Heatmaps", ":material/blur_on:"),
    ("pages/generate.py", "Generate", ":material/auto_awesome:"),
    ("pages/applications.py", "Applications", ":material/build:"),
    ("pages/report.py", "Report", ":material/lab_profile:"),
    ("pages/models.py", "Models", ":material/view_list:"),
)
PROBLEMS = "link_problems"  # in the session: what a link asked for and cannot have
STYLE = """<style>
.block-container { padding: 1.5rem 2rem 4rem; max-width: 1280px; }
h1 { font-size: 2rem !important; line-height: 1.25 !important; padding: 0 0 .25rem !important; }
.promise { margin: 0; font-size: 1.1rem; line-height: 1.4; }
.promise .finger { display: none; }
@media (hover: none) { .promise .finger { display: inline; } .promise .mouse { display: none; } }
@media (max-width: 640px) {
  .block-container { padding: 3.25rem 1rem 4rem; }
  [data-testid="stHeader"] { height: 3.25rem; min-height: 3.25rem; }
  h1 { font-size: 1.6rem !important; padding: 0 !important; }
  .promise { font-size: 1rem; }
  .promise > span { display: none; }
}
[data-testid="stImageContainer"] img { image-rendering: pixelated; border-radius: 4px; }
.st-key-map { max-width: 720px; }
.st-key-map [data-testid="stPlotlyChart"] { aspect-ratio: 1 / 1.1; height: auto !important; }
@media (max-width: 640px) { .st-key-map [data-testid="stPlotlyChart"] { aspect-ratio: 1 / 1.22; } }
[data-testid="stTable"] td:last-child p { min-width: 7rem; overflow-wrap: anywhere; }
[data-testid="stSidebar"] [data-testid="stImageContainer"] img { border-radius: 2px; }
h2 { font-size: 1.45rem !important; }
/* the bar with the app's menu lies over the title, and lets it be seen and clicked */
@media (min-width: 641px) { [data-testid="stHeader"] { background: none; pointer-events: none; } [data-testid="stHeader"] :is(button, a) { pointer-events: auto; } }
/* small print of a contrast of 4.5 and more */
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] :is(p, li, dfn, strong, em) { color: light-dark(#5c5766, #b5afc2) !important; opacity: 1 !important; }
[data-testid="stCaptionContainer"] code { color: inherit !important; }
/* white on the light accent of the dark theme would have a contrast of 2.5 */
[data-testid^="stBaseButton-primary"] { color: light-dark(#ffffff, #14121a) !important; }
/* where the keyboard is: a ring, since a tint is what the current page has */
.st-key-menu a:focus-visible { outline: 3px solid light-dark(#6d3bb0, #b794f6); outline-offset: -3px; background: none; box-shadow: none; }
/* a term of the glossary: its meaning opens under a mouse, with the Tab key and on a tap */
.term { font-style: inherit; text-decoration: underline dotted; text-underline-offset: 3px; cursor: help; border-radius: 2px; }
.term .meaning { display: none; }
.term:is(:hover, :focus) .meaning { display: block !important; position: fixed; z-index: 999999; width: max-content; max-width: min(22rem, 92vw);
  padding: .5rem .75rem; border-radius: .5rem; background: #1d1a26; color: #fff; font: 400 .875rem/1.45 "Source Sans", sans-serif;
  white-space: normal; text-align: left; box-shadow: 0 2px 12px #0006; }
@supports (anchor-name: --term) {
  .term { anchor-name: --term; anchor-scope: --term; }
  .term .meaning { position-anchor: --term; position-area: block-end span-inline-end; margin-top: .25rem;
    position-try-fallbacks: flip-inline, flip-block, flip-block flip-inline; }
}
@media (max-width: 640px) { .term:is(:hover, :focus) .meaning { left: 4vw; right: 4vw; bottom: 1rem; max-width: none; width: auto; position-area: none; } }
/* a verdict: a sentence with a coloured edge */
[class*="st-key-verdict_"] { gap: .25rem; padding: .5rem .75rem; border-left: 4px solid #6b6577; border-radius: 0 .5rem .5rem 0; background: #6b657714; }
.st-key-verdict_good, [class*="st-key-verdict_good_"] { border-color: #2e9e5b; background: #2e9e5b1a; }
.st-key-verdict_notice, [class*="st-key-verdict_notice_"] { border-color: #3b74d5; background: #3b74d51a; }
.st-key-verdict_warning, [class*="st-key-verdict_warning_"] { border-color: #d58a00; background: #d58a001f; }
/* drawn anew each second: fading what is drawn again took more of the cores than the drawing */
.st-key-life * { transition: none !important; }
</style>"""
_menu_closer = st.components.v2.component(
    "vae_explorer_menu", js=(Path(__file__).parent / "menu.js").read_text("utf-8")
)
# a T-shirt; as an address, since for an emoji itself Streamlit compiles its catalogue of all of them
ICON = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 100'><text y='.9em' font-size='90'>%F0%9F%91%95</text></svg>"


def frame(title: str, content: Callable[[LoadedModel], None]) -> None:
    """A page about the chosen model: menu, picker with what the model is, title, then what `content` draws.

    If there is no model, or it cannot be opened, a sentence stands in the place of the content. What is clicked within the
    content draws the content alone again, and the menu, whose links carry what is chosen: half the work of a whole run.
    """
    with widget_sync.page(title):
        entries, entry, slot, facts = _around(title)
        whole_run = True

        def body() -> None:
            if not whole_run and _needs_a_whole_run(entries, entry):
                st.rerun()
            with _menu_around(slot, whole_run):
                if entry is None:
                    _no_model()
                else:
                    _about_a_model(entry, content, facts if whole_run else None)

        st.fragment(body)()
        whole_run = False
        st.session_state[PROBLEMS] = []  # they have been seen: a run that is cut short does not come here


def frame_without_model(title: str, content: Callable[[], None]) -> None:
    """A page that is there whatever the chosen model: menu, picker, title, then what `content` draws."""
    with widget_sync.page(title):
        _, _, slot, _ = _around(title)
        with _menu_around(slot):
            content()
        st.session_state[PROBLEMS] = []


def _about_a_model(entry: Entry, content: Callable[[LoadedModel], None], facts: DeltaGenerator | None) -> None:
    """The content, and in the place `facts` the (i) with what the model is and which pictures are shown."""
    try:
        model = open_model(entry)
    except CheckpointError as error:
        st.error(
            f"The model {markdown_text(entry.label)} cannot be opened: {markdown_text(error)} The picker in the sidebar has the other models.",
            icon=":material/error:",
        )
        return
    with _guarded(model):
        test_images = pictures_for(model)
        if facts is not None:
            with facts.popover("", icon=":material/info:", help="What this model is"):
                st.markdown(about(model, test_images))
                st.caption("The picker has the shipped models, and your own runs from their first snapshot on.")
        if test_images is None:
            st.caption(missing(model))
        content(model)


@contextmanager
def _guarded(model: LoadedModel) -> Iterator[None]:
    """A sentence where the page cannot show this model; what came with the program has no such excuse."""
    try:
        yield
    except Exception as error:  # Streamlit's own signals are no `Exception`
        if is_shipped(model.entry.path):
            raise
        _LOG.exception("the page cannot show the model %r", str(model.entry.path))
        reason = markdown_text(error) or type(error).__name__
        st.error(
            f"This page cannot show the model {markdown_text(model.entry.label)}, which seems to be damaged: {reason} "
            "The picker in the sidebar has the other models; the page Models can delete it.",
            icon=":material/broken_image:",
        )


def _needs_a_whole_run(entries: list[Entry], entry: Entry | None) -> bool:
    """In a run of the content alone: read the address, as every run does first; whether the frame has to follow."""
    _take_url(entries)
    chosen = None if entry is None else entry.id
    return (
        bool(st.session_state[PROBLEMS])
        or state.chosen_model() != chosen
        or (entry is not None and not entry.path.is_dir())
    )


def _take_url(entries: list[Entry]) -> list[str]:
    """What the address asks for and cannot have, from this run and from those that were cut short before they said it."""
    problems: list[str] = st.session_state.setdefault(PROBLEMS, [])
    problems += state.take_url([entry.id for entry in entries], lambda: image_count(_chosen(entries)))
    return problems


def _around(title: str) -> tuple[list[Entry], Entry | None, DeltaGenerator, DeltaGenerator]:
    """Settings, sidebar and title; the models there are, the chosen one, the places for the menu and for the model's facts."""
    entries = list_models(also=[state.chosen_model(), *st.query_params.get_all("model")])
    problems = _take_url(entries)
    st.set_page_config(f"{title} · VAE Explorer", ICON, layout="wide")
    st.html(STYLE)
    spare_collector(title)
    with st.sidebar:
        with st.container(key="menu"):
            slot = st.empty()
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            entry = _pick_model(entries)
            facts = st.empty()
        _data_line(entry)
        _menu_closer(key="menu_closer")
        page_access()
    st.title(title, anchor=False)
    for problem in problems:
        st.warning(problem, icon=":material/link_off:")
    return entries, entry, slot, facts


@contextmanager
def _menu_around(slot: DeltaGenerator, whole_run: bool = True) -> Iterator[None]:
    """The menu before the content, and again after it if its links are out of date; in a run of the content alone only after it."""
    carried = None
    if whole_run:
        _menu(slot)
        carried = state.in_links(train=True)
    try:
        yield
    except Exception:
        _menu(slot)
        raise
    if state.in_links(train=True) != carried:  # the content has taken up a choice, such as a click on the map
        _menu(slot)


def about(model: LoadedModel, test_images: Source | None) -> str:
    """Which model, trained on what, and which pictures are shown: behind the (i) beside the picker, on every page.

    test_images: the pictures of the model (`pictures_for`).
    """
    checkpoint = model.checkpoint
    units = f"{model.engine.latent_dim:d} latent unit{'' if model.engine.latent_dim == 1 else 's'}"
    trained = f"trained on **{markdown_text(data_name(checkpoint.dataset))}**"
    if model.entry.state:
        trained += f", step {checkpoint.step:,} ({markdown_text(model.entry.state)})"
    pictures = "" if test_images is None else f" Pictures: **{markdown_text(test_images.title)}**."
    return (
        f"Model **{markdown_text(checkpoint.name)}**: {markdown_text(checkpoint.model.preset)}, {checkpoint.network.parameters():,} parameters, "
        f"{units}, {trained}.{pictures}"
    )


def _menu(slot: DeltaGenerator) -> None:
    """A link leads to the other page with what is chosen here."""
    links, with_run = state.in_links(), state.in_links(train=True)
    with slot.container():
        for page, label, icon in PAGES:
            st.page_link(page, label=label, icon=icon, query_params=with_run if page == "pages/train.py" else links)


def _pick_model(entries: list[Entry]) -> Entry | None:
    """The picker; the choice holds on all pages and in the URL."""
    if not entries:
        return None
    by_id = {entry.id: entry for entry in entries}
    model_id, fallback = state.chosen_model(), default_model(entries)
    assert fallback is not None  # there are entries
    if model_id is not None and model_id not in by_id:
        st.warning(
            f"The model {markdown_text(model_id)} is gone; {markdown_text(fallback.id)} is shown instead.",
            icon=":material/info:",
        )
    chosen = by_id.get(model_id or "", fallback)
    widget_sync.set_widget("model_picker", chosen.id, chosen.label)
    st.selectbox(
        "Model",
        list(by_id),
        key="model_picker",
        format_func=lambda model_id: plain_text(by_id[model_id].label),
        on_change=lambda: state.choose_model(st.session_state["model_picker"]),
    )
    if model_id != chosen.id:
        state.choose_model(chosen.id)
    return chosen


def _chosen(entries: list[Entry]) -> Entry | None:
    """The model that is chosen, or the one that will be."""
    return next((entry for entry in entries if entry.id == state.chosen_model()), default_model(entries))


def _data_line(entry: Entry | None) -> None:
    """The data set of the chosen model; where Fashion-MNIST is not on this machine, a way to fetch it."""
    line = data_line(entry)
    if line:
        st.caption(f":material/database: {line}")
    if real_here():
        return
    why = "Fashion-MNIST is not on this machine."
    st.caption(f":material/database: {why if line else f'Drawn clothes: {why}'}")
    if st.button("Fetch Fashion-MNIST (31 MB)", icon=":material/download:", key="fetch"):
        bar = st.progress(0.0, "Asking for the files …")

        def progress(done: int, total: int) -> None:
            bar.progress(done / total, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")

        try:
            fashion_mnist.fetch_fashion(progress)
        except DataError as error:
            bar.empty()
            st.error(markdown_text(error), icon=":material/cloud_off:")
            return
        st.rerun()


def _no_model() -> None:
    """No model yet: what to do."""
    st.info("There is no model to show yet. Train one, then reload this page:", icon=":material/info:")
    st.code(f"{PROGRAM} train --epochs 2 --run-dir runs/demo", language="bash")
    st.caption("It shows up here from its first snapshot on.")
