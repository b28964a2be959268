"""Which process wrote a status, and when, told by what setting the machine's clock does not change.

>>> process = alive(stamp())
>>> process.pid == os.getpid()
True
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil

CLOCK_SECONDS = 60.0  # for a system without a better mark: the clock may be set by so much while a process lives


def stamp(pid: int | None = None) -> dict[str, Any]:
    """Identify a process and the moment, for status.json.

    Args:
        pid: The process's number; None for this one.

    Returns:
        pid; started (seconds since 1970); process (see `mark`); heartbeat and uptime: now, in seconds since 1970 and of
        the clock that only runs forward.
    """
    import psutil

    pid = os.getpid() if pid is None else pid
    try:
        started = psutil.Process(pid).create_time()
    except psutil.Error:
        started = None
    return {"pid": pid, "started": started, "process": mark(pid), "heartbeat": time.time(), "uptime": time.monotonic()}


def mark(pid: int) -> str | None:
    """Name a process for good: its number will be given to others, and the time of its start moves with the clock.

    Returns:
        The machine's boot and the ticks from there to the process's start; None where the system does not tell.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # after the last bracket: a process's name may hold anything
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{boot}/{fields[19]}"
    except (OSError, ValueError, IndexError):
        return None


def alive(status: Mapping[str, Any]) -> psutil.Process | None:
    """Find the process that wrote a status.

    Args:
        status: As of `formats.StatusFile`.

    Returns:
        The process; None if it has ended, or its number was given to another.
    """
    import psutil

    pid, started, written = status.get("pid"), status.get("started"), status.get("process")
    try:
        process = psutil.Process(pid) if type(pid) is int and pid > 0 else None
        # a zombie has ended; only its parent has not looked
        if process is None or process.status() == psutil.STATUS_ZOMBIE:
            return None
        now = mark(process.pid)
        if isinstance(written, str) and now is not None:
            return process if written == now else None
        if isinstance(started, (int, float)) and not abs(process.create_time() - started) <= CLOCK_SECONDS:
            return None
        return process
    except (psutil.Error, OverflowError, ValueError):
        return None


def silence(status: Mapping[str, Any]) -> float:
    """Seconds since a status was written; 0 where it does not say.

    By the clock that only runs forward if the process is of this boot, so that a clock set back does not make a
    trainer that hangs look lively, nor one set forward a lively one look stuck.

    Raises:
        ValueError: For a heartbeat that is no number.
    """
    uptime, heartbeat, written = status.get("uptime"), status.get("heartbeat"), status.get("process")
    own = mark(os.getpid())
    same_boot = isinstance(written, str) and own is not None and written.split("/")[0] == own.split("/")[0]
    if same_boot and isinstance(uptime, (int, float)):
        return max(0.0, time.monotonic() - uptime)
    if heartbeat is not None and not isinstance(heartbeat, (int, float)):
        raise ValueError(f"status.json: heartbeat must be a number, got {heartbeat!r:.40}.")
    return max(0.0, time.time() - heartbeat) if heartbeat is not None else 0.0
