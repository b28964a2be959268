"""The user's own pictures from the files of a folder or a zip, and a summary of a zip before training.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     for name in ("boots", "coats"):
...         Path(folder, name).mkdir()
...         Image.new("L", (28, 28)).save(Path(folder, name, "1.png"))
...     images = read_folder(Path(folder), None, "resize", None)
>>> images.pixels.shape, images.labels.tolist(), images.classes
((2, 28, 28, 1), [0, 1], ('boots', 'coats'))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae_core.config import ConfigError, ModelConfig
from vae_core.datasets.class_names import class_lines, encode
from vae_core.datasets.dataset import split_sizes
from vae_core.datasets.folder_layout import layout
from vae_core.datasets.image_files import RawPicture, read_raw
from vae_core.datasets.image_headers import READABLE, NoPicture, PictureError, named_like_a_picture, picture_header
from vae_core.datasets.image_sources import (
    ImageSource,
    SourceFile,
    clean_path,
    first_names,
    folder_files,
    left_out_lines,
    zip_files,
)
from vae_core.datasets.picture_sets import UNREADABLE_SHARE, Progress, decisions, stack, treatment_lines
from vae_core.storage.errors import DataError

DEFAULT_SHAPE = (28, 28, 1)  # where pictures are of several sizes, or of one that no model takes
GREY = 16  # of 255: so far the channels of a grey picture may lie apart, from its compression
SMALL_PIXELS = 20_000_000  # a larger picture is not decoded for a summary

Candidate = tuple[SourceFile, tuple[int, int, int]]  # a picture by its header, with (height, width, channels)


@dataclass
class UserImages:
    """The images of a data set that the user brought.

    Attributes:
        pixels: uint8 (n, h, w, c).
        labels: uint8 or int32 (n,), indices into classes.
        classes: A name per label.
        splits: The split of each image, strings (n,); None where the folders are no split.
        lines: What the user should know before training, a sentence each.
        white: The value that counts as white in pictures of a kind, where it is not the usual; see `picture_sets`.
        backdrop: "white" or "black" behind what is transparent; None without any.
        inverted: Light and dark were swapped, in all images.
    """

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    splits: np.ndarray | None = None
    lines: list[str] = field(default_factory=list)
    white: dict[str, float] = field(default_factory=dict)
    backdrop: str | None = None
    inverted: bool = False


class PictureSummary(NamedTuple):
    """What a zip or an .npz of pictures holds, by names, the headers of files and arrays, and a closer look at a few.

    Attributes:
        n: Number of pictures.
        classes: Their names.
        size: (height, width) of the picture in the middle of all by size.
        colour: Some pictures are not grey.
        lines: What the user should know.
        sizes: Images per split.
    """

    n: int
    classes: tuple[str, ...]
    size: tuple[int, int]
    colour: bool
    lines: tuple[str, ...] = ()
    sizes: dict[str, int] = {}  # noqa: RUF012 (never changed)


class _Labels(NamedTuple):
    """The classes and splits of pictures. kept: indices of the pictures that have a class."""

    kept: list[int]
    labels: np.ndarray
    classes: tuple[str, ...]
    splits: np.ndarray | None


def read_folder(
    folder: Path, image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None
) -> UserImages:
    """Read every picture under a folder, in the order of their names; `folder_layout` tells the classes.

    Args:
        folder: Read with all its sub-folders.
        image_shape: (height, width, channels); None: as the pictures are, if all are of one size that a model takes,
            else 28×28×1.
        fit: See `preprocessing.prepare`.
        progress: Called with (done, total) pictures.

    Raises:
        DataError: For no folder, no pictures, or more than a tenth of them unreadable.
    """
    return read_source(str(folder), folder_files(folder), image_shape, fit, progress)


def read_zip(path: Path, image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None) -> UserImages:
    """Read every picture of a zip, in memory; everything else as `read_folder`."""
    with zip_files(path) as source:
        return read_source(str(path), source, image_shape, fit, progress)


def read_source(
    where: str, source: ImageSource, image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None
) -> UserImages:
    """Read the pictures among files; see `read_folder`.

    Args:
        where: What to call their folder or zip in an error.
        source: The files; what is left out of them is added to its `left_out`.
        image_shape: As of `read_folder`.
        fit: As of `read_folder`.
        progress: As of `read_folder`.
    """
    candidates, unreadable = find_pictures(source)
    size_lines = []
    if image_shape is None:
        image_shape = common_shape([shape for _, shape in candidates])
        if any(shape[:2] != image_shape[:2] for _, shape in candidates):
            size_lines = [
                "the pictures are of sizes that no model takes as they are; --image-shape, such as 64x64x3, chooses theirs"
            ]
    files = [file for file, _ in candidates]
    try:
        images = stack(lambda i: _read_raw(files[i]), len(files), image_shape, fit, progress)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    unreadable |= {str(files[i].name): problem for i, problem in images.unreadable.items()}
    check_unreadable(where, source, len(images.kept), unreadable)
    names = [files[i].name for i in images.kept]
    kept, labels, classes, splits = _label(where, names, source)
    lines = [
        *class_lines(labels, classes),
        *left_out_lines(source.left_out, unreadable),
        *treatment_lines(images, fit),
        *size_lines,
    ]
    pixels = images.pixels if len(kept) == len(names) else images.pixels[kept]
    return UserImages(pixels, labels, classes, splits, lines, *decisions(images))


def summarize_zip(path: Path, decoded: int = 16) -> PictureSummary:
    """Tell what the user's zip holds, without decoding all of it.

    Args:
        path: The zip.
        decoded: How many of its pictures are decoded, to see whether they are in colour.

    Raises:
        DataError: As `read_zip`, for what can be told from names and headers.
    """
    with zip_files(path) as source:
        return _summarize(str(path), source, decoded)


def summarize_folder(path: Path, decoded: int = 16) -> PictureSummary:
    """Tell what a folder of pictures holds, without decoding all of it; everything else as `summarize_zip`."""
    return _summarize(str(path), folder_files(path), decoded)


def _summarize(where: str, source: ImageSource, decoded: int) -> PictureSummary:
    candidates, unreadable = find_pictures(source)
    check_unreadable(where, source, len(candidates), unreadable)
    sample = candidates[:: max(1, len(candidates) // decoded)][:decoded]
    colour = any(_is_colour(candidate) for candidate in sample)
    kept, labels, classes, splits = _label(where, [file.name for file, _ in candidates], source)
    shapes = sorted(shape[:2] for _, shape in candidates)
    lines = (*class_lines(labels, classes), *left_out_lines(source.left_out, unreadable))
    return PictureSummary(len(kept), classes, shapes[len(shapes) // 2], colour, lines, split_sizes(len(kept), splits))


def find_pictures(source: ImageSource) -> tuple[list[Candidate], dict[str, str]]:
    """Find the files that are pictures by their headers.

    Args:
        source: The files; those that are of another kind are added to its `left_out`.

    Returns:
        candidates: The pictures, each with (height, width, channels).
        unreadable: Files that should be pictures but are not: from the name to what is wrong.
    """
    candidates, unreadable = [], {}
    for file in source.files:
        try:
            candidates.append((file, _shape(picture_header(file.read()))))
        except NoPicture as error:
            if named_like_a_picture(file.name.name):
                unreadable[str(file.name)] = str(error)
            else:
                source.left_out.setdefault("no pictures", []).append(str(file.name))
        except PictureError as error:
            unreadable[str(file.name)] = str(error)
    return candidates, unreadable


def common_shape(shapes: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    """The (height, width, channels) that all pictures share, if a model takes it, else 28×28×1.

    >>> common_shape([(64, 64, 1), (64, 64, 3)]), common_shape([(64, 64, 1), (32, 64, 1)])
    ((64, 64, 3), (28, 28, 1))
    """
    sizes = {(height, width) for height, width, _ in shapes}
    if len(sizes) == 1:
        shape = (*sizes.pop(), max(channels for *_, channels in shapes))
        try:
            return ModelConfig(image_shape=shape).image_shape
        except ConfigError:
            pass
    return DEFAULT_SHAPE


def check_unreadable(where: str, source: ImageSource, readable: int, unreadable: dict[str, str]) -> None:
    """Refuse a source without pictures, or with too many that cannot be read.

    Args:
        where: What to call the folder, zip or .npz in the error.
        source: Its `left_out` is named where there are no pictures.
        readable: How many pictures were read.
        unreadable: From a picture's name to what is wrong with it.

    Raises:
        DataError: For no pictures at all, or more than `UNREADABLE_SHARE` of them unreadable.
    """
    total = readable + len(unreadable)
    if not total:
        others = [name for names in source.left_out.values() for name in names]
        came = f" (but {first_names(others)})" if others else ""
        raise DataError(
            f"{where} holds no pictures{came}. Expected files such as {READABLE}, in a folder for each class."
        )
    if len(unreadable) > UNREADABLE_SHARE * total:
        name, problem = next(iter(unreadable.items()))
        also = f" Also: {first_names(list(unreadable)[1:])}." if len(unreadable) > 1 else ""
        raise DataError(
            f"{where}: {len(unreadable)} of {total} pictures cannot be read, and at most a tenth may be left out. "
            f"{clean_path(name)}: {problem} Or take it out.{also}"
        )


def _read_raw(file: SourceFile) -> RawPicture:
    return read_raw(file.read())


def _label(where: str, names: list[PurePosixPath], source: ImageSource) -> _Labels:
    """Classes and splits by the pictures' paths; pictures beside the class folders are added to `source.left_out`."""
    try:
        placed = layout(names)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    strays = [str(name) for name, label in zip(names, placed.classes, strict=True) if label is None]
    if strays:
        source.left_out["pictures beside the class folders"] = strays
    kept = [i for i, label in enumerate(placed.classes) if label is not None]
    labels, classes = encode([placed.classes[i] or "" for i in kept])
    splits = None if placed.splits is None else np.array([placed.splits[i] for i in kept])
    return _Labels(kept, labels, classes, splits)


def _shape(image: Image.Image) -> tuple[int, int, int]:
    """(height, width, channels) by the header: 1 channel of grey, by the mode or by a palette of greys."""
    if image.mode == "P" and image.palette is not None:
        palette = np.frombuffer(bytes(image.palette.palette), np.uint8)
        step = len(image.palette.mode)
        colours = palette[: len(palette) // step * step].reshape(-1, step)[:, :3]
        grey = not len(colours) or int(np.ptp(colours.astype(int), axis=1).max()) == 0
        return image.height, image.width, 1 if grey else 3
    return image.height, image.width, 1 if image.mode.startswith(("1", "L", "I", "F")) else 3


def _is_colour(candidate: Candidate) -> bool:
    """Whether a picture is seen to be in colour; no for one that is too large to look, or damaged."""
    file, (height, width, channels) = candidate
    if channels != 3 or height * width > SMALL_PIXELS:
        return False
    try:
        x = read_raw(file.read()).values
    except PictureError:
        return False
    if x.shape[2] <= 2:
        return False
    small = np.asarray(Image.fromarray(x[..., :3].astype(np.uint8)).resize((32, 32)), np.int16)
    return int(np.ptp(small, axis=2).max()) > GREY
