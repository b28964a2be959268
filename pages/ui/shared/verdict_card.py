"""A verdict on a page: its sentence with a coloured edge, below it why and what to try.

show_verdict(verdicts.collapse(kl_per_unit, beta), "models")
"""

from __future__ import annotations

import streamlit as st

from pages.ui.formatting import SENTENCE, markdown_text
from vae_core.analysis.verdicts import Verdict


def show_verdict(verdict: Verdict | None, place: str) -> None:
    """Draw a verdict; nothing where there is none.

    Args:
        verdict: What one of the functions of `vae_core.analysis.verdicts` gave.
        place: A word that tells it from other verdicts of the same kind on the page; a constant.
    """
    if verdict is None:
        return
    with st.container(key=f"verdict_{verdict.level}_{verdict.kind}_{place}"):
        st.markdown(f"**{markdown_text(verdict.sentence, SENTENCE)}**")
        st.caption(markdown_text(f"{verdict.why} {verdict.advice}".strip(), SENTENCE))
