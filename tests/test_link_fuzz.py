"""Any address opens any page: with a sentence where it cannot be followed, never with a traceback or with its own markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from app_testing import DRAWN, PAGES, visit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tiny_models import save_checkpoint

from vae_core.config import ModelConfig
from vae_core.datasets import fashion_mnist, loading

NAMES = ("model", "image", "latent", "run", "view", "channel", "layer", "upload", "beside", "other")
# of the categories that an address can carry: a browser sends halves of characters as "\ufffd"
TEXT = some.text(some.characters(exclude_categories=("Cs",)), max_size=80)
NUMBERS = some.one_of(some.integers(-(10**20), 10**20).map(str), some.floats().map(str))
MARKUP = some.sampled_from(
    [
        "\n\n# Session expired\n\n![a](//x.example/p.png)",
        "x\u2028\u2028# Session expired",
        "<img src=//x.example onerror=alert(1)>",
        ":material/home: :red[x] $x^2$ `y`",
        "../../../etc/passwd",
        "runs/../fashion-2d",
        "x" * 3000,
        ",".join(["0"] * 300),
        "1e999,nan",
        "\x00\x1b[31m\u202e",
        "",
    ]
)
VALUES = some.one_of(TEXT, NUMBERS, some.lists(NUMBERS, max_size=4).map(",".join), MARKUP)
LINKS = some.dictionaries(
    some.sampled_from(NAMES), some.one_of(VALUES, some.lists(VALUES, min_size=2, max_size=3)), max_size=5
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Two small models, few drawn clothes, no runs."""
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAE_EXPLORER_STANDBY", "0")
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    save_checkpoint(tmp_path / "models" / "fashion-2d", ModelConfig("classic", 2))
    save_checkpoint(tmp_path / "models" / "three", ModelConfig("classic", 3))
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.mark.parametrize("page", PAGES)
def test_any_address(page: str) -> None:
    at = visit(page)

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(LINKS)
    def follow(link: dict[str, str | list[str]]) -> None:
        at.query_params = dict(link)
        at.run()
        assert not at.exception, at.exception[0].message
        assert len(at.title) == 1
        for element in [*at.warning, *at.info, *at.error, *at.caption]:
            assert "\n" not in element.value and "\u2028" not in element.value
            unescaped = re.sub(r"\\.", "", element.value)  # what a backslash stands before is a letter like any other
            for power in ("![", "<img", " :red[", "$x^2$", ":material/home"):
                assert power not in unescaped

    follow()
