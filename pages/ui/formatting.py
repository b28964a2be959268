"""Text of others on a page: names and sentences from files, links and uploads, made safe for the place where they are shown.

    markdown_text(name)   wherever Streamlit renders Markdown: labels, captions, alerts, toasts, tables of `st.table`, help
    plain_text(name)      where it renders none: options of a selectbox, cells of a dataframe, alt texts, components
    html_text(name)       in HTML, and in plotly's figures, which render a little of it
    file_text(name)       in the name of a download

Foreign is whatever a file, a link, an upload or another person may have said: names of models, runs, data sets, classes,
splits and files, methods, notes, and every message of an exception, since it quotes them. A test reads the pages and fails on
foreign text that reaches Streamlit without one of these (`tests/test_foreign_text.py`).

Numbers too: `number(value)`.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection

NAME, SENTENCE = 100, 600  # characters of a name and of a message that are shown
MARKS = 4  # combining marks in a row that are kept: more climb over the neighbouring lines
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
JOINERS = "\u200c\u200d"  # invisible, but words of some languages and many emoji are written with them
BREAK = "\u2060"  # word joiner: no width, no line break; a backslash does not stop what is replaced after parsing
REPLACEMENT = "\ufffd"

_ANYWHERE = re.compile(r"[\\`*_{}\[\]<>&|$~]|:(?=\S)")
_AT_THE_START = re.compile(r"^(?:([-+#=.)])|(\d+)([.)]))")
# what Streamlit looks for in text that is parsed already: icons and emoji (:name:), addresses, arrows
LATE = re.compile(
    r"(?<=:)(?=[\w+\-/])|(?<=www)(?=\.)|(?<=\w)(?=@)|(?<!\S)(?=(?:<?->|<-|--|[<>~]=)(?!\S))", re.IGNORECASE
)


def plain_text(text: object, most: int | None = None) -> str:
    """One line that can be sent and shown anywhere, and cannot rearrange what stands beside it.

    Line breaks of every kind become spaces; control characters, bidi overrides, halves of characters and other invisible ones
    become "\N{REPLACEMENT CHARACTER}"; text that runs from right to left is isolated. most: characters, by default 100, and
    600 of an exception.
    """
    most = most if most is not None else SENTENCE if isinstance(text, BaseException) else NAME
    line = visible(" ".join(str(text)[: 4 * most].split()))
    line = line if len(line) <= most else line[: most - 1].rstrip() + "…"
    leftwards = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in line)
    return f"\u2068{line}\u2069" if leftwards else line


def visible(line: str) -> str:
    """A line with a mark in the place of each character that cannot be seen, and without heaps of combining marks."""
    if line.isascii() and line.isprintable():
        return line
    kept: list[str] = []
    marks = 0
    for character in line:
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks <= MARKS:
            hidden = kind in ("Cc", "Cs") or (kind == "Cf" and character not in JOINERS)
            kept.append(REPLACEMENT if hidden else character)
    return "".join(kept)


def markdown_text(text: object, most: int | None = None) -> str:
    """`plain_text` for Markdown as Streamlit renders it, without any of its powers: no formatting, link, picture, formula,
    icon, colour or HTML comes of it.
    """
    line = LATE.sub(BREAK, plain_text(text, most))
    return _AT_THE_START.sub(r"\2\\\1\3", _ANYWHERE.sub(r"\\\g<0>", line))


def html_text(text: object, most: int | None = None) -> str:
    """`plain_text` for HTML, in an element or in a quoted attribute."""
    return html.escape(plain_text(text, most), quote=True)


def file_text(text: object) -> str:
    """A part of a file's name that every system takes: letters, digits, ".", "_" and "-"."""
    return re.sub(r"[^\w.\-]+", "-", plain_text(text, 80)).strip(".-") or "unnamed"


def sentence(text: str) -> str:
    """As the start of a sentence."""
    return text[:1].upper() + text[1:]


def number(value: float, digits: int = 3) -> str:
    """Three digits that count and a true minus: "0.123", "−11", "1,230"; below a ten-thousandth "1.2e−05"."""
    rounded = float(f"{float(value):.{digits}g}")
    if 0 < abs(rounded) < 1e-4:
        return f"{rounded:.1e}".replace("-", "−")
    return f"{rounded:,.7f}".rstrip("0").rstrip(".").replace("-", "−")


def unit_name(unit: int) -> str:
    """z₁ for latent unit 0."""
    return "z" + str(unit + 1).translate(_SUBSCRIPTS)


def beside(label: str, others: Collection[str]) -> str:
    """A choice of ours among names of others: in brackets where one of them is called so.

    >>> beside("A new run", ["demo"]), beside("A new run", ["A new run"])
    ('A new run', '(A new run)')
    """
    while label in others:
        label = f"({label})"
    return label
