"""A run's curves as ECharts options: raw thin, smoothed bold, validation as dots, marks where a dial was turned. No streamlit.

ECharts redraws such an option in place, without flicker, once a second (plotly builds its chart anew each time). Where the
axes lie is also known to `components/live_map/timeline_panel.js`, which draws the timeline's marker over a chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ACCENT, VALIDATION, FLOOR = "#8e5bd6", "#e8862e", "#8a8a8a"
OTHERS = ("#8e5bd6", "#e8862e", "#2f8f9d", "#c2456b", "#5b8c2a", "#7a6a58")  # runs beside each other
GRID: dict[str, Any] = {"left": 56, "right": 16, "top": 34, "bottom": 44, "outerBoundsMode": "none"}
LEGEND_ROOM = 24  # pixels below the title
TITLES = {
    "reconstruction_loss": "How badly it rebuilds: reconstruction, nats",
    "kl_loss": "How much z says: KL, nats",
    "loss": "What training lowers: loss, nats",
    "batch_time": "How long a batch takes: time, ms",
}
REPORT, SMOOTH, CHECKED = "each report", "smoothed", "validation"


def curve(
    steps: np.ndarray,
    raw: np.ndarray,
    smooth: np.ndarray,
    *,
    title: str,
    unit: str = "nats",
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    floor: tuple[float, str] | None = None,
    marks: Sequence[tuple[int, str]] = (),
    legend: bool = False,
    narrow: bool = False,
) -> dict[str, Any]:
    """One quantity over steps.

    steps, raw, smooth: (n,) of the reports. validation: steps and values (m,). floor: a grey line, and what it is in words.
    marks: (step, words) of events. narrow: the title takes two lines. The axis leaves out the first moments, which would flatten the rest.
    """
    low, high = _range(smooth, validation, None if floor is None else floor[0])
    series: list[dict[str, Any]] = [
        _line(REPORT, steps, raw, {"width": 1, "opacity": 0.35}, ACCENT),
        _line(SMOOTH, steps, smooth, {"width": 2.5}, ACCENT),
    ]
    if validation is not None and len(validation[0]):
        dots = {"symbol": "circle", "symbolSize": 6}
        series.append({**_line(CHECKED, *validation, {"width": 1.5}, VALIDATION), **dots})
    series[1]["markLine"] = {
        "data": _marks(marks, floor),
        "symbol": "none",
        "animation": False,
        "lineStyle": {"color": FLOOR, "type": "dashed"},
    }
    chart = _chart(title, series, low, high, unit, legend)
    if narrow:
        chart["title"]["text"] = title.replace(": ", ":\n")
        chart["grid"]["top"] += 10
    return chart


def together(lines: Mapping[str, tuple[np.ndarray, np.ndarray]], *, title: str) -> dict[str, Any]:
    """One quantity of several runs over their steps: name -> steps and values (n,)."""
    series = [
        _line(name, steps, values, {"width": 2}, OTHERS[number % len(OTHERS)])
        for number, (name, (steps, values)) in enumerate(lines.items())
    ]
    ends = np.array([_range(values, None, None) for _, values in lines.values()])
    low, high = (float(ends[:, 0].min()), float(ends[:, 1].max())) if len(ends) else (0.0, 1.0)
    return _chart(title, series, low, high, "nats", True)


def bars(values: np.ndarray, *, title: str, unit: str = "nats") -> dict[str, Any]:
    """A number per latent unit (d,), sorted from the highest."""
    order = np.argsort(-values, kind="stable")
    return {
        "animation": False,
        "title": _title(title),
        "grid": GRID,
        "tooltip": {"trigger": "axis", "valueFormatter": "%.3f"},
        "xAxis": {"type": "category", "data": [f"z{unit + 1}" for unit in order.tolist()], **_axis("latent unit")},
        "yAxis": {"type": "value", "min": 0, "name": unit},
        "series": [
            {
                "type": "bar",
                "name": "KL",
                "data": [round(float(value), 4) for value in values[order]],
                "itemStyle": {"color": ACCENT},
            }
        ],
    }


def _chart(
    title: str, series: list[dict[str, Any]], low: float, high: float, unit: str, legend: bool
) -> dict[str, Any]:
    chart = {
        "animation": False,
        "title": _title(title),
        "grid": {**GRID, "top": GRID["top"] + LEGEND_ROOM * legend},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.2f"},
        "xAxis": {"type": "value", "min": 0, "max": "dataMax", "axisLabel": {"hideOverlap": True}, **_axis("step")},
        "yAxis": {
            "type": "value",
            "scale": True,
            "min": low,
            "max": high,
            "axisLabel": {"showMinLabel": False, "showMaxLabel": False},
            "name": unit,
            "nameLocation": "middle",
            "nameGap": 40,
        },
        "series": series,
    }
    if legend:
        chart["legend"] = {"top": 22, "left": 0, "itemHeight": 8, "type": "scroll"}
    return chart


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "textStyle": {"fontSize": 13, "lineHeight": 16, "fontWeight": "normal"}, "left": 0}


def _axis(name: str) -> dict[str, Any]:
    return {"name": name, "nameLocation": "middle", "nameGap": 26}


def _marks(marks: Sequence[tuple[int, str]], floor: tuple[float, str] | None) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [
        {"xAxis": int(step), "label": {"formatter": words, "fontSize": 10, "position": "insideEndTop"}}
        for step, words in marks
    ]
    if floor is not None:
        lines.append(
            {
                "yAxis": floor[0],
                "lineStyle": {"color": FLOOR, "type": "solid"},
                "label": {"formatter": f"{floor[1]}: {floor[0]:.2f}", "position": "insideStartTop", "color": FLOOR},
            }
        )
    return lines


def _line(name: str, steps: np.ndarray, values: np.ndarray, style: dict[str, Any], colour: str) -> dict[str, Any]:
    known = np.isfinite(values)
    points = list(zip(steps[known].tolist(), np.round(values[known], 4).tolist(), strict=True))
    return {
        "type": "line",
        "name": name,
        "data": points,
        "symbol": "none",
        "lineStyle": {**style, "color": colour},
        "itemStyle": {"color": colour},
        "color": colour,
        "clip": True,
    }


def _range(
    smooth: np.ndarray, validation: tuple[np.ndarray, np.ndarray] | None, floor: float | None
) -> tuple[float, float]:
    """Lowest and highest value of the axis: all but the highest twentieth, with some air, and the floor if there is one."""
    values = smooth[np.isfinite(smooth)]
    if validation is not None:
        values = np.concatenate([values, validation[1][np.isfinite(validation[1])]])
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(np.quantile(values, 0.95))
    if floor is not None:
        low = min(low, floor)
    air = max(0.06 * (high - low), 1e-3 * max(abs(high), 1e-6))
    return round(max(low - air, 0.0) if low >= 0 else low - air, 3), round(high + air, 3)
