"""The way into `network.json` and its weights: whatever came, checked before anything is built from it.

>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets
>>> network = presets.build(ModelConfig())
>>> network_from_dict(network.to_dict()) == network
True
>>> check_weights(network, random_weights(network, seed=1))
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vae_core.network.layers import (
    ACTIVATIONS,
    FORMAT_VERSION,
    KINDS,
    WEIGHTED,
    Layer,
    Network,
    NetworkError,
    Part,
    Shape,
    Weights,
)

if TYPE_CHECKING:
    import numpy as np

INITIALISERS = ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "orthogonal", "zeros")
MAX_OCTAVES = 16  # 2^16 / 2 times z is past what float32 sines can tell apart
# Bounds in work: above what the presets need for pictures of 256 × 256 in colour, so past them a file is a mistake or an attack.
MAX_PARAMETERS = 80_000_000  # 320 MB of float32
MAX_LAYERS = 64  # of the encoder or of the decoder
MAX_ACTIVATION = 4_000_000  # values of one layer for one image: 16 MB
MAX_ACTIVATIONS = 8_000_000  # values of all layers together, which the page Heatmaps holds at once
MAX_MULTIPLY_ADDS = 1_000_000_000  # to encode and decode one image
MAX_CHANNELS = 1024  # of a feature map: the page Heatmaps draws a tile for each
MAX_LATENT_DIM = 256


def network_from_dict(values: Mapping[str, Any]) -> Network:
    """Rebuild a network from network.json, checked before any array exists.

    Args:
        values: What `Network.to_dict` gives; unknown keys are ignored.

    Raises:
        NetworkError: The format is newer than this program, a value has a wrong type or is out of range, layers do not fit
            each other, or the whole exceeds a bound in work.
    """
    version = values.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise NetworkError(f"network.json: format_version must be a whole number from 1, got {version!r}.")
    if version > FORMAT_VERSION:
        raise NetworkError(
            f"network.json: written in format {version}, this program reads up to {FORMAT_VERSION}. Update VAE Explorer."
        )
    likelihood = values.get("likelihood")
    if likelihood not in ("bernoulli", "gaussian"):
        raise NetworkError(f"network.json: likelihood must be bernoulli or gaussian, got {likelihood!r}.")
    network = Network(_part_from("encoder", values), _part_from("decoder", values), likelihood, version)
    _check_network(network)
    return network


def _part_from(name: str, values: Mapping[str, Any]) -> Part:
    try:
        raw = values[name]
        shape = tuple(raw["input_shape"])
        if len(raw["layers"]) + len(raw["heads"]) > MAX_LAYERS:
            raise NetworkError(
                f"network.json: the {name} has {len(raw['layers']) + len(raw['heads']):,} layers; the limit is {MAX_LAYERS}."
            )
        part = Part(name, shape, tuple(map(_layer_from, raw["layers"])), tuple(map(_layer_from, raw["heads"])))
    except (KeyError, TypeError) as error:
        raise NetworkError(
            f"network.json: the {name} is not described as expected ({error!r} is missing or odd)."
        ) from error
    if not shape or len(shape) not in (1, 3) or not all(type(side) is int and 0 < side <= 4096 for side in shape):
        raise NetworkError(f"network.json: {name} input_shape must be 1 or 3 whole numbers in 1..4096, got {shape}.")
    return part


def _layer_from(raw: Mapping[str, Any]) -> Layer:
    known = {key: raw[key] for key in Layer.__dataclass_fields__ if key in raw}
    layer = Layer(**{**known, "target": tuple(known.get("target", ()))})
    label = f"network.json: layer {layer.name!r}"
    if (
        not isinstance(layer.name, str)
        or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", layer.name)
        # the names of what goes in and what comes out
        or layer.name in ("input", "image")
    ):
        raise NetworkError(
            f"{label}: a name is lower-case letters, digits and underscores, and not 'input' or 'image'."
        )
    if layer.kind not in KINDS:
        raise NetworkError(f"{label}: kind must be one of {', '.join(KINDS)}, got {layer.kind!r}.")
    if layer.activation not in ACTIVATIONS:
        raise NetworkError(f"{label}: activation must be one of {', '.join(ACTIVATIONS)}, got {layer.activation!r}.")
    # Keras would take any object's description here.
    if layer.kernel_init not in INITIALISERS:
        raise NetworkError(f"{label}: kernel_init must be one of {', '.join(INITIALISERS)}, got {layer.kernel_init!r}.")
    if type(layer.bias_init) not in (int, float) or not abs(layer.bias_init) <= 1e6:
        raise NetworkError(f"{label}: bias_init must be a number in -1e6..1e6, got {layer.bias_init!r}.")
    for key, low, high in (("size", 0, 1_000_000), ("kernel", 0, 31), ("strides", 1, 8)):
        value = getattr(layer, key)
        if type(value) is not int or not low <= value <= high:
            raise NetworkError(f"{label}: {key} must be a whole number in {low}..{high}, got {value!r}.")
    if not isinstance(layer.rate, (int, float)) or not 0 <= layer.rate < 1:
        raise NetworkError(f"{label}: rate must be in 0..1 (1 excluded), got {layer.rate!r}.")
    if layer.kind == "fourier" and not 1 <= layer.size <= MAX_OCTAVES:
        raise NetworkError(f"{label}: size must be 1..{MAX_OCTAVES} octaves, got {layer.size}.")
    if layer.kind in WEIGHTED and layer.size == 0:
        raise NetworkError(f"{label}: size must be at least 1.")
    if layer.kind.startswith("conv") and layer.kernel == 0:
        raise NetworkError(f"{label}: kernel must be at least 1.")
    return layer


def _check_network(network: Network) -> None:
    """Check that names are unique, shapes follow each other, both ends fit, and no bound in work is exceeded."""
    for part in (network.encoder, network.decoder):
        names = [layer.name for layer in (*part.layers, *part.heads)]
        if len(set(names)) != len(names):
            raise NetworkError(f"network.json: the {part.name} has two layers of one name among {names}.")
        shape = part.input_shape
        for layer in part.layers:
            shape = _checked_output_shape(layer, shape)
        for head in part.heads:
            _checked_output_shape(head, shape)
    heads = [head.name for head in network.encoder.heads]
    if heads != ["z_mean", "z_log_var"] or [head.name for head in network.decoder.heads] != ["logits"]:
        raise NetworkError(
            f"network.json: the encoder must end in z_mean and z_log_var and the decoder in logits, got {heads}."
        )
    ends = {after for _, _, _, after in network.encoder.walk()[-2:]}
    if len(network.encoder.input_shape) != 3 or ends != {network.decoder.input_shape}:
        raise NetworkError(
            f"network.json: the encoder gives {sorted(ends)}, the decoder takes {network.decoder.input_shape}."
        )
    if network.decoder.walk()[-1][3] != network.encoder.input_shape:
        raise NetworkError("network.json: the decoder's pictures do not have the shape that the encoder takes.")
    if network.latent_dim > MAX_LATENT_DIM:
        raise NetworkError(f"network.json: {network.latent_dim:,} latent units; the limit is {MAX_LATENT_DIM}.")
    _check_work(network)


def _check_work(network: Network) -> None:
    parts = (network.encoder, network.decoder)
    activations = sum(math.prod(after) for part in parts for *_, after in part.walk())
    for noun, amount, limit in (
        ("parameters", network.parameters(), MAX_PARAMETERS),
        ("values in the layers for one picture", activations, MAX_ACTIVATIONS),
        ("multiply-adds a picture", sum(part.multiply_adds() for part in parts), MAX_MULTIPLY_ADDS),
    ):
        if amount > limit:
            raise NetworkError(f"network.json: {amount:,} {noun}; the limit is {limit:,}.")


def _checked_output_shape(layer: Layer, shape: Shape) -> Shape:
    rank = 3 if layer.kind.startswith("conv") else 1 if layer.kind in ("dense", "fourier") else len(shape)
    if len(shape) != rank:
        raise NetworkError(f"network.json: layer {layer.name!r} ({layer.kind}) cannot take an input of shape {shape}.")
    after = layer.output_shape(shape)
    good = len(after) in (1, 3) and all(type(side) is int and side > 0 for side in after)
    if not good or math.prod(after) > MAX_ACTIVATION:
        raise NetworkError(
            f"network.json: layer {layer.name!r} would give {after}; that is no shape this program can hold."
        )
    if len(after) == 3 and after[-1] > MAX_CHANNELS:
        raise NetworkError(
            f"network.json: layer {layer.name!r} would give {after[-1]:,} channels; the limit is {MAX_CHANNELS:,}."
        )
    if layer.kind == "reshape" and math.prod(shape) != math.prod(after):
        raise NetworkError(f"network.json: layer {layer.name!r} cannot reshape {shape} to {after}.")
    return after


def check_weights(
    network: Network, weights: Mapping[str, np.ndarray], origin: str = "weights", only: str | None = None
) -> None:
    """Check that weights belong to a network and are finite.

    Args:
        network: The layers that the weights are for.
        weights: Arrays by full name.
        origin: What an error calls the weights, for example a path.
        only: "encoder" or "decoder" if the weights are of that part alone.

    Raises:
        NetworkError: A name is missing or not expected, a shape differs, or a value is NaN or infinite.
    """
    import numpy as np

    check_shapes(network, {name: tuple(array.shape) for name, array in weights.items()}, origin, only)
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise NetworkError(
                f"{origin}: {name} holds NaN or infinite values. The run diverged: train again at a lower learning rate."
            )


def check_shapes(
    network: Network, shapes: Mapping[str, Shape], origin: str = "weights", only: str | None = None
) -> None:
    """Check that the names and shapes of weights are those of a network.

    Args:
        network: The layers that the weights are for.
        shapes: Shape of each weight by full name.
        origin: What an error calls the weights, for example a path.
        only: "encoder" or "decoder" if the weights are of that part alone.

    Raises:
        NetworkError: A name is missing or not expected, or a shape differs.
    """
    expected = network.weight_shapes(only)
    missing, extra = sorted(set(expected) - set(shapes)), sorted(set(shapes) - set(expected))
    if missing or extra:
        raise NetworkError(
            f"{origin}: the weights do not belong to this network; missing {missing}, not expected {extra}."
        )
    for name, shape in expected.items():
        if tuple(shapes[name]) != shape:
            raise NetworkError(f"{origin}: {name} has shape {tuple(shapes[name])}, network.json says {shape}.")


def random_weights(network: Network, seed: int = 0) -> Weights:
    """Draw random weights for tests and previews; not those that Keras starts a training with.

    Returns:
        Arrays by full name, float32: kernels scaled by fan-in and fan-out (Glorot & Bengio 2010), biases by 0.05.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, shape in network.weight_shapes().items():
        fan = (shape[-1] + shape[-2]) * math.prod(shape[:-2]) if len(shape) > 1 else 0
        scale = math.sqrt(2 / fan) if fan else 0.05
        weights[name] = (rng.standard_normal(shape) * scale).astype(np.float32)
    return weights
