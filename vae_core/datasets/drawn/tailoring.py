"""How tops, dresses and coats are sewn: body and two sleeves from one table of widths and heights, necks and prints.

>>> sizes = dict(neck=3, depth=2, drop=2, shoulder=7, chest=7, waist=7, hem=7, length=27, armpit=10, reach=11, cuff=4)
>>> cut = Cut(**sizes, wrist=9, slant=0.4)
>>> float(neckline(cut, np.float32(0.0)))
2.0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_core.datasets.drawn.brushes import (
    SIDE,
    Dice,
    Field,
    Value,
    X,
    Y,
    below,
    between,
    blank,
    blotches,
    clamp,
    knots,
    paint,
)

MIDDLE = SIDE / 2


@dataclass(frozen=True)
class Cut:
    """An upper-body garment by its half-widths from the middle line and its heights from the top, in pixels."""

    neck: Value  # half-width of the neckline
    depth: Value  # how deep the neckline hangs
    drop: Value  # where the shoulder line ends
    shoulder: Value  # half-width there
    chest: Value
    waist: Value
    hem: Value
    length: Value  # height of the hem
    armpit: Value
    reach: Value  # half-width from the middle line to the outside of the cuff
    cuff: Value  # width of the cuff
    wrist: Value  # height of the cuff; at or above the armpit there is no sleeve
    slant: Value  # how much lower the inside of the cuff is than the outside, per pixel
    top: Value = 0.3  # height of the neck point
    curve: Value = 0.0  # how far the hem is rounded, as on a shirt's tails


def sew(dice: Dice, cut: Cut, fabric: Field, sleeve: Field, seam: Value) -> tuple[Field, Field, Field]:
    """Cut a garment out and sew its sleeves on.

    Args:
        dice: Where small deviations come from.
        cut: Its widths and heights.
        fabric: Shade of the body, (n, 28, 28).
        sleeve: Shade of the sleeves, likewise.
        seam: What is added to the shade where sleeve and body meet.

    Returns:
        canvas: (n, 28, 28).
        body: Cover of the body.
        u: Distance from the middle line in pixels.
    """
    middle = MIDDLE + dice.near(0, 0.5) + dice.near(0, 0.02) * (Y - MIDDLE)
    across = X - middle
    u = abs(across) + dice.near(0, 0.03) * across  # no garment lies quite symmetric
    side = knots(
        Y,
        (cut.top, cut.neck),
        (cut.drop, cut.shoulder),
        (cut.armpit, cut.chest),
        (0.45 * cut.armpit + 0.55 * cut.length, cut.waist),
        (cut.length, cut.hem),
    )
    outer = knots(
        Y,
        (cut.top, cut.neck),
        (cut.drop, cut.shoulder),
        (cut.drop + 2.6, 0.35 * cut.shoulder + 0.65 * cut.reach),
        (cut.wrist, cut.reach),
    )
    inner = knots(Y, (cut.armpit, cut.chest - 0.5), (cut.wrist + 1, cut.reach - cut.cuff))
    # cloth turns away from the camera at the sides, which shows most on the middle greys
    turned = clamp(u / 9)
    fabric = fabric + turned * turned * dice.near(0.1, 0.2) * (1 - fabric)
    canvas = blank(dice.n)
    open_neck = below(Y, neckline(cut, u)) * below(u, cut.neck)
    arms = below(u, outer) * (1 - below(u, inner)) * below(Y, cut.wrist + cut.slant * (cut.reach - u))
    arms = arms * between(Y, cut.top, 99) * (cut.wrist > cut.armpit * 0.6)
    paint(canvas, arms * (1 - open_neck), sleeve)
    hem = cut.length - cut.curve * clamp(u / cut.hem - 0.4)
    body = below(u, side) * between(Y, cut.top, hem) * (1 - open_neck)
    paint(canvas, body, fabric)
    stitched = clamp(1.1 - 1.1 * abs(u - side)) * between(Y, cut.drop + 0.5, cut.length)
    canvas += stitched * np.maximum(arms, body) * (seam * (cut.wrist > cut.armpit + 1))
    return canvas, body, u


def neckline(cut: Cut, u: Field) -> Field:
    """Height of the neckline at distance u from the middle, (n, 28, 28): a parabola."""
    return cut.depth * (1 - (u / cut.neck) * (u / cut.neck))


def light_seam(dice: Dice, base: Field, strength: float = 1.0) -> Field:
    """Change of shade where cloth meets cloth, as a camera sees it: lighter on dark cloth, darker on light."""
    return strength * dice.between(0.1, 1) * (0.75 - 0.95 * base)


def print_chest(dice: Dice, canvas: Field, u: Field, base: Field, chance: float) -> None:
    """Print a picture or lettering on some chests, a share `chance` of them."""
    top, tall, wide = dice.between(5, 9), dice.between(2, 10), dice.between(2, 4.8)
    area = below(u, wide) * between(Y, top, top + tall) * dice.happens(chance)
    step = dice.between(0.3, 0.8) * np.where(base > 0.5, np.float32(-1), np.float32(1))
    motif = clamp(dice.between(0.8, 2.5) * blotches(dice, dice.between(0, 0.8)) + dice.between(0.2, 0.8))
    canvas += step * motif * area


def finish_neck(dice: Dice, canvas: Field, cut: Cut, u: Field, base: Field, inside: float) -> None:
    """Draw a ribbed band along the neckline and, with chance `inside`, the inside of the back seen through it."""
    edge = neckline(cut, u)
    back = below(Y, edge) * below(u, cut.neck) * between(Y, 0.2 + 0.15 * cut.depth, 9)
    paint(canvas, back * dice.happens(inside), clamp(base * dice.between(0.5, 1.2)))
    band = between(Y, edge, edge + dice.between(0.6, 1.4)) * below(u, cut.neck + 0.5) * (canvas > 0)
    paint(canvas, 0.8 * band, clamp(base + dice.near(0, 0.2)))
