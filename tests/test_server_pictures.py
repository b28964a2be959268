"""Folders of the server that its owner has opened to the page Train, and no others."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from own_models import own_zip

from vae_core.jobs.server_pictures import offered, pictures_at, stamp
from vae_core.settings import DATA_VARIABLE
from vae_core.storage.errors import DataError


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An opened folder with pictures as a folder and as a zip, beside one that is not opened."""
    root = tmp_path / "opened"
    own_zip(root / "zipped.zip", n=30)
    with zipfile.ZipFile(root / "zipped.zip") as archive:
        archive.extractall(root / "pets")
        archive.extractall(tmp_path / "secret")
    (root / ".hidden").mkdir()
    (root / "notes.txt").write_text("no pictures")
    (root / "way-out").symlink_to(tmp_path / "secret")
    monkeypatch.setenv(DATA_VARIABLE, f"{root}{os.pathsep}{tmp_path / 'missing'}")
    return root


def test_nothing_is_opened_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    assert offered() == []


def test_what_lies_in_an_opened_folder_is_offered_and_nothing_else(opened: Path, tmp_path: Path) -> None:
    assert [path.name for path in offered()] == ["pets", "zipped.zip"]
    for path in (
        tmp_path / "secret",
        opened / "way-out",
        opened / "pets" / ".." / ".." / "secret",
        opened / "notes.txt",
    ):
        with pytest.raises(DataError, match="not among the folders"):
            pictures_at(path)


def test_a_folder_and_its_zip_are_summarized_alike(opened: Path) -> None:
    folder, zipped = (pictures_at(path) for path in offered())
    assert folder.data == str((opened / "pets").resolve()) and folder.n == zipped.n == 30
    assert (folder.classes, folder.shape, folder.sizes) == (zipped.classes, zipped.shape, zipped.sizes)
    before = stamp(opened / "pets")
    (opened / "pets" / "boot" / "new.png").write_bytes(b"")
    assert stamp(opened / "pets") != before


def test_a_folder_without_pictures_is_refused(opened: Path) -> None:
    (opened / "empty").mkdir()
    with pytest.raises(DataError):
        pictures_at(opened / "empty")
