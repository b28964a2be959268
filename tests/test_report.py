"""A model's report: its figures, its parts, the HTML file, the comparison, the command, and what the shipped models come with."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from linear_gaussian import LinearGaussian
from tiny_models import save_checkpoint

from vae_core.analysis.report import baselines, comparison, drawing, figures, one_picture, scale
from vae_core.analysis.report.document import document, sections
from vae_core.analysis.report.loss_sections import headline
from vae_core.analysis.report.magnification import magnification_at
from vae_core.analysis.report.measure import measure
from vae_core.analysis.standing import BASELINES
from vae_core.analysis.verdicts import Verdict
from vae_core.checkpoints import measurements, report_contents, store
from vae_core.cli.main import main
from vae_core.config import ModelConfig
from vae_core.datasets import loading
from vae_core.datasets.dataset import Dataset
from vae_core.datasets.drawn import wardrobe

SHIPPED = Path(__file__).parent.parent / "checkpoints"
HOSTILE = '<img src=x onerror=alert(1)> & "co"'
KINDS: dict[str, dict[str, Any]] = {
    "two": {"latent_dim": 2},
    "one": {"latent_dim": 1},
    "five": {"latent_dim": 5},
    "gaussian": {"latent_dim": 2, "likelihood": "gaussian"},
    "colour": {"latent_dim": 3, "image_shape": (64, 64, 3)},
}


def data_of(shape: tuple[int, int, int], validation: int = 10) -> Dataset:
    """A few drawn clothes, in another shape as noise, in three splits."""
    sizes = {"train": 30, "validation": validation, "test": 20}
    rng = np.random.default_rng(0)

    def read(split: str) -> dict[str, Any]:
        n = sizes[split]
        if shape == (28, 28, 1):
            pixels, labels = wardrobe.draw(n)
        else:
            pixels, labels = rng.integers(0, 256, (n, *shape), np.uint8), (np.arange(n) % 3).astype(np.uint8)
        return {split: (pixels, labels)}

    classes = tuple(f"class {i}" for i in range(10))
    return Dataset("a few", "drawn by a test", "c" * 64, classes, shape, sizes, read)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[store.Checkpoint, figures.ReportFigures]]:
    """Each kind of model with the figures of its report."""
    root, known = tmp_path_factory.mktemp("models"), {}
    for name, fields in KINDS.items():
        checkpoint = store.load(save_checkpoint(root / name, ModelConfig("classic", **fields)))
        data = data_of(checkpoint.network.image_shape)
        known[name] = (checkpoint, measure(checkpoint.engine(), data, most_samples=10, limit=12))
    return known


def contents_of(
    measured: dict[str, tuple[store.Checkpoint, figures.ReportFigures]], name: str, pictures: bool = True
) -> report_contents.ReportContents:
    checkpoint, known = measured[name]
    pixels = data_of(checkpoint.network.image_shape).pixels("test") if pictures else None
    return report_contents.gather(checkpoint, checkpoint.engine(), known, pixels)


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_figures_say_on_what_they_were_measured(measured: Any) -> None:
    _, known = measured["two"]
    assert [(loss.split, loss.n) for loss in known.losses] == [("train", 12), ("validation", 10), ("test", 12)]
    for loss in known.losses:
        assert loss.floor is not None and loss.reconstruction_loss.value > loss.floor
        assert loss.negative_elbo.value == pytest.approx(loss.reconstruction_loss.value + loss.kl_loss.value, abs=1e-3)
        assert loss.negative_elbo.error > 0
    assert [bounds.pixels for bounds in known.bounds] == ["grey", "binarised"]
    assert known.bounds[0].samples == [1, 10]
    assert known.gaps is not None and known.gaps.n == 12
    assert known.magnification is not None
    assert known.confusion is None or np.sum(known.confusion.counts) == 12


def test_more_samples_tighten_the_bound_and_gains_are_paired() -> None:
    model = LinearGaussian(widen=2, sigma=0.02, scale=0.006)
    pixels = np.round(255 * model.images(40)).astype(np.uint8)
    sizes = {"train": 40, "validation": 0, "test": 40}
    empty = np.zeros((0, 4, 4, 1), np.uint8), np.zeros(0, np.uint8)
    full = pixels, np.zeros(40, np.uint8)
    data = Dataset("linear", "", "d", ("a",), (4, 4, 1), sizes, lambda split: {split: full if sizes[split] else empty})
    known = measure(model, data, most_samples=100)
    (bounds,) = known.bounds
    values = [mean.value for mean in bounds.values]
    assert values == sorted(values, reverse=True)
    assert bounds.gains[0].value == 0
    assert bounds.gains[-1].value == pytest.approx(values[0] - values[-1], abs=1e-3)
    assert bounds.gains[-1].error < bounds.values[-1].error
    assert bounds.on_all(2).value == pytest.approx(bounds.negative_elbo.value - bounds.gains[2].value)
    assert [loss.split for loss in known.losses] == ["train", "test"]
    assert known.losses[0].floor is None


def test_progress_runs_to_its_end_in_whole_percent() -> None:
    checkpoint_data = data_of((28, 28, 1))
    engine = store.load(SHIPPED / "fashion-2d").engine()
    steps: list[tuple[int, int]] = []
    measure(engine, checkpoint_data, lambda *step: steps.append(step), most_samples=2, limit=10)
    assert steps == sorted(set(steps)) and steps[-1][0] >= 95 and {total for _, total in steps} == {100}


def test_figures_come_back_from_the_file_as_they_were(measured: Any) -> None:
    for checkpoint, known in measured.values():
        measurements.save(checkpoint.path, "report", figures.to_dict(known), "c" * 64)
        units = checkpoint.network.latent_dim
        assert report_contents.measured(checkpoint.path, units, "c" * 64) == known
        assert report_contents.measured(checkpoint.path, units, "d" * 64) is None
        assert report_contents.measured(checkpoint.path, units + 1) is None


def test_figures_that_do_not_belong_together_are_measured_anew(measured: Any) -> None:
    _, known = measured["two"]
    assert known.gaps is not None and known.magnification is not None
    odd = [
        replace(known, kl_per_unit=[1.0]),
        replace(known, batch_kl=math.inf),
        replace(known, batch_kl=math.nan),
        replace(known, gaps=replace(known.gaps, best=[1.0])),
        replace(known, gaps=replace(known.gaps, exact=[1e12] * known.gaps.n)),
        replace(known, magnification=replace(known.magnification, side=7)),
        replace(known, confusion=figures.Confusion(1, 1, [[1, 2], [3]])),
        replace(known, bounds=[replace(known.bounds[0], gains=[])]),
        replace(known, amortisation=figures.AmortisationFigures(2, 1, [1.0], [1.0, 2.0], [0, 0])),
        replace(known, examples=[figures.ClassExamples(0, [-1], [2])]),
    ]
    assert figures.consistent(known, 2)
    assert not any(figures.consistent(one, 2) for one in odd)


def test_bad_input_is_refused() -> None:
    engine = store.load(SHIPPED / "fashion-2d").engine()
    with pytest.raises(ValueError, match="1 to 5,000 samples per image, got 0"):
        measure(engine, data_of((28, 28, 1)), most_samples=0, limit=5)
    nothing = replace(
        data_of((28, 28, 1)), read=lambda split: {split: (np.zeros((0, 28, 28, 1), np.uint8), np.zeros(0))}
    )
    with pytest.raises(ValueError, match="a report needs test images"):
        measure(engine, nothing)


def test_the_magnification_of_a_linear_decoder_is_known() -> None:
    model = LinearGaussian(correlated=True)
    w = model.loadings
    expected = math.sqrt(np.linalg.det(w.T @ w))
    np.testing.assert_allclose(magnification_at(model, np.zeros((2, 2), np.float32)), expected, rtol=2e-3)


def test_sums_and_means_imply_another_beta() -> None:
    rows = scale.reductions(240.0, 8.0, 784, 2)
    assert [row.beta for row in rows] == [1, 784, 392, 0.5]
    assert [row.loss for row in rows] == pytest.approx([248, 240 / 784 + 8, 240 / 784 + 4, 244])


def test_baselines_agree_with_those_of_the_models_page() -> None:
    values = {mark.name: mark.value for mark in baselines.simple_methods()}
    assert values["256 fixed pictures"] == pytest.approx(
        BASELINES["negative_elbo"]["a mixture of 256 fixed pictures"], abs=0.01
    )
    mixtures = [values[f"{n} fixed pictures"] for n in ("16", "64", "256", "1,024")]
    assert mixtures == sorted(mixtures, reverse=True)
    assert min(values.values()) == values["the pixels' own entropy"]


# --- drawing ----------------------------------------------------------------------------------------------------------


def test_ticks_are_round_and_within() -> None:
    assert drawing.ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert drawing.ticks(248.2, 265.9) == [250, 255, 260, 265]
    assert drawing.ticks(3, 3) == [3]
    assert drawing.ticks(0, math.inf) == [0]


def test_charts_leave_out_what_is_not_finite() -> None:
    x = np.array([0.0, 1, 2, 3])
    chart = drawing.line_chart([drawing.Series("a", x, np.array([1, np.nan, 3, np.inf]))], "x", "y")
    assert chart.count("<polyline") == 1 and "nan" not in chart and "inf" not in chart
    assert drawing.line_chart([drawing.Series("a", x, np.full(4, np.nan))], "x", "y") == ""
    assert "nan" not in drawing.line_chart([drawing.Series("a", x, x)], "x", "y", log_x=True)
    assert "nan" not in drawing.heat(np.zeros((3, 3)), 3.0, "flat")


# --- the file -----------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Every address that a file asks for, its words, and whether its elements are closed in order."""

    VOID = ("meta", "img", "path", "circle", "image", "polyline", "ellipse", "br", "link", "rect", "line")

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.elements: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.addresses += [
            value or "" for name, value in attributes if name in ("src", "href", "xlink:href", "srcset", "action")
        ]
        assert not [name for name, _ in attributes if name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("pictures", [True, False])
def test_the_file_of_every_kind_of_model_stands_alone(measured: Any, name: str, pictures: bool) -> None:
    text = document(contents_of(measured, name, pictures))
    reader = read(text)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in reader.addresses)
    assert not {"script", "link", "iframe", "object"} & set(reader.elements)
    assert "@import" not in text and "url(" not in text
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower().replace("finan", "")
    assert len(text) < 3_000_000
    assert "color-scheme: light dark" in text and "@media print" in text
    said = " ".join(reader.words)
    assert ("not on this machine" in said) == (not pictures)
    assert ("Exact −log p(x) is" in said or "perfect" in said) == (KINDS[name]["latent_dim"] <= 2)


def test_names_of_others_are_text_in_it(measured: Any) -> None:
    contents = replace(
        contents_of(measured, "two"), name=HOSTILE, data=HOSTILE, classes=[HOSTILE] * 10, on_fashion=True
    )
    contents = replace(
        contents, others={HOSTILE: 200.0}, verdicts=[Verdict("beta", "notice", HOSTILE, HOSTILE, HOSTILE)]
    )
    text = document(contents, replace(contents, data=HOSTILE + "2", checksum="other"))
    reader = read(text)
    assert "<img src=x" not in text
    assert HOSTILE.split()[0] in "".join(reader.words)


def test_the_parts_and_the_headline_of_the_shipped_model() -> None:
    checkpoint = store.load(SHIPPED / "fashion-2d")
    known = report_contents.measured(checkpoint.path, 2)
    assert known is not None
    others = report_contents.other_losses(checkpoint, SHIPPED)
    assert set(others) == {"classic-2d", "fashion-16d", "fashion-2d"}
    contents = report_contents.gather(checkpoint, checkpoint.engine(), known, None, others)
    assert headline(contents) == (
        "fashion-2d needs 253.6 nats for a test image (−ELBO, 10,000 images): better than a mixture of 64 fixed pictures (259.6), not as "
        "good as a mixture of 256 fixed pictures (249.7). Of the 5.6 nats between −ELBO and exact −log p(x), 5.4 (96%) are the encoder's."
    )
    parts = {part.name: part.html for part in sections(contents)}
    assert list(parts)[:2] == ["good_loss", "nats"]
    assert "247.83" in parts["nats"] and "248.05" in parts["nats"]
    assert "PixelSNAIL" in parts["good_loss"] and "1,024 fixed pictures" in parts["good_loss"]
    assert "<polyline" in parts["units"] and "2 of 2 units are active" in parts["units"]
    assert "784" in parts["scale"]


@pytest.mark.parametrize("name", ["classic-2d", "fashion-16d", "fashion-2d"])
def test_shipped_figures_are_of_the_shipped_weights(name: str) -> None:
    checkpoint = store.inspect(SHIPPED / name)
    known = report_contents.measured(
        checkpoint.path, checkpoint.network.latent_dim, str(checkpoint.dataset["checksum"])
    )
    assert known is not None, "measure again: vae-explorer report MODEL --measure --write"
    loss = known.loss_on("test")
    assert loss is not None and loss.n == 10_000
    assert checkpoint.metrics is not None
    assert loss.negative_elbo.value == pytest.approx(checkpoint.metrics["negative_elbo"]["value"], abs=0.5)
    assert (known.gaps is None) == (known.amortisation is not None) == (name == "fashion-16d")


# --- one picture ---------------------------------------------------------------------------------------------------------


def test_one_picture_has_the_nats_and_the_posterior_of_a_linear_gaussian_model() -> None:
    model = LinearGaussian(shift=0.2, sigma=0.02, scale=0.008)
    image = model.images(1)
    known = one_picture.picture_posterior(model, image[0])
    assert known.log_p == pytest.approx(float(model.log_p(image)[0]), abs=5e-3)
    assert known.best == pytest.approx(known.log_p, abs=5e-3)
    assert known.best - known.encoder == pytest.approx(0.5 * 0.04 * float(np.trace(model.precision)), abs=0.01)
    z_mean = model.encode(image)[0][0] - 0.2
    np.testing.assert_allclose(known.best_mean, z_mean, atol=0.02)
    assert known.window is not None and known.plane is not None
    assert known.window.sum() * (2 * known.reach / 80) ** 2 == pytest.approx(1, abs=0.02)
    row, column = np.unravel_index(known.plane.argmax(), known.plane.shape)
    axis = np.linspace(-known.extent, known.extent, len(known.plane))
    np.testing.assert_allclose([axis[column], axis[::-1][row]], z_mean, atol=0.11)
    text = one_picture.posterior_figures(known)
    assert read(text).elements.count("ellipse") == 2 and "nan" not in text
    assert "the encoder" in one_picture.posterior_sentence(known)


# --- two models --------------------------------------------------------------------------------------------------------


def test_only_what_compares_is_compared(measured: Any) -> None:
    two, five, gaussian = (contents_of(measured, name, pictures=False) for name in ("two", "five", "gaussian"))
    alike = {row.name: row for row in comparison.rows(two, five)}
    assert alike["−ELBO, test"].reason == "" and alike["−ELBO, test"].better in (0, 1)
    assert "one or two units only" in alike["amortisation gap, test"].reason
    assert "2 and 5 units" in alike["KL, nats"].reason
    assert "no z is the same" in alike["pictures decoded at the same z"].reason
    other = {row.name: row for row in comparison.rows(two, gaussian)}
    assert "bernoulli and gaussian" in other["−ELBO, test"].reason and other["−ELBO, test"].better is None
    heavy = {row.name: row for row in comparison.rows(two, replace(two, beta=4.0))}
    assert "beta = 1 and 4" in heavy["training loss, test"].reason and heavy["−ELBO, test"].reason == ""
    foreign = {row.name: row for row in comparison.rows(two, replace(two, checksum="e" * 64))}
    assert "other pictures" in foreign["−ELBO, test"].reason
    text = document(two, replace(five, data="others", checksum="e" * 64))
    assert '<tr class="grey">' in text and "does not compare: other pictures" in text


# --- the command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of drawn clothes whose report takes a moment."""
    data = loading.load("drawn")
    small = replace(
        data,
        checksum="0" * 64,
        sizes={"train": 30, "validation": 10, "test": 20},
        read=lambda split: {split: wardrobe.draw(20)},
    )
    monkeypatch.setattr("vae_core.checkpoints.training_data.own_dataset", lambda *_, **__: small)
    monkeypatch.setattr("vae_core.analysis.report.measure.OF_BOUNDS", 2)
    return save_checkpoint(tmp_path / "mine", ModelConfig("classic", 2))


def test_the_command_writes_one_file_and_keeps_the_figures(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, copy = tmp_path / "mine.html", tmp_path / "fashion-2d"
    shutil.copytree(SHIPPED / "fashion-2d", copy)
    assert main(["report", str(kept), "--out", str(path)]) == 0
    said = capsys.readouterr()
    assert "one file that needs no network" in said.out and "100" in said.err
    assert read(path.read_text("utf-8")).words
    assert (kept / "report.json").exists()
    assert main(["report", str(kept), "--out", str(path)]) == 2
    assert "exists. Choose another name, or add --replace" in capsys.readouterr().err
    assert main(["report", str(kept), "--against", str(copy), "--out", str(path), "--replace"]) == 0
    assert "measuring mine" not in capsys.readouterr().err
    assert "mine against fashion-2d" in path.read_text("utf-8")


def test_the_command_prints_the_figures(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(kept), "--measure", "--write", "--iwae", "10"]) == 0
    said = capsys.readouterr().out
    assert "Where the nats go, first 20 test images" in said and "K = 10: gain" in said
    assert json.loads((kept / "report.json").read_text())["gaps"]["n"] == 20
    assert main(["report", str(kept), "--write"]) == 2
    assert "--write goes with --measure" in capsys.readouterr().err
    assert main(["report", str(kept), "--measure", "--write", "--data", "drawn"]) == 2
    assert "Leave out --data or --write" in capsys.readouterr().err


def test_a_damaged_file_of_figures_is_measured_anew(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (kept / "report.json").write_text("{")
    assert main(["report", str(kept), "--out", str(tmp_path / "a.html")]) == 0
    assert "measuring mine" in capsys.readouterr().err


def test_the_report_needs_neither_tensorflow_nor_a_screen() -> None:
    code = (
        "import sys\nfrom vae_core.checkpoints import report_contents\nfrom vae_core.analysis.report import document\n"
        "print([name for name in ('tensorflow', 'keras', 'streamlit', 'plotly', 'matplotlib.pyplot') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
