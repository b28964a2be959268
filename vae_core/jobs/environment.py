"""Commands and environment of the processes that the app starts.

>>> child_environment()["PYTHONUTF8"]
'1'
>>> python_module("vae_core", "runs")[-2:]
['vae_core', 'runs']
"""

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
    """Words of the command that runs a module with Python.

    An installed program does not look for modules in the current folder.

    Args:
        module: The module's dotted name.
        words: Its arguments.
    """
    flags = ["-m"] if IN_CHECKOUT else ["-c", _AWAY_FROM_HERE]
    return [sys.executable, *flags, module, *words]


def child_environment() -> dict[str, str]:
    """This process's environment, with UTF-8 for all that a child reads and prints, whatever the terminal's encoding."""
    return {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
