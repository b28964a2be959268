"""The runs of a folder, newest first, and which of them are in progress: for folders of thousands, at each click.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     Run(f"{folder}/demo").path.mkdir()
...     Run(f"{folder}/demo").write_status("finished")
...     [run.name for run in list_runs(folder)], unfinished(folder)
(['demo'], [])

What was learned of a run is kept with the time of its folder's last change, and looked up anew when that differs: whatever is
written whole (`storage.files`) changes it. An edit in place does not, and a clock ticks coarsely; so what is kept is never
trusted for good. Each listing looks closely at what has changed lately, at what may be in progress, and at `CHECKED` others in
turn: in a folder of up to `CHECKED` runs that is all of them, in one of 10,000 a run's turn comes within 25 listings.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path

from vae_core.runs.directory import OVER, Run
from vae_core.storage.kind import RUN, WEIGHTS, kind_of
from vae_core.storage.records import SETTLED_SECONDS

CHECKED = 400  # runs that a listing looks at closely, whatever is known of them
SHARED_SECONDS = 1.0  # a listing of a larger folder than that serves all who ask within it
FOLDERS = 8  # that are remembered

FileStamp = tuple[int, int, int] | None  # inode, nanoseconds, bytes


@dataclass(slots=True)
class _Known:
    """What is known of one folder. created: seconds since 1970, None if it is no run. over: None until it was needed."""

    run: Run
    folder: tuple[int, int] = (0, 0)  # inode and nanoseconds
    settled: bool = False
    status: FileStamp = None
    created: float | None = None
    over: bool | None = None


class RunsIndex:
    """The runs of one folder of runs. Thread-safe."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._order: list[_Known] = []
        self._turn = 0
        self._listed: tuple[float, tuple[int, int]] = (-SHARED_SECONDS, (0, 0))

    def runs(self) -> list[Run]:
        """List all runs, newest first: by config.json, which is written once, or by status.json where a run has none yet."""
        with self._lock:
            self._refresh()
            return [known.run for known in self._order]

    def unfinished(self) -> list[Run]:
        """List the runs whose status says neither that they have ended nor anything unreadable, newest first."""
        with self._lock:
            self._refresh()
            return [known.run for known in self._order if not self._is_over(known)]

    def _is_over(self, known: _Known) -> bool:
        if not known.over:
            status = known.run.status()
            # one without a status is being set up, or was copied without it: no process is at work on it
            known.over = "pid" not in status or known.run.state(status)[0] in OVER
        return known.over

    def _refresh(self) -> None:
        try:
            status = os.stat(self.root)
        except OSError:
            self._known, self._order = {}, []
            return
        stamp, age = (status.st_ino, status.st_mtime_ns), time.monotonic() - self._listed[0]
        settled = time.time() - status.st_mtime > SETTLED_SECONDS
        if len(self._order) > CHECKED and age < SHARED_SECONDS and stamp == self._listed[1] and settled:
            return
        fresh = not self._known
        changed = self._scan()
        if not fresh:
            changed |= self._check_in_turn()
        if changed:
            runs = [known for known in self._known.values() if known.created is not None]
            self._order = sorted(runs, key=attrgetter("created"), reverse=True)
        self._listed = (time.monotonic(), stamp)

    def _scan(self) -> bool:
        """Look at the folders that are new or have changed; whether the order may be another."""
        folders: dict[str, _Known] = {}
        changed, now = False, time.time_ns()
        try:
            with os.scandir(self.root) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] == ".":
                        continue
                    known = self._known.get(name)
                    try:
                        status = entry.stat()
                    # deleted in this moment
                    except OSError:
                        continue
                    folder = (status.st_ino, status.st_mtime_ns)
                    if known is None or known.folder[0] != folder[0]:
                        known = _Known(Run(self.root / name))
                    if known.folder != folder or not known.settled:
                        known.folder, known.settled = folder, now - folder[1] > SETTLED_SECONDS * 1e9
                        changed |= _look(known)
                    folders[name] = known
        except OSError:
            pass
        changed |= len(folders) != len(self._known) or folders.keys() != self._known.keys()
        self._known = folders
        return changed

    def _check_in_turn(self) -> bool:
        count = len(self._known)
        if not count:
            return False
        start = self._turn % count if count > CHECKED else 0
        batch = list(islice(self._known.values(), start, start + CHECKED))
        self._turn = start + len(batch)
        return any([_look(known) for known in batch])


def _look(known: _Known) -> bool:
    """Look at the files that say whether it is a run and since when; whether its place in the list may be another."""
    path, status = os.fspath(known.run.path), None
    created = None
    with suppress(OSError):
        entry = os.stat(f"{path}/status.json")
        status, created = (entry.st_ino, entry.st_mtime_ns, entry.st_size), entry.st_mtime
    with suppress(OSError):
        created = os.stat(f"{path}/config.json").st_mtime
    if created is not None and os.path.lexists(f"{path}/{WEIGHTS}") and kind_of(known.run.path) != RUN:
        # models are no runs
        created = None
    if status != known.status:
        known.status, known.over = status, None
    elif not known.settled:
        known.over = None
    moved = created != known.created
    known.created = created
    return moved


_indexes: OrderedDict[str, RunsIndex] = OrderedDict()
_indexes_lock = threading.Lock()


def _index(root: str | Path) -> RunsIndex:
    key = f"{os.path.abspath(root)}\0{root}"  # the runs' paths begin as the folder was named
    with _indexes_lock:
        index = _indexes.setdefault(key, RunsIndex(Path(root)))
        _indexes.move_to_end(key)
        while len(_indexes) > FOLDERS:
            _indexes.popitem(last=False)
        return index


def list_runs(root: str | Path = "runs") -> list[Run]:
    """List the runs in a folder, newest first; those too that wait for their turn and have no config.json yet."""
    return _index(root).runs()


def unfinished(root: str | Path = "runs") -> list[Run]:
    """List the runs in a folder that may be in progress or wait for it, newest first; `Run.state` says how each stands."""
    return _index(root).unfinished()
