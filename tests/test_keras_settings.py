"""Another program's settings of Keras and TensorFlow change nothing here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vae_core.datasets.fashion_mnist import keras_cache
from vae_core.training.keras_settings import DEFAULTS, VARIABLES, own_settings

ROOT = Path(__file__).parents[1]
PROBE = """
import os, sys
before = dict(os.environ)
from vae_core.training.keras_settings import own_settings
import vae_core.training.vae
import keras
c = keras.config
print(c.backend(), c.floatx(), c.image_data_format(), c.epsilon(), c.max_epochs(), c.dtype_policy().name)
print(dict(os.environ) == {**before, **{k: v for k, v in os.environ.items() if k not in before}})
print({k: os.environ.get(k) for k in ("KERAS_HOME", "KERAS_BACKEND")} == {k: before.get(k) for k in ("KERAS_HOME", "KERAS_BACKEND")})
"""


@pytest.mark.parametrize(
    "text",
    ['{"image_data_format": "channels_first", "floatx": "float16", "backend": "torch", "epsilon": 0.1}', '["a list"]'],
)
def test_keras_has_our_settings_whatever_it_finds(text: str, tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text(text)
    odd = {"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "1", "KERAS_NNX_ENABLED": "1", "TF2_BEHAVIOR": "0"}
    env = {**os.environ, **odd, "KERAS_HOME": str(tmp_path), "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == ["tensorflow float32 channels_last 1e-07 None float32", "True", "True"]
    assert (tmp_path / "keras.json").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["keras.json"]


def settings_inside(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that Keras would see while it is imported."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    with own_settings():
        return {name: os.environ[name] for name in (*VARIABLES, "KERAS_HOME") if name in os.environ}


@pytest.mark.parametrize(
    ("text", "suits"),
    [
        (None, True),
        (json.dumps(DEFAULTS), True),
        ("{}", True),
        ('{"floatx": "float64"}', False),
        ('{"backend": "jax"}', False),
        ('{"image_data_format": "channels_first"}', False),
        ("null", False),
        ("\ufffd", False),
    ],
)
def test_a_keras_json_that_suits_is_left_in_use(
    text: str | None, suits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.setenv(name, "1")
    if text is not None:
        (tmp_path / "keras.json").write_text(text)
    inside = settings_inside(monkeypatch)
    assert inside.pop("KERAS_BACKEND") == "tensorflow"
    assert (inside.pop("KERAS_HOME") == str(tmp_path)) is suits
    assert not inside
    assert all(os.environ[name] == "1" for name in VARIABLES)
    assert keras_cache() == tmp_path / "datasets" / "fashion-mnist"
