"""The page Applications without a browser: each use on every kind of picture and model, its controls and its figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from app_testing import garment, problems, words
from own_models import own_run, own_zip
from streamlit.testing.v1 import AppTest
from tiny_models import save_checkpoint

from pages.ui.shared import measuring as page_measuring
from vae_core.analysis.applications import anomalies, clustering, compression, denoising
from vae_core.analysis.applications.code_archive import pack, quantise
from vae_core.analysis.applications.statistics import Interval
from vae_core.checkpoints import measurements, publish, store
from vae_core.config import ModelConfig
from vae_core.datasets import loading
from vae_core.datasets.drawn import wardrobe
from vae_core.datasets.drawn.digits import draw_digits
from vae_core.jobs.measuring import Measurements

PAGE = "pages/applications.py"
pytestmark = pytest.mark.usefixtures("only_drawn_clothes")
USES = ("Compression", "Denoising", "Anomalies", "Unsupervised learning")


def use(at: AppTest, name: str) -> AppTest:
    at.segmented_control(key="use").set_value(name).run()
    return at


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One unit, two, a Gaussian likelihood, and colour. Read only."""
    folder = tmp_path_factory.mktemp("models")
    save_checkpoint(folder / "fashion-2d", ModelConfig("classic", 2))
    save_checkpoint(folder / "one", ModelConfig("classic", 1))
    save_checkpoint(folder / "gaussian", ModelConfig("classic", 2, likelihood="gaussian"), seed=2)
    save_checkpoint(folder / "colour", ModelConfig("classic", 2, (64, 64, 3)))
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with measured figures, as of the drawn clothes that it claims to be of."""
    root = tmp_path_factory.mktemp("measured")
    folder = save_checkpoint(root / "fashion-2d", ModelConfig("classic", 2))
    engine, pixels = store.load(folder).engine(), loading.load("drawn").pixels("test")[:6]
    measurements.save(folder, "compression", compression.to_dict(compression.measure(engine, pixels, pixels)), "0" * 64)
    measurements.save(folder, "denoising", denoising.to_dict(denoising.measure(engine, pixels, pixels)), "0" * 64)
    others = {"drawn digits": draw_digits(6)}
    figures = anomalies.measure(engine, pixels, pixels, np.arange(6) % 2, others)
    blank = replace(figures.sets[-1], auroc={name: Interval(0.2, 0.1, 0.4) for name in figures.normal})
    fine = [replace(odd, auroc={name: Interval(0.9, 0.8, 1.0) for name in figures.normal}) for odd in figures.sets[:-1]]
    figures = replace(figures, sets=[*fine, blank])
    measurements.save(folder, "anomalies", anomalies.to_dict(figures), "0" * 64)
    pixels, labels = wardrobe.draw(70)
    clusters = clustering.measure(engine, pixels[:40], labels[:40], pixels[40:], labels[40:], sizes=(2, 4))
    measurements.save(folder, "clustering", clustering.to_dict(clusters), "0" * 64)
    return root


# --- every kind of model --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("model", ["fashion-2d", "one", "gaussian", "colour"])
def test_every_use_of_every_kind_of_model(show: Callable[..., AppTest], models: Path, model: str, name: str) -> None:
    at = use(show(models, model=model), name)
    assert "not been measured for this model" in words(at)
    assert "stand in for them" in words(at) or "are not here" in words(at)
    at.file_uploader(key="upload").upload("mine.png", garment(), "image/png").run()
    assert "measured for this model" in words(at)
    assert not at.exception


def test_without_a_model(show: Callable[..., AppTest], tmp_path: Path) -> None:
    assert "no model to show yet" in words(show(tmp_path))


def test_a_run_is_to_be_kept_first(
    show: Callable[..., AppTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_run(tmp_path / "runs" / "mine", own_zip(tmp_path / "mine.zip", n=3))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    at = show(tmp_path / "models")
    for name in USES:
        assert "keep it as a model on the page Train" in words(use(at, name))


# --- measuring ------------------------------------------------------------------------------------------------------


def test_measure_now(show: Callable[..., AppTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The button starts one process, which is followed to its end and can be stopped; what fails is said."""
    run = own_run(tmp_path / "runs" / "mine", own_zip(tmp_path / "mine.zip", n=30))
    publish.publish(
        run, tmp_path / "models" / "mine", loading.load(tmp_path / "mine.zip"), data=str(tmp_path / "mine.zip")
    )
    code = "import sys, time; print('1 of 4', file=sys.stderr, flush=True); time.sleep(60)"
    jobs = Measurements(lambda folder, use: [sys.executable, "-c", code])
    monkeypatch.setattr(page_measuring, "MEASURING", jobs)
    at = show(tmp_path / "models")
    at.button(key="measure_compression").click().run()
    measurement = jobs.get(tmp_path / "models" / "mine", "compression")
    assert measurement is not None
    until(lambda: measurement.share > 0)
    at.run()
    assert at.button(key="stop_compression")
    at.button(key="stop_compression").click().run()
    until(lambda: not measurement.in_progress and measurement.state == "stopped")
    at.run()
    jobs._command = lambda folder, use: [sys.executable, "-c", "raise SystemExit('error: no room *left*')"]
    at.button(key="measure_compression").click().run()
    until(lambda: not jobs.get(tmp_path / "models" / "mine", "compression").in_progress)
    at.run()
    assert "It could not be measured: no room *left*" in words(at)


def until(happens: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.05)


# --- compression ----------------------------------------------------------------------------------------------------


def test_compression(show: Callable[..., AppTest], measured: Path) -> None:
    at = show(measured)
    assert len(at.image) == 1 + 3 and problems(at) == [] and len(at.get("plotly_chart")) == 1
    rows = {row[0]: row[1:] for row in at.table[0].value.to_numpy().tolist()}
    assert list(rows) == ["File of codes", "PNG", "WebP lossless", "zlib", "JPEG", "WebP"]
    assert rows["PNG"][1:] == ["lossless", "1"]
    assert "bits of codes bring this picture back" in words(at) and "the first 6 images, means" in words(at)
    at.select_slider(key="compress_precision").set_value(0.25).run()
    fine = bits(at)
    at.select_slider(key="compress_precision").set_value(8.0).run()
    assert bits(at) < fine
    at.segmented_control(key="compress_axis").set_value("MSE").run()
    assert "(MSE: down)" in words(at)


def test_a_file_of_codes_is_opened_again(show: Callable[..., AppTest], measured: Path) -> None:
    engine = store.load(measured / "fashion-2d").engine()
    codes = np.random.default_rng(0).normal(size=(70, 2)).astype(np.float32)
    data = pack(quantise(codes, np.full_like(codes, -4)), engine)
    at = show(measured)
    at.file_uploader(key="compress_open").upload("codes.vaez", data, "application/octet-stream").run()
    assert f"**70 pictures** in {len(data):,} bytes" in words(at) and "The first 64 are shown." in words(at)
    assert len(at.image) == 1 + 3 + 1 and problems(at) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-5] + b"?" + data[-4:], "is damaged: its checksum is wrong"),
        (lambda data: b"no codes at all, but some text", "is no file of codes"),
    ],
)
def test_a_file_of_codes_that_cannot_be_read_is_refused(
    show: Callable[..., AppTest], measured: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    engine = store.load(measured / "fashion-2d").engine()
    data = pack(quantise(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)), engine)
    at = show(measured)
    at.file_uploader(key="compress_open").upload("*a*.vaez", damage(data), "application/octet-stream").run()
    assert not at.exception and said in at.error[0].value and "\\*a\\*.vaez" in at.error[0].value
    assert len(at.image) == 1 + 3


def test_a_file_of_codes_of_another_model_is_refused(show: Callable[..., AppTest], models: Path) -> None:
    other = store.load(models / "one").engine()
    data = pack(quantise(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32)), other)
    at = show(models)
    at.file_uploader(key="compress_open").upload("one.vaez", data, "application/octet-stream").run()
    assert "was written with another model, of 1 latent units" in at.error[0].value


def bits(at: AppTest) -> float:
    """What the page says that the codes take."""
    return float(words(at).split(" bits of codes")[0].split()[-1].lstrip("*"))


def test_a_point_is_its_own_code(show: Callable[..., AppTest], measured: Path) -> None:
    assert "A decoded point is its own code" in words(show(measured, latent="0.5,1"))


# --- denoising ------------------------------------------------------------------------------------------------------


def test_denoising(show: Callable[..., AppTest], measured: Path) -> None:
    at = use(show(measured), "Denoising")
    assert len(at.image) == 1 + 7 and problems(at) == [] and len(at.get("plotly_chart")) == 1
    said = words(at)
    assert "comes nearer than the VAE, by" in said  # it draws noise
    assert "of strength 0.2, the measured one nearest to the slider's" in said
    at.slider(key="denoise_strength").set_value(0.5).run()
    assert "of strength 0.4, the measured one" in words(at)
    before = [element.value for element in at.caption]
    at.button(key="denoise_again").click().run()
    at.segmented_control(key="denoise_kind").set_value(denoising.PATCH).run()
    assert "blanked patch of strength 0.5" in words(at) and [element.value for element in at.caption] != before
    at.segmented_control(key="denoise_axis").set_value("SSIM").run()
    assert not at.exception


def test_who_wins_is_said() -> None:
    from pages.ui.applications.denoising import verdict

    psnr = dict.fromkeys(denoising.METHODS, 20.0)
    assert verdict({**psnr, "median": 22.0}) == "The median filter comes nearer than the VAE, by 2 dB."
    assert verdict({**psnr, denoising.NOISY: 23.5}) == "The noisy picture itself comes nearer than the VAE, by 3.5 dB."
    assert (
        verdict({**psnr, denoising.VAE: 21.0, "median": 20.5})
        == "The VAE comes nearest, 0.5 dB before the median filter."
    )
    assert np.isfinite(list(psnr.values())).all()


# --- anomalies ------------------------------------------------------------------------------------------------------


def test_anomalies(show: Callable[..., AppTest], measured: Path) -> None:
    at = use(show(measured), "Anomalies")
    assert len(at.image) == 1 + 4 and len(at.get("plotly_chart")) == 1 and problems(at) == []
    said = words(at)
    assert "of 3 ordinary test images are as odd" in said
    assert (
        "The trap: this model's likelihood finds “drawn digits” more likely than what it was trained on (AUROC of −ELBO 0.20"
        in said
    )
    assert "1,000 bootstrap resamples" in said
    rows = at.table[0].value.to_numpy().tolist()
    assert [row[0] for row in rows] == list(anomalies.SCORES) and all(0 < float(row[2]) <= 1 for row in rows)
    at.selectbox(key="anomaly_set").set_value("inverted").run()
    at.selectbox(key="anomaly_score").set_value(anomalies.KL).run()
    assert "**KL " in words(at).replace("\\", "") and "“inverted” scores above" in words(at)
    at.slider(key="anomaly_alarms").set_value(50).run()
    confusion = at.table[1].value.to_numpy().tolist()
    assert int(confusion[0][1]) + int(confusion[0][2]) == 3 and confusion[1][1] == "1"
    at.segmented_control(key="anomaly_chart").set_value("ROC curve").run()
    assert not at.exception and len(at.get("plotly_chart")) == 1


def test_an_upload_has_a_p_value(show: Callable[..., AppTest], measured: Path) -> None:
    at = use(show(measured), "Anomalies")
    at.file_uploader(key="upload").upload("mine.png", garment(), "image/png").run()
    assert "of 3 ordinary test images are as odd" in words(at)
    at = use(show(measured, image="1"), "Anomalies")  # one of the ordinary ones
    assert not at.exception


# --- unsupervised learning ------------------------------------------------------------------------------------------


def test_clusters(show: Callable[..., AppTest], measured: Path) -> None:
    at = use(show(measured), "Unsupervised learning")
    assert problems(at) == [] and len(at.get("plotly_chart")) == 2
    said = words(at)
    assert "adjusted Rand index" in said and "labels of 30 test images" in said
    assert "This picture is in cluster" in said
    assert len(at.image) in (
        10,
        11,
    )  # as many as classes, as far as any test image is in them; and the picture in the line
    at.segmented_control(key="cluster_which").set_value(2).run()
    assert len(at.image) in (3, 5) and not at.exception
    at.file_uploader(key="upload").upload("mine.png", garment(), "image/png").run()
    assert "This picture is in cluster" in words(at)
    rows = at.table[0].value.to_numpy().tolist()
    assert [row[0] for row in rows] == ["codes", "codes", "codes", "PCA codes", "pixels"]
