"""Who is looking: a name without an account, in a cookie, so that a reload or another tab is still the same visitor.

It decides whether a page asks before it touches what another visitor has begun, and whose uploads a reload finds again.
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
    return hashlib.blake2b(_token().encode(), digest_size=8).hexdigest()


def owner() -> str:
    """Another name for the same visitor, which is written nowhere: only who sends the cookie can ask for what is kept under it."""
    return hashlib.blake2b(_token().encode(), digest_size=32, person=b"uploads").hexdigest()


def _token() -> str:
    """The cookie's; of a browser that keeps no cookies one that lasts until the page is loaded again."""
    token = st.context.cookies.get(COOKIE)
    if isinstance(token, str) and token:
        return token
    made: str = st.session_state.setdefault("visitor", secrets.token_urlsafe(16))
    return made


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
