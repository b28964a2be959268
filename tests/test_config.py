"""Configurations: defaults, JSON round trips, and an exact error for every value out of range."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.config import (
    LIKELIHOODS,
    PRESETS,
    SCHEDULES,
    ConfigError,
    ModelConfig,
    TrainingConfig,
    classic_training,
    recommended,
)

sides = st.integers(2, 64).map(lambda quarter: 4 * quarter)


@given(
    preset=st.sampled_from(PRESETS),
    latent_dim=st.integers(1, 256),
    image_shape=st.tuples(sides, sides, st.sampled_from((1, 3))),
    likelihood=st.sampled_from(LIKELIHOODS),
)
def test_model_config_survives_json(**values: Any) -> None:
    config = ModelConfig(**values)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@given(
    epochs=st.integers(1, 100_000),
    batch_size=st.integers(1, 8192),
    learning_rate=st.floats(0, 1000),
    schedule=st.sampled_from(SCHEDULES),
    warmup=st.floats(0, 0.9),
    beta=st.floats(0, 1e9),
    kl_warmup=st.floats(0, 1),
    free_bits=st.floats(0, 100),
    ema=st.floats(0, 0.99999),
    seed=st.integers(0, 2**31 - 1),
    images=st.integers(0, 2**31 - 1),
)
def test_training_config_survives_json(**values: Any) -> None:
    config = TrainingConfig(**values)
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_shape_read_from_json_is_a_tuple() -> None:
    config = ModelConfig.from_dict({"image_shape": [64, 32, 3]})
    assert config.image_shape == (64, 32, 3)
    assert hash(config) == hash(ModelConfig(image_shape=(64, 32, 3)))  # so that it can be a cache key


def test_configurations_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().latent_dim = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainingConfig().seed = 3  # type: ignore[misc]


def test_an_unknown_setting_is_not_ignored() -> None:
    with pytest.raises(ConfigError, match=r"unknown ModelConfig settings \['latent_dims'\]; known are .*'latent_dim'"):
        ModelConfig.from_dict({"latent_dims": 2})
    with pytest.raises(ConfigError, match=r"unknown TrainingConfig settings \['lr'\]"):
        TrainingConfig.from_dict({"lr": 1e-3, "epochs": 2})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preset": "vgg"}, "preset must be one of swift, classic, got 'vgg'"),
        ({"latent_dim": 0}, r"latent_dim must be a whole number in 1\.\.256, got 0\. Choose 2 for a plottable"),
        ({"latent_dim": 257}, r"latent_dim must be a whole number in 1\.\.256, got 257"),
        ({"latent_dim": 2.0}, r"latent_dim must be a whole number in 1\.\.256, got 2\.0"),
        ({"latent_dim": True}, r"latent_dim must be a whole number in 1\.\.256, got True"),
        ({"latent_dim": "2"}, r"latent_dim must be a whole number in 1\.\.256, got '2'"),
        ({"image_shape": (28, 28)}, r"image_shape must be \(height, width, channels\), got \(28, 28\)"),
        ({"image_shape": (28, 28.0, 1)}, r"image_shape must be \(height, width, channels\)"),
        ({"image_shape": 28}, r"image_shape must be \(height, width, channels\), got 28"),
        ({"image_shape": (30, 28, 1)}, r"image height must be a multiple of 4 in 8\.\.256, got 30"),
        ({"image_shape": (28, 4, 1)}, r"image width must be a multiple of 4 in 8\.\.256, got 4"),
        ({"image_shape": (260, 28, 1)}, "image height must be a multiple of 4"),
        ({"image_shape": (28, 28, 2)}, r"image channels must be 1 \(grey\) or 3 \(colour\), got 2"),
        ({"likelihood": "laplace"}, "likelihood must be one of bernoulli, gaussian, got 'laplace'"),
    ],
)
def test_bad_model_settings_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**values)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, r"epochs must be a whole number in 1\.\.100,000, got 0"),
        ("batch_size", 8193, r"batch_size must be a whole number in 1\.\.8,192, got 8193\. 64 is a good start"),
        ("learning_rate", -1e-3, r"learning_rate must be a number in 0\.\.1000, got -0\.001\. 0\.003 is a good"),
        ("learning_rate", math.nan, "learning_rate must be a number in .*, got nan"),
        ("learning_rate", math.inf, "learning_rate must be a number in .*, got inf"),
        ("learning_rate", 10**400, "learning_rate must be a number in .*, got 1000"),  # too large for a float
        ("learning_rate", "0.1", "learning_rate must be a number in .*, got '0.1'"),
        ("learning_rate", True, "learning_rate must be a number in .*, got True"),
        ("schedule", "linear", "schedule must be one of cosine, constant, got 'linear'"),
        ("warmup", 0.95, r"warmup must be a number in 0\.\.0\.9, got 0\.95"),
        ("beta", -1, r"beta must be a number in 0\.\.1e\+09, got -1\. 1 is the variational autoencoder"),
        ("kl_warmup", 1.5, r"kl_warmup must be a number in 0\.\.1, got 1\.5"),
        ("free_bits", -0.1, r"free_bits must be a number in 0\.\.100, got -0\.1"),
        ("ema", 1.0, r"ema must be a number in 0\.\.0\.99999, got 1\.0"),
        ("seed", -1, r"seed must be a whole number in 0\.\.2,147,483,647, got -1"),
        ("images", 1.5, r"images must be a whole number in .*, got 1\.5\. 0 means all of them"),
    ],
)
def test_bad_training_settings_are_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**{name: value})


def test_a_configuration_error_is_a_value_error() -> None:
    assert issubclass(ConfigError, ValueError)


def test_the_classic_recipe_is_the_reference_projects() -> None:
    recipe = classic_training(epochs=30)
    assert (recipe.learning_rate, recipe.batch_size, recipe.schedule) == (1e-3, 128, "constant")
    assert (recipe.beta, recipe.ema, recipe.epochs) == (1.0, 0.0, 30)
    assert recommended(ModelConfig(preset="classic"), epochs=30) == recipe


@pytest.mark.parametrize("latent_dim", [2, 16])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_recommended_value_can_be_overridden(preset: str, latent_dim: int) -> None:
    changes = {"learning_rate": 0.01, "kl_warmup": 0.5, "seed": 7}
    recipe = recommended(ModelConfig(preset=preset, latent_dim=latent_dim), **changes)
    assert {name: getattr(recipe, name) for name in changes} == changes
    assert recipe.beta == 1.0  # no preset measures anything but the variational autoencoder
