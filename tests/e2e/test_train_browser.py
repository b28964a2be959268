"""The page Train in a real Chromium, with real trainers on a small budget: what it shows, what it obeys, what it survives."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from app_testing import decoded, holds
from conftest import is_fault
from PIL import Image
from server import Server, settle
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tiny_models import save_checkpoint

from vae_core.checkpoints import timeline
from vae_core.config import ModelConfig
from vae_core.datasets import loading
from vae_core.network.engine import Engine
from vae_core.network.presets import build
from vae_core.network.quantize import dequantize, quantize
from vae_core.network.schema import random_weights
from vae_core.runs.directory import Run
from vae_core.runs.index import list_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
IMAGES, LONG = 2_000, 32_000  # steps: a run that goes on until it is told otherwise, or for some minutes
MAP = "window.__liveMap?.training"


def until(true: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """The first true answer; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s in vain for: {what}"
        time.sleep(0.05)


class Place:
    """A machine of its own: models, runs, and a server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models, self.runs = folder, folder / "models", folder / "runs"
        self.started = 0
        self.server = self._start()

    def _start(self) -> Server:
        self.started += 1
        server = Server(self.models, self.folder / f"log{self.started}")
        server.wait()
        return server

    def restart(self) -> None:
        """`kill -9`, then a new server that knows nothing."""
        self.server.process.kill()
        self.server.process.wait()
        self.server = self._start()

    def newest(self) -> Run:
        return list_runs(self.runs)[0]

    def end_runs(self) -> None:
        """No run goes on: after a test that failed, the next one would wait for its turn behind it."""
        for run in list_runs(self.runs):
            process = run.process()
            if process is not None:
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def end(self) -> None:
        """No process stays behind, whatever has failed."""
        children = psutil.Process(self.server.process.pid).children(recursive=True)
        self.end_runs()
        self.server.process.kill()
        self.server.process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()


class Tab:
    """A page of a browser on the app, what it says, and what its charts were last told."""

    def __init__(self, context: Any, place: Place, errors: list[str]) -> None:
        self.page, self.place = context.new_page(), place
        self.charts: dict[str, dict[str, Any]] = {}
        self.page.on("console", lambda message: errors.append(message.text) if is_fault(message) else None)
        self.page.on("pageerror", lambda error: errors.append(str(error)))
        self.sent = 0  # messages to the server
        self.page.on("websocket", self._listen)

    def _listen(self, socket: Any) -> None:
        socket.on("framereceived", self._hear)
        socket.on("framesent", self._count)

    def _count(self, _: Any) -> None:
        self.sent += 1

    def _hear(self, data: bytes | str) -> None:
        """The charts are canvases: what is drawn on them is read on its way in."""
        if not isinstance(data, bytes):
            return
        message = ForwardMsg.FromString(data)
        if message.WhichOneof("type") == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") == "echarts_chart":
                spec = json.loads(element.echarts_chart.spec)
                self.charts[spec["title"]["text"].split(": ")[-1].split(",")[0]] = spec

    def go(self, query: str = "") -> Tab:
        self.page.goto(f"{self.place.server.url}/train{query}")
        settle(self.page)
        return self

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def fill(self, label: str, value: str) -> None:
        box = self.page.get_by_label(label, exact=True)
        box.fill(value)
        box.press("Enter")
        settle(self.page)

    def says(self, words: str | re.Pattern[str], seconds: float = 90) -> str:
        found = self.page.get_by_test_id("stMain").get_by_text(words).first
        found.wait_for(timeout=1000 * seconds)
        return str(found.inner_text())

    def badge(self, state: str, seconds: float = 120) -> None:
        """The run is in this state, says the page."""
        self.page.locator(".stMarkdownBadge", has_text=state).wait_for(timeout=1000 * seconds)

    @property
    def step(self) -> int:
        """Of the progress bar; 0 before there is one."""
        bars = self.page.get_by_test_id("stProgress")
        found = re.search(r"Step ([\d,]+) of", bars.first.inner_text()) if bars.count() else None
        return int(found[1].replace(",", "")) if found else 0

    def points(self, chart: str = "loss") -> int:
        """Of the smoothed curve."""
        self.page.wait_for_timeout(20)  # lets the messages in
        return len(self.charts[chart]["series"][1]["data"]) if chart in self.charts else 0

    def marks(self) -> list[str]:
        """Words on the chart of the loss, in order of the steps."""
        self.page.wait_for_timeout(20)
        lines = self.charts["loss"]["series"][1]["markLine"]["data"]
        return [line["label"]["formatter"] for line in sorted(lines, key=lambda line: line.get("xAxis", -1))]

    def map(self, what: str) -> Any:
        return self.page.evaluate(f"{MAP}?.{what}")

    def decoded(self, *z: float) -> np.ndarray:
        """What the browser makes of z: (h · w · c,) float32."""
        found = self.page.evaluate(f"{MAP}.decode({list(z)}).join(' ')")  # so many numbers by themselves take seconds
        return np.array(found.split(), np.float32)

    def start(self, name: str, images: int = IMAGES, steps: int = LONG, **more: str) -> Run:
        """Fill the form and press Train; the run."""
        self.click_run("A new run")
        self.page.get_by_test_id("stMain").get_by_text("Other", exact=True).click()
        self.fill("Steps", str(steps))
        name_box = self.page.get_by_label("Name", exact=True)
        if not name_box.is_visible():
            self.page.get_by_text("More: batch").click()
        self.fill("Name", name)
        self.fill("Training images (0: all)", str(images))
        for label, value in more.items():
            self.fill(label.replace("_", " "), value)
        known = {run.name for run in list_runs(self.place.runs)}
        self.click("Train")
        (made,) = until(lambda: [run for run in list_runs(self.place.runs) if run.name not in known], "a run directory")
        self.page.get_by_test_id("stMain").get_by_role("heading", name=made.name).wait_for()
        assert made.request()["training"]["steps"] == steps  # a number out of range would be put back in silence
        return made

    def click_run(self, name: str) -> None:
        """Choose in the page's picker, where it is not chosen yet."""
        box = self.page.get_by_test_id("stMain").get_by_test_id("stSelectbox").first
        shown = box.locator("input")
        box.wait_for()

        def chosen() -> bool:
            return name in box.inner_text() or shown.input_value().startswith(name)

        for attempt in range(3):
            if chosen():
                break
            if attempt:  # a list that is drawn anew under the pointer takes no click; said, so that it can be counted
                warnings.warn(f"picked {name} in vain, the picker shows {shown.input_value()!r}", stacklevel=2)
            shown.click()
            self.page.get_by_role("option", name=name).first.click()
            with suppress(AssertionError):
                until(chosen, f"{name} in the picker", 3)
        assert chosen(), f"the picker shows {shown.input_value()!r}, not {name}"
        self.page.wait_for_timeout(300)
        settle(self.page)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("train")
    model = ModelConfig("classic", 2)
    path, network = save_checkpoint(folder / "models" / "fashion-2d", model), build(model)
    codes = np.random.default_rng(1).normal(size=(3, 2, 40, 2)).astype(np.float32)
    for number, step in enumerate((1, 60, 900)):  # a timeline, as a model has that was kept with one
        labels = (np.arange(40) % 10).astype(np.uint8)
        latents = {"z_mean": codes[number, 0], "z_log_var": codes[number, 1], "labels": labels}
        timeline.save_frame(path, step, random_weights(network, number), latents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_EXPLORER_RUNS_BESIDE", "4")
        patch.setenv("VAE_EXPLORER_RUNS", str(folder / "runs"))
        patch.setenv("KERAS_HOME", str(folder / "keras"))  # no real data there: the drawn clothes
        patch.delenv("FASHION_MNIST_DIR", raising=False)
        made = Place(folder)
        try:
            yield made
        finally:
            made.end()


@pytest.fixture
def visit(browser: Any, place: Place) -> Iterator[Any]:
    """`visit()` gives a `Tab` of a new visitor; the test fails on console errors, and on a complaining log."""
    contexts, errors = [], []

    def come(width: int = 1440, scheme: str = "light", context: Any = None) -> Tab:
        if context is None:
            context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
            contexts.append(context)
        return Tab(context, place, errors)

    yield come
    for context in contexts:
        context.close()
    place.end_runs()
    assert errors == []
    assert place.server.complaints() == []


def exact(tab: Tab, run: Run) -> bool:
    """Whether the browser decodes as the engine of the newest snapshot does, to 1e-4. The run stands still."""
    step = run.snapshots()[-1]
    frame = timeline.load_frame(run.path, run.network(), step)
    zs = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    seen = np.stack([tab.decoded(*map(float, z)) for z in zs]).reshape(5, 28, 28, 1)
    return bool(np.abs(seen - frame.engine(run.network()).decode(zs)).max() < 1e-4)


def test_a_run_is_started_steered_left_and_found_again(visit: Any, place: Place) -> None:
    tab = visit().go()
    run = tab.start("steered")
    until(lambda: tab.points() >= 2, "the first points")
    first, early = tab.points(), tab.step

    # the curve grows, and the map is another one
    tab.page.wait_for_function(f"() => {MAP}?.ready", timeout=90_000)
    before = tab.decoded(0.5, -0.5)
    control = tab.page.locator(".lm-controls select").first.element_handle()
    until(lambda: tab.points() > first + 2 and tab.step > early, "a longer curve")
    until(lambda: (tab.decoded(0.5, -0.5) != before).any(), "another decoder in the browser")
    assert control.evaluate("select => select.isConnected")  # a snapshot takes no menu out of one's hands

    # pause: it stands still; one step: exactly one
    tab.click("Pause")
    tab.badge("paused")
    until(lambda: tab.step == run.status()["step"], "the page shows the last step")
    still = tab.step
    tab.page.wait_for_timeout(1500)
    assert tab.step == still == run.status()["step"]
    tab.click("One step")
    until(lambda: tab.step == still + 1, "one step more")
    tab.page.wait_for_timeout(1200)
    assert tab.step == still + 1 == run.status()["step"] and run.status()["state"] == "paused"

    # the decoder under the pointer is that of the newest snapshot
    until(lambda: exact(tab, run), "the newest decoder in the browser")
    stage = tab.page.locator(".lm-stage")
    stage.scroll_into_view_if_needed()
    box, decodes = stage.bounding_box(), tab.map("decodes")
    tab.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"])
    tab.page.wait_for_function(f"old => {MAP}.decodes > old", arg=decodes)
    z = tab.map("z")
    assert z[0] > 0 and z[1] > 0  # up and to the right, where the pointer is
    assert tab.step == still + 1  # hovering runs no training

    # another beta, from the next batch on: by a chip, and by any number; a snapshot shows the map as it was until then
    tab.click("8")
    until(lambda: run.control().beta == 8, "the control")
    until(lambda: run.snapshots()[-1] == still + 1, "a snapshot at once")
    tab.click("Other")
    tab.fill("Beta", "3.5")
    tab.click("Apply")
    until(lambda: run.control().beta == 3.5, "the control")
    tab.page.keyboard.press("Escape")
    tab.says(re.compile(f"Since step {still + 1:,} the loss weighs KL by 3.5"))
    tab.click("Continue")
    tab.badge("running")
    turned = "beta 1 → 3.5, continued"
    until(lambda: turned in tab.marks(), "the mark on the chart")
    events = [row for row in run.metrics() if row.get("event") == "beta"]
    assert [(row["old"], row["new"], row["step"]) for row in events] == [(1, 8, still + 1), (8, 3.5, still + 1)]

    # the timeline, while it trains: older snapshots come when one turns to them, and what is looked at stays
    until(lambda: len(run.snapshots()) > 2, "more snapshots")
    scrub(tab, "Home")
    tab.page.wait_for_function(
        f"() => {MAP}.timeline.ready && {MAP}.timeline.step === {run.snapshots()[0]}", timeout=90_000
    )
    shown, early = tab.decoded(0.5, -0.5), tab.step
    until(lambda: tab.step > early, "it goes on")
    assert tab.map("timeline.step") == run.snapshots()[0] and (tab.decoded(0.5, -0.5) == shown).all()
    scrub(tab, "End")

    # a reload and a second tab find it; what one does the other sees
    tab.page.reload()
    settle(tab.page)
    tab.says(run.name)
    second = visit(context=tab.page.context).go()  # of the same visitor: another one is asked before
    second.badge("running")
    seen = second.step
    until(lambda: second.step > seen, "it goes on in the second tab")
    second.click("Pause")
    tab.badge("paused")
    tab.click("Continue")
    second.badge("running")

    # the server is killed: the run goes on, and a new server finds it
    for old in (tab, second):
        old.page.goto("about:blank")
    done = run.status()["step"]
    place.restart()
    until(lambda: run.status()["step"] > done, "it trains without a server")
    tab.go()
    tab.badge("running")
    marks = ["paused", turned, "paused"]
    until(lambda: tab.marks() == marks, "all marks on the chart of the new server")

    # stop, and resume where it was
    tab.click("Stop")
    tab.badge("stopped")
    until(lambda: run.process() is None, "its process ends")
    stopped = run.status()["step"]
    tab.click("Resume")
    tab.badge("running", 60)
    until(lambda: tab.step > stopped, "it goes on")
    until(lambda: any("resumed" in mark for mark in tab.marks()), "the mark on the chart")
    tab.click("Stop")
    tab.badge("stopped")


def test_a_run_ends_and_is_looked_at_everywhere(visit: Any, place: Place, tmp_path: Path) -> None:
    tab = visit().go()
    run = tab.start("short", steps=96)
    tab.badge("finished", 90)
    assert run.status()["step"] == run.status()["total_steps"] == tab.step
    steps = run.snapshots()
    assert len(steps) > 1

    # the newest snapshot, then the first: map, samples and reconstructions move together
    tab.page.wait_for_function(f"() => {MAP}?.ready", timeout=90_000)
    network, sheets = run.network(), []
    tab.page.wait_for_function(f"() => {MAP}?.timeline?.ready", timeout=90_000)
    for key, step in (("End", steps[-1]), ("Home", steps[0])):
        scrub(tab, key)
        tab.says(f"At step {step:,}, from the top")
        frame = timeline.load_frame(run.path, network, step)
        rounded = frame if key == "End" else replace(frame, decoder=dequantize(quantize(frame.decoder)))
        the_decoder_of(tab, rounded.engine(network), step)
        until(lambda: picture(tab) not in sheets, f"the pictures of step {step}")
        sheets.append(picture(tab))

    # the other pages open it
    tab.click("Explore this model")
    tab.page.wait_for_function("() => !location.pathname.endsWith('/train')", timeout=90_000)
    settle(tab.page)
    picker = tab.page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").locator("input")
    until(lambda: picker.input_value().startswith(run.name), "the run is the model of every page")
    for words, title in (("Latent space",) * 2, ("Reconstruction",) * 2, ("Heatmaps",) * 2):
        tab.go(f"?run={run.name}")
        tab.click(f"Open on {words}")
        tab.page.get_by_role("heading", level=1, name=title, exact=True).wait_for()
        settle(tab.page)
        until(lambda: picker.input_value().startswith(run.name), "the run is the model of the page")
        assert tab.page.get_by_test_id("stException").count() == 0
        assert tab.page.get_by_test_id("stMain").get_by_test_id("stAlertContentError").count() == 0

    # named, and found under its new name
    tab.go(f"?run={run.name}")
    tab.fill("Name", "my-first")
    tab.click("Rename the run")
    tab.page.get_by_role("heading", name="my-first").wait_for()
    settle(tab.page)  # the buttons below are those of the new name
    assert (place.runs / "my-first" / "config.json").exists() and not run.path.exists()
    assert "run=my-first" in tab.page.url

    # taken away as a zip, and opened as a model
    with tab.page.expect_download() as waiting:
        tab.click("Download (zip)")
    assert waiting.value.suggested_filename == "my-first.zip"
    waiting.value.save_as(tmp_path / "my-first.zip")
    tab.page.goto(f"{place.server.url}/models")
    settle(tab.page)
    tab.page.set_input_files("input[type=file]", tmp_path / "my-first.zip")
    tab.says("my-first is here now: it is the model of every page.")
    assert (place.models / "my-first" / "model.safetensors").exists()

    # kept: measured on the test split
    tab.go("?run=my-first")
    tab.fill("Name", "kept-one")
    tab.click("Keep as a model")
    tab.says("Kept as kept-one: it is in the model picker now.", 120)
    assert json.loads((place.models / "kept-one" / "metrics.json").read_text())["negative_elbo"]["split"] == "test"


def picture(tab: Tab) -> str:
    return str(tab.page.locator(".lm-sheet").evaluate("canvas => canvas.toDataURL()"))


def the_decoder_of(tab: Tab, engine: Engine, step: int) -> None:
    """Waits until the browser decodes as the engine does."""
    expected = engine.decode(np.float32([[1.0, 0.25]])).ravel()
    until(lambda: np.abs(tab.decoded(1.0, 0.25) - expected).max() < 1e-4, f"the decoder of step {step}")


def scrub(tab: Tab, key: str) -> None:
    """The timeline's slider, by keyboard."""
    tab.page.locator(".lm-time").focus()
    tab.page.keyboard.press(key)


def test_the_timeline_of_a_kept_model(visit: Any, place: Place) -> None:
    """Played and dragged in the browser: nothing is asked of the server."""
    tab = visit().go()
    example = "window.__liveMap?.example?.timeline"
    tab.page.wait_for_function(f"() => {example}?.playing && {example}.place > 0.2", timeout=90_000)  # by itself

    tab.go("?run=fashion-2d")
    tab.says("The timeline of a kept model")
    tab.page.wait_for_function(f"() => {MAP}?.timeline?.ready", timeout=90_000)
    tab.page.wait_for_timeout(1000)  # what the page itself has to say is said
    network, sent = build(ModelConfig("classic", 2)), tab.sent
    for key, step in (("End", 900), ("ArrowLeft", 60), ("ArrowLeft", 1)):
        scrub(tab, key)
        tab.says(f"At step {step:,}, from the top")
        frame = timeline.load_frame(place.models / "fashion-2d", network, step)
        the_decoder_of(tab, frame.engine(network), step)
    tab.page.get_by_role("button", name="Play the timeline").click()
    tab.page.wait_for_function(f"() => {MAP}.timeline.between")
    tab.page.wait_for_function(f"() => !{MAP}.timeline.playing && {MAP}.timeline.step === 900", timeout=90_000)
    slider = tab.page.locator(".lm-time").bounding_box()
    tab.page.mouse.move(slider["x"] + slider["width"] - 8, slider["y"] + slider["height"] / 2)
    tab.page.mouse.down()
    tab.page.mouse.move(slider["x"] + 0.3 * slider["width"], slider["y"] + slider["height"] / 2, steps=8)
    tab.page.wait_for_function(f"() => {MAP}.timeline.between")  # held between two snapshots
    tab.page.mouse.up()
    tab.page.wait_for_function(f"() => !{MAP}.timeline.between && {MAP}.timeline.step === 60")  # let go: at the nearest
    assert tab.sent == sent
    with tab.page.expect_download() as waiting:
        tab.click("Save as GIF")
    assert waiting.value.suggested_filename == "fashion-2d.gif"


def test_a_killed_trainer_is_said_and_resumed(visit: Any, place: Place) -> None:
    tab = visit().go()
    run = tab.start("killed")
    until(lambda: tab.step > 20, "some steps")
    os.kill(run.status()["pid"], signal.SIGKILL)
    tab.badge("failed")
    tab.says(re.compile(r"killed \(SIGKILL\)"))
    tab.click("Resume")
    tab.badge("running", 60)
    tab.click("Stop")
    tab.badge("stopped")


def test_a_trainer_that_hangs_is_said_and_ended(visit: Any, place: Place) -> None:
    tab = visit().go()
    run = tab.start("hangs")
    until(lambda: tab.step > 20, "some steps")
    os.kill(run.status()["pid"], signal.SIGSTOP)
    status = run.status()
    earlier = {name: status[name] - 60 for name in ("heartbeat", "uptime") if name in status}
    run.write_status(**{**status, **earlier})  # as a minute later
    tab.says(re.compile(r"has not been heard of for \d+ s"))
    tab.click("End it by force")
    tab.badge("failed")
    tab.says("It did not answer and was ended by force.")
    until(lambda: run.process() is None, "its process ends")
    assert tab.page.get_by_role("button", name="Resume", exact=True).is_enabled()


def test_a_learning_rate_of_a_thousand_is_said_with_advice(visit: Any) -> None:
    tab = visit().go()
    run = tab.start("diverges", Learning_rate="1000")
    tab.badge("failed", 60)
    tab.says(re.compile(r"became NaN or infinite at step \d+\. Lower the learning rate"))
    assert run.state()[0] == "failed"


def test_two_at_once_three_images_and_a_beta_of_a_million(visit: Any) -> None:
    first, second = visit().go(), visit()
    going = first.start("first")
    first.badge("running")
    waits = second.go().start("second", images=3, steps=4, Beta="1000000")
    second.badge("waiting")
    second.says(f"Waiting for {going.name} to end")
    first.click("Stop")
    first.badge("stopped")
    second.badge("finished", 90)
    assert waits.status()["step"] == waits.status()["total_steps"] == 4
    assert all(np.isfinite(row["loss"]) for row in waits.metrics() if row["kind"] == "step")


def test_pictures_of_ones_own_in_colour(visit: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for i in range(60):
            picture, png = np.full((64, 64, 3), rng.integers(0, 60, 3), np.uint8), io.BytesIO()
            picture[16:48, 10 : 30 + i % 30] = (220, 90, 40) if i % 2 else (40, 90, 220)
            Image.fromarray(picture).save(png, "PNG")
            archive.writestr(f"{'cats' if i % 2 else 'dogs'}/{i}.png", png.getvalue())
    tab = visit().go()
    tab.click_run("A new run")
    tab.page.get_by_text("My pictures (a zip)").click()
    tab.page.set_input_files("input[type=file]", tmp_path / "pets.zip")
    tab.says(re.compile("60 pictures in 2 classes; the model will see them as 64 × 64 in colour"))
    run = tab.start("pets", images=0, steps=3)
    tab.badge("finished", 90)
    assert run.config()["model"]["image_shape"] == [64, 64, 3]
    tab.page.wait_for_function(f"() => {MAP}?.ready", timeout=90_000)
    for path in ("", "latent_space", "reconstruction", "heatmaps", "models"):
        tab.page.goto(f"{tab.place.server.url}/{path}?model=runs/{run.name}")
        settle(tab.page)
        main = tab.page.get_by_test_id("stMain")
        main.get_by_role("heading", level=1).wait_for()
        assert tab.page.get_by_test_id("stException").count() == 0, path
        assert main.get_by_test_id("stAlertContentError").count() == 0, path
        picker = tab.page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").locator("input")
        assert picker.input_value().startswith(run.name), path
    its_own_pictures_are_shown(tab, f"runs/{run.name}", run)
    tab.page.goto(f"{tab.place.server.url}/train?run={run.name}")
    settle(tab.page)
    tab.page.get_by_label("Name", exact=True).fill("pets-kept")
    tab.page.keyboard.press("Tab")
    tab.page.get_by_role("button", name="Keep as a model").click()
    tab.says(re.compile("Kept as pets-kept"))
    its_own_pictures_are_shown(tab, "pets-kept", run)


def its_own_pictures_are_shown(tab: Any, model: str, run: Run) -> None:
    """On every page about a picture the original is, pixel for pixel, that of the zip; the sidebar names the zip."""
    pixels = loading.load(run.request()["data"], image_shape=(64, 64, 3), notify=lambda line: None).pixels("test")
    for path in ("", "latent_space", "reconstruction", "heatmaps"):
        tab.page.goto(f"{tab.place.server.url}/{path}?model={model}&image=3")
        settle(tab.page)
        sidebar = tab.page.get_by_test_id("stSidebar")
        sidebar.get_by_text("pets test, 6 images").wait_for()
        assert "are not here" not in tab.page.get_by_test_id("stMain").inner_text(), path

        def arrived() -> bool:
            urls = tab.page.eval_on_selector_all("[data-testid=stMain] img", "images => images.map(image => image.src)")
            return holds([decoded(url) for url in urls if url.startswith("data:image/png")], pixels[3])

        until(arrived, f"its own picture on /{path}")
