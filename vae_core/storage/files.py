"""Files that are either whole or not there: written under a temporary name, flushed, and moved into place.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as parent:
...     write_json(Path(parent, "a.json"), {"step": 1})
...     with new_folder(Path(parent, "model")) as folder:
...         write_bytes(folder / "card.md", b"A model.")
...     sorted(os.listdir(parent))
['a.json', 'model']
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vae_core.storage.errors import FileProblem

try:
    import fcntl
except ImportError:  # Windows: there a folder is never moved onto another
    fcntl = None  # type: ignore[assignment]

# What a writer calls its half-written things: .NAME.PID-THREAD.tmp, and .old for a folder that is being replaced.
TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d{1,10})(?:-\d+)?\.(?P<ending>tmp|old)")
CLOCK_SECONDS = 60.0  # a machine's clock may be set by so much
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)  # no room, or none for this user or file


class TakenProblem(FileProblem):
    """A name that is in use; the file or folder that bears it is left as it is."""


def write_bytes(path: Path, data: bytes, durable: bool = True, new: bool = False) -> None:
    """Write all of `data` or nothing.

    Args:
        path: The file; one that is there is replaced.
        data: Its content.
        durable: Wait until the disk has it, so that it outlives a power cut and not only the process.
        new: Refuse to replace a file that is there by the time this one is moved into place.

    Raises:
        OSError: The disk is full or the folder not writable; the old file is untouched.
        TakenProblem: There is such a file, and `new` was asked for.
    """
    temporary = _temporary(path, "tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        (_link if new else os.replace)(temporary, path)
    except OSError as error:
        raise _named(error, temporary, path) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> None:
    """Move a file to a name that is free: unlike a rename, this never replaces what somebody wrote a moment ago."""
    try:
        os.link(temporary, path)
        return
    except FileExistsError as error:
        raise taken(path) from error
    except OSError as error:  # a file system without links
        if os.path.lexists(path):
            raise taken(path) from error
    os.rename(temporary, path)


def write_over(path: Path, data: bytes) -> None:
    """Write over a file's own bytes, which takes no new room: the last resort on a full disk, since it can be torn."""
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()


def why_unwritten(error: OSError) -> str:
    """Return the reason why something could not be written, as a sentence."""
    if error.errno == errno.ENOSPC:
        return "the disk is full."
    return f"{error.strerror or error}.".replace("..", ".")


def way_out(error: OSError) -> str:
    """Return the step that mends a failed write, as a sentence."""
    if error.errno in FULL:
        return "Free some space."
    return "Choose a folder you may write to."


def failure(error: OSError) -> str:
    """Return a sentence about anything that the system refused; of a full disk also what to do."""
    if error.errno not in FULL:
        return str(error)
    return f"{error.filename or 'something'} could not be written: {why_unwritten(error)} {way_out(error)}"


def taken(path: Path) -> TakenProblem:
    """Make the error for a name that somebody else has taken in the meantime."""
    return TakenProblem(f"{path} has appeared in the meantime and is left as it is. Choose another name.")


def _named(error: OSError, temporary: Path, path: Path) -> OSError:
    """Name the caller's path in an error about a temporary one, which nobody has heard of."""
    if isinstance(error.filename, str | os.PathLike):
        error.filename = str(error.filename).replace(str(temporary), str(path))
    # A write itself names none.
    elif error.filename is None and error.errno is not None:
        error.filename = str(path)
    error.filename2 = None
    return error


def write_json(path: Path, values: Mapping[str, Any], durable: bool = True) -> None:
    """Write a JSON object as `write_bytes` does, indented and with a final newline."""
    write_bytes(path, (json.dumps(values, indent=1) + "\n").encode(), durable)


@contextmanager
def new_folder(
    path: Path, replaceable: Callable[[Path], bool] | None = None, put_away: Callable[[Path, str], object] | None = None
) -> Iterator[Path]:
    """Make a folder that appears whole: fill the one that is given, and it is moved to `path`.

    Args:
        path: The folder's place; its parents are made.
        replaceable: Asked in the moment of the move whether a folder that is there may go. It is moved aside, and back if the
            new one cannot take its place; if the process is killed between the two moves, `recover` moves it back.
        put_away: Handed the old folder and its name in the end; without it the old one is removed.

    Yields:
        The folder to fill.

    Raises:
        OSError: The disk is full or the parent not writable; what was at `path` stays.
        TakenProblem: There is something at `path` that may not be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    recover(path.parent, path.name)
    sweep(path.parent, path.name)
    temporary = _temporary(path, "tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        with _alone(path.parent):
            _move_in(temporary, path, replaceable, put_away)
    except OSError as error:
        raise _named(error, temporary, path) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move_in(
    temporary: Path,
    path: Path,
    replaceable: Callable[[Path], bool] | None,
    put_away: Callable[[Path, str], object] | None,
) -> None:
    if not os.path.lexists(path):
        os.rename(temporary, path)
        return
    if replaceable is None or path.is_symlink():
        raise taken(path)
    old = _temporary(path, "old")
    os.rename(path, old)
    try:
        if not replaceable(old):
            raise taken(path)
        os.rename(temporary, path)
    except BaseException:
        os.rename(old, path)
        raise
    if put_away is not None:
        with suppress(OSError, ValueError):
            put_away(old, path.name)
            return
    # never to be moved back; removed with the temporary one
    os.rename(old, temporary)


def recover(folder: Path, name: str | None = None) -> None:
    """Put back what a replacement that was cut short by a kill has left aside.

    Args:
        folder: Where to look.
        name: Of the one file or folder to put back; by default all.
    """
    for path, match in _temporaries(folder, name):
        target = folder / match["name"]
        if match["ending"] == "old" and not os.path.lexists(target) and not _alive(path, int(match["pid"])):
            with suppress(OSError), _alone(folder):
                if not os.path.lexists(target):
                    os.rename(path, target)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what writers that have died left half-written.

    Args:
        folder: Where to look.
        name: Of the one file or folder whose remains to remove; by default all.
    """
    for path, match in _temporaries(folder, name):
        if _alive(path, int(match["pid"])):
            continue
        if match["ending"] == "old" and not os.path.lexists(folder / match["name"]):
            # the only one there is: for `recover`
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _temporaries(folder: Path, name: str | None) -> list[tuple[Path, re.Match[str]]]:
    try:
        names = [entry for entry in os.listdir(folder) if entry.startswith(".")]
    except OSError:
        return []
    matches = [(folder / entry, TEMPORARY.fullmatch(entry)) for entry in names]
    return [(path, match) for path, match in matches if match and name in (None, match["name"])]


def _alive(path: Path, pid: int) -> bool:
    """Check whether the process that was writing it still can be: its number may have been given to a later one."""
    import psutil

    try:
        began = psutil.Process(pid).create_time()
        return began <= path.lstat().st_mtime + CLOCK_SECONDS
    except (psutil.Error, OSError, OverflowError, ValueError):
        return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock a folder, so that of two who replace something in it the second sees what the first has done."""
    if fcntl is None:
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _temporary(path: Path, ending: str) -> Path:
    """Name a file beside `path` by process and thread: two sessions of the app may write the same file at once."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.{ending}")
