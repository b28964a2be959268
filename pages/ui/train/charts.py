"""A run's curves as ECharts options: raw thin, smoothed bold, validation as dots, marks where a dial was turned. No streamlit.

ECharts redraws such an option in place, without flicker, once a second (plotly builds its chart anew each time).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

ACCENT, VALIDATION, FLOOR = "#8e5bd6", "#e8862e", "#8a8a8a"


def curve(
    steps: np.ndarray,
    raw: np.ndarray,
    smooth: np.ndarray,
    *,
    name: str,
    unit: str = "nats",
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    floor: float | None = None,
    marks: Sequence[tuple[int, str]] = (),
) -> dict[str, Any]:
    """One quantity over steps.

    steps, raw, smooth: (n,) of the reports. validation: steps and values (m,). floor: a grey line and what it is in words of
    the caption. marks: (step, words) of events. The axis leaves out the first moments, which would flatten the rest.
    """
    low, high = _range(smooth, validation, floor)
    series: list[dict[str, Any]] = [
        _line(f"{name}, each report", steps, raw, {"width": 1, "opacity": 0.35}, ACCENT),
        _line(f"{name}, smoothed", steps, smooth, {"width": 2.5}, ACCENT),
    ]
    if validation is not None and len(validation[0]):
        series.append(
            {
                **_line(f"{name}, validation", *validation, {"width": 1.5}, VALIDATION),
                "symbol": "circle",
                "symbolSize": 6,
            }
        )
    lines = [
        {"xAxis": int(step), "label": {"formatter": words, "fontSize": 10, "position": "insideEndTop"}}
        for step, words in marks
    ]
    if floor is not None:
        lines.append(
            {
                "yAxis": floor,
                "lineStyle": {"color": FLOOR, "type": "solid"},
                "label": {"formatter": f"floor {floor:.2f}", "position": "insideStartTop", "color": FLOOR},
            }
        )
    series[1]["markLine"] = {
        "data": lines,
        "symbol": "none",
        "animation": False,
        "lineStyle": {"color": FLOOR, "type": "dashed"},
    }
    return {
        "animation": False,
        "title": {"text": f"{name} ({unit})", "textStyle": {"fontSize": 13, "fontWeight": "normal"}, "left": 0},
        "grid": {"left": 48, "right": 12, "top": 34, "bottom": 28},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.2f"},
        "xAxis": {"type": "value", "min": 0, "max": "dataMax", "axisLabel": {"hideOverlap": True}},
        "yAxis": {
            "type": "value",
            "scale": True,
            "min": low,
            "max": high,
            "axisLabel": {"showMinLabel": False, "showMaxLabel": False},
        },
        "series": series,
    }


def bars(values: np.ndarray, *, name: str, unit: str = "nats") -> dict[str, Any]:
    """A number per latent unit (d,), sorted from the highest."""
    order = np.argsort(-values, kind="stable")
    return {
        "animation": False,
        "title": {"text": f"{name} ({unit})", "textStyle": {"fontSize": 13, "fontWeight": "normal"}, "left": 0},
        "grid": {"left": 48, "right": 12, "top": 34, "bottom": 28},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.3f"},
        "xAxis": {"type": "category", "data": [f"z{unit + 1}" for unit in order.tolist()]},
        "yAxis": {"type": "value", "min": 0},
        "series": [
            {
                "type": "bar",
                "name": "KL",
                "data": [round(float(value), 4) for value in values[order]],
                "itemStyle": {"color": ACCENT},
            }
        ],
    }


def _line(name: str, steps: np.ndarray, values: np.ndarray, style: dict[str, Any], colour: str) -> dict[str, Any]:
    known = np.isfinite(values)
    points = list(zip(steps[known].tolist(), np.round(values[known], 4).tolist(), strict=True))
    return {
        "type": "line",
        "name": name,
        "data": points,
        "symbol": "none",
        "lineStyle": style,
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
