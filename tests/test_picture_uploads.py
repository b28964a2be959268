"""Zips of pictures that were uploaded to train on: how long they are kept, and what they take."""

from __future__ import annotations

import gzip
import os
import struct
import time
import zipfile
from pathlib import Path

import pytest
from own_models import own_run, own_zip
from tiny_runs import save_npz

from vae_core.checkpoints.training_data import note_for
from vae_core.datasets import loading
from vae_core.jobs.deletion import delete_run
from vae_core.jobs.picture_uploads import UNUSED_SECONDS, remove_unused, still_stored, store_pictures
from vae_core.runs.directory import Run
from vae_core.storage import trash
from vae_core.storage.errors import DataError
from vae_core.storage.files import write_json

LATER = UNUSED_SECONDS + 60


@pytest.fixture(autouse=True)
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def stored(tmp_path: Path, seed: int) -> Path:
    """A zip that was dropped into the form, as it is kept."""
    data = own_zip(tmp_path / "mine.zip", side=16, n=6, seed=seed).read_bytes()
    return Path(store_pictures("mine.zip", data).data)


def later() -> list[Path]:
    return remove_unused(now=time.time() + LATER)


def test_what_nobody_trained_on_goes_after_a_day(tmp_path: Path) -> None:
    path = stored(tmp_path, 1)
    assert remove_unused(now=time.time() + UNUSED_SECONDS - 60) == [] and path.exists()
    assert later() == [path.parent] and not path.parent.exists()
    assert stored(tmp_path, 1) == path and path.exists()  # the same one again


def test_a_new_one_makes_room_and_one_that_is_looked_at_stays(tmp_path: Path) -> None:
    old, used = stored(tmp_path, 1), stored(tmp_path, 2)
    for path in (old, used):
        os.utime(path.parent, (time.time() - LATER,) * 2)
    assert stored(tmp_path, 2) == used and used.exists() and not old.exists()
    lies = store_pictures("mine.zip", used.read_bytes())  # in the form of a visitor
    os.utime(used.parent, (time.time() - LATER,) * 2)
    assert still_stored(lies) and remove_unused() == []


def test_what_a_run_was_trained_on_stays_until_it_is_gone_for_good(tmp_path: Path, runs: Path) -> None:
    path = stored(tmp_path, 1)
    run = own_run(runs / "mine", path, (16, 16, 1))
    assert later() == [] and path.exists()
    delete_run(run)
    assert later() == [] and path.exists()  # it can be put back
    trash.deleted(runs, now=time.time() + LATER)
    assert later() == [path.parent]


def test_what_a_model_was_trained_on_stays(tmp_path: Path) -> None:
    path, model = stored(tmp_path, 1), tmp_path / "models" / "mine"
    model.mkdir(parents=True)
    write_json(model / "data.json", note_for(str(path), model))
    assert later() == [] and path.exists()


def test_nothing_goes_while_a_note_cannot_be_read(tmp_path: Path, runs: Path) -> None:
    path = stored(tmp_path, 1)
    (runs / "odd" / "request.json").mkdir(parents=True)
    assert later() == [] and path.exists()
    (runs / "odd" / "request.json").rmdir()
    Run(runs / "odd").path.joinpath("request.json").write_text(f'{{"data": "{path}", torn')
    assert later() == [] and path.exists()  # damaged, and yet it names it


def test_what_is_not_of_the_app_is_left(tmp_path: Path, runs: Path) -> None:
    others = [runs / "uploads" / "my own" / "a.zip", runs / "uploads" / "0123456789abcdef"]
    others[0].parent.mkdir(parents=True)
    for other in others:
        other.write_bytes(b"mine")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (runs / "uploads" / "fedcba9876543210").symlink_to(elsewhere)
    assert later() == [] and all(other.exists() for other in [*others, elsewhere])


def test_one_zip_under_two_names_is_kept_once(tmp_path: Path) -> None:
    data = own_zip(tmp_path / "mine.zip", side=16, n=6).read_bytes()
    one, other = (Path(store_pictures(name, data).data) for name in ("one.zip", "other.zip"))
    assert (one.name, other.name) == ("one.zip", "other.zip") and one.samefile(other)


@pytest.mark.parametrize("name", ["squares.npz", "SQUARES.NPZ"])
def test_an_npz_is_taken_as_a_zip_is(name: str, tmp_path: Path) -> None:
    data = save_npz(tmp_path / "squares.npz", 40).read_bytes()
    pictures = store_pictures(name, data)
    assert pictures.data.endswith(".npz") and still_stored(pictures)
    assert (pictures.n, pictures.classes, pictures.shape) == (40, ("0", "1"), (16, 16, 1))
    dataset = loading.load(pictures.data, image_shape=pictures.shape, notify=lambda line: None)
    assert dict(dataset.sizes) == pictures.sizes and dataset.classes == pictures.classes
    with pytest.raises(DataError, match=r"^torn\.npz is no whole \.npz file"):
        store_pictures("torn.npz", data[:-40])
    with pytest.raises(DataError, match="holds no pictures"):
        store_pictures("squares.zip", data)  # the same bytes by a wrong name leave the good one alone
    assert still_stored(pictures) and [path.name for path in Path(pictures.data).parent.iterdir()] == [
        Path(pictures.data).name
    ]


def test_a_zip_with_the_files_of_mnist(tmp_path: Path) -> None:
    path = tmp_path / "mnist.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for split, n in (("train", 30), ("t10k", 8)):
            header = struct.pack(">HBB3I", 0, 8, 3, n, 28, 28)
            archive.writestr(f"{split}-images-idx3-ubyte.gz", gzip.compress(header + bytes(n * 28 * 28)))
            labels = struct.pack(">HBBI", 0, 8, 1, n) + bytes(i % 10 for i in range(n))
            archive.writestr(f"{split}-labels-idx1-ubyte.gz", gzip.compress(labels))
    pictures = store_pictures("mnist.zip", path.read_bytes())
    assert (pictures.n, pictures.shape, pictures.sizes["test"], len(pictures.classes)) == (38, (28, 28, 1), 8, 10)
    assert dict(loading.load(pictures.data, notify=lambda line: None).sizes) == pictures.sizes
