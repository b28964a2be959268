"""Figures over many test images that take seconds: measured once a model, in a process of its own, while the page goes on."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.model_pictures import missing
from pages.ui.formatting import SENTENCE, markdown_text
from vae_core.jobs.measuring import MEASURING, Measurement
from vae_core.storage.kind import MODEL, kind_of

REFRESH = "1s"


def offer_to_measure(model: LoadedModel, test_images: Source | None, use: str, what: str, long: bool = False) -> None:
    """In the place of figures that are not there: a button that measures them, its progress, or why it cannot be done.

    what: what is measured, for a sentence that begins "... has not been measured". long: whether it takes minutes.
    """
    reason = _why_not(model, test_images)
    if reason:
        with st.container(border=True):
            st.markdown(f"{markdown_text(what)} has not been measured for this model. {reason}")
        return
    measurement = MEASURING.get(model.entry.path, use)
    if measurement is not None and measurement.in_progress:
        _watch(model, use)
        return
    with st.container(border=True):
        st.markdown(
            f"{markdown_text(what)} has not been measured for this model yet. It takes {'a minute or two' if long else 'under a minute'}, once; you can go on meanwhile."
        )
        if measurement is not None and measurement.state == "failed":
            st.error(
                f"It could not be measured: {markdown_text(measurement.problem, SENTENCE)}", icon=":material/error:"
            )
        st.button(
            "Measure now",
            key=f"measure_{use}",
            icon=":material/speed:",
            type="primary",
            on_click=_start,
            args=(model, use),
        )
    problem = st.session_state.pop("measuring_problem", None)
    if problem:
        st.warning(markdown_text(problem), icon=":material/hourglass_top:")


def _why_not(model: LoadedModel, test_images: Source | None) -> str:
    if kind_of(model.entry.path) != MODEL:
        return "It is a run still: keep it as a model on the page Train, and measure that."
    if test_images is None:
        return missing(model)
    if test_images.dataset.checksum != model.checkpoint.dataset.get("checksum"):
        return "The pictures it was trained on are not on this machine; those shown here only stand in for them."
    return ""


def _start(model: LoadedModel, use: str) -> None:
    try:
        MEASURING.start(model.entry.path, use)
    except ValueError as error:
        st.session_state["measuring_problem"] = str(error)


def _stop(model: LoadedModel, use: str) -> None:
    MEASURING.stop(model.entry.path, use)


def _watch(model: LoadedModel, use: str) -> None:
    @st.fragment(run_every=REFRESH)
    def progress() -> None:
        measurement = MEASURING.get(model.entry.path, use)
        if measurement is None or not measurement.in_progress:
            st.rerun()
        assert isinstance(measurement, Measurement)
        waits = measurement.state == "waiting"
        st.progress(measurement.share, "Waits for another model to be measured …" if waits else "Measuring …")
        st.button("Stop", key=f"stop_{use}", icon=":material/stop:", on_click=_stop, args=(model, use))

    progress()
