"""What is selected, as the chosen model sees it: one picture with its posterior, whichever page it was chosen on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source, prepared
from pages.ui.formatting import markdown_text, plain_text
from vae_core.datasets.preprocessing import PictureError, Prepared


@dataclass(frozen=True)
class Subject:
    """A picture and its place in latent space.

    name: for captions, "test image 12 (Coat)", "your picture", "decoded from z = (0.50, −1.25)". image: float32 (h, w, c).
    z: float32 (d,), the chosen point, else z_mean. z_log_var: (d,), None for a chosen point, which has no posterior.
    label, index: of a test image, else None. prepared: the steps of an upload, else None.
    """

    name: str
    image: np.ndarray
    z: np.ndarray
    z_log_var: np.ndarray | None
    label: int | None = None
    index: int | None = None
    prepared: Prepared | None = None

    @property
    def decoded(self) -> bool:
        """Is the picture itself the decoder's work? Then it is no test of the model."""
        return self.z_log_var is None


def subject(model: LoadedModel, test_images: Source | None) -> Subject:
    """The selection as this model sees it; where it does not fit the model, the nearest thing that does, and a sentence."""
    chosen = state.selection()
    if chosen.upload is not None:
        try:
            done = prepared(chosen.upload, model.engine.image_shape, model.treatment)
        except PictureError as error:
            st.error(f"{markdown_text(chosen.upload.name)}: {markdown_text(error)}", icon=":material/broken_image:")
            return _picture(model, test_images, 0)
        z_mean, z_log_var = model.engine.encode(done.image[None])
        return Subject("your picture", done.image, z_mean[0], z_log_var[0], prepared=done)
    if chosen.z is not None:
        if len(chosen.z) == model.engine.latent_dim:
            return point(model, np.array(chosen.z, np.float32))
        st.info(
            f"The chosen point has {len(chosen.z):d} numbers, {markdown_text(model.checkpoint.name)} has {model.engine.latent_dim:d} latent "
            "units. The first picture is shown instead.",
            icon=":material/info:",
        )
        return _picture(model, test_images, 0)
    index = chosen.index or 0
    if test_images is not None and index >= len(test_images.labels):
        st.info(
            f"There is no test image {index:,}: {markdown_text(test_images.title)} are numbered from 0. The last is shown instead.",
            icon=":material/info:",
        )
        index = len(test_images.labels) - 1
    return _picture(model, test_images, index)


def point(model: LoadedModel, z: np.ndarray) -> Subject:
    """The picture decoded from z (d,) float32."""
    return Subject(f"decoded from {in_words(z)}", model.engine.decode(z[None])[0], z, None)


def numbered(model: LoadedModel, test_images: Source, index: int) -> Subject:
    """A test picture of this machine."""
    image, label = test_images.image(index), int(test_images.labels[index])
    z_mean, z_log_var = model.engine.encode(image[None])
    name = f"test image {index} ({plain_text(test_images.dataset.classes[label])})"
    return Subject(name, image, z_mean[0], z_log_var[0], label, index)


def _picture(model: LoadedModel, test_images: Source | None, index: int) -> Subject:
    """A test picture; without pictures of the model's shape, the decoder's picture of a test code, or of z = 0."""
    if test_images is not None:
        return numbered(model, test_images, index)
    if model.latents is not None and len(model.latents.labels):
        return point(model, model.latents.z_mean[min(index, len(model.latents.labels) - 1)])
    return point(model, np.zeros(model.engine.latent_dim, np.float32))


def in_words(z: np.ndarray, most: int = 4) -> str:
    """z = (0.12, −1.30), no minus before a zero; the first four of more."""
    numbers = ", ".join(f"{round(float(value), 2) + 0.0:.2f}".replace("-", "−") for value in z[:most])
    return f"z = ({numbers}, …)" if len(z) > most else f"z = ({numbers})"
