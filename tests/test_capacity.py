"""What the machine can take: each limit is a setting, and says so in a sentence when it bites."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from tiny_runs import MODEL, recipe

from vae_core.config import ModelConfig, TrainingConfig
from vae_core.jobs import capacity, launcher
from vae_core.jobs.launcher import Request
from vae_core.jobs.worker_pool import Ready, Trainers
from vae_core.network import presets
from vae_core.runs.control import Control, RunError
from vae_core.runs.directory import Run

SIZES = {"train": 55_000, "validation": 5_000, "test": 10_000}
ROOT = Path(__file__).parents[1]
PLENTY = SimpleNamespace(available=64_000_000_000, total=64_000_000_000)


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with memory and room on its disk; a test takes what it wants away."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: PLENTY)
    monkeypatch.setattr(capacity.shutil, "disk_usage", lambda path: SimpleNamespace(total=100, free=100))


def some(root: Path, name: str, state: str, command: str = "wait") -> Run:
    """A run of this very process, so that it counts as one at work."""
    run = Run(root / name)
    data = {"name": "squares", "classes": [], "checksum": "", "sizes": SIZES}
    run.create({"model": MODEL.to_dict(), "training": recipe().to_dict(), "dataset": data}, presets.build(MODEL))
    run.write_control(Control(command))
    started = psutil.Process().create_time()
    run.write_status(state, pid=os.getpid(), started=started, since=1.0, doing="waiting" if state == "waiting" else "")
    return run


def test_the_estimate_grows_with_all_that_takes_memory() -> None:
    least = capacity.memory_of(ModelConfig(), TrainingConfig(), SIZES)
    assert 0.7e9 < least < 1.6e9
    for model, training, sizes in (
        (ModelConfig(latent_dim=256), TrainingConfig(), SIZES),
        (ModelConfig(image_shape=(128, 128, 3)), TrainingConfig(), SIZES),
        (ModelConfig(), TrainingConfig(batch_size=8192), SIZES),
        (ModelConfig(), TrainingConfig(), {**SIZES, "train": 5_000_000}),
    ):
        assert capacity.memory_of(model, training, sizes) > least
    few = capacity.memory_of(ModelConfig(), TrainingConfig(batch_size=8192), {**SIZES, "train": 100})
    assert few < 1.1 * least  # a batch is never larger than the data


MEASURED = """
import resource, sys
from vae_core.cli.main import main
code = main(sys.argv[1:])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system counts memory in other units")
def test_the_estimate_is_near_what_a_training_takes(tmp_path: Path) -> None:
    """A batch so large that its activations are the most of it."""
    batch, rng = 4096, np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", images=rng.integers(0, 256, (5200, 28, 28), np.uint8), labels=np.zeros(5200, int))
    words = ["train", "--data", str(tmp_path / "noise.npz"), "--preset", "classic", "--batch-size", str(batch)]
    words += ["--epochs", "1", "--run-dir", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    code, kilobytes = done.stdout.split()[-2:]
    assert code == "0", done.stderr
    config = Run(tmp_path / "run").config()
    model, training = ModelConfig.from_dict(config["model"]), TrainingConfig.from_dict(config["training"])
    estimate = capacity.memory_of(model, training, config["dataset"]["sizes"])
    assert 0.7 * estimate < 1024 * int(kilobytes) < 1.1 * estimate


def test_the_queue_takes_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS_WAITING", "2")
    some(tmp_path, "at-work", "running")
    for number in range(2):
        capacity.check_start(tmp_path, 1, beside=False)
        some(tmp_path, f"waits-{number}", "waiting")
    with pytest.raises(RunError, match=r"2 runs are waiting already, and at most 2 may \(VAE_EXPLORER_RUNS_WAITING\)"):
        capacity.check_start(tmp_path, 1, beside=False)


def test_so_many_train_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS_BESIDE", "2")
    some(tmp_path, "one", "running")
    some(tmp_path, "waits", "waiting")  # takes no core
    capacity.check_start(tmp_path, 1, beside=True)
    some(tmp_path, "two", "waiting", command="run")  # is about to begin beside the other
    with pytest.raises(RunError, match=r"2 runs are in progress \(.*\), and at most 2 may train at once"):
        capacity.check_start(tmp_path, 1, beside=True)
    some(tmp_path / "alone", "first", "waiting")  # nothing is before it
    assert [run.name for run in capacity.in_progress(tmp_path / "alone")[0]] == ["first"]


def test_a_queued_run_is_sent_on_only_if_one_more_may_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS_BESIDE", "1")
    paused, queued = some(tmp_path, "paused", "paused", "pause"), some(tmp_path, "queued", "waiting")
    with pytest.raises(RunError, match="1 run is in progress"):
        launcher.go_on(queued)
    assert queued.control().command == "wait"
    launcher.go_on(paused)  # it is one of those in progress already
    assert paused.control().command == "run"


def test_a_run_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2_000, total=10_000))
    capacity.check_memory(2_400, ready=400)  # the process that stands ready becomes the trainer
    capacity.check_memory(9_000, later=True)  # others end before it begins
    for needed, later in ((2_401, False), (9_001, True)):
        with pytest.raises(RunError, match=r"would take about .* \(VAE_EXPLORER_RUN_MB\)\. Choose a smaller batch"):
            capacity.check_memory(needed, 400, later)
    monkeypatch.setenv("VAE_EXPLORER_RUN_MB", "3000")
    capacity.check_memory(3_000_000_000)
    with pytest.raises(RunError, match="about 3,001 MB of memory, and 3,000 MB may be taken"):
        capacity.check_memory(3_001_000_000)


def test_the_disk_keeps_some_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity.shutil, "disk_usage", lambda path: SimpleNamespace(total=1000, free=30))
    capacity.check_disk(tmp_path / "not" / "there", needed=10)
    with pytest.raises(
        RunError, match=r"2 % of it, .* must stay so \(VAE_EXPLORER_FREE_DISK\)\. Delete runs or models"
    ):
        capacity.check_disk(tmp_path, needed=11)
    monkeypatch.setenv("VAE_EXPLORER_FREE_DISK", "0")
    capacity.check_disk(tmp_path, needed=30)


def test_the_launcher_and_the_form_keep_the_same_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAE_EXPLORER_RUN_MB", "100")
    monkeypatch.setattr(launcher, "_TRAINERS", Trainers())
    request = Request("large", ModelConfig(), TrainingConfig(), "drawn")
    refusal = launcher.refusal(request)
    assert refusal and "100 MB may be taken" in refusal
    with pytest.raises(RunError) as error:
        launcher.start(request)
    assert str(error.value) == refusal
    assert not launcher.runs()  # and no folder is left behind


def test_no_process_is_kept_ready_where_none_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_STANDBY", "0")
    trainers = Trainers()
    assert trainers.prepare(tmp_path, busy=False) == Ready("off")
    assert trainers._standby is None and trainers.ready_memory() == 0
