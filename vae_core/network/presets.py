"""The two architectures, written as lists of layers. To add one, add a function and its name to `BUILDERS`.

>>> from vae_core.config import ModelConfig
>>> network = build(ModelConfig(preset="classic", latent_dim=2))
>>> network.parameters()
134165
>>> [layer.name for layer in network.encoder.layers]
['conv_1', 'conv_2', 'flatten', 'dense_1']
"""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_core.config import ModelConfig
from vae_core.network.layers import Layer, Network, Part

DARK = -0.9  # logit of 0.29, the mean pixel: the decoder starts at the mean picture's shade instead of grey


def build(config: ModelConfig) -> Network:
    """Build the network that a configuration describes, without weights."""
    encoder, decoder = BUILDERS[config.preset](config)
    channels = config.image_shape[2]
    heads = (
        Layer("z_mean", "dense", config.latent_dim),
        # Zero weights start every posterior at the prior's width, which keeps the first steps calm.
        Layer(
            "z_log_var",
            "dense",
            config.latent_dim,
            kernel_init="zeros" if config.preset == "swift" else "glorot_uniform",
        ),
    )
    logits = Layer(
        "logits", "conv2d_transpose", channels, kernel=3, bias_init=DARK if config.preset == "swift" else 0.0
    )
    return Network(
        Part("encoder", config.image_shape, tuple(encoder), heads),
        Part("decoder", (config.latent_dim,), tuple(decoder), (logits,)),
        config.likelihood,
    )


def classic(config: ModelConfig) -> tuple[list[Layer], list[Layer]]:
    """List the layers of the textbook model, that of Keras' VAE example: (encoder layers, decoder layers).

    134,165 parameters at two latent units and images of 28x28x1, which the shapes beside the layers are for.
    """
    height, width, _ = config.image_shape
    small = (height // 4, width // 4, 64)
    encoder = [
        Layer("conv_1", "conv2d", 32, kernel=3, strides=2, activation="relu"),  # (n, 14, 14, 32)
        Layer("conv_2", "conv2d", 64, kernel=3, strides=2, activation="relu"),  # (n, 7, 7, 64)
        Layer("flatten", "flatten"),  # (n, 3136)
        Layer("dense_1", "dense", 16, activation="relu"),  # (n, 16)
    ]
    decoder = [
        Layer("dense_1", "dense", math.prod(small), activation="relu"),  # (n, 3136)
        Layer("reshape", "reshape", target=small),  # (n, 7, 7, 64)
        Layer("deconv_1", "conv2d_transpose", 64, kernel=3, strides=2, activation="relu"),  # (n, 14, 14, 64)
        Layer("deconv_2", "conv2d_transpose", 32, kernel=3, strides=2, activation="relu"),  # (n, 28, 28, 32)
    ]
    return encoder, decoder


def swift(config: ModelConfig) -> tuple[list[Layer], list[Layer]]:
    """List the layers of our own model: convolutions at 28, 14 and 7 pixels to look at, in both directions.

    Up to four latent units, the decoder sees z with its Fourier features (Tancik et al. 2020, arXiv:2006.10739), so that a
    small plane can hold sharp borders, and both parts are light enough for a browser and for the frames of a timeline. With
    more units they are wider, and dropout keeps the encoder from learning the training images by heart. Larger images are
    halved further, until a side is 8 or less or odd: the dense layers do not grow with them.

    Returns:
        Encoder layers and decoder layers. The shapes beside them are for images of 28x28x1.
    """
    plane = config.latent_dim <= 4
    # more do not help two units, and cost most of an encoding
    encoder_filters = (16, 16) if plane else (32, 64)
    filters = 32 if plane else 64
    halvings = 2
    while min(side / 2**halvings for side in config.image_shape[:2]) > 8 and _divides(config, halvings + 1):
        halvings += 1
    height, width = (side // 2**halvings for side in config.image_shape[:2])
    small = (height, width, filters)
    encoder = [
        Layer("conv_1", "conv2d", 8, kernel=3, activation="relu"),  # (n, 28, 28, 8)
        *(
            Layer(f"conv_{i + 2}", "conv2d", encoder_filters[min(i, 1)], kernel=3, strides=2, activation="relu")
            for i in range(halvings)  # (n, 14, 14, 16 or 32), (n, 7, 7, 16 or 64)
        ),
        Layer("flatten", "flatten"),  # (n, 784 or 3136)
        Layer("dropout_1", "dropout", rate=config.dropout),
        Layer("dense_1", "dense", 512, activation="relu"),  # (n, 512)
        Layer("dropout_2", "dropout", rate=config.dropout),
    ]
    decoder = [
        Layer("fourier", "fourier", size=4),  # (n, latent_dim * 9)
        Layer("dense_1", "dense", 512, activation="relu"),  # (n, 512)
        Layer("dense_2", "dense", 256 if plane else 512, activation="relu"),
        Layer("dense_3", "dense", math.prod(small), activation="relu"),  # (n, 1568 or 3136)
        Layer("reshape", "reshape", target=small),  # (n, 7, 7, 32 or 64)
        *(
            Layer(f"deconv_{i + 1}", "conv2d_transpose", filters, kernel=3, strides=2, activation="relu")
            for i in range(halvings - 1)  # (n, 14, 14, 32 or 64)
        ),
        Layer(f"deconv_{halvings}", "conv2d_transpose", 8 if plane else 16, kernel=3, strides=2, activation="relu"),
    ]
    left_out = ("dropout",) if plane else ("fourier",) if config.dropout else ("fourier", "dropout")
    return [layer for layer in encoder if layer.kind not in left_out], [
        layer for layer in decoder if layer.kind not in left_out
    ]


def _divides(config: ModelConfig, halvings: int) -> bool:
    return all(side % 2**halvings == 0 for side in config.image_shape[:2])


BUILDERS: dict[str, Callable[[ModelConfig], tuple[list[Layer], list[Layer]]]] = {"classic": classic, "swift": swift}
