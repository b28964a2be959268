"""A model's card on the page Models: Markdown that somebody wrote, without what could mislead or reach out."""

from __future__ import annotations

import re
from pathlib import Path

from pages.ui.formatting import BREAK, LATE, visible
from vae_core.storage.errors import FileProblem
from vae_core.storage.records import read_head

MAX_TEXT = 100_000  # bytes of a card that are read
HEADING = "##### "  # every heading: a card is a part of a page
_FENCE = re.compile(r" {0,3}(?:`{3,}|~{3,})")
_CODE = re.compile(r"((?<!`)`+(?!`))(.+?)((?<!`)\1(?!`))")
_POWERS = re.compile(r"[\\\[\]<>{}$~&`]|:(?=\S)")


def card_of(path: Path) -> str | None:
    """MODEL_CARD.md, fit to be shown; None if there is none."""
    try:
        text = read_head(path / "MODEL_CARD.md", MAX_TEXT).decode(errors="replace")
    except FileProblem:
        return None
    return without_powers(re.sub(r"\A\s*# .*\n", "", text))


def without_powers(text: str) -> str:
    """Markdown with paragraphs, small headings, lists, emphasis, tables and code; links, pictures, HTML, formulas, icons and
    diagrams are shown as they are written.
    """
    lines, fenced = [], False
    for line in text.splitlines():
        line = visible(line)
        if _FENCE.match(line):
            fenced = not fenced
            lines.append("```")  # without the name of a language: "mermaid" draws, and fetches pictures
        elif fenced:
            lines.append(line)
        elif re.fullmatch(r"\s*(?:=+|-+)\s*", line):
            lines.append("")  # it would make a heading of the line above
        else:
            heading = re.match(r"\s{0,3}#{1,6}(?:\s+|$)", line)
            words = _outside_code(line[heading.end() :] if heading else line)
            lines.append(HEADING + words if heading else words)
    return "\n".join(lines).strip()


def _outside_code(line: str) -> str:
    """A line with its powers taken away, except within `code`, where they have none."""
    done, end = [], 0
    for code in _CODE.finditer(line):
        done += [_escaped(line[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*done, _escaped(line[end:])])


def _escaped(text: str) -> str:
    return _POWERS.sub(r"\\\g<0>", LATE.sub(BREAK, text))
