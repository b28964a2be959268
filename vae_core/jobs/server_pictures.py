"""Pictures that lie on the server: what its owner has opened to the page Train with VAE_EXPLORER_DATA.

>>> import os, tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     (Path(folder) / "pets").mkdir()
...     os.environ["VAE_EXPLORER_DATA"] = folder
...     [path.name for path in offered()]
['pets']
>>> del os.environ["VAE_EXPLORER_DATA"]
>>> offered()
[]
"""

from __future__ import annotations

from pathlib import Path

from vae_core.datasets import loading
from vae_core.jobs.picture_uploads import UploadedPictures, suggested_shape
from vae_core.settings import data_folders
from vae_core.storage.errors import DataError

MOST = 500  # entries that are offered


def offered() -> list[Path]:
    """List the folders, zips and .npz that may be trained on: what lies directly in the opened folders, by name.

    Hidden ones are left out, and so are links that lead out of the opened folders.
    """
    paths = []
    for root in data_folders():
        try:
            children = sorted(root.iterdir(), key=lambda path: path.name.lower())
        except OSError:
            continue
        inside = root.resolve()
        paths += [
            child
            for child in children
            if not child.name.startswith(".")
            and (child.is_dir() or child.suffix.lower() in (".zip", ".npz"))
            and child.resolve().is_relative_to(inside)
        ]
    return paths[:MOST]


def stamp(path: Path) -> tuple[int, ...]:
    """Change time of a folder or zip, and of the folders in it: another one when what lies there has changed."""
    folders = [path, *(child for child in path.iterdir() if child.is_dir())] if path.is_dir() else [path]
    return tuple(folder.stat().st_mtime_ns for folder in folders)


def pictures_at(path: Path) -> UploadedPictures:
    """Summarize the pictures of one of `offered()`, for a training on them where they lie.

    Raises:
        DataError: It is none of those, or does not hold at least three pictures.
    """
    if path not in offered():
        raise DataError(
            f"{path.name} is not among the folders that this server's owner has opened. Choose another one."
        )
    summary = loading.summarize(path)
    if summary.n < 3:
        raise DataError(
            f"{path.name} holds {summary.n} pictures, at least 3 are needed: one each for train, validation and test."
        )
    shape = suggested_shape(summary.size, summary.colour)
    return UploadedPictures(
        str(path.resolve()), summary.n, summary.classes, summary.size, shape, dict(summary.sizes), summary.lines
    )
