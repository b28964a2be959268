"""Figures of a report as HTML and SVG text, for a page and for a file that stands alone: no script, no request, both themes.

Charts are 360 wide, so that on a phone their letters keep their size; what is a row of bars is HTML and takes the width there is.

>>> escape("<b> & co")
'&lt;b&gt; &amp; co'
"""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae_core.analysis.backendless import matplotlib
from vae_core.storage import names

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 24, 10, 40
# Of a map of the latent plane.
PLANE = HEIGHT + 60 - TOP - BOTTOM
# Told apart by the colour-blind, of a contrast of 3 and more on white and on black.
COLOURS = ("#8a5cd6", "#d9731a", "#1f9487", "#c2418f", "#5b7fd1", "#8a8320")
_CHART = {
    "": 'font: 13px "Source Sans", system-ui, sans-serif',
    "text": "fill: currentColor",
    ".axis": "stroke: currentColor; stroke-opacity: .35; fill: none",
    ".curve": "fill: none; stroke-width: 2.2",
}
# Of a chart that is a picture by itself: it knows the reader's theme, and not the page's colours.
_ALONE = (
    "<style>svg { color: #1d1a26 } @media (prefers-color-scheme: dark) { svg { color: #ece9f3 } }"
    + "".join(f"svg {name} {{ {rules} }}" for name, rules in _CHART.items())
    + "</style>"
)
STYLE = (
    "".join(f".rep svg {name} {{ {rules}; }}" for name, rules in _CHART.items())
    + """
.rep { line-height: 1.5; }
.rep svg, .rep img.chart { width: 100%; max-width: 29rem; height: auto; display: block; }
.rep .figures { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.rep figure { margin: 0; flex: 1 1 20rem; max-width: 30rem; min-width: 0; }
.rep figcaption, .rep .small { font-size: .875rem; opacity: .85; }
.rep .key { display: flex; flex-wrap: wrap; gap: .15rem 1rem; font-size: .875rem; margin: .25rem 0; }
.rep .key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em; }
.rep .scroll { overflow-x: auto; }
.rep table { border-collapse: collapse; font-size: .9375rem; }
.rep th, .rep td { padding: .2rem .7rem .2rem 0; text-align: left; border: 0; border-bottom: 1px solid #8884; }
.rep td.n, .rep th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.rep tr.grey { opacity: .75; }
.rep .examples { gap: .75rem 1.5rem; }
.rep .examples figure { flex: 0 0 auto; }
.rep .dots, .rep .bars, .rep .figures, .rep .scroll { margin-bottom: .75rem; }
.rep .dots { display: grid; grid-template-columns: 23rem 4rem 1fr; gap: .1rem .75rem; align-items: center; max-width: 60rem; }
.rep .dots .track { position: relative; height: 1.4rem; border-bottom: 1px solid #8885; }
.rep .dots .track i { position: absolute; width: .8rem; height: .8rem; border-radius: 50%; top: .3rem; margin-left: -.4rem; box-sizing: border-box; }
.rep .dots .value { text-align: right; font-variant-numeric: tabular-nums; }
.rep .dots .own { font-weight: 700; }
.rep .dots .grey { opacity: .75; }
.rep .bars { display: grid; grid-template-columns: minmax(6rem, 9rem) 1fr; gap: .3rem .75rem; align-items: center; max-width: 54rem; }
.rep .bar { display: flex; height: 1.3rem; }
.rep .bar i { display: block; height: 100%; min-width: 1px; }
.rep .bar b { font-weight: 400; padding-left: .4rem; white-space: nowrap; font-variant-numeric: tabular-nums; font-size: .875rem; }
.rep img.pixels { image-rendering: pixelated; max-width: 100%; height: auto; display: block; }
@media (max-width: 640px) {
  .rep .dots { grid-template-columns: 1fr 4rem; }
  .rep .dots .track { grid-column: 1 / -1; order: 0; height: 1.1rem; margin-bottom: .3rem; }
  .rep .dots .track i { top: .1rem; }
}
"""
)


class Series(NamedTuple):
    """A curve: its name, and its points (n,) and (n,)."""

    name: str
    x: np.ndarray
    y: np.ndarray


class Dot(NamedTuple):
    """A mark of an axis. kind: "own", "filled", "ring" (not quite comparable) or "grey"."""

    name: str
    value: float
    kind: str


class Frame(NamedTuple):
    """Where values lie in a chart."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.x_low) / (self.x_high - self.x_low or 1)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.y_low) / (self.y_high - self.y_low or 1)


def escape(text: object) -> str:
    """Text of anybody's for HTML, in an element or a quoted attribute: one line, without invisible characters."""
    return html.escape(names.clean(str(text)), quote=True)


def figure(content: str, caption: str) -> str:
    """A figure with a caption, both HTML."""
    return f"<figure>{content}<figcaption>{caption}</figcaption></figure>"


def line_chart(series: Sequence[Series], x_label: str, y_label: str, log_x: bool = False, marks: bool = False) -> str:
    """Curves over a common axis, with a key if there is more than one; "" without a finite point.

    Args:
        series: The curves; what is not finite is left out.
        x_label: Of the axis.
        y_label: Of the other.
        log_x: Whether the first axis is logarithmic, for positive values.
        marks: Whether to draw the points.
    """
    kept = []
    for one in series:
        x, y = np.asarray(one.x, np.float64), np.asarray(one.y, np.float64)
        finite = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not log_x))
        if finite.any():
            kept.append(Series(one.name, np.log10(x[finite]) if log_x else x[finite], y[finite]))
    if not kept:
        return ""
    xs, ys = (np.concatenate([getattr(one, axis) for one in kept]) for axis in "xy")
    margin = 0.06 * (ys.max() - ys.min() or abs(ys.max()) or 1)
    frame = Frame(xs.min(), xs.max(), ys.min() - margin, ys.max() + margin)
    parts = [_axes(frame, x_label, y_label, log_x)]
    for i, one in enumerate(kept):
        colour = COLOURS[i % len(COLOURS)]
        points = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(one.x, one.y, strict=True)]
        parts.append(f'<polyline class="curve" stroke="{colour}" points="{" ".join(points)}"/>')
        if marks or len(points) == 1:
            circles = [f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="3.5"/>' for p in points]
            parts.append(f'<g fill="{colour}">{"".join(circles)}</g>')
    label = escape(f"{y_label} over {x_label}")
    return svg("".join(parts), label) + (key([one.name for one in kept]) if len(kept) > 1 else "")


def svg(content: str, label: str, height: int = HEIGHT) -> str:
    """An SVG of the common width; `label` is read aloud, and escaped already."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{content}</svg>'


def charts_as_pictures(text: str) -> str:
    """The same HTML with each SVG as a picture of its own, for a page that lets no SVG through.

    >>> charts_as_pictures("<p>" + svg("<svg></svg>", "a chart") + "</p>")[:39]
    '<p><img class="chart" alt="a chart" src'
    """
    parts, depth, begun, done = [], 0, 0, 0
    for tag in re.finditer(r"<svg\b|</svg>", text):
        if tag[0] == "</svg>":
            depth -= 1
            if depth == 0:
                parts += [text[done:begun], _as_picture(text[begun : tag.end()])]
                done = tag.end()
        else:
            begun = tag.start() if depth == 0 else begun
            depth += 1
    return "".join([*parts, text[done:]])


def _as_picture(chart: str) -> str:
    label = re.search(r'aria-label="([^"]*)"', chart)
    head, rest = chart.split(">", 1)
    data = base64.b64encode(f"{head}>{_ALONE}{rest}".encode()).decode()
    return f'<img class="chart" alt="{label[1] if label else ""}" src="data:image/svg+xml;base64,{data}">'


def key(entries: Sequence[str], colours: Sequence[str] = COLOURS) -> str:
    """Colours and what they stand for."""
    parts = [
        f'<span><i style="background:{colours[i % len(colours)]}"></i>{escape(name)}</span>'
        for i, name in enumerate(entries)
    ]
    return f'<div class="key">{"".join(parts)}</div>'


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers within a range, 2 to `most` of them."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    rough = span / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]


def _axes(frame: Frame, x_label: str, y_label: str, log_x: bool) -> str:
    parts = [f'<path class="axis" d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>']
    if log_x:
        powers = range(math.ceil(frame.x_low - 1e-9), math.floor(frame.x_high + 1e-9) + 1)
        places = [(float(power), f"{10**power:,.10g}") for power in powers]
    else:
        places = [(value, f"{value:,.10g}") for value in ticks(frame.x_low, frame.x_high)]
    for value, text in places:
        parts.append(f'<text x="{frame.x(value):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{text}</text>')
    for value in ticks(frame.y_low, frame.y_high):
        y = frame.y(value)
        parts.append(f'<path class="axis" d="M{LEFT - 4},{y:.1f}H{LEFT}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>')
    centre = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text transform="translate(12 {centre}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    return "".join(parts)


def dot_plot(dots: Sequence[Dot]) -> str:
    """Values on one axis, a row each, the lowest first."""
    dots = sorted(dots, key=lambda dot: dot.value)
    low, high = dots[0].value, dots[-1].value
    rows = []
    for dot in dots:
        at = 2 + 96 * (dot.value - low) / (high - low or 1)
        colour = COLOURS[1] if dot.kind == "own" else COLOURS[0] if dot.kind == "filled" else "#888888"
        fill = f"border:2px solid {colour}" if dot.kind == "ring" else f"background:{colour}"
        extra = {"own": " own", "grey": " grey"}.get(dot.kind, "")
        rows.append(
            f'<div class="name{extra}">{escape(dot.name)}</div><div class="value{extra}">{dot.value:.1f}</div>'
            f'<div class="track"><i style="left:{at:.1f}%;{fill}"></i></div>'
        )
    return f'<div class="dots">{"".join(rows)}</div>'


def stacked_bars(
    rows: Sequence[tuple[str, Sequence[float]]],
    legend: Sequence[str],
    digits: int = 2,
    colours: Sequence[str] = COLOURS,
) -> str:
    """Bars of several parts on one scale, each with its sum.

    Args:
        rows: Name and parts, 0 or more each.
        legend: What the parts are.
        digits: Behind the point.
        colours: Of the parts.
    """
    longest = max((sum(parts) for _, parts in rows), default=0) or 1
    cells = []
    for name, parts in rows:
        pieces = [
            f'<i style="width:{82 * max(part, 0) / longest:.2f}%;background:{colours[i % len(colours)]}"></i>'
            for i, part in enumerate(parts)
        ]
        cells.append(f'<div>{escape(name)}</div><div class="bar">{"".join(pieces)}<b>{sum(parts):.{digits}f}</b></div>')
    return key(legend, colours) + f'<div class="bars">{"".join(cells)}</div>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: int = 1) -> str:
    """A table; cells from column `numeric` on stand to the right."""

    def line(cells: Sequence[str], tag: str) -> str:
        opened = (f'<{tag} class="n">' if i >= numeric else f"<{tag}>" for i in range(len(cells)))
        parts = [f"{start}{escape(cell) if cell else ''}</{tag}>" for start, cell in zip(opened, cells, strict=True)]
        return f"<tr>{''.join(parts)}</tr>"

    return f'<div class="scroll"><table>{line(header, "th")}{"".join(line(row, "td") for row in rows)}</table></div>'


def heat(
    values: np.ndarray,
    extent: float,
    label: str,
    colormap: str = "viridis",
    over: str = "",
    centre: Sequence[float] | np.ndarray = (0.0, 0.0),
) -> str:
    """A coloured map of the latent plane with both axes.

    Args:
        values: (side, side), the first row at the top.
        extent: Half its width, in latent units.
        label: What it shows, for who hears it.
        colormap: Of matplotlib.
        over: SVG that is drawn over it, in the coordinates of `plane_point`; what lies outside is cut off.
        centre: Its middle, (2,).
    """
    low, high = float(values.min()), float(values.max())
    shares = (values - low) / (high - low or 1)
    image = np.round(255 * matplotlib.colormaps[colormap](shares)[..., :3]).astype(np.uint8)
    parts = [
        f'<image href="{png(image)}" x="{LEFT}" y="{TOP}" width="{PLANE}" height="{PLANE}" preserveAspectRatio="none"/>',
        f'<svg x="{LEFT}" y="{TOP}" width="{PLANE}" height="{PLANE}" viewBox="{LEFT} {TOP} {PLANE} {PLANE}">{over}</svg>',
        f'<path class="axis" d="M{LEFT},{TOP}V{TOP + PLANE}H{LEFT + PLANE}"/>',
    ]
    for value in ticks(centre[0] - extent, centre[0] + extent):
        x, _ = plane_point(value, centre[1], extent, centre)
        parts.append(f'<text x="{x:.1f}" y="{TOP + PLANE + 16}" text-anchor="middle">{_number(value)}</text>')
    for value in ticks(centre[1] - extent, centre[1] + extent, 6):
        _, y = plane_point(centre[0], value, extent, centre)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    parts.append(f'<text x="{LEFT + PLANE / 2}" y="{TOP + PLANE + 33}" text-anchor="middle">z₁ →</text>')
    parts.append(f'<text x="{LEFT - 30}" y="{TOP + PLANE + 18}" text-anchor="middle">z₂ ↑</text>')
    return svg("".join(parts), escape(label), HEIGHT + 60)


def plane_point(
    z1: float, z2: float, extent: float, centre: Sequence[float] | np.ndarray = (0.0, 0.0)
) -> tuple[float, float]:
    """Where a point of the latent plane lies in a `heat`."""
    return (
        LEFT + PLANE * (z1 - centre[0] + extent) / (2 * extent),
        TOP + PLANE * (extent - z2 + centre[1]) / (2 * extent),
    )


def plane_length(length: float, extent: float) -> float:
    """How long a distance of the latent plane is in a `heat`."""
    return PLANE * length / (2 * extent)


def png(image: np.ndarray) -> str:
    """uint8 (h, w) or (h, w, 1 or 3) as a PNG in a data address."""
    buffer = BytesIO()
    Image.fromarray(image.squeeze(-1) if image.ndim == 3 and image.shape[2] == 1 else image).save(
        buffer, "PNG", optimize=True
    )
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def picture(image: np.ndarray, alt: str) -> str:
    """Pixels uint8 as an element, crisp."""
    return f'<img class="pixels" src="{png(image)}" alt="{escape(alt)}">'


def _number(value: float) -> str:
    return f"{value:,.6g}".replace("-", "−")
