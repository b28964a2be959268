"""Standard output and error that suit any terminal and any pipe.

What a terminal's encoding lacks is replaced instead of ending the command. A reader that has gone (`head`, a closed window)
does not end it either: what is printed from then on is dropped, and the work goes on to its end.

>>> "28×28, −0.5".encode("ascii", "vae_core.plain")
b'28x28, -0.5'
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any

READER_GONE = (errno.EPIPE, errno.EIO, errno.ENXIO)  # of a pipe, of a terminal
# A minus that became "?" would make a number another one.
_PLAIN = {"−": "-", "–": "-", "—": "-", "×": "x", "·": "|", "…": "...", "’": "'", "≥": ">=", "≤": "<="}


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in text), error.end


codecs.register_error("vae_core.plain", _plain)


class LastingFile(io.FileIO):
    """File descriptor to write to; after the first write that fails, all others are dropped.

    Attributes:
        lost: That failure; None if all is well.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write bytes, or drop them; returns how many."""
        if self.lost is None:
            try:
                return super().write(data)
            except OSError as error:
                self.lost = error
        return len(data)


def make_output_last() -> None:
    """Replace standard output and error by streams that never fail, and open those that were closed."""
    for descriptor in (0, 1, 2):  # or a file that is opened later would be written to in their place
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        setattr(sys, name, _lasting(getattr(sys, name)))


def lost_output() -> str | None:
    """Reason why something printed was lost, other than for want of a reader; None if all is well."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        error = getattr(_file(stream), "lost", None)
        if error is not None and error.errno not in READER_GONE:
            return str(error.strerror)
    return None


def _lasting(stream: Any) -> Any:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    file = _file(stream)
    if type(file) is not io.FileIO:  # a console of Windows takes any character; a test's stream is its own
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="vae_core.plain")
        return stream
    with suppress(OSError):
        stream.flush()
    lasting = LastingFile(file.fileno())
    return io.TextIOWrapper(
        lasting if file is stream.buffer else io.BufferedWriter(lasting),
        encoding=stream.encoding,
        errors="vae_core.plain",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _file(stream: Any) -> Any:
    """What a text stream writes to in the end; without a buffer between them under `python -u`."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)
