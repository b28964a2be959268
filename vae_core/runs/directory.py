"""The run directory: what a trainer writes and anyone may read, at any moment, from any process.

Every file is whole or absent; `metrics.jsonl` grows by whole lines, and a torn one is skipped. So `kill -9` costs
at most the steps since the last checkpoint, and a page needs nothing but these files.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from filelock import FileLock, Timeout
from safetensors.numpy import save as safetensors_bytes

from vae_core.config import ConfigError, ModelConfig, TrainingConfig
from vae_core.network.layers import Network, NetworkError, Weights
from vae_core.network.schema import network_from_dict
from vae_core.runs.formats import STATES, ConfigFile, ControlFile, RequestFile, StatusFile
from vae_core.runs.metrics_log import read_rows
from vae_core.runs.process import alive, silence, stamp
from vae_core.settings import PROGRAM
from vae_core.storage.files import (
    FULL,
    TEMPORARY,
    new_folder,
    sweep,
    way_out,
    why_unwritten,
    write_bytes,
    write_json,
    write_over,
)
from vae_core.storage.kind import KIND, MODEL, RUN, WEIGHTS, kind_of, surroundings
from vae_core.storage.npz import read_npz
from vae_core.storage.records import (
    MAX_JSON_BYTES,
    FileMissing,
    FileProblem,
    check,
    object_from,
    printable,
    read_bytes,
    read_object,
    reason,
    unchanged,
)
from vae_core.storage.weights import read_arrays, read_weights, write_weights

FORMAT_VERSION = 1
ENDED = ("stopped", "finished", "failed")
UNREADABLE = "unreadable"  # the state that a reader sees where status.json cannot be read
OVER = (*ENDED, UNREADABLE)  # states in which nobody is at work, as far as anyone can know
STALE_SECONDS = 30.0  # a trainer beats at every batch; starting TensorFlow and tracing the graph take the longest
# What a run's folder may hold before the run is described in it: it waits for its turn, or was killed at its start.
BEFORE = ("network.json", "control.json", "status.json", "request.json", "trainer.log", ".lock")
MAX_FIXED_BYTES = 50_000_000
MAX_CODES_BYTES = 100_000_000  # of a snapshot
SNAPSHOT = re.compile(r"[0-9]{8,15}", re.ASCII)


class RunError(ValueError):
    """A run directory that cannot be used as asked: what is wrong and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@dataclass(frozen=True)
class Control:
    """What the trainer is asked for. `steps` counts single batches asked for while paused, and only grows.

    command: "wait" is "run" when the run's turn has come (see `turns`).
    """

    command: str = "run"
    steps: int = 0
    learning_rate: float | None = None
    beta: float | None = None

    def __post_init__(self) -> None:
        if self.command not in ("run", "wait", "pause", "stop"):
            raise RunError(f"control command must be run, wait, pause or stop, got {self.command!r}.")
        if type(self.steps) is not int or not 0 <= self.steps <= 2**53:
            raise RunError(f"control steps must be a whole number, got {self.steps!r}.")
        for name, high in (("learning_rate", 1000.0), ("beta", 1e9)):
            value = getattr(self, name)
            if value is not None and not (type(value) in (int, float) and 0 <= value <= high):
                raise RunError(f"{name} must be a number in 0..{high:g}, got {value!r}.")


class Run:
    """One run directory. Creating the object touches no file."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock: FileLock | None = None

    @property
    def name(self) -> str:
        """The run's id: its folder's name, in characters that any page and terminal can show."""
        return printable(self.path.name)

    # --- set-up -----------------------------------------------------------------------------------------------

    def check_free(self) -> None:
        """`RunError` unless a new run may be written here: into a new folder, an empty one, or that of a run that waits."""
        if kind_of(self.path) == MODEL:
            raise RunError(f"{self.path} is a model. Choose another --run-dir; to begin with it, add --start-from.")
        if self.path.name.startswith("."):
            raise RunError(f"{self.path} begins with a dot: such a folder is in no list. Choose another --run-dir.")
        if inside := surroundings(self.path):
            raise RunError(f"{self.path} would lie inside the {inside[0]} {inside[1]}. Choose a --run-dir beside it.")
        if (self.path / "config.json").exists():
            raise RunError(f"{self.path} holds a run already. Choose another --run-dir, or continue it with resume.")
        try:
            names = sorted(os.listdir(self.path))
        except FileNotFoundError:
            names = []
        except OSError as error:
            raise self._unwritable(error) from error
        others = [name for name in names if name not in BEFORE and not TEMPORARY.fullmatch(name)]
        if others:
            raise RunError(
                f"{self.path} holds other things ({', '.join(others[:3])}). Choose a --run-dir that is new or empty."
            )

    def check_kind(self) -> None:
        """`RunError` for a model, in which nothing of a run may be written."""
        if kind_of(self.path) == MODEL:
            raise RunError(
                f"{self.path} is a model, not a run. Train from it into a new run: "
                f"{PROGRAM} train --start-from {self.path} --run-dir runs/more"
            )

    def check_model(self) -> None:
        """`RunError` for a run, where only a model will do."""
        if kind_of(self.path) == RUN:
            raise RunError(
                f"{self.path} is a run, not a model. Make one of it: {PROGRAM} keep {self.path} checkpoints/mine"
            )

    def create(self, config: Mapping[str, Any], network: Network) -> None:
        """Make the directory with its config; `RunError` for one that is taken or not writable."""
        self.check_free()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / "network.json", network.to_dict())
            if not (self.path / "control.json").exists():  # a run that waited may have been asked for something
                write_json(self.path / "control.json", asdict(Control()))
            write_json(self.path / "config.json", {"format_version": FORMAT_VERSION, **config, KIND: RUN})
        except OSError as error:
            raise self._unwritable(error) from error

    def config(self) -> dict[str, Any]:
        """config.json; `RunError` for no run at all, a model, or one of a newer format, `FileProblem` for an odd one.

        Its model and training, where it has them, make a `ModelConfig` and a `TrainingConfig`. It is read once a change.
        """
        return deepcopy(self._config())

    def _config(self) -> dict[str, Any]:
        try:
            config = unchanged(self.path / "config.json", read_config)
        except FileMissing as error:
            raise RunError(
                f"{self.path} is no run directory: it has no config.json. `{PROGRAM} runs` lists runs."
            ) from error
        if kind_of(self.path, config) == MODEL:
            self.check_kind()
        return config

    def check(self) -> None:
        """Raise what `config` or `network` would raise. Costs two looks at the folder once both have been read."""
        # one that waits for its turn has a status and no config yet; a link that leads nowhere is there too
        if os.path.lexists(self.path / "config.json") or not os.path.lexists(self.path / "status.json"):
            self._config()
            self.network()

    def write_request(self, **values: Any) -> None:
        """Keep how the run was asked for, so that it can be continued in the same way: see `request`."""
        write_json(self.path / "request.json", values)

    def request(self) -> dict[str, Any]:
        """data: what --data named. machine: where it was trained. From the app: model and training (the recipe), the command's
        arguments, when it was asked for (asked), and a name for who asked (visitor).

        Empty for a run of an older program, and where it cannot be read: `problems` says so.
        """
        try:
            return dict(unchanged(self.path / "request.json", _read_request))
        except FileProblem:
            return {}

    def save_fixed(self, pixels: np.ndarray) -> None:
        """Keep a few fixed test images, uint8 (n, h, w, c), so that whoever watches can show them beside their reconstructions."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, pixels=pixels)
        write_bytes(self.path / "fixed.npz", buffer.getvalue())

    def fixed(self) -> np.ndarray | None:
        """What `save_fixed` kept: the first of the images whose codes the snapshots hold; None without them."""
        try:
            return read_fixed(self.path / "fixed.npz")
        except FileProblem:
            return None

    def network(self) -> Network:
        """The layer list; `FileProblem` or `NetworkError` for an odd one. It is read and checked once a change."""
        return unchanged(self.path / "network.json", read_network)

    @contextmanager
    def lock(self, patience: float = 0.0) -> Iterator[None]:
        """Hold this while training: the system frees it however the trainer ends. `RunError` if another process has it.

        A thread that holds it may take it again. What a killed trainer has left half-written is removed.
        patience: seconds to wait for it; a trainer that has just said its last word holds it for a moment more.
        """
        self.check_kind()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = self._lock = self._lock or FileLock(self.path / ".lock")
            lock.acquire(timeout=patience)
        except Timeout as error:
            raise RunError(
                f"{self.path} is being trained by another process (pid {self.status().get('pid')}). Stop that one first, or choose another --run-dir."
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            for folder in (self.path, self.path / "snapshots", self.path / "checkpoint"):
                sweep(folder)
            yield
        finally:
            lock.release()

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"cannot write to {self.path}: {why_unwritten(error)} {way_out(error)}")

    # --- status and control -----------------------------------------------------------------------------------

    def write_status(self, state: str, **values: Any) -> None:
        """state is one of STATES; what tells this process and the moment is added: see `process.stamp`.

        On a full disk the old file's own bytes are written over, so that the last word can still be said.
        """
        now = stamp()
        if "heartbeat" in values:
            del now["uptime"]  # another moment is meant
        if "pid" in values:
            del now["process"], now["started"]  # another process is meant
        values = {"state": state, **now, **values}
        path = self.path / "status.json"
        try:
            # Not flushed to the disk: it is written twice a second, and a stale one after a power cut does no harm.
            write_json(path, values, durable=False)
        except OSError as error:
            if state not in ENDED or error.errno not in FULL:
                raise
            short = {key: value for key, value in values.items() if key != "traceback"}
            write_over(path, json.dumps(short).encode() + b"\n")

    def status(self) -> dict[str, Any]:
        """status.json, checked; {"state": "waiting"} before the trainer has written one.

        One that cannot be read is {"state": "unreadable", "error": why}.
        """
        try:
            return dict(unchanged(self.path / "status.json", _read_status))  # of an ended run a look costs no reading
        except FileMissing:
            return {"state": "waiting"}
        except FileProblem as problem:
            return {"state": UNREADABLE, "error": str(problem)}

    def state(self, status: Mapping[str, Any] | None = None) -> tuple[str, str]:
        """(state, explanation) as a reader should see it: a trainer that has died or hangs is not "running".

        status: what `status` has read just now, so that one look reads the file once.
        """
        status = self.status() if status is None else status
        state = str(status.get("state", "waiting"))
        if state in OVER:
            return state, str(status.get("error") or "")
        if "pid" in status and self.process(status) is None:
            return (
                "failed",
                "The trainer's process has ended without a word (killed, or out of memory). Resume continues from the last checkpoint.",
            )
        age = silence(status)
        if age > STALE_SECONDS:
            return (state, f"The trainer has not been heard of for {age:.0f} s; it may hang. Stop it, then resume.")
        return state, ""

    def process(self, status: Mapping[str, Any] | None = None) -> psutil.Process | None:
        """The process that wrote the status, if it lives."""
        return alive(self.status() if status is None else status)

    def write_control(self, control: Control) -> None:
        """Ask the trainer for something; it looks after each batch. `RunError` for a model."""
        self.check_kind()
        write_json(self.path / "control.json", asdict(control))

    def control(self) -> Control:
        """What is being asked for; the default where the file is missing or damaged: `problems` says so."""
        try:
            values = unchanged(self.path / "control.json", _read_control)
            return Control(**{key: values[key] for key in Control.__dataclass_fields__ if key in values})
        except (FileProblem, RunError):
            return Control()

    def problems(self) -> tuple[str, ...]:
        """A sentence for each small file that is there and cannot be read, but without which the run can be looked at."""
        found = []
        for name, read in _SIDE_FILES.items():
            try:
                unchanged(self.path / name, read)
            except FileMissing:
                continue
            except FileProblem as problem:
                found.append(str(problem))
        return tuple(found)

    def ask(self, **changes: Any) -> Control:
        """Change some of the control values and keep the others, for example `run.ask(command="pause")`."""
        control = Control(**{**asdict(self.control()), **changes})
        self.write_control(control)
        return control

    # --- metrics ----------------------------------------------------------------------------------------------

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """One line, in one write; a torn line left by a killed trainer is closed first."""
        line = json.dumps(row) + "\n"
        path = self.path / "metrics.jsonl"
        with open(path, "ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = "\n" + line
            file.write(line.encode())

    def metrics(self) -> list[dict[str, Any]]:
        """Every row in order. Rows of steps that a killed trainer lost and a resumed one did again appear once."""
        return read_rows(self.path)

    # --- snapshots and the resumable state --------------------------------------------------------------------

    def save_snapshot(self, step: int, weights: Weights, latents: Mapping[str, np.ndarray]) -> None:
        """One frame of the timeline: weights, and the codes of a fixed set of test images."""
        with new_folder(self.path / "snapshots" / f"{step:08d}", lambda old: True) as folder:
            write_weights(folder / "weights.safetensors", weights)
            np.savez(folder / "latents.npz", **latents)  # type: ignore[arg-type]

    def snapshots(self) -> list[int]:
        """Steps of the snapshots, oldest first. Folders of another name than ours are none of them."""
        try:
            with os.scandir(self.path / "snapshots") as entries:
                names = [entry.name for entry in entries if SNAPSHOT.fullmatch(entry.name) and entry.is_dir()]
        except (OSError, ValueError):
            return []
        return sorted(int(name) for name in names if name == f"{int(name):08d}")

    def snapshot_weights(self, step: int | None = None, network: Network | None = None) -> Weights:
        """Weights of one snapshot, the newest unless `step` says otherwise. network: as `network()` has read it, if it has."""
        steps = self.snapshots()
        if not steps:
            raise RunError(f"{self.path} has no snapshot yet. Wait for the trainer's first seconds.")
        step = steps[-1] if step is None else step
        return read_weights(self.path / "snapshots" / f"{step:08d}" / "weights.safetensors", network or self.network())

    def snapshot_latents(self, step: int) -> dict[str, np.ndarray]:
        """z_mean, z_log_var (n, latent_dim) float32 and labels (n,) of the fixed test images at one snapshot."""
        names = ("z_mean", "z_log_var", "labels")
        return read_npz(self.path / "snapshots" / f"{step:08d}" / "latents.npz", names, MAX_CODES_BYTES)

    def save_state(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """The newest resumable state, in one file, replaced in one move."""
        folder = self.path / "checkpoint"
        folder.mkdir(exist_ok=True)
        data = safetensors_bytes({**arrays}, metadata={"values": json.dumps(values)})
        write_bytes(folder / "state.safetensors", data)

    def forget_after(self, step: int) -> None:
        """Remove the snapshots of steps that will be done again."""
        for later in self.snapshots():
            if later > step:
                shutil.rmtree(self.path / "snapshots" / f"{later:08d}", ignore_errors=True)

    def load_state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """What `save_state` wrote, or None if the run never got that far."""
        path = self.path / "checkpoint" / "state.safetensors"
        if not path.exists():
            return None
        arrays, strings = read_arrays(path)
        try:
            return arrays, json.loads(strings["values"])
        except (KeyError, ValueError, RecursionError) as error:
            raise FileProblem(f"{path} holds no values ({reason(error)}). Resume from a copy of the run.") from error


def read_config(path: Path) -> dict[str, Any]:
    """A run's or a kept model's config.json; see `Run.config`."""
    config = read_object(path)
    version = config.get("format_version")
    if version != FORMAT_VERSION:
        raise RunError(
            f"{path.parent} is in format {version!r:.40}, this program reads {FORMAT_VERSION}. Update VAE Explorer."
        )
    try:
        check(config, ConfigFile, str(path))
        for part, form in (("model", ModelConfig), ("training", TrainingConfig)):
            if part in config:
                form.from_dict(config[part])
    except ConfigError as error:
        raise FileProblem(f"{path} is not as it should be: {reason(error)} Copy or make it again.") from error
    return config


def read_network(path: Path) -> Network:
    """A network.json, checked. The runs of a folder are mostly of few kinds, and equal files are checked once."""
    try:
        return _network_of(read_bytes(path, MAX_JSON_BYTES))
    except NetworkError as error:
        raise NetworkError(f"{printable(str(path.parent))}: {printable(reason(error))}") from error
    except FileMissing:
        raise
    except FileProblem as error:
        raise FileProblem(f"in {path.parent}, {error}" if str(path.parent) not in str(error) else str(error)) from error


@lru_cache(maxsize=64)
def _network_of(data: bytes) -> Network:
    return network_from_dict(object_from(data, "network.json"))


def read_fixed(path: Path) -> np.ndarray:
    """A fixed.npz: pixels, uint8 (n, h, w, c)."""
    pixels = read_npz(path, ("pixels",), MAX_FIXED_BYTES)["pixels"]
    if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[-1] not in (1, 3):
        raise FileProblem(f"{path} holds {pixels.dtype} {pixels.shape}, expected uint8 pictures. Copy it again.")
    return pixels


def _check_fixed(path: Path) -> None:
    read_fixed(path)


def _read_request(path: Path) -> dict[str, Any]:
    return read_object(path, RequestFile)


def _read_status(path: Path) -> dict[str, Any]:
    return read_object(path, StatusFile)


def _read_control(path: Path) -> dict[str, Any]:
    return read_object(path, ControlFile)


_SIDE_FILES: dict[str, Callable[[Path], Any]] = {
    "control.json": _read_control,
    "request.json": _read_request,
    "fixed.npz": _check_fixed,
}
