"""The cached functions (those of the page Train are in `timelines.py`): opened models, the pictures of this machine, and what is computed from them once.

Engines and arrays are shared by all sessions and never changed; keys are a folder's path and the time of its last change.
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
from pages.ui.components.live_map import MapData, map_data
from pages.ui.formatting import plain_text
from pages.ui.images import SIDE, class_colour, extent_of
from pages.ui.latent_space.landmarks import Landmarks, landmarks_of, traversals
from pages.ui.models.facts import Facts, facts_of
from vae_core.analysis import image_scores as scores
from vae_core.analysis import latent_points as latent
from vae_core.analysis.heatmaps import mosaic
from vae_core.analysis.image_scores import Scores
from vae_core.checkpoints import store as checkpoints
from vae_core.checkpoints.history import Curves, curves
from vae_core.checkpoints.registry import Entry, list_models, model_of
from vae_core.checkpoints.store import Checkpoint, CheckpointError
from vae_core.checkpoints.training_data import data_name, is_clothes, is_drawn
from vae_core.datasets import dataset as datasets
from vae_core.datasets import fashion_mnist as fashion
from vae_core.datasets.dataset import Dataset
from vae_core.datasets.preprocessing import PictureError, Prepared, prepare, treatment
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents

SCORE_WORK = 400_000_000_000  # multiply-adds: some ten seconds on two cores, once a model
THUMB = 64  # pixels a side of a garment on the map: larger models are thinned to this

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
class Opened:
    """A model ready to be looked at. The arrays are shared: nobody writes to them.

    latents: the codes of the test split it was measured on (or of the fixed test images of a run's snapshot), None if the
    folder has none. classes: a name per label, from the data that the model was trained on. key: (path, time of the last
    change), for caches.
    """

    entry: Entry
    checkpoint: Checkpoint
    engine: Engine
    latents: Latents | None
    classes: tuple[str, ...]
    key: tuple[str, int]

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


@dataclass(frozen=True)
class PlainMap:
    """For the map without a component. extent: half its side. background: uint8 (h, w, 3), SIDE × SIDE garments."""

    extent: float
    background: np.ndarray


def open_model(entry: Entry) -> Opened:
    """The model of an entry, from the cache. `CheckpointError` says what is wrong with the folder."""
    return _open(entry, str(entry.path), entry.changed)


@st.cache_resource(max_entries=6, show_spinner="Opening the model …", hash_funcs={Entry: lambda entry: entry.id})
def _open(entry: Entry, path: str, changed: int) -> Opened:
    checkpoint = checkpoints.load(path)
    latents = checkpoints.latents_of(checkpoint)
    engine = checkpoint.engine()
    checkpoints.check_computes(engine)
    return Opened(entry, checkpoint, engine, latents, class_names(checkpoint, latents), (path, changed))


def class_names(checkpoint: Checkpoint, latents: Latents | None) -> tuple[str, ...]:
    """A name per label, from the data that the model was trained on, as it can be shown."""
    known = [plain_text(name) for name in checkpoint.dataset.get("classes", ())]
    count = len(known) if latents is None else int(latents.labels.astype(np.int64).max(initial=-1)) + 1
    return tuple(known[:count] + [f"class {label}" for label in range(len(known), count)])


def source() -> Source:
    """The test pictures of clothes that are here now: Fashion-MNIST's, else drawn ones; asks no network."""
    return _source(str(datasets.find_fashion() or ""))


@st.cache_resource(max_entries=2, show_spinner="Reading the test pictures …")
def _source(folder: str) -> Source:
    found = datasets.here()
    return Source(found, found.checksum == fashion.CHECKSUM, found.pixels("test"), found.labels("test"))


def alike(model: Opened) -> list[Entry]:
    """The other models for pictures of the same shape, which can look at the same picture."""
    return [
        entry
        for entry in list_models()
        if entry.id != model.entry.id and _image_shape(entry.path) == model.engine.image_shape
    ]


def _image_shape(path: Path) -> tuple[int, ...]:
    model = model_of(path)
    return () if model is None else model.image_shape  # opening it says what is wrong


def codes_have_pictures(model: Opened, found: Source | None) -> bool:
    """Whether row i of the model's codes is the code of test picture i of this machine."""
    return (
        found is not None
        and model.latents is not None
        and found.dataset.checksum == model.checkpoint.dataset.get("checksum")
        and len(model.latents.labels) <= len(found.labels)
        and bool(np.array_equal(model.latents.labels, found.labels[: len(model.latents.labels)]))
    )


@st.cache_resource(
    max_entries=4,
    show_spinner="Drawing the map …",
    hash_funcs={Opened: lambda model: model.key, Source: lambda found: found.dataset.checksum},
)
def living(model: Opened, found: Source | None) -> MapData:
    """What the living map holds of a model: decoder, codes, and the pictures behind them where they are here."""
    thumbnails = None
    if found is not None and model.latents is not None and codes_have_pictures(model, found):
        thumbnails = found.pixels[: len(model.latents.labels)]
    names, colours = model.classes, [class_colour(i) for i in range(len(model.classes))]
    what = codes_of(model.checkpoint.dataset, fixed=bool(model.entry.state))
    return map_data(model.checkpoint, model.latents, names, colours, thumbnails, what)


def codes_of(dataset: Mapping[str, Any], fixed: bool) -> str:
    """What codes are codes of: "Fashion-MNIST test images", "fixed drawn test images" (fixed: those of a run's snapshots)."""
    name = "drawn" if is_drawn(dataset) else plain_text(data_name(dataset))
    return " ".join(f"{'fixed' if fixed else ''} {name} test images".split())


@st.cache_resource(max_entries=4, show_spinner="Drawing the map …", hash_funcs={Opened: lambda model: model.key})
def plain_map(model: Opened) -> PlainMap:
    """The garments of the plane, decoded once. For two latent units."""
    extent = extent_of(model.latents.z_mean) if model.latents is not None else 3.0
    z, _ = latent.grid(2, SIDE, extent=extent)
    step = -(-max(model.engine.image_shape[:2]) // THUMB)
    return PlainMap(extent, mosaic(model.engine.decode(z)[:, ::step, ::step], columns=SIDE, gap=0))


def prepared(upload: Upload, image_shape: tuple[int, int, int], how: Mapping[str, Any] | None = None) -> Prepared:
    """An upload as model input, treated as the model's training data were. how: `Opened.treatment`.

    Raises `PictureError` for what is no picture.
    """
    done = _prepared(upload, image_shape, dict(how or {}))
    if isinstance(done, str):
        raise PictureError(done)
    return done


@st.cache_data(max_entries=32, show_spinner=False)
def _prepared(upload: Upload, image_shape: tuple[int, int, int], how: dict[str, Any]) -> Prepared | str:
    """Of what is no picture the sentence that says why: exceptions are not kept, and it lies in the uploader for many runs."""
    try:
        switches: dict[str, Any] = {"invert": upload.invert, "crop": upload.crop, "contrast": upload.contrast}
        return prepare(upload.data, image_shape, **how, **switches)
    except PictureError as error:
        return str(error)


def folder_size(path: Path) -> int:
    """Bytes of a model's folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def model_facts(entry: Entry) -> Facts | str:
    """What is known of a model without opening it; of one that cannot be opened, the sentence that says why."""
    return _facts(entry, str(entry.path), entry.changed, _written(entry.path))


@st.cache_resource(max_entries=64, show_spinner="Reading the models …", hash_funcs={Entry: lambda entry: entry.id})
def _facts(entry: Entry, path: str, changed: int, written: int) -> Facts | str:
    try:
        return facts_of(checkpoints.inspect(path), folder_size(entry.path))
    except CheckpointError as error:
        return str(error)


def model_curves(entry: Entry) -> Curves:
    """A model's losses over epochs."""
    return _curves(str(entry.path), _written(entry.path))


@st.cache_resource(max_entries=16, show_spinner=False)
def _curves(path: str, written: int) -> Curves:
    return curves(Path(path))


def _written(path: Path) -> int:
    """When the figures of a folder were last written; metrics.jsonl only counts until there is a history."""
    parts = [path / name for name in ("metrics.json", "history.csv", "metrics.jsonl")]
    return max((part.stat().st_mtime_ns for part in parts[: 2 if parts[1].exists() else 3] if part.exists()), default=0)


def quick_to_score(model: Opened, found: Source) -> bool:
    """Whether all test pictures can be scored while a visitor waits; or were scored already."""
    network = model.engine.network
    work = len(found.labels) * (network.encoder.multiply_adds() + 2 * network.decoder.multiply_adds())
    return work <= SCORE_WORK or (model.entry.path / scores.FILE).exists()


def scores_of(model: Opened, found: Source) -> Scores:
    """Every test picture's figures: those kept beside the model, or scored now, once."""
    return _scores(model, found)


@st.cache_resource(
    max_entries=6,
    show_spinner="Scoring the test pictures, once …",
    hash_funcs={Opened: lambda model: model.key, Source: lambda found: found.dataset.checksum},
)
def _scores(model: Opened, found: Source) -> Scores:
    kept = scores.load(model.entry.path, found.dataset.checksum, len(found.labels))
    return kept if kept is not None else scores.score(model.engine, found.pixels)


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs={Opened: lambda model: model.key})
def landmarks(model: Opened) -> Landmarks | None:
    """What the model's codes tell of its latent space; None without codes."""
    if model.latents is None:
        return None
    return landmarks_of(model.engine, model.latents)


@st.cache_data(max_entries=6, show_spinner=False, hash_funcs={Opened: lambda model: model.key})
def support(model: Opened) -> float | None:
    """The log density that 99 % of the aggregate posterior's own draws exceed; None without codes. Takes 0.2 s."""
    if model.latents is None:
        return None
    return latent.support_threshold(model.latents.z_mean, model.latents.z_log_var)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Opened: lambda model: model.key})
def traversed(model: Opened, z: tuple[float, ...], units: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """`latent_facts.traversals` from z: pictures (units, steps, h, w, 3) uint8 and the values (steps,)."""
    return traversals(model.engine, np.array(z, np.float32), units)
