"""What was measured of a model's uses, kept beside it as JSON: read by the pages Applications and Report, written by the commands.

Each file names the weights and the data it is of, so that figures of a model that has changed are not shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from vae_core.storage.errors import FileProblem
from vae_core.storage.files import write_bytes
from vae_core.storage.kind import WEIGHTS
from vae_core.storage.records import check, object_from, read_bytes

USES = ("compression", "denoising", "anomalies", "clustering", "report")
LIMIT = 2_000_000  # bytes of one file
VERSION = 1


class _Stamp(msgspec.Struct):
    """What every file begins with."""

    version: int
    weights: str
    data: str


def file_name(use: str) -> str:
    """Name of a use's file in the model's folder."""
    return f"{use}.json"


FILES = tuple(map(file_name, USES))


def save(folder: Path, use: str, figures: Mapping[str, Any], checksum: str) -> Path:
    """Write the figures of a use into a model's folder.

    Args:
        folder: Of the model; it holds model.safetensors.
        use: One of `USES`.
        figures: Plain values; non-finite numbers are not allowed.
        checksum: Of the data set that was measured.

    Returns:
        The file.

    Raises:
        OSError: It cannot be written.
        ValueError: A value that is no JSON, or more than is read again.
    """
    stamped = {"version": VERSION, "weights": _digest(folder), "data": checksum, **figures}
    data = (json.dumps(stamped, allow_nan=False, separators=(",", ":")) + "\n").encode()
    if len(data) > LIMIT:
        raise ValueError(
            f"the figures of {use} take {len(data):,} bytes, at most {LIMIT:,} are read. Measure fewer images."
        )
    path = folder / file_name(use)
    write_bytes(path, data)
    return path


def load(folder: Path, use: str, form: type[Any], checksum: str | None = None) -> Any:
    """Read the figures of a use.

    Args:
        folder: Of the model.
        use: One of `USES`.
        form: A dataclass or `msgspec.Struct` that they are converted to.
        checksum: Of the data they must be of; None for any.

    Returns:
        An instance of `form`; None where there is no such file, or it is of other weights, other data or another version:
        measure again.

    Raises:
        FileProblem: The file is damaged.
    """
    path = folder / file_name(use)
    try:
        data = read_bytes(path, LIMIT)
    except FileProblem:
        if path.exists():
            raise
        return None
    values = object_from(data, str(path), _Stamp)
    current = (values["version"], values["weights"]) == (VERSION, _digest(folder))
    if not current or checksum not in (None, values["data"]):
        return None
    check(values, form, str(path))
    return msgspec.convert(values, form)


def _digest(folder: Path) -> str:
    """Of the weights' bytes."""
    return blake2b((folder / WEIGHTS).read_bytes(), digest_size=16).hexdigest()
