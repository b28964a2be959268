"""Drawn garments per CPU-second, of each class and of all ten, on one thread.

    python benchmarks/wardrobe.py [--n 4000] [--rounds 3]

The best of the rounds counts: another process can only slow one down.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import verdict
from vae_core.datasets.drawn.wardrobe import CLASSES, draw, draw_class

BAR = 5_000  # images/s


def speed(paint: Callable[[int], object], n: int, rounds: int) -> float:
    """Images per CPU-second of paint(seed), which draws n."""
    best = float("inf")
    for seed in range(rounds):
        start = time.process_time()
        paint(seed)
        best = min(best, time.process_time() - start)
    return n / best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=4000, help="garments per round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    each = max(64, asked.n // len(CLASSES))
    for label, name in enumerate(CLASSES):
        rate = speed(lambda seed, label=label: draw_class(label, each, seed), each, asked.rounds)  # type: ignore[misc]
        print(f"      {name}: {rate:,.0f} images/s", flush=True)
    rate = speed(lambda seed: draw(asked.n, seed), asked.n, asked.rounds)
    return 0 if verdict(f"draw({asked.n})", rate, BAR, "images/s") else 1


if __name__ == "__main__":
    sys.exit(main())
