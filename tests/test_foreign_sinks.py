"""No foreign text reaches a page as it came: read from the source of the pages.

What Streamlit is given to show must be built of constants, numbers and what `pages.ui.formatting` has made safe. "Safe" is
what this file can prove: a constant, a number (by its format, its annotation or the function it comes from), a call of a
helper, a condition or a sum of safe parts, a local name whose every assignment is safe, a function of the pages whose every
return is safe. All else is foreign until somebody has looked, and stands in `REVIEWED` with the reason.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "streamlit_app.py", *sorted((ROOT / "pages").rglob("*.py"))]
# Streamlit renders Markdown in the first argument of these (in 1.67 the labels of widgets too, pictures and links included)
MARKDOWN = set(
    [
        "markdown",
        "caption",
        "title",
        "header",
        "subheader",
        "write",
        "text",
        "error",
        "warning",
        "info",
        "success",
        "toast",
        "badge",
        "table",
        "tabs",
        "expander",
        "popover",
        "spinner",
        "status",
        "progress",
        "dialog",
        "metric",
        "help",
        "button",
        "download_button",
        "link_button",
        "page_link",
        "checkbox",
        "toggle",
        "radio",
        "selectbox",
        "multiselect",
        "segmented_control",
        "pills",
        "slider",
        "select_slider",
        "number_input",
        "text_input",
        "text_area",
        "file_uploader",
        "date_input",
        "color_picker",
        "form_submit_button",
    ]
)
OF_ALL = {"help", "label", "caption", "placeholder"}  # keyword arguments that are Markdown, or go with the label
HTML = {"html"}
# of components, which set it as text: which arguments are
PLAIN = {"Tile": slice(None), "Row": slice(1, None), "Selected": slice(1), "mosaic": slice(3, 4), "wipe": slice(2, 3)}
ALT = {"alt", "file_name"}
# `term` looks its words up in the glossary
MARKDOWN_HELPERS = {"markdown_text", "term"}
HTML_HELPERS = {"html_text", "term"}
PLAIN_HELPERS = {"plain_text", "html_text", "file_text"}
NUMERIC = ("int", "float", "bool", "int | None", "float | None", "np.ndarray")
NUMBERS = {"len", "sum", "round", "int", "float", "min", "max", "abs", "str.capitalize", "strftime"}
# (file, source of the expression): why it is no foreign text
REVIEWED: dict[tuple[str, str], str] = {
    ("pages/ui/train/others.py", "words"): "the label of a button, a constant at the callers",
    ("pages/ui/shared/deletion.py", "words"): "safe at the callers, which this test reads",
    ("pages/latent_space.py", "name"): "made by latent_space.files.stem with file_text",
    (
        "pages/ui/reconstruction/view.py",
        "comparison.figure_text('ssim', float(rebuilt.scores.ssim[0]))",
    ): "a number with its unit",
    ("pages/heatmaps.py", "words"): "part, layer and channel: a layer is named by letters, digits and underscores",
    (
        "pages/heatmaps.py",
        "layer",
    ): "layers are named by lower-case letters, digits and underscores: network.layers refuses others",
    ("pages/heatmaps.py", "part"): '"encoder" or "decoder"',
    (
        "pages/heatmaps.py",
        "settings.layer",
    ): "layers are named by lower-case letters, digits and underscores: network.layers refuses others",
    ("pages/models.py", "charts"): "titles of this file, with a number",
    (
        "pages/models.py",
        "text",
    ): "a model card, which is Markdown by intent: card_of takes links, pictures and formulas out",
    (
        "pages/reconstruction.py",
        "comparison.table(rebuilt)",
    ): "constants, numbers, and names of models through markdown_text",
    ("pages/ui/app/frame.py", "title"): "the pages name themselves",
    ("pages/ui/app/frame.py", "type(error).__name__"): "the name of a class",
    ("pages/ui/app/frame.py", "problem"): "made of safe parts by state.take_url",
    ("pages/ui/heatmaps/controls.py", "label"): "constants of this file",
    ("pages/ui/heatmaps/controls.py", "help"): "constants of this file",
    ("pages/ui/shared/colour_bar.py", "stops"): "colours",
    ("pages/ui/heatmaps/parts.py", "channel"): '"mean", "max" or a number',
    ("pages/ui/heatmaps/parts.py", "words"): "a channel and numbers",
    (
        "pages/ui/home/view.py",
        "layer",
    ): "layers are named by lower-case letters, digits and underscores: network.layers refuses others",
    (
        "pages/ui/home/view.py",
        "PROMISE.format(thing='piece of clothing' if model.clothes else 'picture', learned=learned)",
    ): 'a constant of this file, with "garment" or "picture"',
    ("pages/ui/map/view.py", "model.thing"): '"garment" or "picture"',
    ("pages/ui/home/view.py", "page"): "constants of this file",
    ("pages/ui/home/view.py", "words"): "constants of this file",
    ("pages/ui/latent_space/view.py", "name"): "a class: made plain when the model was opened",
    ("pages/ui/latent_space/view.py", "model.classes[label]"): "made plain when the model was opened",
    ("pages/ui/shared/picture_line.py", "words"): "constants at the callers",
    ("pages/ui/reconstruction/view.py", "caption"): "names made safe, numbers, and the way",
    ("pages/ui/shared/picture_line.py", "refusal"): "made safe when it was kept",
    ("pages/ui/shared/picture_steps.py", "model.thing"): "one of two constants",
    ("pages/ui/reconstruction/view.py", "method"): "constants and the way",
    ("pages/ui/reconstruction/view.py", "rebuilt[0].way"): "constants and a seed",
    ("pages/ui/reconstruction/view.py", "rebuilt.way"): "constants and a seed",
    ("pages/ui/reconstruction/view.py", "what"): "one of COLUMNS",
    ("pages/ui/shared/picture.py", "alt"): "safe at the callers, which this test reads",
    ("pages/ui/shared/picture.py", "caption"): "safe at the callers, which this test reads",
    ("pages/ui/models/cards.py", "summary(facts)"): "numbers, and names through markdown_text",
    ("pages/ui/models/cards.py", "three_figures(facts)"): "terms and numbers",
    ("pages/ui/train/moments.py", "words"): "constants and numbers of fixed_images.sheet, made safe word by word",
    ("pages/ui/train/controls.py", "words"): "constants of this file",
    ("pages/ui/generate/arithmetic.py", "letter"): "A, B or C",
    ("pages/ui/generate/arithmetic.py", "above"): "constants of this file",
    ("pages/ui/generate/arithmetic.py", "seen"): "constants of this file",
    ("pages/ui/generate/arithmetic.py", "words"): "constants of this file",
    ("pages/ui/generate/interpolation.py", "words"): "constants of this file",
    ("pages/ui/generate/samples.py", "words"): "numbers, constants, and a class through markdown_text",
    ("pages/ui/generate/samples.py", "name"): "constants of this file, with a number",
    ("pages/ui/generate/samples.py", "distance"): "a number",
    ("pages/ui/generate/samples.py", "side"): "one of the sentences of generate.cache",
    ("pages/ui/train/recipe.py", "_recipe_text(model, training, recipe)"): "numbers, names of settings and of presets",
    ("pages/ui/train/recipe.py", "label"): "constants of this file",
    ("pages/ui/train/recipe.py", "about"): "the help of a field of the configuration",
    ("pages/ui/train/watch.py", "words"): "constants of this file",
    (
        "pages/ui/report/view.py",
        "charts_as_pictures(text)",
    ): "HTML of vae_core.analysis.report, which escapes every name: test_report.py reads it",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


@functools.cache
def tree(path: Path) -> ast.Module:
    module = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(module):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    return module


@functools.cache
def functions() -> dict[str, list[tuple[Path, ast.FunctionDef]]]:
    """Functions of the pages by name; of several of one name all must be safe."""
    found: dict[str, list[tuple[Path, ast.FunctionDef]]] = {}
    for path in PAGES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, []).append((path, node))
    return found


class Judge:
    """Whether an expression of a file is safe where only these helpers make text safe."""

    def __init__(self, path: Path, helpers: set[str], depth: int = 0) -> None:
        self.path, self.helpers, self.depth = path, helpers, depth

    def foreign(self, node: ast.expr) -> Iterator[ast.expr]:
        """The parts of an expression that are not proven safe."""
        if (named(self.path), ast.unparse(node)) in REVIEWED or isinstance(node, ast.Constant):
            return
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                yield from self.foreign(part)
        elif isinstance(node, ast.FormattedValue):
            if not number_format(node):
                yield from self.foreign(node.value)
        elif isinstance(node, ast.IfExp):
            yield from [*self.foreign(node.body), *self.foreign(node.orelse)]
        elif isinstance(node, ast.BoolOp):
            for value in node.values:
                yield from self.foreign(value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod, ast.Mult, ast.Sub, ast.Div)):
            yield from [*self.foreign(node.left), *self.foreign(node.right)]
        elif isinstance(node, (ast.Compare, ast.UnaryOp, ast.Slice)) or shape(node) or constant(node):
            return
        elif isinstance(node, ast.Subscript) and not isinstance(node.value, ast.Attribute):
            yield from self.foreign(node.value)
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            for value in node.elts:
                yield from self.foreign(value.value if isinstance(value, ast.Starred) else value)
        elif isinstance(node, ast.Dict):
            for value in [*node.keys, *node.values]:
                if value is not None:
                    yield from self.foreign(value)
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            yield from self.foreign(node.elt)
        elif isinstance(node, ast.Call):
            yield from self.call(node)
        elif isinstance(node, ast.Name):
            yield from self.name(node)
        else:
            yield node

    def call(self, node: ast.Call) -> Iterator[ast.expr]:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in self.helpers or name in NUMBERS:
            return
        if name == "join" and isinstance(node.func, ast.Attribute):
            yield from [*self.foreign(node.func.value), *self.foreign(node.args[0])]
        elif name in ("replace", "capitalize", "rstrip", "strip", "lower", "upper") and isinstance(
            node.func, ast.Attribute
        ):
            yield from self.foreign(node.func.value)
        elif name in ("map", "list", "tuple", "sorted") and len(node.args) <= 2:
            if not (
                name == "map"
                and ast.unparse(node.args[0]) in ("str", "repr")
                and isinstance(node.args[1], ast.Attribute)
                and node.args[1].attr.endswith("shape")
            ):
                yield from self.foreign(node.args[-1])
        elif name in functions() and self.depth < 6:
            for path, function in functions()[name]:
                if of_numbers(function):
                    continue
                judge = Judge(path, self.helpers, self.depth + 1)
                returned = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
                if not returned or any(True for value in returned for _ in judge.foreign(value)):
                    yield node
                    return
        else:
            yield node

    def name(self, node: ast.Name) -> Iterator[ast.expr]:
        if node.id.isupper():  # a constant of a module
            return
        scope: ast.AST | None = node
        while scope is not None and not isinstance(scope, (ast.FunctionDef, ast.Module)):
            scope = getattr(scope, "parent", None)
        if self.depth > 6 or scope is None:
            yield node
            return
        if isinstance(scope, ast.FunctionDef):
            for argument in [*scope.args.args, *scope.args.kwonlyargs]:
                if argument.arg == node.id:
                    if argument.annotation is None or ast.unparse(argument.annotation) not in NUMERIC:
                        yield node
                    return
        judge, values = Judge(self.path, self.helpers, self.depth + 1), list(assigned(scope, node.id))
        if not values or any(value is None or any(True for _ in judge.foreign(value)) for value in values):
            yield node


def assigned(scope: ast.AST, name: str) -> Iterator[ast.expr | None]:
    """What a name is given in a function; None for what cannot be told, such as the target of a loop over anything."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from unpacked(target, node.value, name)
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)) and getattr(node.target, "id", "") == name:
            yield node.value
        elif isinstance(node, (ast.For, ast.comprehension)):
            yield from looped(node.target, node.iter, name)


def looped(target: ast.expr, over: ast.expr, name: str) -> Iterator[ast.expr | None]:
    if name not in {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}:
        return
    if isinstance(over, (ast.Tuple, ast.List)):
        for item in over.elts:
            yield from unpacked(target, item, name)
    elif (isinstance(over, ast.Call) and getattr(over.func, "id", "") == "range") or (
        isinstance(over, ast.Name) and over.id.isupper()
    ):
        yield ast.Constant(0)
    else:
        yield None


def unpacked(target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.expr | None]:
    if isinstance(target, ast.Name):
        if target.id == name:
            yield value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, part in zip(target.elts, value.elts, strict=True):
            yield from unpacked(one, part, name)
    elif isinstance(target, ast.Tuple) and name in {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}:
        yield ast.Constant(0) if ast.unparse(value).endswith("shape") else None


def constant(node: ast.expr) -> bool:
    """A constant of another module?"""
    return isinstance(node, ast.Attribute) and node.attr.isupper()


def of_numbers(function: ast.FunctionDef) -> bool:
    """A function of numbers alone: what it returns is made of them."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return bool(arguments) and all(a.annotation is not None and ast.unparse(a.annotation) in NUMERIC for a in arguments)


def shape(node: ast.expr) -> bool:
    """A number out of an array's shape?"""
    return (
        isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr.endswith("shape")
    )


def number_format(node: ast.FormattedValue) -> bool:
    """Is it formatted as only numbers can be?"""
    return node.format_spec is not None and ast.unparse(node.format_spec)[-2:-1] in tuple(",dfge%")


@functools.cache
def own_modules(path: Path) -> frozenset[str]:
    """Names under which a file knows modules of this project: their functions may be called like Streamlit's."""
    imports = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom)]
    return frozenset(
        alias.asname or alias.name
        for node in imports
        for alias in node.names
        if (node.module or "").startswith(("pages", "vae_core"))
    )


def sinks(path: Path) -> Iterator[tuple[ast.expr, set[str]]]:
    """What a file gives Streamlit to show, and the helpers that make text safe there."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        method = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) not in own_modules(path) | {
            "pen"
        }
        if method and name in MARKDOWN and name != "progress" and node.args:
            yield node.args[0], MARKDOWN_HELPERS
        if method and name == "progress" and len(node.args) > 1:
            yield node.args[1], MARKDOWN_HELPERS
        if method and name == "download_button" and len(node.args) > 2:
            yield node.args[2], {"file_text"}
        if name == "deletion_control":
            yield node.args[1], MARKDOWN_HELPERS
        if method and name in HTML and node.args:
            yield node.args[0], HTML_HELPERS
        if name in PLAIN and f"import {name}" in ast.unparse(tree(path)).replace(", ", " import "):
            for argument in node.args[PLAIN[name]]:
                yield argument, PLAIN_HELPERS
        for keyword in node.keywords:
            if keyword.arg in OF_ALL and (method or name == "picture"):
                yield keyword.value, MARKDOWN_HELPERS
            elif keyword.arg in ALT:
                yield keyword.value, PLAIN_HELPERS


def offenders(path: Path) -> Iterator[tuple[ast.expr, set[str]]]:
    """What a file shows as it came, and the helpers that would make it safe."""
    for sink, helpers in sinks(path):
        for part in Judge(path, helpers).foreign(sink):
            yield part, helpers


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_what_is_shown_is_safe(path: Path) -> None:
    wrong = [
        f"{named(path)}:{part.lineno}: {ast.unparse(part)} is shown as it came. Wrap it in {' or '.join(sorted(helpers))} of "
        "pages.ui.formatting; give a number a format such as :d; or add it to REVIEWED of this test with the reason."
        for part, helpers in offenders(path)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_reviewed_list_holds_no_more_than_is_needed() -> None:
    pages = {named(path): path for path in PAGES}
    for file, source in REVIEWED:
        assert source in {ast.unparse(node) for node in ast.walk(tree(pages[file])) if isinstance(node, ast.expr)}, (
            source
        )


@pytest.mark.parametrize(
    "line",
    [
        "st.caption(f'Run {run.name}')",
        "st.error(str(error))",
        "slot.warning('Not here: ' + name)",
        "st.markdown('%s is here' % name)",
        "st.markdown('{} is here'.format(name))",
        "words = f'{run.name}'; st.caption(words)",
        "st.table({'A': [model.name]})",
        "st.button(label=run.name)",
        "st.tabs([run.name])",
        "st.toggle('x', help=run.note)",
        "st.caption(plain_text(name))",
        "st.html(f'<b>{markdown_text(name)}</b>')",
        "picture(image, alt=run.name)",
        "st.caption(f'{run.name:>10}')",
    ],
)
def test_the_rule_finds(line: str, tmp_path: Path) -> None:
    assert list(offenders(written(tmp_path, line)))


@pytest.mark.parametrize(
    "line",
    [
        "st.caption(f'Run {markdown_text(run.name)}')",
        "st.caption(f'{n:,} of {len(rows)} at {x:.2f} in {image.shape[0]}')",
        "words = 'a' if n else f'{markdown_text(name)}'; st.caption(words)",
        "st.table({'A': [markdown_text(row) for row in rows]})",
        "st.download_button('Get', data, f'{file_text(name)}.csv')",
    ],
)
def test_the_rule_lets_through(line: str, tmp_path: Path) -> None:
    assert not list(offenders(written(tmp_path, line)))


def written(folder: Path, line: str) -> Path:
    path = folder / "page.py"
    path.write_text(f"def main(run, model, error, name, rows, n, x, image, data):\n    {line}\n", encoding="utf-8")
    return path
