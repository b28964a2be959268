"""Tables for other programs hold whatever text a name may be."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.storage.tables import delimited

NAMES = ("a\tb", "c\nd", "\r\n", 'say "hi"', '"', "a,b", "\u2028x", "\udce9", "=1+1", "\0")


@pytest.mark.parametrize("delimiter", ["\t", ","])
@given(names=st.lists(st.text() | st.sampled_from(NAMES), min_size=1, max_size=9))
def test_every_name_stays_in_its_cell_and_its_line(delimiter: str, names: list[str]) -> None:
    text = delimited([(i, name, 0.5) for i, name in enumerate(names)], delimiter)
    assert len(text.encode().split(b"\n")) == len(names) + 1 and len(text.splitlines()) == len(names)
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    assert [(row[0], row[2]) for row in rows] == [(str(i), "0.5") for i in range(len(names))]
    for (_, cell, _), name in zip(rows, names, strict=True):
        assert cell.removeprefix("'") == name or name.lstrip("'") != cell.lstrip("'")


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("a\tb", r"a\tb"),
        ("c\nd", r"c\nd"),
        ("caf\udce9", r"caf\udce9"),
        ("Café ☕ 1 000", "Café ☕ 1 000"),
        ('=HYPERLINK("http://a")', """"'=HYPERLINK(""http://a"")\""""),
        ("-shoe", "'-shoe"),
        (" @x", "' @x"),
        ("-1.5", "-1.5"),
        (-1.5, "-1.5"),
    ],
)
def test_text_is_shown_and_not_obeyed(cell: object, written: str) -> None:
    assert delimited([(cell,)], ",") == written + "\n"
