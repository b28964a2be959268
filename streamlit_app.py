"""VAE Explorer: `streamlit run streamlit_app.py`. The server imports this file once; a visitor's run of it is the front page."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.startup import started

if __name__ == "__main__":
    from pages.ui.app.frame import frame
    from pages.ui.home import view as front

    frame("VAE Explorer", front.main)
else:
    app = st.App(__file__, lifespan=started)
