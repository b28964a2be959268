"""How quick attribution maps are: each method through ONNX against `tf.GradientTape` in the same run.

    python benchmarks/attribution.py [--checkpoint checkpoints/fashion-2d] [--repeat 20]

One process measures both in turns. TensorFlow works a map out as one would write it: a warmed `tf.function` with a tape around the
encoder (and the decoder, for the reconstruction error), in one batch. The check by random weights is timed alone.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import verdict
from benchmarks.inference import in_turns, p

ONE_MAP, MANY_PASSES = 50, 300  # milliseconds


def tape(encoder: Any, decoder: Any, target: str) -> Callable[[np.ndarray], np.ndarray]:
    """Gradients of a target by the pixels of a batch, with TensorFlow."""
    import tensorflow as tf

    def value(x: Any) -> Any:
        z_mean, z_log_var = encoder(x, training=False)
        if target == "z0":
            return z_mean[:, 0]
        if target == "kl":
            return tf.reduce_sum(z_mean**2 + tf.exp(z_log_var) - 1 - z_log_var, axis=1) / 2
        logits = decoder(z_mean, training=False)
        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(x, logits), axis=(1, 2, 3))

    @tf.function(reduce_retracing=True)
    def gradients(x: Any) -> Any:
        with tf.GradientTape() as recording:
            recording.watch(x)
            total = value(x)
        return recording.gradient(total, x)

    return lambda images: np.asarray(gradients(tf.constant(images)))


def compare(checkpoint: str, repeat: int) -> bool:
    """The table, and whether every bar is met."""
    from vae_core.jobs.quiet_import import without_notes

    with without_notes():
        import tensorflow as tf  # noqa: F401

    from vae_core.analysis.attribution import maps
    from vae_core.analysis.attribution.dual import unit_effects
    from vae_core.analysis.attribution.maps import MapSettings, attribute
    from vae_core.analysis.attribution.sanity import randomisation_check
    from vae_core.analysis.attribution.targets import Target
    from vae_core.checkpoints import store
    from vae_core.training.keras_export import to_keras

    loaded = store.load(checkpoint)
    engine = loaded.engine()
    encoder, decoder = to_keras(loaded.network, loaded.weights)
    rng = np.random.default_rng(0)
    image = rng.random(engine.image_shape, np.float32)
    noisy = image + 0.15 * rng.standard_normal((25, *image.shape), np.float32)
    path = np.linspace(0, 1, 50, dtype=np.float32)[:, None, None, None] * image
    good = True
    for text in ("z0", "kl", "reconstruction"):
        target, with_tape = Target.parse(text, engine.latent_dim), tape(encoder, decoder, text)

        def ours(method: str, target: Target = target, **settings: Any) -> Callable[[], Any]:
            return lambda: attribute(engine, image, target, method, MapSettings(**settings))

        def theirs(batch: np.ndarray, with_tape: Callable[[np.ndarray], np.ndarray] = with_tape) -> Callable[[], Any]:
            return lambda: with_tape(batch)

        found = in_turns(
            {
                "gradient": ours(maps.GRADIENT),
                "gradient, tape": theirs(image[None]),
                "smoothgrad": ours(maps.SMOOTHGRAD),
                "smoothgrad, tape": theirs(noisy),
                "integrated gradients, 50 steps": ours(maps.INTEGRATED, steps=50),
                "integrated gradients, 50 steps, tape": theirs(path),
                "integrated gradients, 200 steps": ours(maps.INTEGRATED),
                "occlusion": ours(maps.OCCLUSION),
                "grad_cam": ours(maps.GRAD_CAM),
                "vae_attention": ours(maps.ATTENTION),
            },
            repeat,
        )
        for name, times in found.items():
            tape_times = found.get(f"{name}, tape")
            ratio = (
                ""
                if tape_times is None
                else f", tape / ours {statistics.median(tape_times) / statistics.median(times):.2f}"
            )
            if name.endswith("tape"):
                continue
            bar = MANY_PASSES if name.startswith(("integrated", "occlusion")) else ONE_MAP
            good &= verdict(f"{text}, {name}{ratio}: p50", p(times, 0.5), bar, "ms", at_least=False)
    rest = in_turns({"what each unit changes": lambda: unit_effects(engine, image)}, repeat)
    print(", ".join(f"{name}: p50 {p(times, 0.5):.1f} ms" for name, times in rest.items()))
    target = Target.parse("z0", engine.latent_dim)
    check = in_turns({"check": lambda: randomisation_check(engine, image, target, maps.GRADIENT)}, 3)["check"]
    print(f"check of a gradient by random weights: {p(check, 0.5):.0f} ms")
    return good


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="checkpoints/fashion-2d")
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    return 0 if compare(options.checkpoint, options.repeat) else 1


if __name__ == "__main__":
    sys.exit(main())
