"""The Keras model: every loss term against its closed form, the sampling, and weights in and out."""

from __future__ import annotations

import math
import os
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from vae_core.analysis import likelihood
from vae_core.config import ModelConfig
from vae_core.network import presets
from vae_core.network.layers import Network, NetworkError
from vae_core.network.schema import random_weights
from vae_core.training.vae import (
    MIN_LOG_SIGMA,
    VAE,
    Sampling,
    bernoulli_loss,
    gaussian_loss,
    get_weights,
    kl_per_unit,
    optimal_log_sigma,
    set_weights,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 28, 28, 1), np.float32)
LOGITS = (2 * RNG.standard_normal((6, 28, 28, 1))).astype(np.float32)
Z_MEAN = RNG.standard_normal((6, 2)).astype(np.float32)
Z_LOG_VAR = (RNG.standard_normal((6, 2)) - 1).astype(np.float32)
PREDICTED = {"logits": LOGITS, "z_mean": Z_MEAN, "z_log_var": Z_LOG_VAR}


def numbers(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor, np.float64)


@pytest.fixture(scope="module")
def network() -> Network:
    return presets.build(ModelConfig(preset="classic"))


@pytest.fixture(scope="module")
def gaussian() -> Network:
    return presets.build(ModelConfig(preset="classic", likelihood="gaussian"))


# --- the terms ---------------------------------------------------------------------------------------------------


def test_bernoulli_loss_at_logit_zero_is_ln_2_for_each_pixel() -> None:
    """A sum over pixels: the mean would be ln 2, whatever the size."""
    loss = numbers(bernoulli_loss(IMAGES, np.zeros_like(IMAGES)))
    assert loss.shape == (6,)
    assert loss == pytest.approx(784 * math.log(2), rel=1e-6)


def test_bernoulli_loss_is_binary_cross_entropy() -> None:
    p = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    expected = -(IMAGES * np.log(p) + (1 - IMAGES) * np.log(1 - p)).sum(axis=(1, 2, 3))
    assert numbers(bernoulli_loss(IMAGES, LOGITS)) == pytest.approx(expected, rel=1e-5)


def test_bernoulli_loss_is_least_at_the_pixels_own_entropy() -> None:
    """No logits beat the image's own: the floor that every figure is compared with."""
    inside = np.clip(IMAGES, 0.01, 0.99)
    own = np.log(inside / (1 - inside))
    floor = stats.bernoulli.entropy(inside.astype(np.float64)).sum(axis=(1, 2, 3))
    assert numbers(bernoulli_loss(inside, own)) == pytest.approx(floor, rel=1e-5)
    assert (numbers(bernoulli_loss(inside, own + 0.3 * LOGITS)) > floor).all()


def test_bernoulli_loss_neither_overflows_nor_clips() -> None:
    images = np.array([0, 1, 0, 1], np.float32).reshape(4, 1, 1, 1)
    logits = np.array([1000, -1000, -1000, 1000], np.float32).reshape(4, 1, 1, 1)
    assert numbers(bernoulli_loss(images, logits)) == pytest.approx([1000, 1000, 0, 0])


@pytest.mark.parametrize("log_sigma", [-2.0, -0.3, 0.0, 1.1])
def test_gaussian_loss_is_the_log_density(log_sigma: float) -> None:
    mean = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    expected = -stats.norm.logpdf(IMAGES, mean, math.exp(log_sigma)).sum(axis=(1, 2, 3))
    assert numbers(gaussian_loss(IMAGES, LOGITS, log_sigma)) == pytest.approx(expected, rel=1e-5)


def test_the_optimal_sigma_is_the_root_mean_squared_error() -> None:
    mean = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    rmse = math.sqrt(((IMAGES - mean) ** 2).mean())
    best = float(numbers(optimal_log_sigma(IMAGES, LOGITS)))
    assert math.exp(best) == pytest.approx(rmse, rel=1e-5)
    at_best = numbers(gaussian_loss(IMAGES, LOGITS, best)).mean()
    for other in (best - 0.1, best + 0.1):
        assert numbers(gaussian_loss(IMAGES, LOGITS, other)).mean() > at_best


def test_a_perfect_fit_does_not_divide_by_zero() -> None:
    half = np.full((2, 4, 4, 1), 0.5, np.float32)
    best = optimal_log_sigma(half, np.zeros_like(half))
    assert float(numbers(best)) == MIN_LOG_SIGMA
    assert np.isfinite(numbers(gaussian_loss(half, np.zeros_like(half), best))).all()


def test_kl_of_equal_gaussians_is_zero() -> None:
    assert (numbers(kl_per_unit(np.zeros((3, 4)), np.zeros((3, 4)))) == 0).all()


def test_kl_by_hand() -> None:
    """KL(N(1, 4) || N(0, 1)) = (1 + 4 - 1 - ln 4) / 2 = 1.30685; KL(N(0, 1/4) || N(0, 1)) = 0.31815."""
    units = numbers(kl_per_unit(np.array([[1.0, 0.0]]), np.log(np.array([[4.0, 0.25]]))))
    assert units == pytest.approx(np.array([[2 - math.log(2), (math.log(4) - 0.75) / 2]]), rel=1e-6)


def test_kl_agrees_with_sampling() -> None:
    sigma = math.exp(0.5 * -1.2)
    z = 0.7 + sigma * np.random.default_rng(0).standard_normal(400_000)
    sampled = (stats.norm.logpdf(z, 0.7, sigma) - stats.norm.logpdf(z)).mean()
    assert float(numbers(kl_per_unit(np.array([0.7]), np.array([-1.2])))[0]) == pytest.approx(sampled, rel=0.01)


def test_training_and_evaluation_compute_the_same_terms() -> None:
    """Keras here and numpy in `metrics` say the same, so a training curve can be compared with a card."""
    pairs = [
        (bernoulli_loss(IMAGES, LOGITS), likelihood.bernoulli_loss(IMAGES, LOGITS)),
        (gaussian_loss(IMAGES, LOGITS, -0.7), likelihood.gaussian_loss(IMAGES, LOGITS, -0.7)),
        (kl_per_unit(Z_MEAN, Z_LOG_VAR), likelihood.kl_per_unit(Z_MEAN, Z_LOG_VAR)),
    ]
    for ours, theirs in pairs:
        assert numbers(ours) == pytest.approx(np.asarray(theirs, np.float64), rel=1e-5, abs=1e-6)


# --- the whole loss ------------------------------------------------------------------------------------------------


def loss_of(vae: VAE, training: bool = True, predicted: Any = PREDICTED) -> float:
    return float(numbers(vae.compute_loss(x=ops.convert_to_tensor(IMAGES), y_pred=predicted, training=training)))


@pytest.fixture(scope="module")
def reconstruction() -> float:
    return float(numbers(bernoulli_loss(IMAGES, LOGITS)).mean())


@pytest.fixture(scope="module")
def units() -> np.ndarray:
    """KL of each unit of each image, (n, latent_dim)."""
    return numbers(kl_per_unit(Z_MEAN, Z_LOG_VAR))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_loss_is_reconstruction_plus_beta_kl(
    network: Network, reconstruction: float, units: np.ndarray, beta: float, training: bool
) -> None:
    vae = VAE(network, beta=beta)
    expected = reconstruction + beta * units.sum(axis=1).mean()
    assert loss_of(vae, training) == pytest.approx(expected, rel=1e-6)
    assert float(vae.trackers["reconstruction_loss"].result()) == pytest.approx(reconstruction, rel=1e-6)
    assert float(vae.trackers["kl_loss"].result()) == pytest.approx(units.sum(axis=1).mean(), rel=1e-6)


def test_beta_can_be_turned_while_training(network: Network, reconstruction: float, units: np.ndarray) -> None:
    vae = VAE(network)
    vae.beta.assign(2.5)
    assert loss_of(vae) == pytest.approx(reconstruction + 2.5 * units.sum(axis=1).mean(), rel=1e-6)


def test_the_kl_weight_warms_up_with_the_steps(network: Network, reconstruction: float, units: np.ndarray) -> None:
    vae = VAE(network, beta=2.0, kl_warmup_steps=10)
    vae.compile("adam")
    kl = units.sum(axis=1).mean()
    for step, share in ((0, 0.0), (4, 0.4), (10, 1.0), (25, 1.0)):
        vae.optimizer.iterations.assign(step)
        assert loss_of(vae) == pytest.approx(reconstruction + 2 * share * kl, rel=1e-6)
    vae.optimizer.iterations.assign(0)
    assert loss_of(vae, training=False) == pytest.approx(reconstruction + 2 * kl, rel=1e-6)  # figures compare


def test_free_bits_stop_pushing_below_their_level(network: Network, reconstruction: float, units: np.ndarray) -> None:
    """Kingma et al. 2016: each unit's mean over the batch counts for `free_bits` nats at least."""
    means = units.mean(axis=0)
    between = float(means.mean())  # one unit above, one below
    assert means.min() < between < means.max()
    vae = VAE(network, free_bits=between)
    assert loss_of(vae) == pytest.approx(reconstruction + means.max() + between, rel=1e-6)
    assert loss_of(vae, training=False) == pytest.approx(reconstruction + means.sum(), rel=1e-6)


def test_terms_add_up_over_batches_until_they_are_zeroed(
    network: Network, reconstruction: float, units: np.ndarray
) -> None:
    vae = VAE(network)
    for _ in range(3):
        loss_of(vae)
    loss_of(vae, training=False)  # an evaluation must not count
    expected = 3 * np.array([6, 6 * reconstruction, *units.sum(axis=0)])
    assert numbers(vae.terms) == pytest.approx(expected, rel=1e-5)
    vae.terms.assign(ops.zeros_like(vae.terms))
    loss_of(vae)
    assert numbers(vae.terms) == pytest.approx(expected / 3, rel=1e-5)


def test_gaussian_training_uses_the_batch_optimum_and_keeps_its_average(gaussian: Network, units: np.ndarray) -> None:
    vae = VAE(gaussian)
    best = float(numbers(optimal_log_sigma(IMAGES, LOGITS)))
    kl = units.sum(axis=1).mean()
    before = float(numbers(vae.log_sigma))
    at_best = numbers(gaussian_loss(IMAGES, LOGITS, best)).mean()
    assert loss_of(vae) == pytest.approx(at_best + kl, rel=1e-5)
    kept = float(numbers(vae.log_sigma))
    assert kept == pytest.approx(0.99 * before + 0.01 * best, rel=1e-5)
    at_kept = numbers(gaussian_loss(IMAGES, LOGITS, kept)).mean()
    assert loss_of(vae, training=False) == pytest.approx(at_kept + kl, rel=1e-5)
    assert float(numbers(vae.log_sigma)) == kept  # looking changes nothing


# --- sampling and the model as a whole ----------------------------------------------------------------------------


def test_sampling_has_the_posterior_mean_and_width() -> None:
    z_mean, z_log_var = np.array([[-1.0, 2.0]], np.float32), np.log(np.array([[0.25, 4.0]], np.float32))
    many = [np.repeat(row, 40_000, axis=0) for row in (z_mean, z_log_var)]
    for training in (True, False):
        z = numbers(Sampling(seed=3)(*many, training=training))
        assert z.mean(axis=0) == pytest.approx(z_mean[0], abs=0.04)
        assert z.std(axis=0) == pytest.approx([0.5, 2.0], rel=0.02)
        assert abs(np.corrcoef(z.T)[0, 1]) < 0.02


def test_sampling_is_fresh_in_training_and_fixed_otherwise() -> None:
    layer = Sampling(seed=3)
    fixed = [numbers(layer(Z_MEAN, Z_LOG_VAR)) for _ in range(2)]
    fresh = [numbers(layer(Z_MEAN, Z_LOG_VAR, training=True)) for _ in range(2)]
    assert np.array_equal(fixed[0], fixed[1])
    assert not np.allclose(fresh[0], fresh[1])
    assert np.array_equal(fresh[0], numbers(Sampling(seed=3)(Z_MEAN, Z_LOG_VAR, training=True)))  # seeded
    assert not np.allclose(fixed[0], numbers(Sampling(seed=4)(Z_MEAN, Z_LOG_VAR)))


def test_sampling_without_variance_is_the_mean() -> None:
    z = Sampling()(Z_MEAN, np.full_like(Z_LOG_VAR, -100), training=True)
    assert numbers(z) == pytest.approx(Z_MEAN.astype(np.float64), abs=1e-6)


def test_the_model_gives_logits_and_the_posterior(network: Network) -> None:
    vae = VAE(network)
    predicted = vae(IMAGES)
    assert {name: tuple(value.shape) for name, value in predicted.items()} == {
        "logits": (6, 28, 28, 1),
        "z_mean": (6, 2),
        "z_log_var": (6, 2),
    }
    z = vae.sampling(predicted["z_mean"], predicted["z_log_var"])
    assert numbers(predicted["logits"]) == pytest.approx(numbers(vae.decoder(z)), abs=1e-6)


def test_keras_counts_the_parameters_that_the_network_says(network: Network) -> None:
    vae = VAE(network)
    assert vae.encoder.count_params() + vae.decoder.count_params() == network.parameters() == 134_165


def test_swift_starts_at_the_priors_width_and_the_mean_shade() -> None:
    vae = VAE(presets.build(ModelConfig(preset="swift")))
    predicted = vae(IMAGES)
    assert (numbers(predicted["z_log_var"]) == 0).all()
    assert 1 / (1 + np.exp(-numbers(predicted["logits"]))).mean() == pytest.approx(0.286, abs=0.15)


def test_weights_come_out_as_they_went_in(gaussian: Network) -> None:
    vae, weights = VAE(gaussian), random_weights(gaussian, seed=5)
    set_weights(vae, weights)
    found = get_weights(vae)
    assert list(found) == list(gaussian.weight_shapes())
    for name, array in found.items():
        assert array.dtype == np.float32
        assert np.array_equal(array, weights[name]), name
    assert float(numbers(vae.log_sigma)) == pytest.approx(float(weights[Network.sigma_name]))


def test_weights_taken_out_do_not_change_with_the_model(network: Network) -> None:
    vae = VAE(network)
    found = get_weights(vae)
    before = {name: array.copy() for name, array in found.items()}
    set_weights(vae, random_weights(network, seed=6))
    assert all(np.array_equal(found[name], before[name]) for name in found)


def test_wrong_weights_leave_the_model_as_it_was(network: Network) -> None:
    vae = VAE(network)
    before, bad = get_weights(vae), random_weights(network)
    bad["decoder/logits/bias"] = np.array([np.nan], np.float32)  # the last one of all
    with pytest.raises(NetworkError, match="decoder/logits/bias holds NaN"):
        set_weights(vae, bad)
    assert all(np.array_equal(array, before[name]) for name, array in get_weights(vae).items())


def test_stock_fit_learns_and_reports_every_term(network: Network) -> None:
    keras.utils.set_random_seed(0)
    images = (np.linspace(0, 1, 28) > np.linspace(0.2, 0.8, 256)[:, None, None, None]).astype(np.float32)
    images = np.repeat(images, 28, axis=1).reshape(256, 28, 28, 1)  # bars of 256 widths
    vae = VAE(network)
    vae.compile(keras.optimizers.Adam(3e-3))
    history = vae.fit(images, epochs=3, batch_size=32, validation_data=(images[:64], None), verbose=0).history
    assert {"loss", "reconstruction_loss", "kl_loss"} <= set(history)
    assert {"val_loss", "val_reconstruction_loss", "val_kl_loss"} <= set(history)
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    total = np.add(history["val_reconstruction_loss"], history["val_kl_loss"])
    assert history["val_loss"] == pytest.approx(total, rel=1e-4)
    again = [vae.evaluate(images[:64], verbose=0, return_dict=True)["loss"] for _ in range(2)]
    assert again[0] == again[1]  # the noise is fixed outside training
