"""A model is measured and shown on the data it was made for: found by their place, known by their checksum."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_models import CLASSES, own_run, own_zip, save_run
from PIL import Image

from vae_core.checkpoints import bundle, codes, store, training_data
from vae_core.checkpoints.bundle import import_model
from vae_core.checkpoints.card import model_card
from vae_core.checkpoints.training_data import DataMissing, data_name, is_clothes, own_dataset
from vae_core.cli.main import main
from vae_core.datasets import fashion_mnist, loading
from vae_core.runs.directory import Run

SHAPES = {"grey": (28, 28, 1), "colour": (64, 64, 3)}


@pytest.fixture(autouse=True)
def a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shipped models, no runs but those of the test, and Fashion-MNIST out of reach."""
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", {"train": 30, "validation": 6, "test": 12})


@pytest.fixture(params=SHAPES)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """A run on a zip that was uploaded: 28 × 28 grey, and 64 × 64 in colour."""
    shape = SHAPES[request.param]
    pictures = own_zip(tmp_path / "runs" / "uploads" / "0123abcd" / "pets.zip", shape[0], shape[2] == 3)
    return own_run(tmp_path / "runs" / "mine", pictures, shape)


def done(words: list[Any], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def model_of(run: Run, tmp_path: Path) -> Path:
    """The run, kept."""
    folder = tmp_path / "checkpoints" / "kept"
    assert main(["keep", str(run.path), str(folder)]) == 0
    return folder


# --- every command ------------------------------------------------------------------------------------------------


def test_evaluate_measures_the_models_own_pictures(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = done(["evaluate", run.path], capsys)
    assert code == 0 and "| data set | pets | test, 6 | checksum" in out and "| MSE | " in out
    images = store.load(run.path)
    own = own_dataset(run.path, images.dataset, images.model.image_shape).images("test")
    error = float(((images.engine().reconstruct(own) - own) ** 2).mean())
    assert f"| MSE | {error:.4f} |" in out


def test_keep_measures_them_and_the_kept_model_finds_them(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model_of(run, tmp_path)
    assert "| data set | pets | test, 6 |" in capsys.readouterr().out
    assert codes.load_latents(folder).z_mean.shape == (6, 2)
    code, out, _ = done(["evaluate", folder, "--write"], capsys)
    assert code == 0 and "| data set | pets | test, 6 |" in (folder / "MODEL_CARD.md").read_text()
    assert "| data set | pets | test, 6 |" in out


def test_write_refuses_other_data_than_the_models(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = model_of(run, tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = own_zip(tmp_path / "other" / "pets.zip", n=30, seed=1)
    code, _, err = done(["evaluate", folder, "--data", other, "--write"], capsys)
    assert code == 2 and "--write keeps figures of the data that the model was trained on, pets" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    code, out, _ = done(["evaluate", folder, "--data", other], capsys)  # measured, but not kept
    assert code == 0 and "| data set | pets | test, 3 |" in out


def test_reconstruct_and_heatmap_take_the_models_own_picture(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = own_dataset(run.path, run.config()["dataset"], tuple(run.config()["model"]["image_shape"]))
    picture = tmp_path / "out.png"
    code, out, _ = done(["reconstruct", run.path, "--index", "2", "--output", picture], capsys)
    assert code == 0 and "pets test 2  " in out
    height, width, _ = own.image_shape
    with Image.open(picture) as image:
        first = np.asarray(image.convert("RGB"))[::4, ::4][:height, :width]
    assert np.array_equal(first, np.broadcast_to(own.pixels("test")[2], first.shape))
    code, out, _ = done(["heatmap", run.path, "--output", picture], capsys)
    assert code == 0 and "pets test 0, encoder/" in out


def test_the_projector_gets_the_models_own_pictures(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = done(["export", run.path, "--format", "projector", "--output", tmp_path / "out"], capsys)
    rows = list(csv.reader((tmp_path / "out" / "metadata.tsv").read_text().splitlines(), delimiter="\t"))
    assert code == 0 and len(rows) == 7 and {row[1] for row in rows[1:]} <= set(CLASSES)


def test_a_model_of_drawn_clothes_is_measured_on_drawn_clothes(
    fashion_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = save_run(tmp_path / "runs" / "drawn", loading.load("drawn"), "drawn")
    monkeypatch.setenv("FASHION_MNIST_DIR", str(fashion_dir))
    code, out, _ = done(["evaluate", run.path, "-n", "5"], capsys)
    assert code == 0 and "| data set | drawn clothes | test, 5 |" in out
    code, out, _ = done(["keep", run.path, tmp_path / "checkpoints" / "drawn"], capsys)
    assert code == 0 and "| data set | drawn clothes | test, 12 |" in out


# --- data that are not there --------------------------------------------------------------------------------------


def test_data_that_have_gone_are_refused_with_the_way_out(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model_of(run, tmp_path)
    moved = tmp_path / "moved.zip"
    Path(run.request()["data"]).rename(moved)
    output = tmp_path / "out"
    capsys.readouterr()
    for words in (
        ["evaluate", run.path],
        ["evaluate", folder],
        ["reconstruct", folder, "--output", f"{output}.png"],
        ["heatmap", folder, "--output", f"{output}.png"],
        ["export", folder, "--format", "projector", "--output", output],
        ["keep", run.path, output],
    ):
        code, out, err = done(words, capsys)
        assert code == 2 and "pets, which is no longer at" in err and "--data" in err and "|" not in out, words
        assert not output.exists(), words
    code, out, _ = done(
        ["evaluate", folder, "--write", "--data", moved], capsys
    )  # the name may change, the pictures not
    assert code == 0 and "| data set | moved | test, 6 |" in out


def test_data_that_have_changed_are_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    own_zip(Path(run.request()["data"]), seed=9)
    code, _, err = done(["evaluate", run.path], capsys)
    assert code == 2 and "was trained on other pictures of pets than those of" in err and "--data" in err


def test_where_data_lie_may_not_be_noted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    (run.path / "request.json").unlink()
    code, _, err = done(["evaluate", run.path], capsys)
    assert code == 2 and "where these pictures lie is not noted. Name them with --data." in err


def test_pictures_of_another_shape_are_refused_in_a_users_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = own_run(tmp_path / "runs" / "mine", own_zip(tmp_path / "pets.zip", 64, True), (64, 64, 3))
    code, _, err = done(["evaluate", run.path, "--data", "drawn"], capsys)
    assert code == 2 and "28 × 28 × 1, the model is for 64 × 64 × 3. Leave out --data" in err and "None]" not in err


# --- where the place is kept --------------------------------------------------------------------------------------


def test_runs_models_and_uploads_may_move_together(run: Run, tmp_path: Path) -> None:
    described, shape = run.config()["dataset"], tuple(run.config()["model"]["image_shape"])
    model_of(run, tmp_path)
    (tmp_path / "elsewhere").mkdir()
    for name in ("runs", "checkpoints"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    for folder in ("runs/mine", "checkpoints/kept"):
        assert own_dataset(tmp_path / "elsewhere" / folder, described, shape).checksum == described["checksum"]


def test_a_zip_of_a_model_names_no_path_and_finds_its_pictures_here(run: Run, tmp_path: Path) -> None:
    folder = model_of(run, tmp_path)
    for path in (folder, run.path):
        with zipfile.ZipFile(io.BytesIO(bundle.pack_model(path))) as archive:
            assert not {"data.json", "request.json"} & {Path(name).name for name in archive.namelist()}
            texts = [archive.read(name) for name in archive.namelist() if name.endswith((".json", ".md"))]
        assert not any(str(tmp_path).encode() in text for text in texts)
    taken = import_model(bundle.pack_model(folder), tmp_path / "checkpoints")
    found = store.load(taken)
    assert own_dataset(taken, found.dataset, found.model.image_shape).checksum == found.dataset["checksum"]
    shutil.rmtree(run.path)
    shutil.rmtree(folder)
    with pytest.raises(DataMissing, match="is not noted"):
        own_dataset(taken, found.dataset, found.model.image_shape)


def test_a_strangers_note_is_not_taken_over(run: Run, tmp_path: Path) -> None:
    folder = model_of(run, tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"kept/{path.name}")
    taken = import_model(buffer.getvalue(), tmp_path / "checkpoints")
    assert (folder / "data.json").exists() and not (taken / "data.json").exists()


# --- names and claims ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Fashion-MNIST", "fashion_mnist-v2", "drawn clothes"])
def test_pictures_called_like_a_built_in_set_are_told_apart(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = own_run(tmp_path / "runs" / "mine", own_zip(tmp_path / f"{name}.zip"))
    assert run.config()["dataset"]["name"] == f"{name} (own pictures)"
    assert not is_clothes(run.config()["dataset"])
    code, out, _ = done(["evaluate", run.path], capsys)
    assert code == 0 and f"| data set | {name} (own pictures) |" in out
    card = model_card("mine", {**run.config(), "steps": 7, "seconds": 1.0}, 9, {})
    assert f"{name} (own pictures) (train 48" in card and "clothes" not in card.replace(name, "")


def test_a_card_claims_only_what_is_so() -> None:
    base = {
        "model": {"preset": "swift", "latent_dim": 2, "image_shape": [28, 28, 1], "likelihood": "bernoulli"},
        "training": {"epochs": 1},
        "versions": {},
        "steps": 1,
        "seconds": 1.0,
    }
    own = {
        "name": "pets",
        "source": "the user's own 60 pictures in 2 classes, from a zip; validation and test are a random tenth each",
        "checksum": "a" * 64,
        "sizes": {"train": 48, "validation": 6, "test": 6},
        "classes": ["cats|dogs", "![x](http://a/b.png)"],
    }
    card = model_card("m", {**base, "dataset": own}, 9, {})
    assert "clothes" not in card and "garment" not in card and "original training set" not in card
    assert "random tenth each" in card and r"cats\|dogs" in card and "![x]" not in card
    assert "as the nearest of these" in card and "Not measured yet" in card
    older = {**own, "name": "Fashion-MNIST"}  # of a program that took a zip's name as it was
    assert "clothes" not in model_card("m", {**base, "dataset": older}, 9, {})
    assert data_name(older) == "Fashion-MNIST (own pictures)"
    real = {**own, "name": "Fashion-MNIST", "checksum": fashion_mnist.CHECKSUM}
    assert "ten classes of\ncentred clothes on black" in model_card("m", {**base, "dataset": real}, 9, {})
    drawn = {**own, "name": "drawn clothes", "source": "garments drawn by rule"}
    card = model_card("m", {**base, "dataset": drawn}, 9, {})
    assert "drawn by rule" in card and "original training set" not in card


def test_a_note_keeps_the_way_from_the_model(tmp_path: Path) -> None:
    note = training_data.note_for(str(tmp_path / "runs" / "a.zip"), tmp_path / "checkpoints" / "m")
    assert note == {"data": str(tmp_path / "runs" / "a.zip"), "from_here": "../../runs/a.zip"}
    assert training_data.note_for("fashion", tmp_path) == {"data": "fashion"}
    assert json.loads(json.dumps(note)) == note
