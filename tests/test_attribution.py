"""Attribution maps against what is known: linear encoders, completeness, untouched regions, and the check by random weights."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from vae_core.analysis.attribution import drawing, maps
from vae_core.analysis.attribution.dual import unit_effects
from vae_core.analysis.attribution.maps import MapSettings, attribute
from vae_core.analysis.attribution.sanity import randomisation_check, rank_correlation, smoothness
from vae_core.analysis.attribution.strongest import Box, receptive_field, strongest_images
from vae_core.analysis.attribution.targets import Target
from vae_core.checkpoints import store
from vae_core.config import ModelConfig
from vae_core.datasets.drawn import wardrobe
from vae_core.network.engine import Engine
from vae_core.network.layers import Layer, Network, Part
from vae_core.network.presets import build
from vae_core.network.schema import random_weights

SHAPE = (6, 5, 2)
TARGETS = ("z0", "-z1", "log_var:1", "kl:0", "kl", "reconstruction")


def clothes(n: int) -> np.ndarray:
    return wardrobe.draw(n)[0].astype(np.float32) / 255


def linear() -> Engine:
    """z_mean = W x + b and z_log_var = V x + c; the decoder is linear in its logits."""
    heads = (Layer("z_mean", "dense", 2), Layer("z_log_var", "dense", 2))
    decoder = (Layer("dense_1", "dense", math.prod(SHAPE)), Layer("reshape", "reshape", target=SHAPE))
    network = Network(
        Part("encoder", SHAPE, (Layer("flatten", "flatten"),), heads),
        Part("decoder", (2,), decoder, (Layer("logits", "conv2d_transpose", 2, kernel=1),)),
    )
    weights = random_weights(network, 1)
    weights["decoder/logits/kernel"] = np.eye(2, dtype=np.float32)[None, None]
    return Engine(network, weights, threads=1)


def random_engine(model: ModelConfig, likelihood: str = "bernoulli", seed: int = 0) -> Engine:
    network = replace(build(model), likelihood=likelihood)
    weights = random_weights(network, seed)
    if likelihood == "gaussian":
        weights[Network.sigma_name] = np.float32(-1.0)
    return Engine(network, weights, threads=1)


@pytest.fixture(scope="module")
def shipped() -> Engine:
    return store.load("checkpoints/fashion-2d").engine()


@pytest.mark.parametrize("method", [maps.GRADIENT, maps.SMOOTHGRAD])
def test_a_linear_encoder_s_gradient_is_its_weights(method: str) -> None:
    engine, image = linear(), np.random.default_rng(0).random(SHAPE, np.float32)
    for text, sign, name, unit in (("z0", 1, "z_mean", 0), ("-z1", -1, "z_mean", 1), ("log_var:1", 1, "z_log_var", 1)):
        attribution = attribute(engine, image, Target.parse(text, 2), method)
        weights = engine.weights[f"encoder/{name}/kernel"][:, unit].reshape(SHAPE)
        assert attribution.values == pytest.approx(sign * weights, abs=1e-6)
        assert attribution.map == pytest.approx(sign * weights.sum(axis=2), abs=1e-6)
        assert attribution.values.dtype == attribution.map.dtype == np.float32 and attribution.signed


def test_a_linear_encoder_s_occlusion_and_integrated_gradients_are_weights_times_pixels() -> None:
    engine, image = linear(), np.random.default_rng(0).random(SHAPE, np.float32)
    weighted = engine.weights["encoder/z_mean/kernel"][:, 0].reshape(SHAPE) * image
    target = Target.parse("z0", 2)
    assert attribute(engine, image, target, maps.INTEGRATED).values == pytest.approx(weighted, abs=1e-5)
    occlusion = attribute(engine, image, target, maps.OCCLUSION, MapSettings(patch=1, stride=1))
    assert occlusion.map == pytest.approx(weighted.sum(axis=2), abs=1e-5)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("text", TARGETS)
def test_the_gradient_of_each_target_is_that_of_its_value(text: str, likelihood: str) -> None:
    """By a step across, in a network without kinks."""
    engine = random_engine(ModelConfig("classic", 2), likelihood)
    for part in ("encoder", "decoder"):
        layers = tuple(
            replace(layer, activation="silu" if layer.activation == "relu" else layer.activation)
            for layer in getattr(engine.network, part).layers
        )
        smooth = replace(getattr(engine.network, part), layers=layers)
        engine = Engine(replace(engine.network, **{part: smooth}), engine.weights, threads=1)
    target, rng = Target.parse(text, 2), np.random.default_rng(0)
    image = rng.uniform(0.2, 0.8, (1, 28, 28, 1)).astype(np.float32)
    gradient, direction = target.gradients(engine, image)[0], rng.normal(size=(28, 28, 1)).astype(np.float32)
    ends = target.values(engine, np.concatenate([image + 0.02 * direction, image - 0.02 * direction]))
    assert (gradient * direction).sum() == pytest.approx((ends[0] - ends[1]) / 0.04, rel=0.02, abs=2e-3)


@pytest.mark.parametrize("text", TARGETS)
def test_integrated_gradients_sum_to_the_difference_within_1_percent(text: str, shipped: Engine) -> None:
    for engine in (shipped, random_engine(ModelConfig("swift", 2, image_shape=(64, 64, 3)))):
        image = clothes(3)[1] if engine is shipped else np.random.default_rng(0).random((64, 64, 3), np.float32)
        steps = 2000 if engine is shipped else 200
        attribution = attribute(engine, image, Target.parse(text, 2), maps.INTEGRATED, MapSettings(steps=steps))
        both = Target.parse(text, 2).values(engine, np.stack([image, np.zeros_like(image)]))
        assert (attribution.value, attribution.baseline_value) == pytest.approx(tuple(both))
        share = attribution.relative_completeness_error
        assert share is not None and share <= 0.01
        error = abs(attribution.values.sum(dtype=np.float64) - (both[0] - both[1]))
        assert attribution.completeness_error == pytest.approx(error, abs=1e-9)


def test_occlusion_of_an_untouched_region_gives_0(shipped: Engine) -> None:
    image = clothes(1)[0].copy()
    image[:, :14] = 0
    for text in TARGETS:
        attribution = attribute(shipped, image, Target.parse(text, 2), maps.OCCLUSION)
        assert (attribution.map[:, :11] == 0).all() and np.ptp(attribution.map[:, 14:]) > 0
    assert "625 patches of 4 × 4 pixels" in attribution.summary and "stride 1" in attribution.summary


def test_occlusion_covers_the_border_and_keeps_the_passes_within_bounds() -> None:
    large = random_engine(ModelConfig("classic", 2, image_shape=(64, 64, 3)))
    image = np.random.default_rng(0).random((64, 64, 3), np.float32)
    attribution = attribute(large, image, Target("kl"), maps.OCCLUSION)
    assert int(attribution.summary.split()[0].replace(",", "")) <= maps.PASSES
    assert (attribution.map[[0, -1]] != 0).all() and (attribution.map[:, [0, -1]] != 0).all()
    with pytest.raises(ValueError, match="patch must fit into the picture of 64 × 64 pixels, got 65"):
        attribute(large, image, Target("kl"), maps.OCCLUSION, MapSettings(patch=65))


def test_smoothgrad_is_seeded(shipped: Engine) -> None:
    image, target = clothes(1)[0], Target("z_mean", 0)
    first, again, other = (
        attribute(shipped, image, target, maps.SMOOTHGRAD, MapSettings(seed=seed)).values for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    flat = np.full_like(image, 0.5)  # no range, no noise
    expected = attribute(shipped, flat, target).values
    assert attribute(shipped, flat, target, maps.SMOOTHGRAD).values == pytest.approx(expected, abs=1e-4)


def test_grad_cam_is_the_weighted_sum_of_the_layer(shipped: Engine) -> None:
    image = clothes(1)[0]
    for sign in (1, -1):
        attribution = attribute(shipped, image, Target("z_mean", 1, sign), maps.GRAD_CAM, MapSettings(layer="conv_2"))
        ones, zeros = np.array([[0, sign]], np.float32), np.zeros((1, 2), np.float32)
        values, gradients = (array[0] for array in shipped.encoder_layer_gradients(image[None], ones, zeros)["conv_2"])
        expected = np.maximum(np.einsum("hwk,k->hw", values, gradients.mean(axis=(0, 1))), 0)
        assert attribution.values == pytest.approx(expected, abs=1e-5) and not attribution.signed
        assert attribution.summary == "layer conv_2" and attribution.map.shape == (14, 14)


def test_vae_attention_averages_the_units(shipped: Engine) -> None:
    image = clothes(1)[0]
    each = [attribute(shipped, image, Target("z_mean", unit), maps.GRAD_CAM).values for unit in (0, 1)]
    attribution = attribute(shipped, image, Target("kl"), maps.ATTENTION)
    assert attribution.values == pytest.approx(np.mean(each, axis=0), abs=1e-5)
    assert "averaged over 2 unit(s)" in attribution.summary


@pytest.mark.parametrize("method", maps.METHODS)
@pytest.mark.parametrize(
    "model", [ModelConfig("swift", 1), ModelConfig("classic", 3, image_shape=(64, 64, 3)), ModelConfig("swift", 16)]
)
def test_every_method_on_every_target_of_every_model(model: ModelConfig, method: str) -> None:
    engine = random_engine(model)
    image = np.random.default_rng(0).random(model.image_shape, np.float32)
    last = model.latent_dim - 1
    for text in ("-z0", f"log_var:{last}", f"kl:{last}", "kl", "reconstruction"):
        attribution = attribute(engine, image, Target.parse(text, model.latent_dim), method, MapSettings(stride=8))
        assert attribution.map.ndim == 2 and np.isfinite(attribution.map).all()
        assert attribution.values.dtype == np.float32
        assert attribution.map.shape == model.image_shape[:2] or method in (maps.GRAD_CAM, maps.ATTENTION)


@pytest.mark.parametrize("text", TARGETS)
def test_a_target_is_read_as_it_is_written(text: str) -> None:
    assert str(Target.parse(text, 2)) == text


@pytest.mark.parametrize("text", ["z2", "kl:9", "log_var:2", "z", "z-1", "", "-kl", "z0 z1", "z²"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"latent units 0 to 1, got unit|a target is z0, -z0"):
        Target.parse(text, 2)


def test_bad_input_is_named(shipped: Engine) -> None:
    image, target = clothes(1)[0], Target("kl")
    for changed, words in (
        ({"method": "magic"}, "method must be one of gradient, smoothgrad"),
        ({"image": image[..., 0]}, r"image must have shape \(28, 28, 1\)"),
        ({"image": image + 1}, r"image must lie in \[0, 1\]"),
        ({"target": Target("z_mean", 7)}, r"2 latent unit\(s\), counted from 0; got unit 7"),
        ({"method": "grad_cam", "settings": MapSettings(layer="dense_1")}, "conv_1, conv_2, conv_3; got 'dense_1'"),
    ):
        with pytest.raises(ValueError, match=words):
            attribute(**{"engine": shipped, "image": image, "target": target, **changed})
    with pytest.raises(ValueError, match="no convolution, which Grad-CAM needs"):
        attribute(linear(), np.zeros(SHAPE, np.float32), target, maps.GRAD_CAM)
    with pytest.raises(ValueError, match="steps must be a whole number in 1"):
        MapSettings(steps=0)


def test_unit_effects_are_the_decoder_s_jacobian() -> None:
    engine, image = random_engine(ModelConfig("classic", 3)), clothes(4)[2]
    effects = unit_effects(engine, image)
    z_mean, _ = engine.encode(image[None])
    assert sorted(effects.units.tolist()) == [0, 1, 2] and (np.diff(effects.kl) <= 0).all()
    for unit, values in zip(effects.units, effects.maps, strict=True):
        step = np.zeros((1, 3), np.float32)
        step[0, unit] = 1e-2
        expected = (engine.decode(z_mean + step) - engine.decode(z_mean - step))[0] / 2e-2
        # a kink may lie between; exact to 1e-4 is tested against TensorFlow
        assert np.quantile(np.abs(values - expected), 0.95) <= 0.06 * np.abs(expected).max()
    assert np.array_equal(effects.reconstruction, engine.decode(z_mean)[0])


def test_a_random_model_fails_the_check_and_a_trained_one_passes(shipped: Engine) -> None:
    image, target = clothes(1)[0], Target("z_mean", 0)
    steps: list[tuple[int, int]] = []
    check = randomisation_check(shipped, image, target, maps.GRADIENT, progress=lambda *done: steps.append(done))
    assert check.learned and check.correlation < 0.5 and check.smoothness > check.random_smoothness
    assert check.verdict.startswith("This map depends on what was learned")
    names = [stage.layer for stage in check.stages]
    assert names == [
        "encoder z_mean and z_log_var",
        "encoder dense_1",
        "encoder conv_3",
        "encoder conv_2",
        "encoder conv_1",
    ]
    assert steps[-1][0] == steps[-1][1] == len(names) + check.draws - 1
    unlearned = Engine(shipped.network, random_weights(shipped.network, 5), threads=1)
    failed = randomisation_check(unlearned, image, target, maps.GRADIENT)
    assert not failed.learned and failed.verdict.startswith("This map hardly depends on what was learned")


def test_a_map_that_shows_the_picture_whatever_the_weights_fails_the_check() -> None:
    """Weights that are 0 stay so when they are drawn: what is left of the reconstruction error is the picture itself, times a number."""
    engine = random_engine(ModelConfig("classic", 2))
    still = {name: np.zeros_like(array) for name, array in engine.weights.items()}
    still["decoder/logits/bias"] = np.ones_like(still["decoder/logits/bias"])
    image = clothes(1)[0]
    check = randomisation_check(
        Engine(engine.network, still, threads=1), image, Target("reconstruction"), maps.INTEGRATED, MapSettings(steps=5)
    )
    assert not check.learned and check.stages[0].layer == "decoder logits" and check.correlation == pytest.approx(1)


def test_integrated_gradients_owe_their_places_to_the_picture(shipped: Engine) -> None:
    check = randomisation_check(shipped, clothes(1)[0], Target("kl"), maps.INTEGRATED, MapSettings(steps=20))
    assert check.learned and check.strength_correlation > 0.5 and "follows the picture itself" in check.verdict


def test_rank_correlation_and_smoothness() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20, 20))
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.zeros((20, 20))) == 0
    assert abs(smoothness(values)) < 0.15 and smoothness(np.add.outer(np.arange(20.0), np.arange(20))) > 0.9
    assert smoothness(np.zeros((3, 3))) == smoothness(np.zeros((1, 1))) == 0


@pytest.mark.parametrize("model", [ModelConfig("classic", 2), ModelConfig("swift", 2, image_shape=(64, 64, 3))])
def test_a_receptive_field_is_what_a_place_depends_on(model: ModelConfig) -> None:
    engine = random_engine(model)
    rng = np.random.default_rng(0)
    image = rng.random((1, *model.image_shape), np.float32)
    for layer in maps.layers_for_maps(engine):
        before = engine.encoder_activations(image)[layer]
        rows, columns = before.shape[1:3]
        for row, column in ((0, 0), (rows // 2, columns // 3), (rows - 1, columns - 1)):
            box = receptive_field(engine.network.encoder, layer, row, column)
            outside = rng.random(image.shape).astype(np.float32)
            outside[:, box.top : box.bottom, box.left : box.right] = image[
                :, box.top : box.bottom, box.left : box.right
            ]
            after = engine.encoder_activations(outside)[layer]
            assert after[0, row, column] == pytest.approx(before[0, row, column], abs=1e-6)
            for line in (box.top, box.bottom - 1):  # and not more than it needs
                inside = image.copy()
                inside[0, line, box.left : box.right] += 1
                assert (
                    np.abs(engine.encoder_activations(inside)[layer][0, row, column] - before[0, row, column]).max() > 0
                )
    with pytest.raises(ValueError, match="got row 99"):
        receptive_field(engine.network.encoder, layer, 99, 0)


def test_strongest_images_of_a_channel() -> None:
    engine = random_engine(ModelConfig("classic", 2))
    pixels = wardrobe.draw(300)[0]
    done: list[tuple[int, int]] = []
    strongest = strongest_images(engine, pixels, "conv_2", progress=lambda *both: done.append(both))
    maps_of_all = engine.encoder_activations(pixels.astype(np.float32) / 255)["conv_2"]
    peaks = maps_of_all.max(axis=(1, 2))
    assert strongest.indices.shape == (64, 9) and strongest.n == 300 and done[-1] == (300, 300)
    for channel in (0, 17, 63):
        assert strongest.strengths[channel] == pytest.approx(np.sort(peaks[:, channel])[::-1][:9])
        for i, row, column, strength in zip(
            *(array[channel] for array in (strongest.indices, strongest.rows, strongest.columns, strongest.strengths)),
            strict=True,
        ):
            assert maps_of_all[i, row, column, channel] == pytest.approx(strength)
    assert strongest_images(engine, pixels[:4], "conv_1").indices.shape == (32, 4)
    for words, arguments in (
        ("one image or more", (pixels[:0], "conv_1")),
        ("conv_1, conv_2; got 'dense_1'", (pixels, "dense_1")),
    ):
        with pytest.raises(ValueError, match=words):
            strongest_images(engine, *arguments)


def test_a_box_at_the_border_is_cut_off() -> None:
    encoder = build(ModelConfig("classic", 2)).encoder
    assert receptive_field(encoder, "conv_1", 0, 0) == Box(0, 0, 3, 3)
    assert receptive_field(encoder, "conv_1", 13, 13) == Box(26, 26, 28, 28)


def test_weak_places_of_a_drawn_map_show_the_picture() -> None:
    image = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4, 1)
    values = np.zeros((2, 2), np.float32)
    values[0, 0], values[1, 1] = 2, -2
    drawn = drawing.over_picture(image, values, signed=True, share=1)
    assert (drawn.low, drawn.high) == (-2, 2)
    assert np.array_equal(drawn.rgb[:2, 2:], np.broadcast_to(np.round(255 * image[:2, 2:]), (2, 2, 3)).astype(np.uint8))
    red, blue = drawn.rgb[0, 0].astype(int), drawn.rgb[3, 3].astype(int)
    assert red[0] > red[2] + 50 and blue[2] > blue[0] + 50
    assert np.array_equal(
        drawing.over_picture(image, 0 * values, signed=True).rgb[..., 0], np.round(255 * image[..., 0])
    )
    assert drawing.limit_of(np.zeros((3, 3))) == 0
    # a single bright value among zeros is no outlier to be clipped away
    assert drawing.limit_of(np.pad([[5.0]], 20)) == 5
