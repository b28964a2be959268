"""The run directory: what a trainer writes and anyone may read."""

from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.index import list_runs

__all__ = ["Run", "RunError", "list_runs"]
