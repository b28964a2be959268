"""The environment of the processes that the app starts."""

from __future__ import annotations

import os


def child_environment() -> dict[str, str]:
    """This process's environment, with UTF-8 for all that the child reads and prints, whatever the terminal's encoding."""
    return {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
