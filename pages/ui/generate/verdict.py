"""What a picture is said to show: by the classifier, and by the nearest test codes."""

from __future__ import annotations

import numpy as np

from pages.ui.app.cache import LoadedModel
from pages.ui.formatting import plain_text
from pages.ui.generate.cache import judge
from vae_core.analysis.generation.sampling import neighbour_votes
from vae_core.checkpoints.probe import affordable


def classifier_notes(model: LoadedModel, images: np.ndarray) -> list[str]:
    """A line for each picture (n, h, w, c): the classifier's class and its probability; none where it does not know these."""
    found = judge(model)
    if found is None:
        return []
    probabilities = found.probabilities(images)
    return [f"{plain_text(model.classes[int(row.argmax())])} {100 * float(row.max()):.0f} %" for row in probabilities]


def neighbour_notes(model: LoadedModel, z: np.ndarray) -> list[str]:
    """A line for each z (n, d): the class of the 15 nearest test codes and its votes; none without codes."""
    if model.latents is None or len(model.latents.labels) < 2:
        return []
    winner, share = neighbour_votes(model.latents.z_mean, model.latents.labels, z)
    k = min(15, len(model.latents.labels))
    return [
        f"{plain_text(model.classes[int(label)])} {round(float(part) * k)} of {k}"
        for label, part in zip(winner, share, strict=True)
    ]


def notes(model: LoadedModel, z: np.ndarray) -> list[str]:
    """What stands under each z (n, d) of a walk: the classifier's verdict on its picture, else that of the neighbours, else nothing."""
    if judge(model) is not None and affordable(model.engine, len(z)) == len(z):
        return classifier_notes(model, model.engine.decode(z))
    return neighbour_notes(model, z)


def agreement(model: LoadedModel, z: np.ndarray, images: np.ndarray, label: int) -> tuple[float, str] | None:
    """Share of pictures that are given the class, and by whom; None where nobody can say."""
    found = judge(model)
    if found is not None:
        return float((found.probabilities(images).argmax(axis=1) == label).mean()), "the classifier"
    if model.latents is None or len(model.latents.labels) < 2:
        return None
    winner, _ = neighbour_votes(model.latents.z_mean, model.latents.labels, z)
    return float((winner == label).mean()), "the 15 nearest test codes"
