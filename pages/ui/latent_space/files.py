"""What the page Latent space gives to take away: z, pictures, codes. Bytes and text out. No streamlit."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pages.ui.app.cache import LoadedModel
from pages.ui.app.subject import Subject, in_words
from pages.ui.formatting import file_text, unit_name
from pages.ui.images import SIDE, enlarge
from pages.ui.latent_space.landmarks import Landmarks, small
from vae_core.analysis import latent_points
from vae_core.analysis.backendless import matplotlib
from vae_core.analysis.mosaics import mosaic

PICTURE = 448  # pixels a side, about: 28 × 28 sixteenfold
SHEET = 1120  # pixels a side of the grid
TICKS = 4
MARGIN, LINE = 64, 26
INK, PAPER = "#1d1a26", "#ffffff"


def z_json(model: LoadedModel, selected: Subject) -> str:
    """Where the shown picture lies: z, and its posterior's z_log_var if it has one."""
    facts = {
        "model": model.checkpoint.name,
        "step": model.checkpoint.step,
        "subject": selected.name,
        "is": "a chosen point" if selected.decoded else "z_mean of the picture",
        "z": [float(value) for value in selected.z],
        "z_log_var": None if selected.z_log_var is None else [float(value) for value in selected.z_log_var],
    }
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def picture_png(image: np.ndarray) -> bytes:
    """A picture (h, w, c), enlarged without blur."""
    return _png(Image.fromarray(enlarge(image, PICTURE)))


def grid_units(model: LoadedModel, facts: Landmarks | None) -> tuple[int, int]:
    """The two units that the grid moves: the first two of two, else those with the highest KL."""
    if model.engine.latent_dim == 2 or facts is None:
        return 0, 1
    return int(facts.order[0]), int(facts.order[1])


def grid_png(model: LoadedModel, selected: Subject, facts: Landmarks | None) -> bytes:
    """The plane of two units decoded on SIDE × SIDE places, with title and axes; the other units stay as in the shown z."""
    across, up = grid_units(model, facts)
    extent = 3.0 if facts is None else facts.extent
    z, (steps, _) = latent_points.grid(model.engine.latent_dim, SIDE, (across, up), extent=extent, base=selected.z)
    tiles = small(model.engine.decode(z))
    times = max(1, SHEET // (SIDE * tiles.shape[2]))
    sheet = mosaic(tiles, columns=SIDE, gap=0, scale=times)
    height, width = sheet.shape[:2]
    rest = f"; the other units as in {in_words(selected.z)}" if model.engine.latent_dim > 2 else ""
    title = f"{model.checkpoint.name}: {SIDE} × {SIDE} pictures decoded where they lie{rest}"
    axes = f"{unit_name(across)} to the right, {unit_name(up)} upwards, even steps from {_signed(-extent)} to {_signed(extent)}"
    page = Image.new("RGB", (width + MARGIN + LINE, height + MARGIN + 2 * LINE), PAPER)
    page.paste(Image.fromarray(sheet), (MARGIN, 2 * LINE))
    pen, font = ImageDraw.Draw(page), _font()
    pen.text((MARGIN, 4), title, INK, font)
    pen.text((MARGIN, 26), axes, INK, font)
    for i in np.linspace(0, SIDE - 1, TICKS).round().astype(int):
        middle, words = (i + 0.5) * width / SIDE, _signed(steps[i])
        pen.text((MARGIN + middle, height + 2 * LINE + 6), words, INK, font, anchor="ma")
        pen.text((MARGIN - 8, 2 * LINE + height - middle * height / width), words, INK, font, anchor="rm")
    return _png(page)


def stem(model: LoadedModel, selected: Subject) -> str:
    """For a file's name: "fashion-2d-test-image-12"."""
    what = "point" if selected.decoded else f"test-image-{selected.index}" if selected.index is not None else "picture"
    return f"{file_text(model.checkpoint.name)}-{what}"


def _signed(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−")


def _font() -> ImageFont.FreeTypeFont:
    """Pillow's own font has no subscripts and no minus."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 15)


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
