"""Unsupervised learning: agreement against closed forms, clusters of known codes, few labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_models import save_checkpoint

from vae_core.analysis.applications import clustering
from vae_core.analysis.applications.clustering import (
    CODES,
    KMEANS,
    LOGISTIC,
    MIXTURE,
    NEIGHBOUR,
    PIXELS,
    ClusteringFigures,
)
from vae_core.checkpoints import measurements, store
from vae_core.cli.main import main
from vae_core.config import ModelConfig
from vae_core.datasets.drawn import wardrobe


def blobs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes in three clusters far apart, and which."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, n)
    return np.array([[0, 0], [9, 0], [0, 9]])[which] + rng.normal(size=(n, 2)), which


def test_agreement_in_closed_forms() -> None:
    labels = np.repeat([0, 1, 2, 3], 25)
    same = clustering._agreement(CODES, KMEANS, 4, 3 - labels, labels)
    assert np.allclose([same.ari, same.nmi, same.purity], 1)
    one = clustering._agreement(CODES, KMEANS, 1, np.zeros(100, int), labels)
    assert one.ari.mean == 0 and one.nmi.mean == 0 and one.purity.mean == 0.25
    by_chance = clustering._agreement(CODES, KMEANS, 4, np.random.default_rng(0).permutation(labels), labels)
    assert abs(by_chance.ari.mean) < 0.05
    assert clustering.contingency(np.array([7, 7, 9]), np.array([1, 4, 4])).tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("method", [KMEANS, MIXTURE])
def test_clusters_of_known_codes(method: str) -> None:
    train, _ = blobs(300)
    test, which = blobs(60, seed=1)
    if method == KMEANS:
        found = clustering._kmeans_clusters(train, test, which, 3)
    else:
        found = clustering._mixture_clusters(train, test, which, 3, "BIC")
    assert clustering.purity(np.array(found.assigned), which) == 1 and found.shares == [1, 1, 1]
    assert found.assign(test).tolist() == found.assigned
    for k, members in enumerate(found.members):
        assert 0 < len(members) <= clustering.MEMBERS and {found.assigned[i] for i in members} == {k}
        nearest = np.linalg.norm(test[members] - np.array(found.means[k]), axis=1)
        assert nearest[0] == nearest.min() or method == MIXTURE


def test_the_least_bic_finds_the_number() -> None:
    train, _ = blobs(400)
    bic = {k: clustering._mixture(train, k).bic(train) for k in (2, 3, 4, 6)}
    assert min(bic, key=lambda k: bic[k]) == 3


def test_labels_are_drawn_of_each_class_in_turn() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2] * 20)
    draw = clustering.drawn_labels(labels, 15, 0)
    assert len(set(draw.tolist())) == 15 and np.bincount(labels[draw]).tolist() == [6, 3, 6]
    assert clustering.drawn_labels(labels, 15, 1).tolist() != draw.tolist()


def test_few_labels_suffice_for_codes_that_lie_apart() -> None:
    (train, labels), (test, truth) = blobs(300), blobs(100, seed=1)
    noise = np.random.default_rng(0).normal(size=(400, 2))
    figures = clustering.few_labels({CODES: (train, test), PIXELS: (noise[:300], noise[300:])}, labels, truth)
    assert [(row.features, row.labels) for row in figures[::2]] == [(CODES, n) for n in (10, 10, 100, 100)]
    assert [row.learner for row in figures[:4]] == [LOGISTIC, LOGISTIC, NEIGHBOUR, NEIGHBOUR]
    assert all(row.accuracy.mean > 0.99 for row in figures[::2]) and all(
        row.accuracy.mean < 0.5 for row in figures[1::2]
    )
    assert clustering.few_labels({CODES: (train, test)}, np.zeros(300), np.zeros(100)) == []


def test_measure(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "model", ModelConfig("classic", 3))
    engine = store.load(folder).engine()
    pixels, labels = wardrobe.draw(150, classes=[0, 7])
    steps: list[tuple[int, int]] = []
    figures = clustering.measure(
        engine, pixels[:110], labels[:110], pixels[110:], labels[110:], lambda *step: steps.append(step), (2, 4, 90)
    )
    assert steps[-1] == (7, 7) and [k for k, _ in figures.bic] == [2, 4] and (figures.train, figures.n) == (110, 40)
    assert [(row.features, row.method) for row in figures.agreements] == [
        ("codes", KMEANS),
        ("codes", MIXTURE),
        ("codes", MIXTURE),
        ("PCA codes", KMEANS),
        ("pixels", KMEANS),
    ]
    assert figures.agreements[-1].purity.mean > 0.9  # shirts and sneakers lie apart
    measurements.save(folder, "clustering", clustering.to_dict(figures), "sum")
    assert measurements.load(folder, "clustering", ClusteringFigures, "sum") == figures
    alike = clustering.measure(engine, pixels[:1].repeat(20, 0), np.zeros(20), pixels[:2], np.zeros(2))
    assert alike.accuracies == [] and alike.n == 2
    with pytest.raises(ValueError, match="clusters need 20 train images or more, got 3"):
        clustering.measure(engine, pixels[:3], labels[:3], pixels[:1], labels[:1])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from own_models import own_run, own_zip

    run, png = own_run(tmp_path / "runs" / "mine", own_zip(tmp_path / "mine.zip")), tmp_path / "clusters.png"
    csv = tmp_path / "clusters.csv"
    assert main(["cluster", str(run.path), "--output", str(png), "--csv", str(csv)]) == 0
    out = capsys.readouterr().out
    assert "adjusted Rand" in out and "cluster 0: " in out
    assert csv.read_text().startswith("features,method,k,ari,ari_low,ari_high")
    with Image.open(png) as image:
        assert image.size[0] == 3 * (29 * clustering.MEMBERS - 1)
    assert main(["cluster", str(run.path), "--write"]) == 2
