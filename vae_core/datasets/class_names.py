"""Names of classes from names of folders: any text becomes one that can be written, shown and told apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

LONGEST = 100  # characters
UNNAMED = "unnamed"


def clean(text: str) -> str:
    """Text that every file and terminal can take: encodable, on one line, 1 to LONGEST characters.

    Bytes of a file name that are no UTF-8 (Python's surrogates) are read as Windows and old Linux systems wrote them.

    >>> clean("caf" + chr(0xDCE9)), clean("a" + chr(9) + "b" + chr(10))
    ('café', 'a b')
    """
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = "".join(_readable(char) for char in text)
    shown = "".join(" " if _invisible(char) else char for char in unicodedata.normalize("NFC", text))
    shown = " ".join(shown.split())
    return (shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 2]} …") or UNNAMED


def distinct(names: Iterable[str]) -> dict[str, str]:
    """A clean name for each name; two that would become one are numbered."""
    taken: set[str] = set()
    cleaned = {}
    for name in sorted(set(names)):
        base = candidate = clean(name)
        number = 2
        while candidate in taken:
            mark = f" ({number})"
            candidate = base[: LONGEST - len(mark)] + mark
            number += 1
        taken.add(candidate)
        cleaned[name] = candidate
    return cleaned


def in_order(names: Iterable[str]) -> list[str]:
    """The names sorted: by value if all are whole numbers ("2" before "10"), else by their characters."""
    known = list(names)
    if all(name.isascii() and name.removeprefix("-").isdigit() and len(name) < 19 for name in known):
        return sorted(known, key=lambda name: (int(name), name))
    return sorted(known)


def _invisible(char: str) -> bool:
    """Controls, line and paragraph separators, marks that turn the direction of writing, unassigned and private codes."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp") and char != "\u200d"


def _readable(char: str) -> str:
    """The character that a byte beyond ASCII stands for in Windows' code page; others as they are."""
    if "\udc80" <= char <= "\udcff":
        return bytes([ord(char) - 0xDC00]).decode("cp1252", "replace")
    return char
