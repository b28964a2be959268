"""What may be uploaded: the limits of every `st.file_uploader`, held on the server before a byte of a file is kept.

Streamlit's own route takes any number of files, each of the largest size that any widget allows, from any client. `UploadFence`
stands before that route. It counts what each session holds, and drops it when the session has ended.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import psutil
import streamlit as st
from starlette.requests import ClientDisconnect
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime import Runtime, exists, get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui.formatting import SENTENCE, markdown_text
from vae_core.settings import UPLOAD_MB

MB = 1 << 20
PICTURE_MB, ZIP_MB = 20, 200  # the largest file; `server.maxUploadSize` is the larger of the two
ALL_SHARE = 4  # all sessions together hold at most this fraction (1/4) of the machine's memory
ARCHIVES = (".zip", ".npz")  # endings of the names of files that may be as large as a zip
FRAMING = 64 << 10  # bytes that a multipart body has beside its file
SWEEP_SECONDS = 30.0
SILENCE = 20.0  # seconds without a byte after which an upload is given up
SLOWEST = 8 << 10  # bytes a second: on average, after so long
STALLED = "The upload stood still and was given up. Choose the file again."
ROUTE = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
FILE_NAME = re.compile(rb'filename="((?:[^"\\]|\\.)*)"')

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_refused: dict[str, str] = {}  # by session: the sentence that its page shows next
_on_the_way: Counter[str] = Counter()  # bytes of the files that are being received, by session
_arrived: Counter[str] = Counter()  # bytes of them that are here, in whole megabytes, by session


class Store(Protocol):
    """Where Streamlit keeps uploads, by session and file."""

    file_storage: dict[str, dict[str, Any]]

    def remove_session_files(self, session_id: str) -> None:
        """Drop all files of a session."""


class Refused(Exception):
    """An upload that is over a limit. status: HTTP's. The text is the sentence for the visitor."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def drop(file_id: str) -> None:
    """Let go of a file of this session that has been read: a widget that is drawn no more would keep it until the visit ends."""
    context = get_script_run_ctx()
    if context is not None and exists():
        get_instance().uploaded_file_mgr.remove_file(context.session_id, file_id)  # type: ignore[attr-defined]


def refusal_message() -> None:
    """Above an uploader: why this session's newest upload was refused, once."""
    context = get_script_run_ctx()
    sentence = None if context is None else _refused.pop(context.session_id, None)
    if sentence:
        st.error(markdown_text(sentence, SENTENCE), icon=":material/upload_file:")


class UploadFence:
    """ASGI middleware: a PUT to Streamlit's upload route keeps to the limits, or gets a status and a sentence."""

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let everything else pass."""
        target = ROUTE.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if target is None or not exists() or not get_instance().is_active_session(target[1]):
            await self.app(scope, receive, send)  # Streamlit refuses what belongs to no session
            return
        session, reserved = target[1], 0
        room = _Room(session)
        receive = _hurried(receive)
        try:
            first, name = await _head(receive)
            largest = ZIP_MB if name.lower().endswith(ARCHIVES) else PICTURE_MB
            size = _announced(scope)
            if size is not None and size > largest * MB + FRAMING:
                raise Refused(413, _too_large(name, largest))
            size = largest * MB if size is None else size
            sizes = held(get_instance().uploaded_file_mgr)  # type: ignore[arg-type]
            check_visit(session, sizes, _on_the_way, size)
            check_server(sizes, _arrived, size)
            _on_the_way[session] += size
            reserved = size
            sentence = _too_large(name, largest)
            await self.app(scope, _counted(first, receive, largest * MB + FRAMING, sentence, room), send)
        except Refused as error:
            _refused[session] = str(error)
            _run_again(session)
            await _answer(send, error)
        except ClientDisconnect:
            pass  # the tab was closed, or the file taken away, before all of it had come
        finally:
            room.leave()
            _on_the_way[session] -= reserved
            if not _on_the_way[session]:
                del _on_the_way[session]


class _Room:
    """The memory that an upload takes of what all visitors share: as much as has come of it, not what was announced.

    So nobody keeps the others out by announcing much and sending it slowly.
    """

    def __init__(self, session: str) -> None:
        self.session, self.taken = session, 0

    def take(self, count: int) -> None:
        """Make room for `count` bytes in all; `Refused` where there is none."""
        while self.taken < count:
            check_server(held(get_instance().uploaded_file_mgr), _arrived, MB)  # type: ignore[arg-type]
            _arrived[self.session] += MB
            self.taken += MB

    def leave(self) -> None:
        """Give it back: the file counts among those that are held now, or has gone."""
        _arrived[self.session] -= self.taken
        if not _arrived[self.session]:
            del _arrived[self.session]


def check_visit(session: str, sizes: dict[str, int], on_the_way: Counter[str], size: int) -> None:
    """Raise `Refused` if a file of `size` bytes is more than the visit may hold. sizes: bytes that each session holds."""
    limit, mine = UPLOAD_MB.value(), sizes.get(session, 0) + on_the_way[session]
    if mine + size > limit * MB:
        raise Refused(
            413,
            f"This visit holds {mine / MB:.0f} MB of uploads, and may hold {limit} MB ({UPLOAD_MB.variable}). Reload the "
            "page to begin a new visit: the files of this one are then dropped.",
        )


def check_server(sizes: dict[str, int], arrived: Counter[str], size: int) -> None:
    """Raise `Refused` if `size` bytes more are too many for the server. sizes, arrived: bytes held and come, by session."""
    if sum(sizes.values()) + arrived.total() + size > psutil.virtual_memory().total / ALL_SHARE:
        raise Refused(
            507, "All visitors together have uploaded as much as this server can hold. Try again in some minutes."
        )


def held(store: Store) -> dict[str, int]:
    """Bytes that each session holds; a file counts for a megabyte at least, so that their number is bounded too."""
    sessions = list(store.file_storage.items())
    return {session: sum(max(len(file.data), MB) for file in list(files.values())) for session, files in sessions}


async def sweep_for_ever(runtime: Runtime) -> None:
    """Drop the uploads of sessions that have ended, for as long as the server lives.

    Streamlit does so when a session is closed; one whose browser has gone is only closed when the next visitor comes, and a
    file that arrives after its session has ended would stay for ever.
    """
    gone: dict[str, float] = {}
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        sweep(runtime.uploaded_file_mgr, runtime.is_active_session, gone, time.monotonic())  # type: ignore[arg-type]


def sweep(store: Store, active: Callable[[str], bool], gone: dict[str, float], now: float) -> None:
    """Drop the files of sessions without a browser for longer than one may come back. gone: since when, by session."""
    for session in {*store.file_storage, *_refused}:
        if active(session):
            gone.pop(session, None)
        elif now - gone.setdefault(session, now) > float(st.get_option("server.disconnectedSessionTTL")):
            store.remove_session_files(session)
            _refused.pop(session, None)
            del gone[session]


def _hurried(receive: Receive) -> Receive:
    """The same messages; `Refused` where none comes for `SILENCE` seconds, or they come too slowly to be of an upload.

    What is announced takes room from everybody until it has come.
    """
    began, count, more = time.monotonic(), 0, True

    async def hurried() -> Message:
        nonlocal count, more
        if not more:  # all of it is here: what follows is the end of the connection, which may take its time
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), SILENCE)
        except asyncio.TimeoutError:
            raise Refused(408, STALLED) from None
        count, more = count + len(message.get("body", b"")), bool(message.get("more_body"))
        if more and count < (time.monotonic() - began - SILENCE) * SLOWEST:
            raise Refused(408, STALLED)
        return message

    return hurried


async def _head(receive: Receive) -> tuple[list[Message], str]:
    """The first messages of a body, until the name of its file is known; and that name."""
    messages, body = [], b""
    while b"\r\n\r\n" not in body and len(body) < FRAMING:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    named = FILE_NAME.search(body.partition(b"\r\n\r\n")[0])
    return messages, named[1].decode("utf-8", "replace") if named else ""


def _counted(first: list[Message], receive: Receive, limit: int, sentence: str, room: _Room) -> Receive:
    """The body from its beginning; `Refused` as soon as it is larger than the limit, whatever its header said, or than the room."""
    waiting, count = list(first), 0

    async def counted() -> Message:
        nonlocal count
        message = waiting.pop(0) if waiting else await receive()
        count += len(message.get("body", b""))
        if count > limit:
            raise Refused(413, sentence)
        room.take(count)
        return message

    return counted


def _announced(scope: MutableMapping[str, Any]) -> int | None:
    """The size that the request names; None where it names none, or nonsense."""
    value = dict(scope["headers"]).get(b"content-length", b"")
    return int(value) if value.isdigit() and len(value) < 19 else None


def _too_large(name: str, largest: int) -> str:
    short = "".join(letter for letter in name[-60:] if letter.isprintable() and letter not in "`[]<>*_$:")
    return f"{short or 'The file'} is larger than {largest} MB, the most that is taken of {'such a file' if largest == ZIP_MB else 'a picture'}."


def _run_again(session: str) -> None:
    """Let the page say it now: a refused upload by itself runs no script."""
    visitor = get_instance().get_app_session(session)
    if visitor is not None:
        state = ClientState()
        state.CopyFrom(visitor._client_state)
        state.fragment_id, state.is_auto_rerun = "", False  # the whole page, whatever has run last
        visitor.request_rerun(state)


async def _answer(send: Send, error: Refused) -> None:
    body = str(error).encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
