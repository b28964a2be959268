"""What a trainer is asked for while it works: control.json, as a checked value.

>>> Control(command="pause").steps
0
>>> Control(command="hurry")
Traceback (most recent call last):
    ...
vae_core.runs.control.RunError: control command must be run, wait, pause or stop, got 'hurry'.
"""

from __future__ import annotations

from dataclasses import dataclass

from vae_core.runs.formats import COMMANDS, MAX_COUNT
from vae_core.storage.errors import printable


class RunError(ValueError):
    """A run directory that cannot be used as asked: what is wrong and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@dataclass(frozen=True)
class Control:
    """What the trainer is asked for.

    Attributes:
        command: "run", "pause", "stop", or "wait": "run" when the run's turn has come (see `vae_core.jobs.queue`).
        steps: Single batches asked for while paused; only grows.
        learning_rate: From the next batch on, 0..1000; None leaves the recipe's.
        beta: Weight of the KL term from the next batch on, 0..1e9; None leaves the recipe's.

    Raises:
        RunError: For a value that is none of these.
    """

    command: str = "run"
    steps: int = 0
    learning_rate: float | None = None
    beta: float | None = None

    def __post_init__(self) -> None:
        if self.command not in COMMANDS:
            raise RunError(f"control command must be run, wait, pause or stop, got {self.command!r}.")
        if type(self.steps) is not int or not 0 <= self.steps <= MAX_COUNT:
            raise RunError(f"control steps must be a whole number, got {self.steps!r}.")
        for name, high in (("learning_rate", 1000.0), ("beta", 1e9)):
            value = getattr(self, name)
            if value is not None and not (type(value) in (int, float) and 0 <= value <= high):
                raise RunError(f"{name} must be a number in 0..{high:g}, got {value!r}.")
