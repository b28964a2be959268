"""The cached functions of the page Reconstruction: the figures of every test picture.

scores_of(model, found), quick_to_score(model, found)
"""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import Opened, Source
from vae_core.analysis import image_scores
from vae_core.analysis.image_scores import Scores

SCORE_WORK = 400_000_000_000  # multiply-adds: some ten seconds on two cores, once a model


def quick_to_score(model: Opened, found: Source) -> bool:
    """Whether all test pictures can be scored while a visitor waits; or were scored already."""
    network = model.engine.network
    work = len(found.labels) * (network.encoder.multiply_adds() + 2 * network.decoder.multiply_adds())
    return work <= SCORE_WORK or (model.entry.path / image_scores.FILE).exists()


def scores_of(model: Opened, found: Source) -> Scores:
    """Every test picture's figures: those kept beside the model, or scored now, once."""
    return _scores(model, found)


@st.cache_resource(
    max_entries=6,
    show_spinner="Scoring the test pictures, once …",
    hash_funcs={Opened: lambda model: model.key, Source: lambda found: found.dataset.checksum},
)
def _scores(model: Opened, found: Source) -> Scores:
    kept = image_scores.load(model.entry.path, found.dataset.checksum, len(found.labels))
    return kept if kept is not None else image_scores.score(model.engine, found.pixels)
