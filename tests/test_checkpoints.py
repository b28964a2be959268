"""Checkpoint folders and the files in them: whole or not there, never executed, and an exact word for each fault."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as safetensors_bytes
from tiny_models import save_checkpoint

from vae_core.checkpoints import codes, saving, store
from vae_core.checkpoints.errors import CheckpointError
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network import presets
from vae_core.network.latents import Latents
from vae_core.network.layers import Network, NetworkError, Weights
from vae_core.network.schema import random_weights
from vae_core.runs.directory import Run
from vae_core.storage import files, limits
from vae_core.storage.errors import FileProblem
from vae_core.storage.npz import read_npz
from vae_core.storage.records import read_object
from vae_core.storage.weights import read_arrays, write_weights

MODEL = ModelConfig(preset="classic", image_shape=(8, 8, 1))
TRAINING = TrainingConfig(epochs=3)
CONFIG: dict[str, Any] = {
    "name": "small",
    "step": 42,
    "model": MODEL.to_dict(),
    "training": TRAINING.to_dict(),
    "dataset": {"name": "discs", "checksum": "0" * 64},
}
LATENTS = Latents(
    np.arange(10, dtype=np.float32).reshape(5, 2), np.zeros((5, 2), np.float32), np.arange(5, dtype=np.uint8)
)
METRICS = {"mse": {"value": 0.25, "split": "test", "n": 5, "method": "mean"}}


@pytest.fixture(scope="module")
def network() -> Network:
    return presets.build(MODEL)


@pytest.fixture(scope="module")
def weights(network: Network) -> Weights:
    return random_weights(network, seed=1)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, network: Network, weights: Weights) -> Path:
    path = tmp_path_factory.mktemp("models") / "small"
    return saving.save(
        path,
        config=CONFIG,
        network=network,
        weights=weights,
        metrics=METRICS,
        latents=LATENTS,
        texts={"MODEL_CARD.md": "# small\n"},
    )


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A good checkpoint to spoil."""
    return Path(shutil.copytree(original, tmp_path / "small"))


def change(path: Path, **values: Any) -> None:
    """Put other values into a JSON file; `...` takes one away."""
    found = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not ...}))


def truncate(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


# --- round trips ------------------------------------------------------------------------------------------------


def test_a_checkpoint_comes_back_as_it_was(original: Path, network: Network, weights: Weights) -> None:
    found = store.load(original)
    assert (found.path, found.name, found.step) == (original, "small", 42)
    assert (found.model, found.training, found.network) == (MODEL, TRAINING, network)
    assert (found.dataset, found.metrics) == (CONFIG["dataset"], METRICS)
    assert list(found.weights) == list(network.weight_shapes())
    assert all(np.array_equal(found.weights[name], weights[name]) for name in weights)
    assert found.engine(threads=1).decode(np.zeros((3, 2), np.float32)).shape == (3, 8, 8, 1)


def test_a_gaussian_model_comes_back_with_its_sigma(tmp_path: Path) -> None:
    """A scalar is the one weight without an axis."""
    model = ModelConfig("classic", 2, (8, 8, 1), "gaussian")
    network = presets.build(model)
    weights = {**random_weights(network), Network.sigma_name: np.array(-1.25, np.float32)}
    config = {**CONFIG, "model": model.to_dict()}
    found = store.load(saving.save(tmp_path / "g", config=config, network=network, weights=weights))
    assert found.weights[Network.sigma_name].shape == ()
    assert found.engine(threads=1).log_sigma == -1.25


def test_latents_come_back_as_they_were(original: Path) -> None:
    found = codes.load_latents(original)
    for name in ("z_mean", "z_log_var", "labels"):
        ours, theirs = getattr(found, name), getattr(LATENTS, name)
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_a_checkpoint_holds_plain_files_only(original: Path) -> None:
    names = {path.name for path in original.iterdir()}
    assert names == {
        *("config.json", "network.json", "model.safetensors"),
        *("metrics.json", "latents.npz", "MODEL_CARD.md"),
    }
    for path in original.glob("*.json"):
        assert isinstance(json.loads(path.read_text()), dict)


def test_a_checkpoint_without_figures_loads(tmp_path: Path, network: Network, weights: Weights) -> None:
    path = saving.save(tmp_path / "bare", config=CONFIG, network=network, weights=weights)
    assert store.load(path).metrics is None
    with pytest.raises(CheckpointError, match=r"latents\.npz is missing"):
        codes.load_latents(path)


def test_a_folder_gives_its_name_where_the_config_has_none(folder: Path) -> None:
    change(folder / "config.json", name=...)
    assert store.load(folder).name == "small"


def test_half_precision_weights_load_as_float32(folder: Path, weights: Weights) -> None:
    half = {name: array.astype(np.float16) for name, array in weights.items()}
    write_weights(folder / "model.safetensors", half)
    found = store.load(folder).weights
    for name, array in found.items():
        assert array.dtype == np.float32
        assert array == pytest.approx(weights[name], rel=1e-3, abs=1e-6)


def test_a_run_loads_at_its_newest_snapshot_or_at_the_one_asked_for(
    tmp_path: Path, network: Network, weights: Weights
) -> None:
    run = Run(tmp_path / "run")
    run.create({key: CONFIG[key] for key in ("model", "training", "dataset")}, network)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing|has no snapshot yet"):
        store.load(run.path)
    latents = {"z_mean": LATENTS.z_mean, "z_log_var": LATENTS.z_log_var, "labels": LATENTS.labels}
    for step in (3, 20):
        run.save_snapshot(step, {name: array * step for name, array in weights.items()}, latents)
    name = "decoder/logits/kernel"
    for asked, step in ((None, 20), (3, 3), (20, 20)):
        found = store.load(run.path, asked)
        assert found.step == step
        assert found.weights[name] == pytest.approx(weights[name] * step)
    with pytest.raises(CheckpointError, match=r"00000007/weights\.safetensors is missing"):
        store.load(run.path, 7)


def test_a_step_that_a_checkpoint_does_not_hold_is_refused(folder: Path) -> None:
    assert store.load(folder, 42).step == 42
    with pytest.raises(CheckpointError, match="holds the model of step 42 only, not of step 7"):
        store.load(folder, 7)


def test_saving_again_replaces_the_folder_whole(folder: Path, network: Network, weights: Weights) -> None:
    (folder / "history.csv").write_text("of the older model")
    saving.save(folder, config={**CONFIG, "step": 43}, network=network, weights=weights, replace=True)
    assert store.load(folder).step == 43
    assert {path.name for path in folder.iterdir()} == {"config.json", "network.json", "model.safetensors"}
    assert sorted(path.name for path in folder.parent.iterdir()) == [".trash", "small"]


def test_files_and_folders_are_copied_beside(tmp_path: Path, network: Network, weights: Weights) -> None:
    (tmp_path / "frames" / "0001").mkdir(parents=True)
    (tmp_path / "frames" / "0001" / "a.txt").write_text("frame")
    (tmp_path / "history.csv").write_text("step,loss\n")
    copy = [tmp_path / "history.csv", tmp_path / "frames", tmp_path / "there-is-none.csv"]
    path = saving.save(tmp_path / "m", config=CONFIG, network=network, weights=weights, copy=copy)
    assert (path / "history.csv").read_text() == "step,loss\n"
    assert (path / "frames" / "0001" / "a.txt").read_text() == "frame"


@pytest.mark.parametrize("bad", ["values", "names", "copy"])
def test_a_failed_save_leaves_the_old_folder(folder: Path, network: Network, weights: Weights, bad: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    spoilt = dict(weights)
    arguments: dict[str, Any] = {"config": CONFIG, "network": network, "weights": spoilt, "replace": True}
    if bad == "values":
        spoilt["decoder/logits/bias"] = np.array([np.nan], np.float32)
    elif bad == "names":
        del spoilt["decoder/logits/bias"]
    else:
        arguments["texts"] = {"no-such-folder/card.md": ""}
    with pytest.raises((NetworkError, OSError)):
        saving.save(folder, **arguments)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["small"]


def test_checkpoints_are_listed_by_name(original: Path, tmp_path: Path) -> None:
    for name in ("b", "a"):
        shutil.copytree(original, tmp_path / "one" / name)
    shutil.copytree(original, tmp_path / "two" / "c")
    (tmp_path / "one" / "no-model").mkdir()
    (tmp_path / "one" / "no-model" / "config.json").write_text("{}")
    found = store.list_checkpoints(tmp_path / "one", tmp_path / "two", tmp_path / "none")
    assert [path.name for path in found] == ["a", "b", "c"]


# --- what is refused --------------------------------------------------------------------------------------------


def test_no_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").write_text("")
        with pytest.raises(CheckpointError, match=rf"there is no model at {path}: not a folder"):
            store.load(path)


@pytest.mark.parametrize("name", ["config.json", "network.json", "model.safetensors"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{name} is missing\. The folder is incomplete"):
        store.load(folder)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
@pytest.mark.parametrize("name", ["config.json", "network.json", "metrics.json", "model.safetensors"])
def test_a_truncated_file(folder: Path, name: str, share: float) -> None:
    truncate(folder / name, share)
    with pytest.raises(CheckpointError, match=rf"{name} is (not valid JSON|no whole safetensors file) .*truncated"):
        store.load(folder)


@pytest.mark.parametrize("name", ["config.json", "network.json", "metrics.json"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[1, 2]", "must hold a JSON object, got a list"),
        (b"\xff\xfe\x00\xd8", "is not valid JSON"),
        (b"[" * 200_000, "is not valid JSON"),
    ],
    ids=["list", "bytes", "deep"],
)
def test_json_that_is_no_object(folder: Path, name: str, text: bytes, message: str) -> None:
    (folder / name).write_bytes(text)
    with pytest.raises(CheckpointError, match=f"{name} {message}"):
        store.load(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format_version": 2}, r"is in format 2, this program reads 1\. Update VAE Explorer"),
        ({"format_version": ...}, "is in format None, this program reads 1"),
        ({"model": ...}, r"config\.json lacks 'model' or holds it in an odd form"),
        ({"model": 5}, r"config\.json is not as it should be: model: expected object, got int"),
        ({"training": ...}, r"config\.json lacks 'training'"),
        ({"dataset": ...}, r"config\.json lacks 'dataset'"),
        ({"model": {"latent_dim": 0}}, "latent_dim must be a whole number"),
        ({"training": {"speed": 9}}, r"unknown TrainingConfig settings \['speed'\]"),
        # Files of two different models.
        ({"model": {**MODEL.to_dict(), "latent_dim": 3}}, "config.json says latent_dim 3, network.json says 2"),
        (
            {"model": {**MODEL.to_dict(), "image_shape": [28, 28, 1]}},
            r"config.json says image_shape \(28, 28, 1\), network.json says \(8, 8, 1\)\. The files do not belong",
        ),
        (
            {"model": {**MODEL.to_dict(), "likelihood": "gaussian"}},
            "config.json says likelihood gaussian, network.json says bernoulli",
        ),
    ],
    ids=str,
)
def test_an_odd_config(folder: Path, values: dict[str, Any], message: str) -> None:
    change(folder / "config.json", **values)
    with pytest.raises(CheckpointError, match=message):
        store.load(folder)


def test_a_newer_network(folder: Path) -> None:
    change(folder / "network.json", format_version=2)
    with pytest.raises(CheckpointError, match=r"written in format 2, this program reads up to 1\. Update VAE Explorer"):
        store.load(folder)


def test_a_hostile_network_is_refused_before_any_weight_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = json.loads((folder / "network.json").read_text())
    values["encoder"]["layers"][3]["size"] = 10**6
    values["decoder"]["layers"][0]["kind"] = "dense"
    values["encoder"]["layers"][0]["kernel_init"] = {"module": "os", "class_name": "system"}
    (folder / "network.json").write_text(json.dumps(values))
    monkeypatch.setattr(store, "read_weights", lambda *_: pytest.fail("weights were read"))
    with pytest.raises(CheckpointError, match="kernel_init must be one of"):
        store.load(folder)


def test_weights_of_another_network(folder: Path, weights: Weights) -> None:
    name = "decoder/logits/kernel"
    write_weights(folder / "model.safetensors", {**weights, name: np.zeros((3, 3, 1, 31), np.float32)})
    with pytest.raises(CheckpointError, match=rf"{name} has shape \(3, 3, 1, 31\), network.json says \(3, 3, 1, 32\)"):
        store.load(folder)
    write_weights(folder / "model.safetensors", {name: weights[name]})
    with pytest.raises(CheckpointError, match="the weights do not belong to this network; missing"):
        store.load(folder)


def test_a_huge_tensor_is_refused_by_its_header(folder: Path) -> None:
    """The header promises 4 TB and the file even has a hole of that size: no array of it is made."""
    shape, path = [1024, 1024, 1024, 1024], folder / "model.safetensors"
    header = json.dumps(
        {"encoder/conv_1/kernel": {"dtype": "F32", "shape": shape, "data_offsets": [0, 2**42]}}
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        store.load(folder)
    small = json.dumps(
        {"encoder/conv_1/kernel": {"dtype": "F32", "shape": [2**28], "data_offsets": [0, 2**30]}}
    ).encode()
    with open(path, "wb") as file:  # sparse: takes no room on the disk
        file.write(struct.pack("<Q", len(small)) + small)
        file.truncate(8 + len(small) + 2**30)
    with pytest.raises(CheckpointError, match="the weights do not belong to this network"):
        store.load(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite(folder: Path, weights: Weights, bad: float) -> None:
    spoilt = {**weights, "encoder/conv_1/bias": np.full(32, bad, np.float32)}
    write_weights(folder / "model.safetensors", spoilt)
    with pytest.raises(CheckpointError, match="encoder/conv_1/bias holds NaN or infinite values"):
        store.load(folder)


@pytest.mark.parametrize("dtype", [np.float64, np.int32])
def test_weights_of_another_number_type(folder: Path, weights: Weights, dtype: Any) -> None:
    spoilt = {**weights, "encoder/conv_1/bias": np.zeros(32, dtype)}
    write_weights(folder / "model.safetensors", spoilt)
    with pytest.raises(CheckpointError, match=r"encoder/conv_1/bias is (F64|I32), expected F32 or F16"):
        store.load(folder)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(folder: Path, tmp_path: Path) -> None:
    trap, sprung = Trap(tmp_path / "sprung"), tmp_path / "sprung"
    arrays: dict[str, Any] = {"z_mean": np.array([trap], object), "z_log_var": np.zeros(1), "labels": np.zeros(1)}
    np.savez(folder / "latents.npz", **arrays)
    with pytest.raises(CheckpointError, match=r"latents\.npz is not a whole \.npz file .*holds objects"):
        codes.load_latents(folder)
    for name in ("model.safetensors", "latents.npz"):
        (folder / name).write_bytes(pickle.dumps(trap))
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        store.load(folder)
    with pytest.raises(CheckpointError, match=r"not a whole \.npz file"):
        codes.load_latents(folder)
    assert not sprung.exists()
    pickle.loads(pickle.dumps(trap))
    assert sprung.exists()  # the trap works


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_latents(folder: Path, share: float) -> None:
    truncate(folder / "latents.npz", share)
    with pytest.raises(CheckpointError, match=r"latents\.npz is not a whole \.npz file with z_mean, z_log_var, labels"):
        codes.load_latents(folder)


@pytest.mark.parametrize(
    "arrays",
    [
        {"z_mean": np.zeros((5, 2)), "z_log_var": np.zeros((5, 3)), "labels": np.zeros(5)},
        {"z_mean": np.zeros((5, 2)), "z_log_var": np.zeros((5, 2)), "labels": np.zeros(4)},
        {"z_mean": np.zeros((5, 2)), "z_log_var": np.zeros((5, 2)), "labels": np.zeros(())},
        {"z_mean": np.zeros((5, 2)), "z_log_var": np.zeros((5, 2)), "labels": np.zeros((5, 1))},
        {"z_mean": np.zeros(5), "z_log_var": np.zeros(5), "labels": np.zeros(5)},
    ],
)
def test_latents_that_do_not_belong_together(folder: Path, arrays: dict[str, Any]) -> None:
    np.savez(folder / "latents.npz", **arrays)
    with pytest.raises(CheckpointError, match=r"latents\.npz: shapes .* do not belong together"):
        codes.load_latents(folder)


def test_latents_without_labels(folder: Path) -> None:
    np.savez(folder / "latents.npz", z_mean=LATENTS.z_mean, z_log_var=LATENTS.z_log_var)
    with pytest.raises(CheckpointError, match="labels"):
        codes.load_latents(folder)


def test_an_npz_that_unfolds_to_gigabytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "zeros.npz", a=np.zeros(3_000_000, np.uint8))
    assert (tmp_path / "zeros.npz").stat().st_size < 10_000
    assert len(read_npz(tmp_path / "zeros.npz", ("a",))["a"]) == 3_000_000
    monkeypatch.setattr(limits, "ARRAYS", 2_000_000)
    with pytest.raises(FileProblem, match=r"unfolds to 3,000,\d+ bytes; the limit is 2,000,000"):
        read_npz(tmp_path / "zeros.npz", ("a",))


def test_an_npz_with_other_things_in_it_is_no_archive_to_unpack(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("../outside.txt", "x")
    with pytest.raises(FileProblem, match=r"not a whole \.npz file with a"):
        read_npz(tmp_path / "a.npz", ("a",))
    assert not (tmp_path.parent / "outside.txt").exists()


# --- files that are whole or not there --------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [True, False])
def test_json_round_trip(tmp_path: Path, durable: bool) -> None:
    values = {"a": [1, 2.5, None], "ü": {"b": "−"}}
    files.write_json(tmp_path / "a.json", values, durable)
    assert read_object(tmp_path / "a.json") == values
    assert (tmp_path / "a.json").read_bytes().endswith(b"}\n")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_json(path, {"a": 2})
    assert read_object(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_what_json_cannot_hold_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "a.json", {"a": np.float32(1)})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_a_files_place_is_named(tmp_path: Path) -> None:
    for name in ("a.json", "a.npz", "a.safetensors"):
        (tmp_path / name).mkdir()
    with pytest.raises(FileProblem, match=r"a\.json"):
        read_object(tmp_path / "a.json")
    with pytest.raises(FileProblem, match=r"a\.npz"):
        read_npz(tmp_path / "a.npz", ("a",))
    with pytest.raises(FileProblem, match=r"a\.safetensors"):
        read_arrays(tmp_path / "a.safetensors")


def test_arrays_come_back_with_the_strings_of_their_header(tmp_path: Path) -> None:
    data = safetensors_bytes({"a": np.arange(6).reshape(2, 3)}, metadata={"values": "{}"})
    files.write_bytes(tmp_path / "a.safetensors", data)
    arrays, strings = read_arrays(tmp_path / "a.safetensors")
    assert np.array_equal(arrays["a"], np.arange(6).reshape(2, 3))
    assert strings == {"values": "{}"}


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder"
    with pytest.raises(KeyboardInterrupt), files.new_folder(path) as inside:
        (inside / "half").write_text("")
        raise KeyboardInterrupt
    assert list((tmp_path / "deep").iterdir()) == []
    with files.new_folder(path) as inside:
        (inside / "one").write_text("")
        assert not path.exists()
    assert [child.name for child in path.iterdir()] == ["one"]
    with pytest.raises(OSError, match="full"), files.new_folder(path) as inside:
        raise OSError("full")
    assert [child.name for child in path.iterdir()] == ["one"]


def test_so_many_codes_are_kept_that_every_page_opens_soon(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "many", ModelConfig("classic", 2, (16, 16, 1)), codes=30_000)
    assert len(codes.load_latents(tmp_path / "many").labels) == 20_000
