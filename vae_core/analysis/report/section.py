"""A part of a report: a title and HTML, with what every part is told."""

from __future__ import annotations

from typing import NamedTuple

from vae_core.analysis.report.drawing import escape


class Section(NamedTuple):
    """A part of a report.

    Attributes:
        name: A word that tells it from the others.
        title: As plain text.
        html: Its body; what others named is escaped in it.
    """

    name: str
    title: str
    html: str


def paragraph(text: str, small: bool = False) -> str:
    """A paragraph of plain text; what it names may be anybody's."""
    return f"<p{' class=' + chr(34) + 'small' + chr(34) if small else ''}>{escape_long(text)}</p>"


def escape_long(text: str) -> str:
    """Sentences as HTML: `escape` for more than a name, word by word."""
    return " ".join(escape(word) for word in text.split())


def nats(value: float, digits: int = 2) -> str:
    """A number of nats with a true minus."""
    return f"{value:,.{digits}f}".replace("-", "−")
