"""The cut of sandals, sneakers and ankle boots, toes to the left: one function per class, a batch (n, 28, 28) at a time.

A shoe is described by its upper and lower edge as functions of x, as a trouser leg is by its sides as functions of y.
"""

from __future__ import annotations

import numpy as np

from vae_core.brushes import (
    SIDE,
    Dice,
    Field,
    Value,
    X,
    Y,
    below,
    between,
    blotches,
    clamp,
    cloth,
    inside,
    box,
    knots,
    paint,
    stroke,
)


def blank(dice: Dice) -> Field:
    return np.zeros((dice.n, SIDE, SIDE), np.float32)


def sneaker(dice: Dice) -> Field:
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
        (tongue - 2, collar + dice.between(0.6, 1.8)),
        (tongue + 0.5, collar),
        (tongue + 2.5, collar + dice.between(0.2, 1.2)),
        (22.5, collar + dice.between(0.5, 2.4) * (1 - 0.12 * high)),
        (25.5, collar + dice.between(0, 1.2)),
        (27.6, collar + dice.between(1.0, 3.0)),
    )
    lower = floor - knots(X, (0.0, dice.between(0.8, 2.5)), (3.5, 0.0), (24.0, 0.0), (28.0, dice.between(0, 1.2)))
    foot = below(Y, lower) * (1 - below(Y, upper)) * between(X, 0.1, 27.9)
    canvas = blank(dice)
    fabric = cloth(dice, base, speckled=0.06, striped=0.0, checked=0.0, pleated=0.02, crease=0.1, noise=0.1)
    paint(canvas, foot, fabric)
    light = np.where(base > 0.55, np.float32(-1), np.float32(1))
    # quarters: heel and toe cap of another shade, a slanted mark on the side
    heel = (1 - below(X, dice.between(20, 24) + 0.3 * (Y - 14))) * foot
    canvas += heel * dice.near(0, 0.25)
    canvas += below(X, dice.between(4, 8)) * foot * dice.near(0, 0.2)
    mark_x, tilt = dice.between(12, 17), dice.near(0.2, 0.9)
    mark = clamp(1.4 - abs(X - mark_x + tilt * (Y - floor + 5)) / dice.between(0.6, 1.8)) * foot * (1 - below(Y, upper + 2))
    canvas += mark * (light * dice.between(0.1, 0.5) * dice.happens(0.6))
    canvas += foot * blotches(dice, 0.3) * (dice.happens(0.4) * dice.between(0.05, 0.25))
    laces = between(Y, upper + 0.2, upper + 1.6) * between(X, 8, tongue) * foot
    canvas += laces * light * dice.near(0.1, 0.25)
    opening = between(Y, upper - 0.3, upper + 1.0) * between(X, tongue + 1.5, 26.5) * foot
    paint(canvas, opening, base * dice.between(0.3, 1.0))
    dark_sole = dice.happens(0.3)
    tread = dark_sole * dice.between(0.05, 0.3) + (1 - dark_sole) * dice.between(0.55, 1)
    paint(canvas, foot * (1 - below(Y, lower - sole)), tread)
    return canvas


def ankle_boot(dice: Dice) -> Field:
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
        (0.1, floor - dice.between(1.2, 2.6)),
        (2.5, toe),
        (7.0, 0.75 * toe + 0.25 * instep),
        (front - 2.2, instep),
        (front, instep - dice.between(2.5, 4.5)),
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
    boot = (1 - below(Y, upper)) * below(X, back)
    boot = boot * below(Y, lower)
    canvas = blank(dice)
    fabric = cloth(dice, base, speckled=0.06, striped=0.0, checked=0.0, pleated=0.01, crease=0.08, noise=0.06)
    fabric += dice.near(0.04, 0.12) * clamp((X - front) / 12)
    paint(canvas, boot, fabric)
    # the light runs along the shaft; elastic, zip or seam at the ankle
    seam_x = dice.between(17, 23) + dice.near(0, 0.2) * (Y - 14)
    seam = clamp(1.1 - abs(X - seam_x) / dice.between(0.6, 1.8)) * boot * below(Y, floor - lift - 2)
    canvas += seam * (dice.happens(0.6) * dice.near(-0.04, 0.25))
    cuff = between(Y, top, top + dice.between(1, 3)) * boot
    canvas += cuff * dice.near(0, 0.15)
    vamp = clamp(1.2 - abs(Y - instep - 0.5 * (front - X)) / 1.2) * boot * between(X, 8, 22)
    canvas += vamp * dice.near(-0.03, 0.2)
    sole = (1 - below(Y, lower - dice.between(0.8, 2.2))) * boot
    block = (1 - below(X, heel)) * (1 - below(Y, floor - lift)) * boot
    paint(canvas, np.maximum(sole, block) * 0.85, clamp(base + dice.near(-0.12, 0.35)) + 0.03)
    return canvas


def strap(dice: Dice, canvas: Field, shade: Value, x0: Value, y0: Value, x1: Value, y1: Value, width: Value) -> None:
    """A strap with its own grain."""
    paint(canvas, stroke(x0, y0, x1, y1, width), shade + 0.12 * dice.grain())


def sandal(dice: Dice) -> Field:
    """Flip-flops, flat sandals, wedges and heels: they differ in the lift of the heel and in the straps."""
    base = dice.shade(0.15, 0.3, 0.42, 0.5, 0.58, 0.66, 0.75, 0.86, 0.98)
    kind = dice.between(0, 1)
    flip = (kind < 0.18).astype(np.float32)
    flat = ((kind >= 0.18) & (kind < 0.52)).astype(np.float32)
    high = 1 - flip - flat
    wedge = high * dice.happens(0.45)
    lift = flip * 0.3 + flat * dice.between(0.5, 3) + high * dice.between(5, 13)
    ankle = flat * dice.between(7, 10) + high * dice.between(7, 11) + flip * dice.between(4, 6)  # height above the heel
    thick = dice.between(1.3, 2.6) - 0.3 * flip + 0.5 * wedge
    total = np.minimum(lift + ankle + thick, 27.5)
    lift = np.maximum(total - ankle - thick, 0.2)
    floor = 14 + 0.5 * total
    ball = dice.between(8, 10.5)
    bed = knots(X, (0.0, floor - thick - 0.4), (3.0, floor - thick), (ball, floor - thick - 0.05 * lift), (22.5, floor - thick - lift), (28.0, floor - thick - 1.02 * lift))
    under = knots(X, (0.0, floor - 0.6), (2.0, floor), (ball, floor), (22.5, floor - lift), (28.0, floor - lift))
    under = under * (1 - wedge) + floor * wedge
    canvas = blank(dice)
    sole_shade = clamp(base + dice.near(-0.1, 0.4)) + 0.05
    sole = below(Y, under) * (1 - below(Y, bed)) * between(X, 0.2, 27.6)
    paint(canvas, sole, sole_shade + 0.15 * dice.grain() * dice.between(0, 1))
    block = dice.between(1.2, 5) * high
    heel = between(X, 27.5 - block - 0.12 * (floor - Y), 27.5) * between(Y, floor - lift - 1, floor) * (high > wedge)
    paint(canvas, heel, sole_shade)
    width = dice.between(1.2, 2.8)
    # toe strap or, on a flip-flop, the thong that runs from the toe to the middle of the foot
    toe_x = dice.between(2.5, 5)
    toe_y = floor - thick
    rise = dice.between(2.5, 4.5) + 0.8 * high
    band = dice.between(2.2, 4.5) * (1 - flip)
    strap(dice, canvas, base, toe_x, toe_y, toe_x + 3.0 + 2 * flip, toe_y - rise, width * (1 - 0.3 * flip))
    strap(dice, canvas, base, toe_x + 3.0 + 2 * flip, toe_y - rise, toe_x + 3 + band + 8 * flip, toe_y - rise * (1 - 0.4 * flip), width * (1 - 0.3 * flip))
    strap(dice, canvas, base, toe_x + 3 + band + 8 * flip, toe_y - rise * (1 - 0.4 * flip), ball + 2.5 + 5 * flip, toe_y - 0.2 * lift, width * (1 - 0.3 * flip))
    # counter and ankle strap
    heel_y = floor - thick - lift
    top_y = heel_y - ankle * dice.between(0.75, 1) * (1 - flip)
    back = dice.between(25, 27)
    strap(dice, canvas, base, back, heel_y, back - 0.3, top_y + 1, (width + 0.4) * (1 - flip) - flip)
    strap(dice, canvas, base, back, top_y + 1.2, dice.between(15.5, 19.5), top_y + dice.between(-0.4, 2), width * 0.85 * (1 - flip) - flip)
    middle = dice.happens(0.6) * (1 - flip)
    strap(dice, canvas, base, 17, top_y + 1.5, dice.between(11, 15), toe_y - 0.35 * lift - 1, width * middle - (1 - middle))
    cross = dice.happens(0.5) * (1 - flip)
    strap(dice, canvas, base, toe_x + 6, toe_y - rise, dice.between(18, 23), heel_y + 0.3 * lift, width * cross - (1 - cross))
    return canvas
