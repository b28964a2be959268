"""Who is looking: a name without an account, in a cookie, so that a reload or another tab is still the same visitor.

It decides nothing but whether a page asks before it touches what another visitor has begun.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import MutableMapping
from typing import Any

import streamlit as st
from starlette.requests import HTTPConnection

from pages.ui.app.uploads import Asgi, Message, Receive, Send

COOKIE = "vae_explorer_visitor"
YEAR = 365 * 24 * 3600


def visitor() -> str:
    """A name for whoever looks at this page, the same after a reload; what can be derived from it opens nothing."""
    token = st.context.cookies.get(COOKIE)
    if (
        not isinstance(token, str) or not token
    ):  # a browser that keeps no cookies: the same until the page is loaded again
        token = st.session_state.setdefault("visitor", secrets.token_urlsafe(16))
    return hashlib.blake2b(token.encode(), digest_size=8).hexdigest()


class VisitorCookie:
    """ASGI middleware: a browser without the cookie gets one with the page."""

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let all pass; a page takes the cookie along."""

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", [])]
                if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
                    secure = "; Secure" if scope.get("scheme") == "https" else ""
                    value = (
                        f"{COOKIE}={secrets.token_urlsafe(16)}; Path=/; Max-Age={YEAR}; HttpOnly; SameSite=Lax{secure}"
                    )
                    message = {**message, "headers": [*headers, (b"set-cookie", value.encode())]}
            await send(message)

        new = scope["type"] == "http" and scope["method"] == "GET" and not _known(scope)
        await self.app(scope, receive, with_cookie if new else send)


def _known(scope: MutableMapping[str, Any]) -> bool:
    """Whether the request carries the cookie, beside whatever other programs of the host have set.

    Read as Streamlit reads it for `visitor`: Python's `SimpleCookie` drops all cookies after an odd one.
    """
    return bool(HTTPConnection(scope).cookies.get(COOKIE))
