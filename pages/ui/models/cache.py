"""The cached functions of the page Models: what is known of a model without opening it, and its losses over epochs.

model_facts(entry), model_curves(entry), folder_size(path)
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui.models.facts import Facts, facts_of
from vae_core.checkpoints.errors import CheckpointError
from vae_core.checkpoints.history import Curves, curves
from vae_core.checkpoints.registry import Entry
from vae_core.checkpoints.store import inspect


def folder_size(path: Path) -> int:
    """Bytes of a model's folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def model_facts(entry: Entry) -> Facts | str:
    """What is known of a model without opening it; of one that cannot be opened, the sentence that says why."""
    return _facts(entry, str(entry.path), entry.changed, _written(entry.path))


@st.cache_resource(max_entries=64, show_spinner="Reading the models …", hash_funcs={Entry: lambda entry: entry.id})
def _facts(entry: Entry, path: str, changed: int, written: int) -> Facts | str:
    try:
        return facts_of(inspect(path), folder_size(entry.path))
    except CheckpointError as error:
        return str(error)


def model_curves(entry: Entry) -> Curves:
    """A model's losses over epochs."""
    return _curves(str(entry.path), _written(entry.path))


@st.cache_resource(max_entries=16, show_spinner=False)
def _curves(path: str, written: int) -> Curves:
    return curves(Path(path))


def _written(path: Path) -> int:
    """When the figures of a folder were last written; metrics.jsonl only counts until there is a history."""
    parts = [path / name for name in ("metrics.json", "history.csv", "metrics.jsonl")]
    return max((part.stat().st_mtime_ns for part in parts[: 2 if parts[1].exists() else 3] if part.exists()), default=0)
