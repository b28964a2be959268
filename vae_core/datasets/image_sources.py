"""The files of a folder or a zip, in order of their names, without unpacking anything to disk; each is taken or named.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = Path(folder, "boot.png").write_bytes(b"...")
...     source = folder_files(Path(folder))
>>> [str(file.name) for file in source.files], source.left_out
(['boot.png'], {})
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vae_core.datasets.image_headers import PictureError
from vae_core.storage import archives, limits
from vae_core.storage.archives import ArchiveProblem
from vae_core.storage.errors import DataError
from vae_core.storage.names import clean

NAMES_SHOWN = 5  # in a line for the user


class SourceFile(NamedTuple):
    """A file that may be a picture.

    Attributes:
        name: Its path below the folder or in the zip, as a person would see it.
        read: Returns its bytes; raises `PictureError` where it cannot be read.
    """

    name: PurePosixPath
    read: Callable[[], bytes]


@dataclass
class ImageSource:
    """The files of a folder or a zip.

    Attributes:
        files: Sorted by name.
        left_out: Files that are not looked at: from the reason to their names.
    """

    files: list[SourceFile]
    left_out: dict[str, list[str]]


def folder_files(folder: Path) -> ImageSource:
    """List every file under a folder.

    Links are followed, but no folder is entered twice.

    Raises:
        DataError: If it is no folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Give a folder whose sub-folders (the classes) hold pictures.")
    files: list[SourceFile] = []
    left_out: dict[str, list[str]] = {}
    for path in _walk(folder):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        reason = "hidden" if archives.is_hidden(name) else _why_no_picture(path)
        if reason:
            left_out.setdefault(reason, []).append(str(name))
        else:
            files.append(SourceFile(name, lambda path=path: _file_content(path)))  # type: ignore[misc]
    return ImageSource(sorted(files, key=lambda file: file.name), left_out)


@contextmanager
def zip_files(path: Path) -> Iterator[ImageSource]:
    """List every file of a zip, which stays open within the context.

    Raises:
        DataError: As `archives.entries` refuses, before anything is unpacked.
    """
    try:
        with archives.opened(path) as archive:
            entries = archives.entries(archive, limits.DATA_ENTRIES, limits.DATA)
            left_out = {"hidden": entries.hidden} if entries.hidden else {}
            files = []
            for name, info in entries.files:
                if info.file_size > limits.PICTURE_FILE:
                    left_out.setdefault(f"larger than {limits.PICTURE_FILE >> 20} MiB", []).append(str(name))
                else:
                    files.append(SourceFile(name, lambda info=info: _member_content(archive, info)))  # type: ignore[misc]
            yield ImageSource(sorted(files, key=lambda file: file.name), left_out)
    except ArchiveProblem as error:
        text = str(error)
        raise DataError(text if str(path) in text else f"{path}: {text}") from error


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder; linked folders after the real ones, each place once, so that it cannot go round in circles."""
    visited, linked = {os.path.realpath(folder)}, [folder]
    while linked:
        for top, folders, names in os.walk(linked.pop(0)):
            for name in sorted(folders):
                path = Path(top, name)
                if path.is_symlink():
                    folders.remove(name)
                    linked.append(path)
                elif archives.is_hidden(PurePosixPath(name)):
                    folders.remove(name)
                    yield path
                elif os.path.realpath(path) in visited:
                    folders.remove(name)
                else:
                    visited.add(os.path.realpath(path))
            yield from (Path(top, name) for name in names)
        while linked and os.path.realpath(linked[0]) in visited:
            linked.pop(0)
        if linked:
            visited.add(os.path.realpath(linked[0]))


def _why_no_picture(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return "links to nothing"
    if not stat.S_ISREG(status.st_mode):
        return "no regular files"
    return f"larger than {limits.PICTURE_FILE >> 20} MiB" if status.st_size > limits.PICTURE_FILE else None


def _file_content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"it cannot be read ({error.strerror or error}). Check its permissions.") from error


def _member_content(archive: archives.zipfile.ZipFile, info: archives.zipfile.ZipInfo) -> bytes:
    try:
        return archives.content(archive, info)
    except ArchiveProblem as error:
        raise PictureError(str(error)) from error


def left_out_lines(left_out: Mapping[str, Sequence[str]], unreadable: Mapping[str, str]) -> list[str]:
    """What is not trained on, as lines for the user.

    Args:
        left_out: From the reason to the files' names.
        unreadable: From a file's name to what is wrong with it.

    >>> left_out_lines({"hidden": [".cache"]}, {"boot.png": "the file is empty."})
    ['left out, hidden: 1 (.cache)', 'left out, cannot be read: 1 (boot.png: the file is empty)']
    """
    lines = [f"left out, {reason}: {len(names):,} ({first_names(names)})" for reason, names in left_out.items()]
    if unreadable:
        first = list(unreadable.items())[:NAMES_SHOWN]
        listing = "; ".join(f"{clean_path(name)}: {problem.rstrip('.')}" for name, problem in first)
        more = f"; and {len(unreadable) - NAMES_SHOWN:,} more" if len(unreadable) > NAMES_SHOWN else ""
        lines.append(f"left out, cannot be read: {len(unreadable):,} ({listing}{more})")
    return lines


def first_names(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(clean_path(name) for name in names[:NAMES_SHOWN]) + more


def clean_path(name: str) -> str:
    """A path that can be printed: each of its parts made clean."""
    return "/".join(clean(part) for part in name.split("/"))
