""".npz files: what they claim to hold, read from headers before any array is allocated, and their arrays, never unpickled.

>>> import tempfile
>>> import numpy as np
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "a.npz")
...     np.savez(path, z=np.zeros((5, 2), np.float32))
...     array_headers(path, ("z",))["z"].size, read_npz(path, ("z",))["z"].shape
(40, (5, 2))
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from vae_core.storage import limits
from vae_core.storage.errors import FileProblem, reason
from vae_core.storage.records import require_file

if TYPE_CHECKING:
    import numpy as np


class ArrayHeader(NamedTuple):
    """What an array's header claims.

    Attributes:
        shape: Whole numbers from 0.
        dtype: Never of objects.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes of the array in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def array_headers(path: Path, names: tuple[str, ...]) -> dict[str, ArrayHeader]:
    """Read the header of each array, which costs some kilobytes however large the arrays claim to be.

    Args:
        path: The file.
        names: Arrays that must be among them.

    Returns:
        Headers by name.

    Raises:
        FileProblem: The file is missing or damaged, an array holds objects, a side is negative, or a shape does not fit
            the bytes that follow it.
    """
    headers: dict[str, ArrayHeader] = {}
    require_file(path, limits.ARRAYS)
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as file:
                    shape, _, dtype = _read_header(file)
                    start = file.tell()
                header = ArrayHeader(tuple(shape), dtype)
                if dtype.hasobject:
                    raise ValueError(f"{info.filename} holds objects, expected plain numbers")
                if any(side < 0 for side in header.shape):
                    raise ValueError(f"{info.filename} has the shape {header.shape}; no side can be negative")
                if header.size != info.file_size - start:
                    raise ValueError(
                        f"{info.filename}: shape {header.shape} of {dtype} needs {header.size:,} bytes, it has "
                        f"{info.file_size - start:,}"
                    )
                headers[info.filename.removesuffix(".npy")] = header
        missing = [name for name in names if name not in headers]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
    except Exception as error:  # zipfile, zlib, struct, tokenize and numpy each raise their own kinds for damaged bytes
        raise FileProblem(
            f"{path} is not a whole .npz file with {', '.join(names)} ({str(error)[:300]}). Copy it again."
        ) from error
    return headers


def read_npz(path: Path, names: tuple[str, ...], limit: int | None = None) -> dict[str, np.ndarray]:
    """Read named arrays of an .npz file.

    Args:
        path: The file.
        names: Of the arrays.
        limit: Bytes that all arrays of the file may unfold to, `limits.ARRAYS` by default.

    Raises:
        FileProblem: The file is missing, damaged or too large, lacks an array, or holds objects.
    """
    import numpy as np

    limit = limits.ARRAYS if limit is None else limit
    require_file(path, limit)
    try:
        with open(path, "rb") as opened, zipfile.ZipFile(opened) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > limit:
                raise ValueError(f"it unfolds to {size:,} bytes; the limit is {limit:,}")
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as file:
                return {name: file[name] for name in names}
    except Exception as error:  # zipfile, zlib and numpy each raise their own kinds for damaged bytes
        raise FileProblem(
            f"{path} is not a whole .npz file with {', '.join(names)} ({reason(error)}). Copy it again."
        ) from error


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    return npy.read_array_header_2_0(file)
