"""How the processes that the app starts are called, and their environment."""

from __future__ import annotations

import os
import sys

from vae_core.settings import IN_CHECKOUT

# `python -m` puts the folder it is called in before all others: there a user's random.py would take the place of Python's.
_AWAY_FROM_HERE = (
    "import runpy, sys; sys.path.pop(0); module = sys.argv.pop(1); "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


def python_module(module: str, *words: str) -> list[str]:
    """The command that runs a module with Python; of an installed program without looking for modules in the current folder."""
    how = ["-m"] if IN_CHECKOUT else ["-c", _AWAY_FROM_HERE]
    return [sys.executable, *how, module, *words]


def child_environment() -> dict[str, str]:
    """This process's environment, with UTF-8 for all that the child reads and prints, whatever the terminal's encoding."""
    return {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
