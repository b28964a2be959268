r"""Errors of files and data, and messages that any page, terminal and JSON file can take.

>>> raise FileProblem("runs/two" + chr(10) + "lines is damaged.")
Traceback (most recent call last):
vae_core.storage.errors.FileProblem: runs/two\nlines is damaged.
"""

from __future__ import annotations

from pathlib import Path

MAX_REASON = 400  # characters: a reason may quote what came
NO_BREAK = "\u00a0"  # a no-break space, as this program writes


class FileProblem(ValueError):
    """A file that is missing, truncated or not what it should be; the message says which and what to do."""

    def __init__(self, message: str) -> None:
        """Take a message, made printable."""
        super().__init__(printable(message))


class FileMissing(FileProblem):
    """A path at which there is nothing."""

    def __init__(self, path: Path) -> None:
        """Name the path."""
        super().__init__(f"{path} is missing. The folder is incomplete; copy or make it again.")


class DataError(ValueError):
    """Data that is missing, damaged or not what it should be; the message says what came and how to mend it."""


def printable(text: str) -> str:
    r"""Make text that any page, terminal and JSON file can take: what is no character of UTF-8, or invisible, is spelled out.

    >>> print(printable("run" + chr(0xDCFF) + chr(10) + "two"))
    run\udcff\ntwo
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == NO_BREAK else c.encode("unicode_escape").decode() for c in text)


def reason(error: BaseException) -> str:
    """Return the message of an exception, in a length that fits on a page; its type where it has none."""
    text = str(error) or type(error).__name__
    return text if len(text) <= MAX_REASON else text[:MAX_REASON] + " …"
