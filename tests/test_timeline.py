"""The frames of a training: small, and near enough to what they stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vae_core.checkpoints.timeline import frame_steps, load_frame, save_frame
from vae_core.config import ModelConfig
from vae_core.network import presets
from vae_core.network.engine import Engine
from vae_core.network.layers import NetworkError
from vae_core.network.quantize import dequantize, quantize
from vae_core.network.schema import random_weights
from vae_core.storage.errors import FileProblem
from vae_core.storage.weights import write_weights

NETWORK = presets.build(ModelConfig("swift", 2))
WEIGHTS = random_weights(NETWORK, seed=3)
CODES = np.random.default_rng(0).normal(size=(2, 30, 2)).astype(np.float32)
LATENTS = {"z_mean": CODES[0], "z_log_var": CODES[1], "labels": np.arange(30, dtype=np.uint8)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_frame(tmp_path, 40, WEIGHTS, LATENTS)
    return tmp_path


def test_eight_bits_are_off_by_half_a_step_at_most() -> None:
    kernel = WEIGHTS["decoder/dense_2/kernel"]
    again = dequantize(quantize({"k": kernel, "b": kernel[0]}))
    step = np.abs(kernel).max(axis=0) / 127
    assert (np.abs(again["k"] - kernel) <= step / 2 + 1e-7).all()
    assert np.array_equal(again["b"], kernel[0])  # biases are kept as they are


def test_a_channel_of_zeros_stays_zeros() -> None:
    assert not dequantize(quantize({"k": np.zeros((3, 4), np.float32)}))["k"].any()


def test_a_frame_decodes_nearly_as_the_model_did(folder: Path) -> None:
    frame = load_frame(folder, NETWORK, 40)
    z = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    difference = np.abs(frame.engine(NETWORK).decode(z) - Engine(NETWORK, WEIGHTS).decode(z))
    assert 0 < difference.max() < 0.05
    assert np.allclose(frame.latents.z_mean, CODES[0], atol=2e-3)


def test_a_frame_cannot_encode_and_says_so(folder: Path) -> None:
    engine = load_frame(folder, NETWORK, 40).engine(NETWORK)
    with pytest.raises(ValueError, match="holds the decoder alone"):
        engine.encode(np.zeros((1, 28, 28, 1), np.float32))


def test_frames_are_a_quarter_of_the_weights(folder: Path) -> None:
    full = sum(array.nbytes for name, array in WEIGHTS.items() if name.startswith("decoder/"))
    found = (folder / "snapshots/00000040/decoder.safetensors").stat().st_size
    assert found < 0.27 * full
    assert frame_steps(folder) == [40]


def test_a_frame_of_another_network_is_refused(folder: Path) -> None:
    other = presets.build(ModelConfig("classic", 2))
    with pytest.raises(NetworkError, match="do not belong to this network"):
        load_frame(folder, other, 40)


def test_a_missing_and_a_damaged_frame_are_told(folder: Path) -> None:
    with pytest.raises(FileProblem, match="missing"):
        load_frame(folder, NETWORK, 41)
    packed = quantize({name: array for name, array in WEIGHTS.items() if name.startswith("decoder/")})
    del packed["decoder/dense_1/kernel:scale"]
    write_weights(folder / "snapshots/00000040/decoder.safetensors", packed)
    with pytest.raises(NetworkError, match="no scale"):
        load_frame(folder, NETWORK, 40)
