"""The glossary: two plain sentences a term, each used term explained there, and nothing that a page could show wrongly."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pages.ui.glossary import GLOSSARY, meaning, term

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "streamlit_app.py", *sorted((ROOT / "pages").rglob("*.py"))]


def used() -> list[tuple[str, str]]:
    """(file, term) of each call of `term` and `meaning` with a constant."""
    calls = []
    for path in PAGES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("term", "meaning") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    calls.append((path.relative_to(ROOT).as_posix(), str(first.value)))
    return calls


@pytest.mark.parametrize("name", GLOSSARY)
def test_a_term_has_two_sentences(name: str) -> None:
    text = GLOSSARY[name]
    assert len(re.findall(r"[.!](?:\s|$)", text)) == 2, text
    assert text[0].isupper() or not text[0].isalpha()
    assert text.endswith(".") and len(text) < 260
    assert not re.search(r"[<>`*_\[\]$]", text.replace("z_mean", "")), "it is shown as Markdown and as HTML"


def test_every_term_that_a_page_uses_is_explained() -> None:
    unknown = [(path, name) for path, name in used() if name not in GLOSSARY]
    assert not unknown


def test_the_issue_of_words_is_covered() -> None:
    asked = {"latent unit", "z_mean", "sigma", "prior", "posterior", "KL", "ELBO", "nats", "BCE", "SSIM", "active unit"}
    assert asked | {"floor", "free bits", "epoch", "step", "beta", "MSE", "PSNR"} <= GLOSSARY.keys()


def test_a_term_can_be_reached_without_a_mouse() -> None:
    html = term("KL", "its <KL>")
    assert 'tabindex="0"' in html and "its &lt;KL&gt;" in html and meaning("KL") in html
    with pytest.raises(KeyError):
        term("no such word")


def test_a_term_is_shown_as_html() -> None:
    """Without `unsafe_allow_html` its tags would be read aloud."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in ("markdown", "caption") or not node.args:
                continue
            terms = [
                n for n in ast.walk(node.args[0]) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "term"
            ]
            flags = {keyword.arg for keyword in node.keywords}
            assert not terms or "unsafe_allow_html" in flags, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("page", [*sorted(path.stem for path in (ROOT / "pages").glob("*.py")), "home"])
def test_each_page_explains_its_terms(page: str) -> None:
    places = (f"pages/{page}.py", f"pages/ui/{page}/")
    assert {name for path, name in used() if path.startswith(places)}, "a page has a term or two that need explaining"
