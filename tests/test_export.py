"""What other programs get: read back by them, not by us, and compared with the engine."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import pytest
from PIL import Image
from tiny_models import save_checkpoint

from vae_core.checkpoints import export, store
from vae_core.checkpoints.store import Checkpoint
from vae_core.config import ModelConfig
from vae_core.datasets.drawn.wardrobe import CLASSES, draw
from vae_core.network.onnx_runtime import ort
from vae_core.network.schema import random_weights

MODELS = {"classic": ModelConfig("classic", 2), "swift": ModelConfig("swift", 2), "wide": ModelConfig("swift", 16)}
RNG = np.random.default_rng(0)
IMAGES = RNG.random((5, 28, 28, 1), np.float32)


@pytest.fixture(scope="module", params=MODELS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("exports") / request.param
    return store.load(save_checkpoint(folder, MODELS[request.param], seed=1))


def some_z(checkpoint: Checkpoint, n: int = 5) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((n, checkpoint.network.latent_dim)).astype(np.float32)


def test_onnx_files_run_in_a_bare_session(checkpoint: Checkpoint, tmp_path: Path) -> None:
    paths = export.onnx_files(checkpoint, tmp_path)
    assert [path.name for path in paths] == ["encoder.onnx", "decoder.onnx"]
    encoder, decoder = (ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in paths)
    engine, z = checkpoint.engine(threads=1), some_z(checkpoint)
    assert [value.name for value in (*encoder.get_inputs(), *decoder.get_inputs())] == ["input", "input"]
    for name, expected in zip(("z_mean", "z_log_var"), engine.encode(IMAGES), strict=True):
        assert encoder.run([name], {"input": IMAGES})[0] == pytest.approx(expected, abs=1e-5)
    assert decoder.run(["image"], {"input": z})[0] == pytest.approx(engine.decode(z), abs=1e-5)
    assert decoder.run(["logits"], {"input": z})[0] == pytest.approx(engine.decode_logits(z), abs=1e-5)
    assert decoder.run(["image"], {"input": z[:1]})[0].shape == (1, 28, 28, 1)  # any batch size


KERAS = """
import sys
import numpy as np
import keras

assert not any(name.startswith("vae_core") for name in sys.modules)
folder, arrays = sys.argv[1], np.load(sys.argv[2])
found = {}
for name in ("classic", "swift", "wide"):
    encoder = keras.saving.load_model(f"{folder}/{name}/encoder.keras", safe_mode=True)
    decoder = keras.saving.load_model(f"{folder}/{name}/decoder.keras", safe_mode=True)
    found[name + "/z_mean"], found[name + "/z_log_var"] = map(np.asarray, encoder(arrays["images"]))
    found[name + "/logits"] = np.asarray(decoder(arrays[name]))
    found[name + "/layers"] = np.array([layer.name for layer in (*encoder.layers, *decoder.layers)])
np.savez(sys.argv[3], **found)
"""


# Keras 3.15 hands its variables to numpy in a way that numpy 2 deprecates, when it saves.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.slow
def test_keras_files_open_without_this_package(tmp_path: Path) -> None:
    """In a process that cannot import `vae_core`, in Keras' safe mode: stock layers only."""
    models = {
        name: store.load(save_checkpoint(tmp_path / "models" / name, config, seed=1)) for name, config in MODELS.items()
    }
    from vae_core.training import keras_export

    for name, checkpoint in models.items():
        (tmp_path / name).mkdir()
        paths = keras_export.keras_files(checkpoint, tmp_path / name)
        assert [path.name for path in paths] == ["encoder.keras", "decoder.keras"]
    inputs = {name: some_z(checkpoint) for name, checkpoint in models.items()}
    np.savez(tmp_path / "in.npz", images=IMAGES, **inputs)  # type: ignore[arg-type]
    # -I: neither this folder nor PYTHONPATH is searched.
    command = [sys.executable, "-I", "-c", KERAS, tmp_path, tmp_path / "in.npz", tmp_path / "out.npz"]
    done = subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    found: Any = np.load(tmp_path / "out.npz")
    for name, checkpoint in models.items():
        engine = checkpoint.engine(threads=1)
        z_mean, z_log_var = engine.encode(IMAGES)
        logits = engine.decode_logits(inputs[name])
        for key, expected in (("z_mean", z_mean), ("z_log_var", z_log_var), ("logits", logits)):
            scale = max(1.0, float(np.abs(expected).max()))
            assert found[f"{name}/{key}"] == pytest.approx(expected, abs=1e-5 * scale), (name, key)
        layers = [
            layer.name for part in (checkpoint.network.encoder, checkpoint.network.decoder) for layer in part.layers
        ]
        assert set(layers) <= set(found[f"{name}/layers"])


def test_the_browser_reads_two_files(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """The decoder run from the two files alone: by hand up to the first map, which the engine then confirms."""
    assert [path.name for path in export.browser_files(checkpoint, tmp_path)] == ["decoder.json", "decoder.bin"]
    described = json.loads((tmp_path / "decoder.json").read_text())
    values = np.frombuffer((tmp_path / "decoder.bin").read_bytes(), "<f4")
    weights = {}
    for name, place in described["weights"].items():
        size = math.prod(place["shape"])
        weights[name] = values[place["offset"] : place["offset"] + size].reshape(place["shape"])
        assert np.array_equal(weights[name], checkpoint.weights[name])
    assert sum(array.size for array in weights.values()) == len(values)  # nothing between, nothing after
    z = some_z(checkpoint)
    engine_says = checkpoint.engine(threads=1).decoder_activations(z)
    x, checked = z, 0
    for layer in described["decoder"]["layers"]:
        if layer["kind"] == "fourier":
            waves = [
                wave(x * np.float32(2.0**octave / 2)) for octave in range(layer["size"]) for wave in (np.sin, np.cos)
            ]
            x = np.concatenate([x, *waves], axis=1)
        elif layer["kind"] == "dense":
            kernel, bias = (weights[f"decoder/{layer['name']}/{key}"] for key in ("kernel", "bias"))
            x = x @ kernel + bias
        elif layer["kind"] == "reshape":
            x = x.reshape(-1, *layer["target"])
        else:
            break
        x = np.maximum(x, 0) if layer["activation"] == "relu" else x
        assert list(x.shape[1:]) == layer["output_shape"]
        assert x == pytest.approx(engine_says[layer["name"]], abs=1e-5)
        checked += 1
    assert checked >= 2
    assert x.ndim == 4


@pytest.mark.parametrize("order", ["<f4", ">f4"])
def test_the_browsers_weights_are_little_endian(checkpoint: Checkpoint, tmp_path: Path, order: str) -> None:
    weights = random_weights(checkpoint.network, seed=1)
    swapped = {name: array.astype(order) for name, array in weights.items()}
    export.browser_files(Checkpoint(**{**vars(checkpoint), "weights": swapped}), tmp_path)
    first = next(iter(checkpoint.network.decoder.weight_shapes()))
    values = np.frombuffer((tmp_path / "decoder.bin").read_bytes(), "<f4", count=weights[first].size)
    assert np.array_equal(values, weights[first].ravel())


class Drawn:
    """Thirty drawn garments: as much of a `Dataset` as the export asks for."""

    classes = CLASSES

    def images(self, split: str, n: int | None = None) -> np.ndarray:
        return draw(30)[0][:n] / np.float32(255)

    def labels(self, split: str) -> np.ndarray:
        return draw(30)[1]

    def title(self, split: str) -> str:
        return f"drawn clothes {split}, 30 images"


def test_the_projector_gets_codes_labels_and_a_sprite(checkpoint: Checkpoint, tmp_path: Path) -> None:
    dataset: Any = Drawn()
    export.projector_files(checkpoint, dataset, tmp_path)
    codes = np.loadtxt(tmp_path / "codes.tsv", delimiter="\t")
    expected, _ = checkpoint.engine(threads=1).encode(dataset.images("test"))
    assert codes == pytest.approx(expected, abs=1e-5)
    rows = [line.split("\t") for line in (tmp_path / "metadata.tsv").read_text().splitlines()]
    assert rows[0] == ["index", "class"]
    assert [row[1] for row in rows[1:]] == [CLASSES[label] for label in dataset.labels("test")]
    embedding = json.loads((tmp_path / "projector_config.json").read_text())["embeddings"][0]
    assert embedding["tensorShape"] == list(codes.shape)
    assert {embedding["tensorPath"], embedding["metadataPath"], embedding["sprite"]["imagePath"]} <= {
        path.name for path in tmp_path.iterdir()
    }
    width, height = embedding["sprite"]["singleImageDim"]
    with Image.open(tmp_path / "sprite.png") as opened:
        sprite = np.asarray(opened.convert("L"))
    assert sprite.shape == (5 * height, 6 * width)  # thirty in rows of six: the least square holds them all
    ninth = sprite[1 * height : 2 * height, 2 * width : 3 * width]  # row by row, as the projector counts
    assert ninth == pytest.approx(255 * dataset.images("test")[8, :, :, 0], abs=1)
