"""The pictures of the chosen model: those of the data set that it was trained on, wherever they lie on this machine.

    test_images = pictures_for(model)   # None where they are not here; `missing(model)` then says why, and what to do

Of a data set only the test split is kept in memory, and of three data sets at once: a tenth of the user's pictures. They are
read once for all sessions, and again when the file or the folder has changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui.app.cache import LoadedModel, Source, source
from pages.ui.formatting import markdown_text
from vae_core.checkpoints import training_data
from vae_core.checkpoints.registry import Entry
from vae_core.checkpoints.training_data import DataMissing, data_name, is_clothes, is_drawn, is_fashion
from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.dataset import Dataset
from vae_core.datasets.preprocessing import treatment
from vae_core.settings import runs_folder
from vae_core.storage.errors import FileProblem
from vae_core.storage.records import Stamp, read_object

LARGEST = 512 << 20  # bytes of all pixels of a data set that the server reads
Shape = tuple[int, int, int]


def pictures_for(model: LoadedModel) -> Source | None:
    """The test pictures of the model's own data set; None where they are not on this machine.

    For a model of clothes drawn ones then stand in, if they have its shape: its codes still belong to pictures like these.
    """
    own = own_pictures(model.checkpoint.path, model.checkpoint.dataset, model.engine.image_shape)
    if isinstance(own, Source):
        return own
    return source() if model.clothes and model.engine.image_shape == source().dataset.image_shape else None


def missing(model: LoadedModel) -> str:
    """Why the model's own pictures are not shown and what to do, as one sentence in Markdown; "" if they are shown."""
    own = own_pictures(model.checkpoint.path, model.checkpoint.dataset, model.engine.image_shape)
    if isinstance(own, Source):
        return ""
    shape = " × ".join(map(str, model.engine.image_shape))
    what = f"The pictures of {shape} it was trained on are not here"
    instead = "upload one, or look at decoded points"
    place = markdown_text(_short(training_data.noted_place(model.checkpoint.path) or ""))
    if own.reason == "gone":
        return f"{what}: {place} is gone. Put it back to see them; or {instead}."
    if own.reason == "changed":
        return f"{what}: {place} holds others now. Put the old ones back to see them; or {instead}."
    if own.reason == "unreadable":
        return f"{what}: {place or 'the file'} cannot be read. Mend it to see them; or {instead}."
    if own.reason == "too large":
        return f"{what}: they are too many to be shown by this app; {instead}."
    return f"{what}: {instead}."


def own_pictures(path: Path, described: Mapping[str, Any], image_shape: Shape) -> Source | DataMissing:
    """The test pictures of the data set `described` in the config.json of the model or run at `path`, or why there are none."""
    place = _place(path, described)
    if place is None:
        return training_data.missing_error(path, described)
    if place not in training_data.NAMED and _pixel_bytes(described, image_shape) > LARGEST:
        return DataMissing("the data set is too large to be shown", "too large")
    fit = str(treatment(described)["fit"])
    try:
        stamp = _stamp(place)
    except OSError:
        return training_data.missing_error(path, described)
    return _read(place, stamp, image_shape, fit, str(described.get("checksum")), _Description(path, described))


def data_line(entry: Entry | None) -> str:
    """For the sidebar, in Markdown: the data set of a model and whether it is on this machine.

    "" where clothes are drawn for want of Fashion-MNIST: that is said beside the button that fetches it.
    """
    described = None if entry is None else _described(str(entry.path), entry.changed)
    if entry is None or described is None or is_clothes(described):
        clothes = _clothes(entry, described)
        return markdown_text(clothes.title) if real_here() else ""
    name, size = markdown_text(data_name(described)), _test_size(described)
    if _place(entry.path, described) is None:
        return f"{name}: its pictures are not on this machine"
    return f"{name} test, {size:,} image{'' if size == 1 else 's'}" if size is not None else name


def image_count(entry: Entry | None) -> int:
    """How many test pictures there are to choose from: the model's own, or those that stand in."""
    described = None if entry is None else _described(str(entry.path), entry.changed)
    size = None if described is None or is_clothes(described) else _test_size(described)
    return len(_clothes(entry, described).labels) if size is None else size


def _clothes(entry: Entry | None, described: Mapping[str, Any] | None) -> Source:
    """The clothes that a model of clothes was trained on, or those that stand in for them."""
    if entry is None or described is None or not is_drawn(described):
        return source()
    own = own_pictures(entry.path, described, (28, 28, 1))
    return own if isinstance(own, Source) else source()


def real_here() -> bool:
    """Whether Fashion-MNIST is on this machine; asks no network."""
    return fashion_mnist.find_fashion() is not None


class _Description:
    """What a reader needs beside its key; not part of the key."""

    def __init__(self, path: Path, described: Mapping[str, Any]) -> None:
        self.path, self.described = path, described


@st.cache_resource(
    max_entries=3,
    show_spinner="Reading the pictures that the model was trained on …",
    hash_funcs={_Description: lambda description: ""},
)
def _read(
    place: str, stamp: tuple[Any, ...], image_shape: Shape, fit: str, checksum: str, description: _Description
) -> Source | DataMissing:
    """A problem is kept as well: a large zip is not read again on each run to be refused again."""
    if place in training_data.NAMED:
        known = source()  # read already, as a rule
        if known.dataset.checksum == checksum:
            return known
    try:
        dataset = training_data.own_dataset(
            description.path, description.described, image_shape, place=place, notify=lambda line: None
        )
        test = _test_only(dataset)
        return Source(test, is_fashion(dataset.describe()), test.pixels("test"), test.labels("test"))
    except DataMissing as error:
        return error
    except ValueError as error:
        return DataMissing(str(error), "unreadable")


def _test_only(dataset: Dataset) -> Dataset:
    """The same data set, holding its test split and nothing else."""
    arrays = {"test": (dataset.pixels("test"), dataset.labels("test"))}
    return replace(dataset, read=lambda split: arrays)


def _place(path: Path, described: Mapping[str, Any]) -> str | None:
    """Where the data set lies now. Fashion-MNIST counts only if it is on this machine: a page asks no network."""
    place = training_data.place_of(path, described)
    if place == "fashion":
        return place if real_here() else None
    return place or _elsewhere(str(path), str(described.get("checksum", "")))


@st.cache_data(max_entries=64, ttl=30, show_spinner=False)
def _elsewhere(path: str, checksum: str) -> str | None:
    """All models and runs are looked through, so not on each run of a page."""
    return training_data.place_elsewhere(Path(path), {"checksum": checksum})


def _stamp(place: str) -> tuple[Any, ...]:
    """Changes when what lies there does: a file's time and size; a folder's and its classes' times."""
    if place == "fashion":
        return (str(fashion_mnist.find_fashion()),)
    if place == "drawn":
        return tuple(loading.DRAWN.values())
    path = Path(place)
    folders = [path, *(child for child in path.iterdir() if child.is_dir())] if path.is_dir() else [path]
    return (path.stat().st_size, *(folder.stat().st_mtime_ns for folder in folders))


@st.cache_data(max_entries=64, show_spinner=False)
def _described(path: str, changed: tuple[Stamp | None, ...]) -> dict[str, Any] | None:
    try:
        dataset = read_object(Path(path) / "config.json").get("dataset")
    except FileProblem:
        return None
    return dict(dataset) if isinstance(dataset, dict) else None


def _pixel_bytes(described: Mapping[str, Any], image_shape: Shape) -> int:
    """Of all splits, as config.json has them."""
    sizes = described.get("sizes")
    numbers = [n for n in sizes.values() if type(n) is int and n > 0] if isinstance(sizes, dict) else []
    return sum(numbers) * math.prod(image_shape)


def _test_size(described: Mapping[str, Any]) -> int | None:
    sizes = described.get("sizes")
    size = sizes.get("test") if isinstance(sizes, dict) else None
    return size if type(size) is int and 0 <= size < 10**9 else None


def _short(place: str) -> str:
    """A path for visitors: below the folder of runs as it is there, else the last name only."""
    runs = runs_folder()
    if runs is not None and Path(place).is_relative_to(runs.resolve()):
        return f"{runs.name}/{Path(place).relative_to(runs.resolve())}"
    return Path(place).name
