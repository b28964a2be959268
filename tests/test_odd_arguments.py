"""Empty and odd arguments: refused with a sentence, or obeyed; never half of each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from tiny_models import save_checkpoint
from tiny_runs import MODEL, save_npz

from vae_core.cli.arguments import name, number, png, whole
from vae_core.cli.main import build_parser, main
from vae_core.config import ModelConfig
from vae_core.datasets import loading
from vae_core.storage.errors import DataError

NAMES = {"model": "m", "run": "r", "folder": "f"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("models") / "mine", MODEL)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_npz(tmp_path_factory.mktemp("data") / "squares.npz")


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Exit code and last line of what a command says of an error; nothing in it is ours alone to understand."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as end:
        code = int(end.code or 0)
    error = capsys.readouterr().err.strip()
    assert ".tmp" not in error and " at 0x" not in error and "Traceback" not in error
    return code, error.splitlines()[-1] if error else ""


def named_options() -> list[tuple[str, list[str]]]:
    """Each command with each of its paths and names left empty, everything that is required given."""
    cases = []
    commands = next(action for action in build_parser()._actions if action.dest == "command").choices
    for command, parser in commands.items():  # type: ignore[union-attr]
        required = [a for a in parser._actions if a.required]
        for action in parser._actions:
            if action.type is not name and action.type is not png:
                continue
            words = [command]
            for other in required:
                if other is not action:
                    value = NAMES.get(other.dest) or (next(iter(other.choices)) if other.choices else "x")
                    words += [*other.option_strings[:1], value]
            cases.append((f"{command} {action.dest}", [*words, *action.option_strings[:1]]))
    return cases


@pytest.mark.parametrize("empty", ["", " ", "two\nlines", "tab\there", "bell\a", "line\u2028separator"])
@pytest.mark.parametrize("words", [words for _, words in named_options()], ids=[case for case, _ in named_options()])
def test_no_name_is_empty_or_has_line_breaks(words: list[str], empty: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, error = answer(capsys, *words, empty)
    assert code == 2 and ("the name is empty" in error or "a name has no line breaks" in error), error


def test_every_text_is_read_as_a_name() -> None:
    """A new flag that takes any text is not forgotten."""
    commands = next(action for action in build_parser()._actions if action.dest == "command").choices
    for command, parser in commands.items():  # type: ignore[union-attr]
        for action in parser._actions:
            takes_text = action.nargs != 0 and action.choices is None and action.type in (None, str)
            assert not takes_text, (command, action.dest)


@pytest.mark.parametrize(
    "words",
    [
        *(["train", "--run-dir", "r", "--checkpoint-seconds", value] for value in ("nan", "-1", "inf", "1e9", "soon")),
        *(["resume", "r", "--checkpoint-seconds", value] for value in ("nan", "-inf")),
        *(["evaluate", "m", "--iwae", value] for value in ("1000000000", "-1", "1.5", "9" * 5000)),
        *(["evaluate", "m", "-n", value] for value in ("0", "-1", "1e3")),
        *(["generate", "m", "-n", value] for value in ("0", "-1", "1000000000")),
        *([command, "m", "--seed", "-1"] for command in ("evaluate", "generate")),
        *(["heatmap", "m", "--alpha", value] for value in ("nan", "2", "-0.1")),
        ["heatmap", "m", "--channel", "-1"],
        ["heatmap", "m", "--index", "-1"],
        ["keep", "r", "f", "--snapshots", "-1"],
        *([command, "m", "--output", "x.jpg"] for command in ("generate", "heatmap", "reconstruct")),
        *([command, "m", "--output", "folder/"] for command in ("generate", "heatmap", "reconstruct")),
        ["runs", "--pause", "a", "--stop", "b"],
        *(["train", "--run-dir", "r", *flags] for flags in (["--epochs", "0"], ["--learning-rate", "nan"])),
        *(
            ["train", "--run-dir", "r", *flags]
            for flags in (["--seed", "-1"], ["--batch-size", "0"], ["--beta", "inf"])
        ),
        *(["train", "--run-dir", "r", *flags] for flags in (["--images", "-1"], ["--image-shape", "0x0x0"])),
    ],
    ids=lambda words: " ".join(words)[:60],
)
def test_refused_before_anything_is_looked_for(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, error = answer(capsys, *words)
    assert code == 2 and "error: " in error, error
    assert list(tmp_path.iterdir()) == []


def test_an_empty_data_set_is_not_the_current_folder() -> None:
    with pytest.raises(DataError, match="name is empty"):
        loading.load("")


def test_a_folder_that_is_missing_is_told(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "missing" / "x.PNG"
    code, error = answer(capsys, "generate", model, "-n", "4", "--output", output)
    assert code == 2 and f"there is no folder {output.parent}. Make it" in error
    output.parent.mkdir()
    assert answer(capsys, "generate", model, "-n", "4", "--output", output)[0] == 0
    with Image.open(output) as image:
        assert image.format == "PNG"


def test_an_output_that_cannot_be(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder.png").mkdir()
    code, error = answer(capsys, "generate", model, "-n", "4", "--output", tmp_path / "folder.png")
    assert code == 2 and "is a folder" in error
    (tmp_path / "file").touch()
    code, error = answer(capsys, "generate", model, "-n", "4", "--output", tmp_path / "file" / "x.png")
    assert code == 2 and str(tmp_path / "file") in error


def test_pictures_and_images_are_not_mixed(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "x.png"
    Image.new("L", (16, 16), 200).save(picture)
    for command in ("heatmap", "reconstruct"):
        for flags in (["--index", "0"], ["--data", "drawn"]):
            code, error = answer(capsys, command, model, "--picture", picture, *flags, "--output", tmp_path / "o.png")
            assert code == 2 and "--picture stands alone" in error
    for flags in (["--picture", picture, picture], ["--index", "0", "1"]):
        code, error = answer(capsys, "heatmap", model, *flags, "--output", tmp_path / "o.png")
        assert code == 2 and "one picture at a time" in error
    assert not (tmp_path / "o.png").exists()


@pytest.mark.skipif(os.name != "posix", reason="devices and pipes of POSIX")
@pytest.mark.parametrize("command", ["heatmap", "reconstruct"])
def test_a_picture_is_a_regular_file(
    command: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for odd in ("/dev/zero", tmp_path / "pipe.png", tmp_path):
        code, error = answer(capsys, command, model, "--picture", odd, "--output", tmp_path / "o.png")
        assert code == 2 and f"{odd} is no regular file" in error
    code, error = answer(capsys, command, model, "--picture", tmp_path / "none.png", "--output", tmp_path / "o.png")
    assert code == 2 and "does not exist" in error


def test_more_images_than_there_are(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, error = answer(capsys, "evaluate", model, "--data", data, "-n", "1000000000")
    assert code == 2 and "-n must be in 1.." in error


def test_a_mosaic_is_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = save_checkpoint(tmp_path / "large", ModelConfig("classic", 2, (256, 256, 3)), codes=10)
    code, error = answer(capsys, "generate", large, "-n", "10000", "--output", tmp_path / "o.png")
    assert code == 2 and "too many for one PNG" in error
    assert answer(capsys, "generate", large, "-n", "200", "--output", tmp_path / "o.png")[0] == 0
    with Image.open(tmp_path / "o.png") as image:
        assert image.width < 256 * 20  # not enlarged


def test_what_is_good_is_taken() -> None:
    assert name(" a name × ") == " a name × " and png("A.PNG") == "A.PNG"
    assert whole(0, 3)("3") == 3 and number(0, 1)("1e-3") == 1e-3
