"""Feature maps of one picture: every convolution's output by layer name, and which channels respond most.

A strong response is no measure of importance for the latent units.

>>> import numpy as np
>>> feature_map = np.zeros((7, 7, 3), np.float32)
>>> feature_map[..., 1] = 2.0
>>> channel_strength(feature_map).tolist(), channel_order(feature_map).tolist()
([0.0, 2.0, 0.0], [1, 0, 2])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vae_core.analysis.checks import checked_channels
from vae_core.network.latents import EncoderDecoder

PARTS = ("encoder", "decoder")
STRENGTHS = ("mean", "max", "variance")


def feature_maps(
    engine: EncoderDecoder, image: np.ndarray | None = None, part: str = "encoder", z: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Output of every convolution for one picture, in the order of the layers.

    Values are taken after the layer's activation; the decoder's last are logits.

    Args:
        engine: The model.
        image: (h, w, c) in [0, 1].
        part: "encoder", or "decoder", which starts from `z` or, without it, from the image's z_mean.
        z: (latent_dim,), for the decoder only.

    Returns:
        {layer: (h, w, channels) float32}.

    Raises:
        ValueError: Another part, an image or z that is missing, too much or of another shape, or a layer that gives NaN.
    """
    _check_part(part)
    if part == "encoder":
        if image is None or z is not None:
            raise ValueError("the encoder's feature maps need an image and no z; for a z choose part='decoder'.")
        outputs = engine.encoder_activations(_image_batch(image, engine))
    else:
        if (image is None) == (z is None):
            raise ValueError("the decoder's feature maps need either an image or a z, and not both.")
        start = _z_batch(z, engine) if z is not None else engine.encode(_image_batch(image, engine))[0]
        outputs = engine.decoder_activations(start)
    maps = {name: array[0] for name, array in outputs.items() if _is_convolution(engine, part, name, array)}
    for name, array in maps.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"layer {name} gives NaN or infinite values for this input. Was the model's training broken off?"
            )
    return maps


def layer_names(engine: EncoderDecoder, part: str = "encoder") -> tuple[str, ...]:
    """Names of the convolution layers of one part, "encoder" or "decoder", in order."""
    _check_part(part)
    if part == "encoder":
        return tuple(feature_maps(engine, np.zeros(engine.image_shape, np.float32)))
    return tuple(feature_maps(engine, part="decoder", z=np.zeros(engine.latent_dim, np.float32)))


def channel_strength(feature_map: np.ndarray, by: str = "mean") -> np.ndarray:
    """How strongly each channel responds.

    Args:
        feature_map: (h, w, channels).
        by: "mean" or "max" of the absolute value over the places, or "variance" over the places, which leaves out a
            channel's constant share.

    Returns:
        (channels,) float64, 0 or more.

    Raises:
        ValueError: Another shape or measure.
    """
    maps = checked_channels(feature_map).astype(np.float64)
    if by == "mean":
        return np.abs(maps).mean(axis=(0, 1))
    if by == "max":
        return np.abs(maps).max(axis=(0, 1))
    if by == "variance":
        return maps.var(axis=(0, 1))
    raise ValueError(f"by must be one of {', '.join(STRENGTHS)}, got {by!r}.")


def channel_order(feature_map: np.ndarray, by: str = "mean") -> np.ndarray:
    """Channel numbers, strongest first, equal ones in their own order.

    Args:
        feature_map: (h, w, channels).
        by: As in `channel_strength`.

    Returns:
        (channels,) int64.

    Raises:
        ValueError: Another shape or measure.
    """
    return np.argsort(-channel_strength(feature_map, by), kind="stable")


def over_channels(feature_map: np.ndarray, by: str = "mean") -> np.ndarray:
    """One map for a whole layer: the mean or maximum over its channels at each place.

    Args:
        feature_map: (h, w, channels).
        by: "mean" or "max".

    Returns:
        (h, w), of the same dtype.

    Raises:
        ValueError: Another shape or summary.
    """
    maps = checked_channels(feature_map)
    if by not in ("mean", "max"):
        raise ValueError(f'by must be "mean" or "max", got {by!r}.')
    return maps.mean(axis=2) if by == "mean" else maps.max(axis=2)


def with_summaries(feature_map: np.ndarray) -> np.ndarray:
    """The mean and the maximum over the channels, then the channels themselves.

    Both lie between the least and the largest value of the channels, so a scale taken over the result is the layer's own.

    Args:
        feature_map: (h, w, channels).

    Returns:
        (h, w, 2 + channels).

    Raises:
        ValueError: Another shape.
    """
    maps = checked_channels(feature_map)
    summaries = [over_channels(maps, by)[..., None] for by in ("mean", "max")]
    return np.concatenate([*summaries, maps], axis=2)


def _is_convolution(engine: EncoderDecoder, part: str, name: str, array: np.ndarray) -> bool:
    """A reshape's output has the shape of a feature map too; the engine's layer list tells them apart."""
    network: Any = getattr(engine, "network", None)
    if array.ndim != 4 or network is None:
        return array.ndim == 4
    kinds = {layer.name: layer.kind for layer, *_ in getattr(network, part).walk()}
    return kinds[name].startswith("conv")


def _check_part(part: str) -> None:
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, got {part!r}.")


def _image_batch(image: np.ndarray | None, engine: EncoderDecoder) -> np.ndarray:
    batch = np.asarray(image, np.float32)[None]
    if batch.shape[1:] != tuple(engine.image_shape):
        raise ValueError(
            f"image must have shape {tuple(engine.image_shape)}, got {batch.shape[1:]}. Take one of a batch: x[0]."
        )
    # Written so that NaN fails it too.
    if not (batch.min() >= 0 and batch.max() <= 1):
        raise ValueError(
            f"image must lie in [0, 1] and hold no NaN, got {batch.min()} to {batch.max()}. Divide uint8 pixels by 255."
        )
    return batch


def _z_batch(z: np.ndarray, engine: EncoderDecoder) -> np.ndarray:
    batch = np.asarray(z, np.float32)[None]
    if batch.shape != (1, engine.latent_dim) or not np.isfinite(batch).all():
        raise ValueError(f"z must have shape ({engine.latent_dim},) and hold no NaN, got {batch[0]}.")
    return batch
