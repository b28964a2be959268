"""Everything that a model's report shows, gathered from its folder, its figures and its data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vae_core.analysis.checks import unit_range
from vae_core.analysis.likelihood import kl_per_unit
from vae_core.analysis.report.contents import Examples, ReportContents
from vae_core.analysis.report.figures import ReportFigures, consistent
from vae_core.checkpoints import measurements, training_data
from vae_core.checkpoints.codes import latents_of
from vae_core.checkpoints.errors import CheckpointError
from vae_core.checkpoints.figures import read_figures
from vae_core.checkpoints.history import epochs_of, read_history
from vae_core.checkpoints.judgement import judgements, losses_of
from vae_core.checkpoints.store import Checkpoint, inspect, list_checkpoints
from vae_core.checkpoints.timeline import frame_steps, load_frame
from vae_core.network.latents import EncoderDecoder, Latents
from vae_core.network.layers import NetworkError
from vae_core.runs import metrics_log
from vae_core.storage.errors import FileProblem
from vae_core.storage.records import read_object

USE = "report"


def gather(
    checkpoint: Checkpoint,
    engine: EncoderDecoder,
    figures: ReportFigures,
    pixels: np.ndarray | None = None,
    others: Mapping[str, float] | None = None,
) -> ReportContents:
    """Gather what a report shows; all of it is at hand, so it takes a second at most.

    Args:
        checkpoint: The model; its weights are not needed.
        engine: The same, ready to run.
        figures: What was measured for its report.
        pixels: Its test images, (n, h, w, c) uint8; None where they are not on this machine.
        others: −ELBO of other models on the same test images, by name.

    Returns:
        The contents.
    """
    history = read_history(checkpoint.path / "history.csv")
    losses = {split: losses_of(history, prefix) for split, prefix in (("train", ""), ("validation", "val_"))}
    steps, kl = _kl_over_training(checkpoint)
    classes = [str(name) for name in checkpoint.dataset.get("classes", ())]
    known = {name: figure.value for name, figure in read_figures(checkpoint.metrics or {}).items()}
    return ReportContents(
        name=checkpoint.name,
        preset=checkpoint.model.preset,
        parameters=checkpoint.network.parameters(),
        latent_dim=checkpoint.network.latent_dim,
        image_shape=checkpoint.network.image_shape,
        beta=checkpoint.training.beta,
        data=training_data.data_name(checkpoint.dataset),
        checksum=str(checkpoint.dataset.get("checksum", "")),
        on_fashion=training_data.is_fashion(checkpoint.dataset),
        classes=classes,
        steps=checkpoint.step,
        figures=figures,
        metrics=known,
        verdicts=judgements(
            checkpoint, int(epochs_of(history)[-1]) if history else 0, losses, tuple(figures.kl_per_unit)
        ),
        losses={split: np.array(values) for split, values in losses.items() if values},
        kl_steps=steps,
        kl_per_unit=kl,
        kl_of="mean over the fixed test images of the timeline",
        batch_times=_batch_times(checkpoint.path),
        mean_batch_time=_mean_batch_time(checkpoint),
        latents=_latents(checkpoint),
        examples=None if pixels is None else _examples(engine, figures, pixels, classes),
        others=others or {},
    )


def measured(folder: Path, latent_dim: int, checksum: str | None = None) -> ReportFigures | None:
    """What was measured for a model's report.

    Args:
        folder: Of the model.
        latent_dim: Its units.
        checksum: Of the data they must be of; None for any.

    Returns:
        The figures; None if they have to be measured (again), or the file is damaged.
    """
    try:
        figures: ReportFigures | None = measurements.load(folder, USE, ReportFigures, checksum)
    except (FileProblem, OSError):
        return None
    return figures if figures is not None and consistent(figures, latent_dim) else None


def other_losses(checkpoint: Checkpoint, *folders: Path) -> dict[str, float]:
    """−ELBO of the models in some folders that were measured on the same test images, in the same way, by name."""
    own = _loss_of(checkpoint)
    losses = {}
    for path in list_checkpoints(*folders):
        try:
            other = inspect(path)
        except CheckpointError:
            continue
        known = _loss_of(other)
        if own is not None and known is not None and known[1:] == own[1:]:
            losses[other.name] = known[0]
    return losses


def _loss_of(checkpoint: Checkpoint) -> tuple[float, str, int, str, str] | None:
    """−ELBO with all that makes it comparable: split, n, method, data."""
    figure = read_figures(checkpoint.metrics or {}).get("negative_elbo")
    data = (checkpoint.metrics or {}).get("dataset")
    if figure is None or not isinstance(data, Mapping):
        return None
    likelihood = checkpoint.network.likelihood
    return figure.value, figure.split, figure.n, f"{figure.method} {likelihood}", str(data.get("method"))


def _kl_over_training(checkpoint: Checkpoint) -> tuple[np.ndarray, np.ndarray]:
    """Steps (m,) and KL of each unit (m, latent_dim), from the frames of the timeline."""
    steps, rows = [], []
    for step in frame_steps(checkpoint.path):
        try:
            latents = load_frame(checkpoint.path, checkpoint.network, step).latents
        except (FileProblem, NetworkError, CheckpointError):
            continue
        steps.append(step)
        rows.append(kl_per_unit(latents.z_mean, latents.z_log_var).mean(axis=0))
    return np.array(steps, np.int64), np.array(rows).reshape(len(rows), checkpoint.network.latent_dim)


def _batch_times(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean milliseconds a batch of each epoch, of a run that still has its rows."""
    if not (folder / metrics_log.FILE).exists():
        return None
    epochs, times = metrics_log.table(folder, "step", ("epoch", "batch_time")).T
    known = np.isfinite(epochs) & np.isfinite(times)
    if not known.any():
        return None
    whole = np.ceil(epochs[known]).clip(1)
    each = np.unique(whole)
    return each, np.array([times[known][whole == epoch].mean() for epoch in each])


def _mean_batch_time(checkpoint: Checkpoint) -> float | None:
    try:
        seconds = read_object(checkpoint.path / "config.json").get("seconds")
    except FileProblem:
        return None
    if not isinstance(seconds, int | float) or not checkpoint.step or not 0 < seconds < 1e9:
        return None
    return 1000 * seconds / checkpoint.step


def _latents(checkpoint: Checkpoint) -> Latents | None:
    try:
        return latents_of(checkpoint.path, checkpoint.step, checkpoint.network.latent_dim)
    except CheckpointError:
        return None


def _examples(
    engine: EncoderDecoder, figures: ReportFigures, pixels: np.ndarray, classes: list[str]
) -> Examples | None:
    """Pictures of the best and the worst, of the classes that have as many as the others."""
    full = max((len(example.best) for example in figures.examples), default=0)
    kept = [example for example in figures.examples if len(example.best) == full > 0]
    if not kept:
        return None
    indices = np.array([[*example.best, *example.worst] for example in kept])
    if indices.max() >= len(pixels):
        return None
    images = unit_range(pixels[indices.ravel()])
    rebuilt = engine.decode(engine.encode(images)[0])
    shape = (*indices.shape, *images.shape[1:])
    names = [classes[one.label] if one.label < len(classes) else f"class {one.label}" for one in kept]
    return Examples(indices, images.reshape(shape), rebuilt.reshape(shape), names)
