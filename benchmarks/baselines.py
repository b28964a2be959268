"""What simple methods reach on Fashion-MNIST, to read a model's figures beside: `python benchmarks/baselines.py`.

Fitted on the 55,000 train images, measured on the 10,000 test images as `evaluate` measures a model. The figures stand in
`vae_core/analysis/standing.py`. Takes about three minutes on two cores and 3 GB; needs the real Fashion-MNIST.
"""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from vae_core.analysis.evaluation import NEIGHBOURS
from vae_core.analysis.image_quality import mse, psnr, ssim
from vae_core.datasets import loading

COMPONENTS = 256
STEPS = 12
SLICE = 5_000


def quality(images: np.ndarray, rebuilt: np.ndarray) -> str:
    """Means over the images, as a model's are."""
    rebuilt = np.clip(rebuilt, 0, 1).reshape(images.shape).astype(np.float32)
    return f"MSE {mse(images, rebuilt).mean():.4f}, PSNR {psnr(images, rebuilt).mean():.2f}, SSIM {ssim(images, rebuilt).mean():.4f}"


def pca(train: np.ndarray, test: np.ndarray, labels: tuple[np.ndarray, np.ndarray], units: int) -> None:
    """The best linear code of that many numbers."""
    fitted = PCA(units, svd_solver="covariance_eigh").fit(train.reshape(len(train), -1))
    codes, of_train = fitted.transform(test.reshape(len(test), -1)), fitted.transform(train.reshape(len(train), -1))
    accuracy = KNeighborsClassifier(NEIGHBOURS).fit(of_train, labels[0]).score(codes, labels[1])
    print(f"PCA, {units} numbers: {quality(test, fitted.inverse_transform(codes))}, nearest neighbours {accuracy:.4f}")


def mixture(train: np.ndarray, test: np.ndarray) -> None:
    """A Bernoulli mixture by expectation maximisation: its −log p(x) in nats, of grey pixels read as probabilities."""
    x, rng = train.reshape(len(train), -1), np.random.default_rng(0)
    p = np.clip(0.5 * x[rng.choice(len(x), COMPONENTS, replace=False)] + 0.5 * x.mean(axis=0), 0.01, 0.99)
    weights = np.full(COMPONENTS, 1 / COMPONENTS)
    for _ in range(STEPS):
        total, mass = np.zeros_like(p), np.zeros(COMPONENTS)
        for start in range(0, len(x), SLICE):
            r = responsibilities(x[start : start + SLICE], p, weights)[0]
            total += r.T @ x[start : start + SLICE]
            mass += r.sum(axis=0)
        p, weights = np.clip(total / np.maximum(mass, 1e-6)[:, None], 1e-4, 1 - 1e-4), mass / mass.sum()
    y = test.reshape(len(test), -1)
    log = np.concatenate([responsibilities(y[i : i + SLICE], p, weights)[1] for i in range(0, len(y), SLICE)])
    print(f"Bernoulli mixture, {COMPONENTS} prototypes, {STEPS} steps: −log p(x) {-log.mean():.2f} nats")


def responsibilities(x: np.ndarray, p: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of each component in each picture, (n, k) float32, and log p(x), (n,)."""
    scores = x @ (np.log(p) - np.log1p(-p)).T.astype(np.float32)
    scores = scores + (np.log1p(-p).sum(axis=1) + np.log(np.maximum(weights, 1e-12)))
    top = scores.max(axis=1, keepdims=True)
    shares = np.exp(scores - top)
    whole = shares.sum(axis=1, keepdims=True)
    return (shares / whole).astype(np.float32), (top + np.log(whole))[:, 0]


def main() -> None:
    """Print every baseline."""
    data = loading.load("fashion")
    train, test = data.images("train"), data.images("test")
    labels = (data.labels("train"), data.labels("test"))
    print(f"{data.title('test')}, fitted on {data.title('train')}")
    print(f"The mean picture: {quality(test, np.broadcast_to(train.mean(axis=0), test.shape))}")
    for units in (2, 16):
        pca(train, test, labels, units)
    mixture(train, test)


if __name__ == "__main__":
    main()
