"""Images per CPU-second of `classic` in our loop, all that is live switched on, against the plain Keras example's loop.

    python benchmarks/throughput.py [--epochs 4] [--rounds 3]

The baseline is the custom `train_step` of the Keras VAE example under `fit`; both validate on 1,000 images after each epoch, train on the same 12,800
images, batch 128, one thread, and are timed from the end of their first epoch, so that tracing the graph counts for neither.
Ours reports, takes snapshots and keeps the resumable state as always. Rounds are interleaved; CPU-seconds, best round of each.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import child, verdict

IMAGES, VALIDATION, BATCH = 12_800, 1_000, 128


class Few:
    """A data set with little to validate on, so that the loop is what is timed."""

    def __init__(self) -> None:
        from vae_core.datasets import loading

        self.data = loading.load()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    def images(self, split: str, n: int | None = None) -> Any:
        """At most 1,000 validation images."""
        return self.data.images(split, VALIDATION if split == "validation" else n)


def ours(epochs: int) -> float:
    """CPU-seconds of the epochs after the first, in our loop."""
    from vae_core.config import ModelConfig, classic_training
    from vae_core.runs.directory import Run
    from vae_core.training import train as training

    clock: dict[int, float] = {}

    def note(row: dict[str, Any]) -> None:
        clock.setdefault(row["step"], time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        config = classic_training(epochs=epochs, images=IMAGES)
        training.train(ModelConfig("classic"), config, cast(Any, Few()), Run(Path(folder) / "run"), show=note)
    steps = IMAGES // BATCH
    return clock[steps * epochs] - clock[steps]


def example(epochs: int) -> float:
    """The same of the Keras example's model and loop (keras.io/examples/generative/vae)."""
    import keras
    import tensorflow as tf
    from keras import layers

    x = source = keras.Input((28, 28, 1))
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    encoder = keras.Model(source, [layers.Dense(2)(x), layers.Dense(2)(x)])
    z_in = keras.Input((2,))
    x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(z_in))
    for filters in (64, 32):
        x = layers.Conv2DTranspose(filters, 3, activation="relu", strides=2, padding="same")(x)
    decoder = keras.Model(z_in, layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x))

    class Example(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.trackers = [keras.metrics.Mean(name=name) for name in ("loss", "reconstruction_loss", "kl_loss")]
            self.weights_of_both = encoder.trainable_weights + decoder.trainable_weights

        def terms(self, data: Any) -> tuple[Any, Any]:
            z_mean, z_log_var = encoder(data)
            z = z_mean + tf.exp(0.5 * z_log_var) * tf.random.normal(tf.shape(z_mean))
            cross = keras.losses.binary_crossentropy(data, decoder(z))
            kl = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
            return tf.reduce_mean(tf.reduce_sum(cross, axis=(1, 2))), tf.reduce_mean(tf.reduce_sum(kl, axis=1))

        def train_step(self, data: Any) -> dict[str, Any]:
            with tf.GradientTape() as tape:
                reconstruction, kl = self.terms(data)
                loss = reconstruction + kl
            gradients = tape.gradient(loss, self.weights_of_both)
            self.optimizer.apply_gradients(zip(gradients, self.weights_of_both, strict=True))
            for tracker, value in zip(self.trackers, (loss, reconstruction, kl), strict=True):
                tracker.update_state(value)
            return {tracker.name: tracker.result() for tracker in self.trackers}

        def test_step(self, data: Any) -> dict[str, Any]:
            reconstruction, kl = self.terms(data)
            return {"loss": reconstruction + kl}

    clock = []
    ticks = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: clock.append(time.process_time()))
    few = Few()
    model = Example()
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    model.fit(
        few.images("train", IMAGES),
        epochs=epochs,
        batch_size=BATCH,
        validation_data=(few.images("validation"),),
        verbose=0,
        callbacks=[ticks],
    )
    return clock[-1] - clock[0]


def main() -> int:
    """Interleave, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=("ours", "example"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps({"cpu": {"ours": ours, "example": example}[options.one](options.epochs)}))
        return 0
    rates: dict[str, list[float]] = {"ours": [], "example": []}
    for _ in range(options.rounds):
        for name, found in rates.items():
            seconds = child(__file__, "--one", name, "--epochs", str(options.epochs))["cpu"]
            found.append(IMAGES * (options.epochs - 1) / seconds)
            print(f"{name:8} {found[-1]:.0f} images per CPU-second", flush=True)
    return (
        0 if verdict("images per CPU-second, ours / example", max(rates["ours"]) / max(rates["example"]), 0.98) else 1
    )


if __name__ == "__main__":
    sys.exit(main())
