"""What the commands on a model read: the model, its data set, and the pictures that are named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_core import settings
from vae_core.cli.common import model_path, note
from vae_core.datasets.preprocessing import treatment
from vae_core.runs.directory import Run
from vae_core.storage import limits

if TYPE_CHECKING:
    from vae_core.checkpoints.store import Checkpoint
    from vae_core.datasets.dataset import Dataset

MOST_PIXELS = limits.PICTURE_PIXELS  # of a PNG that is written: no more than is read


def dataset_of(checkpoint: Checkpoint, data: str | None) -> Dataset:
    """The data set that --data names, else the model's own."""
    return data_of(checkpoint.path, checkpoint.dataset, checkpoint.model.image_shape, data)


def data_of(path: Path, described: Mapping[str, Any], image_shape: Any, data: str | None) -> Dataset:
    """The data set that --data names, else the one that the model or run at `path` describes."""
    from vae_core.checkpoints import training_data

    if data is None:
        return training_data.own_dataset(path, described, image_shape, notify=note)
    return training_data.load(data, image_shape, described, notify=note)


def load_model(model: str) -> Checkpoint:
    """The model that a command names."""
    from vae_core.checkpoints import store

    return store.load(model_path(model))


def model_to_measure(model: str, data: str | None, write: bool) -> tuple[Checkpoint, Dataset]:
    """The model that a command measures, and on which data; `ValueError` if --write cannot keep the figures with the model."""
    if write and data is not None:
        raise ValueError(
            "--write keeps figures of the data that the model was trained on. Leave out --data or --write."
        )
    checkpoint = load_model(model)
    if write:
        Run(checkpoint.path).check_model()
    return checkpoint, dataset_of(checkpoint, data)


def named_pictures(
    checkpoint: Checkpoint, picture: list[str] | None, index: list[int] | None, data: str | None
) -> tuple[np.ndarray, list[str]]:
    """The pictures that were named, as model input, and what to call them."""
    if picture and (index is not None or data is not None):
        raise ValueError(
            "--picture stands alone: --index and --data choose among the images of a data set. Leave one out."
        )
    if picture:
        from vae_core.datasets.preprocessing import prepare

        treated = treatment(checkpoint.dataset)
        prepared = []
        for name in picture:
            if not settings.expanded(name).is_file():
                missing = "is no regular file" if os.path.lexists(name) else "does not exist"
                raise ValueError(f"{name} {missing}. Name the file of a picture.")
            try:
                prepared.append(prepare(settings.expanded(name), checkpoint.model.image_shape, **treated).image)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return np.stack(prepared), [Path(name).name for name in picture]
    dataset = dataset_of(checkpoint, data)
    size, chosen = dataset.sizes["test"], index or [0]
    if not all(0 <= i < size for i in chosen):
        raise ValueError(f"--index must be in 0..{size - 1} for {dataset.title('test')}, got {chosen}.")
    images = dataset.images("test", max(chosen) + 1)[chosen]
    return images, [f"{dataset.name} test {i}" for i in chosen]


def mosaic_scale(tiles: int, image_shape: tuple[int, int, int], scale: int) -> int:
    """How large a mosaic's pixels are drawn: `scale`, or less where the picture would have too many."""
    height, width, _ = image_shape
    pixels = tiles * (height + 1) * (width + 1)
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"{tiles:,} pictures of {height} × {width} are too many for one PNG of {MOST_PIXELS:,} pixels. Ask for fewer."
        )
    return next(size for size in range(scale, 0, -1) if size == 1 or pixels * size**2 <= MOST_PIXELS)


def as_rgb(image: np.ndarray) -> np.ndarray:
    """(h, w, 1 or 3) float in [0, 1] -> (h, w, 3) uint8."""
    return np.broadcast_to(np.round(255 * image).astype(np.uint8), (*image.shape[:2], 3))
