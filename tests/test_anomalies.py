"""Anomalies: ROC against closed forms, the gradient against differences, the scores, the odd pictures, the digits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score
from tiny_models import save_checkpoint

from vae_core.analysis.applications import anomalies
from vae_core.analysis.applications.anomalies import AnomalyFigures, auroc, p_value, roc_curve
from vae_core.analysis.likelihood import kl_per_unit
from vae_core.checkpoints import measurements, store
from vae_core.cli.main import main
from vae_core.config import ModelConfig
from vae_core.datasets.drawn import wardrobe
from vae_core.datasets.drawn.digits import draw_digits
from vae_core.network.engine import Engine
from vae_core.network.presets import build
from vae_core.network.schema import random_weights


def engine_of(model: ModelConfig, activation: str | None = None) -> Engine:
    network = build(model)
    if activation:
        layers = tuple(
            replace(one, activation=activation) if one.activation == "relu" else one for one in network.encoder.layers
        )
        network = replace(network, encoder=replace(network.encoder, layers=layers))
    return Engine(network, random_weights(network, 0), threads=1)


def clothes(n: int) -> np.ndarray:
    return wardrobe.draw(n)[0].astype(np.float32) / 255


def test_area_under_the_curve() -> None:
    rng = np.random.default_rng(0)
    low, high = np.arange(10.0), np.arange(10.0, 15.0)
    assert auroc(low, high) == 1 and auroc(high, low) == 0 and auroc(np.ones(9), np.ones(4)) == 0.5
    normal, odd = rng.normal(size=200).round(1), rng.normal(0.7, 1, size=150).round(1)  # with ties
    expected = roc_auc_score(np.repeat([0, 1], [200, 150]), np.concatenate([normal, odd]))
    assert auroc(normal, odd) == pytest.approx(expected)
    x, y = roc_curve(normal, odd)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1) and (np.diff(x) >= 0).all() and (np.diff(y) >= 0).all()
    assert float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)) == pytest.approx(expected)


def test_p_values_of_ordinary_pictures_are_uniform() -> None:
    values = np.random.default_rng(0).normal(size=4000)
    p = np.array([p_value(values[:1000], value) for value in values[1000:]])
    assert np.quantile(p, (0.1, 0.5, 0.9)) == pytest.approx([0.1, 0.5, 0.9], abs=0.04)
    assert p_value(values, 1e9) == pytest.approx(1 / 4001) and p_value(values, -1e9) == 1


@pytest.mark.parametrize(
    "model", [ModelConfig("swift", 3), ModelConfig("classic", 2), ModelConfig("swift", 16, (24, 20, 3))]
)
def test_the_gradient_of_the_kl_against_differences(model: ModelConfig) -> None:
    """On smooth activations: with ReLU a difference goes across kinks."""
    engine, rng = engine_of(model, "silu"), np.random.default_rng(0)
    images = rng.uniform(0.05, 0.95, (4, *model.image_shape)).astype(np.float32)
    kl, gradient = engine.kl_gradient(images)
    assert kl == pytest.approx(kl_per_unit(*engine.encode(images)).sum(axis=1), rel=1e-4, abs=1e-5)
    for _ in range(3):
        direction, step = rng.normal(size=model.image_shape).astype(np.float32), 1e-2
        ends = [kl_per_unit(*engine.encode(images + sign * step * direction)).sum(axis=1) for sign in (1, -1)]
        expected = (ends[0] - ends[1]) / (2 * step)
        found = (gradient * direction).sum(axis=(1, 2, 3))
        assert found == pytest.approx(expected, abs=0.02 * np.abs(expected).max() + 1e-4)


def test_the_gradient_with_relu_is_the_network_s_own() -> None:
    """A network of ReLU is linear between its kinks: a small step along the gradient raises the KL by its square."""
    engine = engine_of(ModelConfig("classic", 2))
    images = np.random.default_rng(0).uniform(0.05, 0.95, (8, 28, 28, 1)).astype(np.float32)
    kl, gradient = engine.kl_gradient(images)
    square = np.square(gradient, dtype=np.float64).sum(axis=(1, 2, 3))
    step = 1e-3 / np.sqrt(square)
    up = engine.kl_gradient(images + (step[:, None, None, None] * gradient).astype(np.float32))[0]
    assert np.median((up - kl) / (step * square)) == pytest.approx(1, abs=0.1)
    assert engine.kl_gradient(images[:0])[1].shape == (0, 28, 28, 1)


def test_scores_of_known_codes() -> None:
    engine = engine_of(ModelConfig("classic", 2))
    images = clothes(40)
    z_mean, _ = engine.encode(images)
    reference = anomalies.reference_of(z_mean, np.arange(40) % 2)
    scores = anomalies.scores(engine, images, reference)
    assert list(scores) == list(anomalies.SCORES) and all(len(values) == 40 for values in scores.values())
    far = np.sort(np.linalg.norm(z_mean[3] - z_mean, axis=1))[anomalies.NEIGHBOURS - 1]
    assert scores[anomalies.DISTANCE][3] == pytest.approx(far, rel=1e-3, abs=1e-5)
    assert scores[anomalies.ELBO] - scores[anomalies.KL] == pytest.approx(scores[anomalies.RECONSTRUCTION], rel=0.2)
    few = anomalies.scores(engine, images[:2], anomalies.reference_of(z_mean[:1], np.zeros(1)))  # one train image
    assert np.isfinite(few[anomalies.MAHALANOBIS]).all()


@pytest.mark.parametrize("shape", [(28, 28, 1), (30, 17, 3)])
def test_odd_pictures_are_odd_pictures(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).random((6, *shape), np.float32)
    odd = anomalies.odd_pictures(images)
    for name, pictures in odd.items():
        assert pictures.shape == images.shape and pictures.dtype == np.float32, name
        assert np.array_equal(pictures[:3], anomalies.odd_pictures(images[:3])[name]), name
    assert np.allclose(odd["inverted"], 1 - images)
    assert np.allclose(np.sort(odd["shuffled patches"][0], axis=None), np.sort(images[0], axis=None))


def test_digits() -> None:
    digits = draw_digits(20)
    assert digits.shape == (20, 28, 28, 1) and digits.dtype == np.uint8
    assert np.array_equal(draw_digits(5), digits[:5]) and not np.array_equal(draw_digits(5, 1), digits[:5])
    ink = (digits > 128).sum(axis=(1, 2, 3))
    assert (ink > 20).all() and (ink < 250).all() and digits[:, 0].max() == 0


def test_measure(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "model", ModelConfig("classic", 2))
    engine = store.load(folder).engine()
    pixels, labels = wardrobe.draw(30)
    figures = anomalies.measure(engine, pixels[:10], pixels[10:], labels[10:], {"digits": draw_digits(4)})
    assert (figures.n, figures.references) == (5, 20) and [odd.n for odd in figures.sets] == [5, 5, 5, 5, 5, 4]
    for odd in figures.sets:
        for score, area in odd.auroc.items():
            expected = auroc(np.array(figures.normal[score]), np.array(odd.scores[score]))
            assert area.low <= area.mean <= area.high and area.mean == pytest.approx(expected, abs=0.05)
    measurements.save(folder, "anomalies", anomalies.to_dict(figures), "sum")
    assert measurements.load(folder, "anomalies", AnomalyFigures, "sum") == figures
    assert anomalies.measure(engine, pixels[:1], pixels[:1], labels[:1]).n == 1


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from own_models import own_run, own_zip

    run, png = own_run(tmp_path / "runs" / "mine", own_zip(tmp_path / "mine.zip")), tmp_path / "odd.png"
    assert main(["anomalies", str(run.path), "--index", "0", "3", "--output", str(png)]) == 0
    out = capsys.readouterr().out
    assert out.count("mine test 3  ") == len(anomalies.SCORES) and "anomaly map" in out
    with Image.open(png) as image:
        assert image.size == (4 * (29 * 3 - 1), 4 * (29 * 2 - 1))
    csv = tmp_path / "figures.csv"
    assert main(["anomalies", str(run.path), "--measure", "--csv", str(csv)]) == 0
    assert (
        csv.read_text().startswith("odd pictures,n,score,auroc,low,high\npixel noise,3,'−ELBO,")
        or "pixel noise,3," in csv.read_text()
    )
    assert main(["anomalies", str(run.path), "--measure", "--write"]) == 2
    assert "is a run" in capsys.readouterr().err
