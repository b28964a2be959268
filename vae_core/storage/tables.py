"""Tables for other programs: tab- or comma-separated lines that hold whatever text a name may be.

>>> delimited([("class", "n"), ("=cats", 3)], ",").splitlines()
['class,n', "'=cats,3"]
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

FORMULA = tuple("=+-@＝＋－＠")  # a spreadsheet takes a cell that begins so for a formula
BREAKING = ("Cc", "Cs", "Zl", "Zp")  # Unicode's categories of control characters, lone surrogates and line separators


def delimited(rows: Iterable[Sequence[object]], delimiter: str) -> str:
    r"""Write rows as lines of `delimiter`-separated cells, each line ended by "\n".

    Text stays in its cell and its line in any reader: a tab, a line break and other control characters are written as "\t",
    "\n", "\x07"; text that a spreadsheet would run as a formula gets an apostrophe in front, as spreadsheets mark text. Numbers
    are left alone.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerows([_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return buffer.getvalue()


def _text(cell: str) -> str:
    cell = "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in BREAKING else letter
        for letter in cell
    )
    return f"'{cell}" if cell.lstrip().startswith(FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
