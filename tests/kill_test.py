"""Kill trainings at the worst moments, resume them, and compare with one that was never stopped.

    python tests/kill_test.py               # every moment below
    python tests/kill_test.py --kills 4     # the first so many

Each trainer is a process of its own that meets a real signal in the midst of its work. Printed is what each kill has
cost: steps that were done again, and what differs at the end (weights to the bit, history.csv, snapshots' last figures).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import numpy as np  # noqa: E402
from tiny_runs import MODEL, Squares, recipe  # noqa: E402

from vae_core.checkpoints import publish, store  # noqa: E402
from vae_core.runs.directory import Run  # noqa: E402
from vae_core.storage import files  # noqa: E402
from vae_core.training import recorder, session  # noqa: E402
from vae_core.training.train import resume, train  # noqa: E402

DATA: Any = Squares()
CONFIG = recipe(epochs=3, schedule="cosine", kl_warmup=0.5)  # 18 steps, 6 an epoch
STOP = "Stop"
Hit = Callable[[Run], None]


def before(owner: Any, name: str, when: Callable[..., bool], hit: Callable[[], None]) -> None:
    """Call `hit` the first time that `owner.name` is about to be called with arguments of which `when` is true."""
    plain, done = getattr(owner, name), []

    def hooked(*arguments: Any, **words: Any) -> Any:
        if not done and when(*arguments):
            done.append(True)
            hit()
        return plain(*arguments, **words)

    setattr(owner, name, hooked)


def at_build(hit: Callable[[], None]) -> None:
    before(session, "compile_vae", lambda *_: True, hit)


def at_step(step: int) -> Callable[[Callable[[], None]], None]:
    return lambda hit: before(
        recorder.Recorder, "on_train_batch_end", lambda self, *_: self.progress.step + 1 == step, hit
    )


def at_validation(epoch: int) -> Callable[[Callable[[], None]], None]:
    return lambda hit: before(
        recorder.Recorder, "on_test_batch_end", lambda self, *_: self.progress.epoch == epoch, hit
    )


def at_the_end(hit: Callable[[], None]) -> None:
    before(recorder.Recorder, "end", lambda *_: True, hit)


def at_move(name: str, count: int) -> Callable[[Callable[[], None]], None]:
    """While a file of this name is written, the count-th time: it lies there under its temporary name."""
    seen: list[Any] = []

    def when(source: Any, target: Any) -> bool:
        if Path(target).name == name:
            seen.append(target)
        return len(seen) == count

    return lambda hit: before(os, "replace", when, hit)


# the worst first, for a short test: what is hit, when, with what
MOMENTS: list[tuple[str, Callable[[Callable[[], None]], None], Any]] = [
    ("in the last validation", at_validation(3), signal.SIGKILL),
    ("before the first batch", at_build, STOP),
    ("in a write of the state", at_move("state.safetensors", 2), signal.SIGKILL),
    ("in the last validation", at_validation(3), signal.SIGTERM),
    ("in the last validation", at_validation(3), signal.SIGINT),
    ("in the last validation", at_validation(3), STOP),
    ("in the first validation", at_validation(1), signal.SIGKILL),
    ("after the last validation", at_the_end, signal.SIGKILL),
    ("before the first batch", at_build, signal.SIGKILL),
    ("before the first batch", at_build, signal.SIGTERM),
    ("before the first batch", at_build, signal.SIGINT),
    ("in the middle of an epoch", at_step(9), signal.SIGKILL),
    ("in the middle of an epoch", at_step(9), signal.SIGTERM),
    ("in a write of history.csv", at_move("history.csv", 2), signal.SIGKILL),
    ("in a write of the status", at_move("status.json", 5), signal.SIGKILL),
]


def in_a_process(work: Callable[[], object]) -> int:
    """Run it in a fork, which has TensorFlow imported already; returns the exit code, minus the signal if killed."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def trained(run: Run, prepare: Callable[[], None] = lambda: None) -> int:
    """Train or continue the run in a process of its own."""

    def work() -> None:
        prepare()
        options = {"deterministic": True, "checkpoint_seconds": 0.0}
        if (run.path / "config.json").exists():
            resume(run, DATA, **options)  # type: ignore[arg-type]
        else:
            train(MODEL, CONFIG, DATA, run, **options)  # type: ignore[arg-type]

    return in_a_process(work)


def blow(run: Run, how: Any) -> Callable[[], None]:
    """A stop that is asked for, or a signal to the process itself."""
    return lambda: run.update_control(command="stop") if how == STOP else os.kill(os.getpid(), how)  # type: ignore[func-returns-value]


def differences(whole: Run, run: Run) -> list[str]:
    """What is not as if it had never been stopped."""
    (expected, _), (arrays, _) = (each.load_state() or ({}, {}) for each in (whole, run))
    found = [f"{len(set(expected) ^ set(arrays))} arrays missing"] if set(expected) != set(arrays) else []
    found += [
        name
        for name, array in expected.items()
        # `terms` is zeroed at each report, whose moments are of the clock
        if array.shape != (2 + MODEL.latent_dim,) and not np.array_equal(arrays.get(name), array)
    ]
    mine = run.snapshot_weights()
    found += [
        f"kept {name}" for name, array in whole.snapshot_weights().items() if not np.array_equal(mine[name], array)
    ]
    if (whole.path / "history.csv").read_bytes() != (run.path / "history.csv").read_bytes():
        found.append("history.csv")
    temporary = [path.name for path in run.path.rglob(".*") if path.name != ".lock"]
    return found + temporary


def kill_training(whole: Run, run: Run, moment: Callable[[Callable[[], None]], None], how: Any) -> tuple[str, bool]:
    """One kill; returns what it cost, and whether all is well at the end."""
    code = trained(run, lambda: moment(blow(run, how)))
    state, told = run.state()[0], run.status().get("step", 0)
    right = state == ("failed" if how == signal.SIGKILL else "stopped") or (not told and state == "waiting")
    kept = run.load_state()
    again = max(0, told - (kept[1]["step"] if kept else 0))
    again_code = trained(run)
    lost = differences(whole, run) if not again_code else [f"resume ended with {again_code}"]
    text = f"exit {code}, {state}; {again} steps done again; lost: {', '.join(lost[:4]) or 'nothing'}"
    return text, right and not lost and run.state()[0] == "finished"


def kill_keep(whole: Run, folder: Path, between: bool) -> tuple[str, bool]:
    """Killed while it replaces a model; the model of before is whole, and keeping again replaces it."""
    publish.publish(whole, folder, DATA)
    old = (folder / "model.safetensors").read_bytes()

    def work() -> None:
        if between:
            before(os, "rename", lambda source, target: Path(target) == folder, blow(whole, signal.SIGKILL))
        else:
            before(files, "_move_in", lambda *_: True, blow(whole, signal.SIGKILL))
        publish.publish(whole, folder, DATA, replace=True)

    code = in_a_process(work)
    gone = not folder.exists()
    whole_again = store.load(folder).step == 18 and (folder / "model.safetensors").read_bytes() == old
    publish.publish(whole, folder, DATA, replace=True)
    left = [path.name for path in folder.parent.iterdir() if path.name.startswith(f".{folder.name}.")]
    text = f"exit {code}, moved aside: {gone}; the model of before is whole: {whole_again}; left behind: {left or 'nothing'}"
    return text, code == -signal.SIGKILL and whole_again and gone == between and not left


def main() -> int:
    """Exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=len(MOMENTS) + 2, help="only the first so many (all)")
    kills = parser.parse_args().kills
    recorder.REPORT_SECONDS = 0.0
    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        whole = Run(root / "whole")
        assert trained(whole) == 0, whole.status()
        print(f"never stopped: 18 steps, {len((whole.path / 'history.csv').read_text().splitlines()) - 1} epochs")
        for number, (when, moment, how) in enumerate(MOMENTS[:kills]):
            name = how if how == STOP else signal.Signals(how).name
            text, good = kill_training(whole, Run(root / f"run-{number}"), moment, how)
            print(f"{'ok ' if good else 'BAD'} {name:8} {when:26} {text}", flush=True)
            bad += not good
        for between in (False, True)[: max(0, kills - len(MOMENTS))]:
            when = "between keep's two moves" if between else "before keep's move"
            text, good = kill_keep(whole, root / f"kept-{between}", between)
            print(f"{'ok ' if good else 'BAD'} SIGKILL  {when:26} {text}", flush=True)
            bad += not good
    print(f"{bad} of {kills} kills have lost something" if bad else f"{kills} kills, nothing lost")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
