"""A file of codes is opened again: the pictures in it, decoded by the model that wrote it."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.app.uploads import refusal_message
from pages.ui.applications.cache import opened_codes
from pages.ui.formatting import SENTENCE, markdown_text, plain_text
from pages.ui.shared.picture import picture
from vae_core.analysis.applications.code_archive import ArchiveError

LARGEST_MB = 1  # a shipped model's file has 3 to 20 bytes a picture


def open_codes(model: LoadedModel) -> None:
    """An uploader in a fold, and under it what the file holds; a file that is damaged or another model's is refused."""
    with st.expander("Open a file of codes", icon=":material/folder_open:"):
        refusal_message()
        file = st.file_uploader(
            "A file that the button above or `compress` wrote with this model",
            key="compress_open",
            max_upload_size=LARGEST_MB,
        )
        if file is None:
            return
        try:
            codes = opened_codes(model, file.getvalue(), plain_text(file.name))
        except ArchiveError as error:
            st.error(markdown_text(error, SENTENCE), icon=":material/broken_image:")
            return
        count = f"{codes.total:,} picture{'' if codes.total == 1 else 's'}"
        st.markdown(f"**{count}** in {file.size:,} bytes, {file.size / codes.total:.1f} each.")
        if codes.shown < codes.total:
            st.caption(f"The first {codes.shown:,} are shown.")
        picture(codes.sheet, f"{count} decoded from {plain_text(file.name)}")
