"""A model as a zip: out and in again; and every zip that is refused leaves nothing behind."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import save_checkpoint
from tiny_runs import MODEL

from vae_core.checkpoints import bundle, store
from vae_core.checkpoints.bundle import ImportProblem, import_model, pack_model, safe_name
from vae_core.checkpoints.codes import load_latents
from vae_core.checkpoints.timeline import frame_steps, load_frame
from vae_core.network import presets
from vae_core.network.schema import random_weights
from vae_core.runs.directory import Run
from vae_core.storage import limits


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("models") / "mine", MODEL, codes=20)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run with three snapshots, made without training."""
    made, network = Run(tmp_path / "runs" / "demo"), presets.build(MODEL)
    training = {"epochs": 2}
    data = {"name": "squares", "source": "a test", "checksum": "0" * 64, "sizes": {"train": 9}, "classes": ["a", "b"]}
    made.create(
        {"name": "demo", "model": MODEL.to_dict(), "training": training, "dataset": data, "versions": {}}, network
    )
    for step in (1, 5, 9):
        codes = np.full((6, 2), step, np.float32)
        made.save_snapshot(
            step,
            random_weights(network, step),
            {"z_mean": codes, "z_log_var": codes, "labels": np.arange(6, dtype=np.uint8) % 2},
        )
    made.write_status("finished", step=9, total_steps=9, seconds=3.0)
    return made


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def zipped(files: dict[str, bytes]) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_a_model_goes_out_and_comes_in_again(model: Path, tmp_path: Path) -> None:
    data = pack_model(model)
    found = [import_model(data, tmp_path / "in"), import_model(data, tmp_path / "in")]
    assert [path.name for path in found] == ["mine", "mine-2"]  # the second does not take the first one's place
    before = store.load(model)
    for path in found:
        after = store.load(path)
        assert after.name == path.name and after.model == before.model
        assert all((after.weights[name] == array).all() for name, array in before.weights.items())
        np.testing.assert_array_equal(load_latents(path).z_mean, load_latents(model).z_mean)
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["mine", "mine-2"]


def test_a_run_goes_out_as_a_model_with_its_timeline(run: Run, tmp_path: Path) -> None:
    zip_file = tmp_path / "demo.zip"
    zip_file.write_bytes(pack_model(run.path))
    path = import_model(zip_file, tmp_path / "in")
    assert store.load(path).step == 9 and frame_steps(path) == [1, 5, 9]
    frame = load_frame(path, run.network(), 5)
    assert (frame.latents.z_mean == 5).all()
    assert "# demo" in (path / "MODEL_CARD.md").read_text(encoding="utf-8")
    run.write_status("running")
    with pytest.raises(ImportProblem, match="demo is running; stop it or wait for its end"):
        pack_model(run.path)


def test_flat_zips_and_what_a_mac_adds(model: Path, tmp_path: Path) -> None:
    files = {name.removeprefix("mine/"): content for name, content in members(pack_model(model)).items()}
    assert import_model(zipped(files), tmp_path / "flat").name == "mine"
    extra = {"__MACOSX/mine/._config.json": b"?", "mine/.DS_Store": b"?"}
    assert import_model(zipped({**members(pack_model(model)), **extra}), tmp_path / "mac").name == "mine"


def changed(**files: bytes | None) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """The zip's files with some of them replaced, added or (None) left out; `_` stands for the dot."""

    def change(before: dict[str, bytes]) -> dict[str, bytes]:
        after = {**before, **{f"mine/{name}": content for name, content in files.items() if content is not None}}
        return {
            name: content for name, content in after.items() if files.get(name.removeprefix("mine/"), b"") is not None
        }

    return change


def config(**changes: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda before: {
        **before,
        "mine/config.json": json.dumps({**json.loads(before["mine/config.json"]), **changes}).encode(),
    }


NETWORK_OF_ANOTHER = json.dumps(presets.build(type(MODEL)("classic", 3, (16, 16, 1))).to_dict()).encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(**{"../evil.txt": b"x"}), r"'mine/\.\./evil\.txt', which leads out of the archive"),
        (lambda files: {**files, "/etc/passwd": b"x"}, "leads out of the archive"),
        (lambda files: {**files, "C:/x": b"x"}, "leads out of the archive"),
        (lambda files: {**files, "mine\\..\\x": b"x"}, "leads out of the archive"),
        (changed(**{"run.py": b"import os"}), r"'run\.py', which is no part of a model"),
        (changed(**{"model.pkl": b"x"}), "no part of a model"),
        (changed(**{"snapshots/1/latents.npz": b"x"}), "no part of a model"),
        (changed(**{"snapshots/00000001/weights.npz": b"x"}), "no part of a model"),
        (changed(**{"snapshots/00000001/latents.npz": b"x"}), "latents.npz is not a whole .npz"),
        (changed(**{"control.json": b"{}"}), "a whole run directory"),
        (changed(**{"latents.npz": None}), "lacks latents.npz"),
        (changed(**{"config.json": None, "network.json": None}), "lacks config.json, network.json"),
        (changed(**{"config.json": b"{"}), "not valid JSON"),
        (changed(**{"config.json": b"[" * 100_000}), "not valid JSON"),
        (changed(**{"network.json": NETWORK_OF_ANOTHER}), "says latent_dim 2, network.json says 3"),
        (changed(**{"model.safetensors": b"\x08\0\0\0\0\0\0\0{}"}), "safetensors"),
        (changed(**{"latents.npz": b"PK"}), "not a whole .npz file"),
        (changed(**{"metrics.json": b'{"ssim": 0.9}'}), "metrics.json holds 'ssim' in an odd form"),
        (changed(**{"scores.npz": b"PK"}), "not a whole .npz file"),
        (changed(**{"MODEL_CARD.md": b"\xff\xfe"}), "can't decode"),
        (changed(**{"MODEL_CARD.md": b" " * (2 << 20)}), "MODEL_CARD.md expands to 2 MiB, at most 1 are taken"),
        (config(format_version=2), "is in format 2, this program reads 1"),
        (config(dataset={"name": "x", "classes": [1, 2]}), r"dataset\.classes\[0\]: expected str, got int"),
        (config(dataset=["x"]), "dataset: expected object, got array"),
        (config(name={"a": 1}), "name: expected str, got object"),
        (lambda files: {"a/b": b"x", "c/d": b"y"}, "no part of a model"),
        (lambda files: {}, "lacks config.json"),
        (lambda files: {f"mine/{i}": b"" for i in range(2001)}, "holds 2,001 entries"),
    ],
)
def test_what_is_refused(model: Path, tmp_path: Path, change: Any, message: str) -> None:
    root = tmp_path / "in"
    with pytest.raises(ImportProblem, match=message) as caught:
        import_model(zipped(change(members(pack_model(model)))), root)
    assert ".taken-in" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path != root] == []


def test_links_passwords_and_other_methods(model: Path, tmp_path: Path) -> None:
    def with_entry(spoil: Callable[[zipfile.ZipInfo], None], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        made = BytesIO(pack_model(model))
        with zipfile.ZipFile(made, "a") as archive:
            info = zipfile.ZipInfo("mine/history.csv")
            info.compress_type = method
            spoil(info)
            archive.writestr(info, "/etc/passwd", compress_type=method)
        return made.getvalue()

    def link(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    with pytest.raises(ImportProblem, match=r"link or device 'mine/history\.csv'"):
        import_model(with_entry(link), tmp_path / "in")
    with pytest.raises(ImportProblem, match="packed by method 14"):
        import_model(with_entry(lambda info: None, zipfile.ZIP_LZMA), tmp_path / "in")
    data = bytearray(with_entry(lambda info: None))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flag of an encrypted entry, in the zip's directory
    with pytest.raises(ImportProblem, match="protected by a password"):
        import_model(bytes(data), tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_a_bomb_is_refused_by_what_it_claims_and_cut_off_where_it_lies(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bundle.FILES, "history.csv", 1000)
    bomb = zipped({**members(pack_model(model)), "mine/history.csv": b"0" * 2000})
    with pytest.raises(ImportProblem, match=r"history\.csv expands to"):
        import_model(bomb, tmp_path / "in")
    data = bytearray(bomb)
    at = data.rindex(b"mine/history.csv") - 46  # its entry in the directory: the size is a lie now
    data[at + 24 : at + 28] = (500).to_bytes(4, "little")
    with pytest.raises(ImportProblem, match="damaged"):
        import_model(bytes(data), tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []
    monkeypatch.setattr(limits, "MODEL", 1000)
    with pytest.raises(ImportProblem, match="the zip expands to"):
        import_model(pack_model(model), tmp_path / "in")


def test_a_place_that_cannot_be_written(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImportProblem, match="cannot be written to"):
        import_model(pack_model(model), tmp_path / "file" / "in")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_is_one_clear_error_or_a_whole_model(
    model: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(pack_model(model))
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole))) :]
    for _ in range(data.draw(st.integers(0, 3))):
        if whole:
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    root = tmp_path_factory.mktemp("in")
    try:
        path = import_model(bytes(whole), root)
    except ImportProblem:
        assert list(root.iterdir()) == []
    else:
        store.load(path)
        assert list(root.iterdir()) == [path]


@given(st.text())
def test_safe_names(text: str) -> None:
    name = safe_name(text)
    assert name and len(name) <= 60 and not name.startswith((".", "-")) and "/" not in name and "\\" not in name


def test_dot_files_and_folders_in_folders(model: Path, tmp_path: Path) -> None:
    files = {f"download/{name}": content for name, content in members(pack_model(model)).items()}
    extra = {"download/.git/config": b"?", "download/mine/@eaDir/x": b"?", "download/mine/.gitignore": b"?"}
    assert import_model(zipped({**files, **extra}), tmp_path / "in").name == "mine"
