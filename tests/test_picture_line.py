"""The line of the chosen picture without a browser: uploads that outlive a reload, sample photos, the steps and their switches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from app_testing import DRAWN, chosen_picture, garment, go, png, problems, visit, words
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.app import upload_store
from pages.ui.app.sample_photos import SAMPLES, sample_photos
from pages.ui.app.state import Upload
from vae_core.config import ModelConfig
from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.preprocessing import prepare

PAGE = "pages/reconstruction.py"


@pytest.fixture(autouse=True)
def one_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_checkpoint: Path) -> Iterator[None]:
    """One tiny model, few drawn clothes, a visitor with a cookie, and nobody's uploads."""
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tiny_checkpoint.parent))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    monkeypatch.setattr(upload_store, "owner", lambda: "this visitor")
    upload_store._kept.clear()
    yield
    upload_store._kept.clear()
    st.cache_data.clear()
    st.cache_resource.clear()


def uploaded(at: AppTest, name: str = "shirt.png", data: bytes | None = None) -> AppTest:
    """The visitor uploads a picture."""
    return at.file_uploader[0].set_value((name, data or garment(), "image/png")).run()


def switched(at: AppTest) -> Upload:
    """The upload that is chosen."""
    return at.session_state["selection"].upload


def test_an_upload_is_there_after_a_reload_with_its_switches() -> None:
    at = uploaded(visit(PAGE))
    at.toggle(key="upload_contrast").set_value(True).run()
    link = at.query_params["upload"]
    again = visit(PAGE, upload=link)
    assert chosen_picture(again) == "Your picture: shirt.png" and problems(again) == []
    assert switched(again) == switched(at) and switched(again).contrast


def test_the_link_to_an_upload_opens_it_for_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    link = uploaded(visit(PAGE)).query_params["upload"]
    monkeypatch.setattr(upload_store, "owner", lambda: "another visitor")
    at = visit(upload=link)
    (problem,) = problems(at)
    assert "not here any more: one is kept for 2 hours" in problem and "Upload it again." in problem
    assert chosen_picture(at).startswith("Test image 0 (") and "upload" not in at.query_params


def test_uploads_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(upload_store.time, "monotonic", lambda: now[0])
    uploads = [Upload(f"{i}.png", bytes([i]) * 100) for i in range(upload_store.FILES + 1)]
    for upload in uploads:
        upload_store.keep(upload)
    assert upload_store.find(uploads[0].digest) is None  # the longest unused has gone
    assert upload_store.find(uploads[1].digest) == uploads[1]
    monkeypatch.setattr(upload_store, "ALL_MB", 0)
    monkeypatch.setattr(upload_store, "owner", lambda: "another visitor")
    upload_store.keep(uploads[0])
    assert len(upload_store._kept) == 1 and upload_store.find(uploads[0].digest) == uploads[0]
    now[0] = upload_store.HOURS * 3600 + 1
    assert upload_store.find(uploads[0].digest) is None


def test_it_travels_and_goes_back_to_the_first() -> None:
    at = uploaded(visit(PAGE))
    for page in ("pages/heatmaps.py", "streamlit_app.py", PAGE):
        assert chosen_picture(go(at, page)) == "Your picture: shirt.png"
    at.button(key="choose_default").click().run()
    assert chosen_picture(at).startswith("Test image 0 (") and at.query_params["image"] == "0"
    assert "choose_default" not in [button.key for button in at.button]  # there is nothing to go back from


@pytest.mark.parametrize(
    "data, reason", [(b"these are words", "not a picture that can be read"), (b"", "empty"), (garment()[:60], "")]
)
def test_a_refused_file_does_not_pass_for_the_old_one(data: bytes, reason: str) -> None:
    at = uploaded(visit(PAGE))
    at.file_uploader[0].set_value(("notes.png", data, "image/png")).run()
    (problem,) = problems(at)
    assert problem.startswith("notes.png was not taken: ") and reason in problem
    assert problem.endswith("What is shown is still your picture: shirt.png.")
    assert problems(go(at, "pages/heatmaps.py")) == [problem]  # until another is chosen
    at.button(key="choose_random").click().run()
    assert problems(at) == []


def test_three_sample_photos_show_three_difficulties() -> None:
    at = visit(PAGE)
    menu = at.menu_button(key="choose_sample")
    assert list(menu.options) == list(SAMPLES.values())
    steps = {}
    for i, photo in enumerate(sample_photos()):
        assert len(photo.data) < 40_000
        at.menu_button(key="choose_sample").click_index(i).run()
        assert chosen_picture(at) == f"Sample photo: {photo.name}"
        steps[photo.name] = words(at), problems(at)
    pullover, bag, boot = steps.values()
    assert (
        "1. **inverted**" in pullover[0] and "1. **cropped**: to what stands out" in pullover[0] and pullover[1] == []
    )
    assert "1. **inverted**" not in bag[0] and bag[1] == []
    assert len(boot[1]) == 1 and "The background is uneven" in boot[1][0]
    plain, stretched = (prepare(sample_photos()[1].data, contrast=contrast).image for contrast in (False, True))
    assert plain.max() - plain.min() < 0.3 and stretched.max() - stretched.min() > 0.9
    # cut by hand, the boot stands on an even background, and the sentence is gone
    at.session_state["upload_frame"] = {"box": [0.2, 0.36, 0.75, 0.75]}  # as the component does
    at.run()
    at.session_state["upload_frame"] = {}  # what is let go lasts one run
    assert switched(at).box == (0.2, 0.36, 0.75, 0.75)
    assert "1. **cut**: by hand to 231 × 203 of 420 × 520 pixels" in words(at)
    assert problems(at) == []
    at.button(key="upload_whole").click().run()
    assert switched(at).box is None
    for odd in ([0.2, 0.3], [0.5, 0.5, 0.4, 0.9], ["a", 0, 1, 1], [0, 0, 2, 1], "box", {"left": 0}):
        at.session_state["upload_frame"] = {"box": odd}
        assert switched(at.run()).box is None and not at.exception
    link = at.query_params["upload"]
    upload_store._kept.clear()  # another machine, or the server was started again
    assert chosen_picture(visit(PAGE, upload=link)) == f"Sample photo: {sample_photos()[2].name}"


def test_an_uneven_background_is_told_from_an_even_one() -> None:
    rng = np.random.default_rng(0)
    for fall, uneven in ((0.0, False), (0.03, False), (0.2, True), (0.6, True)):
        ground = 0.9 - fall * np.linspace(0, 1, 300)[None, :] + 0.01 * rng.standard_normal((360, 300))
        ground[100:260, 90:210] = 0.2
        assert prepare(np.clip(ground, 0, 1).astype(np.float32)).uneven is uneven, fall


def test_models_of_other_pictures_are_offered_no_photos_of_clothes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "own"
    model = save_checkpoint(folder / "pets", ModelConfig("classic", 2, (64, 64, 3)))
    config = json.loads((model / "config.json").read_text())
    config["dataset"] |= {"name": "pets", "fit": "resize"}
    (model / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(folder))
    at = visit(PAGE)
    assert not at.exception and not at.menu_button
    rainbow = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)
    uploaded(at, "rainbow.png", png(rainbow))
    assert chosen_picture(at) == "Your picture: rainbow.png" and problems(at) == []
