"""Folders and environment variables: the app and the command line look in the same places."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_models import save_checkpoint
from tiny_runs import MODEL

from vae_core import settings
from vae_core.checkpoints.registry import list_models
from vae_core.cli.common import model_path, named_model, run_path
from vae_core.cli.main import main
from vae_core.runs.directory import Run


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a folder of models and one of runs, both named by variables with `~`; the current folder is another."""
    save_checkpoint(tmp_path / "models" / "mine", MODEL)
    (tmp_path / "trained" / "demo").mkdir(parents=True)
    Run(tmp_path / "trained" / "demo").write_status("finished", step=3)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", "~/models")
    monkeypatch.setenv("VAE_EXPLORER_RUNS", "~/trained")
    return tmp_path


def test_the_app_looks_in_the_named_folders(named: Path) -> None:
    assert [entry.path for entry in list_models()] == [named / "models" / "mine"]
    assert settings.runs_folder() == named / "trained"


def test_the_command_line_looks_in_the_named_folders(named: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert "mine" in capsys.readouterr().out
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.startswith("demo")


@pytest.mark.parametrize("name", ["mine", "checkpoints/mine", "~/models/mine", "../models/mine"])
def test_a_model_is_found_by_its_name_or_path(name: str, named: Path) -> None:
    assert model_path(name).resolve() == named / "models" / "mine"


@pytest.mark.parametrize("name", ["demo", "runs/demo", "~/trained/demo", "../trained/demo"])
def test_a_run_is_found_by_its_name_or_path(name: str, named: Path) -> None:
    assert model_path(name).resolve() == named / "trained" / "demo"
    assert run_path(name, None).resolve() == named / "trained" / "demo"


def test_a_path_comes_before_a_name(named: Path) -> None:
    folder = named / "elsewhere" / "demo"
    folder.mkdir()
    assert model_path("demo") == named / "trained" / "demo"  # an empty folder is no model
    Run(folder).write_status("finished")
    assert model_path("demo").resolve() == folder


def test_a_name_that_is_nowhere_stays_as_it_was_written(named: Path) -> None:
    assert model_path("nothing") == Path("nothing")
    assert run_path("nothing", Path("runs")) == Path("runs/nothing")


def test_an_empty_variable_counts_as_not_set(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", "")
    monkeypatch.setenv("VAE_EXPLORER_RUNS", "")
    assert settings.checkpoints_folder() == settings.ROOT / "checkpoints"
    assert settings.runs_folder() == settings.ROOT / "runs"
    assert settings.command_line_runs() == Path("runs")
    assert settings.command_line_models() == [settings.SHIPPED]
    (named / "elsewhere" / "checkpoints").mkdir()
    assert settings.command_line_models() == [Path("checkpoints"), settings.SHIPPED]


def test_a_tilde_for_nobody_is_a_folder_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS", "~nobody-at-all/runs")
    assert settings.runs_folder() == Path("~nobody-at-all/runs")


@pytest.mark.parametrize("text", ["0", "-3", "many", "1.5", "9" * 30, "٣", "nan"])
def test_a_limit_that_cannot_be_used_is_named_and_its_default_holds(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_UPLOAD_MB", text)
    assert settings.UPLOAD_MB.value() == 400
    (problem,) = settings.problems()
    assert problem.startswith("VAE_EXPLORER_UPLOAD_MB should be a whole number from 1 to") and "400 is used" in problem


@pytest.mark.parametrize(("text", "value"), [("", 400), (" 12 ", 12), ("007", 7)])
def test_a_limit_that_is_set_holds(text: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_UPLOAD_MB", text)
    assert settings.UPLOAD_MB.value() == value
    assert not settings.problems()


@pytest.mark.parametrize(
    ("started", "in_checkout", "expected"),
    [
        ("/usr/local/bin/vae-explorer", False, "vae-explorer"),
        (r"C:\venv\Scripts\vae-explorer.exe" if os.name == "nt" else "/venv/bin/vae-explorer", True, "vae-explorer"),
        ("/site-packages/vae_core/__main__.py", False, "python -m vae_core"),
        ("/checkout/vae_core/__main__.py", True, "python -m vae_core"),
        ("/site-packages/streamlit/__main__.py", False, "vae-explorer"),  # the app of an installed package
        ("/site-packages/streamlit/__main__.py", True, "python -m vae_core"),
        ("-c", True, "python -m vae_core"),
    ],
)
def test_printed_commands_bear_the_name_that_can_be_typed(started: str, in_checkout: bool, expected: str) -> None:
    assert settings.program_name(started, in_checkout) == expected


def test_a_root_that_is_given_is_the_only_place(named: Path, tmp_path: Path) -> None:
    """`runs --root elsewhere --delete demo` must not find another folder's demo."""
    assert run_path("demo", tmp_path / "elsewhere") == tmp_path / "elsewhere" / "demo"
    assert run_path("runs/demo", tmp_path / "elsewhere") == Path("runs/demo")  # a path is that path


def test_a_model_to_be_deleted_is_the_one_that_was_named(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (second / "mine").mkdir(parents=True)
    assert named_model("mine", [first, second]) == second / "mine"
    assert named_model("runs/mine", [first, second]) == Path("runs/mine")
    assert named_model("nowhere", [first, second]) == first / "nowhere"
