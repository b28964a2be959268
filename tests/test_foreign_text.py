"""Text of others on the pages: the helpers that make it safe."""

from __future__ import annotations

import html
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.ui.formatting import NAME, SENTENCE, file_text, html_text, markdown_text, plain_text

ANY_TEXT = st.text(st.characters(codec=None), max_size=400)  # halves of characters among them


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\n\n"])
def test_a_name_stays_on_one_line(end: str) -> None:
    assert plain_text(f"a{end}# b") == "a # b"


@pytest.mark.parametrize(
    "hidden", ["\x00", "\x1b", "\x7f", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\U000e0041"]
)
def test_what_cannot_be_seen_is_marked(hidden: str) -> None:
    assert plain_text(f"a{hidden}b") == "a\ufffdb"


def test_what_is_written_with_joiners_or_marks_stays_and_no_heap_of_marks() -> None:
    assert plain_text("👩\u200d🔬") == "👩\u200d🔬"
    assert plain_text("e" + "\u0301" * 30) == "e" + "\u0301" * 4


def test_text_from_right_to_left_is_isolated() -> None:
    assert plain_text("שלום (5)") == "\u2068שלום (5)\u2069"


def test_length() -> None:
    assert plain_text("x" * 101) == "x" * (NAME - 1) + "…"
    assert plain_text("x" * 100) == "x" * NAME
    assert len(plain_text(ValueError("x" * 5000))) == SENTENCE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fashion-2d, 10.5 %", "fashion-2d, 10.5 %"),
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("12. a", r"12\. a"),
        ("![a](//b)", r"!\[a\](//b)"),
        ("**a** _b_ ~c~ `d`", r"\*\*a\*\* \_b\_ \~c\~ \`d\`"),
        ("$x$ <b> &amp; a|b", r"\$x\$ \<b\> \&amp; a\|b"),
        (":red[a]", "\\:\u2060red\\[a\\]"),
        (":material/home:", "\\:\u2060material/home:"),
        ("https://a.b www.a.b a@b.c", "https\\:\u2060//a.b www\u2060.a.b a\u2060@b.c"),
        ("a -- b", "a \u2060-- b"),
    ],
)
def test_markdown_has_no_powers(text: str, expected: str) -> None:
    assert markdown_text(text) == expected


@given(ANY_TEXT)
def test_any_text_can_be_sent(text: str) -> None:
    for shown in (plain_text(text), markdown_text(text), html_text(text), file_text(text)):
        shown.encode()  # what cannot be encoded ends a session
        assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)
    assert html.unescape(html_text(text)) == plain_text(text)
    assert file_text(text).isprintable() and not set(file_text(text)) & set('/\\:*?"<>| ')
