"""The app shows a model its own pictures: those that it was trained on, on every page, as long as they are there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from app_testing import DRAWN, decoded, go, holds, png, problems, visit, words
from own_models import CLASSES, own_run, own_zip, save_run
from streamlit.testing.v1 import AppTest

from pages.ui.app import model_pictures
from pages.ui.app.cache import LoadedModel, Source, open_model
from pages.ui.app.model_pictures import pictures_for
from pages.ui.map.cache import living
from pages.ui.reconstruction.cache import scores_of
from vae_core.checkpoints.registry import Entry, list_models
from vae_core.cli.main import main
from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.preprocessing import prepare
from vae_core.jobs import finished_runs
from vae_core.runs.directory import Run

SHAPES = {"grey": (28, 28, 1), "colour": (64, 64, 3)}
ON_A_PICTURE = ("streamlit_app.py", "pages/latent_space.py", "pages/reconstruction.py", "pages/heatmaps.py")


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No models or runs but those of the test, no real data on this machine, few drawn clothes, and empty caches."""
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(params=SHAPES)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """A run on an uploaded zip: 28 × 28 grey, and 64 × 64 in colour."""
    shape = SHAPES[request.param]
    pictures = own_zip(tmp_path / "runs" / "uploads" / "0123abcd" / "pets.zip", shape[0], shape[2] == 3)
    return own_run(tmp_path / "runs" / "mine", pictures, shape)


def opened(name: str = "runs/mine") -> LoadedModel:
    return open_model(next(entry for entry in list_models() if entry.id == name))


def own_pixels(run: Run) -> np.ndarray:
    """The test split as the trainer saw it: uint8 (n, h, w, c)."""
    return loading.load(run.request()["data"], image_shape=tuple(run.config()["model"]["image_shape"])).pixels("test")


def on_page(at: AppTest) -> list[np.ndarray]:
    """The pictures of a page: uint8 (h, w, 3)."""
    return [decoded(image.url) for element in at.get("image") for image in element.proto.imgs]


@pytest.mark.parametrize("page", ON_A_PICTURE)
def test_the_original_is_the_models_own_picture(run: Run, page: str) -> None:
    at = visit(page, model="runs/mine", image="4")
    shown = words(at)
    assert "Pictures: **pets test, 6 images**." in shown and "are not here" not in shown and problems(at) == []
    assert ":material/database: pets test, 6 images" in shown and "arment" not in shown
    assert "est image 4 (" in shown
    assert holds(on_page(at), own_pixels(run)[4])


def test_everything_that_is_made_of_the_pictures_is_of_its_own(run: Run) -> None:
    model, pixels = opened(), own_pixels(run)
    found = pictures_for(model)
    assert found is not None and np.array_equal(found.pixels, pixels)
    images = pixels.astype(np.float32) / 255
    error = ((model.engine.reconstruct(images) - images) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(scores_of(model, found).mse, error, rtol=1e-3)  # best and worst go by it
    thumbnails = living(model, found).thumbnails
    assert thumbnails is not None and len(thumbnails) == len(pixels) and np.array_equal(thumbnails._images, pixels)


def test_a_kept_a_renamed_and_a_downloaded_model_show_them_too(run: Run, tmp_path: Path) -> None:
    pixels = own_pixels(run)
    assert main(["keep", str(run.path), str(tmp_path / "checkpoints" / "kept")]) == 0
    finished_runs.rename(run, "renamed")
    taken = finished_runs.import_model(finished_runs.download(tmp_path / "checkpoints" / "kept"))
    for name in ("kept", "runs/renamed", taken.name):
        found = pictures_for(opened(name))
        assert found is not None and np.array_equal(found.pixels, pixels), name


def test_a_model_of_drawn_clothes_shows_drawn_clothes_beside_the_real_ones(
    fashion_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = loading.load("drawn")
    save_run(tmp_path / "runs" / "drawn", drawn, "drawn")
    save_run(tmp_path / "runs" / "real", loading.load(fashion_dir), "fashion")
    monkeypatch.setenv("FASHION_MNIST_DIR", str(fashion_dir))
    at = visit("pages/reconstruction.py", model="runs/drawn", image="3")
    shown = words(at)
    assert "Pictures: **drawn clothes test, 60 images**" in shown and ":material/database: drawn clothes test" in shown
    assert holds(on_page(at), drawn.pixels("test")[3])
    at.query_params = {"model": "runs/real", "image": "3"}
    shown = words(at.run())
    assert ":material/database: Fashion-MNIST test, 10,000 images" in shown
    assert holds(on_page(at), loading.load("fashion").pixels("test")[3])


# --- where they are not there -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ON_A_PICTURE)
def test_pictures_that_have_gone_are_said_in_one_sentence(run: Run, page: str) -> None:
    shutil.rmtree(Path(run.request()["data"]).parent)
    shown = words(visit(page, model="runs/mine"))
    shape = " × ".join(map(str, run.config()["model"]["image_shape"]))
    assert f"The pictures of {shape} it was trained on are not here: runs/uploads/0123abcd/pets.zip is gone" in shown
    assert "Put it back to see them" in shown and "pets: its pictures are not on this machine" in shown
    assert "drawn clothes test" not in shown and str(run.path.parent) not in shown


def test_pictures_that_have_changed_are_not_shown(run: Run) -> None:
    assert pictures_for(opened()) is not None
    shape = run.config()["model"]["image_shape"]
    own_zip(Path(run.request()["data"]), shape[0], shape[2] == 3, n=90, seed=5)
    assert pictures_for(opened()) is None
    assert "pets.zip holds others now" in words(visit(model="runs/mine"))


def test_a_file_that_is_no_zip_any_more_is_said(run: Run) -> None:
    Path(run.request()["data"]).write_bytes(b"no zip at all")
    assert "pets.zip cannot be read. Mend it" in words(visit(model="runs/mine"))


def test_they_are_read_once_and_only_their_test_split_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    real: Callable[..., Any] = model_pictures.training_data.own_dataset

    def own_dataset(*arguments: Any, **more: Any) -> Any:
        reads.append(arguments)
        return real(*arguments, **more)

    monkeypatch.setattr(model_pictures.training_data, "own_dataset", own_dataset)
    found = [pictures_for(opened()) for _ in range(3)]
    assert len(reads) == 1 and found[0] is found[2] and isinstance(found[0], Source)
    with pytest.raises(KeyError):
        found[0].dataset.pixels("train")
    Path(run.request()["data"]).unlink()
    assert [pictures_for(opened()) for _ in range(2)] == [None, None]


def test_a_large_data_set_is_not_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_pictures, "LARGEST", 1000)
    assert pictures_for(opened()) is None
    assert "they are too many to be shown by this app" in words(visit(model="runs/mine"))


# --- uploads and words --------------------------------------------------------------------------------------------


def test_an_upload_is_treated_as_the_training_data_were(run: Run) -> None:
    """A dark shape on white: garments are cropped and inverted, own pictures are resized and nothing else."""
    photo = np.full((90, 60, 3), 250, np.uint8)
    photo[30:60, 20:40] = 40
    at = visit("pages/heatmaps.py", model="runs/mine")
    at.file_uploader[0].set_value(("photo.png", png(photo), "image/png"))
    shown = words(at.run())
    assert "**resized**" in shown and "**inverted**" not in shown and "**cropped**" not in shown
    assert at.toggle(key="upload_crop").value is False and "To the picture" in at.toggle(key="upload_crop").help
    seen = prepare(png(photo), tuple(run.config()["model"]["image_shape"]), fit="resize").image
    assert holds(on_page(go(at, "streamlit_app.py")), np.rint(255 * seen).astype(np.uint8))


def test_a_zip_called_fashion_mnist_is_told_apart(tmp_path: Path) -> None:
    own_run(tmp_path / "runs" / "mine", own_zip(tmp_path / "Fashion-MNIST.zip"))
    for page in ("streamlit_app.py", "pages/models.py"):
        shown = words(visit(page, model="runs/mine"))
        assert "Fashion-MNIST (own pictures) test, 6 images" in shown.replace("\\", "")
    model = open_model(Entry("mine", tmp_path / "runs" / "mine", "finished", 2))
    assert not model.clothes and model.thing == "picture" and set(model.classes) == set(CLASSES)
