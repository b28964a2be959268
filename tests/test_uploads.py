"""The fence before Streamlit's upload route: sizes by kind, a total for each visit, and files that go with their session."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from streamlit.proto.ClientState_pb2 import ClientState

from pages.ui.app import uploads
from pages.ui.app.uploads import MB, Refused, UploadFence

ROOT = Path(__file__).parents[1]


class FakeRuntime:
    """Knows one session, `visit`, which holds `files` (bytes each)."""

    def __init__(self, *files: int) -> None:
        stored = {str(number): SimpleNamespace(data=bytes(size)) for number, size in enumerate(files)}
        self.uploaded_file_mgr = SimpleNamespace(file_storage={"visit": stored})
        self.reruns: list[Any] = []

    def is_active_session(self, session: str) -> bool:
        return session == "visit"

    def get_app_session(self, session: str) -> Any:
        return SimpleNamespace(
            _client_state=ClientState(query_string="image=3", fragment_id="life", is_auto_rerun=True),
            request_rerun=self.reruns.append,
        )


@pytest.fixture(autouse=True)
def no_refusals() -> Iterator[None]:
    yield
    uploads._refused.clear()


def put(
    monkeypatch: pytest.MonkeyPatch,
    runtime: FakeRuntime,
    name: str,
    size: int,
    *,
    told: bool = True,
    session: str = "visit",
    step: int = MB,
    stalls: bool = False,
    breaks: bool = False,
) -> tuple[int, str, int]:
    """Send a file in chunks; status, sentence, and how many bytes of it the app inside has had.

    step: bytes of a chunk. stalls, breaks: nothing comes after the first ones, or the connection ends. (0, "", 0): no answer.
    """
    monkeypatch.setattr(uploads, "exists", lambda: True)
    monkeypatch.setattr(uploads, "get_instance", lambda: runtime)
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    chunks = [head[:20], head[20:], *[bytes(min(step, size - start)) for start in range(0, size, step)]]
    received, sent = 0, []

    async def receive() -> dict[str, Any]:
        if stalls and received:
            await asyncio.sleep(30)
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal received
        more = True
        while more:
            message = await receive()
            received, more = received + len(message["body"]), message["more_body"]
            if breaks:
                raise ClientDisconnect
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"/base/_stcore/upload_file/{session}/some-file",
        "headers": [(b"content-length", str(size + len(head)).encode())] if told else [],
    }
    with ThreadPoolExecutor(1) as elsewhere:  # beside the browser tests this thread has a loop running already
        elsewhere.submit(lambda: asyncio.run(UploadFence(app)(scope, receive, send))).result()
    if not sent:
        return 0, "", 0
    return sent[0]["status"], sent[1]["body"].decode(), received


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("name", "largest"), [("shirt.png", 20), ("noname", 20), ("models.ZIP", 200), ("own.npz", 200)]
)
def test_a_file_is_as_large_as_its_widget_allows_whatever_the_request_says(
    name: str, largest: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, received = put(monkeypatch, FakeRuntime(), name, largest * MB, told=told)
    assert status == 204 and received > largest * MB
    runtime = FakeRuntime()
    status, sentence, received = put(monkeypatch, runtime, name, (largest + 1) * MB, told=told)
    assert status == 413 and f"{name} is larger than {largest} MB" in sentence
    assert received == 0 if told else received <= (largest + 1) * MB
    assert uploads._refused == {"visit": sentence}  # its page says it …
    assert runtime.reruns == [ClientState(query_string="image=3")]  # … now, all of it, where it was


def test_a_visit_holds_so_much_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_UPLOAD_MB", "30")
    assert put(monkeypatch, FakeRuntime(10 * MB, 10 * MB), "a.zip", 9 * MB)[0] == 204
    status, sentence, received = put(monkeypatch, FakeRuntime(10 * MB, 10 * MB), "a.zip", 11 * MB)
    assert (status, received) == (413, 0)
    assert sentence.startswith("This visit holds 20 MB of uploads, and may hold 30 MB (VAE_EXPLORER_UPLOAD_MB).")
    assert put(monkeypatch, FakeRuntime(*[1] * 30), "tiny.png", 1)[0] == 413  # their number is bounded too
    assert not uploads._on_the_way


@pytest.mark.parametrize("name", ["a.zip", ""])
def test_an_upload_that_stands_still_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its announced size would be kept from this visit's other files for as long as the connection stays open."""
    monkeypatch.setattr(uploads, "SILENCE", 0.05)
    runtime = FakeRuntime()
    assert put(monkeypatch, runtime, name, 190 * MB if name else MB, stalls=True)[:2] == (408, uploads.STALLED)
    assert not uploads._on_the_way and uploads._refused == {"visit": uploads.STALLED} and len(runtime.reruns) == 1


def test_an_upload_of_a_byte_now_and_then_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 5))
    monkeypatch.setattr(uploads, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert put(monkeypatch, FakeRuntime(), "a.zip", 20 * MB)[0] == 204  # slow, and yet a megabyte each time
    clock = iter(range(0, 10**6, 5))
    assert put(monkeypatch, FakeRuntime(), "a.zip", 20_000, step=100)[0] == 408


def test_an_upload_that_is_broken_off_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette raises it within the app when the connection goes; a traceback in the server's log would look like a fault."""
    assert put(monkeypatch, FakeRuntime(), "a.zip", 3 * MB, breaks=True) == (0, "", 0)
    assert not uploads._on_the_way and not uploads._refused


def test_what_is_on_the_way_counts() -> None:
    on_the_way = Counter({"visit": 300 * MB})
    with pytest.raises(Refused, match="holds 350 MB of uploads, and may hold 400 MB"):
        uploads.check_visit("visit", {"visit": 50 * MB}, on_the_way, 60 * MB)
    uploads.check_visit("another", {"visit": 50 * MB}, on_the_way, 60 * MB)


def test_slow_uploads_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all visitors' memory an upload takes what has come of it: many announced ones leave room for a small one."""
    monkeypatch.setattr(uploads.psutil, "virtual_memory", lambda: SimpleNamespace(total=800 * MB))
    monkeypatch.setattr(uploads, "SILENCE", 1.0)
    slow = [(f"slow-{number}", 190) for number in range(20)]

    class Visits(FakeRuntime):
        def is_active_session(self, session: str) -> bool:
            return True

    monkeypatch.setattr(uploads, "exists", lambda: True)
    runtime = Visits()
    monkeypatch.setattr(uploads, "get_instance", lambda: runtime)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'

    async def upload(session: str, megabytes: int, all_of_it: bool) -> int:
        messages = [{"type": "http.request", "body": head, "more_body": True}]
        messages += [{"type": "http.request", "body": bytes(MB), "more_body": True}] * (megabytes if all_of_it else 1)
        messages += [{"type": "http.request", "body": b"", "more_body": False}] if all_of_it else []
        sent: list[Any] = []

        async def receive() -> Any:
            if not messages:
                await asyncio.sleep(60)
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (await receive())["more_body"]:
                pass
            await send({"type": "http.response.start", "status": 204, "headers": []})

        path = f"/_stcore/upload_file/{session}/file"
        headers = [(b"content-length", str(megabytes * MB + len(head)).encode())]
        await UploadFence(app)({"type": "http", "method": "PUT", "path": path, "headers": headers}, receive, send)
        return int(sent[0]["status"])

    async def all_of_them() -> tuple[int, int, list[int]]:
        waiting = [asyncio.create_task(upload(session, size, False)) for session, size in slow]
        await asyncio.sleep(0.2)
        arrived = uploads._arrived.total() // MB
        small = await upload("visit", 100, True)
        return arrived, small, list(await asyncio.gather(*waiting))

    with ThreadPoolExecutor(1) as elsewhere:
        arrived, small, given_up = elsewhere.submit(lambda: asyncio.run(all_of_them())).result()
    assert arrived <= 2 * len(slow) and small == 204
    # some find that a file as large as theirs has no room just now
    assert 408 in given_up and set(given_up) <= {408, 507}
    assert not uploads._arrived and not uploads._on_the_way


def test_what_comes_takes_room_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.psutil, "virtual_memory", lambda: SimpleNamespace(total=40 * MB))
    runtime = FakeRuntime(5 * MB)
    monkeypatch.setattr(uploads, "get_instance", lambda: runtime)
    room = uploads._Room("visit")
    room.take(3 * MB)
    assert uploads._arrived == {"visit": 3 * MB}
    with pytest.raises(Refused, match="All visitors together"):
        room.take(6 * MB)
    room.leave()
    assert not uploads._arrived


def test_all_visits_together_hold_a_quarter_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.psutil, "virtual_memory", lambda: SimpleNamespace(total=400 * MB))
    others = {str(number): 45 * MB for number in range(2)}
    uploads.check_server(others, Counter(), 10 * MB)
    with pytest.raises(Refused, match="All visitors together") as refused:
        uploads.check_server(others, Counter(), 11 * MB)
    assert refused.value.status == 507


def test_other_requests_and_sessions_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, received = put(monkeypatch, FakeRuntime(), "a.png", 30 * MB, session="unknown")
    assert status == 204 and received > 30 * MB  # Streamlit itself refuses it


def test_a_hostile_name_is_no_markup() -> None:
    assert uploads._too_large("![x](//evil)\n# <b>.png", 20).startswith("!x(//evil)# b.png is larger than 20 MB")


def test_uploads_go_with_their_session() -> None:
    dropped: list[str] = []
    store: Any = SimpleNamespace(file_storage={"here": {}, "gone": {}}, remove_session_files=dropped.append)
    gone: dict[str, float] = {}
    uploads.sweep(store, lambda session: session == "here", gone, now=0.0)
    uploads.sweep(store, lambda session: session == "here", gone, now=119.0)
    assert not dropped  # a browser may come back for two minutes
    uploads.sweep(store, lambda session: True, gone, now=119.5)
    uploads.sweep(store, lambda session: session == "here", gone, now=121.0)
    assert not dropped  # it did
    uploads.sweep(store, lambda session: session == "here", gone, now=242.0)
    assert dropped == ["gone"]


def test_the_server_is_for_this_machine_and_takes_what_the_widgets_take() -> None:
    config = (ROOT / ".streamlit/config.toml").read_text()
    assert dict(re.findall(r"^(address|maxUploadSize) = (.*)$", config, re.M)) == {
        "address": '"127.0.0.1"',
        "maxUploadSize": str(uploads.ZIP_MB),
    }
