"""The two architectures, written as lists of layers. To add one, add a function and its name to `BUILDERS`."""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_core.config import ModelConfig
from vae_core.network import Layer, Network, Part

DARK = -0.9  # logit of 0.29, the mean pixel: the decoder starts at the mean picture's shade instead of grey


def build(config: ModelConfig) -> Network:
    """The untrained network that `config` describes."""
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
    """The textbook model (the Keras example's): 134,165 parameters at two latent units and 28x28x1."""
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


BUILDERS: dict[str, Callable[[ModelConfig], tuple[list[Layer], list[Layer]]]] = {"classic": classic}
