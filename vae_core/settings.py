"""Folders, limits and other environment variables, in one place for the app and the command line.

An environment variable that is empty counts as not set; `~` in a folder's name is the user's home.

>>> limit = Limit("VAE_EXPLORER_EXAMPLE", default=10, least=1)
>>> limit.value()
10
>>> os.environ["VAE_EXPLORER_EXAMPLE"] = "many"
>>> limit.problem()
"VAE_EXPLORER_EXAMPLE should be a whole number from 1 to 1,000,000,000, got 'many'; 10 is used. Correct it and start again."
>>> del os.environ["VAE_EXPLORER_EXAMPLE"]
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# in a checkout the app lies beside this package; an installed one brings it along in a folder of its own
IN_CHECKOUT = (ROOT / "streamlit_app.py").is_file()
APP = ROOT if IN_CHECKOUT else ROOT / "vae_explorer"
# the models that come with the program
SHIPPED = APP / "checkpoints"
INSTALL_TRAINING = "pip install -r requirements.txt" if IN_CHECKOUT else 'pip install "vae-explorer[train]"'
CHECKPOINTS_VARIABLE = "VAE_EXPLORER_CHECKPOINTS"
RUNS_VARIABLE = "VAE_EXPLORER_RUNS"
DATA_VARIABLE = "VAE_EXPLORER_DATA"  # folders whose contents the page Train may train on; none where it is not set
EMBED_VARIABLE = "VAE_EXPLORER_EMBED"  # addresses of the pages that may show the app in a frame, by spaces


def program_name(started: str, in_checkout: bool) -> str:
    """The command line as a user types it: as it was started; what the app, which is started otherwise, prints can be typed too.

    started: `sys.argv[0]`.
    """
    path = Path(started)
    as_module = path.name == "__main__.py" and path.parent.name == "vae_core"
    return "vae-explorer" if path.stem == "vae-explorer" or not (in_checkout or as_module) else "python -m vae_core"


PROGRAM = program_name(sys.argv[0], IN_CHECKOUT)


def checkpoints_folder() -> Path:
    """Return the folder of the app's models.

    It is the one that VAE_EXPLORER_CHECKPOINTS names, else `checkpoints` in the checkout or, installed, in the current folder.
    """
    return named_folder(CHECKPOINTS_VARIABLE) or start_folder() / "checkpoints"


def model_folders() -> list[Path]:
    """List the folders whose models the app shows: `checkpoints_folder()` and, unless another is named, the shipped models."""
    folder = checkpoints_folder()
    only = named_folder(CHECKPOINTS_VARIABLE) is not None or folder == SHIPPED
    return [folder] if only else [folder, SHIPPED]


def start_folder() -> Path:
    """Return the folder in which our processes start: the checkout, for `python -m vae_core`; installed, the current folder."""
    return ROOT if IN_CHECKOUT else Path.cwd()


def runs_folder() -> Path | None:
    """Return the folder of the app's runs.

    It is the one that VAE_EXPLORER_RUNS names, else `runs` in the start folder; None if another folder of models was named and
    no folder of runs.
    """
    named = named_folder(RUNS_VARIABLE)
    if named is None and named_folder(CHECKPOINTS_VARIABLE) is not None:
        return None
    return named or start_folder() / "runs"


def command_line_models() -> list[Path]:
    """Return the folders of models for the command line: the named one, else `checkpoints` here and the shipped ones."""
    named, here = named_folder(CHECKPOINTS_VARIABLE), Path("checkpoints")
    if named:
        return [named]
    return [here] if here.resolve() == SHIPPED else [*([here] if here.is_dir() else []), SHIPPED]


def command_line_runs() -> Path:
    """Return the folder of runs for the command line: the named one, else `runs` in the current folder."""
    return named_folder(RUNS_VARIABLE) or Path("runs")


def named_folder(variable: str) -> Path | None:
    """Return the folder that an environment variable names; None where it is empty or not set."""
    named = os.environ.get(variable, "").strip()
    return expanded(named) if named else None


def data_folders() -> list[Path]:
    """List the folders that the server's owner has opened to the page Train with VAE_EXPLORER_DATA, separated as in PATH."""
    named = os.environ.get(DATA_VARIABLE, "").split(os.pathsep)
    return [expanded(name.strip()) for name in named if name.strip()]


def expanded(name: str | Path) -> Path:
    """Write out `~` for the user's home in a path; a `~` that stands for nobody is left as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


@dataclass(frozen=True)
class Limit:
    """A whole number that an environment variable sets, mostly a bound of a server that others use too.

    Attributes:
        variable: Name of the environment variable.
        default: The number where nothing usable is set.
        least: Lowest number that is taken.
        most: Highest number that is taken.
    """

    variable: str
    default: int
    least: int
    most: int = 10**9

    def value(self) -> int:
        """Return the number that is set, or the default where nothing usable is."""
        text = os.environ.get(self.variable, "").strip()
        number = self._number(text)
        return self.default if number is None else number

    def problem(self) -> str | None:
        """Return a sentence about a setting that cannot be used; None if it can."""
        text = os.environ.get(self.variable, "").strip()
        if not text or self._number(text) is not None:
            return None
        return (
            f"{self.variable} should be a whole number from {self.least} to {self.most:,}, got {text[:40]!r}; "
            f"{self.default} is used. Correct it and start again."
        )

    def _number(self, text: str) -> int | None:
        usable = text.isascii() and text.isdigit() and len(text) < 11 and self.least <= int(text) <= self.most
        return int(text) if usable else None


# megabytes of uploads that one visit may hold
UPLOAD_MB = Limit("VAE_EXPLORER_UPLOAD_MB", 400, 1)
# runs in the queue of the app
RUNS_WAITING = Limit("VAE_EXPLORER_RUNS_WAITING", 10, 0)
# runs that train at the same time
RUNS_BESIDE = Limit("VAE_EXPLORER_RUNS_BESIDE", max(1, (os.cpu_count() or 1) // 2), 1)
# megabytes of memory of one run; 0: what is free when it begins
RUN_MB = Limit("VAE_EXPLORER_RUN_MB", 0, 0)
# percent of the disk that runs, kept and imported models leave free
FREE_DISK = Limit("VAE_EXPLORER_FREE_DISK", 2, 0, 90)
# 1: a process that has imported TensorFlow is kept ready
STANDBY = Limit("VAE_EXPLORER_STANDBY", 1, 0, 1)
LIMITS = (UPLOAD_MB, RUNS_WAITING, RUNS_BESIDE, RUN_MB, FREE_DISK, STANDBY)


def problems() -> list[str]:
    """List a sentence about each setting that cannot be used."""
    return [problem for limit in LIMITS if (problem := limit.problem())]
