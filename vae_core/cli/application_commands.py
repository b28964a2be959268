"""Commands that put a model to use, each beside its baselines: compress, denoise, anomalies, cluster.

With --measure a command prints its figures over many test images, and with --write keeps them in the model's folder, where the
page Applications reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_core import settings
from vae_core.checkpoints import measurements
from vae_core.cli.common import note
from vae_core.cli.model_inputs import as_rgb, dataset_of, load_model, model_to_measure, mosaic_scale, named_pictures
from vae_core.cli.written_files import check_file, check_output, save_file, save_png
from vae_core.storage.tables import delimited

if TYPE_CHECKING:
    from vae_core.checkpoints.store import Checkpoint
    from vae_core.datasets.dataset import Dataset

NOISES = ("gaussian", "salt", "patch")  # as the command line calls `denoising.STRENGTHS`, in their order


def compress(
    model: str,
    picture: list[str] | None,
    index: list[int] | None,
    data: str | None,
    expand: str | None,
    measure: bool,
    write: bool,
    csv: str | None,
    output: str | None,
    replace: bool,
) -> None:
    """Write pictures as a file of entropy-coded codes, read such a file back, or measure rate and distortion.

    Args:
        model: Its folder or name.
        picture: Files of pictures of one's own.
        index: Numbers of test images.
        data: Other data than its own.
        expand: A file of codes to decode into a PNG.
        measure: Print the figures over 1,000 test images.
        write: Keep them in the model's folder.
        csv: Also write them as CSV.
        output: The file of codes, or the PNG.
        replace: Write over files that are there.

    Raises:
        ValueError: If the model, a picture or the file cannot be used, or a file must not be written.
    """
    from vae_core.analysis import image_quality
    from vae_core.analysis.applications import code_archive, compression
    from vae_core.analysis.mosaics import mosaic

    if measure:
        _measure(model, data, "compression", csv, write, replace)
        return
    _check_measuring(csv, write)
    if expand:
        path = check_output(output or "expanded.png", [expand], replace)
        checkpoint = load_model(model)
        file = settings.expanded(expand)
        if not file.is_file():
            raise ValueError(f"{expand} does not exist. Name a file that `compress` wrote.")
        z = code_archive.unpack(file.read_bytes(), checkpoint.engine(), expand)
        images = checkpoint.engine().decode(z)
        save_png(path, mosaic(images, scale=mosaic_scale(len(z), checkpoint.model.image_shape, 4)), replace)
        print(f"{path}: {len(z):,} pictures decoded by {checkpoint.name}")
        return
    path = check_file(output or f"codes{code_archive.SUFFIX}", replace)
    checkpoint = load_model(model)
    images, names = named_pictures(checkpoint, picture, index, data)
    engine = checkpoint.engine()
    z_mean, z_log_var = engine.encode(images)
    codes = code_archive.quantise(z_mean, z_log_var)
    packed = code_archive.pack(codes, engine)
    save_file(path, packed)
    back = engine.decode(code_archive.unpack(packed, engine))
    rate, bits = compression.rate_bits(z_mean, z_log_var), codes.bits()
    print("picture  KL bits  code bits  MSE  PSNR dB  SSIM   (what comes back from the file, against the picture)")
    measures = (image_quality.mse, image_quality.psnr, image_quality.ssim)
    for row in zip(names, rate, bits, *(figure(images, back) for figure in measures), strict=True):
        print("{}  {:.1f}  {:.1f}  {:.4f}  {:.1f}  {:.3f}".format(*row))
    print(f"{path}: {len(packed):,} bytes, {code_archive.header_bytes(engine.latent_dim)} of them header and checksum")


def denoise(
    model: str,
    picture: list[str] | None,
    index: list[int] | None,
    data: str | None,
    noise: str,
    strength: float,
    seed: int,
    measure: bool,
    write: bool,
    csv: str | None,
    output: str,
    replace: bool,
) -> None:
    """Write noisy pictures and what the model and the usual filters make of them, or measure that over 500 test images.

    Args:
        model: Its folder or name.
        picture: Files of pictures of one's own.
        index: Numbers of test images.
        data: Other data than its own.
        noise: "gaussian", "salt" or "patch".
        strength: Of the noise, 0..1.
        seed: Of the noise.
        measure: Print the figures over 500 test images.
        write: Keep them in the model's folder.
        csv: Also write them as CSV.
        output: The PNG.
        replace: Write over files of other programs.

    Raises:
        ValueError: If the model or a picture cannot be used, or a file must not be written.
    """
    from vae_core.analysis import image_quality
    from vae_core.analysis.applications import denoising
    from vae_core.analysis.mosaics import mosaic

    if measure:
        _measure(model, data, "denoising", csv, write, replace)
        return
    _check_measuring(csv, write)
    path = check_output(output, picture or [], replace)
    checkpoint = load_model(model)
    images, names = named_pictures(checkpoint, picture, index, data)
    kind = dict(zip(NOISES, denoising.STRENGTHS, strict=True))[noise]
    results = denoising.denoised(checkpoint.engine(), denoising.corrupt(images, kind, strength, seed))
    tiles = [images, *results.values()]
    scale = mosaic_scale(len(tiles) * len(images), checkpoint.model.image_shape, 4)
    save_png(path, mosaic(np.stack(tiles, axis=1).reshape(-1, *images.shape[1:]), len(tiles), scale=scale), replace)
    print(f"picture  method  PSNR dB  SSIM   ({kind} of {strength:g}, seed {seed}; filters at their usual settings)")
    for name, result in results.items():
        figures = denoising.capped_psnr(images, result), image_quality.ssim(images, result)
        for named, psnr, ssim in zip(names, *figures, strict=True):
            print(f"{named}  {name}  {psnr:.1f}  {ssim:.3f}")
    print(f"{path}: columns: picture, {', '.join(results)}")


def anomalies(
    model: str,
    picture: list[str] | None,
    index: list[int] | None,
    data: str | None,
    measure: bool,
    write: bool,
    csv: str | None,
    output: str,
    replace: bool,
) -> None:
    """Print how odd pictures are to a model, and write where; or measure how well each score tells odd pictures apart.

    Args:
        model: Its folder or name.
        picture: Files of pictures of one's own.
        index: Numbers of test images.
        data: Other data than its own, for --index.
        measure: Print AUROC for every score and kind of odd pictures.
        write: Keep the figures in the model's folder.
        csv: Also write them as CSV.
        output: The PNG: each picture, its reconstruction, and the anomaly map over it.
        replace: Write over files of other programs.

    Raises:
        ValueError: If the model or a picture cannot be used, or a file must not be written.
    """
    from vae_core.analysis import heatmaps
    from vae_core.analysis.applications import anomalies as core
    from vae_core.analysis.mosaics import mosaic, overlay

    if measure:
        _measure(model, data, "anomalies", csv, write, replace)
        return
    _check_measuring(csv, write)
    path = check_output(output, picture or [], replace)
    checkpoint = load_model(model)
    images, names = named_pictures(checkpoint, picture, index, data)
    engine, dataset = checkpoint.engine(), dataset_of(checkpoint, None)
    scale = mosaic_scale(3 * len(images), checkpoint.model.image_shape, 4)
    seen = dataset.images("train", 10_000)
    reference = core.reference_of(engine.encode(seen)[0], dataset.labels("train")[: len(seen)])
    ordinary = core.scores(engine, dataset.images("test", core.IMAGES), reference)
    scores, maps = core.scores(engine, images, reference), core.anomaly_maps(engine, images)
    n = len(next(iter(ordinary.values())))
    print(
        f"picture  score  value  p   (p: share of {n} images of {dataset.name} test that are as odd, the picture among them)"
    )
    for i, named in enumerate(names):
        for score, values in scores.items():
            print(f"{named}  {score}  {values[i]:.4g}  {core.p_value(ordinary[score], values[i]):.3f}")
    rows = []
    for image, rebuilt, anomaly in zip(images, engine.reconstruct(images), maps, strict=True):
        rows += [as_rgb(image), as_rgb(rebuilt), overlay(image, heatmaps.heatmap(anomaly, "inferno").rgb, 0.7)]
    save_png(path, mosaic(np.stack(rows), columns=3, scale=scale), replace)
    print(f"{path}: columns: picture, reconstruction, anomaly map")


def cluster(
    model: str, data: str | None, measure: bool, write: bool, csv: str | None, output: str, replace: bool
) -> None:
    """Cluster a model's codes, compare the clusters with the classes, and write a contact sheet of each.

    Args:
        model: Its folder or name.
        data: Other data than its own.
        measure: Print the figures alone, and write no PNG.
        write: Keep the figures in the model's folder.
        csv: Also write them as CSV.
        output: The PNG: a row of typical test images for each cluster that k-means finds.
        replace: Write over files of other programs.

    Raises:
        ValueError: If the model or the data cannot be used, or a file must not be written.
    """
    from vae_core.analysis.applications.clustering import MEMBERS
    from vae_core.analysis.mosaics import mosaic

    if measure or write:
        _measure(model, data, "clustering", csv, write, replace)
        return
    path, table = check_output(output, replace=replace), check_file(csv, replace) if csv else None
    checkpoint = load_model(model)
    dataset = dataset_of(checkpoint, data)
    header, rows, figures = _measure_clustering(checkpoint, dataset, _note_progress)
    pixels, (found, *_) = dataset.pixels("test"), figures["clusterings"]
    tiles = np.zeros((len(found["members"]), MEMBERS, *pixels.shape[1:]), np.uint8)
    for k, members in enumerate(found["members"]):
        tiles[k, : len(members)] = pixels[members]
        name = dataset.classes[found["majority"][k]]
        print(f"cluster {k}: {found['assigned'].count(k)} images, {100 * found['shares'][k]:.0f} % {name}")
    scale = mosaic_scale(tiles.shape[0] * MEMBERS, checkpoint.model.image_shape, 3)
    save_png(path, mosaic(tiles.reshape(-1, *pixels.shape[1:]), MEMBERS, scale=scale), replace)
    _print_table(header, rows)
    if table:
        save_file(table, delimited([header, *rows], ",").encode())
    print(f"{path}: a row for each cluster of {found['method']}, its most typical images first")


# --- measuring --------------------------------------------------------------------------------------------------------


def _measure(model: str, data: str | None, use: str, csv: str | None, write: bool, replace: bool) -> None:
    """Measure a use over the first test images, print it, and keep it where that was asked for."""
    path = check_file(csv, replace) if csv else None
    checkpoint, dataset = model_to_measure(model, data, write)
    if not dataset.sizes["test"] or not dataset.sizes["train"]:
        raise ValueError(f"{dataset.name} has no test or no train images, and measuring needs both. Name other --data.")
    header, rows, figures = _MEASURES[use](checkpoint, dataset, _note_progress)
    print(f"{checkpoint.name} on {dataset.name} test. {figures['method']}")
    _print_table(header, rows)
    if path:
        save_file(path, delimited([header, *rows], ",").encode())
    if write:
        print(measurements.save(checkpoint.path, use, figures, dataset.checksum))


Measured = tuple[Sequence[str], Iterable[Sequence[Any]], dict[str, Any]]


def _measure_compression(checkpoint: Checkpoint, dataset: Dataset, progress: Callable[[int, int], None]) -> Measured:
    from vae_core.analysis.applications import compression

    pixels = dataset.pixels("test")[: compression.IMAGES]
    figures = compression.measure(checkpoint.engine(), pixels, dataset.pixels("train"), progress)
    print(
        f"{figures.n:,} images: KL {figures.kl_bits:.1f} bits an image; one file of all {figures.file_bytes:.2f} bytes an image, a "
        f"file of one {figures.alone_bytes:.0f} bytes, {figures.header_bytes} of them header; decoder {figures.decoder_bytes:,} bytes, "
        f"PCA's basis {figures.pca_bytes:,}"
    )
    header = ("method", "setting", "bits", "mse", "psnr", "ssim")
    rows = [[getattr(point, name) for name in header] for point in figures.points]
    return header, rows, compression.to_dict(figures)


def _measure_denoising(checkpoint: Checkpoint, dataset: Dataset, progress: Callable[[int, int], None]) -> Measured:
    from vae_core.analysis.applications import denoising

    pixels, validation = dataset.pixels("test")[: denoising.IMAGES], dataset.pixels("validation")
    figures = denoising.measure(checkpoint.engine(), pixels, validation, progress)
    print(f"{figures.n:,} images")
    header = (
        "noise",
        "strength",
        "method",
        "setting",
        "psnr",
        "psnr_low",
        "psnr_high",
        "ssim",
        "ssim_low",
        "ssim_high",
    )
    rows = [
        (noise.kind, noise.strength, row.method, row.setting, *row.psnr, *row.ssim)
        for noise in figures.noises
        for row in noise.methods
    ]
    return header, rows, denoising.to_dict(figures)


def _measure_anomalies(checkpoint: Checkpoint, dataset: Dataset, progress: Callable[[int, int], None]) -> Measured:
    from vae_core.analysis.applications import anomalies as core
    from vae_core.datasets.drawn.digits import draw_digits

    others = {}
    if checkpoint.model.image_shape == (28, 28, 1):
        others["drawn digits"] = draw_digits(core.IMAGES)
    figures = core.measure(
        checkpoint.engine(),
        dataset.pixels("test")[: 2 * core.IMAGES],
        dataset.pixels("train"),
        dataset.labels("train"),
        others,
        progress,
    )
    print(f"{figures.n} ordinary images")
    rows = [(odd.name, odd.n, score, *interval) for odd in figures.sets for score, interval in odd.auroc.items()]
    return ("odd pictures", "n", "score", "auroc", "low", "high"), rows, core.to_dict(figures)


def _measure_clustering(checkpoint: Checkpoint, dataset: Dataset, progress: Callable[[int, int], None]) -> Measured:
    from vae_core.analysis.applications import clustering as core

    train, labels = dataset.pixels("train"), dataset.labels("train")
    figures = core.measure(checkpoint.engine(), train, labels, dataset.pixels("test"), dataset.labels("test"), progress)
    bic = ", ".join(f"{k}: {value:.0f}" for k, value in figures.bic)
    print(f"BIC of the mixture by its number of clusters, the least wins: {bic}")
    print("Accuracy by labels, mean of the draws with its 95 % interval:")
    for row in figures.accuracies:
        interval = row.accuracy
        print(
            f"{row.learner} on {row.features}, {row.labels:,} labels: {interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"
        )
    print("ari: adjusted Rand index; nmi: normalised mutual information")
    names = ("ari", "nmi", "purity")
    header = ("features", "method", "k", *(f"{name}{end}" for name in names for end in ("", "_low", "_high")))
    rows = [(one.features, one.method, one.k, *one.ari, *one.nmi, *one.purity) for one in figures.agreements]
    return header, rows, core.to_dict(figures)


_MEASURES: dict[str, Callable[..., Measured]] = {
    "compression": _measure_compression,
    "denoising": _measure_denoising,
    "anomalies": _measure_anomalies,
    "clustering": _measure_clustering,
}


def _print_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    print("  ".join(header))
    for row in rows:
        print("  ".join(map(_cell, row)))


def _note_progress(done: int, total: int) -> None:
    note(f"{done} of {total}")


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _check_measuring(csv: str | None, write: bool) -> None:
    if csv or write:
        raise ValueError("--csv and --write go with --measure. Add it, or leave them out.")
