"""The directions between the packages (`[tool.importlinter]` in pyproject.toml): each contract refuses an import against it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.api import read_configuration

ROOT = Path(__file__).parents[1]
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"
# contract: where an import is planted, what is imported, what the refusal says
PLANTS = {
    "core-layers": ("vae_core/storage/npz.py", "vae_core.runs.health", "vae_core.storage.npz -> vae_core.runs.health"),
    "one-keras": ("vae_core/network/presets.py", "keras", "vae_core.network.presets -> keras"),
    "no-screen": ("vae_core/analysis/heatmaps.py", "streamlit", "vae_core.analysis.heatmaps -> streamlit"),
    "app-layers": (
        "pages/ui/heatmaps/files.py",
        "pages.ui.reconstruction.cache",
        "pages.ui.heatmaps.files -> pages.ui.reconstruction.cache",
    ),
    "no-trainer": ("pages/models.py", "vae_core.training.vae", "pages.models -> vae_core.training.vae"),
    "no-circles": ("vae_core/network/layers.py", "vae_core.network.engine", ".layers -> .engine"),
}


@pytest.fixture(scope="module")
def refusal(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What lint-imports says of a copy of the packages with one offending import per contract, inside a function each."""
    copy = tmp_path_factory.mktemp("planted")
    for package in ("vae_core", "pages"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for file, module, _ in PLANTS.values():
        with (copy / file).open("a", encoding="utf-8") as planted:
            planted.write(f"\n\ndef planted() -> None:\n    import {module}\n")
    (copy / "vae_core" / "annex.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-logo", "--no-cache"], cwd=copy, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def contracts() -> dict[str, str]:
    """The names of the contracts by their ids."""
    configuration = read_configuration(str(ROOT / "pyproject.toml"))
    return {contract["id"]: contract["name"] for contract in configuration["contracts_options"]}


def test_every_contract_is_tried() -> None:
    assert set(contracts()) == set(PLANTS)


@pytest.mark.parametrize("contract", PLANTS)
def test_an_offending_import_is_refused(contract: str, refusal: str) -> None:
    assert f"{contracts()[contract]} BROKEN" in refusal
    assert PLANTS[contract][2] in refusal


def test_a_new_module_of_the_core_has_to_be_given_its_place(refusal: str) -> None:
    assert "vae_core.annex" in refusal
