"""The front page in a real Chromium: what only a browser shows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from server import settle
from streamlit.proto.BackMsg_pb2 import BackMsg
from visitor import sentences, shirt, upload

pytestmark = pytest.mark.browser
LIVING = "window.__liveMap?.living"


def z_shown(page: Any) -> str:
    return page.locator("strong").filter(has_text=re.compile(r"^z = \(")).first.inner_text()


def z_values(page: Any) -> list[float]:
    return [float(part.replace("−", "-")) for part in z_shown(page)[len("z = (") : -1].split(",")]


def click_map(page: Any, right: float, down: float) -> None:
    """A click at a place of the plot, as shares of its width and height."""
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"])
    page.wait_for_timeout(150)  # plotly notices a pointer that rests
    page.mouse.down()
    page.mouse.up()


def test_a_click_decodes_and_a_second_one_keeps_it(open_page: Any) -> None:
    page = open_page(query="/?view=plain")
    first = z_shown(page)
    before = page.locator("[data-testid=stImage] img").first.get_attribute("src")
    click_map(page, 0.8, 0.2)
    page.wait_for_function("old => !document.body.innerText.includes(old)", arg=first, timeout=60_000)
    settle(page)
    chosen = z_shown(page)
    z1, z2 = z_values(page)
    assert z1 > 1 and z2 > 1  # up and to the right, where the click was
    assert page.locator("[data-testid=stImage] img").first.get_attribute("src") != before
    page.wait_for_timeout(500)  # a double click would be something else
    click_map(page, 0.8, 0.2)
    page.wait_for_timeout(1000)
    settle(page)
    assert z_shown(page) == chosen


def test_the_first_ten_seconds(open_page: Any) -> None:
    """All above the fold; a cursor shows the way, the pointer takes over, the strip follows it, and its parts lead on."""
    page = open_page(1366, 768)
    page.wait_for_function(f"() => {LIVING}?.ghost", timeout=60_000)
    page.get_by_text("every point is a piece of clothing the model makes up").wait_for()
    for part in (".promise", ".lm-strip", ".lm-stage", ".lm-picture"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 768, part
    shown = page.evaluate(f"{LIVING}.checksum")
    page.wait_for_function(f"() => {LIVING}.checksum !== {shown}", timeout=60_000)  # by itself
    first, words = z_shown(page), page.locator(".lm-numbers b")
    box = page.locator(".lm-stage").bounding_box()
    x, y = box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"]
    page.mouse.move(x - 40, y)
    page.wait_for_function(f"() => !{LIVING}.ghost && {LIVING}.moving", timeout=60_000)
    before = words.inner_text()
    page.mouse.move(x, y, steps=5)
    page.wait_for_function(f"() => {LIVING}.z[0] > 0.3 && {LIVING}.z[1] > 0.3", timeout=60_000)
    assert words.inner_text() == page.locator(".lm-z").inner_text() != before
    assert z_shown(page) == first  # moving alone runs nothing on the server
    page.mouse.click(x, y)
    page.wait_for_function("old => !document.body.innerText.includes(old)", arg=first, timeout=60_000)
    settle(page)
    z1, z2 = z_values(page)
    assert z1 > 0.3 and z2 > 0.3  # up and to the right, where the click was
    page.locator(".lm-strip a[data-part=decoder]").click()
    page.get_by_role("heading", level=1, name="Heatmaps", exact=True).wait_for(timeout=60_000)
    settle(page)
    assert "part=decoder" in page.url and "latent=" in page.url


def test_a_phone_is_no_trap(open_page: Any) -> None:
    """The first result lies on the first screen, the menu goes away once something is chosen, and nothing moves by itself."""
    page = open_page(390, 844, has_touch=True, is_mobile=True, reduced_motion="reduce")
    for title in ("Explore", "Latent space"):
        page.get_by_role("heading", level=1, name=title, exact=True).wait_for(timeout=60_000)
        settle(page)
        page.wait_for_function(f"() => {LIVING}?.ready && {LIVING}.missing === 0", timeout=60_000)
        for part in (".lm-stage", ".lm-picture"):
            box = page.locator(part).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390
            assert box["y"] >= 0 and box["y"] + box["height"] <= 844, (title, part)
        assert not page.evaluate(f"{LIVING}.ghost")
        if title == "Explore":
            assert (
                page.get_by_text("Hold a finger").is_visible() and not page.get_by_text("Move your mouse").is_visible()
            )
            page.get_by_test_id("stExpandSidebarButton").tap()
            page.get_by_test_id("stSidebarCollapseButton").wait_for(state="attached", timeout=60_000)
            page.get_by_test_id("stSidebar").get_by_role("link", name="Latent space").tap()
            page.get_by_test_id("stExpandSidebarButton").wait_for(
                timeout=60_000
            )  # which is there while the menu is closed


def pin(page: Any, right: float, down: float) -> None:
    """A click on the map, and the page's answer."""
    old, stage = z_shown(page), page.locator(".lm-stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    page.mouse.click(box["x"] + right * box["width"], box["y"] + down * box["height"])
    page.wait_for_function("old => !document.body.innerText.includes(old)", arg=old, timeout=60_000)
    settle(page)


def test_weights_and_codes_are_sent_once(open_page: Any) -> None:
    heard: list[int] = []
    page = open_page(query="/models")  # no map here
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: heard.append(len(data))))
    page.goto(page.url.split("/models")[0])
    settle(page)
    page.wait_for_function(f"() => {LIVING}?.ready", timeout=60_000)
    largest = page.evaluate("Math.max(...[...window.__liveMapParts.values()].map((part) => part.buffer.byteLength))")
    assert max(heard) > largest > 100_000
    heard.clear()
    shown = page.evaluate(f"{LIVING}.checksum")
    for right in (0.3, 0.6, 0.8):
        pin(page, right, 0.4)
    assert page.evaluate(f"{LIVING}.checksum") != shown
    page.get_by_test_id("stSidebarNav").or_(page.get_by_test_id("stSidebar")).get_by_text("Latent space").first.click()
    page.get_by_role("heading", level=1, name="Latent space", exact=True).wait_for()
    settle(page)
    page.wait_for_function(f"() => {LIVING}?.ready", timeout=60_000)  # another page, another map, the same parts
    assert 0 < max(heard) < largest


def test_a_part_that_the_browser_has_lost_is_sent_again(open_page: Any) -> None:
    page = open_page()
    page.wait_for_function(f"() => {LIVING}?.ready", timeout=60_000)
    page.evaluate("window.__liveMapParts.clear()")
    pin(page, 0.7, 0.3)  # a map that has opened its parts needs them no more
    page.get_by_test_id("stSidebar").get_by_text("Models").first.click()
    page.get_by_role("heading", level=1, name="Models", exact=True).wait_for()
    settle(page)
    page.get_by_test_id("stSidebar").get_by_text("Latent space").first.click()
    page.get_by_role("heading", level=1, name="Latent space", exact=True).wait_for()
    page.wait_for_function(f"() => {LIVING}?.ready && {LIVING}.codesDrawn > 0", timeout=60_000)
    assert page.evaluate("window.__liveMapParts.size") >= 2


def test_an_upload_is_rebuilt_and_a_text_file_is_refused(open_page: Any) -> None:
    page = open_page()
    upload(page, shirt())
    page.get_by_text("your picture: opened").wait_for(timeout=60_000)
    for alt in (
        "The picture as the model sees it: your picture",
        "The model's reconstruction of the picture",
        "Where conv_2 responds, over the picture",
    ):
        image = page.get_by_alt_text(alt)
        image.wait_for(timeout=60_000)
        assert image.evaluate("async image => { await image.decode(); return image.naturalWidth }") == 252
    upload(page, b"these are words")
    page.get_by_text("not a picture that can be read").wait_for(timeout=60_000)
    (sentence,) = sentences(page)
    assert re.fullmatch(r"shirt\.png was not taken: .* not a picture .*", sentence)  # one line
    page.get_by_text("your picture: opened").wait_for()  # what was chosen before stays


def test_the_back_button_leaves(open_page: Any) -> None:
    """The address with what is shown was written by us; going back over it must not write it again."""
    page = open_page(query="/")
    page.wait_for_function("() => location.search.includes('image=')")
    page.go_back()
    page.wait_for_function("() => location.search == ''")
    page.wait_for_timeout(1000)
    settle(page)
    assert page.evaluate("location.search") == ""
    page.go_back()
    assert page.url == "about:blank"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits(open_page: Any, width: int, scheme: str) -> None:
    page = open_page(width, 900, scheme, "/?view=plain")
    page.locator(".js-plotly-plot .nsewdrag").first.wait_for(timeout=60_000)
    sizes = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth]"
    )
    assert max(sizes) <= width  # nothing to scroll sideways
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert 0.85 <= box["width"] / box["height"] <= 1.18  # garments keep their shape
    background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 18, 26)"}[scheme]


def test_a_visit_is_one_step_and_the_links_carry_the_choice(open_page: Any) -> None:
    page = open_page(query="/")
    assert page.evaluate("history.length") <= 3  # the empty tab, the bare address, the address with what is shown
    page.wait_for_function(f"() => {LIVING}?.ready", timeout=60_000)
    links = [
        page.get_by_test_id("stSidebar").get_by_role("link", name="Latent space"),
        page.get_by_role("link", name="Compare closely"),
    ]
    assert all("image=0" in link.get_attribute("href") for link in links)
    pin(page, 0.92, 0.06)
    page.wait_for_function("() => location.search.includes('latent=')")
    settle(page)
    assert all("latent=" in link.get_attribute("href") and "image=" not in link.get_attribute("href") for link in links)


def test_the_back_button_undoes_one_choice_a_press(open_page: Any) -> None:
    page = open_page(query="/?model=fashion-2d&image=7")
    page.wait_for_function(f"() => {LIVING}?.ready", timeout=60_000)
    start, steps = page.url, page.evaluate("history.length")
    pin(page, 0.92, 0.06)  # a corner without codes: the image becomes a point
    page.wait_for_function("() => location.search.includes('latent=') && !location.search.includes('image=')")
    assert page.evaluate("history.length") == steps + 1
    page.go_back()
    page.get_by_text("Test image 7 (").first.wait_for(timeout=60_000)
    settle(page)
    assert page.url == start


def test_a_click_draws_the_content_alone_and_the_menu_follows(open_page: Any) -> None:
    """The frame is not drawn again, and yet each link of the menu carries the new choice; nothing of the page goes missing."""
    page, sent = open_page(), []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.reload()
    settle(page)
    page.wait_for_function("() => window.__liveMap?.living?.checksum !== undefined", timeout=60_000)
    menu = page.get_by_test_id("stSidebar").get_by_role("link")
    labels = menu.all_inner_texts()
    for right in (0.3, 0.6):  # the second is a run of the content after a run of the content
        shown = z_shown(page)
        box = page.locator("canvas").last.bounding_box()
        sent.clear()
        page.mouse.click(box["x"] + right * box["width"], box["y"] + 0.4 * box["height"])
        page.wait_for_function("old => !document.body.innerText.includes(old)", arg=shown, timeout=60_000)
        settle(page)
        runs = [message.rerun_script for message in map(BackMsg.FromString, sent) if message.HasField("rerun_script")]
        assert runs and all(run.fragment_id for run in runs)
        expect = re.compile(r"latent=(-?[\d.]+)(?:,|%2C)(-?[\d.]+)")
        for link in menu.all():
            carried = [float(value) for value in expect.search(link.get_attribute("href")).groups()]
            assert carried == pytest.approx(z_values(page), abs=0.01)
        assert menu.all_inner_texts() == labels
        assert page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").count() == 1
        assert page.get_by_role("heading", level=1).count() == 1
        page.wait_for_timeout(500)  # a second click at once would be a double click
