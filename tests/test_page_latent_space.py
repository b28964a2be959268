"""The page Latent space without a browser: cold, what is near, what is unsupported, jumps, and files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from app_testing import garment, go, problems, words
from PIL import Image
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.app.cache import LoadedModel
from pages.ui.app.state import Selection
from pages.ui.app.subject import point
from pages.ui.components import latent_rows
from pages.ui.latent_space import files as latent_files
from pages.ui.latent_space import view as latent_view
from pages.ui.latent_space.landmarks import STEPS, landmarks_of, small, traversal_extent, traversals
from pages.ui.latent_space.view import CENTRES, NEAR, ROWS, TABLE
from vae_core.analysis import latent_geometry, latent_points
from vae_core.checkpoints import store
from vae_core.checkpoints.codes import load_latents
from vae_core.config import ModelConfig
from vae_core.datasets import fashion_mnist, loading
from vae_core.network.latents import Latents

PAGE = "pages/latent_space.py"
pytestmark = pytest.mark.usefixtures("only_drawn_clothes")
SHIPPED = Path(__file__).parents[1] / "checkpoints"


def drawn_codes(path: Path, model: ModelConfig) -> Path:
    """A checkpoint whose codes are those of the drawn clothes on this machine, so that each code has its picture."""
    save_checkpoint(path, model)
    found = loading.load_local()
    config = json.loads((path / "config.json").read_bytes())
    config["dataset"] |= {"checksum": found.checksum, "classes": list(found.classes)}
    (path / "config.json").write_text(json.dumps(config))
    codes = latent_points.encode_dataset(store.load(path).engine(), found, "test")
    np.savez(path / "latents.npz", z_mean=codes.z_mean, z_log_var=codes.z_log_var, labels=codes.labels)
    return path


def opened(path: Path) -> LoadedModel:
    """A model as the page gets it."""
    checkpoint = store.load(path)
    entry: Any = None
    return LoadedModel(entry, checkpoint, checkpoint.engine(), load_latents(path), ("a",) * 10, (str(path), ()))


def chosen(at: AppTest) -> Selection:
    return at.session_state["selection"] if "selection" in at.session_state else Selection(index=0)


def click(at: AppTest, key: str, value: Any) -> AppTest:
    """A click on a mosaic or a traversal, as the browser sends it."""
    at.session_state[key] = {"chosen": value}
    return at.run()


def _components(block: Any) -> Iterator[Any]:
    """Every component of the page, in its order."""
    proto = getattr(block, "proto", None)
    if hasattr(proto, "component_name"):
        yield proto
    for child in getattr(block, "children", {}).values():
        yield from _components(child)


def _key(proto: Any) -> str:
    return str(proto.id).rpartition("-")[2]


def sent(at: AppTest, key: str) -> dict[str, Any]:
    """What a component of the page was given to show."""
    return next(dict(json.loads(proto.json)) for proto in _components(at.main) if _key(proto) == key)


def test_cold(show: Callable[..., AppTest], tiny_checkpoint: Path) -> None:
    at = show(tiny_checkpoint.parent)
    said = words(at)
    assert problems(at) == []
    assert "**Test image 0 (" in said and "The posterior of test image 0 (" in said
    for heading in ("Its z", "Nearest test images", "Class centres", "One unit at a time", "Download"):
        assert heading in [element.value for element in at.header]
    # these codes are of no picture here, which is said
    assert "among the 200 test codes" in said and "these are **reconstructions** from z_mean" in said
    assert "KL is the mean over the 200 test codes, highest first" in said
    assert len(sent(at, NEAR)["tiles"]) == 12 and len(sent(at, ROWS)["rows"]) == 2


def test_without_a_model(show: Callable[..., AppTest], tmp_path: Path) -> None:
    assert "There is no model to show yet" in words(show(tmp_path))


def test_nearest_are_the_nearest(show: Callable[..., AppTest], tiny_checkpoint: Path) -> None:
    codes = load_latents(tiny_checkpoint).z_mean
    tiles = sent(show(tiny_checkpoint.parent, latent="0.5,-0.25"), NEAR)["tiles"]
    far = np.linalg.norm(codes - np.array([0.5, -0.25]), axis=1)
    assert [int(tile["id"]) for tile in tiles] == np.argsort(far)[:12].tolist()
    assert [tile["note"] for tile in tiles] == [f"{one:.3f}" for one in np.sort(far)[:12]]
    assert all("reconstructed" in tile["words"] for tile in tiles)


def test_a_test_image_is_not_its_own_neighbour(show: Callable[..., AppTest], tmp_path: Path) -> None:
    """Where each code has its picture, the pictures are the real ones, and a click chooses one."""
    drawn_codes(tmp_path / "drawn", ModelConfig("classic", 3))
    at = show(tmp_path, image="5")
    tiles = sent(at, NEAR)["tiles"]
    assert "5" not in [tile["id"] for tile in tiles] and len(tiles) == 12
    assert "among the 59 other test codes" in words(at) and "reconstructions" not in words(at)
    assert not any("reconstructed" in tile["words"] for tile in tiles)
    assert chosen(click(at, NEAR, tiles[0]["id"])) == Selection(index=int(tiles[0]["id"]))
    assert f"**Test image {tiles[0]['id']} (" in words(at)


def test_the_map_does_not_wait_for_its_thumbnails(show: Callable[..., AppTest], tmp_path: Path) -> None:
    """A cold page does not even pack them: they come after the map, when the browser asks for them."""
    drawn_codes(tmp_path / "drawn", ModelConfig("classic", 2))
    at = show(tmp_path)  # by way of the front page, which has sent what a map begins with
    assert living_parts(at) == ["living"]
    del at.session_state["live_map_sent"]  # as for a visitor who comes here first
    assert living_parts(at.run()) == ["living_decoder", "living_codes", "living"]
    digest = dict(sent(at, "living")["parts"])["thumbnails"]
    at.session_state["living"] = {"missing": [digest]}
    assert living_parts(at.run()) == ["living", "living_thumbnails"]
    at.session_state["living"] = {}  # a trigger lasts for one run
    assert living_parts(at.run()) == ["living"]


def living_parts(at: AppTest) -> list[str]:
    """The map and what is carried to it, in the page's order."""
    return [key for key in map(_key, _components(at.main)) if key.startswith("living")]


def test_clicks_jump(show: Callable[..., AppTest], tiny_checkpoint: Path) -> None:
    at, codes = show(tiny_checkpoint.parent), load_latents(tiny_checkpoint)
    click(at, NEAR, "17")  # its picture is not here: the code itself
    assert chosen(at).z == pytest.approx(codes.z_mean[17].tolist())
    classes, centres = latent_geometry.class_centroids(codes.z_mean, codes.labels)
    click(at, CENTRES, str(classes[3]))
    assert chosen(at).z == pytest.approx(centres[3].tolist())
    assert sent(at, CENTRES)["chosen"] == str(classes[3])
    click(at, ROWS, [1.2, -0.6])
    assert chosen(at) == Selection(z=(1.2, -0.6)) and at.query_params["latent"] == "1.2,-0.6"
    assert "**Decoded from z = (1.20, −0.60)**" in words(at)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (NEAR, "9999"),
        (NEAR, "-1"),
        (NEAR, 3),
        (CENTRES, "x"),
        (ROWS, "x"),
        (ROWS, [1.0]),
        (ROWS, [1.0, "2"]),
        (ROWS, [1e9, 0.0]),
    ],
)
def test_odd_news_from_the_browser_is_no_choice(
    show: Callable[..., AppTest], tiny_checkpoint: Path, key: str, value: Any
) -> None:
    at = click(show(tiny_checkpoint.parent), key, value)
    assert "**Test image 0 (" in words(at) and chosen(at) == Selection(index=0)


def test_unsupported_is_said(show: Callable[..., AppTest], tiny_checkpoint: Path) -> None:
    latents = load_latents(tiny_checkpoint)
    far, near = np.array([[4.5, -4.5]], np.float32), latents.z_mean[:1]
    level = latent_geometry.support_threshold(latents.z_mean, latents.z_log_var)
    low, high = latent_geometry.aggregate_density(latents.z_mean, latents.z_log_var, np.concatenate([far, near]))
    assert low < level < high
    said = words(show(tiny_checkpoint.parent, latent="4.5,-4.5"))
    assert "**Unsupported.**" in said and f"log q(z) = {low:,.2f}".replace("-", "−") in said
    said = words(show(tiny_checkpoint.parent, latent=",".join(map(str, near[0]))))
    assert "**Supported**" in said and "**Unsupported.**" not in said


def test_units_without_kl_wait_behind_a_toggle(show: Callable[..., AppTest], tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "five", ModelConfig("classic", 5))
    z_mean = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32) * [0.5, 0, 2, 0.01, 1]
    labels = load_latents(path).labels
    np.savez(
        path / "latents.npz", z_mean=z_mean.astype(np.float32), z_log_var=np.zeros((200, 5), np.float32), labels=labels
    )
    at = show(tmp_path)
    rows = sent(at, ROWS)["rows"]
    assert [row["unit"] for row in rows] == [2, 4, 0] and rows[0]["name"] == "z₃"
    notes = [float(row["note"].split()[1]) for row in rows]
    assert notes == pytest.approx((z_mean[:, [2, 4, 0]] ** 2 / 2).mean(axis=0), abs=0.01)
    toggle = at.toggle(key="latent_all")
    assert toggle.label == "Show the 2 units with a KL below 0.05 nats too"
    toggle.set_value(True)
    assert [row["unit"] for row in sent(at.run(), ROWS)["rows"]] == [2, 4, 0, 3, 1]


def test_the_table_holds_every_code(show: Callable[..., AppTest], tiny_checkpoint: Path) -> None:
    at, codes = show(tiny_checkpoint.parent), load_latents(tiny_checkpoint)
    before = len(at.dataframe)
    at.toggle(key="latent_codes").set_value(True)
    at.run()
    frame = at.dataframe[before].value
    assert list(frame.columns) == ["Test image", "Class", "z₁", "z₂"] and len(frame) == 200
    np.testing.assert_array_equal(frame[["z₁", "z₂"]].to_numpy(np.float32), codes.z_mean)
    assert frame["Class"][7] == f"class {codes.labels[7]}"


@pytest.mark.parametrize("lines", [[], [11]])
def test_a_line_of_the_table_is_a_choice(
    monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, lines: list[int]
) -> None:
    """What the table's callback does; without a browser no line can be ticked."""
    model, taken = opened(tiny_checkpoint), []
    monkeypatch.setattr(st, "dataframe", lambda *_, on_select, **__: taken.append(on_select))
    monkeypatch.setattr(latent_view.state, "choose_point", taken.append)
    monkeypatch.setattr(st, "session_state", {TABLE: {"selection": {"rows": lines}}})
    latent_view.table(model, None)
    taken.pop(0)()
    assert model.latents is not None
    assert taken == [model.latents.z_mean[line].tolist() for line in lines]


@pytest.mark.parametrize(
    "model",
    [ModelConfig("classic", 1), ModelConfig("classic", 16), ModelConfig("classic", 2, image_shape=(64, 64, 3))],
    ids=["one unit", "sixteen", "64 × 64 × 3"],
)
def test_every_shape(show: Callable[..., AppTest], tmp_path: Path, model: ModelConfig) -> None:
    save_checkpoint(tmp_path / "other", model, codes=40)
    at = show(tmp_path)
    said = words(at)
    assert len(sent(at, ROWS)["rows"]) == model.latent_dim
    assert ("A map needs two latent units" in said) == (model.latent_dim == 1)
    click(at, ROWS, [0.5] * model.latent_dim)
    assert "**Decoded from z = (0.50" in words(at)
    assert ("latent_grid" in [button.key for button in at.get("download_button")]) == (model.latent_dim > 1)


def test_few_codes_and_none(show: Callable[..., AppTest], tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "few", ModelConfig("classic", 2), codes=1)
    assert "there are no neighbours to show" in words(show(tmp_path))
    z = np.zeros((0, 2), np.float32)
    np.savez(path / "latents.npz", z_mean=z, z_log_var=z, labels=np.zeros(0, np.uint8))
    st.cache_resource.clear()
    at = show(tmp_path)
    assert "there are no neighbours to show" in words(at) and len(sent(at, ROWS)["rows"]) == 2


def test_an_upload_has_its_place_too(show: Callable[..., AppTest], tiny_checkpoint: Path) -> None:
    at = show(tiny_checkpoint.parent)
    go(at, "streamlit_app.py").file_uploader[0].set_value(("shirt.png", garment(), "image/png"))
    at.run()
    said = words(go(at, PAGE))
    assert (
        "**Your picture: shirt.png**" in said
        and "The posterior of your picture: z_mean and sigma of each latent unit" in said
    )


# ---- what it is made of ----


def test_traversals_change_one_unit(tiny_checkpoint: Path) -> None:
    engine, z = store.load(tiny_checkpoint).engine(), np.array([0.3, -4.2], np.float32)
    pictures, values = traversals(engine, z, (1, 0))
    assert values[[0, -1]].tolist() == [-5, 5] and len(values) == STEPS == pictures.shape[1]
    expected = small(engine.decode(np.array([[0.3, values[2]], [values[7], -4.2]], np.float32)))
    np.testing.assert_array_equal(pictures[0, 2], expected[0])
    np.testing.assert_array_equal(pictures[1, 7], expected[1])
    assert traversal_extent(np.zeros(3)) == 3 and traversal_extent(np.array([400.0])) == 6


def test_landmarks(tiny_checkpoint: Path) -> None:
    engine = store.load(tiny_checkpoint).engine()
    z = np.array([[1, 0], [3, 0], [0, 1]], np.float32)
    found = landmarks_of(engine, Latents(z, np.zeros_like(z), np.array([4, 4, 1], np.uint8)))
    assert found.classes.tolist() == [1, 4] and found.counts.tolist() == [1, 2]
    np.testing.assert_allclose(found.centres, [[0, 1], [2, 0]])
    np.testing.assert_allclose(found.kl, [10 / 6, 1 / 6])
    assert found.order.tolist() == [0, 1] and found.pictures.shape == (2, 28, 28, 3)


def test_files(tiny_checkpoint: Path) -> None:
    model = opened(tiny_checkpoint)
    shown = point(model, np.array([0.5, -1], np.float32))
    told = json.loads(latent_files.z_json(model, shown))
    assert (told["model"], told["z"], told["z_log_var"], told["is"]) == (
        "fashion-2d",
        [0.5, -1.0],
        None,
        "a chosen point",
    )
    picture = np.array(Image.open(io.BytesIO(latent_files.picture_png(shown.image))))
    assert picture.shape == (448, 448)
    np.testing.assert_array_equal(picture[::16, ::16], np.round(255 * shown.image[..., 0]))
    assert latent_files.stem(model, shown) == "fashion-2d-point"


def test_the_grid_moves_the_two_units_with_the_highest_kl(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "three", ModelConfig("classic", 3))
    model = opened(path)
    assert model.latents is not None
    wide = Latents(model.latents.z_mean * [0.1, 2, 1], model.latents.z_log_var * 0, model.latents.labels)
    facts = landmarks_of(model.engine, wide)
    assert latent_files.grid_units(model, facts) == (1, 2) and latent_files.grid_units(model, None) == (0, 1)
    shown = point(model, np.array([0.7, 0, 0], np.float32))
    sheet = np.array(Image.open(io.BytesIO(latent_files.grid_png(model, shown, facts))))
    left, top = latent_files.MARGIN, 2 * latent_files.LINE
    corner = sheet[top : top + 56 : 2, left : left + 56 : 2]  # top left: least of the first, most of the second
    z = np.array([[0.7, -facts.extent, facts.extent]], np.float32)
    np.testing.assert_array_equal(corner, small(model.engine.decode(z))[0])


def test_rows_are_checked() -> None:
    with pytest.raises(ValueError, match="1 rows of 2 pictures need as many names and values, got 0 and 2"):
        latent_rows.latent_rows(np.zeros((1, 2, 4, 4, 3), np.uint8), [], np.zeros(2), np.zeros(2), "rows", "rows", 56)


@pytest.mark.real_data
def test_real_pictures_on_the_shipped_models(
    show: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, fashion_dir: Path
) -> None:
    monkeypatch.setenv(fashion_mnist.VARIABLE, str(fashion_dir))
    at = show(SHIPPED, model="fashion-16d", image="7")
    assert "among the 9,999 other test codes" in words(at) and problems(at) == []
    first = sent(at, NEAR)["tiles"][0]
    assert first["name"] == "Shirt" and not first["words"].count("reconstructed")
    assert len(sent(at, CENTRES)["tiles"]) == 10


@pytest.mark.parametrize("units", [2, 16, 40])
def test_z_is_listed_unit_by_unit(show: Callable[..., AppTest], tmp_path: Path, units: int) -> None:
    path = drawn_codes(tmp_path / "drawn", ModelConfig("classic", units))
    at = show(tmp_path)
    if units == 40:  # a table that scrolls
        assert len(at.dataframe[0].value) == units
        return
    (table,) = [element.value for element in at.markdown if element.value.startswith("Unit | ")]
    head, _, *rows = [line.split(" | ") for line in table.split("\n")]
    assert len(rows) == units and len(at.dataframe) == 0
    z = load_latents(path).z_mean[0]
    np.testing.assert_allclose([float(row[1].replace("−", "-")) for row in rows], z, atol=6e-4)
    assert head[0] == "Unit" and all(len(row) == len(head) for row in rows)
