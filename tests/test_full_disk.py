"""A file system that is really full: nothing half-written stays, what was there is whole, and the message says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_models import own_run, own_zip
from tiny_models import save_checkpoint
from tiny_runs import MODEL, save_npz, squares

from vae_core.checkpoints.bundle import ImportProblem, import_model, pack_model
from vae_core.cli.main import main
from vae_core.jobs import scoring
from vae_core.jobs.scoring import ScoringQueue, Task
from vae_core.runs.directory import Run

SIZE = 4 << 20
ROOT = Path(__file__).parents[1]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes in memory, of which `fill` leaves little."""
    place, mount = tmp_path / "disk", shutil.which("mount")
    place.mkdir()
    if mount is None or sys.platform != "linux":
        pytest.skip("no file system can be mounted here: needs Linux and mount")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], capture_output=True)
    if done.returncode:
        pytest.skip("no small file system may be mounted here: needs the rights of root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, left: int) -> None:
    """Leave about so many bytes."""
    free = shutil.disk_usage(disk).free
    (disk / "filling").write_bytes(bytes(max(0, free - left)))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("error: ") and message.endswith("the disk is full. Free some space."), message
    return message


def test_a_run_is_not_kept(disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = own_run(tmp_path / "run", own_zip(tmp_path / "pets.zip"))
    old = save_checkpoint(disk / "models" / "mine", MODEL)
    fill(disk, 100_000)
    before = names(disk)
    assert main(["keep", str(run.path), str(disk / "models" / "new")]) == 2
    assert "/models/new" in refused(capsys)
    assert main(["keep", str(run.path), str(old), "--replace"]) == 2
    refused(capsys)
    assert names(disk) == before and main(["check-model", str(old)]) == 0


@pytest.mark.parametrize(
    "words", ["generate {model} --output {disk}/a.png", "export {model} --format onnx --output {disk}/out"]
)
def test_no_file_is_written_in_part(words: str, disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_checkpoint(tmp_path / "mine", MODEL)
    fill(disk, 12_000)
    assert main([word.format(model=model, disk=disk) for word in words.split()]) == 2
    refused(capsys)
    assert [name for name in names(disk) if name not in ("filling", "out")] == []


def test_no_model_is_imported(disk: Path, tmp_path: Path) -> None:
    data = pack_model(save_checkpoint(tmp_path / "mine", MODEL))
    fill(disk, 100_000)
    before = names(disk)
    with pytest.raises(ImportProblem, match=r"Free some space\.$"):
        import_model(data, disk / "models")
    assert [name for name in names(disk) if name != "models"] == before


def test_scores_that_cannot_be_kept_are_shown_all_the_same(disk: Path, tmp_path: Path) -> None:
    model = save_checkpoint(disk / "mine", MODEL)
    fill(disk, 0)
    before = names(disk)
    queue = ScoringQueue(scoring.score_in_child)
    pixels = squares(8, 0)[0]
    queue._jobs["a"] = job = scoring.Job(
        Task("a", model, None, model / "model.safetensors", "c" * 64, pixels), len(pixels)
    )
    queue._work_off()
    assert job.state == "done" and job.scores is not None and len(job.scores) == len(pixels)
    assert names(disk) == before


@pytest.mark.slow
def test_a_training_says_so_and_goes_on_later(disk: Path, tmp_path: Path) -> None:
    data, run = save_npz(tmp_path / "squares.npz"), Run(disk / "run")
    fill(disk, 300_000)
    words = (
        f"train --preset classic --batch-size 16 --epochs 500 --checkpoint-seconds 0 --data {data} --run-dir {run.path}"
    )
    done = subprocess.run(
        [sys.executable, "-m", "vae_core", *words.split()],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert "the disk is full" in done.stderr and "Free some space" in done.stderr
    state, why = run.state()
    assert state == "failed" and "the disk is full" in why
    assert not [name for name in names(run.path) if Path(name).name.startswith(".") and Path(name).name != ".lock"]
