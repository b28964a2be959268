"""The components' scripts and style sheets: ES modules on disk, one inline script in the page.

Each file is a module that an editor, a type checker and `node --test` understand. A Streamlit component takes one string of
JavaScript, so the modules that an entry file imports are joined here, each once and before whoever needs it: the import
lines fall away, and so does the word `export`, except that of the entry's default export. Nothing is built or fetched.
Comments on lines of their own and the indentation stay here too: Streamlit sends the script in every run that shows the component.
"""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{[^}]*\} from "(\.{1,2}/(?:[\w-]+/)?[\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|let|class)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*|//.*)\n", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


def script(entry: Path) -> str:
    """The JavaScript of a component: the entry file and, before it, every module that it imports, directly or not.

    Args:
        entry: A file with `export default`. It and what it imports lie in the components' folders, and import only by
            `import { a, b } from "./file.js";`, or `"../component/file.js"` for a module of another component. All
            top-level names of the modules differ, since they end in one scope, and no line of a text begins with `//`.

    Raises:
        ValueError: Two modules declare the same top-level name, modules import each other in a circle, or a line
            imports in another form.
    """
    order: list[Path] = []
    _visit(entry.resolve(), order, ())
    declared: dict[str, str] = {}
    joined = []
    for path in order:
        text = _IMPORT.sub("", path.read_text(encoding="utf-8"))
        odd = re.search(r"^import\b.*|^export (?:\{|\*).*", text, re.MULTILINE)
        if odd:
            raise ValueError(
                f'{path.name}: {odd[0]!r}; expected import {{ … }} from "./file.js"; and export before names.'
            )
        for name in re.findall(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE):
            if name in declared:
                raise ValueError(f"{path.name} and {declared[name]} both declare {name}. Rename one of them.")
            declared[name] = path.name
        joined.append(_INDENT.sub("", _COMMENT.sub("", _EXPORT.sub("", text))))
    return "\n".join(joined)


def style(path: Path) -> str:
    """A style sheet's text."""
    return path.read_text(encoding="utf-8")


def _visit(path: Path, order: list[Path], above: tuple[Path, ...]) -> None:
    if path in above:
        raise ValueError(f"modules import each other: {' > '.join(p.name for p in (*above, path))}.")
    if path in order:
        return
    for name in _IMPORT.findall(path.read_text(encoding="utf-8")):
        _visit((path.parent / name).resolve(), order, (*above, path))
    order.append(path)
