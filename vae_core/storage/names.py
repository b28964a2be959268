"""Names of models, runs, data sets, classes and uploads, as files, pages and terminals can take them.

>>> clean(" fashion   2d ")
'fashion 2d'
"""

from __future__ import annotations

import unicodedata

LONGEST = 100  # characters
UNNAMED = "unnamed"


def clean(text: str) -> str:
    """Make text that every file and terminal can take: encodable, on one line, 1 to `LONGEST` characters.

    Bytes of a file name that are no UTF-8 (Python's surrogates) are read as Windows and old Linux systems wrote them.

    >>> clean("caf" + chr(0xDCE9)), clean("a" + chr(9) + "b" + chr(10))
    ('café', 'a b')
    """
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = "".join(_readable(char) for char in text)
    text = "".join(" " if _invisible(char) else char for char in unicodedata.normalize("NFC", text))
    text = " ".join(text.split())
    return (text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …") or UNNAMED


def encodable(name: str) -> bool:
    """Check whether a name is text. One of a folder may not be: then no address and no page can name it."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


def _invisible(char: str) -> bool:
    """Check for controls, line and paragraph separators, marks that turn the direction of writing, unassigned and private codes."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp") and char != "\u200d"


def _readable(char: str) -> str:
    """Return the character that a byte beyond ASCII stands for in Windows' code page; others as they are."""
    if "\udc80" <= char <= "\udcff":
        return bytes([ord(char) - 0xDC00]).decode("cp1252", "replace")
    return char
