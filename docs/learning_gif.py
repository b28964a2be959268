"""An animation of the map being learned, from the timeline that a model was kept with (or from a run's directory).

    python docs/learning_gif.py [--model checkpoints/fashion-2d] [--out docs/learning.gif] [--tiles 14] [--between 6]

What it shows is told in pages/ui/train/animation.py, which draws it for the page Train too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from pages.ui.train.animation import animation  # noqa: E402 - the package is not installed


def make(model: Path, out: Path, tiles: int, between: int) -> tuple[int, int]:
    """Write the animation; returns frames and bytes. `SystemExit` says why there is none."""
    try:
        made = animation(model, tiles, between)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(made.data)
    return made.frames, len(made.data)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "checkpoints" / "fashion-2d")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "learning.gif")
    parser.add_argument("--tiles", type=int, default=14, help="pictures along a side of the plane")
    parser.add_argument("--between", type=int, default=6, help="frames between two snapshots")
    options = parser.parse_args()
    frames, size = make(options.model, options.out, options.tiles, options.between)
    print(f"{options.out.name}: {frames} frames, {size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
