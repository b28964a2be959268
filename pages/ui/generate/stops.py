"""Points that a walk goes through or an arithmetic reckons with: test images, class means, what is chosen, the clicked sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.subject import Subject, numbered
from pages.ui.generate.samples import chosen_sample, class_name
from vae_core.analysis.latent_geometry import class_centroids

STOPS = "generate_stops"
CHOSEN, SAMPLE, MEAN = "The chosen picture", "The clicked sample", "Mean of "
MOST = 8


@dataclass(frozen=True)
class Stop:
    """A point z of a model and its name; of a picture its z_mean, so that a walk begins or ends at its reconstruction."""

    name: str
    z: tuple[float, ...]


def stops(model: LoadedModel, test_images: Source | None) -> list[Stop]:
    """The stops of the walk: those that were chosen for this model, else two to begin with."""
    kept = st.session_state.get(STOPS)
    if kept and kept[0] == model.key and len(kept[1]) >= 1:
        return list(kept[1])
    return first_stops(model, test_images)


def first_stops(model: LoadedModel, test_images: Source | None) -> list[Stop]:
    """Two pictures of different classes; without pictures two codes; without codes two draws."""
    if test_images is not None and len(test_images.labels) > 1:
        other = np.flatnonzero(test_images.labels != test_images.labels[0])
        second = int(other[0]) if len(other) else 1
        return [of_image(model, test_images, 0), of_image(model, test_images, second)]
    if model.latents is not None and len(model.latents.labels) > 1:
        labels, z_mean = model.latents.labels, model.latents.z_mean
        other = np.flatnonzero(labels != labels[0])
        rows = [0, int(other[0]) if len(other) else 1]
        return [Stop(f"test code {row} ({class_name(model, int(labels[row]))})", _tuple(z_mean[row])) for row in rows]
    ends = np.eye(model.engine.latent_dim, dtype=np.float32)[:1] * 1.5
    return [Stop("z₁ = 1.5", _tuple(ends[0])), Stop("z₁ = −1.5", _tuple(-ends[0]))]


def of_image(model: LoadedModel, test_images: Source, index: int) -> Stop:
    """The z_mean of a test image."""
    found = numbered(model, test_images, index)
    return Stop(found.name, _tuple(found.z))


def of_selection(selected: Subject) -> Stop:
    """What is chosen on all pages."""
    return Stop(selected.name, _tuple(selected.z))


def of_sample(model: LoadedModel) -> Stop:
    """The sample that was clicked on the sheet."""
    return Stop("the clicked sample", _tuple(chosen_sample(model)))


def keep(model: LoadedModel, chosen: list[Stop]) -> None:
    """Make these the stops."""
    st.session_state[STOPS] = (model.key, tuple(chosen[-MOST:]))


def random_image(model: LoadedModel, test_images: Source) -> Stop:
    """A test image by chance."""
    return of_image(model, test_images, int(np.random.default_rng().integers(len(test_images.labels))))


def means(model: LoadedModel) -> dict[str, np.ndarray]:
    """Mean z_mean of the test codes of each class, by "Mean of …"; nothing without codes."""
    if model.latents is None or not len(model.latents.labels):
        return {}
    classes, centres = class_centroids(model.latents.z_mean, model.latents.labels)
    return {MEAN + class_name(model, int(label)): centre for label, centre in zip(classes, centres, strict=True)}


def operand(
    model: LoadedModel, selected: Subject, name: str | None, known: Mapping[str, np.ndarray | None]
) -> np.ndarray:
    """z (d,) of what a selectbox names; a name that is gone stands for the chosen picture."""
    z = known.get(name or "")
    if z is not None:
        return z
    return chosen_sample(model) if name == SAMPLE else selected.z


def _tuple(z: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in z)
