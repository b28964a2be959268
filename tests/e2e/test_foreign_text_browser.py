"""Names full of markup in a real Chromium: they are read as they are written, on every page, and nothing comes of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from server import Server, serving, settle
from tiny_models import save_checkpoint
from visitor import menu, shirt, upload

from vae_core.checkpoints import timeline
from vae_core.config import ModelConfig
from vae_core.network.presets import build
from vae_core.network.schema import random_weights
from vae_core.runs.directory import Run

pytestmark = pytest.mark.browser

PAGES = ("", "train", "latent_space", "reconstruction", "heatmaps", "models")
# what a file system takes; files' contents and links take more
NAME = "**a** $x^2$ `c` :red[d] :material-home: <b>e</b> ![f](g) [h](i) -- @j.k www.l.m"
LINES = ("\n\n", "\r\n\r\n", "\u2028\u2028", "\x85\x85", "\v\v")


@pytest.fixture(scope="module")
def outside() -> Iterator[Any]:
    """Another server, which nobody should ask for anything: `outside.url`, `outside.asked`."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with HTTPServer(("127.0.0.1", 0), Answer) as listening:
        listening.url = f"http://127.0.0.1:{listening.server_port}"  # type: ignore[attr-defined]
        listening.asked = asked  # type: ignore[attr-defined]
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()


def hostile(url: str, i: int = 0) -> str:
    """Text with all of Markdown's, Streamlit's and HTML's powers, and an address of the other server."""
    end = LINES[i % len(LINES)]
    return f"x{end}# Expired{end}![p]({url}/{i}.png) <img src='{url}/{i}.gif'> [in]({url}) {url} {NAME} | y |{end}- z\u202e\x00"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, outside: Any) -> Path:
    """`models` with a model whose every text is hostile, a damaged one, and a timeline; `runs` with runs of such names."""
    folder = tmp_path_factory.mktemp("foreign")
    model = ModelConfig("classic", 2)
    path, network = save_checkpoint(folder / "models" / NAME.replace("/", "-"), model), build(model)
    spoil(path, outside.url)
    codes = np.random.default_rng(0).normal(size=(2, 40, 2)).astype(np.float32)
    for step in (1, 60):
        latents = {"z_mean": codes[0], "z_log_var": codes[1], "labels": (np.arange(40) % 10).astype(np.uint8)}
        timeline.save_frame(path, step, random_weights(network, step), latents)
    damaged = save_checkpoint(folder / "models" / f"torn {NAME.replace('/', '-')}", model)
    (damaged / "model.safetensors").write_bytes(b"torn")
    run = Run(folder / "runs" / f"run {NAME.replace('/', '-')}")
    run.path.mkdir(parents=True)
    (run.path / "config.json").write_text(json.dumps(json.loads((path / "config.json").read_text()) | {"kind": "run"}))
    (run.path / "network.json").write_bytes((path / "network.json").read_bytes())
    (run.path / "status.json").write_text(
        json.dumps({"state": "failed", "error": hostile(outside.url, 3), "heartbeat": 1.0})
    )
    return folder


def spoil(path: Path, url: str) -> None:
    """Hostile text in every place of a model's folder that a page shows."""
    config = json.loads((path / "config.json").read_text())
    config["name"] = hostile(url, 0)
    config["dataset"] |= {"name": hostile(url, 1), "source": hostile(url, 2)}
    config["dataset"]["classes"] = [hostile(url, i) for i in range(10)]
    (path / "config.json").write_text(json.dumps(config))
    figure = {"value": 1.5, "split": hostile(url, 3), "n": 10, "method": hostile(url, 4)}
    (path / "metrics.json").write_text(json.dumps({"negative_elbo": figure, "ssim": figure, "mse": figure}))
    card = "\n".join(
        [f"# {NAME}", "Expired", "===", hostile(url, 0), f"```mermaid\nflowchart\nA@{{img: '{url}/m.png'}}\n```"]
    )
    (path / "MODEL_CARD.md").write_text(card, encoding="utf-8")


@pytest.fixture(scope="module")
def server(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_EXPLORER_RUNS", str(folders / "runs"))
        patch.setenv("VAE_EXPLORER_STANDBY", "0")
        patch.setenv("KERAS_HOME", str(folders / "keras"))
        patch.delenv("FASHION_MNIST_DIR", raising=False)
        with serving(folders / "models", tmp_path_factory.mktemp("server") / "log") as running:
            yield running


FOREIGN = """() => {
  const found = [];
  const inCard = (node) => node.closest(".st-key-card") && ["H5", "LI"].includes(node.tagName);  // which a card may have
  for (const node of document.querySelectorAll("img, video, audio, iframe, object, embed, svg image")) {
    const source = node.src || node.data || node.getAttribute("href") || "";
    if (source && !source.startsWith("data:") && !source.startsWith("blob:") && !source.startsWith(location.origin))
      found.push(node.tagName + " " + source);
  }
  for (const link of document.querySelectorAll("a[href]"))
    if (!link.href.startsWith(location.origin)) found.push("A " + link.href);
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6"))
    if (heading.innerText.trim().startsWith("Expired") && !inCard(heading)) found.push("HEADING");
  for (const node of document.querySelectorAll("b, .katex, .stMarkdownColoredText, .mermaid, [data-testid=stMarkdownContainer] li"))
    if (!inCard(node)) found.push(node.tagName + " " + node.className + " " + node.innerText.slice(0, 60));
  return found;
}"""


def nothing_comes_of_it(page: Any, where: str) -> None:
    assert page.get_by_test_id("stException").count() == 0, where
    assert page.get_by_role("heading", level=1).count() == 1, where
    assert page.evaluate(FOREIGN) == [], where


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_hostile_names(open_page: Any, outside: Any, path: str) -> None:
    page = open_page(query=f"/{path}")
    page.wait_for_timeout(500)
    nothing_comes_of_it(page, path)
    if path == "models":
        for view in ("Training", "Layers", "Card", "Compare"):
            page.get_by_test_id("stMain").get_by_role("radio", name=view, exact=True).click()
            page.wait_for_timeout(300)
            settle(page)
            nothing_comes_of_it(page, view)
    if path == "":
        upload(page, shirt(), name="![a](b) <b>x</b> # $y$.png")
        upload(page, b"no picture", name="![a](b) <b>x</b> # $y$.png")
        nothing_comes_of_it(page, "upload")
    assert outside.asked == []


@pytest.mark.parametrize("parameter", ["run", "model", "image", "latent", "view", "channel", "layers"])
@pytest.mark.parametrize("page_name", ["train", "heatmaps"])
def test_links_of_hostile_text(open_page: Any, outside: Any, page_name: str, parameter: str) -> None:
    page = open_page(query=f"/{page_name}")
    for i in range(len(LINES) if parameter in ("run", "model") else 1):
        page.goto(f"{page.url.split('?')[0]}?{parameter}={quote(hostile(outside.url, i))}")
        settle(page)
        page.wait_for_timeout(200)
        nothing_comes_of_it(page, f"{parameter} {i}")
    assert outside.asked == []


def test_the_page_of_a_run_of_hostile_text(open_page: Any, outside: Any, folders: Path) -> None:
    (run,) = (folders / "runs").glob("run *")
    page = open_page(query=f"/train?run={quote(run.name)}")
    page.get_by_role("heading", level=2, name="run **a**").wait_for()
    page.wait_for_timeout(500)
    nothing_comes_of_it(page, "run")
    assert "# Expired" in page.get_by_test_id("stAlert").first.inner_text() and outside.asked == []


def test_the_name_is_read_as_it_is_written(open_page: Any, folders: Path) -> None:
    page = open_page(query="/models")
    (alert,) = page.get_by_test_id("stAlert").all_inner_texts()
    assert f"torn {NAME.replace('/', '-')}" in alert.replace("\u2060", "")
    menu(page, "Train")
    page.get_by_test_id("stMain").get_by_test_id("stSelectbox").locator("input").first.click()
    assert any(NAME.replace("/", "-") in text for text in page.get_by_role("option").all_inner_texts())


# --- the policy -----------------------------------------------------------------------------------------------------


def test_every_answer_says_what_may_be_loaded(server: Server) -> None:
    import urllib.request

    for path in ("/", "/train", "/_stcore/health", "/static/media/none"):
        try:
            with urllib.request.urlopen(server.url + path) as answer:
                headers = answer.headers
        except urllib.error.HTTPError as error:
            headers = error.headers
        assert "default-src 'self'" in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "script",
    [
        "new Image().src = '{}/a.png'",
        "document.body.insertAdjacentHTML('beforeend', `<img src='{}/b.png'><iframe src='{}/c'></iframe>`)",
        "document.body.insertAdjacentHTML('beforeend', `<style>@import url({}/d.css)</style>`)",
        "fetch('{}/e').catch(() => 0)",
        "import('{}/f.js').catch(() => 0)",
        "try {{ new WebSocket('{}/g'.replace('http', 'ws')) }} catch {{}}",
    ],
)
def test_nothing_is_fetched_from_elsewhere(browser: Any, server: Server, outside: Any, script: str) -> None:
    """Even of what comes through all the same."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url + "/models")
    settle(page)
    blocked = page.evaluate(
        """async (script) => {
          const blocked = new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            setTimeout(() => done("nothing"), 5000);
          });
          eval(script);
          return blocked;
        }""",
        script.format(outside.url, outside.url) if script.count("{}") > 1 else script.format(outside.url),
    )
    assert blocked != "nothing" and outside.asked == []
    context.close()
