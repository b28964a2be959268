"""The run directory: what a trainer writes and anyone may read, at any moment, from any process.

README.md beside this file describes each file in it.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     run = Run(folder)
...     run.write_status("running", step=3)
...     run.append_metrics({"kind": "step", "step": 3, "loss": 250.0})
...     run.update_control(command="pause").command, run.state(), run.metrics()[0]["loss"]
('pause', ('running', ''), 250.0)
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_core.network.layers import Network, Weights
from vae_core.runs import snapshots
from vae_core.runs.control import Control, RunError
from vae_core.runs.metrics_log import append_row, read_rows
from vae_core.runs.process import alive, silence, stamp
from vae_core.runs.readers import (
    FORMAT_VERSION,
    SIDE_FILES,
    read_config,
    read_control,
    read_fixed,
    read_network,
    read_request,
    read_status,
)
from vae_core.settings import PROGRAM
from vae_core.storage.errors import FileMissing, FileProblem, printable
from vae_core.storage.files import FULL, TEMPORARY, sweep, way_out, why_unwritten, write_bytes, write_json, write_over
from vae_core.storage.kind import KIND, MODEL, RUN, kind_of, surroundings
from vae_core.storage.records import unchanged

if TYPE_CHECKING:
    import numpy as np
    import psutil
    from filelock import FileLock

ENDED = ("stopped", "finished", "failed")
UNREADABLE = "unreadable"  # the state that a reader sees where status.json cannot be read
OVER = (*ENDED, UNREADABLE)  # states in which nobody is at work, as far as anyone can know
STALE_SECONDS = 30.0  # a trainer beats at every batch; starting TensorFlow and tracing the graph take the longest
# What a run's folder may hold before the run is described in it: it waits for its turn, or was killed at its start.
BEFORE = ("network.json", "control.json", "status.json", "request.json", "trainer.log", ".lock")


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
        """Check that a new run may be written here: into a new folder, an empty one, or that of a run that waits.

        Raises:
            RunError: For a model, another run, a folder that holds other things, or one that cannot be read.
        """
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
        """Raise `RunError` for a model, in which nothing of a run may be written."""
        if kind_of(self.path) == MODEL:
            raise RunError(
                f"{self.path} is a model, not a run. Train from it into a new run: "
                f"{PROGRAM} train --start-from {self.path} --run-dir runs/more"
            )

    def check_exists(self) -> None:
        """Raise `RunError` for a run whose folder is no longer there."""
        if not self.path.exists():
            raise RunError(f"{self.name} is gone: somebody has deleted or renamed it.")

    def check_model(self) -> None:
        """Raise `RunError` for a run, where only a model will do."""
        if kind_of(self.path) == RUN:
            raise RunError(
                f"{self.path} is a run, not a model. Make one of it: {PROGRAM} keep {self.path} checkpoints/mine"
            )

    def create(self, config: Mapping[str, Any], network: Network) -> None:
        """Make the directory with its config and network.

        Args:
            config: What config.json is to hold beside its format and kind: model, training, dataset, versions.
            network: The layer list.

        Raises:
            RunError: For a directory that is taken or not writable.
        """
        self.check_free()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / "network.json", network.to_dict())
            # a run that waited may have been asked for something
            if not (self.path / "control.json").exists():
                write_json(self.path / "control.json", asdict(Control()))
            write_json(self.path / "config.json", {"format_version": FORMAT_VERSION, **config, KIND: RUN})
        except OSError as error:
            raise self._unwritable(error) from error

    def config(self) -> dict[str, Any]:
        """Read config.json, once a change; see `readers.read_config`.

        Returns:
            A copy, which may be changed.

        Raises:
            RunError: For no run at all, a model, or a run of a newer format.
            FileProblem: For an odd file.
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
        """Raise what `config` or `network` would raise; costs two looks at the folder once both have been read."""
        try:
            self._config()
        except RunError as error:
            # one that waits for its turn has a status and no config yet; a link that leads nowhere is there too
            waits = isinstance(error.__cause__, FileMissing) and not os.path.lexists(self.path / "config.json")
            if not (waits and os.path.lexists(self.path / "status.json")):
                raise
            return
        self.network()

    def write_request(self, **values: Any) -> None:
        """Write request.json: how the run was asked for, so that it can be continued in the same way; see `request`."""
        write_json(self.path / "request.json", values)

    def request(self) -> dict[str, Any]:
        """Read request.json: how the run was asked for.

        Returns:
            data (what --data named) and machine (where it was trained); from the app also model and training (the
            recipe), the command's arguments, when it was asked for (asked), and a name for who asked (visitor). Empty
            for a run of an older program, and where the file cannot be read: `problems` says so.
        """
        try:
            return dict(unchanged(self.path / "request.json", read_request))
        except FileProblem:
            return {}

    def save_fixed(self, pixels: np.ndarray) -> None:
        """Write a few fixed test images, so that whoever watches can show them beside their reconstructions.

        Args:
            pixels: uint8 (n, h, w, c), the first of the images whose positions the snapshots hold.
        """
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, pixels=pixels)
        write_bytes(self.path / "fixed.npz", buffer.getvalue())

    def fixed(self) -> np.ndarray | None:
        """Read the fixed test images, uint8 (n, h, w, c); None without them."""
        try:
            return read_fixed(self.path / "fixed.npz")
        except FileProblem:
            return None

    def network(self) -> Network:
        """Read the layer list, once a change; raises as `readers.read_network`."""
        return unchanged(self.path / "network.json", read_network)

    @contextmanager
    def lock(self, patience: float = 0.0) -> Iterator[None]:
        """Hold the run's lock while training: the system frees it however the trainer ends.

        A thread that holds it may take it again. What a killed trainer has left half-written is removed.

        Args:
            patience: Seconds to wait for it; a trainer that has just said its last word holds it for a moment more.

        Raises:
            RunError: If another process has it, for a model, or where the folder is not writable.
        """
        # Only who trains needs it, and it imports asyncio.
        from filelock import FileLock, Timeout

        self.check_kind()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = self._lock = self._lock or FileLock(self.path / ".lock")
            lock.acquire(timeout=patience)
        except Timeout as error:
            status = self.status()
            if self.state(status)[0] in ENDED:
                raise RunError(
                    f"{self.path} is being trained by another process, or it is just being kept, renamed or deleted. Wait until "
                    "that is done."
                ) from error
            raise RunError(
                f"{self.path} is being trained by another process (pid {status.get('pid')}). Stop that one first, or choose another --run-dir."
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            for folder in (self.path, self.path / "snapshots", self.path / "checkpoint"):
                sweep(folder)
            yield
        finally:
            lock.release()

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Within it nobody resumes, deletes or renames the run; a folder that cannot be written to is at rest anyway.

        Raises:
            RunError: If another process has it in hand.
        """
        with ExitStack() as stack:
            if os.access(self.path, os.W_OK):
                # A trainer that has just said its last word holds the lock for a moment more.
                stack.enter_context(self.lock(patience=3.0))
            yield

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"cannot write to {self.path}: {why_unwritten(error)} {way_out(error)}")

    # --- status and control -----------------------------------------------------------------------------------

    def write_status(self, state: str, **values: Any) -> None:
        """Write status.json, with what tells this process and the moment: see `process.stamp`.

        On a full disk the old file's own bytes are written over, so that the last word can still be said.

        Args:
            state: One of `formats.STATES`.
            **values: Further fields of `formats.StatusFile`.

        Raises:
            OSError: Where it cannot be written.
        """
        now = stamp()
        if "heartbeat" in values:
            # another moment is meant
            del now["uptime"]
        if "pid" in values:
            # another process is meant
            del now["process"], now["started"]
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
        """Read status.json, once a change.

        Returns:
            Fields of `formats.StatusFile`; {"state": "waiting"} before the trainer has written them,
            {"state": "unreadable", "error": why} where they cannot be read.
        """
        try:
            return dict(unchanged(self.path / "status.json", read_status))
        except FileMissing:
            return {"state": "waiting"}
        except FileProblem as problem:
            return {"state": UNREADABLE, "error": str(problem)}

    def state(self, status: Mapping[str, Any] | None = None) -> tuple[str, str]:
        """State of the run as a reader should see it: a trainer that has died is not "running".

        Args:
            status: What `status` has read just now, so that one look reads the file once.

        Returns:
            One of `formats.STATES` or "unreadable", and a sentence that explains it, "" where nothing is to be said. A
            trainer that hangs keeps its state, and the sentence says so.
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
        """Find the process that wrote the status, if it lives. status: what `status` has read just now."""
        return alive(self.status() if status is None else status)

    def write_control(self, control: Control) -> None:
        """Write control.json, which the trainer reads after each batch; `RunError` for a model."""
        self.check_kind()
        write_json(self.path / "control.json", asdict(control))

    def control(self) -> Control:
        """Read control.json; the default where it is missing or damaged: `problems` says so."""
        try:
            values = unchanged(self.path / "control.json", read_control)
            return Control(**{key: values[key] for key in Control.__dataclass_fields__ if key in values})
        except (FileProblem, RunError):
            return Control()

    def problems(self, arrays: bool = True) -> tuple[str, ...]:
        """A sentence for each small file that is there and cannot be read, but without which the run can be looked at.

        Args:
            arrays: Look into fixed.npz too, which takes as long as all the others.
        """
        sentences = []
        for name, read in SIDE_FILES.items():
            # Most runs lack some, and a `FileMissing` takes longer.
            if (name.endswith(".npz") and not arrays) or not os.path.lexists(self.path / name):
                continue
            try:
                unchanged(self.path / name, read)
            except FileMissing:
                continue
            except FileProblem as problem:
                sentences.append(str(problem))
        return tuple(sentences)

    def update_control(self, **changes: Any) -> Control:
        """Change some of the control values and leave the others, for example `update_control(command="pause")`.

        Raises:
            RunError: For a value out of range, see `Control`, or a model.
        """
        control = Control(**{**asdict(self.control()), **changes})
        self.write_control(control)
        return control

    # --- metrics ----------------------------------------------------------------------------------------------

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one row to metrics.jsonl; see `metrics_log.append_row`."""
        append_row(self.path, row)

    def metrics(self) -> list[dict[str, Any]]:
        """Read every row of metrics.jsonl that counts, in order; see `metrics_log.read_rows`."""
        return read_rows(self.path)

    # --- snapshots and the resumable state --------------------------------------------------------------------

    def save_snapshot(self, step: int, weights: Weights, latents: Mapping[str, np.ndarray]) -> None:
        """Write one frame of the timeline; see `snapshots.save_snapshot`."""
        snapshots.save_snapshot(self.path, step, weights, latents)

    def snapshots(self) -> list[int]:
        """Steps of the snapshots, oldest first."""
        return snapshots.snapshot_steps(self.path)

    def snapshot_weights(self, step: int | None = None, network: Network | None = None) -> Weights:
        """Weights of one snapshot.

        Args:
            step: The snapshot's; None for the newest.
            network: As `network()` has read it, if it has.

        Raises:
            RunError: Where there is no snapshot yet.
            FileProblem: Where the snapshot is missing or odd.
        """
        steps = self.snapshots()
        if not steps:
            raise RunError(f"{self.path} has no snapshot yet. Wait for the trainer's first seconds.")
        return snapshots.snapshot_weights(self.path, steps[-1] if step is None else step, network or self.network())

    def snapshot_latents(self, step: int) -> dict[str, np.ndarray]:
        """Positions of the fixed test images at one snapshot; see `snapshots.snapshot_latents`."""
        return snapshots.snapshot_latents(self.path, step)

    def remove_snapshots_after(self, step: int) -> None:
        """Remove the snapshots of later steps, which will be done again."""
        snapshots.remove_after(self.path, step)

    def save_state(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """Write the newest resumable state; see `snapshots.save_state`."""
        snapshots.save_state(self.path, arrays, values)

    def load_state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Read what `save_state` wrote; None if the run never got that far."""
        return snapshots.load_state(self.path)
