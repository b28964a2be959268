"""The furniture: requirements that are pinned, files that are small, words that are kept."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from vae_core.cli.main import build_parser

ROOT = Path(__file__).parents[1]
MIB = 2**20
REQUIREMENTS = ("requirements.txt", "requirements-explore.txt", "requirements-heic.txt", "requirements-dev.txt")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lines(file: str) -> list[str]:
    return [line.strip() for line in (ROOT / file).read_text().splitlines() if line.strip() and line[0] != "#"]


def requirements(file: str) -> list[Requirement]:
    return [Requirement(line.partition("#")[0]) for line in lines(file) if not line.startswith("-")]


def pins(python: str) -> dict[str, Version]:
    """Exact versions for one Python, by name."""
    found: dict[str, Version] = {}
    for pin in requirements("constraints.txt"):
        if pin.marker is None or pin.marker.evaluate({"python_version": python}):
            assert key(pin.name) not in found, f"{pin.name} is pinned twice for Python {python}"
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            found[key(pin.name)] = Version(specifier.version)
    return found


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_requirement_has_a_floor_a_reason_and_a_pin(file: str) -> None:
    for line in lines(file):
        if not line.startswith("-r "):
            assert re.fullmatch(r"[a-z-]+>=[\d.]+ +# \S.{10,}", line), line
    for python in PYTHONS:
        pinned = pins(python)
        for requirement in requirements(file):
            assert requirement.specifier.contains(pinned[key(requirement.name)]), f"{requirement}, Python {python}"


def test_explore_leaves_out_tensorflow_only() -> None:
    assert {r.name for r in requirements("requirements.txt")} == {"tensorflow", "keras"}
    assert "-r requirements-explore.txt" in lines("requirements.txt")
    assert "-r requirements.txt" in lines("requirements-dev.txt")


def test_constraints_cover_what_the_requirements_pull_in() -> None:
    """Every package that is needed here, directly or not, is pinned for this Python."""
    pinned = pins(f"{sys.version_info.major}.{sys.version_info.minor}")
    waiting = [r.name for file in REQUIREMENTS for r in requirements(file)]
    seen: set[str] = set()
    while waiting:
        name = key(waiting.pop())
        if name in seen or name in ("pip", "setuptools", "wheel"):
            continue
        seen.add(name)
        try:
            needs = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:
            continue  # TensorFlow may be tensorflow-cpu here, or left out
        assert name in pinned, f"{name} has no line in constraints.txt"
        waiting += [r.name for r in map(Requirement, needs) if r.marker is None or r.marker.evaluate({"extra": ""})]
    assert len(seen) > 60


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("needs a git checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_large_files() -> None:
    sizes = {path: path.stat().st_size for path in tracked()}
    assert [p for p, size in sizes.items() if size > 4 * MIB and "checkpoints" not in p.parts] == []
    assert sum(size for path, size in sizes.items() if "checkpoints" in path.parts) <= 20 * MIB


def test_no_package_index_is_written_in() -> None:
    for file in (*REQUIREMENTS, "constraints.txt", "Makefile", ".ci/run"):
        assert not re.search(r"--(extra-)?index-url|--find-links|pip config", (ROOT / file).read_text()), file


def test_the_readme_shows_every_command() -> None:
    (commands,) = (action.choices for action in build_parser()._actions if action.dest == "command")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in commands if not re.search(rf"python -m vae_core {name}\b", readme)] == []


def test_links_of_the_documents_lead_somewhere() -> None:
    for path in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{path.name}: {target}"
