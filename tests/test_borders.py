"""What may import what (ARCHITECTURE.md, borders). Read from the source, so nothing is imported in this process."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "vae_core").rglob("*.py"))
PAGES = [ROOT / "streamlit_app.py", *sorted((ROOT / "pages").rglob("*.py"))]
# The only package that may import Keras when it is imported itself.
WITH_KERAS = "vae_core.training"
HEAVY = {"tensorflow", "keras"}
SCREEN = {"streamlit", "plotly", "matplotlib.pyplot"}


def imports(path: Path, top_only: bool = False) -> Iterator[str]:
    """Dotted names that a file imports, `a.b` for `from a import b` as well; top_only: outside of functions."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        if top_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if top_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)  # read by the type checker only
            continue
        waiting.extend(ast.iter_child_nodes(node))


def among(names: Iterator[str], forbidden: set[str]) -> list[str]:
    return sorted({n for n in names if any(n == f or n.startswith(f + ".") for f in forbidden)})


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CORE, ids=named)
def test_the_core_knows_no_screen(path: Path) -> None:
    assert among(imports(path), SCREEN) == []


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_pages_know_no_trainer(path: Path) -> None:
    assert among(imports(path), {*HEAVY, "matplotlib.pyplot", WITH_KERAS}) == []


@pytest.mark.parametrize("path", [p for p in CORE if p.parent.name != "training"], ids=named)
def test_keras_is_imported_by_one_package_only(path: Path) -> None:
    assert among(imports(path, top_only=True), {*HEAVY, WITH_KERAS}) == []


@pytest.mark.parametrize("path", CORE + PAGES, ids=named)
def test_nothing_is_unpickled(path: Path) -> None:
    assert among(imports(path), {"pickle", "cloudpickle", "dill", "marshal", "shelve"}) == []
    assert "allow_pickle=True" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [p for p in PAGES if p.name != "picture.py"], ids=named)
def test_pictures_go_one_way(path: Path) -> None:
    """`picture` sends PNG in the message itself; `st.image` of an array JPEG, behind an address that soon is gone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [call.lineno for call in calls if ast.unparse(call.func) == "st.image"] == []


def test_the_reader_of_imports_reads(tmp_path: Path) -> None:
    """The tests above would pass on anything if this one did not."""
    file = tmp_path / "module.py"
    file.write_text(
        "import keras.ops\nfrom matplotlib import pyplot as p\nif TYPE_CHECKING:\n    import tensorflow\n"
        "def f():\n    import plotly.express\n"
    )
    assert among(imports(file), HEAVY | SCREEN) == ["keras.ops", "matplotlib.pyplot", "plotly.express", "tensorflow"]
    assert among(imports(file, top_only=True), HEAVY | SCREEN) == ["keras.ops", "matplotlib.pyplot"]


def test_importing_the_core_imports_no_tensorflow() -> None:
    files = [path for path in CORE if path.parent.name != "training" and path.name != "__init__.py"]
    modules = [named(path).removesuffix(".py").replace("/", ".") for path in files]
    assert len(modules) > 40
    code = (
        f"import importlib, sys\nfor name in {modules}:\n    importlib.import_module(name)\n"
        f"print(sorted({HEAVY | SCREEN!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_help_is_instant() -> None:
    """Half a second of processor time, which a busy machine does not stretch much; the best of three."""
    # without coverage's own start-up in the child, which is not what a user pays for
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    code = (
        "import os, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'vae_core', '--help'], capture_output=True, text=True)\n"
        "used = os.times()\n"
        "print(used.children_user + used.children_system, done.returncode, 'reconstruct' in done.stdout)"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
        used, code_, complete = done.stdout.split()
        assert (code_, complete) == ("0", "True"), done.stderr
        seconds.append(float(used))
    assert min(seconds) < 0.5
