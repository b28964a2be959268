"""The cut of sandals, sneakers and ankle boots, toes to the left: one function per class, a batch (n, 28, 28) at a time.

A shoe is described by its upper and lower edge as functions of x, as a trouser leg is by its sides as functions of y.

>>> sneaker(Dice(np.random.default_rng(0), 2)).shape
(2, 28, 28)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_core.datasets.drawn.brushes import (
    Dice,
    Field,
    X,
    Y,
    below,
    between,
    blank,
    blotches,
    clamp,
    cloth,
    ellipse,
    inside,
    knots,
    outline,
    paint,
    stroke,
    wave,
)


def sneaker(dice: Dice) -> Field:
    """A low shoe that rises to the tongue, a sole lighter or darker than the upper, a mark on the side."""
    base = dice.shade(0.12, 0.28, 0.42, 0.53, 0.62, 0.7, 0.77, 0.84, 0.95)
    high = dice.happens(0.12) * dice.between(1, 6)  # covers the ankle
    tall = dice.near(11.3, 1.8) + high
    floor = 14 + 0.5 * tall + dice.near(0.3, 0.7)
    sole = dice.between(1.6, 3.2)
    toe, tongue = dice.near(5.2, 1.2), dice.near(16.0, 1.6)
    collar = floor - tall
    upper = knots(
        X,
        (0.2, floor - dice.near(2.6, 0.6)),
        (2.0, floor - toe + 0.6),
        (6.5, floor - toe - dice.between(0, 1)),
        (tongue - 2.5, collar + dice.between(1.0, 2.5)),
        (tongue, collar + dice.between(0, 0.4)),
        (tongue + 1.5, collar + dice.between(0, 0.6)),
        (tongue + 3, collar + dice.between(0.8, 2.2)),
        (23.0, collar + dice.between(1.2, 3.2) * (1 - 0.1 * high)),
        (26.0, collar + dice.between(0, 1.2)),
        (27.5, collar + dice.between(0.5, 2.0)),
    )
    toe_lift, heel_lift = dice.between(0.8, 2.5), dice.between(0, 1.2)
    lower = floor - knots(X, (0.0, toe_lift), (3.5, 0.0), (24.0, 0.0), (28.0, heel_lift))
    foot = below(Y, lower) * (1 - below(Y, upper)) * between(X, 0.1, 27.9)
    canvas = blank(dice.n)
    fabric = cloth(dice, base, speckled=0.02, striped=0, checked=0, pleated=0, crease=0.1, noise=0.02)
    paint(canvas, foot, fabric)
    light = np.where(base > 0.55, np.float32(-1), np.float32(1))
    # quarters: heel and toe cap of another shade, a slanted mark on the side
    heel = (1 - below(X, dice.between(20, 24) + 0.3 * (Y - 14))) * foot
    canvas += heel * dice.near(0, 0.25)
    canvas += below(X, dice.between(4, 8)) * foot * dice.near(0, 0.2)
    mark_x, tilt = dice.between(12, 17), dice.near(0.2, 0.9)
    mark = clamp(1.4 - abs(X - mark_x + tilt * (Y - floor + 5)) / dice.between(0.6, 1.8))
    canvas += mark * foot * (1 - below(Y, upper + 2)) * (light * dice.between(0.1, 0.5) * dice.happens(0.6))
    canvas += foot * blotches(dice, 0.8) * (dice.happens(0.5) * dice.between(0.05, 0.18))
    laces = between(Y, upper + 0.2, upper + 1.6) * between(X, 8, tongue) * foot
    canvas += laces * light * dice.near(0.1, 0.25)
    opening = between(Y, upper - 0.3, upper + 1.0) * between(X, tongue + 1.5, 26.5) * foot
    paint(canvas, opening, base * dice.between(0.3, 1.0))
    dark_sole = dice.happens(0.55)
    tread = dark_sole * dice.between(0.02, 0.35) + (1 - dark_sole) * dice.between(0.55, 1)
    paint(canvas, foot * (1 - below(Y, lower - sole * (1 - 0.4 * dark_sole))), tread)
    return canvas


def ankle_boot(dice: Dice) -> Field:
    """A shoe with a shaft as wide as the heel half of the frame, with a block heel or flat."""
    base = dice.shade(0.2, 0.42, 0.58, 0.68, 0.74, 0.79, 0.83, 0.88, 0.95)
    heeled = dice.happens(0.5)
    tall = dice.near(20.5, 5.0) + 2 * heeled
    tall = np.minimum(tall, 27.8)
    floor = 14 + 0.5 * tall
    top = floor - tall
    lift = heeled * dice.between(2.5, 6.5) + (1 - heeled) * dice.between(0.8, 2)  # height of the heel
    front = dice.near(13.2, 1.4)  # where the shaft begins
    instep = floor - dice.near(7.0, 1.0) - 0.35 * lift
    toe = floor - dice.near(4.8, 0.9)
    upper = knots(
        X,
        (0.1, floor - dice.between(1.8, 3.2)),
        (1.8, toe),
        (6.0, 0.85 * toe + 0.15 * instep),
        (front - 2.6, instep),
        (front - 0.6, instep - dice.between(1.5, 2.5)),
        (front + dice.between(0.8, 1.8), top + dice.between(0, 1)),
        (27.0, top + dice.near(0, 0.8)),
    )
    heel = dice.near(21.5, 1.4) + heeled * dice.between(0, 1.8)  # where the heel's block begins
    lower = knots(
        X,
        (0.0, floor - dice.between(0.3, 1.5)),
        (3.0, floor),
        (9.5, floor),
        (heel - 1.2, floor - lift),
        (heel - 0.2, floor - lift),
        (heel + 0.3, floor),
    )
    back = knots(
        Y,
        (top, dice.between(26, 27.6)),
        (0.5 * (top + floor), dice.between(25, 26.8)),
        (floor - lift - 2.5, 27.7),
        (floor - lift, 27.6),
        (floor, 27.6 - heeled * dice.between(0, 2)),
    )
    boot = (1 - below(Y, upper)) * below(X, back) * below(Y, lower)
    canvas = blank(dice.n)
    fabric = cloth(dice, base, speckled=0.03, striped=0, checked=0, pleated=0, crease=0.08, noise=0.02)
    fabric += dice.near(0.04, 0.12) * clamp((X - front) / 12)
    paint(canvas, boot, fabric)
    # the light runs along the shaft; elastic, zip or seam at the ankle
    seam_x = dice.between(17, 23) + dice.near(0, 0.2) * (Y - 14)
    seam = clamp(1.1 - abs(X - seam_x) / dice.between(0.6, 1.8)) * boot * below(Y, floor - lift - 2)
    canvas += seam * (dice.happens(0.6) * dice.near(-0.04, 0.25))
    cuff = between(Y, top, top + dice.between(1, 3)) * boot
    canvas += cuff * dice.near(0, 0.15)
    # creases fan out where the foot bends
    bend = abs(X - front) + abs(Y - instep)
    canvas += clamp(1 - bend / 9) * blotches(dice, 0.6) * boot * dice.between(0, 0.35)
    sole = (1 - below(Y, lower - dice.between(0.8, 2.2))) * boot
    block = (1 - below(X, heel)) * (1 - below(Y, floor - lift)) * boot
    paint(canvas, np.maximum(sole, block) * 0.85, clamp(base + dice.near(-0.12, 0.35)) + 0.03)
    return canvas


@dataclass(frozen=True)
class Last:
    """Form that a sandal is built on: one value per image, in pixels; `bed` is where the foot rests, by x (n, 1, 28)."""

    floor: Field
    bed: Field
    heel_bed: Field  # height of the bed at the heel
    ankle: Field  # how far above it the ankle strap runs
    back: Field  # x of the back of the heel


def sandal(dice: Dice) -> Field:
    """Flip-flops, flat sandals, wedges and heels: they differ in the lift of the heel and in the straps."""
    base = dice.shade(0.2, 0.36, 0.47, 0.55, 0.62, 0.7, 0.78, 0.88, 0.98)
    kind = dice.between(0, 1)
    flip = (kind < 0.17).astype(np.float32)
    flat = ((kind >= 0.17) & (kind < 0.55)).astype(np.float32)
    high = 1 - flip - flat
    wedge = high * dice.happens(0.4)
    thick = dice.between(1.1, 1.8) + flat * dice.between(0, 0.8) + wedge
    ankle = flip * dice.between(4, 5.5) + flat * dice.between(6.5, 10) + high * dice.between(7, 11)
    total = np.minimum(0.4 + flat * dice.between(0, 2.5) + high * dice.between(5, 13) + ankle + thick, 27.4)
    lift = total - ankle - thick
    floor = 14 + 0.5 * total
    ball = dice.between(8, 10)
    rise = knots(X, (0.0, -0.02), (ball, 0.0), (ball + 4, 0.16), (19.0, 0.68), (22.5, 0.96), (28.0, 1.02))
    toe_lift = knots(X, (0.0, 0.5), (2.5, 0.0))
    bed = floor - thick - lift * rise + 0.3 * toe_lift
    under = (floor - lift * rise) * (1 - wedge) + floor * wedge - toe_lift

    canvas = blank(dice.n)
    sole = below(Y, under) * (1 - below(Y, bed)) * between(X, 0.2, 27.6)
    block = high * dice.between(0.8, 4.5)
    heel = between(X, 27.2 - block - 0.1 * (floor - Y), 27.3) * between(Y, floor - lift - 0.5, floor)
    sole_shade = clamp(base + dice.near(-0.05, 0.4)) + 0.04
    cover = np.maximum(sole, heel * (high > wedge))
    paint(canvas, cover, sole_shade + dice.grain() * dice.between(0, 0.12))

    leather = np.maximum(base + 0.1 * blotches(dice, 0.2), 0.05)
    last = Last(floor, bed, floor - thick - lift, ankle, dice.between(25.4, 27))
    paint(canvas, thong(dice, last) * flip, leather)
    paint(canvas, np.maximum(toe_straps(dice, last), ankle_straps(dice, last)) * (1 - flip), leather)
    return canvas


def thong(dice: Dice, last: Last) -> Field:
    """The cover of a flip-flop's strap: two arches from the toe to the middle of the foot."""
    middle, half = dice.between(10.5, 12.5), dice.between(6, 7.5)
    near = outline(ellipse(X - middle, Y - last.bed, half, last.ankle), dice.between(0.9, 1.6))
    far = outline(ellipse(X - middle - 2, Y - last.bed, half + 1.5, 0.8 * last.ankle), dice.between(0.5, 1.2))
    return np.maximum(near, 0.8 * far) * below(Y, last.bed + 0.5)


def toe_straps(dice: Dice, last: Last) -> Field:
    """The cover of a band over the toes, often slit, and of rungs over the foot with piping along their upper ends."""
    toes, height = dice.between(4.5, 6.5), dice.between(3.8, 5.2)
    band = inside(ellipse(X - toes, Y - last.bed, dice.between(2.6, 4.2), dice.between(3, 5)))
    slit = outline(X - toes + dice.near(0.3, 0.6) * (Y - last.floor + 3), dice.between(0.3, 1))
    band = band * (1 - slit * dice.happens(0.5))
    over = knots(X, (1.0, 2.0), (5.0, height), (13.0, height), (18.0, height + 1), (22.0, last.ankle))
    upper = last.bed - over
    foot = (1 - below(Y, upper)) * between(X, 1.5, dice.between(14, 20))
    slanted = X + dice.near(0.25, 0.5) * (Y - last.floor)
    rungs = clamp(dice.between(1.6, 2.6) * wave(slanted, dice.between(5, 8.5), dice.between(0, 1)) + 0.5)
    piping = between(Y, upper, upper + dice.between(0.9, 1.5)) * between(X, 4, dice.between(17, 22))
    cage = np.maximum(foot * rungs, piping * dice.happens(0.6))
    return np.maximum(band, cage * dice.happens(0.7)) * below(Y, last.bed + 0.5)


def ankle_straps(dice: Dice, last: Last) -> Field:
    """The cover of a counter at the heel and of a strap that goes around the ankle or slants down to the foot."""
    width = dice.between(1.1, 2.6)
    reach = last.heel_bed - last.ankle + dice.between(0.4, 1.5)  # height of the strap
    counter = between(X, dice.between(21.5, 24.5) + 0.25 * (Y - reach), 27)
    counter = counter * between(Y, last.heel_bed - dice.between(2.5, 6), last.bed + 0.5)
    upright = stroke(last.back, last.heel_bed, last.back - 0.6, reach, width)
    low_x = dice.between(13.5, 18)
    low_y = 0.7 * last.floor + 0.3 * last.heel_bed - 2
    diagonal = stroke(last.back - 0.6, reach, low_x, low_y, width)
    ring = outline(ellipse(X - last.back + 4.6, Y - reach, dice.between(4, 6), dice.between(0.4, 1.1)), 1.3)
    level = dice.happens(0.5)
    strap = np.maximum(diagonal * (1 - level), ring * level)
    return np.maximum(np.maximum(counter * dice.happens(0.6), upright), strap)
