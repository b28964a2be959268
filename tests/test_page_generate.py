"""The page Generate without a browser: each control, the clicked sample, ways, arithmetic, and models that lack something."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from app_testing import DRAWN, PAGES, problems, words
from own_models import own_run, own_zip
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.formatting import number
from pages.ui.generate import files
from pages.ui.generate.samples import CHOSEN, FITTED, SHEET
from pages.ui.generate.stops import STOPS
from vae_core.analysis import latent_points
from vae_core.analysis.generation import copies, density, sampling
from vae_core.analysis.generation.classifier import FOLDER, PART, WEIGHTS
from vae_core.checkpoints import store
from vae_core.checkpoints.publish import fit_density
from vae_core.config import ModelConfig
from vae_core.datasets import loading

PAGE = "pages/generate.py"
pytestmark = pytest.mark.usefixtures("only_drawn_clothes")
VIEWS = ("Samples", "Interpolate", "A − B + C", "Carry a style over", "How good are they?")
SHIPPED = Path(__file__).parents[1] / "checkpoints"


def drawn_model(path: Path, units: int = 2) -> Path:
    """A model of the drawn clothes on this machine, with their codes and the density fitted to them."""
    save_checkpoint(path, ModelConfig("classic", units))
    data = loading.load_local()
    config = json.loads((path / "config.json").read_bytes())
    config["dataset"] |= {"checksum": data.checksum, "classes": list(data.classes), "sizes": dict(data.sizes)}
    (path / "config.json").write_text(json.dumps(config))
    engine = store.load(path).engine()
    codes = latent_points.encode_dataset(engine, data, "test")
    np.savez(path / "latents.npz", z_mean=codes.z_mean, z_log_var=codes.z_log_var, labels=codes.labels)
    density.save(path, fit_density(engine, data))
    return path


def view(at: AppTest, name: str) -> AppTest:
    return at.segmented_control(key="generate_view").set_value(name).run()


def chosen_z(at: AppTest) -> Any:
    return at.session_state["selection"].z


def test_a_visitor_sees_a_sheet_and_a_sample(show: Callable[..., AppTest], tmp_path: Path) -> None:
    assert PAGE in PAGES
    folder = drawn_model(tmp_path / "fashion-2d")
    at = show(tmp_path)
    text = words(at)
    assert "256 garments that do not exist" in text and "Sample 1 of 256" in text and "Is it a copy?" in text
    pixels = loading.load("drawn").pixels("test")
    n = min(300, len(pixels) // 2)
    usual = float(np.median(copies.usual_pixel_distances(pixels[n:], pixels[:n])))
    assert f"A test image's own nearest neighbour is {number(usual)} away by pixels (median of {n})" in text
    at.session_state[SHEET] = {"chosen": "7"}
    at.run()
    assert "Sample 8 of 256" in words(at)
    z = sampling.draw_points(256, 2)[7]
    at.button(key="generate_use").click().run()
    np.testing.assert_allclose(chosen_z(at), z, rtol=1e-6)
    assert folder.name in words(at)


def test_the_controls_change_what_is_drawn(show: Callable[..., AppTest], tmp_path: Path) -> None:
    drawn_model(tmp_path / "fashion-2d")
    at = show(tmp_path)
    at.segmented_control(key="generate_count").set_value(16).run()
    assert "16 garments" in words(at)
    before = words(at)
    at.button(key="generate_draw").click().run()
    assert at.session_state["generate_seed"] == 1 and words(at) != before
    at.slider(key="generate_temperature").set_value(0.0).run()
    assert "z = (0.00, 0.00)" in words(at)
    at.slider(key="generate_temperature").set_value(1.0).run()
    at.segmented_control(key="generate_from").set_value(FITTED).run()
    assert "drawn from the fitted density, decoded" in words(at)
    names = at.selectbox(key="generate_class").options
    assert len(names) == 11
    at.selectbox(key="generate_class").set_value(names[3]).run()
    assert f"the fitted density of {names[3]}" in words(at) and "% of them that" in words(at)
    at.number_input(key="generate_seed").set_value(None).run()
    assert not problems(at)


def test_training_images_are_looked_through_when_asked(show: Callable[..., AppTest], tmp_path: Path) -> None:
    drawn_model(tmp_path / "fashion-2d")
    at = show(tmp_path)
    assert "training images the nearest" not in words(at)
    at.button(key="generate_look_button").click().run()
    assert f"Among {DRAWN['train']} training images the nearest is" in words(at)


def test_a_way_is_made_of_stops(show: Callable[..., AppTest], tmp_path: Path) -> None:
    drawn_model(tmp_path / "fashion-2d")
    at = view(show(tmp_path), VIEWS[1])
    assert "Test image 0" in words(at) and " → " in words(at)
    at.button(key="generate_add_add_circle").click().run()
    assert "The clicked sample" in words(at)
    at.button(key="generate_add_shuffle").click().run()
    at.button(key="generate_add_add_photo_alternate").click().run()
    assert len(at.session_state[STOPS][1]) == 5
    at.session_state["generate_stop_row"] = {"chosen": "2"}
    at.run()
    assert len(at.session_state[STOPS][1]) == 4
    at.session_state["generate_stop_row"] = {}
    at.slider(key="generate_frames").set_value(8).run()
    for _ in range(4):
        at.button(key="generate_add_shuffle").click().run()
    assert at.button(key="generate_add_shuffle").disabled
    at.button(key="generate_reset").click().run()
    assert STOPS not in at.session_state and not problems(at)


def test_arithmetic_and_carry_over(show: Callable[..., AppTest], tmp_path: Path) -> None:
    drawn_model(tmp_path / "fashion-2d")
    at = view(show(tmp_path), VIEWS[2])
    assert [at.selectbox(key=f"generate_{letter}").value for letter in "ABC"] == [
        "Mean of Pullover",
        "Mean of T-shirt/top",
        "Mean of Dress",
    ]
    assert "strength 1.00" in words(at)
    at.session_state["generate_sum"] = {"position": 0.5}
    at.run()
    assert "strength 0.50" in words(at)
    at.session_state["generate_sum"] = {"position": "far"}
    at.selectbox(key="generate_A").set_value("Stop 2 of the way").run()
    assert not problems(at)
    at.selectbox(key="generate_A").set_value("The clicked sample").run()
    at.selectbox(key="generate_B").set_value("The chosen picture").run()
    assert not problems(at)
    at = view(at, VIEWS[3])
    assert "moved by the same step" in words(at)
    at.selectbox(key="generate_onto").set_value("Bag").run()
    assert not problems(at)


def test_the_shipped_figures_stand_beside_their_baselines(show: Callable[..., AppTest]) -> None:
    at = view(show(SHIPPED, model="fashion-16d"), VIEWS[4])
    text = words(at)
    for row in ("This model, N(0, I)", "This model, fitted density", "the floor", "PCA-16", "Bernoulli mixture"):
        assert row in text
    assert "no FID" in text


def test_a_model_without_density_says_how_to_get_one(show: Callable[..., AppTest], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "plain", ModelConfig("classic", 2))
    at = show(tmp_path)
    assert "generate plain --prior density" in words(at)
    assert not at.get("segmented_control")[-1].options or all(
        control.key != "generate_from" for control in at.segmented_control
    )
    assert "have not been measured" in words(view(at, VIEWS[4]))


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig("classic", 1),
        ModelConfig("classic", 3, (64, 64, 3)),
        ModelConfig("classic", 2, likelihood="gaussian"),
        ModelConfig("swift", 16),
    ],
    ids=["one unit", "64 colour", "gaussian", "16 units"],
)
@pytest.mark.parametrize("codes", [200, 1, 0])
def test_every_view_of_an_odd_model(
    model: ModelConfig, codes: int, show: Callable[..., AppTest], tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "odd", model, codes=codes)
    at = show(tmp_path)
    for name in VIEWS:
        at = view(at, name)
        assert not any("cannot show" in problem for problem in problems(at)), (name, problems(at))
    assert at.session_state["generate_view"] == VIEWS[-1]


@pytest.mark.parametrize(("n", "shape"), [(9, (28, 28, 1)), (60, (64, 64, 3))])
def test_every_view_of_own_pictures(
    n: int, shape: tuple[int, int, int], show: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    zipped = own_zip(tmp_path / "own.zip", side=shape[0], colour=shape[2] == 3, n=n)
    own_run(tmp_path / "runs" / "mine", zipped, shape)
    at = show(tmp_path / "none", model="runs/mine")
    assert "Keep the run as a model" in words(at)
    at.button(key="generate_look_button").click().run()
    assert "training images the nearest" in words(at) or "no test images" in words(at)
    for name in VIEWS:
        at = view(at, name)
        assert not any("cannot show" in problem for problem in problems(at)), (name, problems(at))
    zipped.unlink()
    st.cache_resource.clear()
    st.cache_data.clear()
    at = show(tmp_path / "none", model="runs/mine")
    at.session_state["generate_look"] = True
    assert "training images are not on this machine" in words(at.run())
    for name in VIEWS:
        at = view(at, name)
        assert not any("cannot show" in problem for problem in problems(at)), (name, problems(at))


def test_a_click_on_a_sample_that_is_gone_shows_one_that_is_there(show: Callable[..., AppTest], tmp_path: Path) -> None:
    drawn_model(tmp_path / "fashion-2d")
    at = show(tmp_path)
    at.session_state[SHEET] = {"chosen": "250"}
    at.run()
    at.session_state[SHEET] = {}
    at.segmented_control(key="generate_count").set_value(1).run()
    assert at.session_state[CHOSEN] == 250 and "Sample 1 of 1" in words(at)


def test_files() -> None:
    images = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    assert files.walk_gif(images)[:6] == b"GIF89a"
    for data in (files.picture_png(images[0]), files.sheet_png(images, 2)):
        assert data[:4] == b"\x89PNG"


def test_the_classifier_is_as_good_and_as_small_as_its_card_says() -> None:
    figures = json.loads((FOLDER / "figures.json").read_text())
    assert figures["accuracy"]["value"] >= 0.90 and figures["accuracy"]["split"] == "test"
    assert (FOLDER / WEIGHTS).stat().st_size <= 300_000
    assert f"{figures['accuracy']['value']:.4f}" in (FOLDER / "CARD.md").read_text()
    assert PART.heads[0].size == 10
