"""Zips and .npz of a user's own pictures, stored below the folder of runs.

>>> suggested_shape((200, 90), colour=True)
(64, 28, 3)
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vae_core.checkpoints import training_data
from vae_core.checkpoints.bundle import safe_name
from vae_core.checkpoints.training_data import UPLOADS
from vae_core.datasets import loading
from vae_core.datasets.image_folders import PictureSummary
from vae_core.jobs import launcher
from vae_core.jobs.capacity import check_disk
from vae_core.runs.control import RunError
from vae_core.settings import model_folders
from vae_core.storage import trash
from vae_core.storage.errors import DataError, FileMissing, FileProblem
from vae_core.storage.files import write_bytes
from vae_core.storage.records import MAX_JSON_BYTES, read_bytes

UNUSED_SECONDS = 24 * 3600.0  # a day: as long as what was deleted can be put back
DIGEST = re.compile(r"[0-9a-f]{16}")
LARGEST_SIDE = 64  # of the shape that is suggested
_STORING = threading.Lock()


@dataclass(frozen=True)
class UploadedPictures:
    """A zip or an .npz of the user's pictures that is stored for trainings.

    Attributes:
        data: Path of the stored file, for `Request`.
        n: How many pictures it holds.
        classes: Names of its classes.
        size: (height, width) of the pictures in pixels.
        shape: (height, width, channels) suggested for the model.
        sizes: Images per split, for `Request` as well.
        lines: What the user should know of it, a sentence each.
    """

    data: str
    n: int
    classes: tuple[str, ...]
    size: tuple[int, int]
    shape: tuple[int, int, int]
    sizes: dict[str, int]
    lines: tuple[str, ...] = ()


def store_pictures(name: str, data: bytes) -> UploadedPictures:
    """Keep an uploaded zip or .npz of pictures for trainings, under its digest, and summarize what it holds.

    Args:
        name: The uploaded file's; one that ends in .npz is taken for arrays.
        data: Its bytes.

    Raises:
        DataError: If it is neither, or holds fewer than three pictures; then nothing is kept.
        RunError: If it cannot be written, or the disk is too full.
    """
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    folder = launcher.folder() / UPLOADS / digest
    ending = ".npz" if name.lower().endswith(".npz") else ".zip"
    path = folder / f"{safe_name(Path(name).stem)}{ending}"
    with _STORING:  # two may bring the same one along
        remove_unused(keep=digest)
        try:
            if not path.exists():
                folder.mkdir(parents=True, exist_ok=True)
                if not _linked(folder, path):
                    check_disk(folder, len(data))
                    write_bytes(path, data)
            os.utime(folder)
        except OSError as error:
            raise RunError(f"the file cannot be kept in {folder.parent}: {error.strerror}.") from error
    try:
        summary = _summary(path)
        if summary.n < 3:
            raise DataError(
                f"{name} holds {summary.n} pictures, at least 3 are needed: one each for train, validation and test."
            )
    except ValueError as error:
        # The same bytes under another name may be trained on.
        with suppress(OSError):
            path.unlink()
            folder.rmdir()
        raise DataError(str(error).replace(str(path), name)) from error
    shape = suggested_shape(summary.size, summary.colour)
    return UploadedPictures(
        str(path), summary.n, summary.classes, summary.size, shape, dict(summary.sizes), summary.lines
    )


def still_stored(pictures: UploadedPictures) -> bool:
    """Whether a stored zip is there still; then it counts as used now."""
    path = Path(pictures.data)
    with suppress(OSError):
        os.utime(path.parent)
    return path.exists()


def remove_unused(keep: str = "", now: float | None = None) -> list[Path]:
    """Remove the stored zips that nobody has looked at for a day and that no run or model was trained on.

    What was deleted counts as long as it can be put back. Nothing is removed while one of the notes cannot be read.

    Args:
        keep: A digest whose zip stays.
        now: Seconds since 1970, by default this moment.

    Returns:
        The folders that are gone.
    """
    last = (time.time() if now is None else now) - UNUSED_SECONDS
    try:
        with os.scandir(launcher.folder() / UPLOADS) as entries:
            old = [
                Path(entry.path)
                for entry in entries
                if DIGEST.fullmatch(entry.name) and entry.name != keep and _looked_at(entry) < last
            ]
        if not old:
            return []
        notes = b"".join(_notes())
    except (OSError, FileProblem, RunError):
        return []
    unused = [folder for folder in old if folder.name.encode() not in notes]
    for folder in unused:
        shutil.rmtree(folder, ignore_errors=True)
    return unused


def _looked_at(entry: os.DirEntry[str]) -> float:
    """When a stored zip was last used, in seconds since 1970; never long ago for what is no folder."""
    return entry.stat(follow_symlinks=False).st_mtime if entry.is_dir(follow_symlinks=False) else math.inf


def _notes() -> Iterator[bytes]:
    """The files in which runs and models note what they were trained on, deleted ones' as well."""
    for root in (launcher.folder(), *model_folders()):
        for folder in (*root.glob("*"), *root.glob(f"{trash.FOLDER}/*")):
            for name in ("request.json", training_data.FILE):
                with suppress(FileMissing):
                    yield read_bytes(folder / name, MAX_JSON_BYTES)


def _linked(folder: Path, path: Path) -> bool:
    """Whether a zip that is stored under another name could be given this one too: its bytes are kept once."""
    for other in (*folder.glob("*.zip"), *folder.glob("*.npz")):
        with suppress(OSError):
            os.link(other, path)
            return True
    return False


@lru_cache(maxsize=16)
def _summary(path: Path) -> PictureSummary:
    """Summary of a stored file, made once: the page asks on every run, and a file under its digest never changes."""
    return loading.summarize(path)


def suggested_shape(size: tuple[int, int], colour: bool) -> tuple[int, int, int]:
    """Image shape of a model for a user's pictures.

    Args:
        size: (height, width) of the pictures in pixels.
        colour: Whether any of them is in colour.

    Returns:
        (height, width, channels): sides are multiples of 4 in 8..64, in about the pictures' proportions.
    """
    scale = min(1.0, LARGEST_SIDE / max(size))
    height, width = (min(LARGEST_SIDE, max(8, 4 * round(side * scale / 4))) for side in size)
    return height, width, 3 if colour else 1
