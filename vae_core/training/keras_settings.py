"""Keras with the settings that this package needs, whatever another program has left in keras.json or the environment.

>>> with own_settings():
...     import keras
>>> keras.backend.backend()
'tensorflow'
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vae_core.config import ConfigError
from vae_core.datasets.fashion_mnist import keras_cache

NEEDED = {"backend": "tensorflow", "floatx": "float32", "image_data_format": "channels_last"}
DEFAULTS = {**NEEDED, "epsilon": 1e-7, "nnx_enabled": False}
# Each changes what `import keras` or `fit` does; TensorFlow's two make it behave as version 1, or bring another Keras.
VARIABLES = (
    "KERAS_BACKEND",
    "KERAS_MAX_EPOCHS",
    "KERAS_MAX_STEPS_PER_EPOCH",
    "KERAS_NNX_ENABLED",
    "TF2_BEHAVIOR",
    "TF_USE_LEGACY_KERAS",
)


@contextmanager
def own_settings() -> Iterator[None]:
    """Make the context to import Keras in; afterwards the environment is as before, since data sets are looked for by it.

    Raises:
        ConfigError: Keras was imported before, with settings that would train something else.
    """
    if sys.modules.get("keras") is not None:
        _check(sys.modules["keras"])
        yield
        return
    home = keras_cache().parents[1]
    before = {name: os.environ.pop(name, None) for name in (*VARIABLES, "KERAS_HOME")}
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if not _suits(home / "keras.json"):
        # no folder: Keras finds no keras.json in it, and can write none
        os.environ["KERAS_HOME"] = __file__
    else:
        os.environ["KERAS_HOME"] = str(home)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _suits(path: Path) -> bool:
    """Check whether a keras.json is absent, or sets nothing but the defaults."""
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and all(values.get(name, value) == value for name, value in DEFAULTS.items())


def _check(keras: Any) -> None:
    now = {
        "backend": keras.config.backend(),
        "floatx": keras.config.floatx(),
        "image_data_format": keras.config.image_data_format(),
    }
    if now != NEEDED or keras.config.dtype_policy().name != "float32":
        raise ConfigError(
            f"Keras was imported before vae_core.training, with other settings ({now}, {keras.config.dtype_policy().name}); "
            f"{NEEDED} are needed. Import vae_core.training first, in a new process."
        )
