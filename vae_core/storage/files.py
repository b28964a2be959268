"""Files that are either whole or not there: written under a temporary name, flushed, and moved into place."""

from __future__ import annotations

import json
import os
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save as safetensors_bytes

from vae_core.network.layers import Network, NetworkError, Weights, check_shapes, check_weights
from vae_core.storage import limits
from vae_core.storage.records import FileProblem, read_object, reason, require_file


def write_bytes(path: Path, data: bytes, durable: bool = True) -> None:
    """Write all of `data` or nothing; raises `OSError` (disk full, folder not writable) with the old file untouched.

    durable: wait until the disk has it, so that it outlives a power cut and not only the process.
    """
    temporary = path.with_name(f".{path.name}.{_writer()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, values: Mapping[str, Any], durable: bool = True) -> None:
    """As `write_bytes`, indented and with a final newline."""
    write_bytes(path, (json.dumps(values, indent=1) + "\n").encode(), durable)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; `FileProblem` if it is missing, truncated or no object."""
    return read_object(path)


def write_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Weights as safetensors, as `write_bytes`."""
    write_bytes(path, safetensors_bytes({name: np.asarray(array, order="C") for name, array in weights.items()}))


def read_weights(path: Path, network: Network) -> Weights:
    """The weights of `network` from a safetensors file, as float32.

    Names, shapes and types are compared with the network by the file's header before any array is allocated.
    """
    with _opened(path) as file:
        names = list(file.keys())
        check_shapes(network, {name: tuple(file.get_slice(name).get_shape()) for name in names}, str(path))
        for name in names:
            if file.get_slice(name).get_dtype() not in ("F32", "F16"):
                raise NetworkError(f"{path}: {name} is {file.get_slice(name).get_dtype()}, expected F32 or F16.")
        weights = {name: file.get_tensor(name).astype(np.float32) for name in network.weight_shapes()}
    check_weights(network, weights, str(path))
    return weights


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Every array of a safetensors file of our own making, and the strings in its header."""
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 (no mapping)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    require_file(path, limits.STATE)
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (FileProblem, NetworkError):
        raise
    except Exception as error:  # an odd header raises kinds of the library's own, and of numpy's
        raise FileProblem(
            f"{path} is no whole safetensors file ({reason(error)}). It may be truncated; copy it again."
        ) from error


def read_npz(path: Path, names: tuple[str, ...], limit: int | None = None) -> dict[str, np.ndarray]:
    """Named arrays of an .npz file, never unpickled, and of `limit` bytes together at most (`limits.ARRAYS`)."""
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


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that appears whole: fill the one that is given, and it is moved to `path`, replacing what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{_writer()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            old = path.with_name(f".{path.name}.{_writer()}.old")
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _writer() -> str:
    """Names this process and thread: two sessions of the app may write the same file at once."""
    return f"{os.getpid()}-{threading.get_ident()}"
