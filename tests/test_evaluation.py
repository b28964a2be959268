"""Figures of a whole model: complete, repeatable, and known where the model is."""

import json

import numpy as np
import pytest
from linear_gaussian import SHAPE, LinearGaussian

from vae_core.analysis import evaluation


class Bernoulli(LinearGaussian):
    likelihood = "bernoulli"


class Blobs:
    """A data set of 4x4 pictures in three shades."""

    name, checksum = "three shades", "abc"

    def __init__(self, low=40, high=220):
        rng = np.random.default_rng(0)
        self.held = {}
        for split, n in (("train", 60), ("test", 20)):
            labels = np.arange(n) % 3
            shade = np.linspace(low, high, 3)[labels]
            noise = rng.integers(-10, 10, (n, *SHAPE))
            self.held[split] = ((shade[:, None, None, None] + noise).astype(np.uint8), labels.astype(np.uint8))

    def pixels(self, split):
        return self.held[split][0]

    def labels(self, split):
        return self.held[split][1]


def test_active_units_counts_those_that_vary():
    codes = np.random.default_rng(0).standard_normal((1000, 3)) * [1, 0.5, 0.01] + [0, 5, 5]
    count, variances = evaluation.active_units(codes)
    assert count == 2
    np.testing.assert_allclose(variances, [1, 0.25, 1e-4], rtol=0.2)
    with pytest.raises(ValueError, match="z_mean holds NaN"):
        evaluation.active_units(np.full((2, 2), np.nan))


def test_knn_accuracy_on_groups_far_apart_and_on_noise():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    codes = rng.standard_normal((400, 2)) * 0.1 + labels[:, None]
    assert evaluation.knn_accuracy(codes[:300], labels[:300], codes[300:], labels[300:]) == 1
    noise = rng.standard_normal((400, 2))
    assert evaluation.knn_accuracy(noise[:300], labels[:300], noise[300:], labels[300:]) < 0.45
    with pytest.raises(ValueError, match=r"k must be 1\.\.3"):
        evaluation.knn_accuracy(codes[:3], labels[:3], codes, labels, k=15)


def test_roc_auc_of_separate_equal_and_swapped_scores():
    assert evaluation.roc_auc(np.arange(5), np.arange(5) + 10) == 1
    assert evaluation.roc_auc(np.arange(5), np.arange(5)) == 0.5
    assert evaluation.roc_auc(np.arange(5) + 10, np.arange(3)) == 0
    with pytest.raises(ValueError, match="0 unusual"):
        evaluation.roc_auc(np.arange(5), np.zeros(0))


def test_percentile_rank_counts_ties_half():
    np.testing.assert_allclose(
        evaluation.percentile_rank([-1, 0, 1.5, 3, 9], np.array([3, 0, 1, 2])), [0, 0.125, 0.5, 0.875, 1]
    )
    assert evaluation.percentile_rank(1.0, np.ones(10)) == 0.5
    with pytest.raises(ValueError, match="one value or more"):
        evaluation.percentile_rank(1.0, np.zeros(0))


@pytest.mark.parametrize("engine", [LinearGaussian(1.5), Bernoulli(1.5)])
def test_evaluate_says_everything_about_every_figure(engine):
    seen = []
    figures = evaluation.evaluate(engine, Blobs(), iwae_k=20, n_iwae=8, progress=lambda *pair: seen.append(pair))
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    for name, figure in figures.items():
        assert set(figure) == {"value", "split", "n", "method"}, name
        assert figure["split"] == "test" and figure["n"] == (8 if name == "iwae_nll" else 20) and figure["method"]
    assert figures["dataset"]["value"] == "three shades" and "abc" in figures["dataset"]["method"]
    value = {name: figure["value"] for name, figure in figures.items()}
    assert value["negative_elbo"] == pytest.approx(value["reconstruction_loss"] + value["kl_loss"])
    assert value["kl_loss"] == pytest.approx(sum(value["kl_per_unit"]))
    assert len(value["unit_variances"]) == 2 and value["active_units"] in (0, 1, 2)
    assert -1 <= value["ssim"] <= 1 and value["mse"] > 0 and value["knn_accuracy"] > 0.9
    assert ("floor" in value) == ("excess" in value) == (engine.likelihood == "bernoulli")
    if "floor" in value:
        assert value["excess"] == pytest.approx(value["reconstruction_loss"] - value["floor"])
        assert value["excess"] > 0
    done = [pair[0] for pair in seen]
    assert done == sorted(done) and seen[-1] == (20 + 20 + 8 + 60, 20 + 20 + 8 + 60)


def test_negative_elbo_is_above_the_iwae_figure():
    figures = evaluation.evaluate(LinearGaussian(2.0, 0.4), Blobs(), iwae_k=200, knn=False)
    assert figures["negative_elbo"]["value"] > figures["iwae_nll"]["value"]
    assert "knn_accuracy" not in figures


def test_evaluate_is_repeatable_and_obeys_n_and_split():
    engine = Bernoulli()
    assert evaluation.evaluate(engine, Blobs(), n=7) == evaluation.evaluate(engine, Blobs(), n=7)
    figures = evaluation.evaluate(engine, Blobs(), split="train", n=7)
    assert figures["mse"]["n"] == 7 and figures["mse"]["split"] == "train" and "knn_accuracy" not in figures
    with pytest.raises(ValueError, match="n must be 1 or more"):
        evaluation.evaluate(engine, Blobs(), n=0)
    empty = Blobs()
    empty.held["test"] = tuple(array[:0] for array in empty.held["test"])
    with pytest.raises(ValueError, match="test split of three shades is empty"):
        evaluation.evaluate(engine, empty)


def test_a_perfect_reconstruction_leaves_the_infinite_psnr_out():
    class Perfect(Bernoulli):
        def decode(self, z):
            return np.repeat(Blobs().pixels("test")[:1] / np.float32(255), len(z), axis=0)

    figures = evaluation.evaluate(Perfect(), Blobs(), n=1)
    assert "psnr" not in figures and figures["mse"]["value"] == 0
