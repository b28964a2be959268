"""Attribution maps of one picture: which pixels drive a target, by six methods.

    attribution = attribute(engine, image, Target("z_mean", 0), "integrated_gradients")
    attribution.map          (h, w) float32, signed: red raises the target, blue lowers it
    attribution.summary      what was done, in a sentence

Sources: gradient, Simonyan et al. 2014 (arXiv:1312.6034); SmoothGrad, Smilkov et al. 2017 (arXiv:1706.03825); integrated
gradients, Sundararajan et al. 2017 (arXiv:1703.01365); occlusion, Zeiler & Fergus 2014 (arXiv:1311.2901); Grad-CAM, Selvaraju et
al. 2017 (arXiv:1610.02391); VAE attention, Liu et al. 2020 (arXiv:1911.07389).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_core.analysis.attribution.targets import Target
from vae_core.network.engine import Engine

GRADIENT, SMOOTHGRAD, INTEGRATED = "gradient", "smoothgrad", "integrated_gradients"
OCCLUSION, GRAD_CAM, ATTENTION = "occlusion", "grad_cam", "vae_attention"
METHODS = (GRADIENT, SMOOTHGRAD, INTEGRATED, OCCLUSION, GRAD_CAM, ATTENTION)
# Forward passes of an occlusion map at most, unless a stride asks for more: a quarter of a second.
PASSES = 1024
MOST_PASSES = 20_000
# Values of the occluded pictures held at once: 16 MB of float32.
HELD = 4_000_000


@dataclass(frozen=True)
class MapSettings:
    """How maps are computed; each method reads its own.

    Attributes:
        samples: Noisy copies that SmoothGrad averages over, 1 to 1,000.
        noise: Their noise's standard deviation, as a share of the picture's range, 0 to 1.
        seed: Seed of that noise.
        steps: Points on the way from the black picture for integrated gradients, 1 to 2,000; trained networks bend on the way, so
            50 may leave an error of a tenth.
        patch: Pixels a side of the square that occlusion blanks; None for a seventh of the picture's shorter side.
        stride: Pixels from one patch to the next; None for the least that takes `PASSES` passes at most.
        layer: Convolution of the encoder for Grad-CAM and VAE attention; None for the last.
    """

    samples: int = 25
    noise: float = 0.15
    seed: int = 0
    steps: int = 200
    patch: int | None = None
    stride: int | None = None
    layer: str | None = None

    def __post_init__(self) -> None:
        for name, low, high in (("samples", 1, 1000), ("steps", 1, 2000), ("patch", 1, 4096), ("stride", 1, 4096)):
            value = getattr(self, name)
            if value is not None and not (type(value) is int and low <= value <= high):
                raise ValueError(f"{name} must be a whole number in {low:,}..{high:,}, got {value!r}.")
        if not 0 <= self.noise <= 1:
            raise ValueError(f"noise must be a share of the picture's range in 0..1, got {self.noise}.")


@dataclass(frozen=True)
class Attribution:
    """An attribution map with what was done.

    Attributes:
        values: (h, w, c) float32 by pixel and channel; (h', w') of Grad-CAM and VAE attention, in the layer's own pixels.
        target: What is explained; VAE attention explains the z_mean of all units, whatever it says here.
        method: One of `METHODS`.
        value: The target's value for the picture, t(x).
        summary: What was done, as a sentence without a full stop.
        signed: Whether values below 0 can occur.
        baseline_value: t(x0) of the black picture, for integrated gradients.
        completeness_error: |sum of the map - (t(x) - t(x0))|, for integrated gradients, in the target's unit.
    """

    values: np.ndarray
    target: Target
    method: str
    value: float
    summary: str
    signed: bool = True
    baseline_value: float | None = None
    completeness_error: float | None = None

    @property
    def map(self) -> np.ndarray:
        """The map (h, w) float32, its colour channels summed."""
        return self.values if self.values.ndim == 2 else self.values.sum(axis=2)

    @property
    def relative_completeness_error(self) -> float | None:
        """The completeness error as a share of |t(x) - t(x0)|; None where there is none, or nothing to explain."""
        if self.completeness_error is None or self.baseline_value is None or self.value == self.baseline_value:
            return None
        return self.completeness_error / abs(self.value - self.baseline_value)


def attribute(
    engine: Engine, image: np.ndarray, target: Target, method: str = GRADIENT, settings: MapSettings | None = None
) -> Attribution:
    """Map of what drives the target in one picture.

    Args:
        engine: The model.
        image: (h, w, c) in [0, 1].
        target: What is explained.
        method: One of `METHODS`.
        settings: How it is computed.

    Returns:
        The map and what was done.

    Raises:
        ValueError: Another method, a unit or layer that the model lacks, an image of another shape or range, a patch larger
            than the picture, more than 20,000 occlusions, or a map that is NaN or infinite.
    """
    settings, image = settings or MapSettings(), checked_image(engine, image)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    if target.unit is not None and target.unit >= engine.latent_dim:
        raise ValueError(f"the model has {engine.latent_dim} latent unit(s), counted from 0; got unit {target.unit}.")
    functions = {
        GRADIENT: _gradient,
        SMOOTHGRAD: _smoothgrad,
        INTEGRATED: _integrated,
        OCCLUSION: _occlusion,
        GRAD_CAM: _grad_cam,
        ATTENTION: _attention,
    }
    attribution = functions[method](engine, image, target, settings)
    if not np.isfinite(attribution.values).all():
        raise ValueError("the map holds NaN or infinite values. Was the model's training broken off by a NaN loss?")
    return attribution


def layers_for_maps(engine: Engine) -> tuple[str, ...]:
    """Names of the encoder's convolutions, in order; empty for an encoder without."""
    return tuple(layer.name for layer in engine.network.encoder.layers if layer.kind.startswith("conv"))


def checked_image(engine: Engine, image: np.ndarray) -> np.ndarray:
    """An image as (h, w, c) float32, or `ValueError` for another shape or range."""
    array = np.asarray(image, np.float32)
    if array.shape != engine.image_shape:
        raise ValueError(f"image must have shape {engine.image_shape}, got {array.shape}. Take one of a batch: x[0].")
    # written so that NaN fails it too
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"image must lie in [0, 1] and hold no NaN, got {array.min()} to {array.max()}.")
    return array


def _value(engine: Engine, image: np.ndarray, target: Target) -> float:
    return float(target.values(engine, image[None])[0])


def _gradient(engine: Engine, image: np.ndarray, target: Target, settings: MapSettings) -> Attribution:
    values = target.gradients(engine, image[None])[0]
    return Attribution(values, target, GRADIENT, _value(engine, image, target), "gradient by the pixels")


def _smoothgrad(engine: Engine, image: np.ndarray, target: Target, settings: MapSettings) -> Attribution:
    spread = settings.noise * float(image.max() - image.min())
    noise = np.random.default_rng(settings.seed).standard_normal((settings.samples, *image.shape), np.float32)
    values = target.gradients(engine, image + np.float32(spread) * noise).mean(axis=0)
    summary = f"mean gradient at {settings.samples} noisy copies, deviation {spread:.3g}, seed {settings.seed}"
    return Attribution(values, target, SMOOTHGRAD, _value(engine, image, target), summary)


def _integrated(engine: Engine, image: np.ndarray, target: Target, settings: MapSettings) -> Attribution:
    """The path integral from black by the midpoint rule, in steps that grow with the way: near black networks bend most."""
    edges = (np.arange(settings.steps + 1) / settings.steps) ** 2
    shares, weights = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    gradients = target.gradients(engine, shares.astype(np.float32)[:, None, None, None] * image)
    values = image * np.tensordot(weights.astype(np.float32), gradients, axes=1)
    value, baseline = target.values(engine, np.stack([image, np.zeros_like(image)])).tolist()
    error = abs(float(values.sum(dtype=np.float64)) - (value - baseline))
    summary = f"{settings.steps} steps from a black picture"
    return Attribution(values, target, INTEGRATED, value, summary, True, baseline, error)


def _occlusion(engine: Engine, image: np.ndarray, target: Target, settings: MapSettings) -> Attribution:
    """t(x) - t(x with a patch blanked), to each pixel the mean over the patches that cover it; in all channels alike."""
    height, width, _ = image.shape
    patch = settings.patch or max(1, round(min(height, width) / 7))
    if patch > min(height, width):
        raise ValueError(f"patch must fit into the picture of {height} × {width} pixels, got {patch}.")
    stride = settings.stride or next(
        step for step in range(1, patch + 1) if step == patch or len(_corners(height, width, patch, step)) <= PASSES
    )
    corners = _corners(height, width, patch, stride)
    if len(corners) > MOST_PASSES:
        raise ValueError(
            f"a stride of {stride} takes {len(corners):,} passes, {MOST_PASSES:,} at most; take a larger one."
        )
    value, batch = _value(engine, image, target), max(1, HELD // image.size)
    total, covered = np.zeros((height, width)), np.zeros((height, width))
    for start in range(0, len(corners), batch):
        some = corners[start : start + batch]
        occluded = np.repeat(image[None], len(some), axis=0)
        for blank, (top, left) in zip(occluded, some, strict=True):
            blank[top : top + patch, left : left + patch] = 0
        drops = value - target.values(engine, occluded)
        # the same arithmetic in another batch may round otherwise: where nothing was blanked nothing has changed
        drops[(occluded == image).all(axis=(1, 2, 3))] = 0
        for drop, (top, left) in zip(drops, some, strict=True):
            total[top : top + patch, left : left + patch] += drop
            covered[top : top + patch, left : left + patch] += 1
    values = (total / np.maximum(covered, 1)).astype(np.float32)
    summary = f"{len(corners):,} patches of {patch} × {patch} pixels blanked to black, stride {stride}"
    return Attribution(values, target, OCCLUSION, value, summary)


def _corners(height: int, width: int, patch: int, stride: int) -> list[tuple[int, int]]:
    """Upper left corners of the patches; the last ones are flush with the border, so that every pixel is covered."""
    rows, columns = (sorted({*range(0, side - patch + 1, stride), side - patch}) for side in (height, width))
    return [(row, column) for row in rows for column in columns]


def _grad_cam(engine: Engine, image: np.ndarray, target: Target, settings: MapSettings) -> Attribution:
    layer = _layer(engine, settings)
    _, by_mean, by_log_var = target.by_heads(engine, image[None])
    maps, gradients = engine.encoder_layer_gradients(image[None], by_mean, by_log_var)[layer]
    value = _value(engine, image, target)
    return Attribution(_weighted(maps, gradients)[0], target, GRAD_CAM, value, f"layer {layer}", signed=False)


def _attention(engine: Engine, image: np.ndarray, target: Target, settings: MapSettings) -> Attribution:
    """Liu et al. 2020, eq. 1 and 2, on z_mean where they take a draw of z: a Grad-CAM map per unit, averaged over the units."""
    layer, units = _layer(engine, settings), np.eye(engine.latent_dim, dtype=np.float32)
    images = np.repeat(image[None], engine.latent_dim, axis=0)
    maps, gradients = engine.encoder_layer_gradients(images, units, np.zeros_like(units))[layer]
    values = _weighted(maps, gradients).mean(axis=0)
    summary = f"layer {layer}; Grad-CAM of each unit's z_mean, averaged over {engine.latent_dim} unit(s)"
    return Attribution(values, target, ATTENTION, _value(engine, image, target), summary, signed=False)


def _weighted(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """ReLU of the sum of maps (n, h, w, k), each weighted by the mean of its gradient over the places: (n, h, w) float32."""
    weights = gradients.mean(axis=(1, 2), keepdims=True)  # (n, 1, 1, k)
    return np.maximum((weights * maps).sum(axis=3), 0)


def _layer(engine: Engine, settings: MapSettings) -> str:
    layers = layers_for_maps(engine)
    if not layers:
        raise ValueError("this encoder has no convolution, which Grad-CAM needs. Choose another method.")
    if settings.layer is not None and settings.layer not in layers:
        raise ValueError(f"layer must be a convolution of the encoder: {', '.join(layers)}; got {settings.layer!r}.")
    return settings.layer or layers[-1]
