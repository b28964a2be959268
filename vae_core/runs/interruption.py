"""Ctrl-C, a polite kill and a closed terminal: a training that is told to end stops, wherever it is.

Before there is something to save they raise `KeyboardInterrupt`, so that the process ends at once; while a network is
built and trained they are only noted (`asked`), and the training leaves between two batches.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_asked = threading.Event()
_depth = 0


def asked() -> bool:
    """Whether the process was told to end since the outermost of the two below was entered."""
    return _asked.is_set()


@contextmanager
def raised() -> Iterator[None]:
    """Such a signal raises `KeyboardInterrupt` in here."""

    def interrupt(number: int, frame: Any) -> None:
        _asked.set()
        raise KeyboardInterrupt

    with _handled(interrupt):
        yield


@contextmanager
def noted() -> Iterator[None]:
    """Such a signal is noted in here: whoever is at work looks at `asked` when it suits."""
    with _handled(lambda number, frame: _asked.set()):
        yield


@contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Only the main thread can arrange for this. What whoever started the process has set to be ignored stays ignored."""
    global _depth
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    old = {number: signal.getsignal(number) for number in numbers}
    old = {number: before for number, before in old.items() if before is not signal.SIG_IGN}
    if not _depth:
        _asked.clear()
    _depth += 1
    try:
        for number in old:
            signal.signal(number, handler)
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, before)
        _depth -= 1
