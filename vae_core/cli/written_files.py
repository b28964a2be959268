"""Files that a command writes where somebody has named: never over what is not its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np

from vae_core import settings
from vae_core.storage.files import write_bytes
from vae_core.storage.kind import kind_of, surroundings

MARK = "vae-explorer"  # a text chunk in each PNG of ours, a GIF's comment: it may be written over by the next


def check_output(output: str, inputs: Iterable[str] = (), replace: bool = False) -> Path:
    """Check that a PNG may be written; quick, so that it comes before any work.

    Args:
        output: What --output names.
        inputs: Files that are read, which are never written over.
        replace: Whether a file that this program has not written may be replaced.

    Returns:
        The path to write to.

    Raises:
        ValueError: If it is a folder or an input, its folder is missing, or it is another's file.
    """
    path = settings.expanded(output)
    if path.is_dir():
        raise ValueError(f"--output {output} is a folder; name a PNG in it: {path / 'picture.png'}.")
    if not path.parent.is_dir():
        raise ValueError(f"--output {output}: there is no folder {path.parent}. Make it, or name another.")
    for name in inputs:
        source = settings.expanded(name)
        if source.exists() and path.exists() and os.path.samefile(source, path):
            raise ValueError(f"--output {output} is one of the pictures that are read. Choose another name.")
    if os.path.lexists(path) and not replace and not _is_ours(path):
        raise ValueError(f"{output} exists and was not written by this program. Choose another name, or add --replace.")
    return path


def check_file(output: str, replace: bool = False) -> Path:
    """Check that a file that is no PNG may be written; quick, so that it comes before any work.

    Args:
        output: What the flag names.
        replace: Whether a file that is there may be replaced.

    Returns:
        The path to write to.

    Raises:
        ValueError: If it is a folder, its folder is missing, or it exists.
    """
    path = settings.expanded(output)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"would lie in {path.parent}, which is no folder"
        raise ValueError(f"{output} {what}. Name a file in a folder that exists.")
    if os.path.lexists(path) and not replace:
        raise ValueError(f"{output} exists. Choose another name, or add --replace.")
    return path


def save_file(path: Path, data: bytes) -> None:
    """Write a file that `check_file` has allowed."""
    write_bytes(path, data)


def save_png(path: Path, image: np.ndarray, replace: bool = False) -> None:
    """Write a PNG that bears this program's mark.

    Args:
        path: What `check_output` has returned.
        image: (h, w, 1 or 3) uint8.
        replace: As for `check_output`.

    Raises:
        ValueError: If another's file has appeared there.
    """
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text(MARK, "made by VAE Explorer")
    buffer = BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, "PNG", pnginfo=info)
    check_output(str(path), replace=replace)
    write_bytes(path, buffer.getvalue(), new=not os.path.lexists(path))


def check_names(folder: Path, names: Iterable[str], replace: bool = False) -> None:
    """Check that files may be written into a folder.

    Args:
        folder: The folder, which need not exist.
        names: Of the files.
        replace: Whether files of these names may be replaced.

    Raises:
        ValueError: If the folder holds one of them already, or belongs to a run or a model.
    """
    kind = kind_of(folder)
    inside = (kind, folder) if kind else surroundings(folder)
    if inside:
        raise ValueError(
            f"{folder} is in the {inside[0]} {inside[1]}, which holds its own files alone. Choose another folder."
        )
    there = [name for name in names if os.path.lexists(folder / name)]
    if there and not replace:
        raise ValueError(
            f"{folder} holds {', '.join(there)} already. Choose another folder, or add --replace to write over them."
        )


def _is_ours(path: Path) -> bool:
    from PIL import Image

    if path.is_symlink():
        return False
    try:
        with Image.open(path, formats=["PNG", "GIF"]) as image:
            return MARK in image.info or image.info.get("comment") == MARK.encode()
    except (OSError, ValueError, SyntaxError):
        return False
