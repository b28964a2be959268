"""Folders that were deleted: moved into `.trash` beside them, put back on request, gone for good after a day.

A folder's place in the trash is named by the moment it was deleted and its old name, `1764281000123-demo`, so that one move
is all there is to deleting and to putting back. Links are moved or removed themselves; what they lead to is never touched.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as root:
...     Path(root, "demo").mkdir()
...     place = delete(Path(root, "demo")).path.name
...     restore(Path(root), place).name, deleted(Path(root))
('demo', [])
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = ".trash"
KEPT_SECONDS = 24 * 3600.0
_PLACE = re.compile(r"([0-9]{10,16})-([^/\\\0]+)")


class TrashError(ValueError):
    """A folder that cannot be deleted or put back: what is wrong and what to do."""


@dataclass(frozen=True)
class Deleted:
    """A folder in the trash.

    Attributes:
        path: Where it lies now.
        name: Its name before it was deleted.
        time: Of its deletion, seconds since 1970.
    """

    path: Path
    name: str
    time: float

    @property
    def size(self) -> int:
        """Bytes of its files; links are not counted."""
        return folder_size(self.path)


def delete(folder: Path, now: float | None = None) -> Deleted:
    """Move a folder into the trash beside it.

    Args:
        folder: An existing folder or a link to one; of a link only the link is moved.
        now: Seconds since 1970, by default this moment.

    Raises:
        TrashError: It is gone already, is no folder of its own (".", a hidden one), or the place is not writable.
    """
    if not folder.name or folder.name.startswith("."):
        raise TrashError(f"{str(folder)!r} is no folder of a run or a model. Name one by its own name.")
    try:
        return put_away(folder, folder.name, now)
    except FileNotFoundError as error:
        raise TrashError(f"{folder.name} is gone already: somebody else has deleted or renamed it.") from error
    except OSError as error:
        raise TrashError(
            f"{folder.name} cannot be deleted: {error.strerror}. Make {folder.parent} writable."
        ) from error


def put_away(folder: Path, name: str, now: float | None = None) -> Deleted:
    """Move a folder into the trash beside it under the name it is to come back by; raises what `os.rename` raises."""
    trash = _trash(folder.parent)
    trash.mkdir(exist_ok=True)
    when = int(1000 * (time.time() if now is None else now))
    while os.path.lexists(trash / f"{when}-{name}"):  # two of one name in one millisecond
        when += 1
    place = trash / f"{when}-{name}"
    os.rename(folder, place)
    return Deleted(place, name, when / 1000)


def restore(root: Path, place: str) -> Path:
    """Put a folder back into `root`; under its old name, or with a number behind it where that was taken meanwhile.

    Args:
        root: The folder it was deleted from.
        place: The name of its place in the trash, `Deleted.path.name`.

    Raises:
        TrashError: Nothing of this name lies in the trash (any more), or the place is not writable.
    """
    entry = next((entry for entry in deleted(root) if entry.path.name == place), None)
    if entry is None:
        raise TrashError("It is no longer in the trash: it was put back already, or a day has passed.")
    for number in range(1, 1000):
        target = root / (entry.name if number == 1 else f"{entry.name}-{number}")
        if os.path.lexists(target):
            continue
        try:
            os.rename(entry.path, target)
            return target
        except FileNotFoundError as error:
            raise TrashError(f"{entry.name} is no longer in the trash: it was put back already.") from error
        except OSError as error:
            # taken in this moment
            if os.path.lexists(target):
                continue
            raise TrashError(f"{entry.name} cannot be put back: {error.strerror}. Make {root} writable.") from error
    raise TrashError(f"{root} holds a thousand folders called {entry.name}. Rename some of them.")


def deleted(root: Path, now: float | None = None) -> list[Deleted]:
    """List what was deleted within the last day, the newest first; what is older is removed for good now.

    Args:
        root: The folder it was deleted from.
        now: Seconds since 1970, by default this moment.
    """
    now = time.time() if now is None else now
    try:
        places = [(path, _PLACE.fullmatch(path.name)) for path in _trash(root).iterdir()]
    except (OSError, TrashError):
        return []
    entries = [Deleted(path, match[2], int(match[1]) / 1000) for path, match in places if match]
    for entry in entries:
        if now - entry.time > KEPT_SECONDS:
            _remove(entry.path)
    kept = [entry for entry in entries if now - entry.time <= KEPT_SECONDS]
    return sorted(kept, key=lambda entry: entry.time, reverse=True)


def folder_size(path: Path) -> int:
    """Add up the bytes of the files below a folder; links are not followed, and what vanishes meanwhile is not counted."""
    total = 0
    for parent, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _trash(root: Path) -> Path:
    trash = root / FOLDER
    if trash.is_symlink():
        raise TrashError(f"{trash} is a link, which leads elsewhere. Remove it; the program makes a folder of its own.")
    return trash


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
