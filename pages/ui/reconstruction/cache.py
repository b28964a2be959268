"""The cached functions of the page Reconstruction: the figures of every test picture.

scores_of(model, test_images), quick_to_score(model, test_images)
"""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from vae_core.analysis import image_scores
from vae_core.analysis.image_scores import Scores

SCORE_WORK = 400_000_000_000  # multiply-adds: some ten seconds on two cores, once a model


def quick_to_score(model: LoadedModel, test_images: Source) -> bool:
    """Whether all test pictures can be scored while a visitor waits; or were scored already."""
    network = model.engine.network
    work = len(test_images.labels) * (network.encoder.multiply_adds() + 2 * network.decoder.multiply_adds())
    return work <= SCORE_WORK or (model.entry.path / image_scores.FILE).exists()


def scores_of(model: LoadedModel, test_images: Source) -> Scores:
    """Every test picture's figures: those kept beside the model, or scored now, once."""
    return _scores(model, test_images)


@st.cache_resource(
    max_entries=6,
    show_spinner="Scoring the test pictures, once …",
    hash_funcs={LoadedModel: lambda model: model.key, Source: lambda test_images: test_images.dataset.checksum},
)
def _scores(model: LoadedModel, test_images: Source) -> Scores:
    kept = image_scores.load(model.entry.path, test_images.dataset.checksum, len(test_images.labels))
    return kept if kept is not None else image_scores.score(model.engine, test_images.pixels)
