"""The kind of a folder: a run that is trained in, or a model that is looked at. Each command refuses the other kind.

>>> kind_of(Path("."), {"kind": "model"})
'model'
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae_core.storage.errors import FileProblem
from vae_core.storage.records import read_object, unchanged

KIND = "kind"  # the key in config.json
RUN, MODEL = "run", "model"
WEIGHTS = "model.safetensors"  # a run has its weights in snapshots
OF_RUNS = ("status.json", "control.json", "request.json", "metrics.jsonl", "checkpoint")


def kind_of(path: Path, config: Mapping[str, Any] | None = None) -> str | None:
    """Tell whether a folder is a run or a model; never raises.

    The marker in config.json decides; folders of older programs are told by their files.

    Args:
        path: The folder.
        config: Its config.json, if it has just been read.

    Returns:
        "run", "model", or None for a folder that is neither.
    """
    try:
        kind = (unchanged(path / "config.json", read_object) if config is None else config).get(KIND)
        if kind in (RUN, MODEL):
            return str(kind)
        described = True
    except FileProblem:
        described = os.path.lexists(path / "config.json")
    if described and os.path.lexists(path / WEIGHTS):
        return MODEL
    names = {name for name in OF_RUNS if os.path.lexists(path / name)}
    # One that waits for its turn has no config.json yet.
    return RUN if (names if described else {"status.json", "control.json"} <= names) else None


def surroundings(path: Path) -> tuple[str, Path] | None:
    """The run or model that a path lies inside, as (kind, folder); None where it lies in none."""
    for parent in Path(os.path.abspath(path)).parents:
        if kind := kind_of(parent):
            return kind, parent
    return None
