"""What there is to choose from: the model's test images or, where they are not here, its test codes; and the steps among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.app import state
from pages.ui.app.cache import LoadedModel, Source

CLASS = "choose_class"  # the key of the widget that chooses the class


@dataclass(frozen=True, eq=False)
class Choices:
    """Numbered pictures.

    labels: (n,), one a picture, n > 0. classes: a name per label. codes: (n, d) float32 where each is to be decoded from a
    test code, None where the pictures are here.
    """

    labels: np.ndarray
    classes: Sequence[str]
    codes: np.ndarray | None

    @property
    def chosen_class(self) -> str | None:
        """The name of the class that is chosen; None for all."""
        name = st.session_state.get(CLASS)
        return name if name in self.classes else None

    def among(self) -> np.ndarray:
        """The numbers of the chosen class, ascending."""
        name = self.chosen_class
        return np.arange(len(self.labels)) if name is None else np.flatnonzero(self.labels == self.classes.index(name))

    def now(self) -> int | None:
        """The number that is chosen; None where something else is."""
        chosen = state.selection()
        if self.codes is None or chosen.z is None or len(chosen.z) != self.codes.shape[1]:
            return chosen.index
        # the address holds four digits of each number
        same = np.isclose(self.codes, np.array(chosen.z, np.float32), rtol=1e-3, atol=1e-6).all(axis=1)
        return int(same.argmax()) if same.any() else None

    def go_to(self, number: int) -> None:
        """Choose by number."""
        if self.codes is None:
            state.choose_image(number)
        else:
            state.choose_point(self.codes[number].tolist())

    def to_class(self) -> None:
        """The chosen picture stays if it is of the chosen class; else the first of it."""
        numbers = self.among()
        if len(numbers) and self.now() not in numbers:
            self.go_to(int(numbers[0]))

    def step(self, by: int) -> None:
        """The next picture of the chosen class, round the end; by: 1 or -1."""
        numbers, now = self.among(), self.now()
        if len(numbers):
            place = np.searchsorted(numbers, -1 if now is None else now, side="right" if by > 0 else "left")
            self.go_to(int(numbers[(place if by > 0 else place - 1) % len(numbers)]))

    def random(self) -> None:
        """Any of the chosen class."""
        numbers = self.among()
        if len(numbers):
            self.go_to(int(np.random.default_rng().choice(numbers)))


def choices_of(model: LoadedModel, test_images: Source | None) -> Choices | None:
    """None where the model has neither pictures nor codes here."""
    if test_images is not None and len(test_images.labels):
        return Choices(test_images.labels, test_images.dataset.classes, None)
    if model.latents is not None and len(model.latents.labels):
        return Choices(model.latents.labels, model.classes, model.latents.z_mean)
    return None


def among(test_images: Source) -> np.ndarray:
    """Numbers of the test images of the class that is chosen, ascending."""
    return Choices(test_images.labels, test_images.dataset.classes, None).among()
