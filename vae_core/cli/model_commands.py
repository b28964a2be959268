"""Commands on models: measure, list, check, reconstruct, map, export and keep them.

Each is a function of the command's name, with its flags as arguments. Only `export --format keras` imports TensorFlow.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     models(folder, delete=None, restore=None)
no models in ... `keep` makes one of a run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vae_core import settings
from vae_core.cli.common import deletion_note, model_path, named_model, note
from vae_core.cli.model_inputs import as_rgb, data_of, dataset_of, load_model, mosaic_scale, named_pictures
from vae_core.cli.written_files import check_names, check_output, save_png
from vae_core.runs.directory import Run
from vae_core.runs.readers import check_described

if TYPE_CHECKING:
    from vae_core.checkpoints.store import Checkpoint
    from vae_core.datasets.dataset import Dataset


def evaluate(
    model: str,
    data: str | None,
    split: str,
    n: int | None,
    iwae: int,
    seed: int,
    thresholds: bool,
    samples: bool,
    write: bool,
) -> None:
    """Measure a model on a split and print its figures, or what is usual for it on validation.

    Args:
        model: Its folder or name.
        data: Other data than its own.
        split: "train", "validation" or "test".
        n: How many images, the first of the split; None for all.
        iwae: Samples of the importance-weighted bound; 0 leaves it out.
        seed: Of the sample of z.
        thresholds: Print the thresholds of the verdicts instead, measured on the validation split.
        samples: Print instead how good its samples are, beside the test split.
        write: Write metrics.json and MODEL_CARD.md (of `thresholds`, thresholds.json) into the folder; for the whole split of
            its own data.

    Raises:
        ValueError: If the model or the data cannot be used, or the flags do not go together.
    """
    from vae_core.analysis.evaluation import evaluate as measure
    from vae_core.checkpoints import card, publish
    from vae_core.checkpoints.training_data import data_name

    if thresholds and samples:
        raise ValueError("--thresholds and --samples each print figures of their own. Leave one of them out.")
    if write and (split != "test" or n is not None):
        raise ValueError("--write keeps the figures of the whole test split; leave out --split and -n.")
    checkpoint = load_model(model)
    if write:
        Run(checkpoint.path).check_model()
    dataset = dataset_of(checkpoint, data)
    if write and dataset.checksum != checkpoint.dataset.get("checksum"):
        raise ValueError(
            f"--write keeps figures of the data that the model was trained on, {data_name(checkpoint.dataset)}; "
            f"{dataset.name} {'holds other pictures' if dataset.name == data_name(checkpoint.dataset) else 'is another set'}. "
            "Leave out --data or --write."
        )
    if n is not None and n > dataset.sizes[split]:
        raise ValueError(f"-n must be in 1..{dataset.sizes[split]:,} for {dataset.title(split)}, got {n:,}.")
    if thresholds:
        _thresholds(checkpoint, dataset, seed, write)
        return
    if samples:
        _samples(checkpoint, dataset, seed, write)
        return
    figures = measure(checkpoint.engine(), dataset, split, n=n, seed=seed, iwae_k=iwae, progress=None)
    print(card.figures_table(figures))
    if write:
        publish.write_figures(checkpoint, {**figures, **card.sample_figures(checkpoint.metrics or {})})


def _samples(checkpoint: Checkpoint, dataset: Dataset, seed: int, write: bool) -> None:
    """Print how good a model's samples are, and add it to its figures if asked to."""
    from vae_core.analysis.generation import classifier, density, sample_quality
    from vae_core.checkpoints import card, publish
    from vae_core.checkpoints.training_data import is_fashion

    if not is_fashion(dataset.describe()) or checkpoint.model.image_shape != classifier.IMAGE_SHAPE:
        raise ValueError(
            f"--samples compares samples with Fashion-MNIST's 28×28 test images; {dataset.name} holds others. "
            "Name a model of Fashion-MNIST."
        )
    engine = checkpoint.engine()
    fitted = density.load(checkpoint.path, checkpoint.network.latent_dim)
    if fitted is None:
        note("fitting where the codes of its train images lie")
        fitted = publish.fit_density(engine, dataset)
    note("drawing samples and comparing them: some minutes")
    figures = sample_quality.figures(engine, dataset.pixels("test"), fitted, classifier.shipped(), seed=seed)
    print(card.figures_table(figures))
    if write:
        density.save(checkpoint.path, fitted)
        publish.write_figures(checkpoint, {**(checkpoint.metrics or {}), **figures})


def _thresholds(checkpoint: Checkpoint, dataset: Dataset, seed: int, write: bool) -> None:
    """Print what is usual for a model on the validation split, and write it if asked to."""
    from vae_core.analysis.thresholds import FEWEST, measure
    from vae_core.checkpoints import card, codes
    from vae_core.checkpoints.thresholds import write_thresholds

    if dataset.sizes["validation"] < FEWEST:
        raise ValueError(
            f"{dataset.title('validation')}, are too few for thresholds, which need {FEWEST}. Train on more pictures, or go "
            "without verdicts."
        )
    latents = codes.latents_of(checkpoint.path, checkpoint.step, checkpoint.network.latent_dim)
    figures = measure(checkpoint.engine(), dataset, latents, seed)
    print(card.thresholds_table(figures))
    if write:
        write_thresholds(checkpoint.path, figures)


def models(root: str | None, delete: str | None, restore: str | None) -> None:
    """Print a table of the models with their measured figures, or delete one of them, or put it back.

    Args:
        root: The folder; None for the settings'.
        delete: Name or path of the model to delete.
        restore: Name of the model to put back.

    Raises:
        TrashError: If it cannot be deleted or put back.
    """
    from vae_core.checkpoints import card, errors, store
    from vae_core.jobs import deletion

    folders = [settings.expanded(root)] if root else settings.command_line_models()
    folder = folders[0]
    if delete:
        print(deletion_note("models", deletion.delete_model(named_model(delete, folders))))
        return
    if restore:
        print(f"{deletion.restore_by_name(folder, restore)} is back.")
        return
    inspected, damaged = [], []
    for path in store.list_checkpoints(*folders):
        try:
            inspected.append(store.inspect(path))
        except errors.CheckpointError as error:
            damaged.append(f"damaged: {path.name}: {error}")
    if inspected or not damaged:
        print(card.comparison_table(inspected) if inspected else f"no models in {folder}. `keep` makes one of a run.")
    for line in damaged:
        note(line)


def check_model(model: str, bounded: bool) -> None:
    """Work out what the pages show of a model, and print what each part takes.

    Args:
        model: Its folder or name.
        bounded: Bound this process's memory and processor time first.

    Raises:
        ValueError: If a page could not show it.
    """
    from vae_core.jobs.model_check import bound_this_process

    if bounded:
        bound_this_process()
    from vae_core.checkpoints.probe import probe

    path = model_path(model)
    try:
        for part in probe(path):
            print(f"{part.part}: {part.seconds:.2f} s")
    except MemoryError as error:
        raise ValueError(f"{path}: opening it takes too much memory. Keep a smaller model.") from error
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error
    print(f"{path}: every page can show it.")


def reconstruct(
    model: str, picture: list[str] | None, index: list[int] | None, data: str | None, output: str, replace: bool
) -> None:
    """Write one row per picture: original, reconstruction from z_mean, signed error, SSIM map; print MSE, PSNR and SSIM.

    Args:
        model: Its folder or name.
        picture: Files of pictures of one's own.
        index: Numbers of test images.
        data: Other data than its own.
        output: The PNG.
        replace: Write over a file of another program.

    Raises:
        ValueError: If the model or a picture cannot be used, or the file must not be written.
    """
    from vae_core.analysis import image_quality
    from vae_core.analysis.heatmaps import signed_error, ssim_colours
    from vae_core.analysis.mosaics import mosaic

    path = check_output(output, picture or [], replace)
    checkpoint = load_model(model)
    images, names = named_pictures(checkpoint, picture, index, data)
    scale = mosaic_scale(4 * len(images), checkpoint.model.image_shape, 4)
    engine = checkpoint.engine()
    rebuilt = engine.reconstruct(images)
    mse, psnr, ssim = (
        image_quality.mse(images, rebuilt),
        image_quality.psnr(images, rebuilt),
        image_quality.ssim(images, rebuilt),
    )
    rows = []
    for image, reconstruction in zip(images, rebuilt, strict=True):
        rows += [
            as_rgb(image),
            as_rgb(reconstruction),
            signed_error(image, reconstruction),
            ssim_colours(image, reconstruction),
        ]
    save_png(path, mosaic(np.stack(rows), columns=4, scale=scale), replace)
    print(
        "picture  MSE  PSNR dB  SSIM   (reconstruction from z_mean; columns: original, reconstruction, error, SSIM map)"
    )
    for row in zip(names, mse, psnr, ssim, strict=True):
        print("{}  {:.4f}  {:.1f}  {:.3f}".format(*row))
    print(output)


def heatmap(
    model: str,
    picture: list[str] | None,
    index: list[int] | None,
    data: str | None,
    part: str,
    layer: str | None,
    channel: int | None,
    alpha: float,
    colormap: str,
    output: str,
    replace: bool,
) -> None:
    """Write a layer's channels, coloured and laid over the picture, each normalised by itself.

    Args:
        model: Its folder or name.
        picture: File of a picture of one's own.
        index: Number of a test image.
        data: Other data than its own.
        part: "encoder" or "decoder".
        layer: A convolution layer; None for the last.
        channel: One channel; None for all, as a mosaic.
        alpha: Weight of the map over the picture, 0..1.
        colormap: A matplotlib colour map.
        output: The PNG.
        replace: Write over a file of another program.

    Raises:
        ValueError: If the model, the picture, the layer or the channel cannot be used, or the file must not be written.
    """
    from vae_core.analysis import activations, heatmaps, mosaics

    if max(len(picture or ()), len(index or ())) > 1:
        raise ValueError("heatmap shows one picture at a time; name one after --picture or --index.")
    path = check_output(output, picture or [], replace)
    checkpoint = load_model(model)
    images, names = named_pictures(checkpoint, picture, index, data)
    maps = activations.feature_maps(checkpoint.engine(), images[0], part)
    layer = layer or [name for name in maps if name != "logits"][-1]
    if layer not in maps:
        raise ValueError(f"--layer must be a convolution layer of the {part}: {', '.join(maps)}; got {layer!r}.")
    selected = maps[layer]
    if channel is not None:
        if not 0 <= channel < selected.shape[-1]:
            raise ValueError(f"--channel must be in 0..{selected.shape[-1] - 1} for {layer}, got {channel}.")
        selected = selected[..., channel : channel + 1]
    low, high = float(selected.min()), float(selected.max())
    scale = mosaic_scale(selected.shape[-1], checkpoint.model.image_shape, 3)
    tiles = heatmaps.overlay_channels(images[0], selected, alpha=alpha, colormap=colormap)
    save_png(path, mosaics.mosaic(tiles, scale=scale), replace)
    height, width, channels = selected.shape
    print(
        f"{output}: {names[0]}, {part}/{layer}, {channels} channel(s) of {height}×{width}, raw {low:.3f} to {high:.3f}, each channel normalised by itself"
    )


def export(model: str, format: str, output: str, data: str | None, replace: bool) -> None:
    """Write a model or its codes for other programs.

    Args:
        model: Its folder or name.
        format: "onnx", "keras", "projector" or "browser".
        output: Folder to write into.
        data: Other data than its own, for "projector".
        replace: Write over files of the same names.

    Raises:
        ValueError: If the model or the data cannot be used, or the files must not be written.
    """
    from vae_core.checkpoints.export import NAMES, projector_files

    check_names(settings.expanded(output), NAMES[format], replace)
    checkpoint = load_model(model)
    dataset = dataset_of(checkpoint, data) if format == "projector" else None
    folder = settings.expanded(output)
    folder.mkdir(parents=True, exist_ok=True)
    if dataset is not None:
        written = projector_files(checkpoint, dataset, folder)
    else:
        written = _writer(format)(checkpoint, folder)
    print("\n".join(f"{path}  {path.stat().st_size:,} bytes" for path in written))


def _writer(format: str) -> Callable[[Checkpoint, Path], list[Path]]:
    from vae_core.checkpoints.export import browser_files, onnx_files

    if format == "keras":
        from vae_core.jobs.quiet_import import without_notes

        with without_notes():
            from vae_core.training.keras_export import keras_files
        return keras_files
    return onnx_files if format == "onnx" else browser_files


def keep(run: str, folder: str, data: str | None, snapshots: int, half: bool, replace: bool) -> None:
    """Make a checkpoint folder of a run, measured on the whole test split, and print its figures.

    Args:
        run: Its directory or name.
        folder: The checkpoint folder.
        data: Where its data lie, if they have moved.
        snapshots: How many frames of the timeline to keep.
        half: Store weights as 16-bit floats.
        replace: Replace the model in that folder.

    Raises:
        ValueError: If the run or its data cannot be used, or the folder is taken.
    """
    from vae_core.checkpoints import card, placement, publish

    opened = Run(model_path(run))
    config = opened.config()
    place = settings.expanded(folder) if folder.strip() else folder
    placement.check_place(place, replace)  # before the data are read and measured
    check_described(config, opened.path / "config.json")
    dataset = data_of(opened.path, config["dataset"], tuple(config["model"]["image_shape"]), data)
    path, figures = publish.publish(opened, place, dataset, snapshots, half, note, data, replace)
    print(card.figures_table(figures))
    print(path)
