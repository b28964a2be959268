"""What screen readers and keyboards need and Streamlit leaves out: the menu as a navigation, icons that are not read aloud."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_page_access = st.components.v2.component(
    "vae_explorer_page_access", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
)


def page_access() -> None:
    """Mend the page in the browser, now and whenever it changes; draws nothing. Call it once a run, in the sidebar."""
    _page_access(key="page_access")
