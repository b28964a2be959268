"""The IDX files of MNIST and its descendants, gzipped or not: a magic number, the sizes, then bytes.

Format: LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist/ (0, 0, type 8 = unsigned byte, number of dimensions,
then one big-endian 32-bit size per dimension).

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "labels-idx1-ubyte")
...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
...     read_idx(path, 1).tolist()
[7, 2, 1]
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from vae_core.storage import limits
from vae_core.storage.errors import DataError

# what the first four bytes must be, by number of dimensions
_MAGIC = {1: (0x0801, "labels"), 3: (0x0803, "images")}


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read one IDX file.

    Args:
        path: The file. Whether it is gzipped is told by its bytes, not by its name.
        dimensions: 3 for images, 1 for labels.

    Returns:
        uint8 (n, h, w) or (n,), read-only.

    Raises:
        DataError: For a missing or truncated file, a wrong magic number, or more or fewer bytes than the header promises.
    """
    raw = _content(path)
    magic, kind = _MAGIC[dimensions]
    header = 4 + 4 * dimensions
    if len(raw) < header:
        raise DataError(f"{path} holds {len(raw)} bytes, too few for an IDX file. It is truncated: get it again.")
    first_word, *shape = struct.unpack(f">{1 + dimensions}I", raw[:header])
    if first_word != magic:
        raise DataError(
            f"{path} begins with the magic number 0x{first_word:08x}, expected 0x{magic:08x} (IDX {kind}). "
            "It is another kind of file, or images and labels are mixed up."
        )
    if math.prod(shape) != len(raw) - header:
        sizes = " × ".join(map(str, shape))
        raise DataError(
            f"{path} promises {sizes} bytes in its header but holds {len(raw) - header}. It is damaged: get it again."
        )
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def idx_digest(array: np.ndarray) -> str:
    """SHA-256 (hex) of the uncompressed IDX file that holds `array` (uint8)."""
    digest = hashlib.sha256(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def read_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read images and their labels.

    Returns:
        uint8 (n, h, w) and uint8 (n,), read-only.

    Raises:
        DataError: As `read_idx`, and if they are not equally many.
    """
    pixels, classes = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(classes):
        raise DataError(
            f"{images} holds {len(pixels):,} images but {labels} holds {len(classes):,} labels. "
            "They belong to different sets: get both again."
        )
    return pixels, classes


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}). Check that it is there and readable."
        ) from error
    if raw[:2] != b"\x1f\x8b":
        return raw
    # 31: a gzip header and its checksum are expected
    inflate = zlib.decompressobj(31)
    try:
        content = inflate.decompress(raw, limits.IDX_FILE)
    except zlib.error as error:
        raise DataError(f"{path} is no whole gzip file ({error}). It is damaged: get it again.") from error
    if len(content) >= limits.IDX_FILE:
        raise DataError(
            f"{path} expands to more than {limits.IDX_FILE >> 20} MiB. That is no data set of small pictures; refused."
        )
    if not inflate.eof:
        raise DataError(f"{path} is a truncated gzip file: {len(raw):,} bytes, and its end is missing. Get it again.")
    return content
