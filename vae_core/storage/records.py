"""The one guarded way into a file that another process or person may have written.

    status = read_object(path, StatusFile)      # a dict that has the declared form, or FileProblem
    network = unchanged(path, read_network)     # read and checked once a change, not at each call

>>> object_from(b'{"step": 3}', "status.json")
{'step': 3}
>>> object_from(b'[3]', "status.json")
Traceback (most recent call last):
vae_core.storage.errors.FileProblem: status.json must hold a JSON object, got a list. Copy or make it again.

Whatever lies at the path (a directory, a pipe, a gigabyte, 100,000 nested brackets, a number of 400 digits), the answer is what
was asked for or a `FileProblem` whose message names the file and the reason. Nothing waits, and no more is read than the limit.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from vae_core.storage.errors import FileMissing, FileProblem, reason

MAX_JSON_BYTES = 1_000_000
REMEMBERED = 4096  # results that `unchanged` keeps
SETTLED_SECONDS = 2.0  # the coarsest clock of file times that is in use (FAT)
# Opening a pipe that nobody writes to would wait for ever; O_BINARY is Windows'.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_LONG = re.compile(rb"[0-9]{19}")
_INT64 = 1 << 63

T = TypeVar("T")


def read_bytes(path: Path, limit: int) -> bytes:
    """Read all of a regular file.

    Args:
        path: The file.
        limit: Bytes it may have.

    Raises:
        FileMissing: There is nothing at the path.
        FileProblem: It is larger, a directory, a pipe or a device, or cannot be read.
    """
    return _read(path, limit)


def read_head(path: Path, size: int) -> bytes:
    """Read the first `size` bytes of a regular file, however long it is; raises as `read_bytes`."""
    return _read(path, size, longer="head")


def read_tail(path: Path, size: int) -> bytes:
    """Read the last `size` bytes of a regular file, however long it is; raises as `read_bytes`."""
    return _read(path, size, longer="tail")


def _read(path: Path, limit: int, longer: str = "refuse") -> bytes:
    number, size = _open(path)
    try:
        if longer == "tail":
            os.lseek(number, max(0, size - limit), os.SEEK_SET)
        elif size > limit and longer == "refuse":
            raise FileProblem(
                f"{path} has {size:,} bytes; at most {limit:,} are read. It is not what it should be; copy or make it again."
            )
        # A file may grow while it is read.
        parts, left = [], min(size, limit)
        while left and (part := os.read(number, left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    except OSError as error:
        raise _cannot_be_read(path, error) from error
    finally:
        os.close(number)


@contextmanager
def open_regular(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file to read bytes from, unbuffered.

    Raises:
        FileMissing: There is nothing at the path.
        FileProblem: It is a directory, a pipe or a device, or cannot be read, then or within the context.
    """
    with open(_open(path)[0], "rb", buffering=0) as file:
        try:
            yield file
        except OSError as error:
            raise _cannot_be_read(path, error) from error


def _open(path: Path) -> tuple[int, int]:
    """Open a regular file: its descriptor and its size in bytes; raises as `open_regular`."""
    try:
        number = os.open(path, _FLAGS)
    except FileNotFoundError as error:
        raise FileMissing(path) from error
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise _cannot_be_read(path, error) from error
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode):
        os.close(number)
        if stat.S_ISDIR(status.st_mode):
            raise _cannot_be_read(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
        raise FileProblem(f"{path} is no regular file. Remove it; copy or make it again.")
    return number, status.st_size


def _cannot_be_read(path: Path, error: Exception) -> FileProblem:
    why = error.strerror if isinstance(error, OSError) and error.strerror else reason(error)
    return FileProblem(f"{path} cannot be read: {why}.")


def require_file(path: Path, limit: int) -> None:
    """Check that a path is a regular file of `limit` bytes at most, for readers of other formats that open it themselves.

    Raises:
        FileMissing: There is nothing at the path.
        FileProblem: It is no regular file, or larger.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise FileMissing(path) from error
    except (OSError, ValueError) as error:
        raise _cannot_be_read(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise FileProblem(f"{path} is no regular file. Remove it; copy or make it again.")
    if status.st_size > limit:
        raise FileProblem(f"{path} has {status.st_size:,} bytes; at most {limit:,} are read. Copy or make it again.")


def read_object(path: Path, form: type[Any] | None = None, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a JSON object from a file, checked against a declared form.

    Args:
        path: The file.
        form: A `msgspec.Struct` with types and ranges. Keys that it does not name are passed on as they came.
        limit: Bytes that the file may have.

    Returns:
        Plain values. Numbers are finite and whole numbers fit into 64 bits; NaN, which Python writes, has become None. Text can
        be encoded.

    Raises:
        FileProblem: It is anything else.
    """
    return object_from(read_bytes(path, limit), str(path), form)


def object_from(data: bytes, origin: str, form: type[Any] | None = None) -> dict[str, Any]:
    """Decode and check a JSON object, as `read_object` does, from bytes that have been read already.

    Args:
        data: The bytes.
        origin: What a `FileProblem` calls them.
        form: As for `read_object`.

    Raises:
        FileProblem: They are anything else.
    """
    try:
        values = _decoded(data)
        if not isinstance(values, dict):
            raise FileProblem(
                f"{origin} must hold a JSON object, got a {type(values).__name__}. Copy or make it again."
            )
        if form is not None:
            check(values, form, origin)
        return values
    except FileProblem:
        raise
    except msgspec.ValidationError as error:
        raise FileProblem(f"{origin} is not as it should be: {_explanation(error)}. Copy or make it again.") from error
    except (ValueError, RecursionError, OverflowError) as error:
        raise FileProblem(
            f"{origin} is not valid JSON ({reason(error)}). It may be truncated; copy or make it again."
        ) from error


def check(values: Any, form: type[Any], origin: str) -> None:
    """Check plain values against a declared form.

    Args:
        values: As JSON decodes them.
        form: A `msgspec.Struct` with types and ranges.
        origin: What a `FileProblem` calls them.

    Raises:
        FileProblem: They do not have the form.
    """
    try:
        msgspec.convert(values, form)
    except msgspec.ValidationError as error:
        raise FileProblem(f"{origin} is not as it should be: {_explanation(error)}. Copy or make it again.") from error


def _decoded(data: bytes) -> Any:
    try:
        values = msgspec.json.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Python's own writer spells NaN and infinity, which are no JSON. Encoding turns them into null and refuses text that
        # cannot be encoded.
        values = msgspec.json.decode(msgspec.json.encode(json.loads(data)))
    if _LONG.search(data):
        _check_whole_numbers(values)
    return values


def _check_whole_numbers(values: Any) -> None:
    """Refuse whole numbers of more than 64 bits, which break whoever makes a float or an array of them."""
    rest = [values]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            rest.extend(value.values())
        elif isinstance(value, list):
            rest.extend(value)
        elif isinstance(value, int) and not -_INT64 <= value < _INT64:
            raise msgspec.ValidationError("a whole number is longer than 64 bits")


def _explanation(error: Exception) -> str:
    """Rewrite an error of msgspec: "Expected `int` >= 0 - at `$.step`" becomes "step: expected int >= 0"."""
    text, _, place = reason(error).replace("`", "").rpartition(" - at ")
    text = text or place
    where = place.removeprefix("$").removeprefix(".") if text != place else ""
    return f"{where}: {text[:1].lower()}{text[1:]}" if where else text[:1].lower() + text[1:]


# --- what is read once a change ---------------------------------------------------------------------------------------

Stamp = tuple[int, int, int, int]
_results: OrderedDict[tuple[str, Any], tuple[Stamp, Any]] = OrderedDict()
_lock = threading.Lock()


def unchanged(path: Path, read: Callable[[Path], T]) -> T:
    """Return what `read(path)` gave when the file was last changed, or raise what it raised then.

    A file is taken for unchanged while its number, size and times are the same and it had stood for two seconds when it was
    read: one that is written twice within a tick of the file system's clock has the same times.

    Args:
        path: The file.
        read: Reads and checks it; the same function each time.

    Returns:
        A value that all callers share: nobody writes to it.

    Raises:
        FileMissing: There is nothing at the path.
        ValueError: `read` raised it, a `FileProblem` for example.
    """
    key, stamp = (os.fspath(path), read), _stamp(path)
    if stamp is not None:
        with _lock:
            kept = _results.get(key)
            if kept is not None and kept[0] == stamp:
                _results.move_to_end(key)
                return _value_or_raise(kept[1])
    result: Any
    try:
        result = read(path)
    except ValueError as error:
        result = error
    if stamp is not None and time.time() - stamp[2] / 1e9 > SETTLED_SECONDS:
        with _lock:
            _results[key] = (stamp, result)
            while len(_results) > REMEMBERED:
                _results.popitem(last=False)
    return _value_or_raise(result)


def _value_or_raise(result: Any) -> Any:
    if isinstance(result, ValueError):
        raise result.with_traceback(None)
    return result


def stamps(folder: Path, *names: str) -> tuple[Stamp | None, ...]:
    """Return what tells each file from all others that bore its name, for keys of caches.

    Args:
        folder: The folder of the files.
        *names: Their names in it.

    Returns:
        Inode number, size in bytes and times in nanoseconds of each; None for a missing one.
    """
    return tuple(map(_stamp_or_none, (folder / name for name in names)))


def _stamp_or_none(path: Path) -> Stamp | None:
    try:
        return _stamp(path)
    except FileMissing:
        return None


def _stamp(path: Path) -> Stamp | None:
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise FileMissing(path) from error
    except (OSError, ValueError):
        # Reading it says what is wrong.
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
