"""The page Reconstruction without a browser: every kind of picture and model, its controls, its files; and what it is drawn with."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from app_testing import DRAWN, chosen_picture, garment, go, pictures, problems, read, visit, words
from PIL import Image, ImageFont
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.app.cache import alike, open_model
from pages.ui.app.state import Selection
from pages.ui.app.subject import in_words
from pages.ui.components.wipe import wipe
from pages.ui.reconstruction import comparison
from pages.ui.reconstruction.comparison import COLUMNS, FIGURES, Rebuilt
from pages.ui.shared import png_sheet
from vae_core.analysis import image_quality, image_scores
from vae_core.analysis.image_scores import NAMES, Scores
from vae_core.checkpoints import store
from vae_core.checkpoints.codes import load_latents
from vae_core.checkpoints.registry import list_models
from vae_core.config import ModelConfig
from vae_core.datasets import loading

PAGE = "pages/reconstruction.py"
pytestmark = pytest.mark.usefixtures("only_drawn_clothes")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three models of one shape, one of them with a Gaussian likelihood, and one of another. Read only."""
    folder = tmp_path_factory.mktemp("models")
    save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    save_checkpoint(folder / "other", ModelConfig("classic", 3), seed=1)
    save_checkpoint(folder / "gaussian", ModelConfig("classic", 2, likelihood="gaussian"), seed=2)
    save_checkpoint(folder / "colour", ModelConfig("classic", 2, (64, 64, 3)))
    return folder


def chosen(at: AppTest) -> Selection:
    """What every page shows."""
    return at.session_state["selection"] if "selection" in at.session_state else Selection(index=0)


def title(at: AppTest) -> str:
    """Which picture the page is about."""
    assert not at.exception
    return chosen_picture(at)


def table(at: AppTest) -> dict[str, list[str]]:
    """The figures by name: a value per model, and how it is computed."""
    rows = at.table[0].value.to_numpy().tolist()
    return {name: [value.replace("\xa0", " ") for value in found] for name, *found in rows}


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """The drawn test clothes: float32 (n, 28, 28, 1), labels (n,)."""
    found = loading.load_local()
    return found.images("test"), found.labels("test")


def order(folder: Path, name: str) -> list[int]:
    """Numbers of the drawn test clothes, the best first."""
    engine = store.load(folder).engine()
    return image_scores.best_first(image_scores.score(engine, drawn()[0]), name).tolist()


# --- one picture ----------------------------------------------------------------------------------------------------


def test_cold(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models)
    shown = words(at)
    assert title(at).startswith("Test image 0 (")
    assert len(pictures(at)) == 4 and problems(at) == []
    assert "decoded from z_mean" in shown and "red is too bright, blue too dark" in shown
    engine, (images, _) = store.load(models / "fashion-2d").engine(), drawn()
    rebuilt = engine.reconstruct(images[:1])
    found = table(at)
    assert list(found) == ["MSE", "PSNR", "SSIM", "BCE", "KL", "−ELBO"]
    assert found["MSE"][0] == f"{image_quality.mse(images[:1], rebuilt)[0]:.4f}"
    assert found["SSIM"][0] == f"{image_quality.ssim(images[:1], rebuilt)[0]:.3f}"
    assert found["BCE"][1] == "binary cross-entropy summed over pixels, of one sample of z (seed 0)"
    rank = order(models / "fashion-2d", "mse").index(0)  # so many are better
    assert f"**MSE {found['MSE'][0]}: better than {100 * (59.5 - rank) / 60:.0f} % of" in shown
    assert "of drawn clothes test, 60 images** by fashion-2d" in shown
    assert "The split's images are reconstructed from z_mean, as is this picture." in shown


def test_without_a_model(show: Callable[..., AppTest], tmp_path: Path) -> None:
    assert "no model to show yet" in words(show(tmp_path))


def test_from_a_sample_and_from_another(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models)
    from_mean = table(at)
    at.segmented_control(key="rebuilt_way").set_value("From a sample of z").run()
    sampled = table(at)
    assert "decoded from a sample of z (seed 0)" in words(at)
    assert from_mean["MSE"][1].endswith("of the reconstruction from z_mean")
    assert sampled["MSE"][1].endswith("of this sample of z")
    assert [sampled[name][0] for name in ("KL", "−ELBO")] == [from_mean[name][0] for name in ("KL", "−ELBO")]
    assert "this picture from a sample of z (seed 0)" in words(at)
    at.button(key="resample").click().run()
    assert "decoded from a sample of z (seed 1)" in words(at)
    go(at, "pages/heatmaps.py")
    assert "decoded from a sample of z (seed 1)" in words(go(at, PAGE))  # it holds


def test_each_figure_has_its_distribution(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models)
    for name, (label, _, _) in FIGURES.items():
        at.segmented_control(key="standing_by").set_value(name).run()
        merit = "lower" if name == "kl_loss" else "better"
        assert f"**{label} {table(at)[label][0]}: {merit} than " in words(at)
        assert len(at.get("plotly_chart")) == 1


def test_an_upload(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models)
    at.file_uploader[0].set_value(("shirt.png", garment(), "image/png")).run()
    assert title(at) == "Your picture: shirt.png" and "inverted" not in words(at)
    assert "1. **opened**: 60 × 90 pixels" in words(at)
    assert at.number_input(key="choose_index").value is None
    at.button(key="choose_next").click().run()
    assert title(at).startswith("Test image 0 (")  # newer than the file that still lies there
    at.file_uploader[0].set_value(("notes.png", b"these are words", "image/png")).run()
    (problem,) = problems(at)
    assert problem.startswith("notes.png was not taken: ") and "What is shown is still test image 0 (" in problem
    assert title(at).startswith("Test image 0 (")
    at.button(key="choose_next").click().run()
    assert problems(at) == []  # it was said of another choice


def test_a_decoded_point(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models, latent="0.5,-1.25")
    assert title(at) == "Decoded from z = (0.50, −1.25)"
    assert "This picture is itself decoded from z" in words(at)


def test_the_choice_goes_along(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models)
    at.button(key="rank_Worst").click().run()
    worst = chosen(at).index
    assert chosen_picture(go(at, "pages/heatmaps.py")).startswith(f"Test image {worst} (")
    assert at.query_params["image"] == str(worst)


# --- choosing -------------------------------------------------------------------------------------------------------


def test_by_number(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models, image="7")
    assert at.number_input(key="choose_index").value == 7 and title(at).startswith("Test image 7 (")
    at.number_input(key="choose_index").set_value(12).run()
    assert title(at).startswith("Test image 12 (") and at.query_params["image"] == "12"


def test_by_class(show: Callable[..., AppTest], models: Path) -> None:
    labels, classes = drawn()[1], loading.load_local().classes
    at = show(models)
    wanted = int(labels[-1])
    at.selectbox(key="choose_class").set_value(classes[wanted]).run()
    members = np.flatnonzero(labels == wanted).tolist()
    assert chosen(at).index == members[0]
    seen = []
    for _ in members:
        at.button(key="choose_next").click().run()
        seen.append(chosen(at).index)
    assert seen == [*members[1:], members[0]]  # round the end
    at.button(key="choose_previous").click().run()
    assert chosen(at).index == members[-1]
    for _ in range(5):
        at.button(key="choose_random").click().run()
        assert chosen(at).index in members


@pytest.mark.parametrize("name", ["mse", "ssim", "reconstruction_loss", "negative_elbo"])
def test_best_and_worst(show: Callable[..., AppTest], models: Path, name: str) -> None:
    ranked, at = order(models / "fashion-2d", name), show(models)
    at.selectbox(key="rank_by").set_value(name).run()
    for button, place in (
        ("Best", 0),
        ("One better", 0),
        ("One worse", 1),
        ("Worst", -1),
        ("One worse", -1),
        ("One better", -2),
    ):
        at.button(key=f"rank_{button}").click().run()
        assert (button, chosen(at).index) == (button, ranked[place])


def test_best_of_a_class(show: Callable[..., AppTest], models: Path) -> None:
    labels, classes = drawn()[1], loading.load_local().classes
    ranked = [i for i in order(models / "fashion-2d", "mse") if labels[i] == labels[5]]
    at = show(models)
    at.selectbox(key="choose_class").set_value(classes[int(labels[5])]).run()
    at.button(key="rank_Best").click().run()
    assert chosen(at).index == ranked[0]
    at.button(key="rank_Worst").click().run()
    assert chosen(at).index == ranked[-1]


def test_any_class_takes_the_choice_of_a_class_back(show: Callable[..., AppTest], models: Path) -> None:
    labels, classes = drawn()[1], loading.load_local().classes
    ranked = order(models / "fashion-2d", "mse")
    other = next(name for i, name in enumerate(classes) if i in labels and i != labels[ranked[0]])
    at = show(models, image="50")
    assert at.selectbox(key="choose_class").options == ["Any class", *classes]
    assert at.selectbox(key="choose_class").value == "Any class"
    at.selectbox(key="choose_class").set_value(other).run()
    at.button(key="rank_Best").click().run()
    index = chosen(at).index
    assert index is not None and labels[index] == classes.index(other)
    at.selectbox(key="choose_class").set_value("Any class").run()
    assert chosen(at).index == index  # the picture stays
    at.button(key="choose_next").click().run()
    assert chosen(at).index == (index + 1) % DRAWN["test"]
    at.button(key="rank_Best").click().run()
    assert chosen(at).index == ranked[0]


def test_scores_beside_the_model_are_taken(show: Callable[..., AppTest], tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "fashion-2d", ModelConfig("classic", 2))
    kept = np.ones(DRAWN["test"], np.float32)
    kept[[33, 44]] = 0, 2
    image_scores.save(folder, Scores(*[kept] * len(NAMES)), loading.load_local().checksum)
    at = show(tmp_path)
    at.button(key="rank_Best").click().run()
    assert chosen(at).index == 33
    at.button(key="rank_Worst").click().run()
    assert chosen(at).index == 44


# --- a strip --------------------------------------------------------------------------------------------------------


def strip_numbers(at: AppTest) -> list[int]:
    """Which test images the table below the strip tells of."""
    return [int(name.split()[2]) for name in at.dataframe[0].value["Picture"]]


def test_a_strip(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models, image="50")
    at.segmented_control(key="rebuilt_view").set_value("Sixteen pictures").run()
    assert strip_numbers(at) == [*range(50, 60), *range(6)]
    assert len(pictures(at)) == 2 * len(COLUMNS)
    assert "Of 16 images of drawn clothes test, 60 images, decoded from z_mean" in words(at)
    assert "BCE and −ELBO of one sample of z (seed 0)" in words(at)  # by the names of the table's columns
    ranked = order(models / "fashion-2d", "mse")
    for which, expected in (("Best", ranked[:16]), ("Worst", ranked[::-1][:16])):
        at.segmented_control(key="strip_of").set_value(which).run()
        assert strip_numbers(at) == expected
    at.segmented_control(key="strip_of").set_value("Random").run()
    first = strip_numbers(at)
    assert len(set(first)) == 16
    assert strip_numbers(at.run()) == first
    at.button(key="strip_again").click().run()
    assert strip_numbers(at) != first


def test_a_strip_of_a_small_class(show: Callable[..., AppTest], models: Path) -> None:
    labels, classes = drawn()[1], loading.load_local().classes
    rare = int(np.bincount(labels, minlength=10).argmin())
    members = np.flatnonzero(labels == rare).tolist()
    assert len(members) < 8
    at = show(models)
    at.selectbox(key="choose_class").set_value(classes[rare]).run()
    at.segmented_control(key="rebuilt_view").set_value("Sixteen pictures").run()
    assert strip_numbers(at) == members and len(pictures(at)) == len(COLUMNS)


# --- two models -----------------------------------------------------------------------------------------------------


def test_two_models_on_the_same_picture(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models, image="3")
    other = at.selectbox(key="rebuilt_other")
    assert other.options == ["None", "gaussian", "other"]  # none of another shape, nor itself
    other.set_value("other").run()
    assert len(pictures(at)) == 4 and len(at.get("plotly_chart")) == 2
    x = drawn()[0][3:4]
    assert table(at)["MSE"][:2] == [
        f"{image_quality.mse(x, store.load(models / name).engine().reconstruct(x))[0]:.4f}"
        for name in ("fashion-2d", "other")
    ]
    assert "different likelihoods" not in words(at)
    at.selectbox(key="wipe_pair").set_value(2).run()
    assert not at.exception
    at.segmented_control(key="rebuilt_view").set_value("Sixteen pictures").run()
    assert len(pictures(at)) == 2 * (2 * len(COLUMNS) - 1)  # the originals once
    assert "SSIM, other" in at.dataframe[0].value


def test_two_models_in_one_row_and_in_the_address(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models, image="3", beside="other")
    assert at.selectbox(key="rebuilt_other").value == "other"
    headings = [markdown.value for markdown in at.markdown if markdown.value.startswith("**")]
    place = headings.index("**Original**")
    assert [read(heading) for heading in headings[place : place + 4]] == [
        "**Original**",
        "**A: fashion-2d**",
        "**B: other**",
        "**|A − B|**",
    ]
    x = drawn()[0][3:4]
    first, second = (store.load(models / name).engine().reconstruct(x)[0] for name in ("fashion-2d", "other"))
    assert f"the two reconstructions are: {np.abs(first - second).max():.4f} at most" in words(at)
    at.selectbox(key="rebuilt_other").set_value("").run()
    assert "beside" not in at.query_params
    at.selectbox(key="rebuilt_other").set_value("gaussian").run()
    assert at.query_params["beside"] == "gaussian"
    (problem,) = problems(visit(beside="gone"))
    assert "a second model named “gone”, which is not here" in problem


def test_two_shipped_models_of_different_latent_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipped ones have verdicts, each about the picture's place in its own latent space."""
    monkeypatch.delenv("VAE_EXPLORER_CHECKPOINTS", raising=False)
    at = visit(PAGE, model="fashion-2d", image="3", beside="fashion-16d")
    assert not at.exception and len(pictures(at)) == 4


def test_the_other_becomes_the_first(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models)
    at.selectbox(key="rebuilt_other").set_value("other").run()
    at.selectbox(key="model_picker").set_value("other").run()
    assert not at.exception
    assert at.selectbox(key="rebuilt_other").options == ["None", "fashion-2d", "gaussian"]
    assert len(pictures(at)) == 4


def test_likelihoods_that_cannot_be_compared(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models)
    at.selectbox(key="rebuilt_other").set_value("gaussian").run()
    assert "different likelihoods" in words(at)
    assert "−log p(x|z)" in table(at) and "BCE" not in table(at)


def test_the_other_is_damaged(show: Callable[..., AppTest], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "fashion-2d", ModelConfig("classic", 2))
    broken = save_checkpoint(tmp_path / "broken", ModelConfig("classic", 2))
    (broken / "model.safetensors").write_bytes(b"torn")
    at = show(tmp_path)
    at.selectbox(key="rebuilt_other").set_value("broken").run()
    assert [problem.startswith("The model broken cannot be opened: ") for problem in problems(at)] == [True]
    assert len(pictures(at)) == 4  # the first is still shown


# --- other models ---------------------------------------------------------------------------------------------------


def test_pictures_of_another_shape(show: Callable[..., AppTest], models: Path) -> None:
    at = show(models, model="colour")
    codes = load_latents(models / "colour").z_mean
    assert title(at).startswith("Decoded from z = ") and len(pictures(at)) == 4
    assert not at.get("plotly_chart")  # no split to stand in
    assert [control.key for control in at.segmented_control] == ["rebuilt_way"]
    assert title(at) == f"Decoded from {in_words(codes[0])}"
    for _ in range(4):
        at.button(key="choose_next").click().run()
    assert chosen(at).z == tuple(codes[4].tolist())
    at.button(key="choose_previous").click().run()
    assert chosen(at).z == tuple(codes[3].tolist())
    at.button(key="choose_default").click().run()
    assert chosen(at) == Selection(index=0) and title(at) == f"Decoded from {in_words(codes[0])}"
    at.file_uploader[0].set_value(("shirt.png", garment(), "image/png")).run()
    assert title(at) == "Your picture: shirt.png"


def test_one_latent_unit(show: Callable[..., AppTest], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "line", ModelConfig("classic", 1))
    at = show(tmp_path)
    assert title(at).startswith("Test image 0 (") and problems(at) == []


def test_without_codes(show: Callable[..., AppTest], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "colour", ModelConfig("classic", 2, (64, 64, 3)), codes=0)
    assert title(show(tmp_path)) == "Decoded from z = (0.00, 0.00)"


# --- what it is drawn with ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rebuilt(models: Path) -> Rebuilt:
    images = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    return comparison.rebuild("fashion-2d", store.load(models / "fashion-2d").engine(), images, False, 0)


def test_a_sample_is_another_picture_of_the_same_posterior(models: Path) -> None:
    engine, images = store.load(models / "fashion-2d").engine(), drawn()[0][:4]
    mean, first, again, second = (
        comparison.rebuild("m", engine, images, *how) for how in ((False, 0), (True, 0), (True, 0), (True, 1))
    )
    np.testing.assert_array_equal(mean.reconstructions, engine.reconstruct(images))
    np.testing.assert_array_equal(first.reconstructions, again.reconstructions)
    assert np.abs(first.reconstructions - mean.reconstructions).max() > 1e-4
    assert np.abs(first.reconstructions - second.reconstructions).max() > 1e-4
    for one in (mean, first, second):
        np.testing.assert_allclose(one.scores.mse, image_quality.mse(images, one.reconstructions))
        np.testing.assert_array_equal(one.scores.kl_loss, mean.scores.kl_loss)
    np.testing.assert_array_equal(first.scores.negative_elbo, mean.scores.negative_elbo)  # of the same sample
    assert (first.scores.negative_elbo != second.scores.negative_elbo).all()


def test_parts(rebuilt: Rebuilt) -> None:
    found = comparison.parts(rebuilt, 1)
    assert list(found) == list(COLUMNS)
    np.testing.assert_array_equal(found["original"], rebuilt.images[1])
    too_bright = (rebuilt.reconstructions[1] - rebuilt.images[1])[..., 0] > 0.1
    red, _, blue = np.moveaxis(found["signed error"].astype(int), 2, 0)
    assert (red > blue)[too_bright].all()


def test_a_strip_keeps_its_scale(rebuilt: Rebuilt) -> None:
    full = comparison.strip(rebuilt, "original", 0, 3)
    assert full.shape == (84, 3 * 84 + 2 * 4, 3)
    short = comparison.strip(rebuilt, "original", 2, 3)
    assert short.shape == full.shape
    np.testing.assert_array_equal(short[:, :84], full[:, -84:])
    assert (short[:, 84:] == 128).all()


def values(*of: float) -> Scores:
    return Scores(*[np.array(of, np.float32)] * len(NAMES))


def test_standing() -> None:
    split = values(1, 2, 3, 4)
    assert comparison.standing(0, "mse", split) == 1 and comparison.standing(9, "mse", split) == 0
    assert comparison.standing(0, "ssim", split) == 0 and comparison.standing(2.5, "ssim", split) == 0.5
    assert comparison.standing(2, "mse", split) == 0.625  # itself counts half
    assert comparison.standing(np.inf, "psnr", values(1, np.inf)) == 0.75


def test_standing_in_words() -> None:
    split = values(*range(1000))

    def say(value: float, name: str = "mse", likelihood: str = "bernoulli") -> str:
        return comparison.standing_words(value, name, split, likelihood, "things, 1,000 images")

    assert say(300.5) == "MSE 300.5000: better than 70 % of things, 1,000 images"
    assert "better than 99.9 % of" in say(0)  # not than all: it is one of them
    assert "better than 100.0 % of" in say(-1)
    assert "better than 0.0 % of" in say(999)
    assert say(300.5, "kl_loss").startswith("KL 300.50 nats: lower than 70 % of")
    assert say(300.5, "reconstruction_loss", "gaussian").startswith("−log p(x|z) 300.5 nats: better")


def test_the_histogram_holds_every_image() -> None:
    split, other = values(1, 2, 2, np.inf), values(0.5, 3)
    limits = comparison.limits_of("psnr", [split, other], [7.0, np.inf])
    assert limits == (0.5, 7.0)
    figure = comparison.distribution(split, "psnr", 7.0, "a model", limits, "PSNR")
    assert sum(figure.data[0].y) == 3 and figure.layout.shapes[0].x0 == 7.0
    assert figure.layout.xaxis.title.text == "PSNR, dB: a model"
    assert not comparison.distribution(split, "psnr", np.inf, "a model", limits, "PSNR").layout.shapes


@pytest.mark.parametrize("of", [[1.0], [np.inf], []])
def test_the_histogram_of_next_to_nothing(of: list[float]) -> None:
    limits = comparison.limits_of("psnr", [values(*of)], [])
    assert np.isfinite(limits).all()
    assert len(comparison.distribution(values(*of), "psnr", 1.0, "a model", limits, "PSNR").data[0].x) == 60


def test_figures_in_words() -> None:
    assert comparison.figure_text("mse", 0.01394) == "0.0139" and comparison.figure_text("psnr", np.inf) == "∞ dB"
    assert comparison.figure_text("negative_elbo", -12.34) == "−12.3 nats"
    assert comparison.figure_text("mse", 2.04e-8) == "2.0e−08" and comparison.figure_text("mse", 0) == "0.0000"


def test_the_png_holds_every_picture(rebuilt: Rebuilt) -> None:
    one = Image.open(io.BytesIO(comparison.sheet([rebuilt], ["a"])))
    many = Image.open(io.BytesIO(comparison.sheet([rebuilt, rebuilt], ["a", "b", "c"])))
    assert one.format == many.format == "PNG"
    assert many.height > 6 * 112
    pixels = np.asarray(one)[..., 0].astype(int)
    times = 168 // 28
    wanted = np.round(255 * rebuilt.images[0, ..., 0]).astype(int)
    assert any(
        np.array_equal(pixels[top : top + 168 : times, 16 : 16 + 168 : times], wanted)
        for top in range(one.height - 168)
    )


def test_the_csv(rebuilt: Rebuilt) -> None:
    rows = list(csv.DictReader(io.StringIO(comparison.csv_text([rebuilt, rebuilt], ["a", "b, c", "d"]))))
    assert [row["picture"] for row in rows] == ["a", "a", "b, c", "b, c", "d", "d"]
    assert list(rows[0]) == ["picture", "model", *FIGURES, "method"]
    assert "reconstruction_loss and negative_elbo of one sample" in rows[0]["method"]  # by its columns' names
    assert float(rows[2]["mse"]) == pytest.approx(rebuilt.scores.mse[1], rel=1e-5)
    assert "one sample of z (seed 0)" in rows[0]["method"]


def test_pictures_to_wipe_between_have_one_shape() -> None:
    with pytest.raises(ValueError, match="must have one shape"):
        wipe(np.zeros((28, 28), np.uint8), np.zeros((28, 27), np.uint8), ("a", "b"), "wipe")


def test_models_alike_leave_out_what_cannot_be_read(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path))
    for name in ("first", "second", "torn"):
        save_checkpoint(tmp_path / name, ModelConfig("classic", 2))
    (tmp_path / "torn" / "config.json").write_text('{"model": 3}')
    first, *_ = list_models()
    assert [entry.id for entry in alike(open_model(first))] == ["second"]


def test_the_png_has_no_letter_that_its_font_lacks(rebuilt: Rebuilt, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    png = png_sheet.png

    def listen(title: str, columns: list[list[png_sheet.Item]]) -> bytes:
        written.extend([title, *(item for column in columns for item in column if isinstance(item, str))])
        return png(title, columns)

    monkeypatch.setattr(png_sheet, "png", listen)
    perfect = Scores(*[np.full(3, np.inf)] * len(NAMES))
    comparison.sheet([rebuilt, replace(rebuilt, scores=perfect)], ["a", "b", "c"])
    font = ImageFont.load_default(15)
    missing = bytes(font.getmask("\uffff"))
    assert [letter for letter in set("".join(written)) - {" "} if bytes(font.getmask(letter)) == missing] == []
    assert bytes(font.getmask("−")) == missing  # the minus of the page is one
