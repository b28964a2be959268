"""Models on disk: `load` one, `list_checkpoints` of a folder."""

from vae_core.checkpoints.store import Checkpoint, CheckpointError, list_checkpoints, load

__all__ = ["Checkpoint", "CheckpointError", "list_checkpoints", "load"]
