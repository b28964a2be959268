"""The pictures that a model was trained on, found again: by the place that was noted, and known by their checksum.

    dataset = own_dataset(checkpoint.path, checkpoint.dataset, checkpoint.model.image_shape)

A run notes the place in request.json, a kept model in data.json. No zip of a model holds either file, so that no path of one
machine travels to another; a model that was taken in from a zip finds its pictures through another one of the same checksum.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.dataset import DRAWN_NAME, FASHION_NAME, OWN_SOURCE, DataError, Dataset, own_name
from vae_core.datasets.preprocessing import treatment
from vae_core.runs.directory import Run
from vae_core.settings import expanded, model_folders, runs_folder
from vae_core.storage.records import FileProblem, read_object

FILE = "data.json"  # of a kept model
UPLOADS = "uploads"  # the folder, beside the runs, of what was uploaded to train on
NAMED = ("fashion", "drawn")  # what --data takes that is no path


class DataMissing(DataError):
    """The pictures of a model cannot be had. reason: "unknown place", "gone", "changed" or "unreadable"."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


# --- what a data set is, by its description in config.json ------------------------------------------------------------


def is_fashion(described: Mapping[str, Any]) -> bool:
    """Whether it is Fashion-MNIST: by the checksum, whatever the name."""
    return described.get("checksum") == fashion_mnist.CHECKSUM


def is_drawn(described: Mapping[str, Any]) -> bool:
    """Whether it is the drawn clothes, of this or of an earlier version of the program, and no zip of that name."""
    return described.get("name") == DRAWN_NAME and not str(described.get("source", "")).startswith(OWN_SOURCE)


def is_clothes(described: Mapping[str, Any]) -> bool:
    """Whether the pictures are known to be clothes, so that words may call them that."""
    return is_fashion(described) or is_drawn(described)


def data_name(described: Mapping[str, Any]) -> str:
    """What to call a data set: its name, with "(own pictures)" after one that only sounds like a built-in set."""
    name = str(described.get("name", "unknown data"))
    if is_fashion(described):
        return FASHION_NAME
    return name if is_drawn(described) or "checksum" not in described else own_name(name)


# --- where it lies ----------------------------------------------------------------------------------------------------


def note_for(data: str, folder: Path) -> dict[str, str]:
    """What data.json of a kept model in `folder` says of the data that --data named.

    The path, and the way to it from the model, so that both may move together.
    """
    if data in (*NAMED, "auto"):
        return {"data": data}
    place = expanded(data).resolve()
    return {"data": str(place), "from_here": os.path.relpath(place, folder.resolve())}


def noted(folder: Path) -> str | None:
    """The place that a run or a model has noted, there or not; None without a note."""
    data = _note(folder).get("data")
    return data if isinstance(data, str) and data else None


def place_of(folder: Path, described: Mapping[str, Any]) -> str | None:
    """What --data has to name for the pictures of a model in `folder`; None if they are not where they were noted to be.

    Looks at names only: whether they are still the same pictures shows when they are read. described: the data set as
    config.json has it.
    """
    if is_drawn(described):
        return "drawn"
    return next(_existing(folder), "fashion" if is_fashion(described) else None)


def place_elsewhere(folder: Path, described: Mapping[str, Any]) -> str | None:
    """As `place_of`, from the note of another model or run of this machine that was trained on data of the same checksum."""
    return next((place for other in _of_the_same_data(folder, described) for place in _existing(other)), None)


def missing(folder: Path, described: Mapping[str, Any]) -> DataMissing:
    """Why there is no place: it was never noted, or nothing is there."""
    name, before = data_name(described), noted(folder)
    if before is None:
        return DataMissing(
            f"{folder} was trained on {name}, and where these pictures lie is not noted. Name them with --data.",
            "unknown place",
        )
    return DataMissing(
        f"{folder} was trained on {name}, which is no longer at {before}. Put it back, or name it with --data.", "gone"
    )


def own_dataset(
    folder: Path,
    described: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    *,
    place: str | None = None,
    notify: Callable[[str], None] | None = None,
) -> Dataset:
    """The data set that the model in `folder` was trained on, read anew; `DataMissing` if it is not to be had.

    described: the data set as the model's config.json has it. place: where it lies, where that is known already.
    Fashion-MNIST is downloaded where it is not on this machine.
    """
    place = place or place_of(folder, described) or place_elsewhere(folder, described)
    if place is None:
        raise missing(folder, described)
    try:
        dataset = load(place, image_shape, described, notify=notify)
    except DataError as error:
        raise DataMissing(f"the pictures that {folder} was trained on cannot be read: {error}", "unreadable") from error
    if dataset.checksum != described.get("checksum"):
        where = "those that this program draws" if place == "drawn" else f"those of {place}"
        raise DataMissing(
            f"{folder} was trained on other pictures of {data_name(described)} than {where} now. Put the old ones back, "
            "or name others with --data.",
            "changed",
        )
    return dataset


def load(
    data: str,
    image_shape: tuple[int, int, int],
    described: Mapping[str, Any],
    *,
    notify: Callable[[str], None] | None = None,
) -> Dataset:
    """The data that --data names, read as the model's training data were: of its shape, treated alike.

    Raises `DataError` for pictures of another shape than the model's.
    """
    # of pictures of the user's own all was said when the model was trained
    speak = notify if notify is not None and data in (*NAMED, "auto") else _nothing
    height, width, channels = image_shape  # a list, where it comes from a file
    shape = (height, width, channels)
    dataset = loading.load(data, image_shape=shape, fit=treatment(described)["fit"], notify=speak)
    if dataset.image_shape != shape:
        theirs, its = (" × ".join(map(str, sides)) for sides in (dataset.image_shape, shape))
        raise DataError(
            f"{dataset.name} has pictures of {theirs}, the model is for {its}. Leave out --data for the model's own pictures, "
            "or name a folder, zip or .npz."
        )
    return dataset


def _nothing(line: str) -> None:
    """Takes what is not to be said."""


def _note(folder: Path) -> Mapping[str, Any]:
    run = Run(folder).request()
    if run:
        return run
    try:
        return read_object(folder / FILE)
    except FileProblem:
        return {}


def _existing(folder: Path) -> Iterator[str]:
    """The places that the note of a folder leads to, those that are there, best first."""
    note, place = _note(folder), noted(folder)
    if place is None or place in (*NAMED, "auto"):
        return
    path = Path(place)
    candidates = [path]
    if isinstance(note.get("from_here"), str):
        candidates.append(folder / note["from_here"])
    if path.parent.parent.name == UPLOADS:  # runs and uploads may have moved together
        candidates.append(folder.parent / UPLOADS / path.parent.name / path.name)
    yield from (str(found.resolve()) for found in candidates if found.exists())


def _of_the_same_data(folder: Path, described: Mapping[str, Any]) -> Iterator[Path]:
    """Other models and runs of this machine that were trained on data of the same checksum."""
    checksum = described.get("checksum")
    if not checksum:
        return
    for root in (*model_folders(), runs_folder()):
        for path in sorted(root.glob("*/config.json")) if root else ():
            if path.parent == folder or noted(path.parent) is None:
                continue
            try:
                theirs = read_object(path)["dataset"]["checksum"]
            except (FileProblem, KeyError, TypeError):
                continue
            if theirs == checksum:
                yield path.parent
