"""The user's own pictures: a folder or a zip of files. Nothing is unpacked to disk; every file is taken or named."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae_core.config import ConfigError, ModelConfig
from vae_core.datasets.class_names import in_order
from vae_core.datasets.folder_layout import UNLABELLED, layout
from vae_core.datasets.idx import DataError
from vae_core.datasets.image_files import (
    READABLE,
    NoPicture,
    PictureError,
    Raw,
    named_like_a_picture,
    picture_header,
    raw,
)
from vae_core.datasets.picture_sets import UNREADABLE_SHARE, Progress, Stacked, range_lines, stack
from vae_core.storage import archives, limits
from vae_core.storage.archives import ArchiveProblem
from vae_core.storage.names import clean

DEFAULT_SHAPE = (28, 28, 1)  # where pictures are of several sizes, or of one that no model takes
GREY = 16  # of 255: so far the channels of a grey picture may lie apart, from its compression
SMALL_PIXELS = 20_000_000  # of a picture that is only looked at
NAMES_SHOWN = 5


@dataclass
class Pictures:
    """pixels uint8 (n, h, w, c); labels uint8 or int32 (n,), indices into classes.

    splits: of each picture, where the folders are a split. lines: what the user should know before training, a sentence each.
    white, backdrop, inverted: what was decided for the whole set, see `picture_sets`.
    """

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    splits: np.ndarray | None = None
    lines: list[str] = field(default_factory=list)
    white: dict[str, float] = field(default_factory=dict)
    backdrop: str | None = None
    inverted: bool = False


class File(NamedTuple):
    """A file that may be a picture. name: below the folder or in the zip, as a person would see it."""

    name: PurePosixPath
    read: Callable[[], bytes]


@dataclass
class Source:
    """The files of a folder or a zip, sorted by name, and what was left out already: reason -> names."""

    files: list[File]
    left_out: dict[str, list[str]]


# --- the files --------------------------------------------------------------------------------------------------------


def folder_files(folder: Path) -> Source:
    """Every file under a folder. Links are followed, but no folder is entered twice; `DataError` for no folder."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Give a folder whose sub-folders (the classes) hold pictures.")
    files: list[File] = []
    left_out: dict[str, list[str]] = {}
    for path in _walk(folder):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        reason = "hidden" if archives.is_hidden(name) else _no_file(path)
        if reason:
            left_out.setdefault(reason, []).append(str(name))
        else:
            files.append(File(name, lambda path=path: _file_content(path)))  # type: ignore[misc]
    return Source(sorted(files, key=lambda file: file.name), left_out)


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder; linked folders after the real ones, each place once, so that it cannot go round in circles."""
    visited, linked = {os.path.realpath(folder)}, [folder]
    while linked:
        for top, folders, names in os.walk(linked.pop(0)):
            for name in sorted(folders):
                path = Path(top, name)
                if path.is_symlink():
                    folders.remove(name)
                    linked.append(path)
                elif archives.is_hidden(PurePosixPath(name)):
                    folders.remove(name)
                    yield path
                elif os.path.realpath(path) in visited:
                    folders.remove(name)
                else:
                    visited.add(os.path.realpath(path))
            yield from (Path(top, name) for name in names)
        while linked and os.path.realpath(linked[0]) in visited:
            linked.pop(0)
        if linked:
            visited.add(os.path.realpath(linked[0]))


def _no_file(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return "links to nothing"
    if not stat.S_ISREG(status.st_mode):
        return "no regular files"
    return f"larger than {limits.PICTURE_FILE >> 20} MiB" if status.st_size > limits.PICTURE_FILE else None


def _file_content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"it cannot be read ({error.strerror or error}). Check its permissions.") from error


@contextmanager
def zip_files(path: Path) -> Iterator[Source]:
    """As `folder_files`, of a zip that stays open; `DataError` as `archives.entries` refuses, before anything is unpacked."""
    try:
        with archives.opened(path) as archive:
            entries = archives.entries(archive, limits.DATA_ENTRIES, limits.DATA)
            left_out = {"hidden": entries.hidden} if entries.hidden else {}
            files = []
            for name, info in entries.files:
                if info.file_size > limits.PICTURE_FILE:
                    left_out.setdefault(f"larger than {limits.PICTURE_FILE >> 20} MiB", []).append(str(name))
                else:
                    files.append(File(name, lambda info=info: _member_content(archive, info)))  # type: ignore[misc]
            yield Source(sorted(files, key=lambda file: file.name), left_out)
    except ArchiveProblem as error:
        text = str(error)
        raise DataError(text if str(path) in text else f"{path}: {text}") from error


def _member_content(archive: archives.zipfile.ZipFile, info: archives.zipfile.ZipInfo) -> bytes:
    try:
        return archives.content(archive, info)
    except ArchiveProblem as error:
        raise PictureError(str(error)) from error


# --- the pictures -----------------------------------------------------------------------------------------------------


def read_folder(
    folder: Path, image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None
) -> Pictures:
    """Every picture under a folder, in the order of their names; `folder_layout` tells the classes.

    image_shape None: as the pictures are, if all are of one size that a model takes, else 28×28×1. Raises `DataError`: no
    folder, no pictures, more than a tenth of them unreadable.
    """
    return read_source(str(folder), folder_files(folder), image_shape, fit, progress)


def read_zip(path: Path, image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None) -> Pictures:
    """As `read_folder`, from a zip, in memory."""
    with zip_files(path) as source:
        return read_source(str(path), source, image_shape, fit, progress)


def read_source(
    where: str, source: Source, image_shape: tuple[int, int, int] | None, fit: str, progress: Progress | None
) -> Pictures:
    """The pictures among files. where: what to call their folder or zip in an error."""
    candidates, unreadable = sorted_out(source)
    lines = []
    if image_shape is None:
        image_shape = common_shape([shape for _, shape in candidates])
        if any(shape[:2] != image_shape[:2] for _, shape in candidates):
            lines = [
                "the pictures are of sizes that no model takes as they are; --image-shape, such as 64x64x3, chooses theirs"
            ]
    files = [file for file, _ in candidates]
    try:
        stacked = stack(lambda i: _raw(files[i]), len(files), image_shape, fit, progress)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    unreadable |= {str(files[i].name): why for i, why in stacked.unreadable.items()}
    check_unreadable(where, source, len(stacked.kept), unreadable)
    names = [files[i].name for i in stacked.kept]
    pictures = _labelled(where, names, stacked, source, unreadable, fit)
    pictures.lines += lines
    return pictures


def _raw(file: File) -> Raw:
    return raw(file.read())


def sorted_out(source: Source) -> tuple[list[tuple[File, tuple[int, int, int]]], dict[str, str]]:
    """The files that are pictures by their header, with (height, width, channels), and those that should be but are not."""
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


def _shape(image: Image.Image) -> tuple[int, int, int]:
    """(height, width, channels) by the header: 1 channel of grey, by the mode or by a palette of greys."""
    if image.mode == "P" and image.palette is not None:
        palette = np.frombuffer(bytes(image.palette.palette), np.uint8)
        step = len(image.palette.mode)
        colours = palette[: len(palette) // step * step].reshape(-1, step)[:, :3]
        return (
            image.height,
            image.width,
            1 if not len(colours) or int(np.ptp(colours.astype(int), axis=1).max()) == 0 else 3,
        )
    return image.height, image.width, 1 if image.mode.startswith(("1", "L", "I", "F")) else 3


def common_shape(shapes: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    """The shape of all pictures, if they have one and a model takes it, else 28×28×1."""
    sizes = {(height, width) for height, width, _ in shapes}
    if len(sizes) == 1:
        shape = (*sizes.pop(), max(channels for *_, channels in shapes))
        try:
            return ModelConfig(image_shape=shape).image_shape
        except ConfigError:
            pass
    return DEFAULT_SHAPE


def check_unreadable(where: str, source: Source, readable: int, unreadable: dict[str, str]) -> None:
    """`DataError` where there are no pictures, or too many of them cannot be read."""
    total = readable + len(unreadable)
    if not total:
        others = [name for names in source.left_out.values() for name in names]
        came = f" (but {listed(others)})" if others else ""
        raise DataError(
            f"{where} holds no pictures{came}. Expected files such as {READABLE}, in a folder for each class."
        )
    if len(unreadable) > UNREADABLE_SHARE * total:
        name, why = next(iter(unreadable.items()))
        also = f" Also: {listed(list(unreadable)[1:])}." if len(unreadable) > 1 else ""
        raise DataError(
            f"{where}: {len(unreadable)} of {total} pictures cannot be read, and at most a tenth may be left out. "
            f"{clean_path(name)}: {why} Or take it out.{also}"
        )


def _labelled(
    where: str, names: list[PurePosixPath], stacked: Stacked, source: Source, unreadable: dict[str, str], fit: str
) -> Pictures:
    try:
        placed = layout(names)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    strays = [str(name) for name, label in zip(names, placed.classes, strict=True) if label is None]
    if strays:
        source.left_out["pictures beside the class folders"] = strays
    kept = [i for i, label in enumerate(placed.classes) if label is not None]
    labelled = [placed.classes[i] or "" for i in kept]
    classes = tuple(in_order(set(labelled)))
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([number[name] for name in labelled], label_type(len(classes)))
    splits = None if placed.splits is None else np.array([placed.splits[i] for i in kept])
    pixels = stacked.pixels if len(kept) == len(names) else stacked.pixels[kept]
    lines = [
        *class_lines(labels, classes),
        *left_out_lines(source.left_out, unreadable),
        *treatment_lines(stacked, fit),
    ]
    return Pictures(pixels, labels, classes, splits, lines, *decisions(stacked))


def decisions(stacked: Stacked) -> tuple[dict[str, float], str | None, bool]:
    """What has to be known to treat one more picture alike: white by kind, where it is not the usual; backdrop; inverted."""
    white = {kind: white for kind, (black, white) in stacked.ranges.items() if kind != "float" and black == 0}
    unusual = {kind: value for kind, value in white.items() if value != {"8 bits": 255, "deep": 65535}[kind]}
    return unusual, stacked.backdrop, stacked.inverted


# --- what is said -----------------------------------------------------------------------------------------------------


def class_lines(labels: np.ndarray, classes: Sequence[str]) -> list[str]:
    """How many pictures there are of each class."""
    counts = np.bincount(labels, minlength=len(classes))
    shown = ", ".join(f"{name} {count:,}" for name, count in zip(classes[:20], counts, strict=False))
    more = f" and {len(classes) - 20:,} more" if len(classes) > 20 else ""
    what = f"{len(classes):,} classes" if len(classes) > 1 else "1 class"
    return [f"{len(labels):,} pictures in {what}: {shown}{more}"]


def left_out_lines(left_out: dict[str, list[str]], unreadable: dict[str, str]) -> list[str]:
    """What is not trained on, by reason, with names."""
    lines = [f"left out, {reason}: {len(names):,} ({listed(names)})" for reason, names in left_out.items()]
    if unreadable:
        shown = "; ".join(
            f"{clean_path(name)}: {why.rstrip('.')}" for name, why in list(unreadable.items())[:NAMES_SHOWN]
        )
        more = f"; and {len(unreadable) - NAMES_SHOWN:,} more" if len(unreadable) > NAMES_SHOWN else ""
        lines.append(f"left out, cannot be read: {len(unreadable):,} ({shown}{more})")
    return lines


def treatment_lines(stacked: Stacked, fit: str) -> list[str]:
    """What was done to all pictures."""
    height, width, channels = stacked.pixels.shape[1:]
    line = f"every picture becomes {height} × {width} in {'colour' if channels == 3 else 'grey'}: "
    if fit == "resize":
        line += "resized, nothing else"
    else:
        line += "cut to the garment, resized, and "
        line += "all inverted, since most are on a light background" if stacked.inverted else "none inverted"
    return [line, *range_lines(stacked)]


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(clean_path(name) for name in names[:NAMES_SHOWN]) + more


def clean_path(name: str) -> str:
    """A path that can be printed."""
    return "/".join(clean(part) for part in name.split("/"))


def label_type(classes: int) -> type[np.unsignedinteger] | type[np.signedinteger]:
    """The dtype of labels for so many classes."""
    return np.uint8 if classes <= 256 else np.int32


# --- a look before training -------------------------------------------------------------------------------------------


class Look(NamedTuple):
    """What a zip of pictures holds, by its names and the headers of its files, and a closer look at a few.

    n: pictures. classes: their names. sizes: images per split. size: (height, width) in the middle. colour: some are not grey.
    lines: what the user should know.
    """

    n: int
    classes: tuple[str, ...]
    size: tuple[int, int]
    colour: bool
    lines: tuple[str, ...] = ()
    sizes: dict[str, int] = {}  # noqa: RUF012 (never changed)


def look_at_zip(path: Path, pictures: int = 16) -> Look:
    """A look at the user's zip without decoding all of it; `DataError` as of `read_zip` for what can be told from it."""
    with zip_files(path) as source:
        candidates, unreadable = sorted_out(source)
        check_unreadable(str(path), source, len(candidates), unreadable)
        colour = False
        for file, shape in candidates[:: max(1, len(candidates) // pictures)][:pictures]:
            if shape[2] == 3 and shape[0] * shape[1] <= SMALL_PIXELS:
                try:
                    x = raw(file.read()).values
                except PictureError:
                    continue  # reading all will count it
                if x.shape[2] > 2:
                    small = np.asarray(Image.fromarray(x[..., :3].astype(np.uint8)).resize((32, 32)), np.int16)
                    colour = colour or int(np.ptp(small, axis=2).max()) > GREY
    try:
        placed = layout([file.name for file, _ in candidates])
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    kept = [i for i, label in enumerate(placed.classes) if label is not None]
    labelled = [placed.classes[i] or "" for i in kept]
    classes = in_order(set(labelled))
    strays = [str(file.name) for (file, _), label in zip(candidates, placed.classes, strict=True) if label is None]
    if strays:
        source.left_out["pictures beside the class folders"] = strays
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([number[name] for name in labelled], np.int64)
    shapes = sorted(shape[:2] for _, shape in candidates)
    splits = None if placed.splits is None else np.array([placed.splits[i] for i in kept])
    lines = (*class_lines(labels, classes), *left_out_lines(source.left_out, unreadable))
    return Look(len(kept), tuple(classes), shapes[len(shapes) // 2], colour, lines, split_sizes(len(kept), splits))


def split_sizes(n: int, splits: np.ndarray | None) -> dict[str, int]:
    """Images per split of n pictures; see `split`."""
    return {name: len(places) for name, places in split(n, splits).items()}


def split(n: int, splits: np.ndarray | None) -> dict[str, np.ndarray]:
    """The places of the pictures of each split: as the folders say, and a random tenth where there is none.

    A split that the folders do not have is a tenth of their train pictures. Always the same for the same n.
    """
    rng = np.random.default_rng(0)
    named = {} if splits is None else {name: np.flatnonzero(splits == name) for name in ("test", "validation", "train")}
    pool = rng.permutation(n) if splits is None else rng.permutation(named["train"])
    held, parts = max(1, round(len(pool) / 10)), {}
    for name in ("test", "validation"):
        if len(named.get(name, ())):
            parts[name] = named[name]
        else:
            parts[name], pool = pool[:held], pool[held:]
    return {**parts, "train": pool if splits is None else np.sort(pool)}


__all__ = ["UNLABELLED", "Look", "Pictures", "look_at_zip", "read_folder", "read_zip"]
