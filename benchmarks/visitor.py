"""A visitor without a browser: speaks Streamlit's own protocol over a websocket, so that twenty of them cost next to nothing.

async with visit("http://127.0.0.1:8501") as visitor:
    await visitor.run()              # the page as it opens
    await visitor.pin([1.2, -0.4])   # seconds until the script has answered a click on the map
    await visitor.look(20)           # leave the page open: what ticks on it is asked for, as a browser does
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Subprotocol

MAP = "living"
TRIGGER = "$$STREAMLIT_INTERNAL_KEY_{}__events"  # the id under which a component's triggers travel


class Visitor:
    """One session."""

    def __init__(self, socket: Any, query: str, page: str = "") -> None:
        self.socket, self.query, self.name = socket, query, page
        self.page, self.map, self.map_fragment = "", "", ""
        self.received = 0  # bytes
        self.cached: set[str] = set()  # hashes of large messages that a browser would keep
        self.shown: list[str] = []  # texts of the last run
        self.trouble: list[str] = []
        self.ticks: dict[str, float] = {}  # fragments that run again by themselves, and every how many seconds

    async def run(self, trigger: dict[str, Any] | None = None, fragment: str = "") -> float:
        """Ask for a run of the script, or of one fragment, and read to its end; seconds until then."""
        message = BackMsg()
        message.rerun_script.page_name = "" if self.page else self.name
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = bool(fragment) and trigger is None
        if not fragment:
            self.ticks = {}
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self.page
        message.rerun_script.cached_message_hashes.extend(self.cached)
        if trigger is not None:
            widgets = message.rerun_script.widget_states.widgets
            widgets.add(id=self.map, json_value="{}")
            widgets.add(id=TRIGGER.format(self.map), json_trigger_value=json.dumps([trigger]))
        self.shown = []
        began = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        while True:
            data = await self.socket.recv()
            self.received += len(data)
            answer = ForwardMsg.FromString(data)
            kind = answer.WhichOneof("type")
            if answer.metadata.cacheable:
                self.cached.add(answer.hash)
            if kind == "new_session":
                self.page = answer.new_session.page_script_hash
            elif kind == "auto_rerun":
                self.ticks[answer.auto_rerun.fragment_id] = answer.auto_rerun.interval
            elif kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                self._notice(answer.delta.new_element, answer.delta.fragment_id)
            elif kind == "script_finished":
                return time.perf_counter() - began

    async def pin(self, z: list[float]) -> float:
        """A click on the map; seconds until the script has answered. `RuntimeError` if the answer is not of that z."""
        value = {"z": z, "serial": time.time_ns() // 1000, "index": None}
        seconds = await self.run({"event": "pinned", "value": value}, self.map_fragment)
        wanted = "z = (" + ", ".join(f"{number + 0.0:.2f}".replace("-", "−") for number in z[:4])
        if self.trouble or not any(wanted in text for text in self.shown):
            raise RuntimeError(f"a click at {z} was not answered: {self.trouble or self.shown}")
        return seconds

    async def look(self, seconds: float) -> list[float]:
        """Leave the page open for so long; seconds that each run of what ticks on it took. One fragment at most."""
        times: list[float] = []
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            if not self.ticks:
                raise RuntimeError(f"nothing ticks on the page {self.name}?{self.query}: {self.trouble}")
            ((fragment, interval),) = self.ticks.items()
            due += interval
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            times.append(await self.run(fragment=fragment))
            if self.trouble:
                raise RuntimeError(f"the page {self.name} shows {self.trouble}")
        return times

    def _notice(self, element: Any, fragment: str) -> None:
        kind = element.WhichOneof("type")
        if kind == "bidi_component" and element.bidi_component.id.endswith(f"-{MAP}"):
            self.map, self.map_fragment = element.bidi_component.id, fragment
        elif kind == "markdown":
            self.shown.append(element.markdown.body)
        elif kind == "exception":
            self.trouble.append(element.exception.message)


@asynccontextmanager
async def visit(url: str, query: str = "", page: str = "") -> AsyncIterator[Visitor]:
    """Open a session on the front page, or on another."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    async with websockets.connect(
        address, subprotocols=[Subprotocol("streamlit")], max_size=None, ping_interval=None
    ) as socket:
        yield Visitor(socket, query, page)


async def crowd(url: str, visitors: int, seconds: float) -> list[float]:
    """So many visitors, each clicking once a second somewhere else; seconds of every answer."""
    times: list[float] = []

    async def one(number: int) -> None:
        async with visit(url) as visitor:
            await visitor.run()
            await asyncio.sleep(number / visitors)
            end = time.perf_counter() + seconds
            click = 0
            while time.perf_counter() < end:
                began = time.perf_counter()
                click += 1
                z = [(number - visitors / 2) / visitors * 4, ((click * 7) % 20 - 10) / 5]
                times.append(await visitor.pin(z))
                await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - began)))

    await asyncio.gather(*(one(number) for number in range(visitors)))
    return times
