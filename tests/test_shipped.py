"""The models in checkpoints/: there, small enough, as good as they say, and measured on the test split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vae_core.analysis.evaluation import evaluate, knn_accuracy
from vae_core.analysis.generation import classifier, density
from vae_core.checkpoints import store
from vae_core.checkpoints.card import comparison_table, figures_table
from vae_core.checkpoints.codes import load_latents
from vae_core.checkpoints.thresholds import NAMES as THRESHOLDS
from vae_core.checkpoints.thresholds import read_thresholds
from vae_core.checkpoints.timeline import frame_steps, load_frame
from vae_core.datasets import loading
from vae_core.datasets.drawn import wardrobe

ROOT = Path(__file__).parent.parent
NAMES = ("classic-2d", "fashion-16d", "fashion-2d")
# What a shipped model must reach on the 10,000 test images at beta = 1.
AT_MOST = {"fashion-2d": {"negative_elbo": 254}, "fashion-16d": {"negative_elbo": 235, "mse": 0.0130}}
AT_LEAST = {
    "fashion-2d": {"knn_accuracy": 0.72},
    "fashion-16d": {"ssim": 0.66, "knn_accuracy": 0.835, "active_units": 10},
}


def folder(name: str) -> Path:
    return ROOT / "checkpoints" / name


def figures(name: str) -> dict[str, Any]:
    return dict(json.loads((folder(name) / "metrics.json").read_text()))


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_the_three_models_are_there_and_small() -> None:
    assert [path.name for path in store.list_checkpoints(ROOT / "checkpoints")] == list(NAMES)
    assert size(ROOT / "checkpoints") <= 20 * 2**20
    assert size(folder("fashion-2d") / "snapshots") <= 4 * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_says_split_n_and_method(name: str) -> None:
    for figure in figures(name).values():
        assert figure["split"] == "test"
        assert figure["n"] == 10_000
        assert figure["method"]


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_is_too_good_to_be_true(name: str) -> None:
    found = figures(name)
    assert found["negative_elbo"]["value"] >= 223  # below a PixelSNAIL decoder would be a bug
    assert found["reconstruction_loss"]["value"] >= 189.86
    assert found["floor"]["value"] == pytest.approx(189.86, abs=0.01)


@pytest.mark.parametrize("name", AT_MOST)
def test_the_shipped_figures_reach_the_bars(name: str) -> None:
    found = figures(name)
    for key, bar in AT_MOST[name].items():
        assert found[key]["value"] <= bar
    for key, bar in AT_LEAST[name].items():
        assert found[key]["value"] >= bar


@pytest.mark.parametrize("name", NAMES)
def test_the_card_shows_the_measured_figures(name: str) -> None:
    card = (folder(name) / "MODEL_CARD.md").read_text()
    assert figures_table(figures(name)) in card


def test_the_documents_show_what_the_models_command_prints() -> None:
    models = [store.load(folder(name)) for name in NAMES]
    table, _ = comparison_table(models).split("\n\n")  # how each was measured stands on the cards
    assert table in (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        (line,) = [line for line in readme.splitlines() if line.startswith(f"| `{name}` |")]
        assert line.endswith(f" | {figures(name)['negative_elbo']['value']:.2f} |")


@pytest.mark.parametrize("name", NAMES)
def test_thresholds_lie_beside_a_model(name: str) -> None:
    """Measured on validation; what docs/verdicts.md says of false alarms is what they say."""
    known = read_thresholds(folder(name))
    assert set(known) == set(THRESHOLDS) and {figure.split for figure in known.values()} == {"validation"}
    assert {figure.n for figure in known.values()} == {5_000}
    page = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {known['misfit_99_false_alarms'].value:.2%} |" in page


@pytest.mark.parametrize("name", NAMES)
def test_latents_and_history_belong_to_the_model(name: str) -> None:
    model = store.load(folder(name))
    latents = load_latents(folder(name))
    assert latents.z_mean.shape == (10_000, model.network.latent_dim)
    assert np.bincount(latents.labels).tolist() == [1000] * 10
    history = (folder(name) / "history.csv").read_text().splitlines()
    assert len(history) == 1 + model.training.epochs


def test_the_timeline_of_the_plane_decodes_at_every_frame() -> None:
    model = store.load(folder("fashion-2d"))
    steps = frame_steps(folder("fashion-2d"))
    assert len(steps) >= 5
    assert steps[-1] == model.step
    z = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    final = model.engine().decode(z)
    errors = [
        float(np.abs(load_frame(model.path, model.network, s).engine(model.network).decode(z) - final).mean())
        for s in steps
    ]
    assert errors[0] > 0.1  # it began as something else
    assert errors[-1] < 0.01  # and ended as the model, but for the eight bits


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_figures_come_out_again(name: str, fashion_dir: Path) -> None:
    """On the first 2,000 test images: codes equal the shipped ones, and the ELBO is near that of all."""
    model, data = store.load(folder(name)), loading.load("fashion")
    engine = model.engine()
    z_mean, _ = engine.encode(data.images("test", 2000))
    assert np.allclose(z_mean, load_latents(folder(name)).z_mean[:2000], atol=1e-4)
    found = evaluate(engine, data, "test", n=2000, knn=False)
    assert found["negative_elbo"]["value"] == pytest.approx(figures(name)["negative_elbo"]["value"], abs=5)


@pytest.mark.real_data
@pytest.mark.slow
def test_drawn_garments_are_named_rightly_by_the_real_codes(fashion_dir: Path) -> None:
    """15-NN over the real training codes of the shipped 16-D model: 70 % of 2,000 drawn garments, each class 35 %."""
    engine, data = store.load(folder("fashion-16d")).engine(), loading.load("fashion")
    codes = engine.encode(data.images("train"))[0]
    pixels, labels = wardrobe.draw(2000, seed=1)
    drawn = engine.encode(pixels.astype(np.float32) / 255)[0]
    train = data.labels("train")
    assert knn_accuracy(codes, train, drawn, labels) >= 0.70
    assert abs(pixels.mean() / 255 - 0.286) <= 0.05
    for label in range(10):
        assert knn_accuracy(codes, train, drawn[labels == label], labels[labels == label]) >= 0.35


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_measured_from_both_priors(name: str) -> None:
    """The density follows the train codes, so it may not be worse than the prior; nothing beats the train images."""
    found, density_there = figures(name), (folder(name) / "density.npz").stat().st_size
    reference = classifier.figures()
    for source in ("prior", "density"):
        assert found[f"frechet_{source}"]["value"] > reference["frechet_train"]["value"]
        assert 0 < found[f"precision_{source}"]["value"] < 1 and 0 < found[f"recall_{source}"]["value"] < 1
    assert found["frechet_density"]["value"] <= found["frechet_prior"]["value"] * 1.02
    assert density_there < 100_000
    fitted = density.load(folder(name), store.load(folder(name)).network.latent_dim)
    assert fitted is not None and fitted.classes == list(range(10)) and fitted.held_out > fitted.held_out_prior


@pytest.mark.real_data
@pytest.mark.slow
def test_the_classifier_names_what_its_card_says(fashion_dir: Path) -> None:
    data = loading.load("fashion")
    images, labels = data.images("test", 2000), data.labels("test")[:2000]
    share = (classifier.shipped().probabilities(images).argmax(axis=1) == labels).mean()
    assert share == pytest.approx(classifier.figures()["accuracy"]["value"], abs=0.015)
