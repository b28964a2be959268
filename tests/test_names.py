"""Names at the door."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tiny_models import save_checkpoint

from vae_core.checkpoints import store
from vae_core.checkpoints.registry import list_models
from vae_core.config import ModelConfig
from vae_core.storage.files import write_json
from vae_core.storage.names import LONGEST, UNNAMED, clean, encodable
from vae_core.storage.records import read_object


@given(some.text(some.characters(codec=None), max_size=300))
def test_a_name_is_one_line_of_text(text: str) -> None:
    name = clean(text)
    assert 1 <= len(name) <= LONGEST and name.encode() and name == clean(name)
    assert len(f"a{name}b".splitlines()) == 1


@pytest.mark.parametrize("text", ["", " ", "\n", "\u200b", "\x00\u2028"])
def test_a_name_of_nothing(text: str) -> None:
    assert clean(text) == UNNAMED


def test_a_folder_whose_name_is_no_text_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address could name it, and it must not take the others down."""
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path))
    good = save_checkpoint(tmp_path / "good", ModelConfig("classic", 2))
    try:
        shutil.copytree(good, os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    except OSError:
        pytest.skip("this file system takes text only")
    assert [entry.id for entry in list_models()] == ["good"]
    assert encodable("café") and not encodable("caf\udce9")


def test_what_a_model_calls_itself_is_cleaned(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "good", ModelConfig("classic", 2))
    config = read_object(path / "config.json")
    odd = {"name": "a\n\n# b\u202e" + 200 * "c", "classes": ["\u202ea\t"] * 10}
    write_json(path / "config.json", {**config, "name": odd["name"], "dataset": {**config["dataset"], **odd}})
    checkpoint = store.load(path)
    for name in (checkpoint.name, checkpoint.dataset["name"], *checkpoint.dataset["classes"]):
        assert name == clean(name) and name.encode()
