"""What a page shows, as one PNG to download: a title over columns of pictures and lines of words. No streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vae_core.analysis import heatmaps
from vae_core.analysis.backendless import matplotlib

MARGIN, LINE, BAR = 16, 22, 12
Item = np.ndarray | str
INK, PAPER = "#1d1a26", "#ffffff"


def png(title: str, columns: Sequence[Sequence[Item]]) -> bytes:
    """A title over columns of pictures (h, w, 3) uint8 and lines of words, from top to bottom."""
    widths = [max([_width(item) for item in column], default=1) for column in columns]
    heights = [sum(_height(item) for item in column) for column in columns]
    width = max(sum(widths) + MARGIN * (len(widths) + 1), _width(title) + 2 * MARGIN)
    sheet = Image.new("RGB", (width, max(heights, default=0) + LINE + 3 * MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN), title, INK, _font())
    left = MARGIN
    for column, column_width in zip(columns, widths, strict=True):
        top = 2 * MARGIN + LINE
        for item in column:
            if isinstance(item, str):
                pen.text((left, top), item, INK, _font())
            else:
                sheet.paste(Image.fromarray(item), (left, top))
            top += _height(item)
        left += column_width + MARGIN
    buffer = BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def bar(colormap: str, width: int) -> np.ndarray:
    """The colours from low to high, (h, width, 3) uint8."""
    return heatmaps.colour_bar(colormap, height=BAR, width=width, horizontal=True)


def _font() -> ImageFont.FreeTypeFont:
    """Pillow's own font has no minus."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 13)


def _width(item: Item) -> int:
    return int(np.ceil(_font().getlength(item))) if isinstance(item, str) else item.shape[1]


def _height(item: Item) -> int:
    return LINE if isinstance(item, str) else item.shape[0] + MARGIN // 2
