"""What simple methods reach on Fashion-MNIST, to read a model's figures beside: `python benchmarks/baselines.py [--write]`.

Fitted on the 55,000 train images, measured on the 10,000 test images as `evaluate` measures a model. The figures stand in
`vae_core/analysis/standing.py`; with --write those in nats go into `vae_core/analysis/report/baselines.json`, for the axis "What is
a good loss?". Takes about five minutes on two cores and 3 GB; needs the real Fashion-MNIST.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

import vae_core.analysis.report
from vae_core.analysis.evaluation import NEIGHBOURS
from vae_core.analysis.image_quality import mse, psnr, ssim
from vae_core.analysis.likelihood import bernoulli_loss, pixel_entropy_floor
from vae_core.datasets import loading
from vae_core.storage.files import write_bytes

COMPONENTS = (16, 64, 256, 1024)
STEPS = 12
SLICE = 5_000
# Probabilities of a baseline's pixels: further out a grey pixel costs without bound.
LEAST = 1e-3
FILE = Path(vae_core.analysis.report.__file__).with_name("baselines.json")


def quality(images: np.ndarray, rebuilt: np.ndarray) -> str:
    """Means over the images, as a model's are."""
    rebuilt = np.clip(rebuilt, 0, 1).reshape(images.shape).astype(np.float32)
    return f"MSE {mse(images, rebuilt).mean():.4f}, PSNR {psnr(images, rebuilt).mean():.2f}, SSIM {ssim(images, rebuilt).mean():.4f}"


def cross_entropy(images: np.ndarray, rebuilt: np.ndarray) -> float:
    """Binary cross-entropy of images and what is rebuilt of them, nats per image."""
    p = np.clip(rebuilt, LEAST, 1 - LEAST).reshape(images.shape)
    return float(bernoulli_loss(images, np.log(p) - np.log1p(-p)).mean())


def pca(train: np.ndarray, test: np.ndarray, labels: tuple[np.ndarray, np.ndarray], units: int) -> float:
    """The best linear code of that many numbers; returns its cross-entropy."""
    fitted = PCA(units, svd_solver="covariance_eigh").fit(train.reshape(len(train), -1))
    codes, of_train = fitted.transform(test.reshape(len(test), -1)), fitted.transform(train.reshape(len(train), -1))
    accuracy = KNeighborsClassifier(NEIGHBOURS).fit(of_train, labels[0]).score(codes, labels[1])
    rebuilt = fitted.inverse_transform(codes)
    loss = cross_entropy(test, rebuilt)
    print(
        f"PCA, {units} numbers: {quality(test, rebuilt)}, cross-entropy {loss:.2f} nats, nearest neighbours {accuracy:.4f}"
    )
    return loss


def mixture(train: np.ndarray, test: np.ndarray, components: int) -> float:
    """−log p(x) of a Bernoulli mixture by expectation maximisation, in nats, of grey pixels read as probabilities."""
    x, rng = train.reshape(len(train), -1), np.random.default_rng(0)
    p = np.clip(0.5 * x[rng.choice(len(x), components, replace=False)] + 0.5 * x.mean(axis=0), 0.01, 0.99)
    weights = np.full(components, 1 / components)
    for _ in range(STEPS):
        total, mass = np.zeros_like(p), np.zeros(components)
        for start in range(0, len(x), SLICE):
            r = responsibilities(x[start : start + SLICE], p, weights)[0]
            total += r.T @ x[start : start + SLICE]
            mass += r.sum(axis=0)
        p, weights = np.clip(total / np.maximum(mass, 1e-6)[:, None], 1e-4, 1 - 1e-4), mass / mass.sum()
    y = test.reshape(len(test), -1)
    log = np.concatenate([responsibilities(y[i : i + SLICE], p, weights)[1] for i in range(0, len(y), SLICE)])
    print(f"Bernoulli mixture, {components:,} prototypes, {STEPS} steps: −log p(x) {-log.mean():.2f} nats")
    return float(-log.mean())


def responsibilities(x: np.ndarray, p: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of each component in each picture, (n, k) float32, and log p(x), (n,)."""
    scores = x @ (np.log(p) - np.log1p(-p)).T.astype(np.float32)
    scores = scores + (np.log1p(-p).sum(axis=1) + np.log(np.maximum(weights, 1e-12)))
    top = scores.max(axis=1, keepdims=True)
    shares = np.exp(scores - top)
    whole = shares.sum(axis=1, keepdims=True)
    return (shares / whole).astype(np.float32), (top + np.log(whole))[:, 0]


def main() -> None:
    """Print every baseline, and keep what is in nats if that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"keep the figures in nats in {FILE.name}")
    options = parser.parse_args()
    data = loading.load("fashion")
    train, test = data.images("train"), data.images("test")
    labels = (data.labels("train"), data.labels("test"))
    print(f"{data.title('test')}, fitted on {data.title('train')}")
    mean = np.broadcast_to(train.mean(axis=0), test.shape)
    marks: list[dict[str, Any]] = [mark("the pixels' own entropy", pixel_entropy_floor(test), "floor")]
    marks.append(mark("the mean picture", cross_entropy(test, mean), "likelihood"))
    print(f"The mean picture: {quality(test, mean)}, cross-entropy {marks[-1]['value']:.2f} nats")
    for units in (2, 16):
        marks.append(mark(f"PCA, {units} numbers", pca(train, test, labels, units), "reconstruction"))
    for components in COMPONENTS:
        marks.append(mark(f"{components:,} fixed pictures", mixture(train, test, components), "likelihood"))
    if options.write:
        figures = {
            "data": data.checksum,
            "split": "test",
            "n": len(test),
            "method": f"fitted on {len(train):,} train images; mixtures of Bernoulli pictures by {STEPS} steps of expectation "
            f"maximisation, seed 0; pixels of PCA and of the mean picture clipped to {LEAST:g}..{1 - LEAST:g}",
            "marks": marks,
        }
        write_bytes(FILE, (json.dumps(figures, indent=1, ensure_ascii=False) + "\n").encode())
        print(FILE)


def mark(name: str, value: float, kind: str) -> dict[str, Any]:
    """A mark of the axis. kind: "floor", "likelihood" (as −ELBO, codes paid for) or "reconstruction" (codes not paid for)."""
    return {"name": name, "value": round(value, 4), "kind": kind}


if __name__ == "__main__":
    main()
