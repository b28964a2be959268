"""Deleting on a page: a button, a step that names what goes, an Undo right after, and what was deleted within the last day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import streamlit as st

from pages.ui.formatting import markdown_text
from vae_core.jobs.deletion import restore
from vae_core.storage.trash import Deleted, folder_size

ASKED, DONE, PROBLEM = "deletion_asked", "deletion_done", "deletion_problem"  # in the session


def deletion_control(
    path: Path, words: str, delete: Callable[[], Deleted], after: Callable[[], None] | None = None
) -> None:
    """A button, and once it is pressed the question whether this is really to be deleted.

    Args:
        path: the folder. words: what it is, "the run demo": safe to show as Markdown.
        delete: moves it away; a `ValueError` says why not. after: called when that is done.
    """
    key = str(path)
    if st.session_state.get(ASKED) != key:
        st.button("Delete …", icon=":material/delete:", key=f"delete_{key}", on_click=_open_question, args=(key,))
        return
    with st.container(border=True):
        st.warning(
            f"Delete {words}, {folder_size(path) / 1e6:.1f} MB? All visitors of this server lose it. "
            "It can be put back within a day; then it is gone for good.",
            icon=":material/delete:",
        )
        with st.container(horizontal=True):
            st.button(
                "Delete it",
                key="delete_yes",
                type="primary",
                icon=":material/delete:",
                on_click=_delete,
                args=(delete, after),
            )
            st.button("Leave it", key="delete_no", on_click=_open_question, args=(None,))


def deletion_messages() -> None:
    """In the runs after a deletion: what went, with an Undo; or why it could not be done. Call it at a page's top."""
    problem = st.session_state.pop(PROBLEM, None)
    if problem:
        st.error(markdown_text(problem, 600), icon=":material/error:")
    done: Deleted | None = st.session_state.get(DONE)
    if done is None:
        return
    if not done.path.exists():  # put back by somebody else
        del st.session_state[DONE]
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.success(
            f"{markdown_text(done.name)} was deleted. It can be put back within a day.", icon=":material/delete:"
        )
        st.button("Undo", key="delete_undo", icon=":material/undo:", on_click=_restore, args=(done,))


def deleted_today(entries: Sequence[Deleted], key: str) -> None:
    """A fold with what was deleted within the last day; nothing where there is none."""
    if not entries:
        return
    with st.expander(f"Deleted within the last day ({len(entries)})", icon=":material/delete:", key=f"trash_{key}"):
        for entry in entries:
            with st.container(horizontal=True, vertical_alignment="center"):
                when = datetime.fromtimestamp(entry.time).strftime("%Y-%m-%d %H:%M")
                st.caption(f"{markdown_text(entry.name)}, {entry.size / 1e6:.1f} MB, deleted {when}", width="stretch")
                st.button(
                    "Put back",
                    key=f"restore_{entry.path.name}",
                    icon=":material/undo:",
                    on_click=_restore,
                    args=(entry,),
                )


def _open_question(key: str | None) -> None:
    st.session_state[ASKED] = key


def _delete(delete: Callable[[], Deleted], after: Callable[[], None] | None) -> None:
    st.session_state[ASKED] = None
    try:
        st.session_state[DONE] = delete()
    except ValueError as error:
        st.session_state[PROBLEM] = str(error)
        return
    if after is not None:
        after()


def _restore(entry: Deleted) -> None:
    if st.session_state.get(DONE) == entry:
        del st.session_state[DONE]
    try:
        path = restore(entry.path.parents[1], entry.path.name)
    except ValueError as error:
        st.session_state[PROBLEM] = str(error)
        return
    if path.name != entry.name:
        st.session_state[PROBLEM] = (
            f"{entry.name} is back under the name {path.name}, since its own was taken meanwhile."
        )
