"""Verdicts: each fires where it should and is silent where all is well; thresholds are of validation, with honest false alarms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_testing import png, visit, words

from pages.ui.app.state import Selection, Upload
from vae_core.analysis import verdicts
from vae_core.analysis.image_quality import misfit
from vae_core.analysis.standing import BASELINES, standing
from vae_core.analysis.thresholds import ALARM, FEWEST, MISFIT, SUPPORT, SUPPORT_ALARM, held_out_rate, measure
from vae_core.checkpoints.history import read_history
from vae_core.network.latents import Latents

ROOT = Path(__file__).parents[1]
KNOWN = {"misfit_90": 0.05, "misfit_99": 0.1, "misfit_99_9": 0.2, "support": -8.0}
SHIPPED = sorted(path.parent for path in (ROOT / "checkpoints").glob("*/config.json"))


class Network:
    """An encoder and decoder of one unit: z_mean is the mean pixel, the picture a plain one of that value."""

    latent_dim, image_shape, likelihood = 1, (8, 8, 1), "bernoulli"

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z_mean = images.mean(axis=(1, 2, 3))[:, None].astype(np.float32)
        return z_mean, np.full_like(z_mean, -2.0)

    def decode_logits(self, z: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def decode(self, z: np.ndarray) -> np.ndarray:
        ramp = np.linspace(0.5, 1.0, 8, dtype=np.float32)[None, :, None, None]
        return np.clip(np.broadcast_to(ramp * z[:, :, None, None], (len(z), 8, 8, 1)), 0, 1)


class Data:
    def __init__(self, n: int) -> None:
        ramp = np.linspace(0.5, 1.0, 8)[None, :, None, None]
        values = np.random.default_rng(0).uniform(40, 220, (n, 1, 1, 1))
        noise = np.random.default_rng(1).normal(0, 6, (n, 8, 8, 1))
        self.images = np.clip(ramp * values + noise, 0, 255).astype(np.uint8)

    def pixels(self, split: str) -> np.ndarray:
        assert split == "validation", "thresholds are set on validation alone"
        return self.images


def values(figures: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {name: figure["value"] for name, figure in figures.items()}


def test_thresholds_are_of_validation_and_say_how() -> None:
    z_mean, z_log_var = Network().encode(Data(400).images / np.float32(255))
    latents = Latents(z_mean, z_log_var, np.zeros(400, np.uint8))
    figures = measure(Network(), Data(2000), latents)  # type: ignore[arg-type]
    assert set(figures) == {*MISFIT, ALARM, SUPPORT, SUPPORT_ALARM}
    assert {figure["split"] for figure in figures.values()} == {"validation"}
    assert {figure["n"] for figure in figures.values()} == {2000} and all(
        figure["method"] for figure in figures.values()
    )
    known = values(figures)
    assert known["misfit_90"] < known["misfit_99"] < known["misfit_99_9"]
    assert 0.005 < known[ALARM] < 0.02 and 0.005 < known[SUPPORT_ALARM] < 0.02
    json.dumps(figures)


def test_too_few_pictures_set_no_threshold() -> None:
    assert measure(Network(), Data(FEWEST - 1)) == {}  # type: ignore[arg-type]


def test_a_picture_of_another_kind_is_told() -> None:
    known = values(measure(Network(), Data(2000)))  # type: ignore[arg-type]
    usual, odd = Data(1).images / np.float32(255), np.indices((8, 8)).sum(axis=0)[None, :, :, None] % 2
    for image, level in ((usual, "good"), (odd.astype(np.float32), "warning")):
        score = misfit(image, Network().decode(Network().encode(image)[0]))[0]
        verdict = verdicts.unlike_training(float(score), known, 2000, good=True)
        assert verdict is not None and verdict.level == level


def test_the_false_alarms_of_a_quantile_are_its_share() -> None:
    drawn = np.random.default_rng(0).normal(size=4000)
    assert held_out_rate(drawn, 0.99) == pytest.approx(0.01, abs=0.003)
    with pytest.raises(ValueError, match="two values"):
        held_out_rate(drawn[:1], 0.99)


def test_misfit_is_zero_for_a_copy_and_high_for_the_wrong_pattern() -> None:
    images = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype(np.float32)
    assert misfit(images, images) == pytest.approx(0)
    assert (misfit(images, 1 - images) > 0.5).all()
    flat = np.zeros((1, 8, 8, 1), np.float32)
    assert misfit(flat, flat) == pytest.approx(0) and np.isfinite(misfit(flat, flat + 0.5)).all()


def test_unlike_training_says_how_far_out_it_is() -> None:
    far = verdicts.unlike_training(0.3, KNOWN, 5000)
    near = verdicts.unlike_training(0.15, KNOWN, 5000)
    assert far is not None and far.level == "warning" and "worse than 99.9 % of the 5,000 validation images" in far.why
    assert near is not None and near.level == "notice" and "worse than 99 %" in near.why
    assert "nearest clothes it knows" in far.why
    own = verdicts.unlike_training(0.3, KNOWN, 5000, clothes=False)
    assert own is not None and "garment" not in own.sentence and "clothes" not in own.why
    assert verdicts.unlike_training(0.01, KNOWN, 5000) is None
    assert verdicts.unlike_training(0.3, {}, 5000) is None


def test_a_hole() -> None:
    empty = verdicts.hole(-9.0, KNOWN)
    assert empty is not None and empty.level == "warning"
    assert verdicts.hole(-7.0, KNOWN) is None and verdicts.hole(-9.0, {}) is None
    full = verdicts.hole(-7.0, KNOWN, good=True)
    assert full is not None and full.level == "good"


def test_collapse_names_its_cause() -> None:
    at_beta = verdicts.collapse([0.001] * 12 + [1.0] * 4, beta=4)
    assert at_beta is not None and at_beta.level == "warning" and "12 of 16" in at_beta.sentence
    assert "beta = 4" in at_beta.why and "beta = 1" in at_beta.advice
    without = verdicts.collapse([0.001] * 12 + [1.0] * 4)
    assert without is not None and "KL warm-up" in without.advice and "missing" in without.advice
    some = verdicts.collapse([0.001] * 3 + [1.0] * 13, kl_warmup=0.25)
    assert some is not None and some.level == "notice" and some.advice == ""
    assert verdicts.collapse([0.2, 3.0]) is None


def test_undertrained_counts_steps_not_epochs() -> None:
    few = verdicts.undertrained(180, 30)
    assert few is not None and "180 steps (30 epochs)" in few.sentence and "2,000" in few.advice
    assert verdicts.undertrained(25_800, 30, [270, 262, 258, 256, 255, 254.5]) is None
    falling = verdicts.undertrained(3000, 6, [400, 340, 310, 295, 282, 270])
    assert falling is not None and "nats in the second half" in falling.why
    assert verdicts.undertrained(0) is None


def test_overfitting_is_a_gap_or_a_rise() -> None:
    gap = verdicts.overfitting([300, 260, 240, 230], [302, 268, 255, 252])
    assert gap is not None and "22.0 nats worse" in gap.sentence
    rise = verdicts.overfitting([300, 260, 240, 230], [302, 250, 255, 262])
    assert rise is not None and "after epoch 2 of 4" in rise.sentence and "12.0 nats" in rise.why
    assert verdicts.overfitting([300, 260, 252], [302, 262, 254]) is None
    assert verdicts.overfitting([], []) is None and verdicts.overfitting([-5.0], [-4.0]) is None


def test_beta_changed() -> None:
    changed = verdicts.beta_changed([(0, 1.0), (1200, 8.0)])
    assert changed is not None and "step 1,200" in changed.sentence and "from 1 to 8" in changed.sentence
    assert verdicts.beta_changed([(0, 1.0)]) is None and verdicts.beta_changed([]) is None


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_models_are_called_neither_undertrained_nor_overfitting(folder: Path) -> None:
    rows = read_history(folder / "history.csv")
    steps = json.loads((folder / "config.json").read_text())["steps"]
    train, validation = (
        [row[f"{prefix}reconstruction_loss"] + row[f"{prefix}kl_loss"] for row in rows] for prefix in ("", "val_")
    )
    assert verdicts.undertrained(steps, len(rows), validation) is None
    assert verdicts.overfitting(train, validation) is None
    figures = json.loads((folder / "metrics.json").read_text())
    quiet = verdicts.collapse(figures["kl_per_unit"]["value"])
    assert (quiet is None) == (folder.name != "fashion-16d")


def test_the_chosen_picture_and_point_are_judged() -> None:
    """By the thresholds that lie beside a shipped model; a picture of the model's own kind is called known."""
    from pages.ui.app.cache import open_model
    from pages.ui.app.subject import Subject, point
    from pages.ui.shared.verdict_card import picture_verdict
    from vae_core.checkpoints.registry import Entry

    model = open_model(Entry("fashion-2d", ROOT / "checkpoints" / "fashion-2d", "", 2))
    levels = []
    garment = model.engine.decode(np.array([[-0.5, 1.0]], np.float32))[0]
    board = (np.indices((28, 28)).sum(axis=0) // 3 % 2)[:, :, None].astype(np.float32)
    for image in (garment, board):
        z_mean, z_log_var = model.engine.encode(image[None])
        verdict = picture_verdict(model, Subject("a picture", image, z_mean[0], z_log_var[0]))
        assert verdict is not None
        levels.append(verdict.level)
    for z in ([0.0, 0.0], [9.0, 9.0]):
        verdict = picture_verdict(model, point(model, np.array(z, np.float32)))
        assert verdict is not None
        levels.append(verdict.level)
    assert levels == ["good", "warning", "good", "warning"]


def test_a_figure_stands_between_its_neighbours() -> None:
    others = {"a": 0.5, "b": 0.7, "c": 0.2}
    assert standing("ssim", 0.6, others) == "better than a (0.500), not as good as b (0.700)"
    assert standing("mse", 0.6, others) == "better than b (0.700), not as good as a (0.500)"
    assert standing("ssim", 0.9, others) == "better than b (0.700)" and standing("kl_loss", 5.0, others) == ""
    assert standing("ssim", 0.5, {"same": 0.5}) == ""


def test_the_baselines_are_those_of_the_document() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    page = page[page.index("## What simple methods reach") :]
    for name, known in BASELINES.items():
        digits = 2 if name in ("negative_elbo", "psnr") else 4
        for label, value in known.items():
            line = next(line for line in page.splitlines() if line.startswith(f"| {label}"))
            assert f"{value:.{digits}f}" in line


def test_explore_says_that_a_checkerboard_is_no_garment(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no longer names its neighbours; a picture that the model knows has them."""
    monkeypatch.delenv("VAE_EXPLORER_CHECKPOINTS", raising=False)
    board = (np.indices((120, 120)).sum(axis=0) // 12 % 2 * 255).astype(np.uint8)
    at = visit(model="fashion-2d", latent="-0.5,1")
    assert "**The model knows this place.**" in words(at) and "test codes nearest to it" in words(at)
    at.session_state["selection"] = Selection(upload=Upload("board.png", png(board)))
    said = words(at.run())
    assert "**This is probably not a garment.**" in said and "worse than 99.9 % of the 5,000 validation images" in said
    assert "test codes nearest to it" not in said
    far = words(visit("pages/latent_space.py", model="fashion-2d", latent="9,9"))
    assert "**A hole in the map: the model has no pictures here.**" in far
