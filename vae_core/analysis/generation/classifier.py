"""A small classifier of Fashion-MNIST: a verdict on a picture that no model made itself, and features to compare samples in.

Its weights lie beside this file, in 16 bits; `python -m vae_core.training.classifier` trains them. ONNX Runtime runs it.

>>> Classifier().probabilities(np.zeros((2, 28, 28, 1), np.float32)).shape
(2, 10)
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.analysis.checks import checked_images, unit_range
from vae_core.network.layers import Layer, Part, Weights

FOLDER = Path(__file__).parent / "fashion_classifier"
WEIGHTS, FIGURES, CARD = "model.safetensors", "figures.json", "CARD.md"
FEATURES = 64
IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10
# Images that are run at once: 26 MB of activations.
STEP = 500

PART = Part(
    "classifier",
    IMAGE_SHAPE,
    (
        Layer("conv_1", "conv2d", 16, kernel=3, activation="relu"),  # (n, 28, 28, 16)
        Layer("conv_2", "conv2d", 32, kernel=3, strides=2, activation="relu"),  # (n, 14, 14, 32)
        Layer("conv_3", "conv2d", 64, kernel=3, strides=2, activation="relu"),  # (n, 7, 7, 64)
        Layer("conv_4", "conv2d", 48, kernel=3, strides=2, activation="relu"),  # (n, 4, 4, 48)
        Layer("flatten", "flatten"),  # (n, 768)
        Layer("dropout_1", "dropout", rate=0.3),
        Layer("features", "dense", FEATURES, activation="relu"),  # (n, 64)
        Layer("dropout_2", "dropout", rate=0.3),
    ),
    (Layer("logits", "dense", CLASSES),),
)


class Classifier:
    """The trained classifier, ready to run; thread-safe, never changed after it is made."""

    def __init__(self, weights: Weights | None = None) -> None:
        """Build the graph.

        Args:
            weights: float32 arrays by full name; None for those that come with the program.
        """
        from vae_core.network.engine import start_session
        from vae_core.network.onnx_graph import onnx_model

        arrays = shipped_weights() if weights is None else weights
        self._session = start_session(onnx_model(PART, arrays, every=True).SerializeToString())

    def features(self, images: np.ndarray) -> np.ndarray:
        """Activations of the last hidden layer.

        Args:
            images: (n, 28, 28, 1), float in [0, 1] or uint8.

        Returns:
            (n, 64) float32, 0 or more.

        Raises:
            ValueError: Images of another shape or range.
        """
        return self._run(images, "features", FEATURES)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Probability of each of the ten classes.

        Args:
            images: (n, 28, 28, 1), float in [0, 1] or uint8.

        Returns:
            (n, 10) float32, rows summing to 1.

        Raises:
            ValueError: Images of another shape or range.
        """
        logits = self._run(images, "logits", CLASSES)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def _run(self, images: np.ndarray, output: str, width: int) -> np.ndarray:
        if images.shape[1:] != IMAGE_SHAPE:
            raise ValueError(f"the classifier takes pictures of shape (n, 28, 28, 1), got {images.shape}.")
        result = np.zeros((len(images), width), np.float32)
        for start in range(0, len(images), STEP):
            piece = images[start : start + STEP]
            piece = unit_range(piece) if piece.dtype == np.uint8 else checked_images(piece)
            result[start : start + len(piece)] = self._session.run([output], {"input": piece})[0]
        return result


@cache
def shipped() -> Classifier:
    """The classifier that comes with the program, opened once."""
    return Classifier()


def shipped_weights() -> Weights:
    """float32 weights by full name, from the file beside this module."""
    from safetensors.numpy import load_file

    return {name: array.astype(np.float32) for name, array in load_file(FOLDER / WEIGHTS).items()}


def figures() -> dict[str, Any]:
    """Measured figures of the classifier and the references of sample quality: name -> {"value", "split", "n", "method"}."""
    path = FOLDER / FIGURES
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
