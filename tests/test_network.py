"""The network as data: shapes, counts, JSON, and a refusal for everything that does not hold together."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pytest

from vae_core.config import ModelConfig
from vae_core.network import presets
from vae_core.network.layers import FORMAT_VERSION, Layer, Network, NetworkError
from vae_core.network.schema import check_shapes, check_weights, network_from_dict, random_weights

CONFIGS = [
    ModelConfig(preset=preset, latent_dim=latent_dim, image_shape=shape, likelihood=likelihood)
    for preset in presets.BUILDERS
    for latent_dim, shape, likelihood in (
        (2, (28, 28, 1), "bernoulli"),
        (16, (28, 28, 1), "gaussian"),
        (3, (64, 64, 3), "bernoulli"),
        (1, (8, 20, 1), "bernoulli"),
    )
]


@pytest.fixture(scope="module")
def classic() -> Network:
    return presets.build(ModelConfig(preset="classic"))


def described(network: Network) -> dict[str, Any]:
    """What a reader of network.json sees."""
    return json.loads(json.dumps(network.to_dict()))


# --- what is right ----------------------------------------------------------------------------------------------


def test_classic_is_the_reference_projects_model(classic: Network) -> None:
    assert classic.parameters() == 134_165
    assert classic.encoder.multiply_adds() == 14 * 14 * 9 * 32 + 7 * 7 * 9 * 32 * 64 + 3136 * 16 + 2 * 16 * 2
    assert classic.decoder.multiply_adds() == 2 * 3136 + 49 * 9 * 64 * 64 + 196 * 9 * 64 * 32 + 784 * 9 * 32


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_preset_fits_every_shape(config: ModelConfig) -> None:
    network = presets.build(config)
    assert network.latent_dim == config.latent_dim
    assert network.image_shape == config.image_shape
    assert network.likelihood == config.likelihood
    assert network.decoder.walk()[-1][3] == config.image_shape
    assert [row[3] for row in network.encoder.walk()[-2:]] == [(config.latent_dim,)] * 2
    assert network.parameters() == sum(array.size for array in random_weights(network).values())


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_network_survives_json(config: ModelConfig) -> None:
    network = presets.build(config)
    again = network_from_dict(described(network))
    assert again == network
    assert again.weight_shapes() == network.weight_shapes()
    assert list(again.weight_shapes()) == list(network.weight_shapes())  # the order counts for exports


def test_json_spells_out_what_a_reader_need_not_compute(classic: Network) -> None:
    decoder = described(classic)["decoder"]
    rows = {row["name"]: row for row in (*decoder["layers"], *decoder["heads"])}
    assert rows["deconv_1"]["output_shape"] == [14, 14, 64]
    assert rows["deconv_1"]["input"] == "reshape"
    assert rows["logits"]["output_shape"] == [28, 28, 1]


def test_both_heads_read_the_last_layer(classic: Network) -> None:
    assert [before for _, before, _, _ in classic.encoder.walk()] == [
        *("input", "conv_1", "conv_2", "flatten"),
        *("dense_1", "dense_1"),
    ]


def test_only_a_gaussian_network_has_a_sigma() -> None:
    plain = presets.build(ModelConfig(preset="classic"))
    gaussian = presets.build(ModelConfig(preset="classic", likelihood="gaussian"))
    assert gaussian.weight_shapes() == {**plain.weight_shapes(), Network.sigma_name: ()}
    assert gaussian.parameters() == plain.parameters() + 1


@pytest.mark.parametrize(
    ("layer", "before", "after", "weights", "multiply_adds"),
    [
        (Layer("a", "conv2d", 8, kernel=3, strides=2), (7, 9, 2), (4, 5, 8), (3, 3, 2, 8), 4 * 5 * 144),
        (Layer("a", "conv2d_transpose", 8, 3, 2), (7, 9, 2), (14, 18, 8), (3, 3, 8, 2), 7 * 9 * 144),
        (Layer("a", "dense", 5), (7,), (5,), (7, 5), 35),
        (Layer("a", "fourier", 4), (2,), (18,), None, 0),
        (Layer("a", "flatten"), (7, 9, 2), (126,), None, 0),
        (Layer("a", "reshape", target=(3, 7, 6)), (126,), (3, 7, 6), None, 0),
        (Layer("a", "dropout", rate=0.5), (7, 9, 2), (7, 9, 2), None, 0),
    ],
)
def test_a_layer_knows_its_shapes(layer: Layer, before: Any, after: Any, weights: Any, multiply_adds: int) -> None:
    assert layer.output_shape(before) == after
    assert layer.weight_shapes(before) == ({"kernel": weights, "bias": (layer.size,)} if weights else {})
    assert layer.multiply_adds(before) == multiply_adds


def test_random_weights_are_seeded_and_scaled(classic: Network) -> None:
    weights, again, other = (random_weights(classic, seed) for seed in (0, 0, 1))
    check_weights(classic, weights)
    name = "decoder/dense_1/kernel"
    assert all(array.dtype == np.float32 for array in weights.values())
    assert np.array_equal(weights[name], again[name])
    assert not np.array_equal(weights[name], other[name])
    kernel = weights["decoder/deconv_1/kernel"]  # Glorot: variance 2 / (fan in + fan out)
    assert kernel.std() == pytest.approx(math.sqrt(2 / (9 * 128)), rel=0.02)


# --- what is refused --------------------------------------------------------------------------------------------


def spoil(values: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of a description with one value changed; `...` takes the value away."""
    values = copy.deepcopy(values)
    holder: Any = values
    for step in path[:-1]:
        holder = holder[step]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return values


CONV, DENSE, RESHAPE = ("encoder", "layers", 0), ("decoder", "layers", 0), ("decoder", "layers", 1)
ODD = [
    (("format_version",), FORMAT_VERSION + 1, r"written in format 2, this program reads up to 1\. Update VAE"),
    (("format_version",), ..., "format_version must be a whole number from 1, got None"),
    (("format_version",), "1", "format_version must be a whole number from 1, got '1'"),
    (("format_version",), 0, "format_version must be a whole number from 1, got 0"),
    (("likelihood",), "poisson", "likelihood must be bernoulli or gaussian, got 'poisson'"),
    (("decoder",), ..., "the decoder is not described as expected"),
    (("decoder",), [], "the decoder is not described as expected"),
    (("encoder", "layers"), 7, "the encoder is not described as expected"),
    (("encoder", "layers"), ["conv_1"], "the encoder is not described as expected"),
    (("encoder", "heads"), ..., "the encoder is not described as expected"),
    ((*CONV, "kind"), ..., "the encoder is not described as expected"),
    (("encoder", "input_shape"), [28, 28], "encoder input_shape must be 1 or 3 whole numbers"),
    (("encoder", "input_shape"), [28, 28, -1], "encoder input_shape must be 1 or 3 whole numbers"),
    (("encoder", "input_shape"), [10**9, 28, 1], r"encoder input_shape must be 1 or 3 whole numbers in 1\.\.4096"),
    (("decoder", "input_shape"), [2.0], "decoder input_shape must be 1 or 3 whole numbers"),
    (("decoder", "input_shape"), [], "decoder input_shape must be 1 or 3 whole numbers"),
    # Names end up in weight names, graph tensors and file headers.
    ((*CONV, "name"), "../conv", "layer '../conv': a name is lower-case letters, digits and underscores"),
    ((*CONV, "name"), "conv_1\n", "a name is lower-case letters"),
    ((*CONV, "name"), "", "a name is lower-case letters"),
    ((*CONV, "name"), 5, "a name is lower-case letters"),
    ((*CONV, "name"), "c" * 65, "a name is lower-case letters"),
    ((*CONV, "name"), "input", "and not 'input'"),
    ((*DENSE, "name"), "image", "and not 'input' or 'image'"),
    ((*CONV, "name"), "conv_2", "the encoder has two layers of one name"),
    ((*DENSE, "name"), "logits", "the decoder has two layers of one name"),
    ((*CONV, "kind"), "Lambda", "layer 'conv_1': kind must be one of conv2d, .*, got 'Lambda'"),
    ((*CONV, "kind"), ["conv2d"], "kind must be one of"),
    ((*CONV, "activation"), "exec", "activation must be one of linear, relu, silu, got 'exec'"),
    # Keras would look an initialiser up by name, or rebuild it from a description.
    ((*CONV, "kernel_init"), {"module": "os", "class_name": "system"}, "kernel_init must be one of"),
    ((*CONV, "kernel_init"), "os.system", "kernel_init must be one of glorot_uniform, .*, got 'os.system'"),
    ((*CONV, "bias_init"), "zeros", "bias_init must be a number in -1e6..1e6, got 'zeros'"),
    ((*CONV, "bias_init"), math.nan, "bias_init must be a number in -1e6..1e6, got nan"),
    ((*CONV, "bias_init"), 10**400, "bias_init must be a number in -1e6..1e6, got 1000"),
    ((*CONV, "size"), 0, "layer 'conv_1': size must be at least 1"),
    ((*CONV, "size"), -5, r"size must be a whole number in 0\.\.1000000, got -5"),
    ((*CONV, "size"), 32.0, r"size must be a whole number in 0\.\.1000000, got 32\.0"),
    ((*CONV, "size"), True, r"size must be a whole number in 0\.\.1000000, got True"),
    ((*CONV, "kernel"), 0, "kernel must be at least 1"),
    ((*CONV, "kernel"), 99, r"kernel must be a whole number in 0\.\.31, got 99"),
    ((*CONV, "strides"), 0, r"strides must be a whole number in 1\.\.8, got 0"),
    ((*CONV, "rate"), 1, "rate must be in 0"),
    ((*CONV, "rate"), "0", "rate must be in 0"),
    ((*CONV, "target"), 5, "the encoder is not described as expected"),
    # Shapes that do not follow from one another.
    ((*CONV, "kind"), "dense", r"layer 'conv_1' \(dense\) cannot take an input of shape \(28, 28, 1\)"),
    (
        DENSE,
        {"name": "dense_1", "kind": "conv2d", "size": 4, "kernel": 3},
        r"layer 'dense_1' \(conv2d\) cannot take an input of shape \(2,\)",
    ),
    ((*RESHAPE, "target"), [7, 7, 63], r"layer 'reshape' cannot reshape \(3136,\) to \(7, 7, 63\)"),
    ((*RESHAPE, "target"), [-7, -7, 64], "that is no shape this program can hold"),
    ((*RESHAPE, "target"), [49, 64], "that is no shape this program can hold"),
    ((*RESHAPE, "target"), [], "that is no shape this program can hold"),
    ((*RESHAPE, "target"), [10**6, 10**6, 10**6], "that is no shape this program can hold"),
    (("decoder", "input_shape"), [3], r"the encoder gives \[\(2,\)\], the decoder takes \(3,\)"),
    (("decoder", "layers", 3, "strides"), 1, "the decoder's pictures do not have the shape"),
    (("encoder", "heads", 0, "name"), "mean", "the encoder must end in z_mean and z_log_var"),
    (("encoder", "heads"), [], "the encoder must end in z_mean and z_log_var"),
    (("encoder", "heads", 1, "size"), 3, "the encoder gives"),
]


@pytest.mark.parametrize(("path", "value", "message"), ODD, ids=lambda part: str(part)[:40])
def test_an_odd_description_is_refused(classic: Network, path: Any, value: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        network_from_dict(spoil(described(classic), path, value))


@pytest.mark.parametrize("octaves", [0, 17, 1_000_000])
def test_octaves_beyond_float32_are_refused(classic: Network, octaves: int) -> None:
    values = described(classic)
    values["decoder"]["layers"].insert(0, {"name": "waves", "kind": "fourier", "size": octaves})
    with pytest.raises(NetworkError, match=rf"layer 'waves': size must be 1\.\.16 octaves, got {octaves}"):
        network_from_dict(values)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*CONV, "size"), 1_000_000, r"layer 'conv_1' would give \(14, 14, 1000000\)"),
        ((*DENSE, "size"), 1_000_000, r"layer 'reshape' cannot reshape"),
        (("encoder", "layers", 3, "size"), 1_000_000, r"3,141,083,909 parameters; the limit is 80,000,000"),
        (("decoder", "layers", 2, "size"), 1_000_000, r"layer 'deconv_1' would give \(14, 14, 1000000\)"),
    ],
)
def test_huge_sizes_are_refused_before_anything_is_allocated(
    classic: Network, path: Any, value: Any, message: str
) -> None:
    import tracemalloc

    values = spoil(described(classic), path, value)
    tracemalloc.start()
    try:
        with pytest.raises(NetworkError, match=message):
            network_from_dict(values)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_weights_that_do_not_belong_are_named(classic: Network) -> None:
    weights = random_weights(classic)
    name = "encoder/conv_1/bias"
    short = {key: array for key, array in weights.items() if key != name}
    with pytest.raises(NetworkError, match=rf"missing \['{name}'\], not expected \[\]"):
        check_weights(classic, short)
    with pytest.raises(NetworkError, match=r"missing \[\], not expected \['decoder/extra/kernel'\]"):
        check_weights(classic, {**weights, "decoder/extra/kernel": np.zeros(3, np.float32)})
    with pytest.raises(NetworkError, match=rf"file: {name} has shape \(31,\), network.json says \(32,\)"):
        check_shapes(classic, {**classic.weight_shapes(), name: (31,)}, "file")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(classic: Network, bad: float) -> None:
    weights = random_weights(classic)
    weights["decoder/logits/kernel"][1, 1, 0, 5] = bad
    with pytest.raises(NetworkError, match=r"decoder/logits/kernel holds NaN or infinite values\. The run diverged"):
        check_weights(classic, weights)
