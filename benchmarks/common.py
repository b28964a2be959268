"""What the benchmarks share: one thread per process, CPU-seconds, children, and a table of ratios."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
}
ROOT = Path(__file__).resolve().parent.parent


def child(script: str, *arguments: str) -> dict[str, Any]:
    """Run `script ARGUMENTS` in a fresh process with one thread, and read the JSON object on its last line."""
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def verdict(name: str, value: float, bar: float, unit: str = "×", at_least: bool = True) -> bool:
    """Print one measured value beside its bar; True if it is met."""
    met = value >= bar if at_least else value <= bar
    sign = "≥" if at_least else "≤"
    print(f"{'ok  ' if met else 'MISS'}  {name}: {value:.3g} {unit} (bar {sign} {bar:g})", flush=True)
    return met
