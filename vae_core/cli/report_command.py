"""The command that measures what a model's nats are made of, and writes its report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vae_core import settings
from vae_core.checkpoints import measurements
from vae_core.cli.common import note
from vae_core.cli.model_inputs import dataset_of, load_model, model_to_measure
from vae_core.cli.written_files import check_file, save_file
from vae_core.storage.kind import MODEL, kind_of

if TYPE_CHECKING:
    from vae_core.analysis.report.contents import ReportContents
    from vae_core.analysis.report.figures import GapFigures, ReportFigures
    from vae_core.checkpoints.store import Checkpoint
    from vae_core.datasets.dataset import Dataset

USE = "report"
SAMPLES = 1000


def report(
    model: str,
    against: str | None,
    data: str | None,
    measure: bool,
    write: bool,
    samples: int,
    output: str,
    replace: bool,
) -> None:
    """Write a model's report as one HTML file, or print its figures.

    What takes long is measured once and kept in the model's folder, unless other data or another number of samples is asked for.

    Args:
        model: Its folder or name.
        against: A second model to compare it with.
        data: Other data than its own.
        measure: Measure anew and print the figures; no HTML.
        write: With `measure`: keep them in the model's folder.
        samples: Of z per image, for the tightest IWAE bound.
        output: The HTML file.
        replace: Write over a file that is there.

    Raises:
        ValueError: If a model or the data cannot be used, or a file must not be written.
    """
    if measure:
        _print_figures(model, data, write, samples)
        return
    if write:
        raise ValueError("--write goes with --measure. Add it, or leave it out: a report keeps its figures by itself.")
    path = check_file(output, replace)
    first = load_model(model)
    second = load_model(against) if against is not None else None
    contents = _contents(first, data, samples)
    other = None if second is None else _contents(second, data, samples)
    from vae_core.analysis.report.document import document
    from vae_core.analysis.report.loss_sections import headline

    text = document(contents, other).encode()
    save_file(path, text)
    print(headline(contents))
    print(f"{path}: {len(text):,} bytes, one file that needs no network")


def _print_figures(model: str, data: str | None, write: bool, samples: int) -> None:
    checkpoint, dataset = model_to_measure(model, data, write)
    figures = _measured(checkpoint, dataset, samples)
    print(f"{checkpoint.name} on {dataset.name}, nats per image, beta = 1")
    for line in lines(figures, dataset.classes):
        print(line)
    if write:
        print(_keep(checkpoint, figures, dataset))


def _contents(checkpoint: Checkpoint, data: str | None, samples: int) -> ReportContents:
    """What a report shows, measured now where it is not kept."""
    from vae_core.checkpoints import report_contents

    dataset = dataset_of(checkpoint, data)
    figures = None
    if samples == SAMPLES and kind_of(checkpoint.path) == MODEL:
        figures = report_contents.measured(checkpoint.path, checkpoint.network.latent_dim, dataset.checksum)
    if figures is None:
        note(f"measuring {checkpoint.name}, a minute or two; kept for the next report where that can be written")
        figures = _measured(checkpoint, dataset, samples)
        own = dataset.checksum == checkpoint.dataset.get("checksum")
        if own and samples == SAMPLES and kind_of(checkpoint.path) == MODEL:
            with suppress(OSError):
                note(f"kept in {_keep(checkpoint, figures, dataset)}")
    others = report_contents.other_losses(checkpoint, settings.SHIPPED, checkpoint.path.parent)
    return report_contents.gather(checkpoint, checkpoint.engine(), figures, dataset.pixels("test"), others)


def _keep(checkpoint: Checkpoint, figures: ReportFigures, dataset: Dataset) -> Path:
    from vae_core.analysis.report.figures import to_dict

    return measurements.save(checkpoint.path, USE, to_dict(figures), dataset.checksum)


def _measured(checkpoint: Checkpoint, dataset: Dataset, samples: int) -> ReportFigures:
    """The figures, with the progress on standard error."""
    from vae_core.analysis.report.measure import measure

    if not dataset.sizes["test"]:
        raise ValueError(f"{dataset.name} has no test images, which a report is about. Name other --data.")
    return measure(checkpoint.engine(), dataset, lambda done, total: note(f"{done} of {total}"), samples)


def lines(figures: ReportFigures, classes: tuple[str, ...]) -> Iterator[str]:
    """The figures as text, a line each; after ± stands the standard error of the mean."""
    for loss in figures.losses:
        floor = "" if loss.floor is None else f", floor {loss.floor:.2f}"
        yield (
            f"{loss.split}, {loss.n:,} images: −ELBO {loss.negative_elbo.value:.2f} ± {loss.negative_elbo.error:.2f} = reconstruction "
            f"{loss.reconstruction_loss.value:.2f} + KL {loss.kl_loss.value:.2f}{floor}"
        )
    for bounds in figures.bounds:
        yield (
            f"−IWAE on {bounds.pixels} pixels, test: gain over −ELBO of the first {bounds.n:,} images, taken from −ELBO of all {bounds.all_n:,}"
        )
        for i, k in enumerate(bounds.samples):
            gain, whole = bounds.gains[i], bounds.on_all(i)
            yield f"  K = {k:,}: gain {gain.value:.2f} ± {gain.error:.2f}, −IWAE {whole.value:.2f} ± {whole.error:.2f}"
    known = figures.amortisation
    if known is not None:
        yield (
            f"Amortisation gap, first {known.n:,} test images, at least: {known.gap().mean():.2f} (−ELBO {np.mean(known.encoder):.2f} by the encoder, "
            f"{np.mean(known.best):.2f} by a Gaussian found for each image in {known.steps} steps)"
        )
    if figures.gaps is not None:
        yield from _gap_lines(figures.gaps, classes)


def _gap_lines(gaps: GapFigures, classes: tuple[str, ...]) -> Iterator[str]:
    nats, labels = gaps.nats(), np.array(gaps.labels)
    yield f"Where the nats go, first {gaps.n:,} test images (approximation and amortisation gap: Cremer et al. 2018)"
    yield (
        f"  −log p(x) by a grid of {gaps.side} points a unit over ±{gaps.extent:g}: {np.mean(gaps.by_grid):.2f}; "
        f"exact, cells divided where a posterior is narrow: {nats['exact'].mean():.2f}"
    )
    yield (
        f"  best diagonal Gaussian of each image: {np.mean(gaps.best):.2f}, approximation gap {nats['approximation'].mean():.2f}; "
        f"encoder: {nats['encoder'].mean():.2f}, amortisation gap {nats['amortisation'].mean():.2f}"
    )
    for label in np.unique(labels).tolist():
        rows = labels == label
        name = classes[label] if label < len(classes) else f"class {label}"
        exact, approximation, amortisation = (
            nats[key][rows].mean() for key in ("exact", "approximation", "amortisation")
        )
        yield (
            f"  {name}, {rows.sum()}: −log p(x) {exact:.2f}, approximation {approximation:.2f}, amortisation {amortisation:.2f}"
        )
