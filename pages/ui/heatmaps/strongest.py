"""The test pictures that a channel answers most strongly to, each with its heatmap and the pixels that the strongest response saw."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.model_pictures import missing
from pages.ui.formatting import number
from pages.ui.heatmaps.cache import strongest_of
from pages.ui.images import enlarge
from pages.ui.shared.picture import picture
from vae_core.analysis import mosaics
from vae_core.analysis.attribution import drawing
from vae_core.analysis.attribution.strongest import Box, receptive_field
from vae_core.analysis.checks import unit_range

TILE = 112  # pixels a side of a picture in the sheet
FRAME = np.array([255, 210, 0], np.uint8)


def strongest_pictures(model: LoadedModel, test_images: Source | None, part: str, layer: str, channel: str) -> None:
    """Below the channels: nothing for a summary of them, a sentence where there is nothing to look through."""
    if not channel.isdecimal():
        return
    st.markdown(f"**What channel {int(channel):d} answers most strongly to**")
    if part != "encoder":
        st.caption("A channel of the decoder looks at z, not at a picture: choose one of the encoder.")
        return
    if test_images is None:
        st.caption(missing(model))
        return
    if not len(test_images.labels):
        st.caption("The data set has no test pictures to look through.")
        return
    found = strongest_of(model, test_images, layer)
    k = int(channel)
    if found.strengths[k].max() <= 0:
        st.caption(f"It answers to none of {found.n:,d} test pictures.")
        return
    images = unit_range(test_images.pixels[found.indices[k]])
    maps = model.engine.encoder_activations(images)[layer][..., k]
    places = zip(found.rows[k].tolist(), found.columns[k].tolist(), strict=True)
    boxes = [receptive_field(model.engine.network.encoder, layer, row, column) for row, column in places]
    picture(
        sheet(images, maps, boxes),
        alt=f"The {len(boxes):d} test pictures that channel {k:d} answers most strongly to, and the pixels it saw there",
        width="stretch",
    )
    box = max(boxes, key=lambda box: (box.bottom - box.top) * (box.right - box.left))
    st.caption(
        f"The {len(boxes):d} of {found.n:,d} test pictures with its largest responses, {number(found.strengths[k][-1])} to "
        f"{number(found.strengths[k][0])}, strongest first: the response over the picture, and below it the pixels behind "
        f"its peak, {box.bottom - box.top:d} × {box.right - box.left:d} at most (yellow: its receptive field)."
    )


def sheet(images: np.ndarray, maps: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """Pictures (n, h, w, c) in [0, 1] with maps (n, h', w') over them above, and the pixels of the boxes below: (H, W, 3) uint8."""
    top = max(float(np.abs(maps).max()), 1e-12)
    above, below = [], []
    for image, values, box in zip(images, maps, boxes, strict=True):
        large = enlarge(image, TILE)
        over = drawing.over_picture(large, values, signed=bool(maps.min() < 0), limit=top).rgb.copy()
        times = large.shape[1] // image.shape[1]
        _outline(over, Box(*(edge * times for edge in box)))
        above.append(over)
        patch = enlarge(image[box.top : box.bottom, box.left : box.right], TILE)
        colours = np.stack([patch] * 3, axis=2) if patch.ndim == 2 else patch
        below.append(mosaics.resize(colours, (over.shape[0], over.shape[1])))
    return mosaics.mosaic(np.stack(above + below), columns=len(above), gap=4, fill=128)


def _outline(picture: np.ndarray, box: Box, width: int = 2) -> None:
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    for line in (slice(box.top, box.top + width), slice(box.bottom - width, box.bottom)):
        picture[line, columns] = FRAME
    for line in (slice(box.left, box.left + width), slice(box.right - width, box.right)):
        picture[rows, line] = FRAME
