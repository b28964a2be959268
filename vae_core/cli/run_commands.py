"""The command that looks after runs: list, follow, pause, continue, stop, kill, delete and restore them.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     runs(folder, follow=None, pause=None, stop=None, kill=None, delete=None, restore=None, **{"continue": None})
no runs in ...
"""

from __future__ import annotations

import time
from typing import Any

from vae_core import settings
from vae_core.cli.common import command_text, deletion_note, run_path, runs_folder
from vae_core.runs.control import RunError
from vae_core.runs.directory import ENDED, OVER, Run
from vae_core.runs.health import health
from vae_core.runs.index import list_runs


def runs(
    root: str | None, follow: str | None, pause: str | None, stop: str | None, kill: str | None, **others: Any
) -> None:
    """List the runs of a folder, or do one thing to one of them.

    Args:
        root: The folder of runs; None for the settings'.
        follow: Name of the run whose progress is printed until it ends.
        pause: Name of the run that is asked to pause.
        stop: Name of the run that is asked to stop.
        kill: Name of the run whose trainer is ended.
        others: "continue", "delete" and "restore", with a run's name or None.

    Raises:
        RunError: If there is no such run, or it is in no state for this.
        TrashError: If there is nothing to restore.
    """
    folder = runs_folder(root)
    if kill:
        from vae_core.jobs.process import end_trainer

        run = _find(root, kill)
        print(f"{run.path}: {end_trainer(run)}")
        return
    if others["delete"] or others["restore"]:
        from vae_core.jobs.deletion import delete_run, restore_by_name

    if others["delete"]:
        print(deletion_note("runs", delete_run(_find(root, others["delete"]))))
        return
    if others["restore"]:
        print(f"{restore_by_name(folder, others['restore'])} is back.")
        return
    verbs = {"pause": pause, "run": others["continue"], "stop": stop}
    for command, name in verbs.items():
        if name:
            _update_control(_find(root, name), command)
            return
    if follow:
        _follow(_find(root, follow))
        return
    listed = list_runs(folder)
    if not listed:
        print(f"no runs in {folder}. Start one:  {command_text('train', '--run-dir', folder / 'demo')}")
    for run in listed:
        status = run.status()
        condition = health(run, status, arrays=False)
        state, note = condition.state, condition.note
        step = f"step {status['step']:,}/{status.get('total_steps', 0):,}" if "step" in status else ""
        loss = f"loss {status['loss']:.2f}" if status.get("loss") is not None else ""
        print(f"{run.name:24} {state:10} {step:20} {loss:12} {' '.join((note, *condition.problems))}".rstrip())


def _find(root: str | None, name: str) -> Run:
    run = Run(run_path(name, settings.expanded(root) if root else None))
    run.check_kind()
    if not (run.path / "status.json").exists():  # one that waits for its turn has this and no config.json yet
        run.config()
    return run


def _update_control(run: Run, command: str) -> None:
    """Write what is asked for, then wait a little for the answer, so that what is printed is what happened."""
    state, _ = run.state()
    if state in OVER:
        raise RunError(f"{run.path} is {state}; only a run in progress can be asked. Continue it with resume.")
    run.update_control(command=command)
    expected = {"pause": ("paused",), "run": ("running",), "stop": ENDED}[command]
    for _ in range(100):
        state, note = run.state()
        if state in expected or state == "failed":
            break
        time.sleep(0.1)
    print(f"{run.path}: {state} {note}".rstrip())


def _follow(run: Run) -> None:
    from vae_core.cli.progress_bar import progress_bar

    with progress_bar() as show:
        while True:
            state, note = run.state()
            show({**run.status(), "state": state})
            if state in OVER or note:
                break
            time.sleep(0.5)
    print(f"{run.path}: {state} {note}".rstrip())
