"""What a browser may load for this app, said with every answer of the server: nothing from anywhere else.

Text of others is shown without any powers (`pages.ui.formatting`). Should some come through all the same, then no picture,
script, frame or connection to another address comes of it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from vae_core.settings import EMBED_VARIABLE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]{1,250}(:[0-9]{1,5})?")  # for frame-ancestors: scheme, host, port
POLICY = {
    "default-src": "'self'",
    # Streamlit loads a component's script from a blob; plotly's WebGL charts compile their drawing functions from text
    "script-src": "'self' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",  # Streamlit's and plotly's styles are made in the browser
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "frame-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}


class SecurityHeaders:
    """ASGI middleware that adds the headers to every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        values = {
            "content-security-policy": policy(),
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
        }
        self.headers = [(name.encode(), value.encode()) for name, value in values.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self.headers]}
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def policy() -> str:
    """The Content-Security-Policy as one line."""
    parts: dict[str, Any] = dict(POLICY)
    parts["frame-ancestors"] = " ".join(["'self'", *framing_pages()])
    parts["script-src"] = " ".join([parts["script-src"], *inline_scripts()])
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def framing_pages() -> list[str]:
    """The addresses of other pages that may show the app in a frame: those that `VAE_EXPLORER_EMBED` names, if it names no others."""
    named = os.environ.get(EMBED_VARIABLE, "").strip()
    pages = named.split(" ")
    return pages if named and all(PAGE.fullmatch(page) for page in pages) else []


def inline_scripts() -> list[str]:
    """The digests of the scripts within Streamlit's own page, which then need no 'unsafe-inline'."""
    page = Path(st.__file__).parent / "static" / "index.html"
    scripts = re.findall(r"<script>(.*?)</script>", page.read_text(encoding="utf-8"), re.DOTALL)
    return [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
