"""The cached functions of the page Applications: the figures that were measured of a model's uses, and files of codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel
from vae_core.analysis import mosaics
from vae_core.analysis.applications.code_archive import ArchiveError, unpack
from vae_core.checkpoints import measurements
from vae_core.checkpoints.probe import affordable
from vae_core.storage.errors import FileProblem
from vae_core.storage.kind import WEIGHTS
from vae_core.storage.records import stamps

T = TypeVar("T")
MOST_SHOWN = 64  # pictures of a file of codes
SHEET = 600  # pixels across that their sheet has at least


class OpenedCodes(NamedTuple):
    """What a file of codes holds: how many pictures, how many of them are in the sheet, and the sheet, uint8 (height, width, 3)."""

    total: int
    shown: int
    sheet: np.ndarray


def measured(folder: Path, use: str, form: type[T], checksum: str | None = None) -> T | None:
    """What was measured of a use, as `form`; None if it has to be measured (again), or its file is damaged."""
    return _measured(str(folder), use, form, checksum, stamps(folder, WEIGHTS, measurements.file_name(use)))


@st.cache_resource(max_entries=64, show_spinner=False)
def _measured(folder: str, use: str, form: type[Any], checksum: str | None, stamp: tuple[Any, ...]) -> Any:
    try:
        return measurements.load(Path(folder), use, form, checksum)
    except (FileProblem, OSError):
        return None


def data_of(model: LoadedModel) -> str | None:
    """Checksum of the data that the model was trained on."""
    checksum = model.checkpoint.dataset.get("checksum")
    return checksum if isinstance(checksum, str) else None


@st.cache_data(
    max_entries=8,
    show_spinner="Reading the codes and decoding them …",
    hash_funcs={LoadedModel: lambda model: model.key},
)
def opened_codes(model: LoadedModel, data: bytes, name: str) -> OpenedCodes:
    """Decode a file of codes. `ArchiveError` says why it cannot be read."""
    z = unpack(data, model.engine, name)
    if not len(z):
        raise ArchiveError(f"{name} holds no picture. Name one that `compress` wrote.")
    shown = max(1, affordable(model.engine, min(len(z), MOST_SHOWN)))
    images = model.engine.decode(z[:shown])
    columns = min(shown, 8)
    scale = max(1, round(SHEET / (8 * images.shape[2])))
    return OpenedCodes(len(z), shown, mosaics.mosaic(images, columns=columns, gap=1, scale=scale))
