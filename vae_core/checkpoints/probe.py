"""Rehearsal of what the pages show of a model, so that one which would break a page or take too long is refused beforehand.

Meant for folders of strangers, in a process that has limits (`vae_core.jobs.model_check`).

>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets, schema
>>> network = presets.build(ModelConfig("swift"))
>>> affordable(Engine(network, schema.random_weights(network)), count=176)
176
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from vae_core.analysis import activations, heatmaps, image_quality, latent_geometry, likelihood, normalisation
from vae_core.analysis.image_scores import FILE as SCORES
from vae_core.analysis.image_scores import NAMES as SCORE_NAMES
from vae_core.checkpoints import codes, store, timeline
from vae_core.checkpoints.card import ROWS
from vae_core.checkpoints.export import packed_decoder
from vae_core.checkpoints.figures import read_figure
from vae_core.checkpoints.history import curves
from vae_core.checkpoints.store import Checkpoint
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents
from vae_core.storage.npz import array_headers
from vae_core.storage.records import read_bytes

# Of processors, for each part of what a page computes. Beside other work a processor is slower, at worst by half: a part that
# takes up to so many times as long is measured again, and the shortest time counts.
PAGE_SECONDS = 2.0
TRIES = 3
# Multiply-adds for each set of small pictures that a page decodes: a quarter of a second.
PAGE_WORK = 3_000_000_000
# 48 MB of float32; while a page works they are there up to five times: 300 MB a page is the limit.
MAX_PARAMETERS = 12_000_000
# Bytes of MODEL_CARD.md.
MAX_CARD = 200_000
# Values of a traversal; traversals beside each other; class centres that are decoded.
STEPS, TRAVERSALS, CENTRES = 11, 16, 100
# Images in scores.npz.
MAX_SCORES = 200_000

T = TypeVar("T")


class ProbeProblem(ValueError):
    """A model that no page could show: what is wrong with it, and what to do."""


@dataclass(frozen=True)
class PartTime:
    """Time that one part of a rehearsal took.

    Attributes:
        part: What was worked out.
        seconds: Of one processor.
    """

    part: str
    seconds: float


def probe(folder: Path) -> list[PartTime]:
    """Read and compute what the pages do.

    Args:
        folder: A checkpoint folder.

    Returns:
        The time of each part.

    Raises:
        CheckpointError: The folder cannot be opened, as the pages would find.
        FileProblem: One of its files cannot be read.
        NetworkError: Its weights do not belong to its network.
        ProbeProblem: It opens, but a page could not show it, or would take more than `PAGE_SECONDS`.
    """
    times: list[PartTime] = []

    def measured(part: str, work: Callable[[], T]) -> T:
        seconds = float("inf")
        for _ in range(TRIES):
            began = time.process_time()
            with np.errstate(all="ignore"):
                result = work()
            seconds = min(seconds, time.process_time() - began)
            if not PAGE_SECONDS < seconds <= TRIES * PAGE_SECONDS:
                break
        times.append(PartTime(part, seconds))
        if seconds > PAGE_SECONDS:
            raise ProbeProblem(
                f"its {part} take {seconds:.1f} seconds of a processor, at most {PAGE_SECONDS:g} are spent on a page. "
                "Keep a smaller network, or fewer codes."
            )
        return result

    measured("figures", lambda: _figures(folder))
    checkpoint, latents = measured("weights and codes", lambda: _opened(folder))
    engine, z = measured("pictures", lambda: _pictures(checkpoint.engine(threads=1)))
    measured("feature maps", lambda: _feature_maps(engine, z))
    measured("map and traversals", lambda: _traversals(checkpoint, engine, z))
    if latents is not None:
        measured("codes and neighbours", lambda: _codes(engine, latents, z))
    measured("timeline", lambda: _timeline(folder, checkpoint))
    return times


def affordable(engine: Engine, count: int, least: int = 1) -> int:
    """Number of pictures that a page decodes at once: fewer of a heavy decoder.

    Args:
        engine: The model.
        count: How many it would be of a light one.
        least: How many it is of any.

    Returns:
        `count`, or as many as `PAGE_WORK` allows.
    """
    return max(least, min(count, PAGE_WORK // max(1, engine.network.decoder.multiply_adds())))


def _opened(folder: Path) -> tuple[Checkpoint, Latents | None]:
    checkpoint = store.load(folder)
    return checkpoint, codes.latents_of(checkpoint.path, checkpoint.step, checkpoint.network.latent_dim)


def _figures(folder: Path) -> None:
    checkpoint = store.inspect(folder)
    if checkpoint.network.parameters() > MAX_PARAMETERS:
        raise ProbeProblem(
            f"its network has {checkpoint.network.parameters():,} parameters; at most {MAX_PARAMETERS:,} are taken."
        )
    for name, raw in (checkpoint.metrics or {}).items():
        well_formed = isinstance(raw, dict) and {"value", "split", "n", "method"} <= set(raw) and type(raw["n"]) is int
        # The figures on a card are numbers; others, as the KL of each unit, may be lists.
        if not well_formed or (name in ROWS and read_figure(raw) is None):
            raise ProbeProblem(
                f"metrics.json holds {name[:60]!r} in an odd form. Expected value, split, n and method of each figure."
            )
    curves(folder)
    for name in ("MODEL_CARD.md", "history.csv"):
        if (folder / name).exists():
            text = read_bytes(folder / name, MAX_CARD if name.endswith("md") else 8 << 20)
            try:
                text.decode()
            except UnicodeDecodeError as error:
                raise ProbeProblem(f"{name} is no UTF-8 text ({error}). Save it as UTF-8, or leave it out.") from error
    if (folder / SCORES).exists():
        headers = array_headers(folder / SCORES, (*SCORE_NAMES, "checksum"))
        shapes = {headers[name].shape for name in SCORE_NAMES}
        malformed = len(shapes) != 1 or any(headers[name].dtype.kind != "f" for name in SCORE_NAMES)
        if malformed or len(next(iter(shapes))) != 1 or next(iter(shapes))[0] > MAX_SCORES:
            raise ProbeProblem(f"{SCORES} does not hold one number per image. Leave it out: it can be made again.")


def _pictures(engine: Engine) -> tuple[Engine, np.ndarray]:
    """Encode and decode a few pictures, all of which must be finite and of a size that can be shown; the engine, z (1, d) of one."""
    image = engine.decode(np.zeros((1, engine.latent_dim), np.float32))
    noise = np.random.default_rng(0).random((2, *engine.image_shape), np.float32)
    for images in (image, np.zeros_like(image), np.ones_like(image), noise):
        _bounded(images, 1.0, "pictures")
        z_mean, z_log_var = engine.encode(images)
        _bounded(z_mean, codes.MAX_Z, "codes")
        _bounded(z_log_var, 60.0, "codes")
        _bounded(engine.decode_logits(z_mean), store.MAX_LOGIT, "pictures")
        _bounded(engine.decode(z_mean), 1.0, "pictures")
    sharp = np.clip(image, 0, 1)
    reconstruction = engine.reconstruct(sharp)
    for measure in (image_quality.mse, image_quality.psnr, image_quality.ssim):
        measure(sharp, reconstruction)
    likelihood.reconstruction_loss(engine, sharp, engine.encode(sharp)[0])
    return engine, engine.encode(sharp)[0]


def _traversals(checkpoint: Checkpoint, engine: Engine, z: np.ndarray) -> None:
    packed_decoder(checkpoint.network, checkpoint.weights)
    _bounded(engine.decode(np.repeat(z, affordable(engine, STEPS * TRAVERSALS), axis=0)), 1.0, "pictures")


def _feature_maps(engine: Engine, z: np.ndarray) -> None:
    image = np.clip(engine.decode(z)[0], 0, 1)
    maps = {
        "encoder": activations.feature_maps(engine, image),
        "decoder": activations.feature_maps(engine, part="decoder", z=z[0]),
    }
    if not maps["encoder"] or not maps["decoder"]:
        raise ProbeProblem(
            "its network has no convolution whose answers could be shown, in the encoder or the decoder."
        )
    for layers in maps.values():
        widest = max(layers.values(), key=lambda array: array.size)
        scaled = normalisation.normalise_together([activations.with_summaries(widest)], "channel")[0]
        heatmaps.colour(np.moveaxis(scaled.values, 2, 0)[:64])
        heatmaps.heatmap(activations.over_channels(widest))


def _codes(engine: Engine, latents: Latents, z: np.ndarray) -> None:
    _bounded(likelihood.kl_per_unit(latents.z_mean, latents.z_log_var), 1e12, "codes")
    labels, centres = latent_geometry.class_centroids(latents.z_mean, latents.labels)
    engine.decode(centres[: affordable(engine, min(len(labels), CENTRES))])
    latent_geometry.nearest(latents.z_mean, z, min(13, len(latents.labels)))
    if latents.z_mean.shape[1] > 1 and len(latents.labels) > 1:
        latent_geometry.pca_plane(latents.z_mean)
    if not np.isfinite(latent_geometry.support_threshold(latents.z_mean, latents.z_log_var)):
        raise ProbeProblem("the density of its codes cannot be computed. The run diverged, or the file is damaged.")


def _timeline(folder: Path, checkpoint: Checkpoint) -> None:
    for step in timeline.frame_steps(folder):
        frame = timeline.load_frame(folder, checkpoint.network, step)
        codes.check_frame(frame.latents, checkpoint.network.latent_dim, f"snapshots/{step:08d}")
        engine = frame.engine(checkpoint.network, threads=1)
        _bounded(engine.decode(frame.latents.z_mean[:1]), 1.0, "pictures")


def _bounded(values: Any, most: float, what: str) -> None:
    # A NaN fails every comparison.
    if not (np.abs(values) <= most * (1 + 1e-6)).all():
        raise ProbeProblem(
            f"its network computes {what} that are not finite, or too large to show. The run diverged: train again at a lower learning rate."
        )
