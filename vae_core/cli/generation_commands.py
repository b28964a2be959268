"""Commands that make up pictures: samples from the prior or a fitted density, and ways from picture to picture.

Each is a function of the command's name, with its flags as arguments. Nothing here imports TensorFlow.

>>> class_index("sneaker", ["Sandal", "Sneaker"])
1
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vae_core import settings
from vae_core.cli.common import note
from vae_core.cli.model_inputs import dataset_of, load_model, mosaic_scale, named_pictures
from vae_core.cli.written_files import MARK, check_output, save_png
from vae_core.storage.files import write_bytes
from vae_core.storage.kind import RUN, kind_of
from vae_core.storage.tables import delimited

if TYPE_CHECKING:
    from vae_core.analysis.generation.density import Density
    from vae_core.checkpoints.store import Checkpoint

NORMAL, DENSITY = "normal", "density"


def generate(
    model: str,
    n: int,
    seed: int,
    temperature: float,
    prior: str,
    label: str | None,
    data: str | None,
    output: str,
    csv: str | None,
    replace: bool,
) -> None:
    """Decode draws from the prior, or from the density fitted to the train codes, into one PNG.

    Args:
        model: Its folder or name.
        n: How many, 1..10,000.
        seed: Of the draws.
        temperature: Factor of their spread.
        prior: "normal" for N(0, I), or "density".
        label: Name or number of a class, which takes the density; None for all.
        data: Other data than its own, to fit a density that is missing.
        output: The PNG.
        csv: Table of the drawn z to write as well.
        replace: Write over files of other programs.

    Raises:
        ValueError: If the model cannot be used, there is no such class, or a file must not be written.
    """
    from vae_core.analysis.generation import sampling
    from vae_core.analysis.mosaics import mosaic

    if not 1 <= n <= sampling.MOST:
        raise ValueError(f"-n must be in 1..{sampling.MOST:,}, got {n}.")
    path = check_output(output, replace=replace)
    table = None if csv is None else _check_csv(csv, replace)
    checkpoint = load_model(model)
    scale = mosaic_scale(n, checkpoint.model.image_shape, 2)
    fitted = density_of(checkpoint, data) if prior == DENSITY or label is not None else None
    kind = None if label is None else class_index(label, checkpoint.dataset.get("classes", ()))
    samples = sampling.draw(checkpoint.engine(), n, seed, temperature, fitted, kind)
    save_png(path, mosaic(samples.images, columns=int(np.ceil(np.sqrt(n))), scale=scale), replace)
    if table is not None:
        _write_csv(table, samples.z)
    source = "z ~ N(0, 1)" if fitted is None else f"z from a mixture fitted to {fitted.n:,} train codes"
    of_class = "" if kind is None else f" of {checkpoint.dataset['classes'][kind]}"
    warmth = "" if temperature == 1 else f", temperature {temperature:g}"
    print(f"{output}: {n} samples{of_class} of {source} decoded by {checkpoint.name}, seed {seed}{warmth}")
    if kind is not None:
        _print_agreement(checkpoint, samples.images, kind)


def _print_agreement(checkpoint: Checkpoint, images: np.ndarray, kind: int) -> None:
    """Print the share of samples that the classifier gives the class that was asked for, where it knows these classes."""
    from vae_core.analysis.generation import classifier
    from vae_core.checkpoints.training_data import is_clothes

    if is_clothes(checkpoint.dataset) and images.shape[1:] == classifier.IMAGE_SHAPE:
        share = float((classifier.shipped().probabilities(images).argmax(axis=1) == kind).mean())
        print(f"the classifier calls {100 * share:.0f} % of them that")


def density_of(checkpoint: Checkpoint, data: str | None) -> Density:
    """The density beside a model; where there is none it is fitted to the train codes, and kept beside a model (not a run)."""
    from vae_core.analysis.generation import density
    from vae_core.checkpoints import publish

    found = density.load(checkpoint.path, checkpoint.network.latent_dim)
    if found is not None:
        return found
    dataset = dataset_of(checkpoint, data)
    note(f"fitting where the codes of {dataset.title('train')} lie; this is done once for a model")
    found = publish.fit_density(checkpoint.engine(), dataset)
    same = dataset.checksum == checkpoint.dataset.get("checksum")
    if same and kind_of(checkpoint.path) != RUN:
        try:
            density.save(checkpoint.path, found)
        except OSError as error:
            note(f"it is not kept: {checkpoint.path} cannot be written to ({error.strerror})")
    return found


def class_index(name: str, classes: Sequence[str]) -> int:
    """Index of a class by its name, upper and lower case alike, or by its number.

    Raises:
        ValueError: If there is no such class.
    """
    folded = [known.casefold() for known in classes]
    if name.casefold() in folded:
        return folded.index(name.casefold())
    if name.isascii() and name.isdecimal() and len(name) < 5 and int(name) < len(classes):
        return int(name)
    known = ", ".join(classes[:20]) or "none that is named"
    raise ValueError(f"--class must be one of the model's classes ({known}), got {name!r}.")


def interpolate(
    model: str,
    picture: list[str] | None,
    index: list[int] | None,
    data: str | None,
    path: str,
    frames: int,
    output: str,
    csv: str | None,
    replace: bool,
) -> None:
    """Write the way from picture to picture as a strip (PNG) or an animation (GIF).

    Args:
        model: Its folder or name.
        picture: Files of pictures of one's own.
        index: Numbers of test images.
        data: Other data than its own.
        path: "linear" or "slerp", spherical and norm-preserving.
        frames: Of the whole way at most, the pictures counted.
        output: The PNG or GIF.
        csv: Table of the z of each frame to write as well.
        replace: Write over files of other programs.

    Raises:
        ValueError: If the model or a picture cannot be used, or a file must not be written.
    """
    from vae_core.analysis.generation import paths
    from vae_core.analysis.generation.animation import gif
    from vae_core.analysis.mosaics import mosaic

    if len(picture or ()) + len(index or ()) < 2:
        raise ValueError("a way needs two pictures or more; name them after --index or --picture.")
    place = check_output(output, picture or [], replace)
    table = None if csv is None else _check_csv(csv, replace)
    checkpoint = load_model(model)
    images, names = named_pictures(checkpoint, picture, index, data)
    engine = checkpoint.engine()
    z = paths.path_through(engine.encode(images)[0], max(frames, len(images)), path)
    walk = engine.decode(z)
    if place.suffix.lower() == ".gif":
        write_bytes(place, gif(walk, comment=MARK), new=not os.path.lexists(place))
    else:
        save_png(
            place,
            mosaic(walk, columns=len(walk), scale=mosaic_scale(len(walk), checkpoint.model.image_shape, 3)),
            replace,
        )
    if table is not None:
        _write_csv(table, z)
    print(f"{output}: {len(z)} frames, {path}, through {' → '.join(names)}; decoded by {checkpoint.name}")


def _check_csv(name: str, replace: bool) -> Path:
    """Path of a table that may be written; quick, so that it comes before any work."""
    path = settings.expanded(name)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"would lie in {path.parent}, which is no folder"
        raise ValueError(f"--csv {name} {what}. Name a file in a folder that exists.")
    if os.path.lexists(path) and not replace:
        raise ValueError(f"--csv {name} exists. Choose another name, or add --replace.")
    return path


def _write_csv(path: Path, z: np.ndarray) -> None:
    rows: Iterable[Sequence[str]] = ([str(i), *(f"{value:.6g}" for value in row)] for i, row in enumerate(z))
    head = ["index", *(f"z{unit + 1}" for unit in range(z.shape[1]))]
    write_bytes(path, delimited([head, *rows], ",").encode())
