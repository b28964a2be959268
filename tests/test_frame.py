"""What all pages share: the URL, the picker, the linked choice, the data line; and what happens where something is missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from app_testing import DRAWN, MAIN, NO_MODEL, PAGES, ROOT, go, problems, read, visit, words
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.app.state import SHORT, Selection
from pages.ui.formatting import markdown_text
from vae_core.checkpoints import store
from vae_core.checkpoints.registry import PARTS
from vae_core.config import ModelConfig
from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.dataset import Dataset
from vae_core.runs.directory import Run
from vae_core.storage.errors import DataError

OTHERS = [page for page in PAGES if page != MAIN]
ABOUT_MODELS = [page for page in PAGES if page != "pages/train.py"]  # which shows runs


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No real data on this machine, few drawn clothes, and no cache of an earlier test."""
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`fashion-2d` and `sixteen`. Read only."""
    folder = tmp_path_factory.mktemp("two")
    save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    save_checkpoint(folder / "sixteen", ModelConfig("classic", 16), seed=1)
    return folder


@pytest.fixture
def two(two_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app shows the two models."""
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(two_models))
    return two_models


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models that a test may spoil; empty at first."""
    path = tmp_path / "models"
    path.mkdir()
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(path))
    return path


def chosen(at: AppTest) -> Selection:
    """What every page shows."""
    return at.session_state["selection"] if "selection" in at.session_state else Selection(index=0)


def picked(at: AppTest) -> str:
    return at.selectbox(key="model_picker").value


# --- the URL --------------------------------------------------------------------------------------------------------


def test_a_link_is_taken_up(two: Path) -> None:
    at = visit(model="sixteen", image="7")
    assert problems(at) == [] and picked(at) == "sixteen" and chosen(at) == Selection(index=7)
    assert "Model **sixteen**" in words(at) and "test image 7 (" in words(at)


def test_a_link_to_a_point(two: Path) -> None:
    at = visit(latent="0.5,-1.25")
    assert problems(at) == [] and chosen(at) == Selection(z=(0.5, -1.25))
    assert "z = (0.50, −1.25)" in words(at)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ({"model": "no-such-model"}, "a model named “no-such-model”, which is not here"),
        ({"model": "../../etc"}, "a model named “../../etc”, which is not here"),
        ({"model": ""}, "a model named “”, which is not here"),
        ({"model": "[x](http://x.example)<b>" + 90 * "y"}, "“[x](http://x.example)<b>yyyy"),
        ({"model": "a\u2028# Session expired"}, "a model named “a # Session expired”, which is not here"),
        ({"latent": "abc"}, "the point latent=abc; that should be numbers"),
        ({"latent": "1e9"}, "the point latent=1e9; that should be numbers"),
        ({"latent": "nan,nan"}, "the point latent=nan,nan; that should be numbers"),
        ({"latent": "0,inf"}, "the point latent=0,inf; that should be numbers"),
        ({"latent": ""}, "the point latent=; that should be numbers"),
        ({"latent": ",".join(300 * ["0"])}, "that should be numbers"),
        ({"image": "-1"}, "image=-1; that should be the number of a test image"),
        ({"image": "3.5"}, "image=3.5; that should be the number of a test image"),
        ({"image": "9" * 40}, "that should be the number of a test image"),
        ({"image": "\u0663"}, "that should be the number of a test image"),
        ({"image": "99999999"}, "image=99999999; that should be the number of a test image, 0 to 59. It is ignored."),
        ({"image": "12345"}, "image=12345; that should be the number of a test image, 0 to 59. It is ignored."),
        ({"latent": "0.1,0.2,0.3"}, "The chosen point has 3 numbers, fashion-2d has 2 latent units"),
        ({"latent": "0.1"}, "The chosen point has 1 numbers, fashion-2d has 2 latent units"),
    ],
)
def test_a_link_that_cannot_be_followed_gets_one_sentence(two: Path, url: dict[str, str], sentence: str) -> None:
    """And the session lives: the next link is taken up."""
    at = visit(**url)
    assert [sentence in problem for problem in problems(at)] == [True]
    assert picked(at) == "fashion-2d" and at.title
    at.query_params = {"image": "3"}
    assert problems(at.run()) == [] and "test image 3 (" in words(at)


@pytest.mark.parametrize("page", OTHERS)
def test_every_page_takes_links(two: Path, page: str) -> None:
    at = visit(page)
    for url, wrong in (({"model": "x"}, 1), ({"latent": "abc"}, 1), ({"image": "-1"}, 1), ({"latent": "1,2"}, 0)):
        at.query_params = dict(url)
        assert len(problems(at.run())) == wrong, url
    assert chosen(at) == Selection(z=(1.0, 2.0)) and picked(at) == "fashion-2d"


def test_both_a_point_and_an_image(two: Path) -> None:
    """A point is the more exact wish; the URL says afterwards what is shown."""
    at = visit(latent="1,2", image="5")
    assert problems(at) == [] and chosen(at) == Selection(z=(1.0, 2.0))
    assert at.query_params == {"model": "fashion-2d", "latent": "1,2"}


@pytest.mark.parametrize("url", [{"model": "gone"}, {"latent": "abc"}, {"image": "-1"}])
def test_a_bad_link_leaves_the_choice_alone(two: Path, url: dict[str, str]) -> None:
    at = visit(model="sixteen", image="7")
    at.query_params = dict(url)
    at.run()
    assert len(problems(at)) == 1
    assert picked(at) == "sixteen" and chosen(at) == Selection(index=7)
    assert at.query_params == {"model": "sixteen", "image": "7"}
    assert problems(at.run()) == []  # said once


@pytest.mark.parametrize("text", ["`*x*`", "a\n# b", "![a](//b)", ":material/home:", "z" * 1000])
def test_what_came_is_shown_without_its_powers(two: Path, text: str) -> None:
    at = visit(model=text)
    (warning,) = at.warning
    assert f"“{markdown_text(text, SHORT)}”" in warning.value and "\n" not in warning.value


# --- what holds across pages ----------------------------------------------------------------------------------------


def test_the_picker_holds_across_pages_and_in_the_url(two: Path) -> None:
    at = visit()
    assert picked(at) == "fashion-2d"
    at.selectbox(key="model_picker").set_value("sixteen").run()
    for page in (*OTHERS, MAIN):
        go(at, page)
        assert problems(at) == [] and picked(at) == "sixteen", page
        assert at.query_params["model"] == "sixteen", page
        assert page in NO_MODEL or "Model **sixteen**" in words(at), page


KINDS = (
    "selectbox",
    "number_input",
    "text_input",
    "segmented_control",
    "slider",
    "select_slider",
    "toggle",
    "checkbox",
    "multiselect",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_widget_is_told_once_what_it_shows(two: Path, page: str) -> None:
    """Told on every run, it would take back what its visitor picks while the page is running."""

    def told(at: AppTest) -> list[str]:
        assert not at.exception
        return [widget.label for kind in KINDS for widget in getattr(at, kind) if widget.proto.set_value]

    at = visit(page, model="sixteen", image="7")
    assert "Model" in told(at)  # the browser does not know it yet
    assert told(at.run()) == []
    at.selectbox(key="model_picker").select("fashion-2d").run()
    assert "Model" not in told(at) and picked(at) == at.session_state["model_id"] == "fashion-2d"
    assert "Model" in told(go(at, OTHERS[0] if page == MAIN else MAIN))  # there it is another widget


def test_a_request_from_before_the_choice_does_not_undo_it(two: Path) -> None:
    """A page that looks at a run each second is asked with the address of before, until the browser has heard of the choice."""
    at = visit("pages/train.py", model="sixteen", image="7")
    before = dict(at.query_params)
    at.selectbox(key="model_picker").select("fashion-2d").run()
    at.query_params = before
    at.run()
    assert picked(at) == "fashion-2d" and at.query_params == before  # nor is it written again
    at.query_params = before | {"image": "9"}  # nobody has written that here: a link
    at.run()
    assert picked(at) == "fashion-2d" and chosen(at) == Selection(index=9)


@pytest.mark.parametrize("url", [{"image": "7"}, {"latent": "0.5,-1"}])
def test_the_choice_holds_across_pages(two: Path, url: dict[str, str]) -> None:
    at = visit(**url)
    first = chosen(at)
    assert first in (Selection(index=7), Selection(z=(0.5, -1.0)))
    for page in OTHERS:
        go(at, page)
        assert problems(at) == [] and chosen(at) == first, page
        assert {name: at.query_params[name] for name in url} == url, page


def test_another_model_shows_the_same_picture(two: Path) -> None:
    at = visit(image="7")
    at.selectbox(key="model_picker").set_value("sixteen").run()
    assert "test image 7 (" in words(at) and "Model **sixteen**" in words(at)


def test_two_visitors_are_independent(two: Path) -> None:
    one, other = visit(image="7"), visit(model="sixteen")
    one.run()
    assert chosen(one) == Selection(index=7) and picked(one) == "fashion-2d"
    assert chosen(other) == Selection(index=0) and picked(other) == "sixteen"


# --- the pictures of this machine -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_without_the_real_data_the_clothes_are_drawn(two: Path, page: str) -> None:
    at = visit(page)
    assert "Drawn clothes: Fashion-MNIST is not on this machine" in words(at)
    assert at.button(key="fetch").label == "Fetch Fashion-MNIST (31 MB)"


@pytest.mark.parametrize("page", PAGES)
def test_fetching_offline_fails_plainly(two: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(fashion_mnist, "BASE_URL", "http://127.0.0.1:9/")  # nobody answers
    at = visit(page, image="7")
    at.button(key="fetch").click().run()
    assert not at.exception
    (error,) = [read(element.value) for element in at.error]
    assert error.startswith("Fashion-MNIST could not be downloaded from http://127.0.0.1:9/")
    assert "set FASHION_MNIST_DIR" in error
    assert chosen(at) == Selection(index=7) and not at.exception
    assert problems(at.run()) == []


def test_fetching_brings_the_real_pictures(two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The button's own work: progress while it lasts, and afterwards the page shows what has come."""
    real = Dataset(
        "Fashion-MNIST",
        "made by a test",
        fashion_mnist.CHECKSUM,
        fashion_mnist.CLASSES,
        (28, 28, 1),
        {"train": 0, "validation": 0, "test": 30},
        lambda split: {"test": (np.full((30, 28, 28, 1), 9, np.uint8), np.full(30, 8, np.uint8))},
    )
    told: list[tuple[int, int]] = []

    def fetch(progress: Any) -> Path:
        for done in (0, 15_000_000, 31_000_000):
            progress(done, 31_000_000)
            told.append((done, 31_000_000))
        monkeypatch.setattr(fashion_mnist, "find_fashion", lambda: tmp_path)
        monkeypatch.setattr(loading, "load_local", lambda: real)
        return tmp_path

    monkeypatch.setattr(fashion_mnist, "fetch_fashion", fetch)
    at = visit(image="7")
    at.button(key="fetch").click().run()
    assert len(told) == 3 and problems(at) == []
    assert ":material/database: Fashion-MNIST test, 30 images" in words(at)
    assert "test image 7 (Bag)" in words(at)
    assert [button.key for button in at.button if button.key == "fetch"] == []


def test_a_download_that_breaks_off_says_so(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(progress: Any) -> Path:
        progress(10, 100)
        raise DataError("It broke off. Try again.")

    monkeypatch.setattr(fashion_mnist, "fetch_fashion", fetch)
    at = visit()
    at.button(key="fetch").click().run()
    assert [element.value for element in at.error] == ["It broke off. Try again."]


@pytest.mark.real_data
def test_the_real_data_are_named(two: Path, fashion_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fashion_mnist.VARIABLE, str(fashion_dir))
    at = visit(image="9999")
    assert problems(at) == []
    assert ":material/database: Fashion-MNIST test, 10,000 images" in words(at)
    assert "test image 9999 (Sandal)" in words(at)


# --- models that are missing or damaged -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", ABOUT_MODELS)
def test_without_any_model_every_page_says_what_to_do(folder: Path, page: str) -> None:
    at = visit(page)
    assert "There is no model to show yet. Train one" in words(at)
    assert at.code[0].value.startswith("python -m vae_core train")
    assert [box.key for box in at.selectbox] == []


@pytest.mark.parametrize("page", ABOUT_MODELS)
def test_a_damaged_default_model_is_named_and_the_others_stay(folder: Path, page: str) -> None:
    save_checkpoint(folder / "sixteen", ModelConfig("classic", 16))
    bad = save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    (bad / "model.safetensors").write_bytes(b"torn")
    at = visit(page)
    (problem,) = problems(at)
    assert re.search("fashion-2d (is damaged|cannot be opened)", problem)
    assert "model.safetensors" in problem
    at.selectbox(key="model_picker").set_value("sixteen").run()
    assert page in NO_MODEL or problems(at) == []
    assert page in NO_MODEL or "Model **sixteen**" in words(at)


@pytest.mark.parametrize("part", PARTS)
def test_a_model_half_deleted_while_it_is_shown(folder: Path, part: str) -> None:
    model = save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    save_checkpoint(folder / "sixteen", ModelConfig("classic", 16))
    at = visit(image="7")
    assert problems(at) == []
    (model / part).unlink()
    _touch(model)
    at.run()  # on the page that shows it, and on the others
    for page in (None, *ABOUT_MODELS[1:]):
        if page:
            go(at, page)
        (problem,) = problems(at)
        assert f"{part} is missing" in problem.replace("\\", ""), page
        assert chosen(at) == Selection(index=7)
    shutil.rmtree(model)
    save_checkpoint(model, ModelConfig("classic", 2))
    assert problems(at.run()) == []  # it is back


@pytest.mark.parametrize("part", ["metrics.json", "history.csv", "MODEL_CARD.md"])
def test_what_a_model_can_do_without(folder: Path, part: str) -> None:
    shutil.copytree(ROOT / "checkpoints" / "classic-2d", folder / "fashion-2d")
    (folder / "fashion-2d" / part).unlink()
    at = visit()
    for page in (MAIN, *OTHERS):
        assert problems(go(at, page)) == [], page


def test_a_model_that_vanishes_gives_way_to_another(folder: Path) -> None:
    save_checkpoint(folder / "sixteen", ModelConfig("classic", 16))
    save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    for page in PAGES:
        spare = save_checkpoint(folder / "spare", ModelConfig("classic", 2))
        at = visit(page, model="spare", image="7")
        shutil.rmtree(spare)
        assert ["spare is gone" in problem for problem in problems(at.run())] == [True], page
        assert picked(at) == "fashion-2d" and chosen(at) == Selection(index=7), page
        assert problems(at.run()) == [], page


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", lambda config: config.update(format_version=99)),
        ("config.json", lambda config: config.pop("dataset")),
        ("config.json", lambda config: config.update(dataset={})),
        ("config.json", lambda config: config.update(dataset="Fashion-MNIST")),
        ("config.json", lambda config: config["model"].update(latent_dim=3)),
        ("config.json", lambda config: config.update(model=None)),
        ("network.json", lambda network: network.update(encoder={})),
    ],
)
def test_a_model_that_contradicts_itself(folder: Path, file: str, change: Any) -> None:
    """LoadedModel or refused with a sentence, but never a traceback."""
    model = save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    values = json.loads((model / file).read_bytes())
    change(values)
    (model / file).write_text(json.dumps(values))
    at = visit()
    for page in (MAIN, *OTHERS):
        assert len(problems(go(at, page))) <= 1, page


@pytest.mark.parametrize(
    "model",
    [ModelConfig("classic", 1), ModelConfig("classic", 2, (64, 64, 3)), ModelConfig("swift", 16)],
    ids=["one unit", "another shape", "sixteen units"],
)
def test_every_page_takes_every_model(folder: Path, model: ModelConfig) -> None:
    save_checkpoint(folder / "mine", model, codes=70)
    expected = ("numbers, mine has", "A map needs two latent units")
    for url in ({"image": "7"}, {"latent": "0.5"}, {"latent": "0.5,1"}):
        at = visit(**url)
        for page in (MAIN, *OTHERS):
            assert _beyond(problems(go(at, page)), *expected) == [], (page, url)
            assert page in NO_MODEL or "Model **mine**" in words(at)


def test_a_run_is_shown_from_its_first_snapshot(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, run = store.load(tiny_checkpoint), Run(tmp_path / "runs" / "first")
    config = {"model": kept.model.to_dict(), "training": kept.training.to_dict(), "dataset": dict(kept.dataset)}
    run.create(config, kept.network)
    codes = {"z_mean": np.zeros((40, 2), np.float32), "z_log_var": np.zeros((40, 2), np.float32)}
    run.save_snapshot(7, kept.weights, {**codes, "labels": np.zeros(40, np.uint8)})
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tiny_checkpoint.parent))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    at = visit(model="runs/first")
    for page in (MAIN, *OTHERS):
        go(at, page)
        assert picked(at) == "runs/first" and problems(at) == [], page
        assert page in NO_MODEL or "step 7 (waiting)" in words(at)


def test_visiting_every_page_imports_no_tensorflow(two: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); from app_testing import *\n"
        "at = visit()\n"
        "for page in PAGES:\n    assert words(go(at, page))\n"
        "print(len(PAGES), sorted({'tensorflow', 'keras', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{len(PAGES)} []" and len(PAGES) >= 5


def _beyond(found: list[str], *expected: str) -> list[str]:
    """The sentences but those that are in their place."""
    return [problem for problem in found if not any(part in problem for part in expected)]


def _touch(folder: Path) -> None:
    """As any copying or deleting program does: the folder's other files are as old as they were, but one is new."""
    newest = max(path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file())
    for path in folder.iterdir():
        if path.is_file():
            os.utime(path, ns=(newest + 1_000_000_000, newest + 1_000_000_000))
