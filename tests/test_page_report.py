"""The page Report without a browser: shipped models, every other kind, its controls, what is missing and what to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_testing import garment, problems, words
from own_models import own_run, own_zip
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.shared import measuring as page_measuring
from vae_core.analysis.report import figures
from vae_core.analysis.report.measure import measure
from vae_core.checkpoints import measurements, publish, store
from vae_core.config import ModelConfig
from vae_core.datasets import loading
from vae_core.datasets.dataset import Dataset
from vae_core.jobs.measuring import Measurements, measuring_command

PAGE = "pages/report.py"
SHIPPED = Path(__file__).parent.parent / "checkpoints"
pytestmark = pytest.mark.usefixtures("only_drawn_clothes")


def html(at: AppTest) -> str:
    """All that the page shows as HTML, without its styles."""
    return "\n".join(element.proto.body for element in at.get("html") if "<style" not in element.proto.body)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of one, two and five units and one of colour, with figures as of the data they claim to be of."""
    root = tmp_path_factory.mktemp("measured")
    for name, units, shape in (
        ("fashion-2d", 2, (28, 28, 1)),
        ("one", 1, (28, 28, 1)),
        ("five", 5, (28, 28, 1)),
        ("colour", 2, (64, 64, 3)),
    ):
        folder = save_checkpoint(root / name, ModelConfig("classic", units, shape))
        rng = np.random.default_rng(0)
        arrays: dict[str, Any] = {
            split: (rng.integers(0, 256, (20, *shape), np.uint8), (np.arange(20) % 2).astype(np.uint8))
            for split in ("train", "validation", "test")
        }
        sizes = {split: 20 for split in arrays}
        data = Dataset("noise", "", "0" * 64, ("a", "b"), shape, sizes, lambda split, known=arrays: known)
        known = measure(store.load(folder).engine(), data, most_samples=2, limit=6)
        measurements.save(folder, "report", figures.to_dict(known), "0" * 64)
    return root


def test_a_shipped_model_opens_at_once_with_the_result_first(show: Callable[..., AppTest]) -> None:
    at = show(SHIPPED, model="fashion-2d")
    said = words(at)
    assert "fashion-2d needs 253.6 nats for a test image" in said and "5.4 (96%) are the encoder's" in said
    assert "Healthy" in said
    assert [header.value for header in at.header][:3] == [
        "What is a good loss?",
        "Where the nats go",
        "One picture: where it may lie",
    ]
    drawn = html(at)
    assert "1,024 fixed pictures" in drawn and "247.83" in drawn and 'class="chart"' in drawn
    assert "<svg" not in drawn
    # Drawn clothes stand in for the real ones, which are no examples of it.
    assert "not on this machine" in drawn
    assert at.get("download_button")


def test_another_picture_has_another_posterior(show: Callable[..., AppTest], measured: Path) -> None:
    at = show(measured, model="fashion-2d")
    first = words(at)
    assert "the best diagonal Gaussian" in first and "from z_mean" in first
    at.file_uploader(key="upload").upload("mine.png", garment(), "image/png").run()
    assert "Your picture" in words(at)
    sentence = [line for line in words(at).splitlines() if line.startswith("Exact")]
    assert sentence and sentence[0] not in first


def test_two_models_beside_each_other(show: Callable[..., AppTest], measured: Path) -> None:
    save_checkpoint(measured / "unmeasured", ModelConfig("classic", 2), seed=5)
    at = show(measured, model="fashion-2d")
    options = at.selectbox(key="report_against").options
    assert options[0] == "no other model" and not any(option.startswith("fashion-2d") for option in options)
    chosen = {option.split()[0].rstrip(","): i for i, option in enumerate(options)}
    at.selectbox(key="report_against").select_index(chosen["five"]).run()
    assert at.header[0].value == "fashion-2d against five"
    assert "does not compare: 2 and 5 units" in html(at).replace("  ", " ")
    at.selectbox(key="report_against").select_index(chosen["unmeasured"]).run()
    assert any("has not been measured for a report" in text for text in problems(at))


@pytest.mark.parametrize("model", ["one", "five", "colour"])
def test_every_kind_of_model(show: Callable[..., AppTest], measured: Path, model: str) -> None:
    at = show(measured, model=model)
    assert f"{model} needs" in words(at)
    assert "Sum or mean: the scale of the loss" in [header.value for header in at.header]
    assert ("One picture: where it may lie" in [header.value for header in at.header]) == (model != "five")
    assert ("too many for a decoder as large as this model's" in words(at)) == (model == "colour")
    if model == "five":
        assert "this model has 5" in html(at)


def test_a_model_without_codes(show: Callable[..., AppTest], measured: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(measured / "fashion-2d", tmp_path / "bare")
    (tmp_path / "bare" / "latents.npz").unlink()
    at = show(tmp_path, model="bare")
    said = words(at) + html(at)
    assert "are not kept with this model" in said or "latents.npz" in said


def test_what_is_missing_is_said(show: Callable[..., AppTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no model to show yet" in words(show(tmp_path / "none"))
    save_checkpoint(tmp_path / "models" / "mine", ModelConfig("classic", 2))
    at = show(tmp_path / "models", model="mine")
    assert "What its nats are made of has not been measured" in words(at) and "stand in for them" in words(at)
    (tmp_path / "models" / "mine" / "report.json").write_text('{"version": 1')
    assert "has not been measured" in words(show(tmp_path / "models", model="mine"))
    own_run(tmp_path / "runs" / "run", own_zip(tmp_path / "mine.zip", n=3))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    assert "keep it as a model on the page Train" in words(show(tmp_path / "no-models"))


def test_measure_now_shows_its_progress_and_ends_with_the_report(
    show: Callable[..., AppTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = own_run(tmp_path / "runs" / "mine", own_zip(tmp_path / "mine.zip", n=30))
    folder = tmp_path / "models" / "mine"
    publish.publish(run, folder, loading.load(tmp_path / "mine.zip"), data=str(tmp_path / "mine.zip"))
    code = "import sys, time; print('40 of 100', file=sys.stderr, flush=True); time.sleep(60)"
    jobs = Measurements(lambda folder, use: [sys.executable, "-c", code])
    monkeypatch.setattr(page_measuring, "MEASURING", jobs)
    at = show(tmp_path / "models")
    assert "It takes a minute or two" in words(at)
    at.button(key="measure_report").click().run()
    measurement = jobs.get(folder, "report")
    assert measurement is not None
    until(lambda: measurement.share == 0.4)
    at.run()
    at.button(key="stop_report").click().run()
    until(lambda: measurement.state == "stopped" and not measurement.in_progress)
    at.run()
    jobs._command = lambda folder, use: [*measuring_command(folder, use), "--iwae", "2"]
    at.button(key="measure_report").click().run()
    until(lambda: jobs.get(folder, "report").state in ("done", "failed"), 240)  # type: ignore[union-attr]
    at.run()
    assert "mine needs" in words(at), problems(at)
    assert "base64" in html(at)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
