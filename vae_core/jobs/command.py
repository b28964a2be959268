"""The command that trains a run anew: what a user types for the same recipe on the same data.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     command_of(Run(folder))
''
"""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import Any

from vae_core.config import ConfigError, ModelConfig, TrainingConfig, recommended
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.settings import PROGRAM
from vae_core.storage.errors import FileProblem


def command_of(run: Run) -> str:
    """The command of a run, with a flag for each setting that is not the recipe's own; "" where its files do not tell."""
    try:
        config = run.config()
        model, training = ModelConfig.from_dict(config["model"]), TrainingConfig.from_dict(config["training"])
        available = int(config["dataset"]["sizes"]["train"])
    except (RunError, FileProblem, ConfigError, KeyError, TypeError, ValueError):
        return ""
    request = run.request()
    words = ["train", "--data", str(request.get("data", "auto"))]
    if request.get("fit", "resize") != "resize":
        words += ["--fit", str(request["fit"])]
    words += _flags(model, ModelConfig())
    recipe = recommended(model, available)
    if not training.steps and recipe.steps:
        words += ["--epochs", str(training.epochs)]
        recipe = recommended(model, epochs=training.epochs)
    elif training.steps:
        recipe = TrainingConfig.from_dict({**recipe.to_dict(), "epochs": training.epochs})
    words += _flags(training, recipe)
    return f"{PROGRAM} {shlex.join([*words, '--run-dir', str(run.path)])}"


def _flags(config: Any, standard: Any) -> list[str]:
    words: list[str] = []
    for setting in fields(config):
        value = getattr(config, setting.name)
        if value != getattr(standard, setting.name):
            text = "x".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
            words += [f"--{setting.name.replace('_', '-')}", text]
    return words
