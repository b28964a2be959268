"""The engine's gradients and directional derivatives against TensorFlow's, on both presets and on a network of every layer kind."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_core.config import ModelConfig
from vae_core.network import presets
from vae_core.network.engine import Engine
from vae_core.network.layers import Layer, Network, Part
from vae_core.network.schema import random_weights
from vae_core.training.keras_export import to_keras


def odd() -> Network:
    """Every kind of layer and activation, strides that leave a rest, kernels smaller than their strides."""
    encoder = (
        Layer("conv_1", "conv2d", 5, kernel=3, strides=2, activation="silu"),
        Layer("up", "conv2d_transpose", 4, kernel=3, strides=2, activation="relu"),
        Layer("conv_2", "conv2d", 6, kernel=2, strides=3, activation="relu"),
        Layer("flatten", "flatten"),
        Layer("dropout_1", "dropout", rate=0.3),
        Layer("dense_1", "dense", 9, activation="silu"),
        Layer("waves", "fourier", size=2),
    )
    decoder = (
        Layer("fourier", "fourier", size=3),
        Layer("dense_1", "dense", 5 * 4 * 3, activation="silu"),
        Layer("reshape", "reshape", target=(5, 4, 3)),
        Layer("deconv_1", "conv2d_transpose", 4, kernel=2, strides=3, activation="relu"),
    )
    heads = (Layer("z_mean", "dense", 3), Layer("z_log_var", "dense", 3))
    logits = Layer("logits", "conv2d_transpose", 2, kernel=3)
    return Network(Part("encoder", (15, 12, 2), encoder, heads), Part("decoder", (3,), decoder, (logits,)))


NETWORKS = {
    "classic": lambda: presets.build(ModelConfig("classic", 2)),
    "swift": lambda: presets.build(ModelConfig("swift", 2)),
    "swift, 16 units": lambda: presets.build(ModelConfig("swift", 16)),
    "classic, 64x64x3": lambda: presets.build(ModelConfig("classic", 8, image_shape=(64, 64, 3))),
    "swift, 64x64x3": lambda: presets.build(ModelConfig("swift", 2, image_shape=(64, 64, 3))),
    "odd": odd,
}


@pytest.fixture(params=list(NETWORKS), scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    network = NETWORKS[request.param]()
    return Engine(network, random_weights(network, 3), threads=1)


@pytest.fixture(scope="module")
def models(engine: Engine) -> tuple[keras.Model, keras.Model]:
    return to_keras(engine.network, engine.weights)


def near(ours: np.ndarray, theirs: tf.Tensor) -> None:
    expected = theirs.numpy()
    assert ours.shape == expected.shape and ours.dtype == np.float32
    assert np.abs(ours - expected).max() <= 1e-4 * max(1e-3, float(np.abs(expected).max()))
    assert np.abs(expected).max() > 1e-4


def draws(engine: Engine, n: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z, other = rng.normal(size=(2, n, engine.latent_dim)).astype(np.float32)
    return rng.random((n, *engine.image_shape), np.float32), z, other


def test_the_encoder_s_gradient_is_tensorflow_s(engine: Engine, models: tuple[keras.Model, keras.Model]) -> None:
    images, by_mean, by_log_var = draws(engine)
    x = tf.constant(images)
    names = [layer.name for layer in engine.network.encoder.layers if layer.kind.startswith("conv")]
    every = keras.Model(models[0].input, [*(models[0].get_layer(name).output for name in names), *models[0].outputs])
    with tf.GradientTape() as tape:
        tape.watch(x)
        *layers, z_mean, z_log_var = every(x, training=False)
        target = tf.reduce_sum(z_mean * by_mean) + tf.reduce_sum(z_log_var * by_log_var)
    gradients = tape.gradient(target, [x, *layers])
    near(engine.encoder_gradient(images, by_mean, by_log_var), gradients[0])
    ours = engine.encoder_layer_gradients(images, by_mean, by_log_var)
    assert list(ours) == names
    for (values, gradient), theirs, by_theirs in zip(ours.values(), layers, gradients[1:], strict=True):
        near(values, theirs)
        near(gradient, by_theirs)


def test_the_decoder_s_derivatives_are_tensorflow_s(engine: Engine, models: tuple[keras.Model, keras.Model]) -> None:
    by_logits, z, direction = draws(engine)
    at = tf.constant(z)
    with tf.GradientTape() as tape, tf.autodiff.ForwardAccumulator(at, tf.constant(direction)) as forwards:
        tape.watch(at)
        logits = models[1](at, training=False)
        target = tf.reduce_sum(logits * by_logits)
    near(engine.decoder_gradient(z, by_logits), tape.gradient(target, at))
    near(engine.decoder_derivative(z, direction), forwards.jvp(logits))


def test_the_kl_s_gradient_is_tensorflow_s(engine: Engine, models: tuple[keras.Model, keras.Model]) -> None:
    images, *_ = draws(engine)
    x = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z_mean, z_log_var = models[0](x, training=False)
        kl = tf.reduce_sum(z_mean**2 + tf.exp(z_log_var) - 1 - z_log_var, axis=1) / 2
    near(engine.kl_gradient(images)[1], tape.gradient(kl, x))


def test_shapes_that_do_not_fit_are_named_and_empty_batches_go_through(engine: Engine) -> None:
    images, z, _ = draws(engine, 2)
    with pytest.raises(ValueError, match="by_z_mean must have shape"):
        engine.encoder_gradient(images, z[:, :1, None], z)
    assert engine.encoder_gradient(images[:0], z[:0], z[:0]).shape == (0, *engine.image_shape)
    assert engine.decoder_derivative(z[:0], z[:0]).shape == (0, *engine.image_shape)
