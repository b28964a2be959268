"""The cached functions of the page Generate: the fitted density, sheets of samples, the decoder for the browser, train images.

    density_of(model), sheet_of(model, draw), decoder_of(model), verdicts(model, images), training_side(model)

Shared by all sessions; the arrays are never changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.model_pictures import own_pictures
from pages.ui.components.live_map.parts import Part, decoder_part
from vae_core.analysis import latent_points
from vae_core.analysis.checks import unit_range
from vae_core.analysis.generation import classifier, copies, density, sampling
from vae_core.analysis.generation.density import Density
from vae_core.analysis.generation.sampling import Samples
from vae_core.checkpoints.training_data import own_dataset
from vae_core.storage.errors import DataError

# Bytes of train images that the server keeps to look for copies among.
LARGEST = 200 << 20
# Test images from which a usual distance is told.
LEAST = 10
MODEL: dict[str | type[Any], Callable[[Any], Any]] = {LoadedModel: lambda model: model.key}


@dataclass(frozen=True)
class Draw:
    """What a sheet is drawn from. fitted: from the density, not from N(0, I). label: a class, or all."""

    n: int = 256
    seed: int = 0
    temperature: float = 1.0
    fitted: bool = False
    label: int | None = None


@dataclass(frozen=True)
class TrainingSide:
    """Train images and their codes, and how near unseen test images come to them.

    pixels: uint8 (n, h, w, c). z_mean: (n, d). labels: (n,). usual_code, usual_pixel: distances, ascending; empty where there
    are no test images.
    """

    pixels: np.ndarray
    z_mean: np.ndarray
    labels: np.ndarray
    usual_code: np.ndarray
    usual_pixel: np.ndarray


def density_of(model: LoadedModel) -> Density | None:
    """The density that lies beside the model; None where there is none of these weights. It is never fitted here."""
    path = model.entry.path / density.FILE
    return _density(model, path.stat().st_mtime_ns if path.exists() else 0)


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs=MODEL)
def _density(model: LoadedModel, changed: int) -> Density | None:
    return density.load(model.entry.path, model.engine.latent_dim)


def sheet_of(model: LoadedModel, draw: Draw) -> Samples:
    """A sheet of samples, decoded in one batch."""
    return _sheet(model, draw, density_of(model) if draw.fitted else None)


@st.cache_data(
    max_entries=16,
    show_spinner=False,
    hash_funcs={**MODEL, Draw: lambda draw: vars(draw), Density: lambda fitted: (fitted.n, fitted.held_out)},
)
def _sheet(model: LoadedModel, draw: Draw, fitted: Density | None) -> Samples:
    label = draw.label if fitted is not None else None
    return sampling.draw(model.engine, draw.n, draw.seed, draw.temperature, fitted, label)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=MODEL)
def decoder_of(model: LoadedModel) -> Part:
    """The decoder for the browser."""
    return decoder_part(model.checkpoint.network, model.checkpoint.weights)


def judge(model: LoadedModel) -> classifier.Classifier | None:
    """The classifier, where it knows the model's classes: those of clothes, in pictures of 28×28."""
    suits = model.clothes and tuple(model.engine.image_shape) == classifier.IMAGE_SHAPE and len(model.classes) == 10
    return classifier.shipped() if suits else None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={Source: lambda here: here.dataset.checksum})
def usual_test_distance(test_images: Source) -> tuple[float, int] | None:
    """How far a test image is from the nearest of the others by pixels: the median of so many; None where too few are here."""
    pixels = test_images.pixels
    n = min(copies.TYPICAL, len(pixels) // 2)
    if n < LEAST or pixels.size > LARGEST:
        return None
    return float(np.median(copies.usual_pixel_distances(pixels[n:], pixels[:n]))), n


def training_side(model: LoadedModel) -> TrainingSide | str:
    """The training images with their codes, or a sentence that says why they cannot be looked through."""
    checkpoint, shape = model.checkpoint, model.engine.image_shape
    here = own_pictures(checkpoint.path, checkpoint.dataset, shape)
    if not isinstance(here, Source):
        return "The training images are not on this machine, so they cannot be looked through."
    sizes = checkpoint.dataset.get("sizes")
    train = sizes.get("train") if isinstance(sizes, dict) else None
    if not isinstance(train, int) or train * math.prod(shape) > LARGEST:
        return "The training images are too many to be looked through on this page."
    return _training_side(model, here)


@st.cache_resource(
    max_entries=1,
    show_spinner="Reading and encoding the training images …",
    hash_funcs={**MODEL, Source: lambda here: here.dataset.checksum},
)
def _training_side(model: LoadedModel, here: Source) -> TrainingSide | str:
    checkpoint, shape = model.checkpoint, model.engine.image_shape
    try:
        dataset = own_dataset(checkpoint.path, checkpoint.dataset, shape, notify=lambda line: None)
        pixels = dataset.pixels("train")
        codes = latent_points.encode_dataset(model.engine, dataset, "train")
    except (DataError, ValueError):
        return "The training images on this machine cannot be read, so they cannot be looked through."
    if not len(pixels):
        return "The data set has no training images."
    unseen, _ = model.engine.encode(unit_range(here.pixels[: copies.TYPICAL]))
    return TrainingSide(
        pixels,
        codes.z_mean,
        codes.labels,
        copies.usual_code_distances(codes.z_mean, unseen),
        copies.usual_pixel_distances(pixels, here.pixels),
    )
