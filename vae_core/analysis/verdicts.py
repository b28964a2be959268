"""What a page or a command says of what it sees: one sentence, why, and what to try.

Each function takes figures and gives a `Verdict`, or None where there is nothing to say. The thresholds were measured on the
validation split; docs/verdicts.md gives each with its rate of false alarms, and `python benchmarks/verdicts.py` prints them.

>>> collapse([2.25, 0.0001, 0.49], beta=4.0).sentence
'1 of 3 latent units is switched off: it carries less than 0.05 nats.'
>>> collapse([2.25, 1.5]) is None
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from vae_core.analysis.thresholds import MISFIT, SUPPORT

Level = Literal["good", "notice", "warning"]

# Nats of KL below which a unit is switched off: the shipped models' units have below 0.0002 or above 0.19.
QUIET = 0.05
# Steps before which every training that was measured still had 2 % or more of its loss to lose.
FEWEST_STEPS = 2_000
# Share of the validation loss that the second half of a training may still win before it counts as unfinished.
STILL_FALLING = 0.03
# Share of the validation loss that it may lie above the train loss.
GAP = 0.02
# Share of the validation loss that it may have risen above its best.
RISE = 0.005


@dataclass(frozen=True)
class Verdict:
    """A judgement in words.

    Attributes:
        kind: Which one: "unlike", "hole", "collapse", "undertrained", "overfitting" or "beta".
        level: "good", "notice" (worth knowing) or "warning" (do not trust what follows).
        sentence: What is the case.
        why: What it means, or where it comes from.
        advice: What to try; "" where nothing needs to be done.
    """

    kind: str
    level: Level
    sentence: str
    why: str
    advice: str = ""


def unlike_training(
    misfit: float, thresholds: Mapping[str, float], n: int, clothes: bool = True, good: bool = False
) -> Verdict | None:
    """Whether a picture is rebuilt worse than the pictures that the model knows.

    Args:
        misfit: Of the picture and its reconstruction from z_mean, as `image_quality.misfit` gives it.
        thresholds: Values of `thresholds.measure` by name; without them there is no verdict.
        n: Number of validation pictures that they were measured on.
        clothes: Whether the model was trained on clothes.
        good: Whether to say so when the picture is usual.

    Returns:
        A warning above 99.9 % of them, a notice above 99 %; else a good verdict or None.
    """
    if not thresholds.keys() >= MISFIT.keys():
        return None
    passed = [name for name in ("misfit_99_9", "misfit_99") if misfit > thresholds[name]]
    images, thing = f"{n:,} validation images", "garment" if clothes else "picture of the kind it was trained on"
    known = "clothes" if clothes else "pictures"
    if not passed:
        if not good:
            return None
        usual = "90" if misfit <= thresholds["misfit_90"] else "99"
        return Verdict(
            "unlike",
            "good",
            "The model knows pictures like this one.",
            f"Its reconstruction is within what {usual} % of the {images} show.",
        )
    share = "99.9" if passed[0] == "misfit_99_9" else "99"
    return Verdict(
        "unlike",
        "warning" if share == "99.9" else "notice",
        f"This is probably not a {thing}." if share == "99.9" else f"This may not be a {thing}.",
        f"It is rebuilt worse than {share} % of the {images}; the model answers with the nearest {known} it knows, so do not "
        "trust its position, its neighbours or their classes.",
        "If it is one after all, try Invert or Crop so that it fills the frame, light on dark."
        if clothes
        else "If it is one after all, check its brightness and its crop.",
    )


def hole(log_density: float, thresholds: Mapping[str, float], good: bool = False) -> Verdict | None:
    """Whether a point lies where the model has no pictures.

    Args:
        log_density: log q(z) at the point, as `latent_geometry.aggregate_density` gives it, nats.
        thresholds: Values of `thresholds.measure` by name; without `support` there is no verdict.
        good: Whether to say so when the point is supported.

    Returns:
        A warning in a hole; else a good verdict or None.
    """
    if SUPPORT not in thresholds:
        return None
    if log_density >= thresholds[SUPPORT]:
        if not good:
            return None
        return Verdict(
            "hole",
            "good",
            "The model knows this place.",
            "Real pictures are encoded here, so the decoder has practice.",
        )
    return Verdict(
        "hole",
        "warning",
        "A hole in the map: the model has no pictures here.",
        "99 % of the validation images are encoded where the density of codes is higher, so nothing ever checked what the "
        "decoder draws at this point.",
        "Move towards the coloured dots.",
    )


def collapse(
    kl_per_unit: Sequence[float], beta: float = 1.0, kl_warmup: float = 0.0, free_bits: float = 0.0
) -> Verdict | None:
    """Whether latent units are switched off.

    Args:
        kl_per_unit: Mean KL of each unit over the pictures, nats.
        beta: Weight of the KL in training.
        kl_warmup: Share of the training over which that weight rose.
        free_bits: Allowance of each unit, nats.

    Returns:
        A warning where half of the units or more are, a notice where some are, None where none is.
    """
    n = len(kl_per_unit)
    quiet = sum(value < QUIET for value in kl_per_unit)
    if not quiet:
        return None
    units = f"{quiet} of {n} latent units {'is' if quiet == 1 else 'are'} switched off"
    sentence = f"{units}: {'it carries' if quiet == 1 else 'they carry'} less than {QUIET} nats."
    why = "Moving them changes nothing in the picture: in training it was cheaper to ignore them."
    if beta > 1:
        why = f"Moving them changes nothing in the picture: at beta = {beta:g} each nat of KL costs {beta:g} times as much."
        advice = "Train with beta = 1, or with some free bits."
    elif not kl_warmup and not free_bits and n > 2:
        advice = (
            "Train with a KL warm-up (a quarter of the training is a good start), which was missing, or with free bits."
        )
    else:
        advice = "" if 2 * quiet < n else "Train with fewer units, or with free bits if you want them all to be used."
        if not advice:
            why += " It does no harm: the model needs no more than the others."
    return Verdict("collapse", "warning" if 2 * quiet >= n else "notice", sentence, why, advice)


def undertrained(steps: int, epochs: int = 0, validation: Sequence[float] = ()) -> Verdict | None:
    """Whether a training ended before it had settled; steps count, not epochs.

    Args:
        steps: Updates of the weights.
        epochs: Passes over the training pictures; 0 if not known.
        validation: −ELBO on validation after each epoch, nats, oldest first; of a Gaussian likelihood leave it out.

    Returns:
        A warning, or None.
    """
    passes = f" ({epochs:,} epochs)" if epochs else ""
    if 0 < steps < FEWEST_STEPS:
        return Verdict(
            "undertrained",
            "warning",
            f"Undertrained: {steps:,} steps{passes} are few.",
            f"What counts is the number of steps, not of epochs. Before step {FEWEST_STEPS:,} the models measured here were still "
            "far from what they reached in the end.",
            f"Train for {FEWEST_STEPS:,} steps or more.",
        )
    if len(validation) < 4:
        return None
    half, last = validation[(len(validation) - 1) // 2], min(validation)
    if last > 0 and validation[-1] <= 1.01 * last and half - last > STILL_FALLING * last:
        return Verdict(
            "undertrained",
            "notice",
            f"Still learning when it stopped, after {steps:,} steps{passes}.",
            f"The validation loss fell by {half - last:,.1f} nats in the second half of the training, {(half - last) / last:.1%} of it.",
            "Train twice as long.",
        )
    return None


def overfitting(train: Sequence[float], validation: Sequence[float]) -> Verdict | None:
    """Whether a model learned its training pictures by heart.

    Args:
        train: −ELBO on train after each epoch, nats, oldest first. Bernoulli likelihood only: a density can be negative.
        validation: −ELBO on validation after each epoch, nats.

    Returns:
        A warning, or None.
    """
    if not train or not validation or min(*validation, *train) <= 0:
        return None
    gap, best = validation[-1] - train[-1], min(validation)
    rise = validation[-1] - best
    if gap <= GAP * validation[-1] and rise <= RISE * best:
        return None
    if rise > RISE * best:
        epoch = list(validation).index(best) + 1
        sentence = f"Overfitting: on validation it was best after epoch {epoch:,} of {len(validation):,}."
        why = f"Since then it lost {rise:,.1f} nats there while its loss on train went on falling: it learns its pictures by heart."
    else:
        sentence = f"Overfitting: {gap:,.1f} nats worse on pictures that it has not seen."
        why = f"{validation[-1]:,.1f} nats on validation, {train[-1]:,.1f} on train; up to {GAP:.0%} apart is usual."
    return Verdict(
        "overfitting", "warning", sentence, why, "Train on more pictures, for fewer steps, or with some dropout."
    )


def beta_changed(marks: Sequence[tuple[int, float]]) -> Verdict | None:
    """Whether the loss became another sum during a training.

    Args:
        marks: The step from which each beta held, and that beta, oldest first.

    Returns:
        A notice about the newest change, or None.
    """
    changes = [(step, before, beta) for (_, before), (step, beta) in pairwise(marks) if beta != before]
    if not changes:
        return None
    step, before, beta = changes[-1]
    return Verdict(
        "beta",
        "notice",
        f"From step {step:,} on the loss is another sum: beta went from {before:g} to {beta:g}.",
        f"It is the reconstruction loss + {beta:g} · KL now, so its jump there is arithmetic and says nothing about the pictures.",
        "Compare the reconstruction loss and the KL, which are counted as before.",
    )
