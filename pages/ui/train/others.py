"""Runs are shared by all who use a server: what touches another visitor's run asks first, and names it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.ui.app.visitor import visitor
from pages.ui.formatting import markdown_text
from vae_core.runs.directory import Run

ASKED = "asked_first"  # in the session: (run, button) of the question that is open
SHARED = "Runs are shared: all who use this server see them, and can pause, stop, rename and delete them."


def another_visitors(run: Run) -> bool:
    """Whether somebody else began it in the app. A run from a terminal is nobody's in particular."""
    starter = run.request().get("visitor")
    return bool(starter) and starter != visitor()


def guarded_button(
    run: Run, words: str, icon: str, key: str, act: Callable[[], None], disabled: bool = False, chosen: bool = False
) -> None:
    """A button that does something to a run; to another visitor's only after a question.

    icon: a Material symbol, "" for none. act: what it does. chosen: it is what the run stands at.
    """
    st.button(
        words,
        icon=f":material/{icon}:" if icon else None,
        key=key,
        on_click=_pressed,
        args=(run, key, act),
        disabled=disabled,
        type="primary" if chosen else "secondary",
    )
    if st.session_state.get(ASKED) == (run.name, key):
        st.dialog("Another visitor's run", on_dismiss=_close)(_question)(run, words, icon, act)


def _question(run: Run, words: str, icon: str, act: Callable[[], None]) -> None:
    if st.session_state.get(ASKED) is None:
        st.rerun()  # answered
    st.markdown(
        f"**{markdown_text(run.name)}** was begun by another visitor of this server, who may be watching it. "
        f"{words} all the same?"
    )
    with st.container(horizontal=True):
        symbol = f":material/{icon}:" if icon else None
        st.button(words, key="asked_yes", icon=symbol, type="primary", on_click=_agreed, args=(act,))
        st.button("Leave it", key="asked_no", on_click=_close)


def _pressed(run: Run, key: str, act: Callable[[], None]) -> None:
    if another_visitors(run):
        st.session_state[ASKED] = (run.name, key)
    else:
        act()


def _agreed(act: Callable[[], None]) -> None:
    _close()
    act()


def _close() -> None:
    st.session_state[ASKED] = None
