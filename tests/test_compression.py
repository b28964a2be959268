"""Compression: rates against closed forms, the archive bit for bit, and the baselines."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_models import save_checkpoint

from vae_core.analysis.applications import compression, entropy_coding, image_codecs
from vae_core.analysis.applications.code_archive import ArchiveError, header_bytes, pack, quantise, unpack
from vae_core.analysis.applications.statistics import bootstrap_interval, mean_interval
from vae_core.checkpoints import measurements, store
from vae_core.cli.main import main
from vae_core.config import ModelConfig
from vae_core.network.engine import Engine
from vae_core.storage.errors import FileProblem


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = save_checkpoint(tmp_path_factory.mktemp("m") / "three", ModelConfig("classic", 3))
    return store.load(folder).engine()


def codes(n: int, units: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, units)).astype(np.float32), rng.normal(-2, 1, size=(n, units)).astype(np.float32)


def test_the_rate_of_a_known_gaussian() -> None:
    mean, log_var = np.array([[2.0, 0.0]]), np.array([[0.0, math.log(0.25)]])
    nats = 2.0 + 0.5 * (0.25 - 1 - math.log(0.25))
    assert compression.rate_bits(mean, log_var) == pytest.approx([nats / math.log(2)])


def test_bits_of_rounded_gaussian_codes_come_to_its_entropy() -> None:
    """For fine cells: the differential entropy less the logarithm of the step."""
    z = np.random.default_rng(0).normal(0, 2, size=(200_000, 1))
    step = 0.1
    bits = compression.rounded_gaussian_bits(np.round(z / step), step, np.array([2.0])).mean()
    assert bits == pytest.approx(0.5 * math.log2(2 * math.pi * math.e * 4) - math.log2(step), abs=0.01)


def test_rounding_leaves_an_error_of_the_posteriors_variance() -> None:
    z_mean = np.random.default_rng(1).normal(size=(50_000, 1)).astype(np.float32)
    z_log_var = np.full_like(z_mean, 2 * math.log(0.05))
    quantised = quantise(z_mean, z_log_var)
    assert np.square(quantised.z - z_mean).mean() == pytest.approx(0.05**2, rel=0.2)
    assert quantise(z_mean, z_log_var, 2.0).bits().mean() == pytest.approx(quantised.bits().mean() - 1, abs=0.05)


@given(st.lists(st.lists(st.integers(-40, 40), min_size=2, max_size=2), min_size=0, max_size=60), st.floats(0.01, 20.0))
@settings(max_examples=60, deadline=None)
def test_the_coder_gives_back_every_symbol(rows: list[list[int]], step: float) -> None:
    tables = [entropy_coding.gaussian_table(step, 40), entropy_coding.gaussian_table(2 * step, 63)]
    symbols = [symbol for row in rows for symbol in row]
    packed = entropy_coding.encode(symbols, tables)
    assert entropy_coding.decode(packed, len(symbols), tables) == symbols
    bits = sum(tables[i % 2].bits(symbol) for i, symbol in enumerate(symbols))
    assert 8 * len(packed) <= bits + 32 + 0.01 * len(symbols)


def test_the_archive_gives_back_the_codes_bit_for_bit(engine: Engine) -> None:
    for n in (1, 2, 500):
        quantised = quantise(*codes(n))
        data = pack(quantised, engine)
        assert np.array_equal(unpack(data, engine), quantised.z)
        assert len(data) <= header_bytes(3) + quantised.bits().sum() / 8 + 5


def test_a_single_picture_pays_for_its_codes() -> None:
    """Under the prior, as when it is one of many: a table that ended at its own codes would give them away."""
    z_mean, z_log_var = np.array([[0.0, 2.0]], np.float32), np.full((1, 2), 2 * math.log(0.1), np.float32)
    alone = quantise(z_mean, z_log_var)
    expected = compression.rounded_gaussian_bits(alone.symbols, float(alone.steps[0]), np.ones(2)).sum(axis=1)
    assert alone.bits() == pytest.approx(expected, abs=0.02)


def test_odd_codes_make_an_archive_too(engine: Engine) -> None:
    """Dead units, very sure ones, and codes far outside the prior."""
    z_mean = np.array([[0, 1e4, -3], [0, 2.5, 1e-3]], np.float32)
    z_log_var = np.array([[0, -30, 20], [0, -30, -60]], np.float32)
    quantised = quantise(z_mean, z_log_var)
    assert np.array_equal(unpack(pack(quantised, engine), engine), quantised.z)
    assert quantised.z[0, 1] == pytest.approx(1e4, rel=0.01)


def test_a_damaged_archive_is_refused(engine: Engine, tmp_path: Path) -> None:
    data = pack(quantise(*codes(20)), engine)
    for place in range(4, len(data)):
        with pytest.raises(ArchiveError):
            unpack(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], engine)
    for damaged, why in ((data[:-1], "damaged"), (b"PK" + data, "no file of codes"), (b"", "no file of codes")):
        with pytest.raises(ArchiveError, match=why):
            unpack(damaged, engine)
    with pytest.raises(ArchiveError, match="format version 2"):
        unpack(data[:4] + b"\x02" + data[5:], engine)
    other = store.load(save_checkpoint(tmp_path / "other", ModelConfig("classic", 3), seed=1)).engine()
    with pytest.raises(ArchiveError, match="written with another model"):
        unpack(data, other)


@pytest.mark.parametrize("shape", [(5, 28, 28, 1), (3, 20, 12, 3)])
def test_lossless_formats_give_back_the_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for format in ("png", "webp lossless"):
        data = image_codecs.encode_image(pixels[0], format)
        assert np.array_equal(image_codecs.decode_image(data, pixels.shape[1:]), pixels[0])
        assert np.array_equal(image_codecs.sheet(pixels, format, 100)[1], pixels)
    for encode in (image_codecs.files, image_codecs.sheet):
        bits, back = encode(pixels, "jpeg", 95)
        assert back.shape == pixels.shape and bits > 0 and np.abs(back.astype(int) - pixels).mean() < 70


def test_pca_of_pictures_that_lie_in_a_plane_is_nearly_exact() -> None:
    rng = np.random.default_rng(0)
    basis = rng.random((2, 64))
    weights = rng.random((400, 2)) / 2
    pixels = np.round(255 * weights @ basis / 2).astype(np.uint8).reshape(-1, 8, 8, 1)
    points = compression.pca_points(pixels[:50].astype(np.float32) / 255, pixels, (2, 63, 64))
    assert [point.setting for point in points] == ["2 units", "63 units"]  # 64 would leave none out
    assert points[0].mse < 1e-5


def test_measure_has_every_method(engine: Engine) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (12, 28, 28, 1)).astype(np.uint8)
    steps: list[tuple[int, int]] = []
    figures = compression.measure(engine, pixels[:3], pixels, lambda done, total: steps.append((done, total)))
    assert steps[-1][0] == steps[-1][1]
    methods = {point.method for point in figures.points}
    assert methods == {"VAE", "PCA", "jpeg", "jpeg (one sheet)", "webp", "webp (one sheet)", *image_codecs.LOSSLESS}
    vae = [point.bits for point in figures.points if point.method == "VAE"]
    assert vae == sorted(vae, reverse=True) and figures.n == 3
    assert compression.measure(engine, pixels[:1], pixels[:1]).n == 1  # three pictures in all


def test_intervals() -> None:
    mean = mean_interval(np.arange(101.0))
    assert mean.mean == 50 and mean.high - 50 == pytest.approx(
        1.984 * np.arange(101).std(ddof=1) / math.sqrt(101), rel=1e-3
    )
    assert mean_interval(np.array([3.0])) == (3, 3, 3)
    with pytest.raises(ValueError, match="one value or more"):
        mean_interval(np.zeros(0))
    low = bootstrap_interval(lambda values: float(values.mean()), np.arange(101.0))
    assert low.low == pytest.approx(mean.low, abs=1) and low.high == pytest.approx(mean.high, abs=1)


def test_figures_are_kept_for_the_same_weights_and_data_alone(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "model", ModelConfig("classic", 2))
    figures = compression.to_dict(
        compression.CompressionFigures(1, 2.0, 3.0, 4.0, 5, 6, 7, [compression.Point("VAE", "s", 1, 2, None, 3)])
    )
    measurements.save(folder, "compression", figures, "sum")
    form = compression.CompressionFigures
    assert measurements.load(folder, "compression", form, "sum").points[0].method == "VAE"
    assert measurements.load(folder, "compression", form, "other") is None
    assert measurements.load(folder, "denoising", form) is None
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert measurements.load(folder, "compression", form) is None
    (folder / "compression.json").write_text("{")
    with pytest.raises(FileProblem, match="not valid JSON"):
        measurements.load(folder, "compression", form)


def test_the_command_writes_and_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_checkpoint(tmp_path / "model", ModelConfig("classic", 2))
    picture, file, png = tmp_path / "a.png", tmp_path / "codes.vaez", tmp_path / "back.png"
    Image.fromarray(np.pad(np.full((20, 12), 200, np.uint8), 8)).save(picture)
    assert main(["compress", str(folder), "--picture", str(picture), "--output", str(file)]) == 0
    assert f"{file.stat().st_size:,} bytes" in capsys.readouterr().out
    assert main(["compress", str(folder), "--picture", str(picture), "--output", str(file)]) == 2
    assert "exists. Choose another name, or add --replace" in capsys.readouterr().err
    assert main(["compress", str(folder), "--expand", str(file), "--output", str(png)]) == 0
    with Image.open(png) as image:
        assert image.size == (112, 112)
    file.write_bytes(file.read_bytes()[:-3] + b"abc")
    assert main(["compress", str(folder), "--expand", str(file), "--output", str(png)]) == 2
    assert "is damaged: its checksum is wrong" in capsys.readouterr().err
    assert main(["compress", str(folder), "--csv", "a.csv"]) == 2
