"""What the uses of a model cost, each as a ratio to its baseline in the same run.

    python benchmarks/applications.py [--checkpoint checkpoints/fashion-16d] [--repeat 5]

Drawn clothes serve as pictures: times do not depend on what is on them. Each pair is timed in turns; medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import verdict
from vae_core.analysis.applications import anomalies, clustering, compression, denoising, image_codecs
from vae_core.analysis.applications.code_archive import pack, quantise, unpack
from vae_core.checkpoints import store
from vae_core.datasets.drawn import wardrobe
from vae_core.network.engine import Engine


def ratio(ours: Callable[[], Any], baseline: Callable[[], Any], repeat: int) -> tuple[float, float]:
    """Seconds of ours, and the baseline's over ours: medians of `repeat` calls in turns, both warmed."""
    times: dict[Callable[[], Any], list[float]] = {ours: [], baseline: []}
    for call in times:
        call()
    for _ in range(repeat):
        for call, taken in times.items():
            began = time.perf_counter()
            call()
            taken.append(time.perf_counter() - began)
    first, second = (statistics.median(taken) for taken in times.values())
    return first, second / first


def archive(engine: Engine, images: np.ndarray) -> None:
    """Pictures to a file of codes and back."""
    codes = quantise(*engine.encode(images))
    engine.decode(unpack(pack(codes, engine), engine))


def formats(pixels: np.ndarray, format: str) -> None:
    """Pictures to files of a format and back."""
    for picture in pixels:
        image_codecs.decode_image(image_codecs.encode_image(picture, format), picture.shape)


def by_differences(engine: Engine, image: np.ndarray, step: float = 1e-3) -> None:
    """The gradient of the KL by the pixels of one picture, by two encodings a pixel."""
    offsets = step * np.eye(image.size, dtype=np.float32).reshape(-1, *image.shape)
    for sign in (1, -1):
        compression.rate_bits(*engine.encode(image + sign * offsets))


def by_sklearn(normal: np.ndarray, odd: np.ndarray) -> float:
    """The area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    labels = np.repeat([0, 1], [len(normal), len(odd)])
    return float(roc_auc_score(labels, np.concatenate([normal, odd])))


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="checkpoints/fashion-16d")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    engine = store.load(options.checkpoint).engine()
    pixels, labels = wardrobe.draw(1000)
    images = pixels.astype(np.float32) / 255
    noisy = denoising.corrupt(images[:100], denoising.GAUSSIAN, 0.2)
    reference = anomalies.reference_of(engine.encode(images)[0], labels)
    rng = np.random.default_rng(0)
    normal, odd = rng.normal(size=500), rng.normal(1, 1, size=500)
    codes, flat = engine.encode(images)[0].astype(np.float64), images.reshape(len(images), -1)
    rows: list[tuple[str, Callable[[], Any], Callable[[], Any], float]] = [
        (
            "1,000 pictures to codes and back, PNG / ours",
            partial(archive, engine, images),
            partial(formats, pixels, "png"),
            0.5,
        ),
        (
            "1,000 pictures to codes and back, WebP / ours",
            partial(archive, engine, images),
            partial(formats, pixels, "webp"),
            0.5,
        ),
        (
            "100 pictures denoised, non-local means / VAE",
            lambda: engine.reconstruct(noisy),
            partial(denoising.filtered, noisy, "non-local means", 0.1),
            0.5,
        ),
        (
            "100 pictures denoised, total variation / VAE",
            lambda: engine.reconstruct(noisy),
            partial(denoising.filtered, noisy, "total variation", 0.1),
            0.5,
        ),
        (
            "anomaly map of one picture, differences / backward graph",
            partial(anomalies.anomaly_maps, engine, images[:1]),
            partial(by_differences, engine, images[0]),
            10,
        ),
        (
            "every score of 500 pictures, their reconstruction / ours",
            partial(anomalies.scores, engine, images[:500], reference),
            lambda: engine.reconstruct(images[:500]),
            0.1,
        ),
        (
            "AUROC of 500 against 500, scikit-learn / ours",
            partial(anomalies.auroc, normal, odd),
            partial(by_sklearn, normal, odd),
            2,
        ),
        (
            "k-means of 1,000 pictures, pixels / codes",
            partial(clustering._kmeans, codes, 10),
            partial(clustering._kmeans, flat, 10),
            0.8,
        ),
    ]
    good = True
    for name, ours, baseline, bar in rows:
        seconds, times = ratio(ours, baseline, options.repeat)
        good &= verdict(f"{name} ({1000 * seconds:.2f} ms)", times, bar)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
