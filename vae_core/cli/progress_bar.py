"""A training run's progress on a terminal.

>>> figures({"batch_time": 21.3, "eta_seconds": 151})
'21 ms/batch · 2:31 to go'
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn


@contextmanager
def progress_bar() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yields a function that takes a row of metrics or a status and draws it; a plain line at the end if piped."""
    columns = (
        TextColumn("{task.fields[state]} {task.fields[where]}"),
        BarColumn(24),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=None, state="starting", where="", figures="")

        def show(row: dict[str, Any]) -> None:
            step, total = row.get("step", 0), row.get("total_steps")
            progress.update(
                task,
                completed=step,
                total=total,
                state=row.get("state", ""),
                where=f"epoch {row.get('epoch', 0):.2f}",
                figures=figures(row),
            )

        yield show


def figures(row: dict[str, Any]) -> str:
    """Figures of a row of metrics in words: losses in nats, milliseconds a batch, time to go."""
    parts = []
    row = {name: value for name, value in row.items() if value is not None}  # the figures of a run that diverged
    if {"loss", "reconstruction_loss", "kl_loss"} <= row.keys():
        parts.append(
            f"loss {row['loss']:.1f} = reconstruction {row['reconstruction_loss']:.1f} + beta · KL {row['kl_loss']:.1f}"
        )
    if "batch_time" in row:
        parts.append(f"{row['batch_time']:.0f} ms/batch")
    eta = row.get("eta_seconds")
    if eta is not None:
        parts.append(f"{int(eta) // 60}:{int(eta) % 60:02d} to go")
    return " · ".join(parts)
