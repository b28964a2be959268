"""Ctrl-C, a polite kill and a closed terminal: a training that is told to end stops, wherever it is.

Before there is something to save they raise `KeyboardInterrupt`, so that the process ends at once; while a network is
built and trained they are only noted (`asked`), and the training leaves between two batches.

>>> with noted():
...     signal.raise_signal(signal.SIGTERM)
...     asked()
True
>>> with noted():  # a new task begins with nothing asked
...     asked()
False
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
    """Whether the process was told to end since the outermost `raised` or `noted` was entered."""
    return _asked.is_set()


@contextmanager
def raised() -> Iterator[None]:
    """Raise `KeyboardInterrupt` within the context where a signal tells the process to end."""

    def interrupt(number: int, frame: Any) -> None:
        _asked.set()
        raise KeyboardInterrupt

    with _handled(interrupt):
        yield


@contextmanager
def noted() -> Iterator[None]:
    """Note within the context that a signal tells the process to end: whoever is at work calls `asked` when it suits."""
    with _handled(lambda number, frame: _asked.set()):
        yield


@contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Handle the signals within the context. Only the main thread can; what the process was started to ignore stays ignored."""
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
