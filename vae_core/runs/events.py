"""What happened to a run on its way, from metrics.jsonl, as charts and logs tell it.

>>> turned = Event(7, 1.0, "beta", (1, 8))
>>> turned.words, marks([Event(7, 1.0, "paused"), turned])
('beta 1 → 8', ((7, 'beta 1 → 8, paused'),))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

DIALS = {"learning_rate": "learning rate", "beta": "beta"}
OTHERS = ("paused", "continued", "resumed", "stopped", "failed", "finished")


@dataclass(frozen=True)
class Event:
    """Something that happened to a run. values: of a dial before and after, as far as they are known."""

    step: int
    seconds: float
    name: str
    values: tuple[float, float] | None = None

    @property
    def words(self) -> str:
        """What happened: "beta 1 → 8", "paused"."""
        if self.values is None:
            return self.name
        old, new = self.values
        return f"{DIALS[self.name]} {f'{old:g} → ' if math.isfinite(old) else ''}{new:g}"


def marks(events: Iterable[Event]) -> tuple[tuple[int, str], ...]:
    """One mark a step: the dials first, each from its first to its last value, then what else happened.

    >>> marks([Event(7, 1.0, "paused"), Event(7, 1.0, "beta", (1, 4)), Event(7, 1.0, "beta", (4, 8)), Event(7, 1.0, "continued")])
    ((7, 'beta 1 → 8, paused'),)
    """
    steps: dict[int, list[Event]] = {}
    for event in events:
        steps.setdefault(event.step, []).append(event)
    return tuple((step, _mark(together)) for step, together in steps.items())


def _mark(events: list[Event]) -> str:
    dials: dict[str, Event] = {}
    others: list[str] = []
    for event in events:
        if event.values is not None:
            old = dials[event.name].values if event.name in dials else event.values
            dials[event.name] = replace(event, values=(old[0] if old else event.values[0], event.values[1]))
        elif event.name not in others and not (event.name == "continued" and "paused" in others):
            others.append(event.name)
    return ", ".join([*(event.words for event in dials.values()), *others])


def beta_sentence(events: Sequence[Event]) -> str:
    """Why the loss before and after the last turn of beta does not compare; "" where it was not turned."""
    last = next((event for event in reversed(events) if event.name == "beta" and event.values), None)
    if last is None or last.values is None:
        return ""
    old, new = last.values
    return (
        f"Since step {last.step:,} the loss weighs KL by {new:g} and no longer by {old:g}: it is another sum, and its values "
        "before and after do not compare. Reconstruction and KL do."
    )
