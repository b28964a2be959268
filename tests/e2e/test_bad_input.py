"""What people and programs get wrong, in a real browser: one sentence, no traceback, nothing lost."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from server import Server, serving, settle
from tiny_models import save_checkpoint
from visitor import menu, model_is, pick_model, saved, sentences, shirt, upload

from vae_core.config import ModelConfig

pytestmark = pytest.mark.browser

POINT = "decoded from z = (0.50, −1.25)"  # what is chosen before the slip
LINK = "/?latent=0.5,-1.25"
BAD = {
    "a text file": (b"these are words", "notes.png", "not a picture that can be read"),
    "a truncated JPEG": (shirt(form="JPEG")[:1500], "photo.jpg", "damaged or truncated"),
    "0 bytes": (b"", "empty.png", "empty (0 bytes)"),
    "an SVG in disguise": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.png", "an SVG drawing"),
    "half a PNG": (shirt()[:200], "shirt.png", "damaged or truncated"),
    "a PNG's first bytes": (b"\x89PNG\r\n\x1a\n", "shirt.png", "not a picture that can be read"),
    "a drawing": (b"<svg/>", "drawing.svg", "this is an SVG drawing"),
    "a document": (b"%PDF-1.4", "paper.pdf", "not a picture that can be read"),
}
FRAMES = [Image.new("L", (60, 80), 0), Image.new("L", (60, 80), 255)]
FRAMES[0].paste(200, (15, 10, 45, 70))
DEEP = np.zeros((80, 60), np.uint16)
DEEP[10:70, 15:45] = 50_000
GOOD = {
    "an animated GIF": (saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), "moving.gif"),
    "a transparent PNG": (shirt("RGBA", (0, 0, 0, 0), (40, 60, 90, 255)), "cut-out.png"),
    "a 16-bit PNG": (saved(Image.fromarray(DEEP)), "deep.png"),
    "a 1 × 1 picture": (saved(Image.new("RGB", (1, 1), "#824")), "dot.png"),
    "a JPEG called PNG": (shirt(form="JPEG"), "photo.png"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that this server shows; a test that spoils it mends it."""
    folder = tmp_path_factory.mktemp("models")
    save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    save_checkpoint(folder / "sixteen", ModelConfig("classic", 16))
    return folder


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In the place of the other tests' server."""
    with serving(models, tmp_path_factory.mktemp("server") / "log") as running:
        yield running


def still_there(page: Any) -> None:
    """The earlier choice is shown, in the page and in the URL, and the session answers."""
    page.get_by_text(POINT, exact=True).wait_for()
    assert "latent=0.5%2C-1.25" in page.url or "latent=0.5,-1.25" in page.url
    upload(page, shirt())
    page.get_by_text("your picture: opened").wait_for(timeout=60_000)
    assert sentences(page) == []


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_is_no_picture(open_page: Any, what: str) -> None:
    data, name, reason = BAD[what]
    page = open_page(query=LINK)
    upload(page, data, name)
    page.get_by_text(reason).wait_for(timeout=60_000)
    (sentence,) = sentences(page)
    assert sentence.startswith(f"{name} was not taken: ")
    still_there(page)


@pytest.mark.parametrize("what", GOOD)
def test_a_picture_of_an_odd_kind_works(open_page: Any, what: str) -> None:
    page = open_page(query=LINK)
    upload(page, *GOOD[what])
    page.get_by_text("your picture: opened").wait_for(timeout=60_000)
    assert sentences(page) == []


def test_a_photo_of_a_hundred_megapixels_is_refused_by_its_header(open_page: Any, server: Server) -> None:
    """Never decoded: that alone would take 324 MB."""
    photo = Image.new("RGB", (12_000, 9_000), "#f0eee8")
    photo.paste((30, 30, 60), (3000, 2000, 9000, 8000))
    page = open_page(query=LINK)
    upload(page, shirt())  # whatever the first picture of a server costs has been paid
    page.get_by_text("your picture: opened").wait_for(timeout=60_000)
    page.goto(server.url + LINK)
    settle(page)
    before = _peak_memory(server)
    upload(page, saved(photo, "JPEG", quality=60), "photo.jpg", "image/jpeg")
    page.get_by_text("12,000 × 9,000 pixels, at most 50 million").wait_for(timeout=60_000)
    assert len(sentences(page)) == 1
    assert _peak_memory(server) - before < 100e6
    still_there(page)


def hostile(name: str) -> bytes:
    """A zip with one file of that name."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, b"{}")
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"these are words", "zip"), (hostile("notes.txt"), "config.json"), (hostile("../../config.json"), "..")],
    ids=["no zip", "no model", "a hostile path"],
)
def test_a_zip_that_is_no_model(open_page: Any, data: bytes, reason: str) -> None:
    page = open_page(query="/models")
    before = page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").locator("input").input_value()
    upload(page, data, "model.zip", "application/zip")
    page.get_by_test_id("stAlert").first.wait_for()
    (sentence,) = sentences(page)
    assert sentence.startswith("model.zip: ") and reason in sentence
    page.reload()
    settle(page)
    assert sentences(page) == []
    assert page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").locator("input").input_value() == before


def test_thirty_megabytes_are_refused_in_the_browser_before_they_are_sent(open_page: Any, tmp_path: Path) -> None:
    name = "large.png"
    (tmp_path / name).write_bytes(30_000_000 * b"x")
    page, sent = open_page(query=LINK), []
    page.on("request", lambda request: sent.append(request.url) if "upload_file" in request.url else None)
    box = page.get_by_test_id("stFileUploader").first
    box.locator("input[type=file]").set_input_files(tmp_path / name)
    box.get_by_text("File must be 20.0MB or smaller").wait_for(timeout=60_000)
    assert name in box.inner_text()
    assert sent == [] and sentences(page) == []
    still_there(page)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?model=no-such-model", "a model named “no-such-model”, which is not here"),
        ("?latent=abc", "the point latent=abc; that should be numbers"),
        ("?latent=1e9", "the point latent=1e9; that should be numbers"),
        ("?image=-1", "image=-1; that should be the number of a test image"),
        ("?image=99999999", "image=99999999; that should be the number of a test image, 0 to"),
        ("?latent=1,2,3", "The chosen point has 3 numbers, fashion-2d has 2 latent units"),
        ("?model=%3Cscript%3Ealert(1)%3C/script%3E", "a model named “<script>alert(1)</script>”, which is not here"),
    ],
)
def test_a_link_that_cannot_be_followed(open_page: Any, query: str, sentence: str) -> None:
    page = open_page(query="/" + query)
    page.get_by_text("Reconstruction", exact=True).last.wait_for()
    assert [sentence in text for text in sentences(page)] == [True]
    pick_model(page, "sixteen")  # the session lives
    model_is(page, "sixteen")


def test_a_bad_link_in_an_open_tab_leaves_the_model(open_page: Any, server: Server) -> None:
    page = open_page(query="/models?model=gone")
    page.get_by_role("heading", level=1, name="Models").wait_for()
    assert len(sentences(page)) == 1
    assert "model=fashion-2d" in page.url  # what is shown, so that a reload does not ask again
    page.reload()
    settle(page)
    page.get_by_role("heading", level=1, name="Models").wait_for()
    assert sentences(page) == []


@pytest.mark.parametrize("part", ["config.json", "network.json", "model.safetensors", "latents.npz"])
def test_a_model_half_deleted_while_it_is_shown(open_page: Any, models: Path, part: str) -> None:
    page = open_page(query=LINK)
    spare = models.parent / f"spare of {part}"
    shutil.move(models / "fashion-2d" / part, spare)
    (models / "fashion-2d" / "MODEL_CARD.md").write_text("")
    for other in ("config.json", "latents.npz"):  # the copying program's traces: a newer file
        if other != part:
            (models / "fashion-2d" / other).touch()
    try:
        pick_model(page, "sixteen")
        page.get_by_text("The chosen point has 2 numbers, sixteen has 16").wait_for()
        pick_model(page, "fashion-2d")
        page.get_by_text(f"{part} is missing").wait_for(timeout=60_000)
        assert len(sentences(page)) == 1
        menu(page, "Models")
        page.get_by_text(f"{part} is missing").wait_for(timeout=60_000)
    finally:
        shutil.move(spare, models / "fashion-2d" / part)
        (models / "fashion-2d" / part).touch()
    menu(page, "Explore")  # it is back, and so is what was chosen
    page.get_by_text(POINT, exact=True).wait_for(timeout=60_000)
    assert sentences(page) == []


# --- not bad, but often forgotten -----------------------------------------------------------------------------------


def test_a_reload_keeps_model_and_choice(open_page: Any) -> None:
    page = open_page(query="/?image=7")
    page.get_by_text("test image 7 (").first.wait_for()
    pick_model(page, "sixteen")
    page.reload()
    settle(page)
    model_is(page, "sixteen")
    page.get_by_text("test image 7 (").first.wait_for()
    assert sentences(page) == []


def test_two_tabs_are_independent(open_page: Any) -> None:
    one, other = open_page(query="/?image=7"), open_page(query="/?latent=0.5,-1.25")
    pick_model(one, "sixteen")
    other.get_by_text(POINT, exact=True).wait_for()
    menu(other, "Models")
    menu(other, "Explore")
    other.get_by_text(POINT, exact=True).wait_for()
    assert "fashion-2d" in other.url and "sixteen" in one.url
    one.get_by_text("test image 7 (").first.wait_for()


def test_the_back_button_leads_to_the_page_before_with_its_choice(open_page: Any) -> None:
    page = open_page(query=LINK)
    steps = page.evaluate("history.length")
    menu(page, "Models")
    assert page.evaluate("history.length") == steps + 1 and "latent=" in page.url
    page.go_back()
    page.get_by_text(POINT, exact=True).wait_for(timeout=60_000)
    settle(page)
    assert sentences(page) == []
    page.go_forward()
    page.get_by_role("heading", level=1, name="Models").wait_for(timeout=60_000)
    settle(page)
    assert sentences(page) == []
    assert page.evaluate("history.length") == steps + 1


def _peak_memory(server: Server) -> float:
    """Bytes that the server has ever held; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
    except OSError:
        return 0.0
    return next(1024.0 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def test_a_visit_that_has_uploaded_too_much_is_told_so_at_once(
    models: Path, browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal comes from the server's route, where the script does not run; the page says it all the same."""
    monkeypatch.setenv("VAE_EXPLORER_UPLOAD_MB", "1")
    with serving(models, tmp_path / "log") as server:
        page = browser.new_page()
        page.goto(f"{server.url}/reconstruction")
        settle(page)
        upload(page, saved(Image.new("RGB", (800, 800), "#fff"), "BMP"), "large.bmp")
        page.get_by_text("This visit holds 0 MB of uploads, and may hold 1 MB").wait_for()
        upload(page, shirt())
        assert not sentences(page)
        upload(page, shirt(), "another.png")
        assert not sentences(page)  # it takes the place of the one before
        page.close()
        assert not server.complaints()
