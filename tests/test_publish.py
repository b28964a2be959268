"""From a run to a shipped model: figures, card, frames; and none of them made up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import MODEL, Squares

from vae_core.checkpoints import publish, store
from vae_core.checkpoints.card import figures_table
from vae_core.checkpoints.codes import load_latents
from vae_core.checkpoints.timeline import frame_steps, load_frame
from vae_core.config import TrainingConfig
from vae_core.network.presets import build
from vae_core.network.schema import random_weights
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run

DATASET: Any = Squares()
STEPS = [0, 1, 5, 20, 40]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run as a trainer leaves it, without the training: random weights at each of five steps."""
    run, network = Run(tmp_path_factory.mktemp("runs") / "r1"), build(MODEL)
    run.create(
        {
            "model": MODEL.to_dict(),
            "training": TrainingConfig(epochs=2).to_dict(),
            "dataset": DATASET.describe(),
            "versions": {"python": "3.x", "keras": "3.y"},
        },
        network,
    )
    labels = DATASET.labels("test").astype(np.uint8)
    for step in STEPS:
        codes = np.full((2, len(labels), 2), step, np.float32)
        latents = {"z_mean": codes[0], "z_log_var": codes[1], "labels": labels}
        run.save_snapshot(step, random_weights(network, seed=step), latents)
    (run.path / "history.csv").write_text("step,loss\n40,1.0\n")
    run.write_status("finished", seconds=90.0, step=40)
    return run


@pytest.fixture(scope="module")
def kept(run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    notes: list[str] = []
    folder = tmp_path_factory.mktemp("models") / "squares-2d"
    return (*publish.publish(run, folder, DATASET, snapshots=3, note=notes.append), notes)


def test_what_is_kept_is_the_newest_snapshot(run: Run, kept: Any) -> None:
    path, figures, notes = kept
    published = store.load(path)
    assert (published.name, published.step, published.model) == ("squares-2d", 40, MODEL)
    assert published.dataset == DATASET.describe()
    assert published.metrics == json.loads(json.dumps(figures))
    expected = run.snapshot_weights(40)
    assert all(np.array_equal(published.weights[name], expected[name]) for name in expected)
    assert (path / "history.csv").read_text() == "step,loss\n40,1.0\n"
    assert [note.split()[0] for note in notes] == ["measuring", "fitting"]
    assert DATASET.title("test") in notes[0]


def test_its_codes_are_those_of_the_whole_test_split(kept: Any) -> None:
    path, _, _ = kept
    latents = load_latents(path)
    z_mean, z_log_var = store.load(path).engine(threads=1).encode(DATASET.images("test"))
    assert latents.z_mean == pytest.approx(z_mean, abs=1e-6)
    assert latents.z_log_var == pytest.approx(z_log_var, abs=1e-6)
    assert np.array_equal(latents.labels, DATASET.labels("test"))
    assert latents.labels.dtype == np.uint8


def test_every_figure_says_split_n_and_method(kept: Any) -> None:
    _, figures, _ = kept
    for name in ("negative_elbo", "reconstruction_loss", "kl_loss", "mse", "ssim", "knn_accuracy"):
        figure = figures[name]
        assert (figure["split"], figure["n"]) == ("test", DATASET.sizes["test"])
        assert figure["method"]
    total = figures["reconstruction_loss"]["value"] + figures["kl_loss"]["value"]
    assert figures["negative_elbo"]["value"] == pytest.approx(total, rel=1e-6)
    assert figures["reconstruction_loss"]["value"] >= figures["floor"]["value"]


def test_the_card_shows_the_figures_as_they_were_measured(kept: Any) -> None:
    path, figures, _ = kept
    card = (path / "MODEL_CARD.md").read_text()
    assert figures_table(figures) in card
    assert f"| −ELBO, nats | {figures['negative_elbo']['value']:.2f} | test, 24 |" in card
    for said in ("# squares-2d\n", "preset `classic`, 2 latent units", "16 × 16 × 1", "40 steps, 2 minutes", "squares"):
        assert said in card
    assert f"{build(MODEL).parameters():,} parameters" in card
    assert "python -m vae_core evaluate checkpoints/squares-2d" in card
    assert "nan" not in card.lower()


def test_frames_are_the_first_the_last_and_some_between(run: Run, kept: Any) -> None:
    path, _, _ = kept
    steps = frame_steps(path)
    assert len(steps) == 3
    assert (steps[0], steps[-1]) == (STEPS[0], STEPS[-1])
    network, z = build(MODEL), np.zeros((1, 2), np.float32)
    for step in steps:
        frame = load_frame(path, network, step)
        assert frame.latents.z_mean == pytest.approx(step)
        whole = load_frame(run.path, network, step).engine(network, threads=1)
        assert frame.engine(network, threads=1).decode(z) == pytest.approx(whole.decode(z), abs=0.02)


def test_a_run_is_not_measured_on_other_data(run: Run, tmp_path: Path) -> None:
    other: Any = Squares(train=97)
    with pytest.raises(ValueError, match=r"was trained on squares, this is squares .*Pass the same --data"):
        publish.publish(run, tmp_path / "m", other)
    assert list(tmp_path.iterdir()) == []


def test_fresh_figures_replace_the_old_ones(kept: Any, tmp_path: Path) -> None:
    path = Path(shutil.copytree(kept[0], tmp_path / "squares-2d"))
    figures = {"mse": {"value": 0.125, "split": "test", "n": 7, "method": "by hand"}}
    publish.write_figures(store.load(path), figures)
    assert store.load(path).metrics == figures
    card = (path / "MODEL_CARD.md").read_text()
    assert "| MSE | 0.1250 | test, 7 | by hand |" in card
    assert "SSIM" not in card


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("negative_elbo", 250.12345, "| −ELBO, nats | 250.12 |"),
        ("mse", 0.0113, "| MSE | 0.0113 |"),
        ("excess", -0.5, "| excess over the pixels' entropy, nats | -0.5000 |"),
        ("active_units", 14, "| active units | 14 |"),
    ],
)
def test_a_row_of_the_table(name: str, value: float, shown: str) -> None:
    table = figures_table(
        {
            name: {"value": value, "split": "test", "n": 10_000, "method": "m"},
            "kl_per_unit": {"value": [1.0], "split": "test", "n": 10_000, "method": "not for a table"},
        }
    )
    assert table.splitlines()[2:] == [f"{shown} test, 10,000 | m |"]


@given(st.sets(st.integers(0, 10_000), min_size=1, max_size=60), st.integers(1, 20))
def test_spaced_takes_the_first_the_last_and_no_more_than_asked(steps: set[int], count: int) -> None:
    ordered = sorted(steps)
    chosen = publish.spaced_steps(ordered, count)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= steps
    assert len(chosen) <= count
    assert chosen[-1] == ordered[-1]
    assert chosen[0] == ordered[0] or count == 1


def test_spaced_in_the_logarithm() -> None:
    assert publish.spaced_steps(list(range(1001)), 4) == [0, 9, 99, 1000]
    assert publish.spaced_steps([3, 7], 5) == [3, 7]
    assert publish.spaced_steps([], 5) == publish.spaced_steps([1, 2], 0) == []


def test_a_run_in_progress_is_not_kept(run: Run, tmp_path: Path) -> None:
    busy = Run(shutil.copytree(run.path, tmp_path / "busy"))
    busy.write_status("running", step=20)
    with pytest.raises(RunError, match="is running; its newest snapshot is not its last"):
        publish.publish(busy, tmp_path / "model", DATASET)
    assert not (tmp_path / "model").exists()
