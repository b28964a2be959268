"""The page Models in a real Chromium: tables and charts are drawn, the button works, a stranger's card does no harm."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from server import ROOT, Server, serving, settle
from tiny_models import save_checkpoint
from visitor import menu, model_is, sentences

from vae_core.config import ModelConfig

pytestmark = pytest.mark.browser

HOSTILE = """# Trust me

<script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">

![spy](http://127.0.0.1:9/spy.png) ![two][1] [![three](http://127.0.0.1:9/3.png)](http://127.0.0.1:9/) <iframe src="http://127.0.0.1:9/"></iframe>

[here](javascript:window.pwned=3) and <a href="javascript:window.pwned=4">there</a>, `![code](x)`

[1]: http://127.0.0.1:9/two.png

The last line of the card.
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a shipped model, a random one with a hostile card, and a damaged one."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(ROOT / "checkpoints" / "classic-2d", folder / "classic-2d")
    save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    (folder / "fashion-2d" / "MODEL_CARD.md").write_text(HOSTILE)
    (save_checkpoint(folder / "torn", ModelConfig("classic", 2)) / "model.safetensors").write_bytes(b"torn")
    with serving(folder, tmp_path_factory.mktemp("server") / "log") as running:
        yield running


def view(page: Any, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name=name, exact=True).click()
    page.wait_for_timeout(200)
    settle(page)


def test_the_table_names_all_and_the_damaged_one_with_its_reason(open_page: Any) -> None:
    page = open_page(query="/models")
    page.get_by_text("All models and figures in one table").click()
    cells = page.get_by_test_id("stDataFrame").first.locator("td")
    cells.first.wait_for(state="attached", timeout=60_000)
    texts = cells.all_inner_texts()
    elbo = json.loads((ROOT / "checkpoints" / "classic-2d" / "metrics.json").read_bytes())["negative_elbo"]["value"]
    for expected in ("classic-2d", "fashion-2d", "torn", "damaged", str(elbo), "test, 10,000"):
        assert expected in texts
    (sentence,) = sentences(page)
    assert sentence.startswith("torn is damaged: ") and "model.safetensors" in sentence


def test_the_button_chooses_the_model_for_all_pages(open_page: Any) -> None:
    page = open_page(query="/models")
    page.locator("[class*=st-key-model_card_]", has_text="classic-2d").get_by_role("button", name="Open").click()
    page.wait_for_url("**model=classic-2d**", timeout=60_000)
    menu(page, "Explore")
    model_is(page, "classic-2d")


def test_training_is_drawn_with_its_floor(open_page: Any) -> None:
    page = open_page(query="/models?model=classic-2d")
    view(page, "Training")
    page.get_by_test_id("stPlotlyChart").nth(2).locator(".scatterlayer .trace").first.wait_for(timeout=60_000)
    charts = page.get_by_test_id("stPlotlyChart")
    assert charts.count() == 3
    for i in range(3):
        assert charts.nth(i).locator(".scatterlayer .trace").count() == 2
    assert charts.nth(1).get_by_text("floor 188.28").count() == 1


def test_a_hostile_card_is_only_text(open_page: Any) -> None:
    page, asked = open_page(query="/models?model=fashion-2d"), []
    page.on("request", lambda request: asked.append(request.url) if ":9/" in request.url else None)
    view(page, "Card")
    card = page.locator(".st-key-card")
    card.get_by_text("The last line of the card.").wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    for element in ("img", "script", "iframe"):
        assert card.locator(element).count() == 0
    links = [link.get_attribute("href") or "" for link in card.locator("a").all()]
    assert [link for link in links if link.startswith("javascript")] == []
    for link in card.locator("a").all():
        if "here" in link.inner_text():
            link.click(modifiers=["Alt"], no_wait_after=True)
    assert page.evaluate("window.pwned") is None and asked == []


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_it_fits(open_page: Any, width: int, scheme: str) -> None:
    page = open_page(width, 900, scheme, "/models?model=classic-2d")
    for name in ("Figures", "Training", "Layers", "Card", "Compare"):
        view(page, name)
        sizes = page.evaluate(
            "() => [document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth]"
        )
        assert max(sizes) <= width, name  # nothing but tables to scroll sideways


def test_a_model_is_deleted_and_put_back(open_page: Any, server: Server) -> None:
    page = open_page(query="/models?model=torn")
    page.get_by_role("button", name="Delete …").first.click()
    page.get_by_text("It can be put back within a day").wait_for()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_text("torn was deleted").wait_for()
    settle(page)
    assert not any(text.startswith("torn is damaged") for text in sentences(page))
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("torn is damaged").wait_for()
