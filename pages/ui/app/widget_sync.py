"""Widgets that show what may also be chosen elsewhere: the model, the picture, the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


@contextmanager
def page(title: str) -> Iterator[None]:
    """A run of a page. Until it has once run to its end all its widgets are told what they show: they are new to the browser."""
    st.session_state["widgets_are_new"] = st.session_state.get("whole_page") != title
    yield
    # not reached by a run that another one has cut short
    st.session_state["whole_page"] = title
    st.session_state["widgets_are_new"] = False  # for runs of a fragment


def set_widget(key: str, value: object, label: str = "") -> None:
    """Let the widget with this key show `value`; call it just before the widget is drawn. label: the words shown for it.

    Said only where the widget shows something else: what is said on every run may reach a busy browser after its visitor has
    picked something new, and take that back.
    """
    before, st.session_state[f"{key}_shows"] = st.session_state.get(f"{key}_shows"), (value, label)
    renamed = before is not None and before[0] == value and before[1] != label
    new = st.session_state.get("widgets_are_new", True) or key not in st.session_state
    if new or renamed or st.session_state[key] != value:
        st.session_state[key] = value
