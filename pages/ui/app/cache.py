"""The cached functions that several pages need: opened models, the test pictures of this machine, and uploads made ready for a model.

Engines and arrays are shared by all sessions and never changed; keys are a folder's path and the stamps of its files.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.app.state import Upload
from pages.ui.formatting import plain_text
from vae_core.checkpoints import codes, store
from vae_core.checkpoints.registry import Entry, list_models, model_config_of
from vae_core.checkpoints.store import Checkpoint
from vae_core.checkpoints.training_data import is_clothes
from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.dataset import Dataset
from vae_core.datasets.preprocessing import PictureError, Prepared, prepare, treatment
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents
from vae_core.storage.records import Stamp

Stamps = tuple[Stamp | None, ...]  # of a model's files

gc.freeze()  # what is imported by now: see `spare_collector`
_runs: Counter[str] = Counter()


def spare_collector(page: str) -> None:
    """Take what imports have left behind out of the garbage collector's sight; every page calls this when a run begins.

    It looks through everything from time to time, in the middle of somebody's run, and the modules are most of it. In its
    second run a page has imported all it needs. Once a page, since what is frozen is never collected.
    """
    _runs[page] += 1
    if _runs[page] == 2:
        gc.collect()
        gc.freeze()


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to be looked at. The arrays are shared: nobody writes to them.

    latents: the codes of the test split it was measured on (or of the fixed test images of a run's snapshot), None if the
    folder has none. classes: a name per label, from the data that the model was trained on. key: (path, stamps of its
    files), for caches.
    """

    entry: Entry
    checkpoint: Checkpoint
    engine: Engine
    latents: Latents | None
    classes: tuple[str, ...]
    key: tuple[str, Stamps]

    @property
    def clothes(self) -> bool:
        """Whether the model was trained on clothes, so that words may call its pictures garments."""
        return is_clothes(self.checkpoint.dataset)

    @property
    def thing(self) -> str:
        """What one of its pictures is called: "garment", or "picture" of any other data set."""
        return "garment" if self.clothes else "picture"

    @property
    def treatment(self) -> dict[str, Any]:
        """How its training data were made to fit it, as keyword arguments of `preprocessing.prepare`."""
        return treatment(self.checkpoint.dataset)


@dataclass(frozen=True)
class Source:
    """The test pictures of a data set that is on this machine.

    real: Fashion-MNIST. pixels: uint8 (n, h, w, c). labels: (n,).
    """

    dataset: Dataset
    real: bool
    pixels: np.ndarray
    labels: np.ndarray

    @property
    def title(self) -> str:
        """ "Fashion-MNIST test, 10,000 images"."""
        return self.dataset.title("test")

    def image(self, index: int) -> np.ndarray:
        """float32 (h, w, c) in [0, 1]."""
        return self.pixels[index].astype(np.float32) / 255


def open_model(entry: Entry) -> LoadedModel:
    """The model of an entry, from the cache. `CheckpointError` says what is wrong with the folder."""
    return _open(entry, str(entry.path), entry.changed)


@st.cache_resource(max_entries=6, show_spinner="Opening the model …", hash_funcs={Entry: lambda entry: entry.id})
def _open(entry: Entry, path: str, changed: Stamps) -> LoadedModel:
    checkpoint = store.load(path)
    latents = codes.latents_of(checkpoint.path, checkpoint.step, checkpoint.network.latent_dim)
    engine = checkpoint.engine()
    store.check_computes(engine)
    return LoadedModel(entry, checkpoint, engine, latents, class_names(checkpoint, latents), (path, changed))


def class_names(checkpoint: Checkpoint, latents: Latents | None) -> tuple[str, ...]:
    """A name per label, from the data that the model was trained on, as it can be shown."""
    known = [plain_text(name) for name in checkpoint.dataset.get("classes", ())]
    count = len(known) if latents is None else int(latents.labels.astype(np.int64).max(initial=-1)) + 1
    return tuple(known[:count] + [f"class {label}" for label in range(len(known), count)])


def source() -> Source:
    """The test pictures of clothes that are here now: Fashion-MNIST's, else drawn ones; asks no network."""
    return _source(str(fashion_mnist.find_fashion() or ""))


@st.cache_resource(max_entries=2, show_spinner="Reading the test pictures …")
def _source(folder: str) -> Source:
    dataset = loading.load_local()
    return Source(dataset, dataset.checksum == fashion_mnist.CHECKSUM, dataset.pixels("test"), dataset.labels("test"))


def alike(model: LoadedModel) -> list[Entry]:
    """The other models for pictures of the same shape, which can look at the same picture."""
    return [
        entry
        for entry in list_models()
        if entry.id != model.entry.id and _image_shape(entry.path) == model.engine.image_shape
    ]


def _image_shape(path: Path) -> tuple[int, ...]:
    model = model_config_of(path)
    return () if model is None else model.image_shape  # opening it says what is wrong


def codes_have_pictures(model: LoadedModel, test_images: Source | None) -> bool:
    """Whether row i of the model's codes is the code of test picture i of this machine."""
    return (
        test_images is not None
        and model.latents is not None
        and test_images.dataset.checksum == model.checkpoint.dataset.get("checksum")
        and len(model.latents.labels) <= len(test_images.labels)
        and bool(np.array_equal(model.latents.labels, test_images.labels[: len(model.latents.labels)]))
    )


def prepared(upload: Upload, image_shape: tuple[int, int, int], options: Mapping[str, Any] | None = None) -> Prepared:
    """An upload as model input, treated as the model's training data were. options: `LoadedModel.treatment`.

    Raises `PictureError` for what is no picture.
    """
    done = _prepared(upload, image_shape, dict(options or {}))
    if isinstance(done, str):
        raise PictureError(done)
    return done


@st.cache_data(max_entries=32, show_spinner=False)
def _prepared(upload: Upload, image_shape: tuple[int, int, int], options: dict[str, Any]) -> Prepared | str:
    """Of what is no picture the sentence that says why: exceptions are not kept, and it lies in the uploader for many runs."""
    try:
        switches: dict[str, Any] = {
            "invert": upload.invert,
            "crop": upload.crop,
            "contrast": upload.contrast,
            "box": upload.box,
        }
        return prepare(upload.data, image_shape, **options, **switches)
    except PictureError as error:
        return str(error)
