"""VAE Explorer: `streamlit run streamlit_app.py`. The server imports this file once; a visitor's run of it is the front page."""

from __future__ import annotations

import streamlit as st

from pages.ui.start import started

if __name__ == "__main__":
    from pages.ui import front
    from pages.ui.frame import frame

    frame("VAE Explorer", front.main)
else:
    app = st.App(__file__, lifespan=started)
