"""A visitor's name without an account: a cookie that comes with the page, once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from pages.ui.app import visitor as visitors
from pages.ui.app.visitor import COOKIE, VisitorCookie


def cookies(
    kind: str = "text/html; charset=utf-8", cookie: str = "", scheme: str = "http", method: str = "GET"
) -> list[str]:
    """The Set-Cookie headers of an answer."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]})
        await send({"type": "http.response.body", "body": b""})

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": "/train",
        "scheme": scheme,
        "headers": [(b"cookie", cookie.encode("latin-1"))] if cookie else [],
    }
    with ThreadPoolExecutor(1) as elsewhere:  # beside the browser tests this thread has a loop running already
        elsewhere.submit(lambda: asyncio.run(VisitorCookie(app)(scope, keep, keep))).result()  # type: ignore[arg-type]
    return [value.decode() for name, value in sent[0]["headers"] if name == b"set-cookie"]


def test_a_page_brings_a_cookie_that_no_script_reads() -> None:
    (first,), (second,) = cookies(), cookies(scheme="https")
    made = SimpleCookie(first)[COOKIE]
    assert len(made.value) > 20 and made["httponly"] and made["samesite"] == "Lax" and not made["secure"]
    assert SimpleCookie(second)[COOKIE].value != made.value and SimpleCookie(second)[COOKIE]["secure"]


@pytest.mark.parametrize("answer", [{"cookie": f"a=b; {COOKIE}=me"}, {"kind": "text/javascript"}, {"method": "POST"}])
def test_none_comes_with_anything_else(answer: dict[str, str]) -> None:
    assert cookies(**answer) == []


@pytest.mark.parametrize("cookie", ["=", "a", "\xff", f"{COOKIE}; x"])
def test_odd_cookies_are_none(cookie: str) -> None:
    assert len(cookies(cookie=cookie)) == 1


@pytest.mark.parametrize(
    "other",
    ['prefs={"a":1,"b":"x y"}', "foo bar", "n\xe4me=\xfc", "x[1]=2", "a@b=1", "a=b c, d", 'a="b', "=", "", "\t"],
)
def test_the_cookie_is_seen_beside_those_of_other_programs(other: str) -> None:
    assert cookies(cookie=f"{other}; {COOKIE}=me") == cookies(cookie=f"{COOKIE}=me; {other}") == []
    assert cookies(cookie=other) != []


@pytest.mark.parametrize("value", ["", " ", '""'])
def test_an_empty_cookie_is_replaced(value: str) -> None:
    assert len(cookies(cookie=f"{COOKIE}={value}")) == 1


def test_the_name_holds_with_the_cookie_or_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(visitors.st, "context", SimpleNamespace(cookies={COOKIE: "me"}))
    name = visitors.visitor()
    assert name == visitors.visitor() and "me" not in name
    monkeypatch.setattr(visitors.st, "context", SimpleNamespace(cookies={COOKIE: "another"}))
    assert visitors.visitor() != name
    monkeypatch.setattr(visitors.st, "context", SimpleNamespace(cookies={}))
    assert visitors.visitor() == visitors.visitor() != name
