"""Where Fashion-MNIST is: a folder the user names, Keras' cache, or the download that Keras uses.

The set is by Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747, MIT licence, (c) Zalando SE. Nothing here imports Keras,
which would take seconds; only its addresses and its cache folder are shared.

>>> CLASSES[9], sum(file.bytes for file in FILES.values())
('Ankle boot', 30878645)
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_core.datasets.idx import idx_digest, read_idx, read_pair
from vae_core.settings import expanded
from vae_core.storage.errors import DataError

VARIABLE = "FASHION_MNIST_DIR"
BASE_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
PATIENCE = 2.5  # seconds until no answer means offline: resolver, connection and first reply together
STALL = 10.0  # seconds without a byte until a download counts as broken

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


class Published(NamedTuple):
    """One of the four files as Zalando published it.

    Attributes:
        name: Of the decompressed file.
        bytes: Size of the .gz.
        sha256: Of the .gz, hex.
        plain_bytes: Size of the decompressed file.
        plain_sha256: Of the decompressed file, hex.
    """

    name: str
    bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str


FILES: dict[str, Published] = {
    "train images": Published(
        "train-images-idx3-ubyte",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        47_040_016,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train labels": Published(
        "train-labels-idx1-ubyte",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        60_008,
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "test images": Published(
        "t10k-images-idx3-ubyte",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        7_840_016,
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "test labels": Published(
        "t10k-labels-idx1-ubyte",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        10_008,
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}

# of the four decompressed files' checksums, in this order: names the set without reading it
CHECKSUM = hashlib.sha256("".join(file.plain_sha256 for file in FILES.values()).encode()).hexdigest()


def keras_cache() -> Path:
    """Where Keras keeps Fashion-MNIST: in KERAS_HOME, else in ~/.keras, else (home not writable) in /tmp/.keras."""
    home = os.environ.get("KERAS_HOME")
    if not home:
        user = os.path.expanduser("~")
        home = os.path.join(user if os.access(user, os.W_OK) else tempfile.gettempdir(), ".keras")
    return expanded(home) / "datasets" / "fashion-mnist"


def named_folder() -> Path | None:
    """The folder that FASHION_MNIST_DIR names, checked; None where it is not set.

    Raises:
        DataError: For a folder that does not hold the set.
    """
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return None
    folder = expanded(value)
    problem = problem_with(folder)
    if problem:
        raise DataError(
            f"{VARIABLE} is set to {value}, but {problem}. "
            "Point it to the folder with the four IDX files, or unset it to use Keras' cache or download."
        )
    return folder


def find_fashion() -> Path | None:
    """Find the folder with the four files, in FASHION_MNIST_DIR or Keras' cache; None without one. Asks no network."""
    try:
        folder = named_folder()
    except DataError:
        folder = None
    if folder is not None:
        return folder
    cache = keras_cache()
    return None if problem_with(cache) else cache


def looks_like_fashion(folder: Path) -> bool:
    """Whether a folder holds files of these names; they may still be damaged or of another set."""
    return all(_locate(folder, file) is not None for file in FILES.values())


def problem_with(folder: Path) -> str | None:
    """Say what keeps a folder from being Fashion-MNIST, as half a sentence; None if nothing is seen in a millisecond.

    Looks at names and sizes, and reads the small label files (another set under the same names, such as MNIST, has
    other labels). The images are verified when they are read, by `read_split`.
    """
    if not folder.is_dir():
        return "there is no such folder"
    for content, file in FILES.items():
        path = _locate(folder, file)
        if path is None:
            return f"{file.name} (.gz or plain) is missing there"
        dimensions = 1 if content.endswith("labels") else 3
        # truncated, or packed anew by someone
        unusual = path.stat().st_size not in (file.bytes, file.plain_bytes)
        try:
            if dimensions == 1 or unusual:
                _verify(path, file, read_idx(path, dimensions))
        except DataError as error:
            return f"it cannot be used: {str(error).rstrip('.')}"
    return None


def read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one of the two original splits.

    Args:
        folder: The folder with the four files.
        split: "train" (60,000 images) or "test" (10,000).

    Returns:
        Pixels uint8 (n, 28, 28, 1) and labels uint8 (n,), read-only.

    Raises:
        DataError: For anything but the published bytes.
    """
    kinds = (FILES[f"{split} images"], FILES[f"{split} labels"])
    paths = [_locate(folder, file) or folder / f"{file.name}.gz" for file in kinds]
    pixels, labels = read_pair(paths[0], paths[1])
    for path, file, array in zip(paths, kinds, (pixels, labels), strict=True):
        _verify(path, file, array)
    return pixels[..., np.newaxis], labels


def fetch_fashion(progress: Callable[[int, int], None] | None = None) -> Path:
    """Download what Keras' cache lacks of the four files (31 MB in all).

    Each file is written under a temporary name and moved into place once its SHA-256 is right, so a partial download is
    never used.

    Args:
        progress: Called with (done, total) bytes, of all four files.

    Returns:
        Keras' cache folder.

    Raises:
        DataError: When offline (within 3 s), on a stall, a wrong checksum, or a folder that cannot be written.
    """
    # with urllib 30 ms, only needed here
    from http.client import HTTPException

    folder = keras_cache()
    total, done = sum(file.bytes for file in FILES.values()), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in FILES.values():
            target = folder / f"{file.name}.gz"
            if not _has(target, file):
                _download(file, target, progress and _offset(progress, done, total))
            done += file.bytes
            if progress:
                progress(done, total)
    # URLError, timeouts, resets, a full disk, a folder without permission
    except (OSError, HTTPException) as error:
        reason = error if hasattr(error, "code") else getattr(error, "reason", None) or error
        raise DataError(
            f"Fashion-MNIST could not be downloaded from {BASE_URL} to {folder} ({reason}). "
            f"Get the four files elsewhere and set {VARIABLE} to their folder, or choose the drawn clothes (--data drawn)."
        ) from error
    return folder


def _download(file: Published, target: Path, progress: Callable[[int], None] | None) -> None:
    url = f"{BASE_URL}{file.name}.gz"
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    digest, size = hashlib.sha256(), 0
    try:
        with _open(url) as reply, open(temporary, "wb") as out:
            while size <= file.bytes and (block := reply.read(1 << 16)):
                out.write(block)
                digest.update(block)
                size += len(block)
                if progress:
                    progress(size)
        if digest.hexdigest() != file.sha256:
            raise DataError(
                f"{url} gave {size:,} bytes with the SHA-256 {digest.hexdigest()}, expected {file.bytes:,} with {file.sha256}. "
                f"The download was cut short or altered on its way; nothing was kept. Try again, or set {VARIABLE}."
            )
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _open(url: str) -> Any:
    """The reply to a GET, or `TimeoutError` after PATIENCE seconds.

    In a thread, since the resolver can hang for minutes and takes no timeout. The caller's wait is what is bounded;
    a thread that is given up on closes its reply, should one still come.
    """
    import urllib.error
    import urllib.request

    replies: list[Any] = []
    errors: list[Exception] = []
    lock, given_up = threading.Lock(), threading.Event()

    def ask() -> None:
        try:
            reply = urllib.request.urlopen(url, timeout=STALL)
        except Exception as error:
            errors.append(error)
            return
        with lock:
            if given_up.is_set():
                reply.close()
            else:
                replies.append(reply)

    thread = threading.Thread(target=ask, name="fashion-mnist-download", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    with lock:
        if replies:
            return replies[0]
        given_up.set()
    if errors:
        if isinstance(errors[0], urllib.error.HTTPError):
            # it is a reply too, with a connection
            errors[0].close()
        raise errors[0]
    raise TimeoutError(f"no answer within {PATIENCE:g} s: offline?")


def _offset(progress: Callable[[int, int], None], done: int, total: int) -> Callable[[int], None]:
    return lambda size: progress(min(done + size, total), total)


def _has(path: Path, file: Published) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def _locate(folder: Path, file: Published) -> Path | None:
    for path in (folder / f"{file.name}.gz", folder / file.name):
        if path.is_file():
            return path
    return None


def _verify(path: Path, file: Published, array: np.ndarray) -> None:
    digest = idx_digest(array)
    if digest != file.plain_sha256:
        raise DataError(
            f"{path} has the wrong checksum: its content's SHA-256 is {digest}, Fashion-MNIST's is {file.plain_sha256}. "
            "It is damaged or of another set; delete it and get it again."
        )
