"""What this program runs on gathers and sends nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DECODES = """
import numpy as np
from vae_core.config import ModelConfig
from vae_core.network import presets
from vae_core.network.engine import Engine
from vae_core.network.schema import random_weights
network = presets.build(ModelConfig(latent_dim=2))
Engine(network, random_weights(network), 1).decode(np.zeros((1, 2), np.float32))
"""


def test_an_engine_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    gone = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    homes = dict.fromkeys(("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"), str(tmp_path))
    env = {name: value for name, value in os.environ.items() if name not in gone} | homes
    done = subprocess.run([sys.executable, "-c", DECODES], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("folder", ["vae_core", "pages", "tests", "benchmarks"])
def test_onnx_runtime_is_imported_in_one_place(folder: str) -> None:
    imports = re.compile(r"^\s*(import onnxruntime|from onnxruntime)", re.MULTILINE)
    found = [path.name for path in sorted((ROOT / folder).rglob("*.py")) if imports.search(path.read_text("utf-8"))]
    assert found == (["onnx_runtime.py"] if folder == "vae_core" else [])
