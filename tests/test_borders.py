"""The borders (ARCHITECTURE.md) that are no directions between packages: those are import-linter's (`test_directions.py`)."""

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
HEAVY = {"tensorflow", "keras"}
SCREEN = {"streamlit", "plotly", "matplotlib.pyplot"}


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, `a.b` for `from a import b` as well."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def among(names: Iterator[str], forbidden: set[str]) -> list[str]:
    return sorted({n for n in names if any(n == f or n.startswith(f + ".") for f in forbidden)})


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CORE + PAGES, ids=named)
def test_no_figure_goes_through_pyplot(path: Path) -> None:
    """Its registry keeps every figure, for all visitors. (import-linter sees no part of a foreign package.)"""
    assert among(imports(path), {"matplotlib.pyplot"}) == []


def test_the_server_knows_no_trainer() -> None:
    """A script by itself is no package, so no contract of import-linter holds it."""
    assert among(imports(ROOT / "streamlit_app.py"), {*HEAVY, "vae_core.training", "vae_core.cli"}) == []


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
