"""The ONNX engine against Keras, layer by layer, and on its own: slices, empty batches, threads, memory."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import onnx
import pytest

from vae_core.config import ModelConfig
from vae_core.network import engine as engines
from vae_core.network import presets
from vae_core.network.engine import Engine, start_session
from vae_core.network.layers import Layer, Network, NetworkError, Part, Weights
from vae_core.network.onnx_graph import onnx_model
from vae_core.network.schema import network_from_dict, random_weights
from vae_core.training.vae import VAE, build_part, get_weights, set_weights

TOLERANCE = 1e-5  # of the largest activation, or of 1 where all are smaller


def difference(ours: np.ndarray, theirs: Any) -> float:
    """Largest absolute difference, relative to the activations where these exceed 1."""
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    return float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max()))


def keras_activations(model: keras.Model, part: Part, batch: np.ndarray) -> dict[str, np.ndarray]:
    """Every layer's output by name, from Keras, which works by hundreds: a thousand at once would take gigabytes."""
    names = [layer.name for layer, _, _, _ in part.walk()]
    assert {layer.name for layer in model.layers if layer.weights} <= set(names)
    every = keras.Model(model.input, [model.get_layer(name).output for name in names])
    hundreds = [every(batch[start : start + 100], training=False) for start in range(0, len(batch), 100)]
    return {name: np.concatenate(outputs) for name, outputs in zip(names, zip(*hundreds, strict=True), strict=True)}


def pictures(network: Network, n: int, seed: int = 0) -> np.ndarray:
    """Soft-edged discs on black: bright and dark areas as in real pictures, unlike plain noise."""
    rng = np.random.default_rng(seed)
    height, width, channels = network.image_shape
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    centre, radius = rng.uniform(-0.4, 0.4, (n, 2, 1, 1)), rng.uniform(0.3, 0.9, (n, 1, 1))
    edge = 8 * (radius - np.hypot(rows - centre[:, 0], columns - centre[:, 1]))
    shade = rng.uniform(0.3, 1, (n, 1, 1, channels))
    return (np.clip(edge, 0, 1)[..., None] * shade).astype(np.float32)


def odd_network() -> Network:
    """What no preset need have, in one network: Fourier features, silu, dropout, an even kernel, dense in a row."""
    encoder = [
        Layer("conv_1", "conv2d", 6, kernel=4, strides=2, activation="silu"),
        Layer("dropout_1", "dropout", rate=0.4),
        Layer("conv_2", "conv2d", 5, kernel=1, strides=1),
        Layer("conv_3", "conv2d", 4, kernel=2, strides=3, activation="relu"),
        Layer("flatten", "flatten"),
        Layer("dense_1", "dense", 9, activation="silu"),
    ]
    decoder = [
        Layer("waves", "fourier", 4),
        Layer("dense_1", "dense", 12, activation="silu"),
        Layer("dense_2", "dense", 5 * 4 * 6, activation="relu"),
        Layer("dropout_1", "dropout", rate=0.2),
        Layer("reshape", "reshape", target=(5, 4, 6)),
        Layer("conv_1", "conv2d", 6, kernel=3, activation="silu"),
        Layer("deconv_1", "conv2d_transpose", 3, kernel=5, strides=4),
    ]
    heads = (Layer("z_mean", "dense", 3), Layer("z_log_var", "dense", 3))
    logits = Layer("logits", "conv2d_transpose", 1, kernel=2)
    network = Network(
        Part("encoder", (20, 16, 1), tuple(encoder), heads), Part("decoder", (3,), tuple(decoder), (logits,))
    )
    assert network_from_dict(network.to_dict()) == network
    return network


CONFIGS = {
    f"{preset}-{shape[0]}": ModelConfig(preset=preset, latent_dim=2, image_shape=shape)
    for preset in presets.BUILDERS
    for shape in ((28, 28, 1), (64, 64, 3))
}
CONFIGS["swift-16d"] = ModelConfig(latent_dim=16)  # has another decoder, and dropout


@pytest.fixture(scope="module", params=[*CONFIGS, "odd"])
def network(request: pytest.FixtureRequest) -> Network:
    return presets.build(CONFIGS[request.param]) if request.param in CONFIGS else odd_network()


@pytest.fixture(scope="module")
def vae(network: Network) -> VAE:
    return VAE(network)


@pytest.fixture(scope="module", params=["random", "trained"])
def weights(request: pytest.FixtureRequest, network: Network, vae: VAE) -> Weights:
    """Into the Keras model, and out again for the engine."""
    set_weights(vae, random_weights(network, seed=1))
    if request.param == "trained":
        vae.compile(keras.optimizers.Adam(3e-3), run_eagerly=True)  # for ten steps a graph does not pay
        vae.fit(pictures(network, 160), batch_size=16, verbose=0)
    return get_weights(vae)


@pytest.fixture(scope="module")
def classic() -> Network:
    return presets.build(ModelConfig(preset="classic"))


@pytest.fixture(scope="module")
def engine(classic: Network) -> Engine:
    return Engine(classic, random_weights(classic, seed=1), threads=1)


# --- against Keras ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_every_layer_equals_keras(network: Network, vae: VAE, weights: Weights, n: int) -> None:
    if math.prod(network.image_shape) > 10_000:
        n = min(n, 200)  # as many slices of the engine's as a thousand small ones, and in a fifth of the time
    engine = Engine(network, weights, threads=1)
    images = pictures(network, n, seed=2)
    z = np.random.default_rng(3).standard_normal((n, network.latent_dim)).astype(np.float32)
    for ours, model, part, source in (
        (engine.encoder_activations(images), vae.encoder, network.encoder, images),
        (engine.decoder_activations(z), vae.decoder, network.decoder, z),
    ):
        theirs = keras_activations(model, part, source)
        assert list(ours) == list(theirs)  # the same layers in the same order
        found = {name: difference(ours[name], theirs[name]) for name in ours}
        assert max(found.values()) <= TOLERANCE, found


def test_what_the_engine_gives_equals_keras(network: Network, vae: VAE, weights: Weights) -> None:
    engine, images = Engine(network, weights, threads=1), pictures(network, 7, seed=2)
    z_mean, z_log_var = engine.encode(images)
    expected_mean, expected_log_var = vae.encoder(images)
    assert difference(z_mean, expected_mean) <= TOLERANCE
    assert difference(z_log_var, expected_log_var) <= TOLERANCE
    logits = np.asarray(vae.decoder(z_mean))
    assert difference(engine.decode_logits(z_mean), logits) <= TOLERANCE
    assert difference(engine.decode(z_mean), 1 / (1 + np.exp(-logits))) <= TOLERANCE
    assert np.array_equal(engine.reconstruct(images), engine.decode(z_mean))


@pytest.mark.parametrize("kind", ["conv2d", "conv2d_transpose"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_same_padding_equals_keras(kind: str, strides: int, kernel: int) -> None:
    """Odd and even kernels, larger and smaller than the stride, on sides that the stride does not divide."""
    part = Part("encoder", (7, 10, 2), (), (Layer("z_mean", kind, 3, kernel, strides),))
    rng = np.random.default_rng(kernel)
    weights = {name: rng.standard_normal(shape, np.float32) for name, shape in part.weight_shapes().items()}
    images = rng.standard_normal((2, *part.input_shape), np.float32)
    model = build_part(part)
    model.set_weights(list(weights.values()))
    session = start_session(onnx_model(part, weights).SerializeToString())
    assert difference(session.run(None, {"input": images})[0], model(images)) <= TOLERANCE


# --- on its own -------------------------------------------------------------------------------------------------


def test_a_batch_in_slices_equals_one_by_one(engine: Engine, classic: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(classic, 11)
    z = np.random.default_rng(0).standard_normal((11, 2)).astype(np.float32)
    whole = [*engine.encode(images), engine.decode(z), engine.decoder_activations(z)["deconv_1"]]
    singles = [
        np.concatenate([engine.encode(image[None])[0] for image in images]),
        np.concatenate([engine.encode(image[None])[1] for image in images]),
        np.concatenate([engine.decode(row[None]) for row in z]),
        np.concatenate([engine.decoder_activations(row[None])["deconv_1"] for row in z]),
    ]
    monkeypatch.setattr(engines, "SLICE_VALUES", 4 * 28 * 28 * 32)  # four images of the decoder's largest layer
    small = Engine(classic, engine.weights, threads=2)
    lengths: list[int] = []
    run = small._in_slices
    monkeypatch.setattr(
        small,
        "_in_slices",
        lambda session, pieces: lengths.extend(len(feeds["input"]) for feeds in pieces) or run(session, pieces),
    )
    small.decode(z)
    assert lengths == [4, 4, 3]
    sliced = [*small.encode(images), small.decode(z), small.decoder_activations(z)["deconv_1"]]
    for one, two, three in zip(whole, singles, sliced, strict=True):
        assert one == pytest.approx(two, abs=1e-6)
        assert three == pytest.approx(two, abs=1e-6)


def test_one_image_is_run_even_where_its_layer_is_larger_than_a_slice(
    classic: Network, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SLICE_VALUES", 1)
    assert Engine(classic, engine.weights).decode(np.zeros((3, 2), np.float32)).shape == (3, 28, 28, 1)


def test_an_empty_batch_gives_empty_arrays(network: Network) -> None:
    """Shapes as ever, so that a filter that leaves nothing needs no special case."""
    engine = Engine(network, random_weights(network), threads=1)
    images = np.zeros((0, *network.image_shape), np.float32)
    z = np.zeros((0, network.latent_dim), np.float32)
    for array in engine.encode(images):
        assert (array.shape, array.dtype) == ((0, network.latent_dim), np.float32)
    for array in (engine.decode(z), engine.decode_logits(z), engine.reconstruct(images)):
        assert (array.shape, array.dtype) == ((0, *network.image_shape), np.float32)
    for few, one in (
        (engine.encoder_activations(images), engine.encoder_activations(np.zeros((1, *network.image_shape)))),
        (engine.decoder_activations(z), engine.decoder_activations(np.zeros((1, network.latent_dim)))),
    ):
        assert {name: array.shape[1:] for name, array in few.items()} == {
            name: array.shape[1:] for name, array in one.items()
        }


def test_pictures_are_probabilities(engine: Engine) -> None:
    z = 50 * np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    images = engine.decode(z)
    assert np.isfinite(images).all()
    assert images.min() >= 0
    assert images.max() <= 1


def test_any_layout_and_number_type_is_taken(engine: Engine, classic: Network) -> None:
    images = pictures(classic, 4)
    expected = engine.encode(images)[0]
    assert np.array_equal(engine.encode(images.astype(np.float64))[0], expected)
    assert np.array_equal(engine.encode(images[::-1][::-1])[0], expected)
    assert np.array_equal(engine.encode(np.asfortranarray(images))[0], expected)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((28, 28, 1)), r"images must have shape \(n, 28, 28, 1\), got \(28, 28, 1\). One alone needs"),
        (np.zeros((5, 28, 28)), r"images must have shape \(n, 28, 28, 1\), got \(5, 28, 28\)"),
        (np.zeros((5, 32, 32, 1)), r"images must have shape \(n, 28, 28, 1\), got \(5, 32, 32, 1\)"),
    ],
)
def test_a_wrong_shape_is_named(engine: Engine, images: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        engine.encode(images)
    with pytest.raises(ValueError, match=message):
        engine.encoder_activations(images)


@pytest.mark.parametrize("z", [np.zeros(2), np.zeros((4, 3))])
def test_a_wrong_z_is_named(engine: Engine, z: np.ndarray) -> None:
    for ask in (engine.decode, engine.decode_logits, engine.decoder_activations):
        with pytest.raises(ValueError, match=r"z must have shape \(n, 2\), got \("):
            ask(z)


def test_weights_that_do_not_fit_are_refused(classic: Network) -> None:
    weights = random_weights(classic)
    with pytest.raises(NetworkError, match="not belong to this network; missing"):
        Engine(classic, {})
    with pytest.raises(NetworkError, match="holds NaN or infinite values"):
        Engine(classic, {**weights, "encoder/conv_1/bias": np.full(32, np.nan, np.float32)})


def test_weights_of_another_number_type_are_taken(classic: Network, engine: Engine) -> None:
    """As a notebook may hand them over; ONNX Runtime itself would refuse a mixture."""
    doubles = {name: array.astype(np.float64) for name, array in engine.weights.items()}
    z = np.ones((2, 2), np.float32)
    assert np.array_equal(Engine(classic, doubles, threads=1).decode(z), engine.decode(z))


def test_an_engine_does_not_follow_its_callers_weights(classic: Network) -> None:
    weights, z = random_weights(classic), np.ones((1, 2), np.float32)
    engine = Engine(classic, weights, threads=1)
    expected = Engine(classic, random_weights(classic), threads=1).decode(z)
    weights["decoder/logits/bias"] = np.full(1, 9, np.float32)  # before the first decode builds the graph
    assert np.array_equal(engine.decode(z), expected)


def test_a_gaussian_engine_knows_its_sigma() -> None:
    network = presets.build(ModelConfig(preset="classic", likelihood="gaussian"))
    weights = random_weights(network)
    weights[Network.sigma_name] = np.array(-1.25, np.float32)
    engine = Engine(network, weights)
    assert (engine.likelihood, engine.log_sigma, engine.latent_dim) == ("gaussian", -1.25, 2)
    assert Engine(network, {**weights, Network.sigma_name: np.zeros((), np.float32)}).log_sigma == 0


def test_threads_share_one_engine(classic: Network) -> None:
    """Two visitors of the app: the first call of both builds the graph, and neither disturbs the other."""
    engine = Engine(classic, random_weights(classic, seed=1), threads=1)
    batches = [pictures(classic, 9, seed) for seed in range(8)]
    calls = [engine.reconstruct, lambda images: engine.encoder_activations(images)["conv_2"]] * 4
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda call, batch: call(batch), calls, batches))
    for call, batch, found in zip(calls, batches, together, strict=True):
        assert np.array_equal(call(batch), found)


@pytest.mark.parametrize("every", [False, True])
def test_the_graph_is_valid_onnx(network: Network, every: bool) -> None:
    weights = random_weights(network)
    for part in (network.encoder, network.decoder):
        model = onnx_model(part, weights, every=every)
        onnx.checker.check_model(model, full_check=True)  # shapes inferred and compared, too
        names = [layer.name for layer, _, _, _ in part.walk()]
        heads = [head.name for head in part.heads] + (["image"] if part.name == "decoder" else [])
        assert [output.name for output in model.graph.output] == (names if every else heads)


MEMORY = """
import sys
import numpy as np
from vae_core.network import presets
from vae_core.config import ModelConfig
from vae_core.network.engine import Engine
from vae_core.network.schema import random_weights

def kib(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field))

network = presets.build(ModelConfig(preset=sys.argv[1], latent_dim=16))
engine = Engine(network, random_weights(network), threads=2)
engine.encode(np.zeros((1, 28, 28, 1), np.float32))
idle = kib("VmRSS")
images = np.random.default_rng(0).random((10_000, 28, 28, 1), np.float32)
engine.encode(images)
print(kib("VmHWM") - idle)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from Linux' /proc")
@pytest.mark.parametrize("preset", presets.BUILDERS)
def test_ten_thousand_encodes_add_at_most_300_mb(preset: str) -> None:
    """In a process of its own; the pictures themselves (31 MB) are counted, too."""
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", MEMORY, preset], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    added = int(done.stdout) * 1024
    assert 31_000_000 < added <= 300_000_000, f"{added / 1e6:.0f} MB"  # less than the pictures: not measured
