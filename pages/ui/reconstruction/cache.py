"""The cached functions of the page Reconstruction: the figures of every test picture.

scores_of(model, test_images), scoring(model, test_images), can_be_scored(model, test_images)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui.app.cache import LoadedModel, Source, Stamps
from vae_core.analysis import image_scores
from vae_core.analysis.image_scores import Scores
from vae_core.jobs.scoring import QUEUE, Job, Task
from vae_core.storage.kind import RUN, kind_of
from vae_core.storage.records import stamps

# Multiply-adds: a tenth of a second, which is not worth a process.
QUICK_WORK = 4_000_000_000
# The most that is worked out: some minutes of a process that stands aside.
SCORE_WORK = 4_000_000_000_000


def can_be_scored(model: LoadedModel, test_images: Source) -> bool:
    """Whether all test pictures can be scored in minutes; or were scored already."""
    return _work(model, test_images) <= SCORE_WORK or _kept_scores(model, test_images) is not None


def scores_of(model: LoadedModel, test_images: Source) -> Scores | None:
    """Every test picture's figures: those kept beside the model, or worked out now; None while a process scores them."""
    job = scoring(model, test_images)
    if job is not None:
        return job.scores
    kept = _kept_scores(model, test_images)
    if kept is not None:
        return kept
    if _work(model, test_images) <= QUICK_WORK:
        return _quick(model, test_images)
    own = test_images.dataset.checksum == model.checkpoint.dataset.get("checksum")
    step = model.checkpoint.step if _is_run(model) else None
    # Pictures that stand in for a model's own are not what its folder tells of.
    QUEUE.begin(
        Task(
            _key(model, test_images),
            model.entry.path,
            step,
            _weights(model),
            test_images.dataset.checksum,
            test_images.pixels,
            own,
        )
    )
    return None


def scoring(model: LoadedModel, test_images: Source) -> Job | None:
    """The job that scores these pictures by this model, on its way or over; None where there is none."""
    return QUEUE.job(_key(model, test_images))


def score_again(model: LoadedModel, test_images: Source) -> None:
    """Forget a job that has failed, so that the next look begins it anew."""
    QUEUE.forget(_key(model, test_images))


def _work(model: LoadedModel, test_images: Source) -> int:
    network = model.engine.network
    return len(test_images.labels) * (network.encoder.multiply_adds() + 2 * network.decoder.multiply_adds())


def _key(model: LoadedModel, test_images: Source) -> tuple[object, ...]:
    weights = _weights(model)
    return str(weights), stamps(weights.parent, weights.name), test_images.dataset.checksum


def _is_run(model: LoadedModel) -> bool:
    return kind_of(model.entry.path) == RUN


def _weights(model: LoadedModel) -> Path:
    path = model.entry.path
    if not _is_run(model):
        return path / image_scores.WEIGHTS
    return path / "snapshots" / f"{model.checkpoint.step or 0:08d}" / "weights.safetensors"


def _kept_scores(model: LoadedModel, test_images: Source) -> Scores | None:
    return _kept(model, test_images, stamps(model.entry.path, image_scores.FILE))


_HASHES: dict[str | type[Any], Callable[[Any], Any]] = {
    LoadedModel: lambda model: model.key,
    Source: lambda test_images: test_images.dataset.checksum,
}


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs=_HASHES)
def _kept(model: LoadedModel, test_images: Source, written: Stamps) -> Scores | None:
    return image_scores.load(
        model.entry.path, test_images.dataset.checksum, len(test_images.labels), weights=_weights(model)
    )


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs=_HASHES)
def _quick(model: LoadedModel, test_images: Source) -> Scores:
    return image_scores.score(model.engine, test_images.pixels)
