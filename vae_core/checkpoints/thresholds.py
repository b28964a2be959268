"""What is usual for a model, kept beside it as thresholds.json: written when a run is kept, read by whoever gives verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae_core.analysis.thresholds import ALARM, MISFIT, SUPPORT, SUPPORT_ALARM
from vae_core.checkpoints.figures import Figure, read_figures
from vae_core.storage.errors import FileProblem
from vae_core.storage.files import write_json
from vae_core.storage.records import read_object

FILE = "thresholds.json"
NAMES = (*MISFIT, ALARM, SUPPORT, SUPPORT_ALARM)


def read_thresholds(folder: Path) -> dict[str, Figure]:
    """Thresholds of a model by name.

    Args:
        folder: Of a checkpoint, or of anything else.

    Returns:
        Name -> figure, of those that `analysis.thresholds.measure` gives; empty without the file, or of a damaged one: there
        are no verdicts then.
    """
    try:
        figures = read_figures(read_object(folder / FILE))
    except FileProblem:
        return {}
    return {name: figures[name] for name in NAMES if name in figures}


def write_thresholds(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write thresholds.json.

    Args:
        folder: Of a checkpoint.
        figures: As `analysis.thresholds.measure` gives them.

    Raises:
        OSError: The file cannot be written.
    """
    write_json(folder / FILE, figures)
