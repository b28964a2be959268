"""A model's training as plotly figures: arrays in, figures out. No streamlit here."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from vae_core.checkpoints.history import Curves

TRAIN, VALIDATION, FLOOR = "#8e5bd6", "#e8862e", "#8a8a8a"  # as on the page Train


def history_figure(curves: Curves, loss: str, title: str, floor: float | None = None) -> go.Figure | None:
    """One quantity over epochs, train and validation; None if the run has reported none.

    floor: a grey line at the least value possible. The axis leaves out the first moments, which would flatten the rest; a
    double click on the chart shows them.
    """
    drawn = [
        (name, colour, curves[key])
        for name, colour, key in (("train", TRAIN, loss), ("validation", VALIDATION, f"val_{loss}"))
        if key in curves
    ]
    if not drawn:
        return None
    figure = go.Figure()
    for name, colour, (x, y) in drawn:
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                name=name,
                mode="lines+markers" if len(x) <= 60 else "lines",
                line={"color": colour, "width": 2},
                marker={"size": 5},
                hovertemplate="epoch %{x:.3g}: %{y:.2f} nats",
            )
        )
    if floor is not None:
        figure.add_hline(
            floor,
            line={"color": FLOOR, "width": 1, "dash": "dash"},
            annotation={"text": f"floor {floor:.2f}", "font": {"color": FLOOR, "size": 11}},
            annotation_position="top left",
        )
    low, high = _range([curve for _, _, curve in drawn], floor)
    figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0, "xanchor": "left", "y": 0.97, "yanchor": "top"},
        height=310,
        margin={"l": 8, "r": 8, "t": 56, "b": 8},
        hovermode="x unified",
        xaxis={"title": {"text": "epoch"}, "rangemode": "tozero"},
        yaxis={"range": [low, high], "automargin": True},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )
    return figure


def _range(drawn: list[tuple[np.ndarray, np.ndarray]], floor: float | None) -> tuple[float, float]:
    """What is drawn after the first tenth of the training, the floor, and some air."""
    end = max(float(x.max()) for x, _ in drawn)
    late = np.concatenate([y[(x >= end / 10) & np.isfinite(y)] for x, y in drawn])
    if not len(late):
        return 0.0, 1.0
    low, high = float(late.min()), float(late.max())
    low = low if floor is None else min(low, floor)
    air = max(0.08 * (high - low), 1e-3 * max(abs(high), 1e-6))
    return low - air, high + air
