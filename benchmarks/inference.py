"""How fast one looks: the ONNX engine against Keras' `predict` and a warmed `tf.function`, in the same run.

    python benchmarks/inference.py [--checkpoint checkpoints/fashion-2d] [--repeat 200]

One process measures all three, one after another in turns, so that each meets the same machine. Cold start is measured in
fresh processes: import, load, first decode. The last part decodes while a run trains in a niced process beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import ROOT, child, verdict
from vae_core.jobs.worker import NICE


def p(times: list[float], share: float) -> float:
    """A percentile in milliseconds."""
    return 1000 * float(np.quantile(times, share))


def in_turns(calls: dict[str, Callable[[], Any]], repeat: int) -> dict[str, list[float]]:
    """Seconds of each call, warmed; in turns of ten calls each, so that all meet the same machine and their own caches."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(-(-repeat // 10)):
        for name, call in calls.items():
            call()
            for _ in range(min(10, repeat)):
                began = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - began)
    return times


def compare(checkpoint: str, repeat: int) -> bool:
    """The table, and whether every bar is met."""
    from vae_core.jobs.quiet_import import without_notes

    with without_notes():
        import keras
        import tensorflow as tf

    from vae_core.analysis import latent_points
    from vae_core.checkpoints import store
    from vae_core.training.keras_export import to_keras

    loaded = store.load(checkpoint)
    engine = loaded.engine()
    encoder, decoder = to_keras(loaded.network, loaded.weights)
    rng = np.random.default_rng(0)
    image = rng.random((1, *engine.image_shape), np.float32)
    many = rng.random((10_000, *engine.image_shape), np.float32)
    z = rng.standard_normal((1, engine.latent_dim)).astype(np.float32)
    lattice = latent_points.grid(engine.latent_dim, 20)[0].astype(np.float32)
    names = [layer.name for layer in loaded.network.encoder.layers]
    layers = keras.Model(encoder.input, [encoder.get_layer(name).output for name in names] + encoder.outputs)
    decode, encode, every = (tf.function(model, reduce_retracing=True) for model in (decoder, encoder, layers))

    def slices(function: Any) -> Any:
        return [[part.numpy() for part in function(many[i : i + 500])] for i in range(0, len(many), 500)]

    tables: dict[str, tuple[int, dict[str, Callable[[], Any]]]] = {
        "one decode": (
            repeat,
            {
                "engine": lambda: engine.decode(z),
                "tf.function": lambda: tf.sigmoid(decode(z)).numpy(),
                "predict": lambda: decoder.predict(z, verbose=0),
            },
        ),
        "20×20 grid": (
            max(5, repeat // 10),
            {"engine": lambda: engine.decode(lattice), "tf.function": lambda: tf.sigmoid(decode(lattice)).numpy()},
        ),
        "all activations of one image": (
            repeat,
            {
                "engine": lambda: engine.encoder_activations(image),
                "tf.function": lambda: [part.numpy() for part in every(image)],
            },
        ),
        "10,000 encodes": (
            max(3, repeat // 40),
            {
                "engine": lambda: engine.encode(many),
                "tf.function in slices": lambda: slices(encode),  # in as little memory as the engine needs
                "tf.function in one call": lambda: [part.numpy() for part in encode(many)],
                "predict": lambda: encoder.predict(many, verbose=0),
            },
        ),
    }
    bars = {
        ("one decode", "predict"): 200.0,
        ("one decode", "tf.function"): 4.0,
        ("all activations of one image", "tf.function"): 5.0,
        ("10,000 encodes", "tf.function in slices"): 1.5,
        ("10,000 encodes", "tf.function in one call"): 1.5,
        ("10,000 encodes", "predict"): 1.5,
    }
    builds = in_turns({"build": lambda: loaded.engine().reconstruct(image)}, 20)["build"]
    good = verdict(
        "engine from a snapshot's weights, with its first encode and decode", p(builds, 0.5), 100, "ms", at_least=False
    )
    for what, (times_each, calls) in tables.items():
        found = in_turns(calls, times_each)
        print(
            what
            + ": "
            + ", ".join(f"{name} p50 {p(t, 0.5):.3f} ms, p95 {p(t, 0.95):.3f} ms" for name, t in found.items())
        )
        for other in found:
            if (what, other) in bars:
                ratio = statistics.median(found[other]) / statistics.median(found["engine"])
                good &= verdict(f"{what}, {other} / engine", ratio, bars[what, other])
    return good


def cold(checkpoint: str, which: str) -> float:
    """Seconds from nothing imported to the first decoded picture."""
    began = time.perf_counter()
    from vae_core.checkpoints import store

    loaded = store.load(checkpoint)
    z = np.zeros((1, loaded.network.latent_dim), np.float32)
    if which == "engine":
        loaded.engine().decode(z)
    else:
        from vae_core.training.keras_export import to_keras

        to_keras(loaded.network, loaded.weights)[1](z).numpy()
    return time.perf_counter() - began


def beside_training(checkpoint: str, repeat: int) -> bool:
    """Decode p95 alone, then while a niced trainer runs on the same cores."""
    from vae_core.checkpoints import store
    from vae_core.runs.directory import Run

    engine = store.load(checkpoint).engine()
    z = np.zeros((1, engine.latent_dim), np.float32)

    def paced() -> list[float]:
        """A visitor's pace: one decode each 10 ms."""
        times = []
        for _ in range(repeat * 5):
            time.sleep(0.01)
            began = time.perf_counter()
            engine.decode(z)
            times.append(time.perf_counter() - began)
        return times

    alone = paced()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        command = [
            sys.executable,
            "-m",
            "vae_core",
            "train",
            "--epochs",
            "1000",
            "--images",
            "5000",
            "--run-dir",
            str(run.path),
        ]
        trainer = subprocess.Popen(
            ["nice", "-n", str(NICE), *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while run.status().get("step", 0) < 20 and trainer.poll() is None:
                time.sleep(0.2)
            busy = paced()
            state = run.state()[0]
        finally:
            trainer.terminate()
            trainer.wait(60)
    print(
        f"decode at a visitor's pace: alone p95 {p(alone, 0.95):.3f} ms, beside a trainer ({state}) p95 {p(busy, 0.95):.3f} ms"
    )
    return verdict("decode p95 beside training / alone", p(busy, 0.95) / p(alone, 0.95), 2, at_least=False)


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="checkpoints/fashion-2d")
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--cold", choices=("engine", "tensorflow"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cold:
        print(json.dumps({"seconds": cold(options.checkpoint, options.cold)}))
        return 0
    starts = {
        which: min(child(__file__, "--checkpoint", options.checkpoint, "--cold", which)["seconds"] for _ in range(3))
        for which in ("engine", "tensorflow")
    }
    print(
        f"cold start, import to first decode: engine {starts['engine']:.2f} s, TensorFlow {starts['tensorflow']:.2f} s (best of 3)"
    )
    good = verdict("engine cold start", starts["engine"], 1, "s", at_least=False)
    good &= beside_training(options.checkpoint, options.repeat)
    good &= compare(options.checkpoint, options.repeat)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
