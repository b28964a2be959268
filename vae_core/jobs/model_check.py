"""Check a stranger's model in a process of its own, whose memory and time are bounded: no model takes the server down."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from vae_core.jobs.environment import child_environment, python_module
from vae_core.settings import start_folder

MEMORY = 3 << 30  # bytes of address space, most of it libraries
# More than all parts of a rehearsal may take together: a busy machine's processors are slower, and then it measures again.
PROCESSOR_SECONDS = 60
PATIENCE = 120.0  # seconds: a busy machine gives a process few of them


class ModelProblem(ValueError):
    """A model that the check refuses, or that its process did not survive."""


def check_in_child(folder: Path) -> None:
    """Run `check-model` on a folder in a process whose memory and time are bounded.

    Raises:
        ModelProblem: If the model is refused, or its process did not survive it.
    """
    command = python_module("vae_core", "check-model", "--bounded", str(folder.resolve()))
    try:
        done = subprocess.run(
            command,
            cwd=start_folder(),
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelProblem(f"its check took more than {PATIENCE:.0f} seconds. Bring a smaller model.") from error
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    if lines and done.returncode > 0:
        raise ModelProblem(lines[-1].removeprefix("error: "))
    raise ModelProblem(
        f"opening it takes more than {PROCESSOR_SECONDS} seconds of a processor or {MEMORY >> 30} GiB of memory. "
        "Bring a smaller model."
    )


def bound_this_process(processor_seconds: int = PROCESSOR_SECONDS) -> None:
    """Let the system end this process where it takes more memory than a check needs, or more seconds of processors than given."""
    with suppress(ImportError, ValueError, OSError):  # not on Windows; or a lower limit is set already
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
