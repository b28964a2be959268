"""Zips of strangers: names as a person sees them, what a system added passed over, what is dangerous refused."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from vae_core.storage import archives


def packed(members: Mapping[bytes, bytes], system: int = 3) -> io.BytesIO:
    """A zip whose names are just these bytes, with no word on their encoding."""
    stand_ins = {f"{i:0{len(name)}}".encode(): name for i, name in enumerate(members)}
    assert all(len(stand_in) == len(name) for stand_in, name in stand_ins.items())
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for stand_in, name in stand_ins.items():
            info = zipfile.ZipInfo(stand_in.decode())
            info.create_system = system
            archive.writestr(info, members[name])
    raw = made.getvalue()
    for stand_in, name in stand_ins.items():
        head = struct.pack("<H", len(name))
        at = [i for i in range(len(raw)) if raw.startswith(stand_in, i) and raw[i - 4 : i - 2] == head]  # local header
        at += [i for i in range(len(raw)) if raw.startswith(stand_in, i) and raw[i - 18 : i - 16] == head]  # directory
        for i in at:
            raw = raw[:i] + name + raw[i + len(name) :]
    return io.BytesIO(raw)


def names(source: io.BytesIO) -> list[str]:
    with archives.opened(source) as archive:
        return [str(entry.name) for entry in archives.entries(archive, 99, 1 << 20).files]


@pytest.mark.parametrize(
    ("encoding", "classes"),
    [
        ("utf-8", ["café", "Stiefel für Mädchen", "靴", "обувь"]),
        ("cp437", ["café", "Höhe", "Ärmel", "Größe"]),
        ("cp437", ["vêtements", "été"]),
        ("cp850", ["Årstid", "São Paulo", "Ñandú"]),
        ("cp932", ["靴", "帽子", "くつした"]),
        ("cp932", ["シャツ", "Tシャツ", "ソックス"]),  # a ソ ends with the byte of a backslash
        ("gbk", ["鞋子", "帽子", "连衣裙"]),
        ("cp866", ["ботинки", "шапка"]),
    ],
)
def test_names_without_a_word_on_their_encoding(encoding: str, classes: list[str]) -> None:
    expected = [f"{name}/{i:05}.png" for i, name in enumerate(classes)]
    assert names(packed({name.encode(encoding): b"" for name in expected})) == expected


def test_a_name_beside_the_name() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo("__/1.png")
        name = "靴/1.png".encode()
        info.extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, 0) + name
        archive.writestr(info, b"")
    assert names(made) == ["靴/1.png"]


def test_separators_of_windows() -> None:
    assert names(packed({rb"boots\0001.png": b"", rb"hats\00002.png": b""})) == ["boots/0001.png", "hats/00002.png"]
    assert names(packed({b"a\\b/0001.png": b"", b"c/00002.png": b""})) == ["a\\b/0001.png", "c/00002.png"]


def test_colons_are_no_danger() -> None:
    assert names(packed({b"12:30/0001.png": b"", b"a:b/00002.png": b""})) == ["12:30/0001.png", "a:b/00002.png"]


def test_what_a_system_added_is_passed_over() -> None:
    junk = [
        b"__MACOSX/a/._1.png",
        b"a/.DS_Store",
        b"a/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg",
        b"a/Thumbs.db",
        b"DESKTOP.INI",
    ]
    with archives.opened(packed({name: b"" for name in [*junk, b"a/00001.png"]})) as archive:
        found = archives.entries(archive, 99, 99)
    assert [str(entry.name) for entry in found.files] == ["a/00001.png"]
    assert found.hidden == [name.decode() for name in junk]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "\\x", "a\\..\\x", "C:/x", "c:\\x"])
def test_names_that_lead_out(name: str) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a/b", b"")
        archive.writestr(name, b"")
    with pytest.raises(archives.ArchiveProblem, match="leads out of the archive"):
        names(made)


def test_equal_names_are_both_there() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("1.png", b"one")
        archive.writestr("1.png", b"two")
    with archives.opened(made) as archive:
        files = archives.entries(archive, 99, 99).files
        assert [archives.content(archive, entry.info) for entry in files] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("paths", "depth"),
    [
        (["a/b/1", "a/b/2"], 2),
        (["a/b/1", "a/c/2"], 1),
        (["a/b/1", "a/2"], 1),
        (["a/b/1", "2"], 0),
        (["1", "2"], 0),
        (["a/b/c/d/1"], 4),
        ([], 0),
    ],
)
def test_folders_around_everything(paths: list[str], depth: int) -> None:
    assert archives.wrappers(map(PurePosixPath, paths)) == depth


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(archives.ArchiveProblem, match="is no file"):
            archives.opened(path)
