"""Trainings from the app's side: real processes that are started, steered, killed, queued; and what becomes of their runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from tiny_runs import MODEL, recipe, squares, wait_for

from vae_core.checkpoints import store
from vae_core.checkpoints.bundle import ImportProblem
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.datasets import loading
from vae_core.jobs import duration, finished_runs, launcher, picture_uploads, process, worker_pool
from vae_core.jobs.launcher import Request
from vae_core.jobs.queue import before
from vae_core.jobs.worker_pool import Trainers
from vae_core.network import presets
from vae_core.runs import directory
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, Run
from vae_core.runs.health import LOG, Health, health, log_tail
from vae_core.storage import limits
from vae_core.storage.errors import DataError

ROOT = Path(__file__).parents[1]


def pictures(n: int = 200) -> bytes:
    """A zip of squares in two folders, as a user would bring it along."""
    made, (pixels, labels) = BytesIO(), squares(n, 7)
    with zipfile.ZipFile(made, "w") as archive:
        for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            png = BytesIO()
            Image.fromarray(image[:, :, 0]).save(png, "PNG")
            archive.writestr(f"squares/{'large' if label else 'small'}/{i:04d}.png", png.getvalue())
    return made.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder for runs, a server of its own, and no process left at the end."""
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS_BESIDE", "4")
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    trainers = Trainers()
    monkeypatch.setattr(launcher, "_TRAINERS", trainers)
    yield tmp_path / "runs"
    for run in launcher.runs():
        process = run.process()
        if process is not None and process.pid != os.getpid():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                process.wait(10)
    if trainers._standby is not None:
        trainers._standby.process.kill()


@pytest.fixture
def request_for(folder: Path) -> Request:
    """A run of a second or two on the squares."""
    found = picture_uploads.store_pictures("My squares.zip", pictures())
    return Request("My squares", MODEL, recipe(epochs=3), found.data, found.sizes)


def longer(request: Request, epochs: int = 1500) -> Request:
    """One that goes on until it is told to stop; for a minute or two, should the tests be killed before they can."""
    return Request(request.name, request.model, recipe(epochs=epochs), request.data, request.sizes)


def running(run: Run) -> bool:
    assert run.state()[0] != "failed", (health(run), log_tail(run))
    return run.status().get("step", 0) >= 2


def ended(run: Run) -> bool:
    return run.state()[0] in ENDED


def fake(run: Run, state: str = "running", **status: object) -> Run:
    """A run directory without a trainer."""
    training, data = recipe().to_dict(), {"name": "squares", "classes": [], "checksum": ""}
    run.create({"model": MODEL.to_dict(), "training": training, "dataset": data}, presets.build(MODEL))
    run.write_status(state, **status)
    return run


# --- starting ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_warm_process_becomes_the_trainer(request_for: Request, folder: Path) -> None:
    assert launcher.prepare().state == "starting"
    wait_for(lambda: launcher.prepare().state == "ready", "the process that stands ready", 120)
    standby = launcher._TRAINERS._standby
    assert standby is not None
    run = launcher.start(request_for)
    assert run.path.parent == folder and run.name == "My-squares"
    assert [found.path for found in launcher.active()] == [run.path]
    wait_for(lambda: ended(run), "the end", 120)
    assert run.state() == ("finished", ""), log_tail(run)
    assert run.status()["pid"] == standby.process.pid
    assert run.config()["training"] == request_for.training.to_dict()
    assert ModelConfig.from_dict(run.config()["model"]) == MODEL
    standby.process.wait(60)
    log = (run.path / LOG).read_text()
    assert "finished: " in log and "oneDNN" not in log and "rebuild TensorFlow" not in log
    assert launcher.active() == []
    # the machine's pace was noted, and that of the run counts from now on
    assert duration.known_presets(folder) >= {"swift"}


@pytest.mark.slow
def test_two_starts_at_once_one_after_the_other(request_for: Request) -> None:
    made: list[Run] = []
    clicks = [threading.Thread(target=lambda: made.append(launcher.start(longer(request_for)))) for _ in range(2)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert made[0].path != made[1].path
    wait_for(lambda: any(run.status().get("step", 0) >= 2 for run in made), "one of them", 120)
    first, second = sorted(made, key=lambda run: -run.status().get("step", 0))
    wait_for(lambda: "waiting for" in health(second).note, "the other to say so")
    how = health(second)
    assert (how.state, how.note, how.active) == ("waiting", f"waiting for {first.name} to end", True)
    assert not (second.path / "config.json").exists()
    memory = psutil.Process(second.status()["pid"]).memory_info().rss
    assert memory < 200 << 20  # it has not imported TensorFlow
    launcher.stop(first)
    wait_for(lambda: ended(first), "the stop")
    assert first.state() == ("stopped", "")
    wait_for(lambda: running(second), "its turn", 120)


@pytest.mark.slow
def test_a_queued_run_can_begin_beside_or_be_stopped_and_a_wild_one_gets_advice(
    request_for: Request, folder: Path
) -> None:
    blocker = fake(Run(folder / "blocker"), step=3)  # this process is its trainer
    stopped, sent_on = launcher.start(request_for), launcher.start(request_for)
    wait_for(lambda: health(sent_on).note == "waiting for blocker to end", "the queue")
    assert [run.name for run in before(sent_on, time.time())] == ["blocker", stopped.name]
    launcher.stop(stopped)
    wait_for(lambda: ended(stopped), "the stop")
    assert health(stopped).state == "stopped" and health(stopped).resumable
    launcher.go_on(sent_on)
    wait_for(lambda: ended(sent_on), "the end", 120)
    assert sent_on.state()[0] == "finished" and blocker.state()[0] == "running"
    training = recipe(epochs=50, learning_rate=10.0, beta=1e6, schedule="constant")
    wild = launcher.start(Request("wild", MODEL, training, request_for.data, request_for.sizes), beside=True)
    launcher.resume(stopped, beside=True)  # it never began: it begins
    wait_for(lambda: ended(stopped) and ended(wild), "the end of both", 120)
    assert stopped.state()[0] == "finished"
    how = health(wild)
    if how.state == "failed":
        assert "NaN or infinite" in how.note and "Lower the learning rate" in how.note
    else:
        assert how.state == "finished"
    assert not any(np.isnan(value).any() for value in wild.snapshot_weights().values())


SERVER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from vae_core.jobs import launcher
from vae_core.jobs.launcher import Request
from vae_core.config import ModelConfig, TrainingConfig
request = Request("demo", ModelConfig("classic", 2, (16, 16, 1)), TrainingConfig(epochs=1500, batch_size=16), sys.argv[2])
first, second = launcher.start(request), launcher.start(request)
standby = launcher._TRAINERS.prepare(launcher.folder(), busy=False)
print(first.path, second.path, launcher._TRAINERS._standby.process.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.slow
def test_the_server_is_killed_and_runs_go_on(request_for: Request) -> None:
    words = [sys.executable, "-c", SERVER, str(ROOT), request_for.data]
    # Ctrl-C in the terminal reaches the server's whole group: the runs have left it.
    server = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert server.stdout is not None
        one, two, standby = server.stdout.readline().split()
        first, second = Run(one), Run(two)
        wait_for(lambda: running(first), "the first run", 120)
        wait_for(lambda: "waiting for" in health(second).note, "the second to wait")
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        wait_for(lambda: not alive(int(standby)), "the process that stood ready to end", 60)
        at = first.status()["step"]
        wait_for(lambda: first.status()["step"] > at, "the first run to go on")
        assert {run.path for run in launcher.active()} == {first.path, second.path}
        launcher.stop(first)  # a server that starts anew finds them
        wait_for(lambda: running(second), "the second run, which nobody is left to start", 120)
    finally:
        server.kill()
        if server.stdout is not None:
            server.stdout.close()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- steering and ending ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_pause_step_dials_kill_resume_hang(request_for: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    run = launcher.start(longer(request_for))
    wait_for(lambda: running(run), "the first steps", 120)
    launcher.pause(run)
    assert wait_for(lambda: run.status()["state"] == "paused", "the pause") < 10
    at = run.status()["step"]
    launcher.step(run)
    wait_for(lambda: run.status()["step"] == at + 1, "one step")
    launcher.turn_dials(run, beta=4.0)
    launcher.turn_dials(run, learning_rate=5e-4)
    with pytest.raises(RunError, match=r"beta must be a number in 0\.\.1e\+09"):
        launcher.turn_dials(run, beta=-1.0)
    launcher.go_on(run)
    wait_for(lambda: {"beta", "learning_rate"} <= {row.get("event") for row in run.metrics()}, "the marks")
    wait_for(lambda: run.load_state(), "a checkpoint")
    os.kill(run.status()["pid"], signal.SIGKILL)
    wait_for(lambda: ended(run), "its end")
    wait_for(lambda: "SIGKILL" in health(run).note, "the reason")
    how = health(run)
    assert how.state == "failed" and how.resumable and "Resume continues from the last checkpoint" in how.note
    with pytest.raises(RunError, match="is failed; only a run in progress"):
        launcher.pause(run)
    launcher.resume(run)
    wait_for(lambda: "resumed" in [row.get("event") for row in run.metrics()], "its going on", 120)
    assert run.control().beta == 4.0
    with pytest.raises(RunError, match="there is nothing to resume"):
        launcher.resume(run)

    os.kill(run.status()["pid"], signal.SIGSTOP)
    monkeypatch.setattr(directory, "STALE_SECONDS", 1.0)
    wait_for(lambda: health(run).hangs, "the stale heartbeat")
    assert "it may hang. Stop it, then resume." in health(run).note
    launcher.stop(run)  # it does not hear
    monkeypatch.setattr(process, "PATIENCE", 0.5)
    assert "ended by force" in launcher.end(run)
    how = health(run)
    assert how.state == "failed" and how.resumable and "ended by force" in how.note
    with pytest.raises(RunError, match="no process is at work on it"):
        launcher.end(run)


def test_only_a_trainer_is_ended(folder: Path) -> None:
    mine = fake(Run(folder / "mine"))
    with pytest.raises(RunError, match=f"process {os.getpid()} is not a trainer"):
        launcher.end(mine)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)", "train"])
    try:
        started = psutil.Process(other.pid).create_time()
        run = fake(Run(folder / "other"), pid=other.pid, started=started)
        assert run.state()[0] == "running"
        with pytest.raises(RunError, match="is left alone"):
            launcher.end(run)
        # the number was given to another process since: that run has ended
        run.write_status("running", pid=other.pid, started=started - 3600)
        assert run.state()[0] == "failed" and run.process() is None
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.slow
def test_data_that_are_gone_are_the_reason_and_can_come_back(request_for: Request) -> None:
    path = Path(request_for.data)
    data = path.read_bytes()
    path.unlink()
    run = launcher.start(request_for)
    wait_for(lambda: ended(run), "the failure", 120)
    wait_for(lambda: "error: " in health(run).log, "the process's own words, which follow the status")
    how = health(run)
    assert how.state == "failed" and "does not exist" in how.note and how.resumable
    path.write_bytes(data)
    launcher.resume(run)
    wait_for(lambda: run.state()[0] == "finished", "the end", 120)


def test_without_tensorflow_it_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("keras", "tensorflow"):
        (tmp_path / "path" / name).mkdir(parents=True)
        (tmp_path / "path" / name / "__init__.py").write_text(f"raise ModuleNotFoundError('gone', name={name!r})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    launcher.prepare()
    wait_for(lambda: launcher.prepare().state == "unavailable", "the reason", 60)
    assert launcher.prepare().note.endswith("is not installed. Run: pip install -r requirements.txt")
    run = launcher.start(Request("demo", ModelConfig(), TrainingConfig(), "drawn"))
    wait_for(lambda: "is not installed" in health(run).note, "the failure", 60)
    assert ended(run)


def test_a_full_or_unwritable_folder(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "file" / "runs"))
    with pytest.raises(RunError, match=r"cannot write to .*Not a directory\. Free some space"):
        launcher.start(Request("demo"))
    ready = launcher.prepare()
    assert ready.state == "unavailable" and "cannot be written to" in ready.note
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(folder))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(directory, "write_json", full)
    with pytest.raises(RunError, match="No space left on device"):
        launcher.start(Request("demo"))
    monkeypatch.delenv("VAE_EXPLORER_RUNS")
    with pytest.raises(RunError, match="Set VAE_EXPLORER_RUNS"):
        launcher.folder()
    assert launcher.runs() == [] and launcher.prepare().state == "unavailable"


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_a_name_is_the_runs_own_and_timed_only_where_it_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    (tmp_path / "models" / "kept").mkdir(parents=True)
    noon = datetime(2030, 1, 2, 12)
    made = [launcher._new_directory(folder, name, lambda: noon).name for name in [*["My shoes"] * 3, "kept"]]
    assert made == ["My-shoes", "My-shoes-0102-120000", "My-shoes-0102-120000-2", "kept-0102-120000"]


@pytest.mark.parametrize("name", ["", " ", "../x", "é x", ".hidden", "x" * 61])
def test_start_rename_and_keep_refuse_the_same_names(folder: Path, name: str) -> None:
    ended_run = fake(Run(folder / "demo"), "finished")
    asked: list[Callable[[], object]] = [
        lambda: launcher.start(Request(name)),
        lambda: finished_runs.rename(ended_run, name),
        lambda: finished_runs.target_of(ended_run, name),
    ]
    for ask in asked:
        with pytest.raises(RunError, match="a name is 1 to 60 letters"):
            ask()


def test_auto_asks_no_network(folder: Path) -> None:
    assert Request("x").settled() == "drawn" and Request("x").images() == loading.DRAWN
    assert Request("x", data="fashion").images()["train"] == 55_000


# --- estimates --------------------------------------------------------------------------------------------------------


def test_estimates(folder: Path) -> None:
    model, sizes = ModelConfig(), {"train": 640, "validation": 64}
    request = Request("x", model, TrainingConfig(epochs=10, batch_size=64), "drawn", sizes)
    assert launcher.estimated(request) is None
    duration.note_pace(folder, model, step_seconds=0.01, image_seconds=0.001)
    found = launcher.estimated(request)
    assert found is not None and "scaled from some steps of swift" in found.method
    assert found.images_per_second == pytest.approx(64 / 0.074)
    assert found.seconds == pytest.approx(10 * (10 * 0.074 + 0.3 * 0.074 + 0.1) + 2)
    half = launcher.estimated(Request("x", model, TrainingConfig(epochs=10, images=320), "drawn", sizes))
    assert half is not None and half.seconds - 3 == pytest.approx((found.seconds - 3) * (5 + 0.3) / (10 + 0.3))
    larger = launcher.estimated(Request("x", ModelConfig(latent_dim=64), TrainingConfig(), "drawn", sizes))
    assert larger is not None and larger.images_per_second < found.images_per_second
    assert launcher.estimated(Request("x", ModelConfig("classic"), TrainingConfig(), "drawn", sizes)) is None

    run = Run(folder / "past")  # a run of the same model on this machine counts for more
    run.create({"model": model.to_dict(), "training": request.training.to_dict()}, presets.build(model))
    for step, ms in enumerate([30.0, 20.0, 20.0, 20.0, 500.0]):
        run.append_metrics({"kind": "step", "step": step + 1, "batch_time": ms})
    assert launcher.estimated(request) == found  # whose machine it was is not known
    run.write_request(machine=duration.machine())
    found = launcher.estimated(request)
    assert found is not None and found.method == "measured on this machine in the run past"
    assert found.images_per_second == pytest.approx(64 / 0.02)


# --- what becomes of a run --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_renamed_kept_carried_away_and_brought_along(request_for: Request, tmp_path: Path) -> None:
    run = launcher.start(request_for)
    wait_for(lambda: running(run), "the first steps", 120)
    wait_for(lambda: ended(run), "the end", 120)
    run = finished_runs.rename(run, "my-own")
    assert run.name == "my-own" and run.config()["name"] == "my-own" and run.state()[0] == "finished"
    assert finished_runs.rename(run, "my-own").path == run.path
    for name in ("", "../x", "a/b", ".hidden", "x" * 61):
        with pytest.raises(RunError, match="a name is 1 to 60 letters"):
            finished_runs.rename(run, name)
    with pytest.raises(RunError, match="'uploads' is taken"):
        finished_runs.rename(run, "uploads")

    kept = finished_runs.publish(run, "kept")
    assert kept == tmp_path / "models" / "kept"
    opened = store.load(kept)
    assert (
        opened.metrics and opened.metrics["ssim"]["split"] == "test" and opened.dataset["classes"] == ["large", "small"]
    )
    with pytest.raises(RunError, match="there is a model called 'kept' already"):
        finished_runs.publish(run, "kept")

    for path, name in ((run.path, "my-own"), (kept, "kept-2")):
        found = finished_runs.import_model(finished_runs.download(path))
        assert found == tmp_path / "models" / name
        np.testing.assert_allclose(
            store.load(found).weights["encoder/conv_1/kernel"], opened.weights["encoder/conv_1/kernel"], atol=1e-2
        )
    (Path(request_for.data)).unlink()
    with pytest.raises(RunError, match="which is no longer at"):
        finished_runs.publish(run, "without-data")


def test_a_run_in_progress_stays_where_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fake(Run(folder / "mine"))
    for ask in (finished_runs.rename, finished_runs.publish):
        with pytest.raises(RunError, match="mine is running; stop it or wait"):
            ask(run, "other")
    with pytest.raises(ImportProblem, match="mine is running"):
        finished_runs.download(run.path)
    monkeypatch.setattr(limits, "MODEL_ZIP", 10)
    with pytest.raises(ImportProblem, match="MiB, at most"):
        finished_runs.import_model(b"x" * 11)


def test_pictures_that_are_brought_along(folder: Path) -> None:
    found = picture_uploads.store_pictures("My squares.zip", pictures(40))
    again = picture_uploads.store_pictures("My squares.zip", pictures(40))
    assert found == again and found.n == 40 and found.classes == ("large", "small")
    assert (
        found.size == (16, 16) and found.shape == (16, 16, 1) and found.lines[0].startswith("40 pictures in 2 classes")
    )
    assert found.sizes == {"train": 32, "validation": 4, "test": 4}
    path = Path(found.data)
    assert path.parts[-3] == "uploads" and path.name == "My-squares.zip"
    assert loading.load(found.data, image_shape=found.shape).sizes == found.sizes

    colour = BytesIO()
    with zipfile.ZipFile(colour, "w") as archive:
        for name in ("a/1.png", "a/2.png", "b/1.png"):
            png = BytesIO()
            Image.new("RGB", (90, 200), (255, 0, 0)).save(png, "PNG")
            archive.writestr(name, png.getvalue())
    found = picture_uploads.store_pictures("red.zip", colour.getvalue())
    assert found.n == 3 and found.shape == (64, 28, 3) and found.sizes == {"train": 1, "validation": 1, "test": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no whole"),
        (b"no zip", "is no whole"),
        (pictures(0), "holds no pictures"),
        (pictures(2), "holds 2 pictures, at least 3 are needed"),
    ],
)
def test_pictures_that_are_refused_are_not_kept(folder: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        picture_uploads.store_pictures("mine.zip", data)
    assert str(folder) not in str(caught.value)
    assert list(folder.glob("uploads/*")) == []


# --- how a run is -----------------------------------------------------------------------------------------------------


def test_health_of_odd_directories(folder: Path) -> None:
    def how(name: str) -> Health:
        return health(Run(folder / name))

    assert how("nothing").state == "unreadable" and "no run directory" in how("nothing").note
    run = fake(Run(folder / "newer"))
    (run.path / "config.json").write_text('{"format_version": 7}')
    assert how("newer").state == "unreadable" and "Update VAE Explorer" in how("newer").note
    run = fake(Run(folder / "half"))
    (run.path / "network.json").unlink()
    assert how("half").state == "unreadable" and not how("half").active
    for status in (
        '{"state": "dreaming"}',
        '{"state": 7}',
        '{"state": "running", "heartbeat": "long ago"}',
        '{"state": "running", "pid": []}',
    ):
        run = Run(folder / "odd")
        run.path.mkdir(exist_ok=True)
        (run.path / "status.json").write_text(status)
        assert how("odd").state in ("unreadable", "failed"), status
    run = fake(Run(folder / "fine"))
    assert how("fine") == Health("running", active=True)
    assert {found.name for found in launcher.runs()} == {"newer", "half", "odd", "fine"}
    assert "fine" in {found.name for found in launcher.active()}


def test_how_a_process_ended_is_noted_once(folder: Path) -> None:
    run = fake(Run(folder / "demo"), pid=99999999)
    note = worker_pool._note_end
    note(run, 4711, -9)  # another process's run by now
    assert run.status()["state"] == "running"
    note(run, 99999999, 3)
    assert run.status()["error"].startswith("The trainer's process ended with exit code 3.")
    note(run, 99999999, -9)
    assert "exit code 3" in json.dumps(run.status())
