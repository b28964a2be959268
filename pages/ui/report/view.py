"""What the page Report shows: the headline, the parts, one picture's posterior, the comparison and the file."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel, Source, open_model
from pages.ui.app.model_pictures import pictures_for
from pages.ui.formatting import SENTENCE, file_text, markdown_text, plain_text
from pages.ui.report.cache import contents_of, posterior_of
from pages.ui.shared.picture_line import picture_line
from pages.ui.shared.verdict_card import show_verdict
from vae_core.analysis.report.comparison import comparison
from vae_core.analysis.report.contents import ReportContents
from vae_core.analysis.report.document import HEALTHY, document, sections
from vae_core.analysis.report.drawing import STYLE, charts_as_pictures
from vae_core.analysis.report.grid_posterior import MOST_UNITS
from vae_core.analysis.report.loss_sections import headline
from vae_core.analysis.report.one_picture import posterior_figures, posterior_sentence
from vae_core.analysis.report.section import Section
from vae_core.analysis.verdicts import Verdict
from vae_core.checkpoints.errors import CheckpointError
from vae_core.checkpoints.registry import Entry, list_models

ALONE = "no other model"
STYLE_TAG = f"<style>{STYLE}</style>"
# Multiply-adds of one decode: more of them would keep a visitor waiting for a picture's posterior.
MOST_WORK = 8_000_000


def result(contents: ReportContents) -> None:
    """The verdicts, as sentences with an edge."""
    st.markdown(f"**{markdown_text(headline(contents), SENTENCE)}**")
    verdicts = contents.verdicts or [Verdict("healthy", "good", HEALTHY, "What follows says why.")]
    for verdict in verdicts:
        show_verdict(verdict, "report")


def parts(model: LoadedModel, test_images: Source | None, contents: ReportContents) -> None:
    """Every part in order, the chosen picture after where the nats go."""
    for section in sections(contents):
        show(section)
        if section.name == "nats" and contents.figures.gaps is not None:
            one_picture(model, test_images)


def show(section: Section) -> None:
    """A part with its title."""
    st.header(markdown_text(section.title), anchor=False)
    body(section.html)


def body(text: str) -> None:
    """HTML of the package's own making, in which all that others have named is escaped."""
    st.html(f'<div class="rep">{charts_as_pictures(text)}</div>')


def one_picture(model: LoadedModel, test_images: Source | None) -> None:
    """The true posterior of a chosen picture beside the encoder's Gaussian."""
    work = sum(layer.multiply_adds(before) for layer, _, before, _ in model.engine.network.decoder.walk())
    if model.engine.latent_dim > MOST_UNITS:
        return
    st.header("One picture: where it may lie", anchor=False)
    if work > MOST_WORK:
        st.caption(
            "Working out one picture's true posterior takes 20,000 decodings, too many for a decoder as large as this model's while you wait. "
            "The figures above were measured in the same way."
        )
        return
    selected = picture_line(model, test_images)
    known = posterior_of(model, selected.image)
    st.markdown(markdown_text(posterior_sentence(known), SENTENCE))
    drawn = posterior_figures(known)
    if drawn:
        body(drawn)


def compared(model: LoadedModel) -> ReportContents | None:
    """The picker of a second model, and what its report shows; None if there is none."""
    entries = {entry.id: entry for entry in list_models() if entry.id != model.entry.id}
    chosen = st.selectbox(
        "Compare with",
        [ALONE, *entries],
        key="report_against",
        persist_state="session",
        width=260,
        format_func=lambda name: plain_text(_label(entries, name)),
    )
    if chosen is None or chosen == ALONE or chosen not in entries:
        return None
    entry = entries[chosen]
    try:
        other = open_model(entry)
    except CheckpointError as error:
        st.warning(f"{markdown_text(entry.label)} cannot be opened: {markdown_text(error)}", icon=":material/error:")
        return None
    contents = contents_of(other, pictures_for(other))
    if contents is None:
        st.info(
            f"{markdown_text(entry.label)} has not been measured for a report. Choose it in the sidebar, and measure it there.",
            icon=":material/info:",
        )
    return contents


def _label(entries: dict[str, Entry], name: str) -> str:
    return entries[name].label if name in entries else ALONE


def download(contents: ReportContents, other: ReportContents | None) -> None:
    """The report as one file."""
    st.download_button(
        "Report (HTML)",
        lambda: document(contents, other).encode(),
        f"{file_text(contents.name)}-report.html",
        "text/html",
        key="report_download",
        on_click="ignore",
        icon=":material/download:",
        help="One file that needs no network, light and dark, to be read, printed or sent.",
    )


def against(contents: ReportContents, other: ReportContents | None) -> None:
    """The comparison, where a second model was chosen."""
    if other is not None:
        show(comparison(contents, other))
