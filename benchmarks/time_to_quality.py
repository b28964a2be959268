"""CPU-seconds until `swift` is as good as `classic` is after ten epochs. One thread, both measured here, interleaved.

    python benchmarks/time_to_quality.py            # three seeds, about half an hour of one core
    python benchmarks/time_to_quality.py --small    # one seed, two epochs of classic on 6,000 images: a smoke test

classic: plain Keras `fit`, batch 128, Adam 1e-3. swift: `training.train` with the run directory and all that is live,
and a budget of images fixed beforehand, since its learning rate falls to zero at the budget's end. Quality is −ELBO on the test
split (10,000 images, one sample of z, beta = 1), measured after the clock has stopped. The budget was chosen on the validation split.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import child, verdict

SWIFT_IMAGES = 32_000  # 0.6 of a pass over the training split


def train_one(which: str, seed: int, epochs: int, images: int, split: str) -> dict[str, Any]:
    """Train one model in this process; CPU-seconds of training alone, and its −ELBO."""
    import keras

    from vae_core.analysis.evaluation import evaluate
    from vae_core.config import ModelConfig, TrainingConfig
    from vae_core.datasets import loading
    from vae_core.network import presets
    from vae_core.network.engine import Engine
    from vae_core.runs.directory import Run
    from vae_core.training.train import train
    from vae_core.training.vae import VAE, get_weights

    data = loading.load()
    model = ModelConfig(which)
    if which == "classic":
        pictures = data.images("train", images or None)
        keras.utils.set_random_seed(seed)
        vae = VAE(presets.build(model), seed=seed)
        vae.compile(optimizer=keras.optimizers.Adam(1e-3))
        cpu, wall = time.process_time(), time.perf_counter()
        vae.fit(pictures, batch_size=128, epochs=epochs, verbose=0)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        engine = Engine(vae.network, get_weights(vae))
    else:
        with tempfile.TemporaryDirectory() as folder:
            run = Run(Path(folder) / "run")
            # Small batches and a short memory of the weights: best where there is little time.
            recipe = TrainingConfig(epochs, 32, 2.5e-3, ema=0.99, images=images, seed=seed)
            cpu, wall = time.process_time(), time.perf_counter()
            train(model, recipe, data, run)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            engine = Engine(presets.build(model), run.snapshot_weights())
    figures = evaluate(engine, data, split, knn=False)
    return {
        "cpu": cpu,
        "wall": wall,
        "value": figures["negative_elbo"]["value"],
        "n": figures["negative_elbo"]["n"],
        "data": data.title(split),
    }


def main() -> int:
    """Interleave the seeds, print every run, then the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a smoke test: small budget, no bar")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--swift-images", type=int, default=SWIFT_IMAGES)
    parser.add_argument(
        "--split", choices=("validation", "test"), default="test", help="validation: to choose the budget"
    )
    parser.add_argument("--only", choices=("swift", "classic"), help="measure one of the two")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        which, seed, epochs, images = options.one
        print(json.dumps(train_one(which, int(seed), int(epochs), int(images), options.split)))
        return 0
    budgets = {
        "classic": (2, 6000) if options.small else (10, 0),
        "swift": (1, 3000 if options.small else options.swift_images),
    }
    rows: dict[str, list[dict[str, Any]]] = {"classic": [], "swift": []}
    for seed in range(1 if options.small else options.seeds):
        for which, (epochs, images) in budgets.items():
            if options.only in (None, which):
                found = child(__file__, "--split", options.split, "--one", which, str(seed), str(epochs), str(images))
                rows[which].append(found)
                print(
                    f"{which:8} seed {seed}: {found['cpu']:.1f} CPU-s, {found['wall']:.1f} s, −ELBO {found['value']:.2f} on {found['data']}",
                    flush=True,
                )
    if options.only:
        return 0
    mean = {
        which: {key: statistics.mean(r[key] for r in found) for key in ("cpu", "wall", "value")}
        for which, found in rows.items()
    }
    ratio, wall = (mean["classic"][key] / mean["swift"][key] for key in ("cpu", "wall"))
    print(f"wall-clock ratio {wall:.1f}")
    behind = mean["swift"]["value"] - mean["classic"]["value"]
    good = verdict("−ELBO of swift − classic, means over the seeds", behind, 0, "nats", at_least=False)
    worst = max(r["value"] for r in rows["swift"]) - min(r["value"] for r in rows["classic"])
    print(f"worst seed of swift − best seed of classic: {worst:+.2f} nats (a stricter reading, without a bar)")
    good &= verdict("CPU-seconds of classic / swift", ratio, 12)
    return 0 if good or options.small else 1


if __name__ == "__main__":
    sys.exit(main())
