"""Zips of strangers: checked before a byte is unpacked, their names as a person would see them. Nothing is written.

>>> import io
>>> file = io.BytesIO()
>>> with zipfile.ZipFile(file, "w") as archive:
...     archive.writestr("cats/1.png", b"pixels")
>>> with opened(file) as archive:
...     for entry in entries(archive, most_entries=10, most_bytes=1000).files:
...         print(entry.name, content(archive, entry.info))
cats/1.png b'pixels'
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

JUNK = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
JUNK |= {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
UTF8 = 0x800  # the flag of names that are UTF-8
# of the names in archives without that flag, by how common they are; cp437 is what the format itself prescribes
ENCODINGS = ("cp437", "cp850", "cp932", "gbk", "cp949", "cp866")


class ArchiveProblem(ValueError):
    """A zip that is not read; the message says what came and what to do."""


class Entry(NamedTuple):
    """A file in an archive.

    Attributes:
        name: Its path as a person would see it, with slashes.
        info: What the archive's directory holds of it.
    """

    name: PurePosixPath
    info: zipfile.ZipInfo


class Entries(NamedTuple):
    """The files of an archive.

    Attributes:
        files: In the archive's order; two may have the same name.
        hidden: Names of what an operating system or a NAS has put there.
    """

    files: list[Entry]
    hidden: list[str]


def opened(source: Path | IO[bytes]) -> zipfile.ZipFile:
    """Open a zip or an .npz and read its directory.

    Args:
        source: A path, or a file that can seek.

    Raises:
        ArchiveProblem: It is missing, no file, or no whole zip.
    """
    try:
        if isinstance(source, Path) and not stat.S_ISREG(source.stat().st_mode):
            raise ArchiveProblem(f"{source} is no file, expected a zip. Give the file itself.")
        return zipfile.ZipFile(source)
    except OSError as error:
        raise ArchiveProblem(
            f"{source} cannot be read ({error.strerror or error}). Check that it is there and readable."
        ) from error
    except ArchiveProblem:
        raise
    except Exception as error:  # BadZipFile, and struct.error or ValueError for damaged directories
        if isinstance(source, Path):
            problem = f"{source} is no whole {source.suffix or 'zip'} file"
            raise ArchiveProblem(f"{problem} ({error}). It may be truncated: copy it again.") from error
        raise ArchiveProblem(
            f"this is no whole zip file ({error}). Download it again, or pack the folder anew."
        ) from error


def entries(archive: zipfile.ZipFile, most_entries: int, most_bytes: int) -> Entries:
    """List the files of an archive, once it is known to be harmless.

    What its directory declares is what is read at most: zipfile stops there.

    Args:
        archive: An open archive.
        most_entries: Files and folders it may hold.
        most_bytes: Bytes it may unpack to.

    Raises:
        ArchiveProblem: In this order: too many entries, names that lead out of the archive, links and devices, passwords,
            other methods than deflate (their readers expand a block of any size at once), too many bytes.
    """
    infos = archive.infolist()
    if len(infos) > most_entries:
        raise ArchiveProblem(
            f"the zip holds {len(infos):,} entries, at most {most_entries:,} are read. Pack fewer files."
        )
    names = decoded(infos)
    backslashes = not any("/" in name for name in names) or any(info.create_system == 0 for info in infos)
    files, hidden = [], []
    for info, name in zip(infos, names, strict=True):
        parts = (name.replace("\\", "/") if backslashes else name).split("/")
        _check(info, name, parts)
        if info.is_dir() or not parts[-1]:
            continue
        path = PurePosixPath(*parts)
        if is_hidden(path):
            hidden.append(str(path))
        else:
            files.append(Entry(path, info))
    total = sum(info.file_size for info in infos)
    if total > most_bytes:
        raise ArchiveProblem(
            f"the zip expands to {total / 1e9:.1f} GB, at most {most_bytes / 1e9:.1f} are read. Refused; pack fewer or smaller files."
        )
    return Entries(files, hidden)


def content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read all bytes of a file.

    Raises:
        ArchiveProblem: They are damaged.
    """
    try:
        return archive.read(info)
    except Exception as error:  # BadZipFile, zlib.error, NotImplementedError, EOFError ... by method and damage
        raise ArchiveProblem(f"it cannot be unpacked ({error}). Pack it again.") from error


def is_hidden(name: PurePosixPath) -> bool:
    """Check whether a path leads through what a system hides: a dot before the name, a Mac's or a NAS' own folders."""
    return any(part.startswith((".", "._")) or part.lower() in JUNK for part in name.parts)


def wrappers(names: Iterable[PurePosixPath]) -> int:
    """Count the folders around everything: each holds one folder and no file."""
    depth, known = 0, list(names)
    while known and all(len(name.parts) > depth + 1 for name in known):
        if len({name.parts[depth] for name in known}) > 1:
            break
        depth += 1
    return depth


def _check(info: zipfile.ZipInfo, name: str, parts: Sequence[str]) -> None:
    leads_out = name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/")
    if leads_out or re.match(r"[A-Za-z]:[\\/]", name) or "\0" in name:
        raise ArchiveProblem(
            f"the zip holds the name {name!r}, which leads out of the archive. Refused; pack it again without such names."
        )
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ArchiveProblem(f"the zip holds the link or device {name!r}. Refused; pack the files themselves.")
    if info.flag_bits & 1:
        raise ArchiveProblem(f"the zip is protected by a password ({name!r}). Pack it without one.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveProblem(f"{name} is packed by method {info.compress_type}. Pack it with plain deflate.")


# --- names ------------------------------------------------------------------------------------------------------------


def decoded(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Decode the names in an archive: those without the flag for UTF-8 in the encoding that makes sense of all of them."""
    raw = [None if info.flag_bits & UTF8 else info.orig_filename.encode("cp437", "replace") for info in infos]
    encoding = likely_encoding([name for name in raw if name is not None and not name.isascii()])
    return [
        info.orig_filename if name is None else _unicode_path(info) or name.decode(encoding, "replace")
        for info, name in zip(infos, raw, strict=True)
    ]


def _unicode_path(info: zipfile.ZipInfo) -> str | None:
    """Return the UTF-8 name that Info-ZIP and WinZip put beside the old one (extra field 0x7075), if there is one."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x7075 and size > 5:
            try:
                return extra[9 : 4 + size].decode("utf-8")
            except UnicodeDecodeError:
                return None
        extra = extra[4 + size :]
    return None


def likely_encoding(names: Sequence[bytes]) -> str:
    """Return UTF-8 if all names are; else that of `ENCODINGS` in which the letters stand together as words of one script."""
    sample = list(dict.fromkeys(names))[:1000]
    try:
        for name in names:
            name.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    scores = {}
    for encoding in ENCODINGS:
        try:
            scores[encoding] = _plausibility([name.decode(encoding) for name in sample])
        except UnicodeDecodeError:
            continue
    # cp437 decodes everything, and is the first of equals.
    return max(scores, key=lambda encoding: scores[encoding])


def _plausibility(names: Sequence[str]) -> float:
    """Rate how far the characters beyond ASCII look like writing, -1 to 1."""
    points = count = 0
    for name in names:
        padded = f"/{name}/"
        for before, char, after in zip(padded, padded[1:], padded[2:], strict=False):
            if not char.isascii():
                points += _rating(before, char, after)
                count += 1
    return points / max(1, count)


def _rating(before: str, char: str, after: str) -> int:
    """Rate one character by its neighbours: -1, 0 or 1."""
    script, beside = _script(char), (_script(before), _script(after))
    if script == "symbol":
        return -1
    # accented letters stand between plain ones; capitals at the beginning or among capitals
    if script == "accented":
        odd = (char.islower() and after.isascii() and after.isupper()) or (char.isupper() and before.islower())
        return -1 if odd else 0 if beside == ("accented", "accented") else 1
    return -1 if {"plain", "accented"} & set(beside) else 1


def _script(char: str) -> str:
    if char.isascii():
        return "plain" if char.isalpha() else ""
    name = unicodedata.name(char, "")
    others = ("HIRAGANA", "KATAKANA", "CJK UNIFIED", "HANGUL SYLLABLE", "CYRILLIC")
    return "accented" if name.startswith("LATIN") else "other" if name.startswith(others) else "symbol"
