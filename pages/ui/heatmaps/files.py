"""The raw activations as a file to download. No streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

from pages.ui.heatmaps.pictures import FeatureMaps


def npz(feature_maps: Sequence[FeatureMaps]) -> bytes:
    """All raw activations, float32, as "encoder/conv_1" (h, w, channels) and so on, with "picture" and "z".

    Of two pictures the names begin with "1/" and "2/".
    """
    arrays: dict[str, Any] = {}
    for number, picture_maps in enumerate(feature_maps, 1):
        prefix = f"{number}/" if len(feature_maps) > 1 else ""
        arrays[f"{prefix}picture"] = picture_maps.below["encoder"]
        arrays[f"{prefix}z"] = picture_maps.z
        arrays |= {
            f"{prefix}{part}/{layer}": maps
            for part, layers in picture_maps.maps.items()
            for layer, maps in layers.items()
        }
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
