"""Hundreds of hostile files: each is taken, or refused with a sentence; and what was taken can be shown on every page."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile
import pytest
import streamlit as st
from app_testing import DRAWN, PAGES, go, visit, words
from test_deletion import ended_run
from tiny_models import save_checkpoint
from tiny_runs import MODEL

from vae_core.checkpoints import probe, registry, store
from vae_core.checkpoints.bundle import import_model, pack_model
from vae_core.cli.main import main
from vae_core.config import PRESETS, ModelConfig
from vae_core.datasets import fashion_mnist, loading
from vae_core.datasets.preprocessing import prepare
from vae_core.jobs.model_check import ModelProblem, check_in_child
from vae_core.jobs.worker_pool import Ready
from vae_core.network.presets import build
from vae_core.runs.health import health
from vae_core.runs.live_reader import live

SHOWN = (  # of the accepted models, those that are looked at on every page
    "configs: classes are markup",
    "texts: history with a field of 200 kB",
    "texts: history with losses of 1e308",
    "latents: labels 300",
    "latents: one code alone",
    "weights: weights 0",
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return pack_model(save_checkpoint(tmp_path_factory.mktemp("whole") / "mine", MODEL, codes=20))


@pytest.fixture(scope="module")
def cases(base: bytes) -> list[hostile.Case]:
    return list(hostile.models(base))


def read(name: str, reader: Callable[[], object]) -> str:
    """ "taken", or "refused" with a sentence; anything else fails the test."""
    try:
        reader()
    except ValueError as error:
        message = str(error)
        assert type(error) is not ValueError, f"{name}: {error!r} is nobody's sentence"
        assert 15 < len(message) < 2000 and message.isprintable(), (name, message[:300])
        assert "Traceback" not in message and " object at 0x" not in message, (name, message)
        return "refused"
    return "taken"


def test_models(cases: list[hostile.Case], tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for number, case in enumerate(cases):
        root = tmp_path / str(number)
        answer = read(case.name, lambda case=case, root=root: import_model(case.content, root))
        counts[answer] += 1
        if answer == "refused":
            assert not root.exists() or list(root.iterdir()) == [], case.name
    assert counts.total() >= 200 and min(counts["taken"], counts["refused"]) >= 20, counts


def test_refusing_costs_little_memory(cases: list[hostile.Case], tmp_path: Path) -> None:
    """What claims gigabytes is refused by its headers."""
    for case in cases:
        if "claim" in case.name or "million" in case.name or "layers" in case.name:
            tracemalloc.start()
            assert read(case.name, lambda case=case: import_model(case.content, tmp_path / "in")) == "refused" or (
                "(0, 2)" in case.name
            )
            assert tracemalloc.get_traced_memory()[1] < 100 << 20, case.name
            tracemalloc.stop()


def test_pictures() -> None:
    counts = Counter(
        read(case.name, lambda case=case: prepare(case.content, (28, 28, 1))) for case in hostile.pictures()
    )
    assert counts.total() >= 40 and min(counts.values()) >= 10, counts


@pytest.mark.parametrize(("cases", "suffix"), [(hostile.arrays, "npz"), (hostile.data_zips, "zip")])
def test_data(cases: Callable[[], Iterator[hostile.Case]], suffix: str, tmp_path: Path) -> None:
    for number, case in enumerate(cases()):
        path = tmp_path / f"{number}.{suffix}"
        path.write_bytes(case.content)
        answer = read(case.name, lambda path=path: loading.load(str(path), image_shape=(16, 16, 1)))
        assert case.name != "whole" or answer == "taken"


def test_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    for name, path in hostile.runs(lambda path: ended_run(path).path, tmp_path / "runs"):
        run = registry.Run(path)
        assert health(run).state in ("finished", "unreadable", "running", "failed", "waiting"), name
        live(run).view(fresh=True)
        read(name, lambda path=path: store.inspect(path))
        read(name, lambda path=path: store.load(path))
    registry.list_models()


def test_one_damaged_model_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint(tmp_path / "good", MODEL)
    (save_checkpoint(tmp_path / "torn", MODEL) / "model.safetensors").write_bytes(b"torn")
    odd = save_checkpoint(tmp_path / "odd", MODEL)
    (odd / "metrics.json").write_text('{"ssim": [1], "mse": {"value": "x", "n": 1}}')
    assert main(["models", "--root", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "`good`" in printed.out and "`odd`" in printed.out and "damaged: torn: " in printed.err


def test_a_process_that_takes_too_much_is_ended(base: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = import_model(base, tmp_path)
    check_in_child(path)
    (path / "metrics.json").write_text('{"ssim": {"value": 1e999}}')
    with pytest.raises(ModelProblem, match=r"metrics\.json"):
        check_in_child(path)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.delenv(fashion_mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "DRAWN", DRAWN)
    monkeypatch.setattr("vae_core.jobs.worker_pool.Trainers.prepare", lambda *_, **__: Ready("warm"))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "models"))
    yield tmp_path / "models"
    st.cache_data.clear()
    st.cache_resource.clear()


def test_what_was_taken_can_be_shown(cases: list[hostile.Case], app: Path) -> None:
    taken = [import_model(case.content, app) for case in cases if case.name in SHOWN]
    assert len(taken) == len(SHOWN)
    at = visit()
    for path in taken:
        at.selectbox(key="model_picker").set_value(path.name).run()
        for page in PAGES:
            assert "damaged" not in words(go(at, page)), (path.name, page)
        for view in ("Figures", "Training", "Layers", "Card", "Compare"):
            go(at, "pages/models.py").segmented_control(key="model_view").set_value(view).run()
            assert "damaged" not in words(at), (path.name, view)


@pytest.mark.parametrize(
    ("seconds", "tries", "taken"),
    [([0.1], 1, True), ([3.0, 1.0], 2, True), ([3.0, 4.0, 1.9], 3, True), ([3.0] * 3, 3, False), ([7.0], 1, False)],
)
def test_a_slow_part_is_measured_again(
    seconds: list[float], tries: int, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a fair model takes longer, once; one that is too heavy takes so long each time."""
    path, clock, count = save_checkpoint(tmp_path / "mine", MODEL), [0.0], [0]
    figures = probe._figures

    def slow(folder: Path) -> None:
        figures(folder)
        clock[0] += seconds[count[0]]
        count[0] += 1

    monkeypatch.setattr(probe, "_figures", slow)
    monkeypatch.setattr(probe.time, "process_time", lambda: clock[0])
    if taken:
        times = probe.probe(path)
        assert times[0].seconds == pytest.approx(min(seconds))
    else:
        with pytest.raises(probe.ProbeProblem, match=r"its figures take .* seconds of a processor"):
            probe.probe(path)
    assert count == [tries]


def test_weights_are_bounded_by_what_a_page_may_hold(
    base: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page holds them several times: the presets' at 64 × 64 in colour are taken, a dense layer of 18 million is not."""
    for preset in PRESETS:
        for units in (2, 64, 256):
            assert build(ModelConfig(preset, units, (64, 64, 3))).parameters() <= probe.MAX_PARAMETERS
    assert build(ModelConfig("classic", 256, (128, 128, 3))).parameters() > probe.MAX_PARAMETERS
    path = import_model(base, tmp_path, lambda folder: None)
    monkeypatch.setattr(probe, "MAX_PARAMETERS", 1000)
    with pytest.raises(probe.ProbeProblem, match=r"parameters; at most 1,000 are taken"):
        probe.probe(path)
