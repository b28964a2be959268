"""The command `attribute`: which pixels drive a latent unit, its KL or the reconstruction error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vae_core.cli.common import note
from vae_core.cli.model_inputs import as_rgb, load_model, mosaic_scale, named_pictures
from vae_core.cli.written_files import check_output, save_png

if TYPE_CHECKING:
    from vae_core.analysis.attribution.maps import Attribution
    from vae_core.analysis.attribution.sanity import RandomisationCheck

SIDE = 6  # pixels a side that a pixel of the picture becomes


def attribute(
    model: str,
    picture: list[str] | None,
    index: list[int] | None,
    data: str | None,
    target: str,
    method: str,
    check: bool,
    layer: str | None,
    steps: int,
    samples: int,
    noise: float,
    patch: int | None,
    stride: int | None,
    seed: int,
    output: str,
    replace: bool,
) -> None:
    """Write the picture, the map over it and the map alone, and print what was done.

    Args:
        model: Its folder or name.
        picture: File of a picture of one's own.
        index: Number of a test image.
        data: Other data than its own.
        target: As `Target.parse` takes it.
        method: One of `attribution_flags.METHODS`.
        check: Also run the check by random weights, whose maps follow in the PNG.
        layer: As in `MapSettings`, like the following.
        steps: Points of the path.
        samples: Noisy copies.
        noise: Their deviation.
        patch: Pixels a side.
        stride: Pixels between patches.
        seed: Of the noise and of the random weights.
        output: The PNG.
        replace: Write over a file of another program.

    Raises:
        ValueError: If the model, the picture or a setting cannot be used, or the file must not be written.
    """
    from vae_core.analysis.attribution import maps
    from vae_core.analysis.attribution.targets import Target

    if max(len(picture or ()), len(index or ())) > 1:
        raise ValueError("attribute explains one picture at a time; name one after --picture or --index.")
    path = check_output(output, picture or [], replace)
    checkpoint = load_model(model)
    images, names = named_pictures(checkpoint, picture, index, data)
    engine, wanted = checkpoint.engine(), Target.parse(target, checkpoint.model.latent_dim)
    settings = maps.MapSettings(samples, noise, seed, steps, patch, stride, layer)
    attribution = maps.attribute(engine, images[0], wanted, method, settings)
    checked = None
    if check:
        from vae_core.analysis.attribution.sanity import randomisation_check

        note("Working the map out again with random weights …")
        checked = randomisation_check(engine, images[0], wanted, method, settings, seed)
    save_png(path, _sheet(images[0], attribution, checked), replace)
    _print(output, names[0], attribution, checked)


def _sheet(image: np.ndarray, attribution: Attribution, checked: RandomisationCheck | None) -> np.ndarray:
    """The picture, the map over it and the map alone; below them the maps of the check, each between its own limits."""
    from vae_core.analysis import mosaics
    from vae_core.analysis.attribution import drawing

    stages = () if checked is None else checked.stages
    scale = mosaic_scale(3 + len(stages), (image.shape[0], image.shape[1], image.shape[2]), SIDE)
    size = image.shape[0] * scale, image.shape[1] * scale
    large = mosaics.resize(as_rgb(image), size)
    signed = attribution.signed
    alone = [drawing.coloured(values, signed).rgb for values in (attribution.map, *(stage.values for stage in stages))]
    tiles = [large, drawing.over_picture(large, attribution.map, signed).rgb]
    tiles += [mosaics.resize(rgb, size) for rgb in alone]
    return mosaics.mosaic(np.stack(tiles), columns=3, gap=8, fill=255)


def _print(output: str, picture: str, attribution: Attribution, checked: RandomisationCheck | None) -> None:
    from vae_core.analysis.attribution import drawing

    limit = drawing.limit_of(attribution.map)
    colours = f"red raises, blue lowers, ±{limit:.3g}" if attribution.signed else f"0 to {limit:.3g}"
    print(f"{output}: {picture}, {attribution.target.words()} = {attribution.value:.4g}, {attribution.method}")
    print(f"{attribution.summary}; {colours}")
    if attribution.completeness_error is not None and attribution.baseline_value is not None:
        share = attribution.relative_completeness_error
        percent = "" if share is None else f", {100 * share:.2g} % of it"
        print(
            f"t(x) − t(black) = {attribution.value - attribution.baseline_value:.4g}; the map sums to it with an error of "
            f"{attribution.completeness_error:.2g}{percent}"
        )
    if checked is not None:
        for stage in checked.stages:
            print(
                f"random from the top to {stage.layer}: rank correlation {stage.correlation:.2f}, of the strengths "
                f"{stage.strength_correlation:.2f}"
            )
        print(checked.verdict)
