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

GZIP = b"\x1f\x8b"
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
    return idx_array(_file_bytes(path), str(path), dimensions)


def idx_array(packed: bytes, path: str, dimensions: int, limit: int | None = None) -> np.ndarray:
    """Take the bytes of an IDX file apart.

    Args:
        packed: All of the file, gzipped or not.
        path: What to call it in an error.
        dimensions: As of `read_idx`.
        limit: Bytes that it may unfold to; `limits.IDX_FILE` where it is None.

    Returns:
        As `read_idx`, and raises the same.
    """
    raw = _content(packed, path, limits.IDX_FILE if limit is None else limit)
    shape = _shape(raw, len(raw), path, dimensions)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def idx_shape(packed: bytes, path: str, dimensions: int) -> tuple[int, ...]:
    """Shape of the array in an IDX file, of which no more than a megabyte is unfolded at a time; otherwise as `idx_array`."""
    if packed[:2] != GZIP:
        return _shape(packed, len(packed), path, dimensions)
    inflate, head, size, total = zlib.decompressobj(31), b"", 0, len(packed)
    while not inflate.eof:
        try:
            part = inflate.decompress(packed, limits.MIB)
        except zlib.error as error:
            raise DataError(f"{path} is no whole gzip file ({error}). It is damaged: get it again.") from error
        head, size, packed = head or part[:16], size + len(part), inflate.unconsumed_tail
        if size > limits.IDX_FILE:
            raise _too_large(path, limits.IDX_FILE)
        if not part and not packed and not inflate.eof:
            raise _truncated(path, total)
    return _shape(head, size, path, dimensions)


def _shape(head: bytes, size: int, path: str, dimensions: int) -> tuple[int, ...]:
    """The shape that the first bytes of an unfolded file promise; size: all of its bytes."""
    magic, kind = _MAGIC[dimensions]
    header = 4 + 4 * dimensions
    if len(head) < header:
        raise DataError(f"{path} holds {size} bytes, too few for an IDX file. It is truncated: get it again.")
    first_word, *shape = struct.unpack(f">{1 + dimensions}I", head[:header])
    if first_word != magic:
        raise DataError(
            f"{path} begins with the magic number 0x{first_word:08x}, expected 0x{magic:08x} (IDX {kind}). "
            "It is another kind of file, or images and labels are mixed up."
        )
    if math.prod(shape) != size - header:
        sizes = " × ".join(map(str, shape))
        raise DataError(
            f"{path} promises {sizes} bytes in its header but holds {size - header}. It is damaged: get it again."
        )
    return tuple(shape)


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
    check_number(len(pixels), len(classes), str(images), str(labels))
    return pixels, classes


def check_number(pixels: int, classes: int, images: str, labels: str) -> None:
    """`DataError`, which calls the files `images` and `labels`, unless they hold equally many."""
    if pixels != classes:
        raise DataError(
            f"{images} holds {pixels:,} images but {labels} holds {classes:,} labels. "
            "They belong to different sets: get both again."
        )


def _file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}). Check that it is there and readable."
        ) from error


def _content(raw: bytes, path: str, limit: int) -> bytes:
    """Of a gzipped file what is packed in it."""
    if raw[:2] != GZIP:
        return raw
    # 31: a gzip header and its checksum are expected
    inflate = zlib.decompressobj(31)
    try:
        content = inflate.decompress(raw, limit)
    except zlib.error as error:
        raise DataError(f"{path} is no whole gzip file ({error}). It is damaged: get it again.") from error
    if len(content) >= limit:
        raise _too_large(path, limit)
    if not inflate.eof:
        raise _truncated(path, len(raw))
    return content


def _too_large(path: str, limit: int) -> DataError:
    return DataError(f"{path} expands to more than {limit >> 20} MiB. That is no data set of small pictures; refused.")


def _truncated(path: str, size: int) -> DataError:
    return DataError(f"{path} is a truncated gzip file: {size:,} bytes, and its end is missing. Get it again.")
