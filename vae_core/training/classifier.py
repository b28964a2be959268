"""Train the small classifier of Fashion-MNIST that judges samples: `python -m vae_core.training.classifier`.

On the train split; the epoch is chosen by the accuracy on the validation split, and the test split is looked at once, for
the card. A few minutes on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np

from vae_core.analysis.generation import classifier
from vae_core.analysis.generation.classifier import CARD, FIGURES, FOLDER, PART, WEIGHTS, Classifier
from vae_core.analysis.generation.sample_quality import references
from vae_core.datasets import loading
from vae_core.datasets.dataset import Dataset
from vae_core.network.layers import Weights
from vae_core.storage.files import write_bytes, write_json
from vae_core.storage.weights import write_weights
from vae_core.training.vae import build_part

BATCH_SIZE, PEAK_RATE = 128, 2e-3


def train(dataset: Dataset, epochs: int, seed: int = 0, verbose: int = 0) -> tuple[Weights, list[float]]:
    """Train on the train split; cross-entropy, Adam, cosine decay, mirrored at random.

    Args:
        dataset: Pictures of 28×28×1 in ten classes.
        epochs: 1 or more.
        seed: Of the start, the order and the noise.
        verbose: As Keras has it.

    Returns:
        Weights of the epoch with the highest validation accuracy, rounded to 16 bits as they are stored, by full name; and
        the validation accuracy of each epoch.
    """
    keras.utils.set_random_seed(seed)
    model = build_part(PART)
    train_pixels, train_labels = dataset.pixels("train"), dataset.labels("train").astype(np.int64)
    steps = epochs * -(-len(train_pixels) // BATCH_SIZE)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(PEAK_RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    rng, best, accuracies = np.random.default_rng(seed), {}, []
    validation = dataset.images("validation")
    for epoch in range(epochs):
        images = train_pixels.astype(np.float32) / 255
        mirrored = rng.random(len(images)) < 0.5
        images[mirrored] = images[mirrored, :, ::-1]
        model.fit(images, train_labels, batch_size=BATCH_SIZE, epochs=epoch + 1, initial_epoch=epoch, verbose=verbose)
        weights = _rounded(model)
        accuracies.append(accuracy(Classifier(weights), validation, dataset.labels("validation")))
        if accuracies[-1] == max(accuracies):
            best = weights
    return best, accuracies


def accuracy(model: Classifier, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images (n, 28, 28, 1) whose most probable class is their label (n,)."""
    return float((model.probabilities(images).argmax(axis=1) == labels).mean())


def _rounded(model: keras.Model) -> Weights:
    """What the 16-bit file gives back, float32 by full name."""
    arrays = {}
    for name in PART.weight_shapes():
        _, layer, key = name.split("/")
        values: Any = getattr(model.get_layer(layer), key)
        arrays[name] = keras.ops.convert_to_numpy(values).astype(np.float16).astype(np.float32)
    return arrays


def card(figures: dict[str, Any], epochs: int, size: int) -> str:
    """Text of CARD.md."""
    rows = "\n".join(
        f"| {name.replace('_', ' ')} | {figure['value']:.4f} | {figure['split']}, {figure['n']:,} | {figure['method']} |"
        for name, figure in figures.items()
    )
    return f"""# The classifier that judges samples

A convolutional network of {sum(int(np.prod(shape)) for shape in PART.weight_shapes().values()):,} parameters ({size:,} bytes, 16-bit floats) for Fashion-MNIST's 28×28 pictures. It gives a second
opinion on what a picture shows, and its {classifier.FEATURES} features (the last hidden layer) are the space in which samples are compared with test
images. Trained on the train split for {epochs} epochs (Adam, peak rate {PEAK_RATE}, cosine decay, batches of {BATCH_SIZE}, mirrored at random,
dropout 0.3); the epoch was chosen on the validation split.

| figure | value | split, n | method |
|---|---|---|---|
{rows}

`python -m vae_core.training.classifier` trains it, and `python -m vae_core evaluate checkpoints/fashion-16d --samples` uses it. A Fréchet distance in its features
is no FID: that is measured in the features of another network, and the two cannot be compared. It always names one of ten
classes, whatever it is shown.
"""


def measured(dataset: Dataset, model: Classifier) -> dict[str, Any]:
    """Figures of the classifier, and of what samples are compared with: name -> {"value", "split", "n", "method"}."""
    words = "share of images whose most probable class is their label"
    splits = {
        "validation_accuracy": ("validation", f"{words}; the epoch was chosen by it"),
        "accuracy": ("test", words),
    }
    accuracies = {
        name: {
            "value": accuracy(model, dataset.images(split), dataset.labels(split)),
            "split": split,
            "n": len(dataset.labels(split)),
            "method": method,
        }
        for name, (split, method) in splits.items()
    }
    return {**accuracies, **references(dataset.pixels("train"), dataset.pixels("test"), model)}


def main() -> None:
    """Train, measure, and write weights, figures and card."""
    parser = argparse.ArgumentParser(description="Train the small classifier that judges samples.")
    parser.add_argument("--epochs", type=int, default=14, help="epochs (14)")
    parser.add_argument("--seed", type=int, default=0, help="of the start, the order and the noise (0)")
    parser.add_argument("--data", default="fashion", help="fashion, or what else --data of the command line names")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder to write into")
    parser.add_argument("--measure", action="store_true", help="train nothing: measure the shipped one again")
    options = parser.parse_args()
    dataset = loading.load(options.data)
    options.output.mkdir(parents=True, exist_ok=True)
    if not options.measure:
        weights, _ = train(dataset, options.epochs, options.seed, verbose=2)
        write_weights(options.output / WEIGHTS, {name: array.astype(np.float16) for name, array in weights.items()})
    figures = measured(dataset, Classifier(None if options.measure else weights))
    write_json(options.output / FIGURES, figures)
    size = (options.output / WEIGHTS).stat().st_size
    write_bytes(options.output / CARD, card(figures, options.epochs, size).encode())
    print(f"{options.output}: {size:,} bytes, test accuracy {figures['accuracy']['value']:.4f}")


if __name__ == "__main__":
    main()
