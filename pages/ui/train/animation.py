"""An animation (GIF) of the map being learned, from the snapshots of a run or of a model that was kept with them. No streamlit.

At each snapshot: the plane of z, decoded where it lies by the decoder of that step, and the codes of the fixed test images in
the colours of their classes. Between two snapshots the codes glide and the pictures fade: what is shown there is no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pages.ui.formatting import plain_text
from pages.ui.images import class_colour
from vae_core.analysis import latent_points
from vae_core.analysis.mosaics import mosaic
from vae_core.checkpoints.timeline import Frame, frame_steps, load_frame
from vae_core.network.layers import Network
from vae_core.runs.directory import Run
from vae_core.storage.records import read_object

EXTENT = 3.0  # half the side of the plane
CODES = 500  # drawn
NAMES = 16  # classes that the legend has room for
PANEL, PAPER, INK, FAINT, BAR, DONE = 190, "#16131d", "#f4f1fa", "#a79fb8", "#3a3348", "#b79cff"
HOLD, TICK, LAST = 900, 70, 2600  # milliseconds a snapshot, a frame between two, and the last one stay
GREYS = 24  # levels: more take more room than they are worth
SIDE = 420  # pixels of the plane at most


@dataclass(frozen=True)
class Animation:
    """A GIF and the number of its frames."""

    data: bytes
    frames: int


def animation(path: Path, tiles: int = 14, between: int = 6, steps: Sequence[int] | None = None) -> Animation:
    """The animation of a run or a model.

    Args:
        path: Its folder.
        tiles: Pictures along a side of the plane at most.
        between: Frames between two snapshots.
        steps: Of the snapshots; by default all.

    Raises:
        ValueError: It has fewer than two snapshots, or one latent unit.
    """
    run, steps = Run(path), list(steps or frame_steps(path))
    if len(steps) < 2:
        raise ValueError(
            f"{path} has {len(steps)} snapshots, an animation needs two. Name a run or a model kept with a timeline."
        )
    network = run.network()
    if network.latent_dim < 2:
        raise ValueError(f"{path} has one latent unit and so no map; two or more are needed.")
    frames = [load_frame(path, network, step) for step in steps]
    units = _units(frames[-1])
    tiles = max(min(tiles, SIDE // network.image_shape[1]), 2)
    labels = frames[0].latents.labels[:CODES]
    known = read_object(path / "config.json")["dataset"].get("classes", [])
    names = [plain_text(name, 18) for name in known][: min(int(labels.max()) + 1, NAMES)]
    planes = [_plane(network, frame, units, tiles) for frame in frames]
    places = [frame.latents.z_mean[:CODES, units] for frame in frames]
    pictures, durations = [], []
    for i, step in enumerate(steps):
        pictures.append(_draw(planes[i], places[i], labels, names, step, i / (len(steps) - 1)))
        durations.append(LAST if i == len(steps) - 1 else HOLD)
        for part in range(1, between + 1) if i < len(steps) - 1 else ():
            t = part / (between + 1)
            eased = t * t * (3 - 2 * t)
            plane, codes = ((1 - eased) * pair[i] + eased * pair[i + 1] for pair in (planes, places))
            pictures.append(_draw(plane, codes, labels, names, step, (i + t) / (len(steps) - 1)))
            durations.append(TICK)
    colours = _palette(names) if network.image_shape[2] == 1 else pictures[-1].quantize(255)
    flat = [picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture in pictures]
    out = BytesIO()
    flat[0].save(out, "GIF", save_all=True, append_images=flat[1:], duration=durations, loop=0, optimize=False)
    return Animation(out.getvalue(), len(flat))


def _units(frame: Frame) -> list[int]:
    """The two units with the highest KL, in their order; of two units both."""
    mean, log_var = np.float64(frame.latents.z_mean), np.float64(frame.latents.z_log_var)
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).mean(axis=0)
    return sorted(np.argsort(-kl, kind="stable")[:2].tolist())


def _plane(network: Network, frame: Frame, units: list[int], tiles: int) -> np.ndarray:
    """The decoded plane: float32 (side, side, 3) in 0..255, the first unit to the right and the second upwards."""
    places, _ = latent_points.grid(2, tiles, extent=EXTENT)
    z = np.zeros((len(places), network.latent_dim), np.float32)
    z[:, units] = places
    whole = mosaic(frame.engine(network).decode(z), columns=tiles, gap=0)
    return np.broadcast_to(whole, (*whole.shape[:2], 3)).astype(np.float32)


def _draw(
    picture: np.ndarray, codes: np.ndarray, labels: np.ndarray, names: list[str], step: int, share: float
) -> Image.Image:
    """One frame. codes (n, 2). share: of the training that is over, for the bar."""
    side = len(picture)
    image = Image.new("RGB", (side + PANEL, side), PAPER)
    image.paste(Image.fromarray(picture.round().astype(np.uint8)), (0, 0))
    pen = ImageDraw.Draw(image)
    for (right, up), label in zip(codes, labels, strict=True):
        x, y = side * (right + EXTENT) / (2 * EXTENT), side * (EXTENT - up) / (2 * EXTENT)
        if 0 <= x < side and 0 <= y < side:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), class_colour(int(label)), outline="#000000")
    large, small = ImageFont.load_default(size=17), ImageFont.load_default(size=14)
    left = side + 18
    pen.text((left, 14), "A map of pictures,\nbeing learned", INK, large, spacing=5)
    pen.text((left, 72), f"step {step:,}", INK, large)
    pen.rectangle((left, 100, side + PANEL - 18, 105), BAR)
    pen.rectangle((left, 100, left + share * (PANEL - 36), 105), DONE)
    for row, name in enumerate(names):
        y = 126 + 21 * row
        pen.ellipse((left, y + 3, left + 10, y + 13), class_colour(row), outline="#000000")
        pen.text((left + 18, y), name, INK, small)
    if side > 126 + 21 * len(names) + 34:
        pen.text(
            (left, side - 34), f"{len(codes)} test images;\nz within 3 of 0", FAINT, ImageFont.load_default(size=11)
        )
    return image


def _palette(names: list[str]) -> Image.Image:
    """Greys for the pictures, the classes' colours, those of the panel: so that nothing flickers."""
    greys = [value for level in np.linspace(0, 255, GREYS).round().astype(int) for value in (level,) * 3]
    others = [class_colour(label) for label in range(len(names))] + [PAPER, INK, FAINT, BAR, DONE, "#625b70"]
    colours = [int(text[i : i + 2], 16) for text in others for i in (1, 3, 5)]
    made = Image.new("P", (1, 1))
    made.putpalette((greys + colours + [0] * 768)[:768])
    return made
