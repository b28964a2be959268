"""The cut of tops, trousers, dresses and bags: one function per class, a batch (n, 28, 28) at a time.

Proportions and shades were chosen by looking at Fashion-MNIST; they are plain numbers of pixels (the frame is 28) and of
shade (0 black … 1 white), and nothing else of it is here.

>>> coat(Dice(np.random.default_rng(0), 2)).shape
(2, 28, 28)
"""

from __future__ import annotations

import numpy as np

from vae_core.datasets.drawn.brushes import (
    Dice,
    Field,
    X,
    Y,
    below,
    between,
    blank,
    box,
    clamp,
    cloth,
    ellipse,
    inside,
    knots,
    outline,
    paint,
    wave,
)
from vae_core.datasets.drawn.tailoring import MIDDLE, Cut, finish_neck, light_seam, print_chest, sew


def t_shirt(dice: Dice) -> Field:
    """Short sleeves or straps, a round neck, often a printed chest."""
    base = dice.shade(0.08, 0.22, 0.42, 0.56, 0.66, 0.76, 0.83, 0.88, 0.95)
    bare = dice.happens(0.08)  # straps instead of sleeves
    chest = dice.near(6.9, 0.9)
    cut = Cut(
        neck=dice.near(3.6, 1.0),
        depth=dice.between(1.2, 3.2) + 4 * bare,
        drop=dice.near(2.2, 0.6),
        shoulder=dice.near(7.2, 0.9) - 2.5 * bare,
        chest=chest,
        waist=chest - dice.near(0.3, 0.6),
        hem=chest + dice.near(0.1, 0.8),
        length=dice.between(27.3, 28.3),
        armpit=dice.near(10.6, 1.2) - bare,
        reach=dice.near(10.9, 1.2),
        cuff=dice.near(4.2, 0.7),
        wrist=dice.near(9.2, 1.4) * (1 - bare),
        slant=dice.near(0.45, 0.2),
        curve=dice.between(0, 1.2),
    )
    fabric = cloth(dice, base, speckled=0.08, striped=0.05, pleated=0.01, crease=0.1)
    seam = light_seam(dice, base, 0.8)
    canvas, _, u = sew(dice, cut, fabric, fabric * dice.between(0.9, 1.12), seam)
    finish_neck(dice, canvas, cut, u, base, 0.5)
    print_chest(dice, canvas, u, base, 0.4)
    return canvas


def pullover(dice: Dice) -> Field:
    """Long sleeves that hang lower than the hem, a ribbed hem, smooth."""
    base = dice.shade(0.12, 0.26, 0.43, 0.58, 0.69, 0.78, 0.85, 0.9, 0.95)
    chest = dice.near(6.6, 0.8)
    high_neck = dice.happens(0.12)
    cut = Cut(
        neck=dice.near(3.3, 0.8),
        depth=dice.between(0.5, 1.9) * (1 - high_neck) + 0.1,
        drop=dice.near(2.6, 0.7),
        shoulder=dice.near(7.9, 0.7),
        chest=chest,
        waist=chest - dice.near(0.2, 0.5),
        hem=chest - dice.near(0.2, 0.6),
        length=dice.between(23.5, 27.5),
        armpit=dice.near(9.5, 1),
        reach=dice.near(10.6, 1.2),
        cuff=dice.near(2.9, 0.5),
        wrist=dice.between(26.5, 28.5),
        slant=dice.near(0.15, 0.15),
    )
    fabric = cloth(dice, base, speckled=0.06, striped=0.07, crease=0.07)
    sleeve = fabric * dice.between(0.9, 1.1)
    canvas, body, u = sew(dice, cut, fabric, sleeve, light_seam(dice, base))
    finish_neck(dice, canvas, cut, u, base, 0.4)
    rib = between(Y, cut.length - dice.between(1.2, 2.2), 99) * body
    canvas += rib * dice.near(0, 0.12)
    print_chest(dice, canvas, u, base, 0.2)
    return canvas


def dress(dice: Dice) -> Field:
    """Narrow and as tall as the frame, no, short or long sleeves, flared or straight, folded or printed."""
    base = dice.shade(0.15, 0.36, 0.54, 0.64, 0.73, 0.8, 0.85, 0.9, 0.96)
    kind = dice.between(0, 1)
    long_arm = (kind < 0.27).astype(np.float32)
    short_arm = ((kind >= 0.27) & (kind < 0.58)).astype(np.float32)
    bare = 1 - long_arm - short_arm
    chest = dice.near(5.0, 0.9)
    waist = chest - dice.between(0, 1.2)
    shoulder = chest + dice.near(0.1, 0.4)
    cut = Cut(
        neck=dice.near(2.5, 0.7),
        depth=dice.between(1, 3.5) + bare * dice.between(0, 3.5),
        drop=dice.near(1.7, 0.6),
        shoulder=shoulder - 0.8 * bare,
        chest=chest,
        waist=waist,
        hem=waist + dice.between(0, 1) * dice.between(0.6, 6.5),
        length=dice.between(27.5, 28.5),
        armpit=dice.near(7.6, 1),
        reach=chest + 1.6 + 2.4 * dice.between(0.4, 1),
        cuff=dice.near(2.4, 0.5),
        wrist=long_arm * dice.between(12, 19) + short_arm * dice.between(5.5, 8.5),
        slant=0.15 * long_arm + 0.45 * short_arm,
        curve=dice.between(0, 1.5),
    )
    fabric = cloth(dice, base, speckled=0.22, striped=0.04, checked=0.01, crease=0.25)
    canvas, body, u = sew(dice, cut, fabric, fabric * dice.between(0.85, 1.1), light_seam(dice, base, 0.7))
    finish_neck(dice, canvas, cut, u, base, 0.2)
    belt = dice.between(9.5, 13.5)
    sash = between(Y, belt, belt + dice.between(0.6, 1.6)) * body
    canvas += sash * (dice.happens(0.3) * dice.near(-0.1, 0.35))
    return canvas


def coat(dice: Dice) -> Field:
    """Long sleeves, a high collar, a zip or a row of dark buttons, pockets; light and grainy."""
    base = dice.shade(0.2, 0.35, 0.55, 0.66, 0.74, 0.79, 0.83, 0.87, 0.93)
    chest = dice.near(6.5, 0.8)
    slim = dice.happens(0.2) * dice.between(0.5, 1.8)  # long coats fill the height, so they are narrower
    cut = Cut(
        neck=dice.near(2.3, 0.6),
        depth=dice.between(0, 0.6) + 0.1,
        drop=dice.near(3.6, 0.8),
        shoulder=dice.near(6.8, 0.6) - slim,
        chest=chest - slim,
        waist=chest - slim - dice.near(0.1, 0.5),
        hem=chest - slim + dice.near(0.2, 0.7),
        length=dice.between(23.5, 28.3) + slim,
        armpit=dice.near(9.6, 1),
        reach=dice.near(10.3, 1) - 1.2 * slim,
        cuff=dice.near(3.2, 0.5),
        wrist=dice.between(26, 28.5) - 3 * slim,
        slant=dice.near(0.15, 0.15),
    )
    fabric = cloth(dice, base, speckled=0.05, striped=0.02, checked=0.03, crease=0.06, noise=0.025)
    quilting = wave(Y, dice.between(2.6, 4.2), dice.between(0, 1))
    fabric += quilting * (dice.happens(0.2) * dice.between(0.05, 0.15))
    sleeve = fabric * dice.between(0.92, 1.1)
    canvas, body, u = sew(dice, cut, fabric, sleeve, light_seam(dice, base))
    collar = dice.between(2.5, 5.5)  # its height
    side = knots(Y, (0, dice.near(2.6, 0.5)), (collar, dice.near(3.4, 0.6)))
    paint(canvas, below(u, side) * below(Y, collar), clamp(base + dice.near(0.05, 0.25)))
    lapel = clamp(1 - abs(u - 0.45 * (dice.between(8, 12) - Y))) * body * between(Y, 2, 12)
    canvas += lapel * (dice.happens(0.4) * dice.near(0, 0.35))
    dark = clamp(base - dice.between(0.15, 0.5)) + 0.02
    zip_line = clamp(1.1 - dice.between(0.9, 1.6) * abs(u - dice.between(0, 0.5))) * between(Y, 0.6 * collar, 99)
    paint(canvas, zip_line * body * dice.happens(0.85) * dice.between(0.5, 1), dark)
    pocket = between(Y, dice.between(16, 19), dice.between(19.2, 21)) * between(u, 3, dice.between(3.8, 5))
    canvas += pocket * body * (dice.happens(0.4) * dice.near(-0.08, 0.25))
    return canvas


def shirt(dice: Dice) -> Field:
    """A small collar, a button placket, rounded tails; darker than a pullover, often checked or printed."""
    base = dice.shade(0.1, 0.2, 0.33, 0.44, 0.54, 0.64, 0.74, 0.83, 0.92)
    short = dice.happens(0.18)
    chest = dice.near(6.7, 0.8)
    cut = Cut(
        neck=dice.near(2.6, 0.8),
        depth=dice.between(0.4, 2.6),
        drop=dice.near(3.0, 0.8),
        shoulder=dice.near(6.6, 0.8),
        chest=chest,
        waist=chest - dice.near(0.5, 0.6),
        hem=chest + dice.near(0.2, 0.9),
        length=dice.between(26, 28.3),
        armpit=dice.near(9.8, 1) + short,
        reach=dice.near(10.6, 1) - 0.4 * short,
        cuff=dice.near(2.7, 0.5) + short,
        wrist=dice.between(23, 28) * (1 - short) + short * dice.between(10.5, 15),
        slant=dice.near(0.15, 0.15) + 0.25 * short,
        curve=dice.between(0, 5),
    )
    fabric = cloth(dice, base, speckled=0.24, striped=0.05, checked=0.1, pleated=0.03, crease=0.1)
    sleeve = fabric * dice.between(0.85, 1.1)
    canvas, body, u = sew(dice, cut, fabric, sleeve, light_seam(dice, base, 1.2))
    light = clamp(base + dice.near(0.15, 0.25))
    collar = between(Y, abs(u - dice.between(1, 2)) * 0.8, 3.4 - abs(u - 1.5)) * below(u, dice.near(2.9, 0.5))
    paint(canvas, collar * dice.happens(0.75), light)
    placket = clamp(1.0 - dice.between(0.8, 1.6) * u) * body * dice.happens(0.75)
    spacing = dice.between(3, 4.5)
    button = clamp(1.4 - 1.6 * abs(Y - spacing * np.floor(Y / spacing) - 0.5 * spacing))
    strength = dice.between(0.05, 0.25) * np.where(base > 0.6, np.float32(-1), np.float32(1))
    canvas += placket * strength * (0.5 + button * dice.happens(0.5))
    return canvas


def trouser(dice: Dice) -> Field:
    """Two legs with a gap between, a waistband; now and then a bent knee or wide legs."""
    base = dice.shade(0.3, 0.45, 0.6, 0.7, 0.76, 0.81, 0.86, 0.9, 0.95)
    wide = dice.happens(0.08) * dice.between(0.5, 3)  # shorts and wide legs
    waist, hip = dice.near(4.5, 0.5) + wide, dice.near(5.3, 0.6) + wide
    crotch = dice.near(8.5, 1.5)
    ankle = dice.near(4.7, 1.0) + wide
    leg = dice.near(3.1, 0.6) + 0.7 * wide
    middle = MIDDLE + dice.near(0, 0.4) + dice.near(0, 0.03) * (Y - MIDDLE)
    bend = dice.happens(0.3) * dice.between(-2.2, 2.2)  # one knee bent outwards
    knee = knots(Y, (crotch, 0.0), (19.0, 1.0), (28.0, 0.0))
    across = X - middle
    u = abs(across) - knee * bend * (across * bend > 0) * np.where(bend > 0, 1, -1).astype(np.float32)
    outer = knots(Y, (0.3, waist), (crotch, hip), (19.0, 0.5 * (hip + ankle) - 0.2), (28.0, ankle))
    inner = knots(Y, (crotch - 0.5, -0.6), (crotch + 4, 0.35 * (ankle - leg) + 0.4), (28.0, ankle - leg))
    cover = below(u, outer) * (1 - below(u, inner)) * between(Y, 0.2, 27.8)
    fabric = cloth(dice, base, speckled=0.04, striped=0.02, crease=0.05)
    centre = 0.5 * (outer + np.maximum(inner, 0))
    fabric = fabric + dice.near(0.05, 0.1) * clamp(1.3 - 0.5 * abs(u - centre))
    canvas = blank(dice.n)
    paint(canvas, cover, fabric)
    paint(canvas, cover * below(Y, dice.between(1.2, 2.2)) * 0.8, clamp(base + dice.near(0.08, 0.15)))
    fly = clamp(1 - u) * cover * below(Y, crotch)
    canvas += fly * dice.near(-0.06, 0.12)
    return canvas


def bag(dice: Dice) -> Field:
    """Clutches, bags with a short grip, totes with a long one; a flap, a clasp, piped edges."""
    base = dice.shade(0.2, 0.38, 0.58, 0.67, 0.74, 0.78, 0.82, 0.86, 0.93)
    kind = dice.between(0, 1)
    flat = (kind < 0.3).astype(np.float32)  # clutches and cross-body bags: no handle above
    tote = (kind > 0.68).astype(np.float32)  # narrow and tall with a long handle
    grip = 1 - flat - tote  # wide, with a short handle
    half = 13.4 * flat + grip * dice.between(11.5, 13.6) + tote * dice.between(8, 12)
    tall = flat * dice.between(11, 20) + grip * dice.between(14, 20) + tote * dice.between(13, 19)
    handle = grip * dice.between(6, 9) + tote * dice.between(9, 13)
    total = np.minimum(tall + handle, 27.6)
    tall = total - handle
    floor = MIDDLE + 0.5 * total + flat * dice.near(0, 1)
    top = floor - tall
    middle = MIDDLE + dice.near(0, 0.4)
    # narrower or wider towards the top: measure x in units that change with height
    flare = dice.near(0.02, 0.2) * (1 - flat) + flat * dice.near(0, 0.06)
    widen = 1 + flare * (0.5 - (Y - top) / tall)
    u = (X - middle) / widen
    corner = dice.between(0.3, 2) + dice.happens(0.3) * dice.between(0, 4)
    narrow = half / (1 + 0.5 * abs(flare))
    distance = box(u, Y - 0.5 * (top + floor), narrow, 0.5 * tall, corner)
    body = inside(distance)
    canvas = blank(dice.n)
    # handle: an arch of half an ellipse that stands on the body
    span = dice.between(0.3, 0.62) * half
    arch = outline(ellipse(X - middle, Y - top - 0.5, span, handle + 0.1), dice.between(0.9, 1.8))
    arch = arch * below(Y, top + 0.8) * (handle > 1)
    paint(canvas, arch, clamp(base * dice.between(0.75, 1.1)))
    loop = ellipse(X - middle, Y - 0.5 * (top + floor), half + 0.6, 0.5 * tall - 0.5)  # a shoulder strap, at the sides
    strap = outline(loop, dice.between(0.8, 1.5)) * (abs(X - middle) > half - 2.5)
    paint(canvas, strap * flat * dice.happens(0.4), clamp(base * 0.9))
    fabric = cloth(dice, base, speckled=0.07, striped=0.02, checked=0.02, crease=0.04, noise=0.02)
    fabric += dice.near(0.0, 0.12) * (Y - top) / tall
    paint(canvas, body, fabric)
    rim = outline(distance + 0.7, 1.0) * body
    canvas += rim * dice.near(0.02, 0.14)
    line = top + tall * dice.between(0.12, 0.65)
    canvas += body * clamp(1 - abs(Y - line)) * (dice.happens(0.7) * dice.near(-0.05, 0.25))
    clasp = inside(box(X - middle, Y - line, dice.between(0.6, 1.6), dice.between(0.5, 1.2), 0.3))
    canvas += clasp * body * (dice.happens(0.5) * dice.near(0, 0.4))
    return canvas
