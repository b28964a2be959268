"""What a folder of thousands of runs costs: a listing, a rerun's looks at it, the models' picker and the command `runs`.

    python benchmarks/many_runs.py [--runs 10000] [--listed 2000]

Milliseconds of CPU of this process, the median of some turns; the plain listing, which opens nothing but asks for the time of
both files of every run, is measured in the same turns. The folder is made anew, with whole runs that have ended.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from vae_core.checkpoints.registry import list_models
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network.presets import build
from vae_core.runs.directory import Run
from vae_core.runs.index import SHARED_SECONDS, list_runs, unfinished
from vae_core.settings import CHECKPOINTS_VARIABLE, RUNS_VARIABLE

TURNS = 7


def make_runs(root: Path, count: int) -> None:
    """So many runs that have ended, each with a snapshot's folder."""
    first = Run(root / "run-00000")
    config = {"name": first.name, "model": ModelConfig().to_dict(), "training": TrainingConfig().to_dict()}
    first.create({**config, "dataset": {"name": "drawn clothes", "classes": []}}, build(ModelConfig()))
    first.write_status("finished", step=9, total_steps=9, loss=250.0)
    first.write_request(data="drawn", model=ModelConfig().to_dict(), training=TrainingConfig().to_dict())
    first.save_fixed(np.random.default_rng(0).integers(0, 256, (10, 28, 28, 1), np.uint8))
    (first.path / "snapshots" / "00000009").mkdir(parents=True)
    for number in range(1, count):
        shutil.copytree(first.path, root / f"run-{number:05d}")
    stood = time.time() - 3600
    for path in [*root.rglob("*"), root]:
        os.utime(path, (stood, stood))


def plain_listing(root: Path) -> list[Path]:
    """Runs by age without anything remembered: what every listing was."""
    found: dict[Path, float] = {}
    for name in ("status.json", "config.json"):
        for path in root.glob(f"[!.]*/{name}"):
            found[path.parent] = path.stat().st_mtime
    return sorted(found, key=lambda path: found[path], reverse=True)


def cpu(action: Callable[[], Any]) -> float:
    """Milliseconds of CPU."""
    began = time.process_time()
    action()
    return 1000 * (time.process_time() - began)


def rerun(root: Path) -> None:
    """What a click on the page Train lists: the models, the runs, and twice those in progress."""
    list_models()
    unfinished(root)
    list_runs(root)
    unfinished(root)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--listed", type=int, default=2_000, help="runs that the command `runs` lists")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root, few = Path(temporary) / "runs", Path(temporary) / "few"
        make_runs(root, arguments.runs)
        make_runs(few, arguments.listed)
        os.environ |= {RUNS_VARIABLE: str(root), CHECKPOINTS_VARIABLE: str(Path(temporary) / "none")}
        actions: dict[str, Callable[[], Any]] = {
            "plain listing": lambda: plain_listing(root),
            "list_runs": lambda: list_runs(root),
            "unfinished": lambda: unfinished(root),
            "list_models": list_models,
            "one rerun of Train: all of its listings": lambda: rerun(root),
        }
        print(f"{arguments.runs:,} runs that have ended, ms of CPU: first, then the median of {TURNS}")
        first = {name: cpu(action) for name, action in actions.items()}
        times: dict[str, list[float]] = {name: [] for name in actions}
        for _ in range(TURNS):
            for name, action in actions.items():
                time.sleep(SHARED_SECONDS)  # so that no listing is served by the one before
                times[name].append(cpu(action))
        for name, taken in times.items():
            print(f"  {name:42} {first[name]:8.1f} {statistics.median(taken):8.1f}")
        command = [sys.executable, "-m", "vae_core", "runs", "--root", str(few)]
        seconds = []
        for _ in range(3):
            before = os.times()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[1])
            after = os.times()
            seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
        print(
            f"the command `runs`, {arguments.listed:,} runs: {statistics.median(seconds):.2f} s of CPU, start included"
        )


if __name__ == "__main__":
    main()
