"""VAE Explorer: `streamlit run streamlit_app.py`. The server imports this file once; a visitor's run of it is the front page."""

from __future__ import annotations

import streamlit as st

if __name__ == "__main__":
    from pages.ui.app.frame import frame
    from pages.ui.home import view as front

    frame("Explore", front.main)
else:
    from starlette.middleware import Middleware

    from pages.ui.app.security_headers import SecurityHeaders
    from pages.ui.app.startup import started
    from pages.ui.app.uploads import UploadFence
    from pages.ui.app.visitor import VisitorCookie

    fences = [Middleware(SecurityHeaders), Middleware(UploadFence), Middleware(VisitorCookie)]
    app = st.App(__file__, lifespan=started, middleware=fences)
