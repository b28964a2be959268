"""Pictures that a model was trained on, found again by the place that was noted, and recognised by their checksum.

    dataset = own_dataset(checkpoint.path, checkpoint.dataset, checkpoint.model.image_shape)

A run notes the place in request.json, a kept model in data.json. No zip of a model holds either file, so that no path of one
machine travels to another; a model that was imported from a zip finds its pictures through another one of the same checksum.

>>> description = {"name": "pets", "source": "pictures of pets.zip", "checksum": "1f2e"}
>>> is_clothes(description), place_of(Path("no-such-model"), description)
(False, None)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.dataset import DRAWN_NAME, FASHION_NAME, OWN_SOURCE, Dataset, own_name
from vae_core.datasets.preprocessing import treatment
from vae_core.runs.directory import Run
from vae_core.settings import expanded, model_folders, runs_folder
from vae_core.storage.errors import DataError, FileProblem
from vae_core.storage.records import read_object

# Of a kept model.
FILE = "data.json"
# The folder, beside the runs, of what was uploaded to train on.
UPLOADS = "uploads"
# What --data takes that is no path.
NAMED = ("fashion", "drawn")


class DataMissing(DataError):
    """The pictures of a model cannot be had.

    Attributes:
        reason: "unknown place", "gone", "changed" or "unreadable".
    """

    def __init__(self, message: str, reason: str) -> None:
        """Keep the message for the user and the reason for the program."""
        super().__init__(message)
        self.reason = reason


# --- what a data set is, by its description in config.json ------------------------------------------------------------


def is_fashion(described: Mapping[str, Any]) -> bool:
    """Whether a described data set is Fashion-MNIST: by the checksum, whatever the name."""
    return described.get("checksum") == fashion_mnist.CHECKSUM


def is_drawn(described: Mapping[str, Any]) -> bool:
    """Whether a described data set is the drawn clothes, of any version of the program, and no zip of that name."""
    return described.get("name") == DRAWN_NAME and not str(described.get("source", "")).startswith(OWN_SOURCE)


def is_clothes(described: Mapping[str, Any]) -> bool:
    """Whether the pictures of a described data set are known to be clothes, so that words may call them that."""
    return is_fashion(described) or is_drawn(described)


def data_name(described: Mapping[str, Any]) -> str:
    """Name of a described data set, with "(own pictures)" after one that only sounds like a built-in set.

    Args:
        described: The data set as the model's config.json has it.

    Returns:
        Text for pages and terminals.
    """
    name = str(described.get("name", "unknown data"))
    if is_fashion(described):
        return FASHION_NAME
    return name if is_drawn(described) or "checksum" not in described else own_name(name)


# --- where it lies ----------------------------------------------------------------------------------------------------


def note_for(data: str, folder: Path) -> dict[str, str]:
    """Content of a kept model's data.json: the path of the data, and the way to it from the model, so that both may move.

    Args:
        data: What --data named.
        folder: The model's folder.

    Returns:
        {"data": name or absolute path}, and for a path "from_here", relative to `folder`.
    """
    if data in (*NAMED, "auto"):
        return {"data": data}
    place = expanded(data).resolve()
    return {"data": str(place), "from_here": os.path.relpath(place, folder.resolve())}


def noted_place(folder: Path) -> str | None:
    """Place of the data that a run or a model has noted, there or not; None without a note."""
    data = _note(folder).get("data")
    return data if isinstance(data, str) and data else None


def place_of(folder: Path, described: Mapping[str, Any]) -> str | None:
    """What --data has to name for the pictures of a model.

    Looks at names only: whether they are still the same pictures shows when they are read.

    Args:
        folder: A checkpoint folder or run directory.
        described: The data set as the model's config.json has it.

    Returns:
        A name or a path; None if the pictures are not where they were noted to be.
    """
    if is_drawn(described):
        return "drawn"
    return next(_existing(folder), "fashion" if is_fashion(described) else None)


def place_elsewhere(folder: Path, described: Mapping[str, Any]) -> str | None:
    """What --data has to name, from the note of another model or run that was trained on data of the same checksum.

    Args:
        folder: The model whose pictures are looked for.
        described: The data set as the model's config.json has it.

    Returns:
        A path; None if no other one knows.
    """
    return next((place for other in _of_the_same_data(folder, described) for place in _existing(other)), None)


def missing_error(folder: Path, described: Mapping[str, Any]) -> DataMissing:
    """Make the error of pictures without a place: it was never noted, or nothing is there.

    Args:
        folder: A checkpoint folder or run directory.
        described: The data set as the model's config.json has it.

    Returns:
        The error, to be raised or shown.
    """
    name, before = data_name(described), noted_place(folder)
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
    """Read the data set that a model was trained on. Fashion-MNIST is downloaded where it is not on this machine.

    Args:
        folder: A checkpoint folder or run directory.
        described: The data set as the model's config.json has it.
        image_shape: (height, width, channels) of the model.
        place: What `place_of` or `place_elsewhere` gave, where that is known already.
        notify: Told what is done that takes long.

    Returns:
        The data set, of the same checksum.

    Raises:
        DataMissing: It is not to be had.
    """
    place = place or place_of(folder, described) or place_elsewhere(folder, described)
    if place is None:
        raise missing_error(folder, described)
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
    """Read the data that --data names as the model's training data were read: of its shape, treated alike.

    Args:
        data: "fashion", "drawn", "auto" or a path.
        image_shape: (height, width, channels) of the model.
        described: The data set as the model's config.json has it.
        notify: Told what is done that takes long.

    Returns:
        The data set.

    Raises:
        DataError: It cannot be read, or its pictures have another shape than the model's.
    """
    # Of pictures of the user's own all was said when the model was trained.
    speak = notify if notify is not None and data in (*NAMED, "auto") else _nothing
    # A list, where it comes from a file.
    height, width, channels = image_shape
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
    """Drop a line that is not to be printed."""


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
    note, place = _note(folder), noted_place(folder)
    if place is None or place in (*NAMED, "auto"):
        return
    path = Path(place)
    candidates = [path]
    if isinstance(note.get("from_here"), str):
        candidates.append(folder / note["from_here"])
    # Runs and uploads may have moved together.
    if path.parent.parent.name == UPLOADS:
        candidates.append(folder.parent / UPLOADS / path.parent.name / path.name)
    yield from (str(candidate.resolve()) for candidate in candidates if candidate.exists())


def _of_the_same_data(folder: Path, described: Mapping[str, Any]) -> Iterator[Path]:
    """Other models and runs of this machine that were trained on data of the same checksum."""
    checksum = described.get("checksum")
    if not checksum:
        return
    for root in (*model_folders(), runs_folder()):
        for path in sorted(root.glob("*/config.json")) if root else ():
            if path.parent == folder or noted_place(path.parent) is None:
                continue
            try:
                theirs = read_object(path)["dataset"]["checksum"]
            except (FileProblem, KeyError, TypeError):
                continue
            if theirs == checksum:
                yield path.parent
