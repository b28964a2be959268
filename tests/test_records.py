"""Files that another may have written: whatever lies there, the answer is a checked value or one kind of error."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from vae_core.storage import records
from vae_core.storage.errors import FileMissing, FileProblem, printable
from vae_core.storage.records import read_bytes, read_object, read_tail, unchanged


class Form(Struct):
    step: Annotated[int, Meta(ge=0, le=10)]
    loss: float | None = None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.json"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"step": -1}', r"a\.json is not as it should be: step: expected int >= 0\. Copy"),
        ('{"step": 1.5}', "step: expected int, got float"),
        ('{"step": true}', "step: expected int, got bool"),
        ('{"step": null}', "step: expected int, got null"),
        ('{"step": 1, "loss": "low"}', r"loss: expected float \| null, got str"),
        ('{"step": 1, "loss": 1e999}', "number out of range"),
        ('{"step": 1, "other": 1e999}', "number out of range"),
        ('{"step": 1, "other": [{"a": 1' + 400 * "0" + "}]}", "a whole number is longer than 64 bits"),
        ('{"step": 1' + 5000 * "0" + "}", "out of range"),
        ('{"step": 1, "other": "\\ud800"}', "surrogates not allowed"),
        ('{"step": 1, "other": ' + 100_000 * '{"a":', "recursion"),
        (100_000 * "[", "recursion"),
        ("{}", "missing required field step"),
        ("[1]", "must hold a JSON object, got a list"),
        ('{"step": 1', "not valid JSON"),
        ("", "not valid JSON"),
        ("\x00" * 100, "not valid JSON"),
        (" " * 1_000_001, r"has 1,000,001 bytes; at most 1,000,000 are read"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(FileProblem, match=message) as caught:
        read_object(path, Form)
    assert len(str(caught.value)) < 1000 and str(caught.value).isprintable() and "a.json" in str(caught.value)


def test_what_is_taken(path: Path) -> None:
    path.write_text(json.dumps({"step": 3, "loss": float("nan"), "other": [1, "x"]}))
    assert read_object(path, Form) == {"step": 3, "loss": None, "other": [1, "x"]}  # NaN has become null
    path.write_bytes(b'\xef\xbb\xbf{"step": 3}')  # as an editor of another system leaves it
    assert read_object(path, Form) == {"step": 3}


def test_what_is_no_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match=r"a\.json is missing"):
        read_bytes(path, 10)
    with pytest.raises(FileProblem, match="cannot be read: Is a directory"):
        read_bytes(tmp_path, 10)
    os.mkfifo(path)
    with pytest.raises(FileProblem, match="no regular file"):  # and does not wait for a writer
        read_bytes(path, 10)
    (tmp_path / "zeros").symlink_to("/dev/zero")
    with pytest.raises(FileProblem, match="no regular file"):
        read_tail(tmp_path / "zeros", 10)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(FileProblem, match="cannot be read: Too many levels"):
        read_bytes(tmp_path / "loop", 10)
    with pytest.raises(FileProblem, match="cannot be read"):
        read_bytes(tmp_path / "a\0b", 10)


def test_a_gigabyte_is_not_read(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"the end")
    with pytest.raises(FileProblem, match="at most 1,000,000 are read"):
        read_object(path)
    assert read_tail(path, 7) == b"the end"


def test_text_that_no_page_can_take() -> None:
    assert printable("caf\u00e9 × 衣") == "caf\u00e9 × 衣"
    assert printable("a\udcff\n\x1b\u202eb") == r"a\udcff\n\x1b\u202eb"
    assert str(FileProblem("run\udcff/status.json")) == r"run\udcff/status.json"


def test_a_file_is_read_once_a_change(path: Path) -> None:
    seen: list[Path] = []

    def read(where: Path) -> dict[str, Any]:
        seen.append(where)
        return read_object(where)

    path.write_text('{"a": 1}')
    assert [unchanged(path, read) for _ in range(3)] == 3 * [{"a": 1}] and len(
        seen
    ) == 3  # it may be written again at once
    os.utime(path, (1e9, 1e9))
    seen.clear()
    assert [unchanged(path, read) for _ in range(3)] == 3 * [{"a": 1}] and len(seen) == 1
    path.write_text('{"a": 2}')
    os.utime(path, (1e9, 1e9))  # the same size and time
    assert unchanged(path, read) == {"a": 2}
    path.write_text("torn")
    os.utime(path, (1e9, 1e9))
    seen.clear()
    for _ in range(2):
        with pytest.raises(FileProblem, match="not valid JSON"):
            unchanged(path, read)
    assert len(seen) == 1  # what is wrong with it is remembered as well
    path.unlink()
    with pytest.raises(FileMissing):
        unchanged(path, read)
    assert len(records._results) <= records.REMEMBERED
