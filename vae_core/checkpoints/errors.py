"""The error of a model that cannot be used.

>>> raise CheckpointError("there is no model at checkpoints/mine: not a folder.")
Traceback (most recent call last):
vae_core.checkpoints.errors.CheckpointError: there is no model at checkpoints/mine: not a folder.
"""

from __future__ import annotations

from vae_core.storage.errors import printable


class CheckpointError(ValueError):
    """A folder that is no usable model: which file, what is wrong with it, what to do."""

    def __init__(self, message: str) -> None:
        """Keep the message, with what no terminal can print replaced."""
        super().__init__(printable(message))
