"""How the components' ES modules become one script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages.ui.components import _assets
from pages.ui.components._assets import script

COMPONENTS = Path(_assets.__file__).parent


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "entry.js"


def test_modules_stand_before_those_that_import_them_and_once(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        entry='// head\n\nimport { a, b } from "./one.js";\nimport { c } from "./two.js";\nexport default function () { a(b, c); }\n',
        one='import { c } from "./two.js";\nexport function a() {}\nexport const b = c;\n',
        two="export const c = 3;\n",
    )
    joined = script(entry)
    assert "import" not in joined and re.findall(r"\bexport\b.*", joined) == ["export default function () { a(b, c); }"]
    assert joined.index("const c = 3") < joined.index("function a()") < joined.index("export default")
    assert joined.count("const c = 3") == 1


def test_comments_and_indentation_stay_here(tmp_path: Path) -> None:
    """The script travels in every run that shows the component."""
    text = "/** @type {(a: number) => void}\n *  more */\nconst a = 'http://x'; // beside\n  // alone\n\n  /** b */ const b = a;\n"
    assert script(write(tmp_path, entry=text)) == "const a = 'http://x'; // beside\n\n/** b */ const b = a;\n"


def test_a_module_of_another_component_is_taken_along_once(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", one='import { c } from "./two.js";\nexport const b = c;\n', two="export const c = 3;\n")
    (tmp_path / "own").mkdir()
    entry = write(
        tmp_path / "own",
        entry='import { b } from "../other/one.js";\nimport { c } from "../other/two.js";\nexport default () => b + c;\n',
    )
    joined = script(entry)
    assert "import" not in joined and joined.count("const c = 3") == 1
    assert joined.index("const c") < joined.index("const b") < joined.index("export default")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"entry": 'import { a } from "./one.js";\nconst a = 1;\n', "one": "export const a = 2;\n"}, "both declare a"),
        ({"entry": 'import { a } from "./one.js";\n', "one": 'import { b } from "./entry.js";\n'}, "import each other"),
        ({"entry": 'import a from "./one.js";\n', "one": "export default 1;\n"}, "import a from"),
        ({"entry": "const a = 1;\nexport { a };\n"}, "export"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        script(write(tmp_path, **files))


@pytest.mark.parametrize("folder", ["crop_frame", "live_map", "mosaic", "latent_rows", "latent_player", "wipe"])
def test_every_module_of_a_component_is_in_its_script(folder: Path) -> None:
    joined = script(COMPONENTS / folder / f"{folder}.js")
    for path in (COMPONENTS / folder).glob("*.js"):
        if path.name != "carrier.js":  # a component of its own
            assert path.read_text(encoding="utf-8").splitlines()[-2].strip() in joined, path.name
    assert joined.count("export default") == 1
