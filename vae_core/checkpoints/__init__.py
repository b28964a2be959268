"""Models on disk: `load` one, `list_checkpoints` of a folder.

>>> list_checkpoints("no-such-folder")
[]
"""

from vae_core.checkpoints.errors import CheckpointError
from vae_core.checkpoints.store import Checkpoint, list_checkpoints, load

__all__ = ["Checkpoint", "CheckpointError", "list_checkpoints", "load"]
