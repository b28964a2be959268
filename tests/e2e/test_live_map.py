"""The map in a real Chromium: its decoder against the engine's, and what pointer and keyboard do."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from apps.lively import lively
from server import Server, serving, settle
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from vae_core.network.engine import Engine

pytestmark = pytest.mark.browser
STATE = "window.__liveMap?.map"
# as base64: Playwright takes seconds for as many numbers
DECODE = """zs => new Promise(done => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.split(",")[1]);
  reader.readAsDataURL(new Blob(zs.map(z => Float32Array.from(window.__liveMap.map.decode(z)))));
})"""


class Map:
    """A page with the map, and the few things a user does with it."""

    def __init__(self, page: Any, received: list[int]) -> None:
        self.page = page
        self.received = received  # bytes of each message from the server
        box = page.locator(".lm-stage").bounding_box()
        self.left, self.top, self.side = box["x"], box["y"], box["width"]

    def tell(self, what: str) -> Any:
        return self.page.evaluate(f"{STATE}.{what}")

    def until(self, condition: str) -> None:
        self.page.wait_for_function(f"{STATE}?.{condition}", timeout=90_000)

    def watch_tiles(self) -> None:
        """From now on: the most tiles that were missing at once. Quick workers may have drawn them before one looks."""
        self.page.evaluate(
            f"""() => {{
              window.mostMissing = 0;
              const look = () => {{
                window.mostMissing = Math.max(window.mostMissing, {STATE}?.missing ?? 0);
                requestAnimationFrame(look);
              }};
              look();
            }}"""
        )

    def tiles_were_wanted(self) -> None:
        self.page.wait_for_function("window.mostMissing > 0", timeout=90_000)

    def at(self, right: float, up: float) -> tuple[float, float]:
        """Page pixels of a place, as shares of the map's side from its middle."""
        return self.left + self.side * (0.5 + right), self.top + self.side * (0.5 - up)

    def move(self, right: float, up: float) -> None:
        before = self.tell("decodes")
        self.page.mouse.move(*self.at(right, up))
        self.until(f"decodes > {before}")

    def click(self, right: float, up: float) -> None:
        self.page.mouse.click(*self.at(right, up))

    def unfold(self) -> None:
        """The rare controls."""
        self.page.locator(".lm-fold summary").click()

    @property
    def python(self) -> str:
        """What the script shows: how often it ran, how many pins it was told, and the last one's z."""
        return str(self.page.get_by_text(re.compile(r"^runs \d+")).inner_text())

    def pins(self, count: int) -> list[float]:
        self.page.get_by_text(f"pins {count}, z").wait_for(timeout=60_000)
        settle(self.page)
        return [float(part) for part in self.python.split(" z ")[1].split()]


@pytest.fixture(scope="module")
def map_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("live_map")
    with serving(folder, folder / "log", "tests/e2e/apps/live_map_app.py") as running:
        yield running


@pytest.fixture
def open_map(browser: Any, map_server: Server) -> Iterator[Any]:
    """`open_map("swift-2")` gives a `Map`; fails at the end on console errors or a complaining log."""
    contexts, errors = [], []

    def opened(
        query: str,
        width: int = 1200,
        scheme: str = "light",
        script: str = "",
        between: Callable[[Any], None] | None = None,  # takes what the server and the page say to each other
        until: str = f"{STATE}?.ready",
        **options: Any,
    ) -> Map:
        context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        if between is not None:
            page.route_web_socket("**/_stcore/stream", between)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        received: list[int] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(len(data))))
        page.goto(f"{map_server.url}/?model={query}")
        page.wait_for_function(until, timeout=60_000)
        settle(page)
        return Map(page, received)

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert map_server.complaints() == []


@pytest.mark.parametrize("model", ["swift-2", "swift-16", "classic-2", "heavy"])
def test_it_decodes_as_the_engine_does(open_map: Any, model: str) -> None:
    page, engine = open_map(model), Engine(*lively(model), threads=1)
    z = np.random.default_rng(1).normal(size=(256, engine.latent_dim)).astype(np.float32)
    expected = engine.decode(z).reshape(256, -1)
    z, expected = (z[:16], expected[:16]) if model == "heavy" else (z, expected)
    images = np.frombuffer(base64.b64decode(page.page.evaluate(DECODE, z.tolist())), np.float32)
    images = images.reshape(len(z), -1)
    assert expected.std(axis=0).mean() > 0.005  # z matters
    assert np.abs(images - expected).max() <= 1e-4


def test_the_picture_follows_the_pointer_and_comes_back(open_map: Any) -> None:
    view = open_map("swift-2")
    shown, ran = view.tell("checksum"), view.python
    seen = set()
    for step in range(8):
        view.move(0.04 * step, 0.3)
        seen.add(round(view.tell("checksum"), 3))
    z = view.tell("z")
    assert len(seen) == 8
    assert z[0] > 1 and z[1] > 1  # up and to the right
    pixels = view.page.locator(".lm-picture").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    network_image = Engine(*lively("swift-2"), threads=1).decode(np.array([z], np.float32))[0, :, :, 0]
    assert np.abs(np.reshape(pixels, (28, 28, 4))[:, :, 0] - 255 * network_image).max() <= 1  # on screen
    view.page.mouse.move(view.left, view.top + view.side + 60)
    view.until("moving === false")
    view.until(f"checksum === {shown}")
    assert view.python == ran  # and the script did not run


def test_a_click_tells_python_once(open_map: Any) -> None:
    view = open_map("swift-2")
    assert sum(view.received) > 2_000_000  # the weights came
    view.received.clear()
    view.move(0.25, -0.25)
    view.click(0.25, -0.25)
    z = view.pins(1)
    assert sum(view.received) < 200_000  # and not again: no more than the component's own script
    assert z == pytest.approx(view.tell("z"), abs=1e-3)
    assert z[0] == pytest.approx(-z[1], abs=0.05) and z[0] > 1
    view.page.wait_for_timeout(600)
    assert "runs 2, pins 1" in view.python
    view.page.get_by_role("button", name="Go to one, one").click()  # Python moves the pin
    view.until("z.every(value => value === 1)")


def test_keys_move_and_enter_pins(open_map: Any) -> None:
    view = open_map("classic-2")
    view.page.get_by_role("application").focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        view.page.keyboard.press(key)
    view.until("z[1] > 0.3")
    right, up = view.tell("z")
    assert up == pytest.approx(2.5 * right, rel=1e-3) and right > 0
    view.page.keyboard.press("Enter")
    assert view.pins(1) == pytest.approx([right, up], abs=1e-3)
    view.page.keyboard.press("ArrowLeft")
    view.until(f"z[0] < {0.75 * right}")
    view.page.keyboard.press("Escape")  # back to the pin
    view.until(f"z[0] > {0.99 * right}")


def test_wheel_buttons_and_drag_do_as_on_any_map(open_map: Any) -> None:
    view = open_map("swift-2")
    page = view.page
    view.until("missing === 0")
    page.set_viewport_size({"width": 1200, "height": 420})  # so that there is something to scroll
    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    view.move(0.25, 0.2)
    page.mouse.wheel(0, 120)  # the page's
    page.wait_for_function(f"{scrolled} > 60")
    page.locator(".lm-hint", has_text="scroll to zoom").wait_for()
    assert view.tell("zoom") == 1
    page.mouse.wheel(0, -1000)
    page.wait_for_function(f"{scrolled} === 0")
    view.move(0.25, 0.2)
    before = view.tell("z")[0]
    view.watch_tiles()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    view.until(f"zoom > {np.exp(0.49)}")
    view.move(0.25, 0.201)
    view.tiles_were_wanted()  # finer ones, or others
    view.move(0.35, 0.2)
    nearer = view.tell("z")[0]
    assert nearer - before == pytest.approx(0.1 / 0.25 * before / np.exp(0.5), rel=0.03)  # a step goes less far
    page.mouse.down()
    page.mouse.move(*view.at(0.15, 0.2), steps=3)
    page.mouse.up()
    view.move(0.151, 0.2)
    assert view.tell("z")[0] == pytest.approx(nearer, abs=0.05)  # what was grabbed went along
    assert "pins 0" in view.python
    page.set_viewport_size({"width": 1200, "height": 1000})
    page.get_by_role("button", name="Show the whole map").click()
    view.until("zoom === 1")
    page.locator(".lm-corner button").first.wait_for(state="hidden")  # there is nothing to reset
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom out").click()
    view.until("zoom > 1.49 && window.__liveMap.map.zoom < 1.51")
    view.page.get_by_role("application").focus()
    page.keyboard.press("0")
    view.until("zoom === 1")
    assert "pins 0" in view.python  # none of it has moved the pin


def test_a_change_of_grid_and_scale_leaves_no_hole(open_map: Any) -> None:
    view = open_map("swift-2")
    view.unfold()
    view.page.get_by_label("Scale of the axes").select_option("quantile")
    view.page.wait_for_timeout(150)  # tiles of the old grid are under way
    view.page.get_by_label("Pictures decoded across the map").select_option("30")
    view.page.wait_for_timeout(100)
    view.until("missing === 0")
    for _ in range(2):  # off and on: all is drawn from what was kept
        view.page.get_by_role("button", name="Pictures", exact=True).click()
    view.page.wait_for_timeout(100)
    holes = view.page.locator(".lm-stage canvas").first.evaluate(
        """canvas => { const side = canvas.width, pixels = canvas.getContext("2d").getImageData(0, 0, side, side).data;
        let holes = 0; for (let i = 3; i < pixels.length; i += 4) holes += pixels[i] === 0; return holes; }"""
    )
    assert holes == 0


def test_thumbnails_wait_for_a_pointer_at_rest(open_map: Any) -> None:
    """The page runs once to send them, and not while the pointer moves."""
    times = """window.addEventListener("pointermove", () => { window.lastMove = performance.now(); }, true);
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
      if (new TextDecoder("latin1").decode(data).includes('"missing"')) window.rested ??= performance.now() - window.lastMove;
      return send.call(this, data);
    }"""
    view = open_map("swift-2&thumbnails", script=times)
    view.until("missing === 0")
    parts = "[...window.__liveMapParts.values()].map(part => 'tile' in part.header)"
    assert view.page.evaluate(parts) == [False, False]
    for share in np.linspace(-0.2, 0.2, 40):
        view.move(share, 0.1)
    view.page.wait_for_function(f"{parts}.includes(true)")
    assert view.page.evaluate("window.rested") >= 199  # clocks are rounded
    settle(view.page)
    ran = view.python
    view.move(0.2, 0.1)
    view.click(0.2, 0.1)
    view.pins(1)
    assert (
        "runs 2" in ran and "runs 3" in view.python
    )  # one run to send them, one for the pin: they are not asked for again


COUNTED = """window.asked = 0;
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...more) {
  if (Array.isArray(message)) window.asked += message.length;
  return post.call(this, message, ...more);
}"""
TILES = """canvas => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0)"""


def test_what_the_server_has_decoded_is_shown_and_not_decoded_again(open_map: Any) -> None:
    """The same pictures as the browser's own, to the last of 8 bits; it decodes only what the server has not."""
    shown, asked = [], []
    for query in ("swift-2&extent=3.5", "swift-2&extent=3.5&grid"):
        view = open_map(query, script=COUNTED)
        view.until("missing === 0")
        shown.append(np.array(view.page.locator(".lm-stage canvas").first.evaluate(TILES)))
        asked.append(view.page.evaluate("window.asked"))
        view.move(0.495, 0.495)
        assert all(3.4 < unit < 3.5 for unit in view.tell("z"))
    assert asked == [400, 0]
    assert shown[0].std() > 20 and np.abs(shown[0] - shown[1]).max() <= 1
    view.move(0.1, 0.1)
    view.page.keyboard.down("Control")
    for _ in range(4):
        view.page.mouse.wheel(0, -200)  # nearer than the server has decoded
    view.page.keyboard.up("Control")
    view.page.wait_for_function("window.asked > 0")
    view.until("missing === 0")


def test_a_grid_of_another_view_is_not_used(open_map: Any) -> None:
    view = open_map("swift-2&extent=3.5&grid", script=COUNTED)
    view.until("missing === 0")
    view.unfold()
    view.page.get_by_label("Pictures decoded across the map").select_option("12")
    view.page.wait_for_function("window.asked >= 144")
    view.until("missing === 0")


def test_legend_layers_and_the_code_under_the_pointer(open_map: Any) -> None:
    view = open_map("swift-2&thumbnails")
    page = view.page
    drawn = view.tell("codesDrawn")
    assert 280 <= drawn <= 300
    assert sorted(view.tell("names")) == ["class 0", "class 1", "class 2"]
    chip = page.get_by_role("button", name="class 1")
    chip.hover()
    view.until("names.join() === 'class 1'")  # its class is lifted, and alone named
    assert view.tell("codesDrawn") == drawn  # the others are faint
    chip.click()
    view.until(f"codesDrawn < {0.75 * drawn}")
    chip.click()
    view.until(f"codesDrawn === {drawn}")
    view.move(0, 0)
    view.until("names.length === 3")
    for share in np.linspace(-0.2, 0.2, 60):  # some code lies near this line
        view.move(share, 0.02)
        text = page.locator(".lm-code span").inner_text()
        if text:
            break
    # at first there is only the reconstruction; the picture itself takes its place when it comes, wherever the pointer is
    page.locator(".lm-code span").filter(has_not_text="(reconstruction)").wait_for()
    text = page.locator(".lm-code span").inner_text()
    index, label = map(int, re.fullmatch(r"test image (\d+): class (\d)", text).groups())
    assert label == index % 3
    grey = page.locator(".lm-code canvas").evaluate("c => c.getContext('2d').getImageData(14, 14, 1, 1).data[0]")
    assert grey == index % 200 + 50  # its own thumbnail, not a neighbour's
    view.page.mouse.down()
    view.page.mouse.up()
    view.pins(1)
    page.get_by_text(f"index {index}", exact=True).wait_for()
    view.unfold()
    page.get_by_role("button", name="Codes").click()
    view.until("codesDrawn === 0")


def test_sliders_and_axes_of_sixteen_units(open_map: Any) -> None:
    view = open_map("swift-16")
    ran, shown = view.python, view.tell("checksum")
    slider = view.page.locator(".lm-slider input").nth(5)
    slider.evaluate("s => { s.value = 2; s.dispatchEvent(new Event('input', {bubbles: true})) }")
    view.until(f"checksum !== {shown}")  # while it is dragged
    assert view.python == ran
    assert sorted(view.tell("z"))[-2:] == [0, 2]
    slider.evaluate("s => s.dispatchEvent(new Event('change', {bubbles: true}))")
    assert sorted(view.pins(1))[-2:] == [0, 2]
    view.page.get_by_label("Axis to the right").select_option("pca")
    view.move(0.3, 0.1)
    z = np.array(view.tell("z"))
    assert (np.abs(z) > 1e-3).sum() > 10  # a step along a component moves every unit
    view.until("missing === 0")


def test_a_heavy_decoder_is_approximated_while_moving(open_map: Any) -> None:
    view = open_map("heavy")
    view.until("atlasMissing < 1640")  # from the middle outwards
    view.page.mouse.move(*view.at(0.02, 0.01))
    view.until(f"approximate === true || {STATE}.error !== null")
    view.until("error !== null")
    assert view.tell("approximate") is False
    assert 0 <= view.tell("error") < 0.02
    view.page.get_by_text(re.compile(r"exact; the approximation was 0\.0\d\d off here")).wait_for()


def test_fingers_hold_tap_pinch_and_scroll(open_map: Any) -> None:
    view = open_map("swift-2", width=390, scheme="dark", has_touch=True, is_mobile=True)
    sizes = view.page.evaluate("[document.documentElement.scrollWidth, document.querySelector('.lm-stage') ?? 0]")
    assert sizes[0] <= 390
    shown = view.tell("checksum")
    touch = view.page.context.new_cdp_session(view.page)

    def send(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    send("touchStart", view.at(-0.3, -0.3))
    view.until("moving === true")  # it rests
    for step in range(8):
        send("touchMove", view.at(-0.3 + 0.07 * step, -0.3 + 0.07 * step))
    view.until("z[0] > 0.5")
    assert view.page.evaluate(scrolled) == 0  # the page holds still meanwhile
    send("touchEnd")
    view.until(f"checksum === {shown}")
    assert "pins 0" in view.python
    send("touchStart", view.at(-0.2, 0))
    send("touchEnd")
    assert view.pins(1)[0] < -0.5
    view.until("missing === 0")  # every tile is there, so that what is missing next is the zoom's
    view.watch_tiles()
    send("touchStart", view.at(-0.1, 0), view.at(0.1, 0))
    send("touchMove", view.at(-0.3, 0), view.at(0.3, 0))
    send("touchEnd")
    view.tiles_were_wanted()
    assert view.tell("zoom") > 2 and view.page.evaluate(scrolled) == 0
    view.page.set_viewport_size({"width": 390, "height": 600})
    send("touchStart", view.at(0, -0.1))
    for step in range(1, 12):
        send("touchMove", view.at(0, -0.1 + 0.05 * step))
    send("touchEnd")
    view.page.wait_for_function(f"{scrolled} > 50")  # a swipe is the page's
    assert "pins 1" in view.python


def test_without_workers_the_tiles_come_all_the_same(open_map: Any) -> None:
    view = open_map("swift-2", script="delete window.Worker")
    view.watch_tiles()
    view.unfold()
    view.page.get_by_label("Pictures decoded across the map").select_option("12")
    view.tiles_were_wanted()
    view.until("missing === 0")
    middle = view.page.locator(".lm-stage canvas").first.evaluate(
        "c => c.getContext('2d').getImageData(c.width / 2 + 20, c.height / 2 + 20, 1, 1).data[3]"
    )
    assert middle == 255  # something is drawn there


class Lossy:
    """Between server and page: loses the parts until the map has asked for them twice, and the whole answer to its first asking.

    So it is when one run cuts another short: Streamlit drops what it has not sent yet.
    """

    def __init__(self) -> None:
        self.asked, self.lost, self.before = 0, 0, b""

    def __call__(self, page: Any) -> None:
        server = page.connect_to_server()
        page.on_message(lambda data: (self.hear(data), server.send(data)))
        server.on_message(lambda data: [page.send(kept) for kept in self.pass_on(data)])

    def hear(self, data: bytes) -> None:
        self.asked += b'"missing"' in data

    def pass_on(self, data: bytes) -> list[bytes]:
        name = ForwardMsg.FromString(data).delta.new_element.bidi_component.component_name
        if "carrier" in name and self.asked < 2:
            self.lost += 1
            return []
        if "live_map" in name:
            data = self.before if self.asked == 1 else data
            self.before = data
        return [data]


def test_lost_parts_are_asked_for_until_they_come(open_map: Any) -> None:
    lossy = Lossy()
    view = open_map("swift-2", between=lossy, until=STATE)
    assert lossy.lost == 2 and lossy.asked == 0  # Python said that they were coming
    view.page.get_by_role("button", name="Go to one, one").click()  # now it says that they are here
    view.until("ready")
    assert lossy.asked in (2, 3)  # three where an answer takes longer than RETRY
    view.until("z.every(value => value === 1)")


def test_a_part_larger_than_all_that_is_kept_is_shown(open_map: Any) -> None:
    huge = """window.__liveMapParts = new (class extends Map {
      set(digest, part) {
        Object.defineProperty(part.buffer, "byteLength", { value: 2 ** 27, configurable: true });
        return super.set(digest, part);
      }
    })()"""
    view = open_map("swift-2&thumbnails", script=huge)
    assert view.tell("codesDrawn") >= 280
    view.move(0.1, 0.1)
    view.page.wait_for_function("window.__liveMapParts.size === 0")  # and none of it is kept for later


def test_what_is_kept_for_other_maps_is_bounded(open_map: Any) -> None:
    many = """window.__liveMapParts = new Map(
      Array.from({ length: 20 }, (_, i) => [`old ${i}`, { header: {}, buffer: new ArrayBuffer(5 * 2 ** 20) }]))"""
    view = open_map("swift-2&thumbnails", script=many)
    view.move(0.1, 0.1)
    view.page.wait_for_function(
        "[...window.__liveMapParts.keys()].filter(name => !name.startsWith('old')).length === 3"
    )
    view.page.wait_for_function("window.__liveMapParts.size < 20")
    kept = view.page.evaluate("[...window.__liveMapParts.entries()].map(([d, p]) => [d, p.buffer.byteLength])")
    assert sum(size for _, size in kept) <= 64 * 2**20
    names = [name for name, _ in kept]
    assert "old 0" not in names and "old 19" in names  # the oldest went
    assert len([name for name in names if not name.startswith("old")]) == 3  # and its own stayed
