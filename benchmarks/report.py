"""What the model's report costs: exact log p(x) of many images by one matrix product, against a loop over the images.

    python benchmarks/report.py [--checkpoint checkpoints/fashion-2d] [--images 500] [--side 81]

Drawn clothes serve as pictures: times do not depend on what is on them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import verdict
from vae_core.analysis.likelihood import bernoulli_loss
from vae_core.analysis.report.grid_posterior import grid_for, grid_posterior
from vae_core.checkpoints import store
from vae_core.datasets.drawn import wardrobe


def main() -> int:
    """Time both, and compare what they give."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="checkpoints/fashion-2d")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--side", type=int, default=81)
    options = parser.parse_args()
    engine = store.load(options.checkpoint).engine(threads=1)
    images = wardrobe.draw(options.images)[0].astype(np.float32) / 255
    grid = grid_for(engine, options.side)
    engine.decode_logits(grid.points()[:100])
    began = time.process_time()
    ours = grid_posterior(engine, images, grid).log_p
    taken = time.process_time() - began
    began = time.process_time()
    logits, prior = engine.decode_logits(grid.points()), grid.log_prior()
    by_loop = np.array(
        [
            np.logaddexp.reduce(prior - bernoulli_loss(np.broadcast_to(image, logits.shape), logits)) + grid.log_cell
            for image in images
        ]
    )
    loop = time.process_time() - began
    print(
        f"{options.images} images, {options.side} × {options.side} points: {taken:.2f} CPU-s, a loop {loop:.2f} CPU-s"
    )
    difference = float(np.abs(ours - by_loop).max())
    same = verdict("largest difference of the two", difference, 0.01, "nats", at_least=False)
    return 0 if verdict("exact log p(x), loop / matrix product", loop / taken, 10) and same else 1


if __name__ == "__main__":
    sys.exit(main())
