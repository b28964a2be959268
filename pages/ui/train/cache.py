"""The cached functions of the page Train: what a run looked like at a snapshot, and what an uploaded zip holds.

    network_of(path), frame_at(path, step), map_at(path, step, extent=3.5, side=12), snapshot_pictures(path, step)
    timeline_at(path, steps, extent=3.5, side=12), pictures_of(upload)

Viewers of one run share them. A path is no key: runs are deleted, renamed and trained again under the same name. So each key
holds the stamps of the files that were read (see `vae_core.storage.records.stamps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.ui.app.cache import Source
from pages.ui.app.model_pictures import own_pictures
from pages.ui.components.live_map import FramePart, MapData, Pictures, decoded_grid, grid_part, pack_frame, snapshot_map
from pages.ui.formatting import plain_text
from pages.ui.images import class_colour
from pages.ui.map.cache import codes_of
from pages.ui.train import fixed_images
from pages.ui.train.animation import animation
from vae_core.checkpoints.history import Curves, curves
from vae_core.checkpoints.probe import affordable
from vae_core.checkpoints.timeline import Frame, load_frame
from vae_core.jobs.picture_uploads import UploadedPictures, still_stored, store_pictures
from vae_core.jobs.server_pictures import pictures_at, stamp
from vae_core.network.engine import Engine
from vae_core.network.layers import Network
from vae_core.runs.directory import Run
from vae_core.runs.readers import read_config
from vae_core.storage.errors import DataError, FileProblem
from vae_core.storage.records import Stamp, stamps

Stamps = tuple[Stamp | None, ...]


def network_of(path: str) -> Network:
    """The layers of a run or of a kept model; read once, not with each snapshot. Raises `FileProblem` or `NetworkError`."""
    return _network(path, stamps(Path(path), "network.json"))


@st.cache_resource(max_entries=16, show_spinner=False)
def _network(path: str, files: Stamps) -> Network:
    return Run(path).network()


def trained_on(path: str) -> dict[str, Any]:
    """The data set as a run's config.json describes it; read once. Raises `FileProblem` or `RunError`."""
    return _trained_on(path, stamps(Path(path), "config.json"))


@st.cache_resource(max_entries=16, show_spinner=False)
def _trained_on(path: str, files: Stamps) -> dict[str, Any]:
    return dict(read_config(Path(path) / "config.json")["dataset"])


def _snapshot(path: str, step: int, *others: str) -> Stamps:
    """The stamps of what a snapshot shows: its own files, the network, and `others` of the run's folder."""
    folder = f"snapshots/{step:08d}"
    names = ("", "latents.npz", "weights.safetensors", "decoder.safetensors")
    return stamps(Path(path), "network.json", *others, *(f"{folder}/{name}" for name in names))


def frame_at(path: str, step: int) -> Frame:
    """One snapshot of a run or of a kept model's timeline. `FileProblem`, `NetworkError` or `RunError` if it is damaged."""
    return _frame(path, step, _snapshot(path, step))


@st.cache_resource(max_entries=24, show_spinner=False)
def _frame(path: str, step: int, files: Stamps) -> Frame:
    return load_frame(path, network_of(path), step)


def _engine_at(path: str, step: int) -> Engine:
    return _engine(path, step, _snapshot(path, step))


@st.cache_resource(max_entries=2, show_spinner=False)
def _engine(path: str, step: int, files: Stamps) -> Engine:
    frame = frame_at(path, step)
    engine = frame.engine(network_of(path))
    with np.errstate(all="ignore"):
        drawn = engine.decode(np.concatenate([np.zeros((1, engine.latent_dim), np.float32), frame.latents.z_mean[:16]]))
    if not np.isfinite(drawn).all():
        raise FileProblem(
            "its decoder draws numbers that are not finite. The run diverged; look at an earlier snapshot."
        )
    return engine


def map_at(path: str, step: int, extent: float, side: int) -> MapData:
    """The living map at one snapshot: the decoder and the fixed test images' codes as they were then.

    extent: half the side of the view, for all snapshots. side: pictures along it, decoded here if there are two units.
    """
    return _map(path, step, extent, side, _snapshot(path, step, "config.json"))


@st.cache_resource(max_entries=8, show_spinner=False)
def _map(path: str, step: int, extent: float, side: int, files: Stamps) -> MapData:
    network, frame, dataset = network_of(path), frame_at(path, step), trained_on(path)
    known = [plain_text(name) for name in dataset.get("classes", ())]
    count = max(len(known), int(frame.latents.labels.astype(np.int64).max(initial=-1)) + 1)
    names = known + [f"class {label}" for label in range(len(known), count)]
    colours = [class_colour(i) for i in range(count)]
    quick = affordable(_engine_at(path, step), side * side) == side * side  # else the browser decodes it
    grid = grid_part(_engine_at(path, step), side, extent) if network.latent_dim == 2 and quick else None
    return snapshot_map(network, frame, names, colours, codes_of(dataset, fixed=True), grid, extent)


def snapshot_pictures(path: str, step: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Fixed test images, their reconstructions and fixed samples at one snapshot: uint8 (10 * rows, h, w, c), and words."""
    return _pictures(path, step, _snapshot(path, step, "config.json", "fixed.npz"), _own(path))


def _own(path: str) -> Source | None:
    """The user's own pictures, where the run has no fixed ones; they may be taken away or put back at any time."""
    if _fixed(path, stamps(Path(path), "fixed.npz")) is not None:
        return None
    own = own_pictures(Path(path), trained_on(path), network_of(path).image_shape)
    return own if isinstance(own, Source) else None


@st.cache_data(max_entries=48, show_spinner=False, hash_funcs={Source: lambda own: own.dataset.checksum})
def _pictures(path: str, step: int, files: Stamps, own: Source | None) -> tuple[np.ndarray, tuple[str, ...]]:
    fixed = Run(path).fixed() if own is None else own.pixels[: fixed_images.SHOWN]
    codes = frame_at(path, step).latents.z_mean
    return fixed_images.rows(_engine_at(path, step), codes, fixed)


def timeline_at(path: str, steps: Sequence[int], extent: float, side: int) -> tuple[FramePart, ...]:
    """The snapshots of these steps for the map's timeline, oldest first; they are read when a browser wants them."""
    return tuple(_frame_part(path, step, extent, side, step == steps[-1]) for step in steps)


def _frame_part(path: str, step: int, extent: float, side: int, newest: bool) -> FramePart:
    """One snapshot. newest: the map holds decoder and codes already."""
    own = _own(path)
    files = _snapshot(path, step, "config.json", "fixed.npz")
    return _packed(path, step, extent, side, newest, files, "" if own is None else own.dataset.checksum)


@st.cache_resource(max_entries=48, show_spinner=False)
def _packed(path: str, step: int, extent: float, side: int, newest: bool, files: Stamps, own: str) -> FramePart:
    def pack() -> tuple[dict[str, Any], bytes]:
        network, frame = network_of(path), frame_at(path, step)
        sheet, words = snapshot_pictures(path, step)
        pictures = Pictures(sheet, fixed_images.SHOWN, tuple(map(plain_text, words)))
        # of the newest the map has the grid already
        if network.latent_dim == 2 and not newest and affordable(_engine_at(path, step), side * side) == side * side:
            grid = decoded_grid(_engine_at(path, step), side, extent)
            pictures = replace(pictures, grid=grid, side=side, extent=extent)
        return pack_frame(network, frame, pictures, newest)

    return FramePart(step, repr((path, step, extent, side, newest, files, own)), pack)


@st.cache_resource(max_entries=16, show_spinner=False)
def _fixed(path: str, files: Stamps) -> np.ndarray | None:
    return Run(path).fixed()


def gif_at(path: str, steps: Sequence[int]) -> bytes:
    """The animation of these snapshots. Raises `ValueError` where there is none."""
    return _gif(path, tuple(steps), tuple(_snapshot(path, step, "config.json") for step in steps))


@st.cache_data(max_entries=8, show_spinner=False)
def _gif(path: str, steps: tuple[int, ...], files: tuple[Stamps, ...]) -> bytes:
    return animation(Path(path), steps=steps).data


def kept_curves(path: str) -> Curves:
    """A kept model's losses over epochs."""
    return _kept_curves(path, stamps(Path(path), "history.csv", "metrics.jsonl"))


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept_curves(path: str, files: Stamps) -> Curves:
    return curves(Path(path))


def pictures_of(upload: UploadedFile) -> UploadedPictures:
    """What a zip that lies in the form holds, kept for trainings; read once an upload, however often the page runs.

    Raises:
        DataError: it is refused: no zip, no pictures, or too few.
        RunError: it cannot be kept.
    """
    known = _pictures_of(upload.file_id, upload)
    if isinstance(known, UploadedPictures) and not still_stored(known):  # removed meanwhile
        _pictures_of.clear(upload.file_id, upload)
        known = _pictures_of(upload.file_id, upload)
    if isinstance(known, str):
        raise DataError(known)
    return known


@st.cache_data(max_entries=64, show_spinner="Looking at the pictures …")
def _pictures_of(file_id: str, _upload: UploadedFile) -> UploadedPictures | str:
    """Of a zip that is refused the sentence that says why: exceptions are not kept, and it lies in the form for many runs."""
    try:
        return store_pictures(_upload.name, _upload.getvalue())
    except DataError as error:
        return str(error)


def pictures_on_server(path: Path) -> UploadedPictures:
    """What a folder or zip of the server holds; read again when it has changed.

    Raises:
        DataError: it is refused: not opened to this page, no pictures, or too few.
    """
    try:
        changed = stamp(path)
    except OSError as error:
        raise DataError(f"it cannot be read ({error.strerror}). Reload the page, or choose another one.") from error
    known = _pictures_on_server(path, changed)
    if isinstance(known, str):
        raise DataError(known)
    return known


@st.cache_data(max_entries=16, show_spinner="Looking at the pictures …")
def _pictures_on_server(path: Path, changed: tuple[int, ...]) -> UploadedPictures | str:
    try:
        return pictures_at(path)
    except DataError as error:
        return str(error)
