"""The front page without a browser: cold, with clicks on both maps, with uploads; and what the plain map is drawn with."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from app_testing import DRAWN, decoded, garment, pictures, png, problems, read, visit, words
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from skimage.color import rgb2lab
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui import images
from pages.ui.app import cache
from pages.ui.app.cache import open_model, prepared
from pages.ui.app.state import Selection, Upload
from pages.ui.app.subject import in_words
from pages.ui.map import plain_figure
from pages.ui.map import view as map_view
from pages.ui.map.cache import codes_of, living
from vae_core.checkpoints import store
from vae_core.checkpoints.registry import Entry
from vae_core.config import ModelConfig
from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.preprocessing import PictureError, prepare
from vae_core.runs.directory import Run

TORN = png(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8))[:800]  # half a file


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No real data on this machine, few drawn clothes, and no cache of an earlier test."""
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], AppTest]:
    """The front page on the models in a folder, run once."""

    def start(folder: Path) -> AppTest:
        monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(folder))
        return visit()

    return start


def plain(at: AppTest) -> AppTest:
    """The same page with the plain map."""
    return at.button(key="plain_link").click().run()


def click(at: AppTest, *points: tuple[float, float]) -> AppTest:
    """A click on the plain map; without a point a second click, which deselects."""
    at.session_state["map_chart"] = {"selection": {"points": [{"x": x, "y": y} for x, y in points]}}
    return at.run()


def pin(at: AppTest, z: list[float], index: int | None, serial: int) -> AppTest:
    """A click on the map, as the browser sends it."""
    at.session_state["living"] = {"pinned": {"z": z, "index": index, "serial": serial}}
    return at.run()


def upload(at: AppTest, name: str, data: bytes) -> AppTest:
    at.file_uploader[0].set_value((name, data, "image/png"))
    return at.run()


def chosen(at: AppTest) -> Selection:
    return at.session_state["selection"] if "selection" in at.session_state else Selection(index=0)


def test_cold(app: Callable[[Path], AppTest], tiny_checkpoint: Path) -> None:
    at = app(tiny_checkpoint.parent)
    shown = words(at)
    assert problems(at)[:0] == [] and "Model **fashion-2d**: classic, 134,165 parameters, 2 latent units" in shown
    assert "trained on **drawn clothes**. Pictures: **drawn clothes test, 60 images**." in shown  # always there
    assert at.title[0].value == "Explore" and "z_mean of test image 0 (" in shown
    (promise,) = [
        html.proto.body for html in at.get("html") if "promise" in html.proto.body and "<style" not in html.proto.body
    ]
    assert "over the map: every point is a piece of clothing the model makes up." in promise
    assert "describe each picture with two numbers, called z" in read(promise)
    for title in ("**What the model sees**", "**Reconstruction**", "**Heatmap of conv_2**"):
        assert title in shown
    assert "200 of the 200 codes" in words(plain(at))


def test_a_decoded_picture_is_no_test_of_the_model(app: Callable[[Path], AppTest], tiny_checkpoint: Path) -> None:
    assert "The decoder drew" not in words(app(tiny_checkpoint.parent))
    at = app(tiny_checkpoint.parent)
    at.session_state["living"] = {"pinned": {"z": [0.5, -1.0], "index": None, "serial": 1}}
    assert "The decoder drew this picture itself, so this does not test the model." in words(at.run())


def test_what_is_nearest_is_said(app: Callable[[Path], AppTest], tiny_checkpoint: Path) -> None:
    """Of these codes none has a picture here, so none is left out as the image itself."""
    assert "Of the 15 test codes nearest to it " in words(app(tiny_checkpoint.parent))


def test_the_strip_holds_the_encoder_and_leads_on(
    app: Callable[[Path], AppTest], tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = app(tiny_checkpoint.parent)
    settings = map_settings(at)
    shape, encoder, picture, links = settings["strip"]
    assert shape == [28, 28, 1] and encoder == [["conv_1", [14, 14, 32]], ["conv_2", [7, 7, 64]], ["dense_1", [16]]]
    assert decoded(picture).shape == (28, 28, 3) and settings["fit"] and settings["guide"]
    assert dict(links)["decoder"] == "heatmaps?model=fashion-2d&image=0&part=decoder"
    assert map_settings(pin(at, [1.25, -0.5], None, 1))["strip"][2] is None  # a point is no picture's
    went: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(map_view.st, "switch_page", lambda page, query_params: went.append((page, query_params)))
    for part in ("encoder", "z", "drawn", "nonsense", 7):
        at.session_state["living"] = {"part": part}
        at.run()
    choice = {"model": "fashion-2d", "latent": "1.25,-0.5"}
    assert went == [
        ("pages/heatmaps.py", choice | {"part": "encoder"}),
        ("pages/latent_space.py", choice),
        ("pages/reconstruction.py", choice),
    ]


def map_settings(at: AppTest) -> dict[str, Any]:
    """What the map on the page was told."""
    blocks = [at.main]
    while blocks:
        block = blocks.pop()
        blocks += getattr(block, "children", {}).values()
        proto = getattr(block, "proto", None)
        if getattr(proto, "component_name", "").endswith("live_map"):
            return dict(json.loads(proto.json))
    raise AssertionError("there is no map")


def test_a_click_on_the_map_is_the_choice(app: Callable[[Path], AppTest], tiny_checkpoint: Path) -> None:
    at = app(tiny_checkpoint.parent)
    shown = words(pin(at, [1.25, -0.5], None, 1))
    assert "**z = (1.25, −0.50)**" in shown and chosen(at) == Selection(z=(1.25, -0.5))
    assert "decoded from z = (1.25, −0.50)" in shown
    assert "selected" not in map_settings(at)  # a point has no posterior
    assert at.query_params["latent"] == "1.25,-0.5"
    assert "**z = (1.25, −0.50)**" in words(plain(at))  # the other map shows the same point


def test_the_newest_choice_wins(app: Callable[[Path], AppTest], tiny_checkpoint: Path) -> None:
    """A click that is still in the browser's state is not taken up again when something else has been chosen since."""
    at = pin(app(tiny_checkpoint.parent), [1.25, -0.5], None, 1)
    at.query_params = {"image": "7"}
    assert "test image 7 (" in words(at.run())
    assert "test image 7 (" in words(at.run())
    assert chosen(upload(at, "shirt.png", garment())).upload is not None
    assert chosen(pin(at, [0.5, 0.5], None, 2)) == Selection(
        z=(0.5, 0.5)
    )  # the file is still there, the click is newer
    assert chosen(at.run()) == Selection(z=(0.5, 0.5))


@pytest.mark.parametrize(
    "sent",
    ["text", {"pinned": None}, {"pinned": {"z": ["a", "b"], "index": None, "serial": 1}}, {"pinned": {"z": [1.0]}}],
)
def test_odd_news_from_the_browser_is_no_choice(
    app: Callable[[Path], AppTest], tiny_checkpoint: Path, sent: Any
) -> None:
    at = app(tiny_checkpoint.parent)
    at.session_state["living"] = sent
    assert "test image 0 (" in words(at.run()) and chosen(at) == Selection(index=0)


def test_another_2d_model_stands_in(app: Callable[[Path], AppTest], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a-large-one", ModelConfig("classic", 3))
    save_checkpoint(tmp_path / "mine", ModelConfig("classic", 2))
    assert "Model **mine**" in words(app(tmp_path))


def test_a_model_of_three_units_has_no_plain_map(app: Callable[[Path], AppTest], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a-large-one", ModelConfig("classic", 3))
    at = app(tmp_path)
    assert "Model **a-large-one**" in words(at) and map_settings(at)["strip"]
    assert "plain_link" not in [button.key for button in at.button]


def test_one_unit_has_no_map_and_the_page_says_so(app: Callable[[Path], AppTest], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "line", ModelConfig("classic", 1))
    at = app(tmp_path)
    assert [problem.startswith("A map needs two latent units") for problem in problems(at)] == [True]
    assert "**Reconstruction**" in words(at)


def test_a_run_can_be_looked_at_while_it_trains(
    app: Callable[[Path], AppTest], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    kept, run = store.load(tiny_checkpoint), Run(tmp_path / "fashion-2d")
    config = {"model": kept.model.to_dict(), "training": kept.training.to_dict(), "dataset": dict(kept.dataset)}
    run.create(config, kept.network)
    codes = {"z_mean": np.zeros((40, 2), np.float32), "z_log_var": np.zeros((40, 2), np.float32)}
    run.save_snapshot(7, kept.weights, {**codes, "labels": np.zeros(40, np.uint8)})
    at = plain(app(tmp_path))
    assert "40 of the 40 codes" in words(at) and "step 7 (waiting)" in words(at)


def test_large_and_coloured_pictures(app: Callable[[Path], AppTest], tmp_path: Path) -> None:
    """No picture of this machine has their shape: a point is decoded, until one is uploaded."""
    save_checkpoint(tmp_path / "photos", ModelConfig("classic", 2, (128, 64, 3)))
    at = app(tmp_path)
    assert "The pictures of 128 × 64 × 3 it was trained on are not here" in words(at)
    assert "decoded from z = (" in words(at)
    assert "of 32 × 16 values" in words(upload(at, "red.png", png(np.full((50, 50, 3), [200, 30, 30], np.uint8))))


def test_a_model_written_anew_is_opened_anew(app: Callable[[Path], AppTest], tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "mine", ModelConfig("classic", 2), codes=20)
    at = plain(app(tmp_path))
    assert "20 of the 20 codes" in words(at)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    save_checkpoint(folder, ModelConfig("classic", 2), codes=30)
    assert "30 of the 30 codes" in words(at.run())


def test_a_click_decodes_and_deselecting_keeps_it(app: Callable[[Path], AppTest], tiny_checkpoint: Path) -> None:
    at = plain(app(tiny_checkpoint.parent))
    before = at.image[0].value
    assert "**z = (1.50, −0.75)**" in words(click(at, (1.5, -0.75)))
    assert at.image[0].value != before
    assert "**z = (1.50, −0.75)**" in words(click(at))


def test_an_upload_is_rebuilt(app: Callable[[Path], AppTest], tiny_checkpoint: Path) -> None:
    at = upload(app(tiny_checkpoint.parent), "shirt.png", garment())
    shown = words(at)
    for expected in ("your picture: opened → grey → cropped → resized", "MSE 0.", "z_mean of your picture"):
        assert expected in shown
    assert "of 7 × 7 values" in shown and problems(at) == []
    assert len(pictures(at)) == 4  # seen, rebuilt, heatmap, its colours
    assert "image" not in at.query_params and "latent" not in at.query_params


@pytest.mark.parametrize("data", [b"no picture at all", b"", TORN], ids=["text", "empty", "torn"])
def test_a_bad_upload_gets_one_sentence_and_changes_nothing(
    app: Callable[[Path], AppTest], tiny_checkpoint: Path, data: bytes
) -> None:
    at = pin(app(tiny_checkpoint.parent), [1.25, -0.5], None, 1)
    upload(at, "notes.png", data)
    assert [problem.startswith("notes.png was not taken: ") for problem in problems(at)] == [True]
    assert chosen(at) == Selection(z=(1.25, -0.5)) and len(pictures(at)) == 4
    assert upload(at, "shirt.png", garment()) and problems(at) == []  # the next one is taken


# --- what it is drawn with ------------------------------------------------------------------------------------------

# Machado, Oliveira & Fernandes 2009: what a dichromat sees, in linear RGB; normal vision first
VISION = np.array(
    [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
)


def linear_colours() -> np.ndarray:
    rgb = np.array([[int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)] for name in images.CLASS_COLOURS])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("vision", VISION, ids=["normal", "protan", "deutan", "tritan"])
def test_class_colours_are_told_apart(vision: np.ndarray) -> None:
    seen = np.clip(linear_colours() @ vision.T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055))
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    assert apart[~np.eye(10, dtype=bool)].min() >= 29


def test_class_colours_stand_out_on_black() -> None:
    luminance = linear_colours() @ [0.2126, 0.7152, 0.0722]
    assert ((luminance + 0.05) / 0.05).min() >= 3.2


@given(some.floats(0.01, 20), some.integers(1, 300))
def test_the_map_holds_its_codes(spread: float, n: int) -> None:
    codes = (spread * np.random.default_rng(n).standard_normal((n, 2))).astype(np.float32)
    extent = images.extent_of(codes)
    assert 3 <= extent <= 6 and extent * 2 == int(extent * 2)
    assert extent == 6 or (np.abs(codes).max(axis=1) <= extent).mean() >= 0.95
    points = plain_figure.lattice(extent)
    assert points.shape == (plain_figure.LATTICE**2, 2) and np.abs(points).max() == extent
    assert points[0].tolist() == [-extent, extent]  # the top left corner comes first, as on the screen


def map_of(labels: list[int], **more: Any) -> Any:
    codes = np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2)
    return plain_figure.map_figure(
        np.zeros((40, 40, 3), np.uint8), 3.0, codes, np.array(labels), ["a", "b", "c"], **more
    )


def test_only_the_lattice_takes_a_click() -> None:
    figure = map_of([0, 2, 2], selected=np.array([9.0, 0.5]))
    assert [trace.name for trace in figure.data] == ["a", "c", "lattice", "shown"]  # no empty class
    assert [trace.hoverinfo for trace in figure.data] == ["skip", "skip", None, "skip"]
    lattice = figure.data[2]
    assert lattice.marker.opacity == 0 and figure.layout.hoverdistance == -1
    assert figure.data[3].x[0] == 3.0  # far outside: shown at the edge
    assert figure.data[1].marker.color == images.class_colour(2)


def test_garments_are_centred_on_their_z() -> None:
    image = map_of([0]).layout.images[0]
    tile = image.sizex / images.SIDE
    assert image.x + tile / 2 == pytest.approx(-3) and image.y - tile / 2 == pytest.approx(3)


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (400, 300), (8, 8, 3)])
def test_enlarged_pixels_are_whole(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).random(shape)
    large = images.enlarge(image)
    times = large.shape[1] // shape[1]
    assert large.dtype == np.uint8 and large.shape[:2] == (times * shape[0], times * shape[1])
    assert np.array_equal(large[::times, ::times], np.round(255 * image).astype(np.uint8).squeeze())


def test_a_point_in_words_has_a_true_minus_and_no_minus_zero() -> None:
    assert in_words(np.array([-1.25, -0.001, 0.5], np.float32)) == "z = (−1.25, 0.00, 0.50)"
    assert in_words(np.arange(5, dtype=np.float32)) == "z = (0.00, 1.00, 2.00, 3.00, …)"


@pytest.mark.parametrize(
    ("name", "fixed", "words"),
    [
        ("Fashion-MNIST", False, "Fashion-MNIST test images"),
        ("drawn clothes", False, "drawn test images"),
        ("drawn clothes", True, "fixed drawn test images"),
        ("boots", True, "fixed boots test images"),
    ],
)
def test_the_map_names_what_its_codes_are_codes_of(name: str, fixed: bool, words: str) -> None:
    assert codes_of({"name": name}, fixed) == words


def test_a_kept_models_map_says_whose_codes_it_holds(tiny_checkpoint: Path) -> None:
    opened = open_model(Entry("fashion-2d", tiny_checkpoint, "", 2))
    codes = living(opened, None).codes
    assert codes is not None and b'"what": "drawn test images"' in codes.data


def test_a_refused_upload_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []

    def look(data: bytes, *shape: Any, **switches: Any) -> Any:
        looked.append(data)
        return prepare(data, *shape, **switches)

    monkeypatch.setattr(cache, "prepare", look)
    for _ in range(3):
        with pytest.raises(PictureError, match="not a picture"):
            prepared(Upload("notes.png", b"just some text"), (28, 28, 1))
    assert looked == [b"just some text"]


def test_pictures_arrive_pixel_for_pixel() -> None:
    def page() -> None:
        import numpy as np

        from pages.ui.shared.picture import picture

        picture(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8), alt="noise", width=70)

    (shown,) = AppTest.from_function(page).run().get("image")
    (one,) = shown.proto.imgs
    kind, data = one.url.split(",")
    assert kind == "data:image/png;base64"
    arrived = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    np.testing.assert_array_equal(arrived, np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))
