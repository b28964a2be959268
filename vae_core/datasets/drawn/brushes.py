"""What the drawn garments are drawn with: dice, edges, strokes and cloth, for a whole batch at once.

Coordinates are in pixels of the 28×28 frame: x to the right, y down, the centre of the first pixel at (0.5, 0.5).
Every length, place and shade is an array (n, 1, 1), one value per image, or one number for all. A *cover* is
(n, 28, 28) float32 in [0, 1], the share of each pixel that a shape covers, from the signed distance of the pixel's
centre to the shape's edge: that is the anti-aliasing. Shades are in [0, 1].

Only +, −, ×, /, square root, comparison and rounding are used, which IEEE 754 rounds alike everywhere, so a seed draws the
same bytes on every machine. No sin, exp or matrix product.

>>> canvas = blank(1)
>>> paint(canvas, inside(ellipse(X - 14, Y - 14, 5, 5)), 0.8)
>>> canvas.shape, round(float(canvas[0, 14, 14]), 1), float(canvas[0, 0, 0])
((1, 28, 28), 0.8, 0.0)
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 28  # pixels
Field = NDArray[Any]  # float32 throughout; the type checker takes float32 × 0.5 for float64
Value = Field | float

_centres = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)
X: Field = _centres[None, None, :]  # (1, 1, 28)
Y: Field = _centres[None, :, None]  # (1, 28, 1)


def blank(n: int) -> Field:
    """Black canvases for n images, (n, 28, 28)."""
    return np.zeros((n, SIDE, SIDE), np.float32)


class Dice:
    """Random values for n images, each (n, 1, 1) float32.

    Args:
        rng: Where they come from.
        n: How many images are drawn at once.
    """

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.rng, self.n = rng, n

    def between(self, low: Value, high: Value) -> Field:
        """Draw uniformly from [low, high)."""
        return low + (high - low) * self.rng.random((self.n, 1, 1), dtype=np.float32)

    def near(self, middle: Value, spread: float) -> Field:
        """Draw from a triangle around middle, never further off than spread: most garments are cut in the usual way."""
        pair = self.rng.random((2, self.n, 1, 1), dtype=np.float32)
        return middle + spread * (pair[0] + pair[1] - 1)

    def happens(self, chance: float) -> Field:
        """Draw 1 with this chance, in [0, 1], else 0."""
        return (self.rng.random((self.n, 1, 1), dtype=np.float32) < chance).astype(np.float32)

    def shade(self, *percentiles: float) -> Field:
        """Draw from the distribution whose 0th … 100th percentiles these are, evenly spaced, linear between."""
        return knots(self.between(0, len(percentiles) - 1), *enumerate(percentiles))

    def grain(self, height: int = SIDE, width: int = SIDE) -> Field:
        """Draw independent uniform noise in [−1, 1), (n, height, width)."""
        return 2 * self.rng.random((self.n, height, width), dtype=np.float32) - 1


def knots(at: Field, *points: tuple[Value, Value]) -> Field:
    """Height of the broken line through points, held constant beyond the ends.

    Args:
        at: Where; (1, 28, 1) or (1, 1, 28) for an edge along one axis, or any shape.
        *points: (position, value), by rising position.

    Returns:
        `at`'s shape broadcast with the points'.
    """
    line = points[0][1] + 0 * at
    for (start, before), (stop, after) in pairwise(points):
        line = line + (after - before) * clamp((at - start) / np.maximum(np.float32(1e-3), stop - start))
    return line


def clamp(values: Field) -> Field:
    """Limit `values` to [0, 1], in place: they are always a fresh array here."""
    return np.minimum(np.maximum(values, np.float32(0), out=values), np.float32(1), out=values)


def below(at: Field, edge: Value, soft: Value = 1.0) -> Field:
    """The cover of where `at` < `edge`.

    Args:
        at: X or Y, or another measure of place in pixels.
        edge: One that varies along y (n, 28, 1) or x (n, 1, 28) is a slanted line: the distance to it is shorter than
            the distance along the axis, by 1 / sqrt(1 + slope²).
        soft: Pixels over which it fades.
    """
    if isinstance(edge, np.ndarray) and SIDE in edge.shape[1:] and edge.shape[1:] != (SIDE, SIDE):
        slope = np.gradient(edge, axis=1 if edge.shape[1] == SIDE else 2)
        scale = 1 / (soft * np.sqrt(1 + slope * slope))
        return clamp((edge - at) * scale + np.float32(0.5))
    return clamp((edge - at) / soft + np.float32(0.5))


def between(at: Field, low: Value, high: Value) -> Field:
    """The cover of where low < `at` < high."""
    return below(at, high) * (1 - below(at, low))


def stroke(x0: Value, y0: Value, x1: Value, y1: Value, width: Value) -> Field:
    """The cover of a straight line with round ends, `width` pixels wide."""
    dx, dy = x1 - x0, y1 - y0
    rx, ry = X - x0, Y - y0
    along = clamp((rx * dx + ry * dy) / (dx * dx + dy * dy + np.float32(1e-6)))
    ox, oy = rx - along * dx, ry - along * dy
    return clamp(0.5 * width + np.float32(0.5) - np.sqrt(ox * ox + oy * oy))


def ellipse(dx: Field, dy: Field, rx: Value, ry: Value) -> Field:
    """Signed distance in pixels to an upright ellipse, negative inside; first-order, exact for a circle.

    Args:
        dx: Place relative to its middle, as in `X - x`.
        dy: Likewise.
        rx: Half its width.
        ry: Half its height.
    """
    u, v = dx / rx, dy / ry
    radius = np.sqrt(u * u + v * v) + np.float32(1e-6)
    gradient = np.sqrt((u / rx) * (u / rx) + (v / ry) * (v / ry)) / radius + np.float32(1e-6)
    return (radius - 1) / gradient


def box(dx: Field, dy: Field, half_width: Value, half_height: Value, corner: Value) -> Field:
    """Signed distance in pixels to an upright rectangle with rounded corners, negative inside."""
    u = abs(dx) - half_width + corner
    v = abs(dy) - half_height + corner
    outside_u, outside_v = np.maximum(u, 0), np.maximum(v, 0)
    outside = np.sqrt(outside_u * outside_u + outside_v * outside_v)
    return outside + np.minimum(np.maximum(u, v), 0) - corner


def inside(distance: Field) -> Field:
    """The cover of a shape from its signed distance."""
    return clamp(np.float32(0.5) - distance)


def outline(distance: Field, width: Value) -> Field:
    """The cover of a line `width` pixels wide along a shape's edge."""
    return clamp(0.5 * width + np.float32(0.5) - abs(distance))


def paint(canvas: Field, cover: Field, shade: Value) -> None:
    """Lay `shade` over `canvas` (n, 28, 28) where `cover` is, in place."""
    canvas += (shade - canvas) * cover


def wave(at: Field, period: Value, phase: Value) -> Field:
    """A triangle wave in [−1, 1] of `period` pixels."""
    turns = at / period + phase
    return 4 * abs(turns - np.floor(turns) - np.float32(0.5)) - 1


def blotches(dice: Dice, coarse: Value = 0.5) -> Field:
    """Smooth noise of about two pixels' grain in [−1, 1] (n, 28, 28): what a small print looks like at this size.

    Args:
        dice: Where it comes from.
        coarse: 0 for single pixels … 1 for flowers.
    """
    noise = dice.grain(SIDE + 1, SIDE + 1)
    pairs = noise[:, 1:] + noise[:, :-1]
    fours = 0.5 * (pairs[:, :, 1:] + pairs[:, :, :-1])
    return noise[:, 1:, 1:] * (1 - coarse) + fours * coarse


def folds(dice: Dice, strength: Value, hang: float = 0.5) -> Field:
    """Vertical folds, (n, 28, 28) around 0: soft light and dark streaks that grow towards the hem.

    Args:
        dice: Where they come from.
        strength: Of the streaks, as a difference in shade.
        hang: 0 for streaks as strong at the top, 1 for none there.
    """
    heights = dice.grain(1, 12)
    place = _centres * np.float32(11 / SIDE)
    index = place.astype(np.intp)
    weight = place - index.astype(np.float32)
    streaks = heights[:, :, index] * (1 - weight) + heights[:, :, index + 1] * weight
    return streaks * (strength * (1 - hang + hang * Y / SIDE))


def cloth(
    dice: Dice,
    base: Field,
    *,
    crease: float = 0.08,
    noise: float = 0.015,
    speckled: float = 0.08,
    striped: float = 0.06,
    checked: float = 0.02,
    pleated: float = 0.02,
) -> Field:
    """The shade of a cloth at every pixel, (n, 28, 28) in [0.02, 1].

    Args:
        dice: Where its patterns come from.
        base: Shade of each garment.
        crease: Strength of folds.
        noise: Strength of grain.
        speckled: Share of garments with spots; those without any pattern are plain.
        striped: Share with stripes across.
        checked: Share with stripes both ways.
        pleated: Share with stripes down.
    """
    kind = dice.between(0, 1)
    speckle = kind < speckled
    across = ~speckle & (kind < speckled + striped + checked)
    down = (kind >= speckled + striped) & (kind < speckled + striped + checked + pleated)
    # a pattern needs a second shade that stands out: at least 0.3 away, on the side with more room
    step = dice.between(0.3, 0.75) * np.where(base > 0.5, np.float32(-1), np.float32(1))
    rows = clamp(1.6 * wave(Y, dice.between(2.4, 6.5), dice.between(0, 1)) + dice.between(0, 1))
    columns = clamp(1.6 * wave(X, dice.between(2.4, 5.5), dice.between(0, 1)) + dice.between(0, 1))
    spots = clamp(dice.between(0.8, 2) * blotches(dice, dice.between(0.2, 1)) + dice.between(-0.1, 0.7))
    weave = np.where(across & down, np.float32(0.5), np.float32(1)) * (rows * across + columns * down)
    shade = base + step * (spots * speckle + weave) + folds(dice, crease * dice.between(0.2, 1.8) * (0.3 + base))
    shade += dice.grain() * (noise * dice.between(0.1, 1.9) * (0.4 + base))
    return np.minimum(np.maximum(shade, np.float32(0.02)), np.float32(1))
