"""An animation of the map being learned, from the timeline that a model was kept with (or from a run's directory).

    python docs/learning_gif.py [--model checkpoints/fashion-2d] [--out docs/learning.gif] [--tiles 14] [--between 6]

At each snapshot: the plane of z, decoded where it lies by the decoder of that step, and the codes of the fixed test images in
the colours of their classes. Between two snapshots the codes glide and the pictures fade: what is shown there is no model.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from pages.ui.images import class_colour  # noqa: E402 - the package is not installed
from vae_core.analysis import latent_points  # noqa: E402
from vae_core.analysis.mosaics import mosaic  # noqa: E402
from vae_core.checkpoints.timeline import Frame, frame_steps, load_frame  # noqa: E402
from vae_core.runs.directory import Run  # noqa: E402
from vae_core.storage.records import read_object  # noqa: E402

EXTENT = 3.0  # half the side of the plane
CODES = 500  # drawn
PANEL, PAPER, INK, FAINT = 190, "#16131d", "#f4f1fa", "#a79fb8"
HOLD, TICK, LAST = 900, 70, 2600  # milliseconds a snapshot, a frame between two, and the last one stay
GREYS = 24  # levels: more take more room than they are worth


def plane(run: Run, frame: Frame, tiles: int) -> np.ndarray:
    """The decoded plane: float32 (side, side) in 0..255, z1 to the right and z2 upwards."""
    z, _ = latent_points.grid(2, tiles, extent=EXTENT)
    pictures = frame.engine(run.network()).decode(z)
    return mosaic(pictures, columns=tiles, gap=0)[..., 0].astype(np.float32)


def draw(
    picture: np.ndarray, codes: np.ndarray, labels: np.ndarray, names: list[str], step: int, share: float
) -> Image.Image:
    """One frame. codes (n, 2). share: of the training that is over, for the bar."""
    side = len(picture)
    image = Image.new("RGB", (side + PANEL, side), PAPER)
    image.paste(Image.fromarray(picture.round().astype(np.uint8)).convert("RGB"), (0, 0))
    pen = ImageDraw.Draw(image)
    for (right, up), label in zip(codes, labels, strict=True):
        x, y = side * (right + EXTENT) / (2 * EXTENT), side * (EXTENT - up) / (2 * EXTENT)
        if 0 <= x < side and 0 <= y < side:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), class_colour(int(label)), outline="#000000")
    large, small = ImageFont.load_default(size=17), ImageFont.load_default(size=14)
    left = side + 18
    pen.text((left, 14), "A map of clothes,\nbeing learned", INK, large, spacing=5)
    pen.text((left, 72), f"step {step:,}", INK, large)
    pen.rectangle((left, 100, side + PANEL - 18, 105), "#3a3348")
    pen.rectangle((left, 100, left + share * (PANEL - 36), 105), "#b79cff")
    for row, name in enumerate(names):
        y = 126 + 21 * row
        pen.ellipse((left, y + 3, left + 10, y + 13), class_colour(row), outline="#000000")
        pen.text((left + 18, y), name, INK, small)
    if side > 126 + 21 * len(names) + 34:
        pen.text(
            (left, side - 34), f"{len(codes)} test images;\nz within 3 of 0", FAINT, ImageFont.load_default(size=11)
        )
    return image


def palette(names: list[str]) -> Image.Image:
    """Greys for the garments, the classes' colours, those of the panel: so that nothing flickers."""
    greys = [value for level in np.linspace(0, 255, GREYS).round().astype(int) for value in (level,) * 3]
    others = [class_colour(label) for label in range(len(names))] + [PAPER, INK, FAINT, "#3a3348", "#b79cff", "#625b70"]
    colours = [int(text[i : i + 2], 16) for text in others for i in (1, 3, 5)]
    found = Image.new("P", (1, 1))
    found.putpalette((greys + colours + [0] * 768)[:768])
    return found


def make(model: Path, out: Path, tiles: int, between: int) -> tuple[int, int]:
    """Write the animation; returns frames and bytes. `SystemExit` says why there is none."""
    run, steps = Run(model), frame_steps(model)
    if len(steps) < 2:
        raise SystemExit(
            f"{model} has {len(steps)} snapshots, an animation needs two. Name a run or a model kept with a timeline."
        )
    network = run.network()
    if network.latent_dim != 2 or network.image_shape[2] != 1:
        raise SystemExit(
            f"{model} has {network.latent_dim} latent units and pictures of {network.image_shape}; two units and grey are needed."
        )
    frames = [load_frame(model, network, step) for step in steps]
    labels = frames[0].latents.labels[:CODES]
    names = [str(name) for name in read_object(model / "config.json")["dataset"].get("classes", [])][
        : int(labels.max()) + 1
    ]
    planes = [plane(run, frame, tiles) for frame in frames]
    places = [frame.latents.z_mean[:CODES] for frame in frames]
    pictures, durations = [], []
    for i, step in enumerate(steps):
        pictures.append(draw(planes[i], places[i], labels, names, step, i / (len(steps) - 1)))
        durations.append(LAST if i == len(steps) - 1 else HOLD)
        for part in range(1, between + 1) if i < len(steps) - 1 else ():
            t = part / (between + 1)
            eased = t * t * (3 - 2 * t)
            mixed = [(1 - eased) * pair[i] + eased * pair[i + 1] for pair in (planes, places)]
            pictures.append(draw(*mixed, labels, names, step, (i + t) / (len(steps) - 1)))
            durations.append(TICK)
    colours = palette(names)
    flat = [picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture in pictures]
    out.parent.mkdir(parents=True, exist_ok=True)
    flat[0].save(out, save_all=True, append_images=flat[1:], duration=durations, loop=0, optimize=False)
    return len(flat), out.stat().st_size


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "checkpoints" / "fashion-2d")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "learning.gif")
    parser.add_argument("--tiles", type=int, default=14, help="garments along a side of the plane")
    parser.add_argument("--between", type=int, default=6, help="frames between two snapshots")
    options = parser.parse_args()
    frames, size = make(options.model, options.out, options.tiles, options.between)
    print(f"{options.out.name}: {frames} frames, {size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
