"""Feature maps: which layers, which picture, which order. On a numpy fake, and on the engine itself."""

import numpy as np
import pytest

from vae_core.analysis import activations
from vae_core.config import ModelConfig
from vae_core.network.presets import build

IMAGE = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4, 1)


class Fake:
    """Two convolutions and a dense layer whose answers are known."""

    latent_dim, image_shape = 2, (4, 4, 1)

    def encode(self, images):
        return images.reshape(len(images), 2, 8).mean(axis=2), np.zeros((len(images), 2), np.float32)

    def encoder_activations(self, images):
        half = images[:, ::2, ::2]
        return {"conv_1": np.concatenate([half, 2 * half], axis=3), "dense_1": np.ones((len(images), 5), np.float32)}

    def decoder_activations(self, z):
        flat = np.ones((len(z), 4, 4, 1), np.float32) * z[:, :1, None, None]
        return {"dense_1": np.ones((len(z), 3), np.float32), "deconv_1": flat}


def test_only_convolutions_are_given_without_a_batch_axis():
    maps = activations.feature_maps(Fake(), IMAGE)
    assert list(maps) == ["conv_1"]
    np.testing.assert_array_equal(maps["conv_1"][..., 1], 2 * IMAGE[::2, ::2, 0])


def test_the_decoder_starts_from_z_mean_or_from_a_z():
    of_image = activations.feature_maps(Fake(), IMAGE, "decoder")["deconv_1"]
    np.testing.assert_allclose(of_image, IMAGE.reshape(2, 8)[0].mean(), rtol=1e-6)
    of_z = activations.feature_maps(Fake(), part="decoder", z=np.array([7.0, 0.0]))["deconv_1"]
    assert of_z.shape == (4, 4, 1) and (of_z == 7).all()


def test_layer_names():
    assert activations.layer_names(Fake()) == ("conv_1",)
    assert activations.layer_names(Fake(), "decoder") == ("deconv_1",)


def test_the_engines_reshape_is_no_convolution():
    from vae_core.network.engine import Engine

    network = build(ModelConfig("classic"))
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in network.weight_shapes().items()}
    engine = Engine(network, weights, threads=1)
    assert activations.layer_names(engine) == ("conv_1", "conv_2")
    assert activations.layer_names(engine, "decoder") == ("deconv_1", "deconv_2", "logits")
    maps = activations.feature_maps(engine, rng.random((28, 28, 1), np.float32))
    assert [array.shape for array in maps.values()] == [(14, 14, 32), (7, 7, 64)]
    assert all((array >= 0).all() and array.max() > 0 for array in maps.values())


def test_channels_are_ordered_by_strength():
    rng = np.random.default_rng(0)
    maps = np.stack([np.full((5, 5), -3.0), rng.normal(0, 1, (5, 5)), np.zeros((5, 5)), np.eye(5) * 9], axis=2)
    np.testing.assert_allclose(activations.channel_strength(maps, "mean")[[0, 2, 3]], [3, 0, 9 / 5])
    np.testing.assert_allclose(activations.channel_strength(maps, "max")[[0, 2, 3]], [3, 0, 9])
    np.testing.assert_allclose(activations.channel_strength(maps, "variance"), maps.var(axis=(0, 1)))
    assert list(activations.channel_order(maps, "mean")) == [0, 3, 1, 2]
    assert list(activations.channel_order(maps, "max")) == [3, 0, 1, 2]
    assert list(activations.channel_order(maps, "variance")) == [3, 1, 0, 2]  # equal ones keep their order


def test_one_map_for_a_layer():
    maps = np.random.default_rng(0).normal(size=(3, 4, 6))
    np.testing.assert_allclose(activations.over_channels(maps), maps.mean(axis=2))
    np.testing.assert_array_equal(activations.over_channels(maps, "max"), maps.max(axis=2))


class Broken(Fake):
    def encoder_activations(self, images):
        return {"conv_1": np.full((1, 2, 2, 1), np.nan, np.float32)}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: activations.feature_maps(Fake(), IMAGE, "middle"), "part must be one of encoder, decoder"),
        (lambda: activations.feature_maps(Fake()), "need an image and no z"),
        (lambda: activations.feature_maps(Fake(), IMAGE, z=np.zeros(2)), "choose part='decoder'"),
        (lambda: activations.feature_maps(Fake(), part="decoder"), "either an image or a z"),
        (lambda: activations.feature_maps(Fake(), IMAGE, "decoder", np.zeros(2)), "not both"),
        (lambda: activations.feature_maps(Fake(), IMAGE[None]), r"shape \(4, 4, 1\), got \(1, 4, 4, 1\)"),
        (lambda: activations.feature_maps(Fake(), IMAGE * 255), "Divide uint8"),
        (lambda: activations.feature_maps(Fake(), IMAGE * np.nan), "no NaN"),
        (lambda: activations.feature_maps(Fake(), part="decoder", z=np.zeros(3)), r"z must have shape \(2,\)"),
        (lambda: activations.feature_maps(Broken(), IMAGE), "layer conv_1 gives NaN"),
        (lambda: activations.channel_strength(np.zeros((2, 2))), r"\(h, w, channels\), got \(2, 2\)"),
        (lambda: activations.channel_order(np.zeros((2, 2, 1)), "median"), "by must be one of"),
        (lambda: activations.over_channels(np.zeros((2, 2, 1)), "sum"), "by must be"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_summaries_come_first_and_stay_within_the_layer():
    maps = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
    summarised = activations.with_summaries(maps)
    assert summarised.shape == (3, 4, 8) and summarised.dtype == np.float32
    np.testing.assert_allclose(summarised[..., 0], maps.mean(axis=2), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(summarised[..., 1], maps.max(axis=2))
    np.testing.assert_array_equal(summarised[..., 2:], maps)
    assert summarised.min() == maps.min() and summarised.max() == maps.max()
