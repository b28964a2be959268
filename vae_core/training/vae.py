"""The variational autoencoder in Keras: sampling, encoder, decoder, and the loss, term by term.

    z_mean, z_log_var = encoder(x)
    z = z_mean + exp(z_log_var / 2) * epsilon,  epsilon ~ N(0, 1)
    loss = reconstruction_loss(x, decoder(z)) + beta * kl_loss(z_mean, z_log_var)

Both terms are in nats, summed over pixels and over latent units, and averaged over the batch
(Kingma & Welling 2014, arXiv:1312.6114). Only `keras` is used, so the file reads the same on every backend.

>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets
>>> vae = VAE(presets.build(ModelConfig("classic", image_shape=(8, 8, 1))))
>>> outputs = vae(np.zeros((5, 8, 8, 1), np.float32))
>>> outputs["logits"].shape, outputs["z_mean"].shape
(TensorShape([5, 8, 8, 1]), TensorShape([5, 2]))
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from vae_core.network.layers import Layer, Network, Part, Weights
from vae_core.network.schema import check_weights

MIN_LOG_SIGMA = -6.0  # keeps a perfect fit from dividing by zero, as Rybkin et al. do


class Sampling(layers.Layer):
    """Layer of the reparameterization trick, z = z_mean + exp(z_log_var / 2) * epsilon.

    While training each call draws fresh noise; otherwise the noise is fixed, so that two evaluations compare.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        """Draw noise from a seed; the other arguments are those of any Keras layer."""
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, z_mean: Any, z_log_var: Any, training: bool = False) -> Any:
        """Draw z.

        Args:
            z_mean: (n, latent_dim).
            z_log_var: (n, latent_dim).
            training: Whether the noise is fresh.

        Returns:
            z, (n, latent_dim).
        """
        epsilon = keras.random.normal(ops.shape(z_mean), seed=self.generator if training else self.seed)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


def bernoulli_loss(images: Any, logits: Any) -> Any:
    """Compute the binary cross-entropy of each image, summed over pixels.

    On logits, in the form max(l, 0) - l x + log(1 + exp(-|l|)), which neither overflows nor clips.

    Args:
        images: (n, h, w, c) in [0, 1].
        logits: (n, h, w, c).

    Returns:
        Nats, (n,).
    """
    per_pixel = ops.relu(logits) - logits * images + ops.log1p(ops.exp(-ops.abs(logits)))  # (n, h, w, c)
    return ops.sum(per_pixel, axis=(1, 2, 3))  # (n,)


def gaussian_loss(images: Any, logits: Any, log_sigma: Any) -> Any:
    """Compute -log N(x; sigmoid(logits), sigma^2) of each image, summed over pixels.

    A density, so it may be negative. The mean is a sigmoid because pixels lie in [0, 1].

    Args:
        images: (n, h, w, c) in [0, 1].
        logits: (n, h, w, c).
        log_sigma: Natural logarithm of the standard deviation that all pixels share, a scalar.

    Returns:
        Nats, (n,).
    """
    squared = ops.square(images - ops.sigmoid(logits))  # (n, h, w, c)
    per_pixel = 0.5 * squared * ops.exp(-2.0 * log_sigma) + log_sigma + 0.5 * math.log(2 * math.pi)
    return ops.sum(per_pixel, axis=(1, 2, 3))  # (n,)


def optimal_log_sigma(images: Any, logits: Any) -> Any:
    """Compute the log of the sigma that fits a batch best, its root mean squared error (Rybkin et al. 2020), a scalar.

    Args:
        images: (n, h, w, c) in [0, 1].
        logits: (n, h, w, c).
    """
    squared = ops.square(images - ops.sigmoid(logits))  # (n, h, w, c)
    return ops.maximum(0.5 * ops.log(ops.mean(squared) + 1e-12), MIN_LOG_SIGMA)


def kl_per_unit(z_mean: Any, z_log_var: Any) -> Any:
    """Compute KL(N(z_mean, exp(z_log_var)) || N(0, 1)) of each latent unit (Kingma & Welling 2014, appendix B).

    Args:
        z_mean: (n, latent_dim).
        z_log_var: (n, latent_dim).

    Returns:
        Nats, (n, latent_dim).
    """
    return 0.5 * (ops.square(z_mean) + ops.exp(z_log_var) - 1.0 - z_log_var)


def build_part(part: Part) -> keras.Model:
    """Build a functional Keras model of the encoder or the decoder, layer by layer, under the same names."""
    source = keras.Input(part.input_shape, name="input")
    x = source
    for layer in part.layers:
        x = _apply_layer(layer, x)
    heads = [_apply_layer(head, x) for head in part.heads]
    return keras.Model(source, heads if len(heads) > 1 else heads[0], name=part.name)


def _apply_layer(layer: Layer, x: Any) -> Any:
    if layer.kind == "flatten":
        return layers.Flatten(name=layer.name)(x)
    if layer.kind == "reshape":
        return layers.Reshape(layer.target, name=layer.name)(x)
    if layer.kind == "dropout":
        return layers.Dropout(layer.rate, name=layer.name)(x)
    if layer.kind == "fourier":
        # z beside sin and cos of z * 2^i / 2, so that a small dense stack can draw sharp borders in z
        # (Tancik et al. 2020, arXiv:2006.10739). Stock operations: a saved model loads without this package.
        waves = [wave for i in range(layer.size) for wave in (ops.sin(x * (2.0**i / 2)), ops.cos(x * (2.0**i / 2)))]
        return layers.Concatenate(name=layer.name)([x, *waves])  # (n, latent_dim * (1 + 2 * octaves))
    shared = {
        "activation": layer.activation,
        "kernel_initializer": layer.kernel_init,
        "bias_initializer": keras.initializers.Constant(layer.bias_init),
        "name": layer.name,
    }
    if layer.kind == "dense":
        return layers.Dense(layer.size, **shared)(x)
    convolution = layers.Conv2D if layer.kind == "conv2d" else layers.Conv2DTranspose
    return convolution(layer.size, layer.kernel, strides=layer.strides, padding="same", **shared)(x)


class VAE(keras.Model):
    """Encoder, sampling and decoder with the loss; trains with stock `compile(optimizer)` and `fit(images)`.

    Attributes:
        network: The layers.
        encoder: Functional model from images to z_mean and z_log_var.
        decoder: Functional model from z to logits.
        sampling: From z_mean and z_log_var to z.
        free_bits: Nats per unit, as in `TrainingConfig`.
        kl_warmup_steps: Batches over which the weight of the KL term rises from 0.
        beta: Weight of the KL term, a variable that can be turned while training.
        log_sigma: The Gaussian likelihood's log sigma, a variable; a moving average of the batches' optima.
        terms: Sums of [images, reconstruction nats, KL nats of each unit] since it was last zeroed, (2 + latent_dim,).
        trackers: Keras metrics of the two terms.
    """

    def __init__(
        self, network: Network, *, beta: float = 1.0, free_bits: float = 0.0, kl_warmup_steps: int = 0, seed: int = 0
    ) -> None:
        """Build the layers, with weights as their initializers draw them."""
        super().__init__(name="vae")
        self.network = network
        self.encoder = build_part(network.encoder)
        self.decoder = build_part(network.decoder)
        self.sampling = Sampling(seed)
        self.free_bits, self.kl_warmup_steps = free_bits, kl_warmup_steps
        constant = keras.initializers.Constant
        self.beta = self.add_weight(shape=(), initializer=constant(beta), trainable=False, name="beta")
        self.log_sigma = self.add_weight(
            shape=(), initializer=constant(-1.0), trainable=False, name="log_sigma", aggregation="mean"
        )
        self.terms = self.add_weight(
            shape=(2 + network.latent_dim,), initializer="zeros", trainable=False, name="terms", aggregation="sum"
        )
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("reconstruction_loss", "kl_loss")}
        self.built = True

    def call(self, images: Any, training: bool = False) -> dict[str, Any]:
        """Encode, draw z and decode.

        Args:
            images: (n, h, w, c) in [0, 1].
            training: Whether noise is fresh and dropout is on.

        Returns:
            "logits" (n, h, w, c), "z_mean" and "z_log_var" (n, latent_dim).
        """
        z_mean, z_log_var = self.encoder(images, training=training)
        z = self.sampling(z_mean, z_log_var, training=training)  # (n, latent_dim)
        return {"logits": self.decoder(z, training=training), "z_mean": z_mean, "z_log_var": z_log_var}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Compute loss = reconstruction_loss + beta * kl_loss, a scalar in nats per image.

        Args:
            x: Images (n, h, w, c) in [0, 1].
            y: Ignored.
            y_pred: What `call` gave for them.
            sample_weight: Ignored.
            training: Whether KL warm-up and free bits apply, and the terms are added up.
        """
        if self.network.likelihood == "gaussian":
            log_sigma = self._current_log_sigma(x, y_pred["logits"], training)
            reconstruction = gaussian_loss(x, y_pred["logits"], log_sigma)  # (n,)
        else:
            reconstruction = bernoulli_loss(x, y_pred["logits"])  # (n,)
        units = kl_per_unit(y_pred["z_mean"], y_pred["z_log_var"])  # (n, latent_dim)
        kl = ops.sum(units, axis=1)  # (n,)
        self.trackers["reconstruction_loss"].update_state(reconstruction)
        self.trackers["kl_loss"].update_state(kl)
        weight, pushed = self.beta + 0.0, ops.mean(kl)
        if training:
            images = ops.cast(ops.shape(kl)[0], "float32")
            sums = [ops.reshape(images, (1,)), ops.sum(reconstruction, keepdims=True), ops.sum(units, axis=0)]
            self.terms.assign_add(ops.concatenate(sums))  # (2 + latent_dim,)
            if self.kl_warmup_steps:
                weight = weight * ops.minimum(
                    1.0, ops.cast(self.optimizer.iterations, "float32") / self.kl_warmup_steps
                )
            if self.free_bits:
                pushed = ops.sum(ops.maximum(ops.mean(units, axis=0), self.free_bits))
        # Gradients are summed over the machines' devices, so each device answers for its share of the mean.
        replicas = getattr(getattr(self, "distribute_strategy", None), "num_replicas_in_sync", 1)
        return (ops.mean(reconstruction) + weight * pushed) / replicas

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Do nothing: all is built. On several devices Keras would take a batch of the data to see that, and lose it."""

    def _current_log_sigma(self, images: Any, logits: Any, training: bool) -> Any:
        """Return this batch's optimum while training; otherwise its moving average, which is kept with the weights."""
        if not training:
            return self.log_sigma + 0.0
        best = optimal_log_sigma(images, logits)
        self.log_sigma.assign(0.99 * self.log_sigma + 0.01 * ops.stop_gradient(best))
        return best


def get_weights(vae: VAE) -> Weights:
    """Copy the trained weights: float32 arrays by full name, as `vae_core.network.layers` describes them."""
    return {name: np.asarray(variable.numpy(), np.float32) for name, variable in named_variables(vae).items()}


def set_weights(vae: VAE, weights: Weights) -> None:
    """Put weights into a model.

    Args:
        vae: The model.
        weights: Arrays by full name.

    Raises:
        NetworkError: The weights do not belong to its network, or are not finite.
    """
    check_weights(vae.network, weights)
    for name, variable in named_variables(vae).items():
        variable.assign(weights[name])


def named_variables(vae: VAE) -> dict[str, Any]:
    """Map each full weight name to its Keras variable, in the order of `Network.weight_shapes`."""
    variables: dict[str, Any] = {}
    for name in vae.network.weight_shapes():
        if name == Network.sigma_name:
            variables[name] = vae.log_sigma
            continue
        part, layer, key = name.split("/")
        variables[name] = getattr(getattr(vae, part).get_layer(layer), key)
    return variables
