"""The cached functions of the page Applications: the figures that were measured of a model's uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from pages.ui.app.cache import LoadedModel
from vae_core.checkpoints import measurements
from vae_core.storage.errors import FileProblem
from vae_core.storage.kind import WEIGHTS
from vae_core.storage.records import stamps

T = TypeVar("T")


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
