"""The plain map as a plotly figure. No streamlit here.

Trace order is fixed: the classes' codes, then the lattice that takes the clicks, then what is selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pages.ui.images import SIDE, class_colour, data_uri

if TYPE_CHECKING:
    import plotly.graph_objects as go

POINTS = 2_000  # codes on the map: more hide the garments
LATTICE = 81  # points a side that take a click


def lattice(extent: float) -> np.ndarray:
    """The points of the map that can be clicked: (LATTICE², 2) float32, row by row from the top."""
    steps = np.linspace(-extent, extent, LATTICE, dtype=np.float32)
    return np.stack([np.tile(steps, LATTICE), np.repeat(steps[::-1], LATTICE)], axis=1)


def map_figure(
    background: np.ndarray,
    extent: float,
    codes: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    selected: np.ndarray | None = None,
) -> go.Figure:
    """The plane of z: decoded garments below, test codes above, and an invisible lattice that takes the clicks.

    background: (h, w, 3) uint8, SIDE × SIDE garments decoded over -extent..extent, each centred on its z.
    codes: (n, 2) float32 of the points to draw, labels (n,). selected: (2,) z of what the page shows, marked by a star.
    """
    import plotly.graph_objects as go  # here, since few pages draw with it

    figure = go.Figure()
    for label, name in enumerate(classes):
        chosen = codes[labels == label]
        if len(chosen):
            figure.add_trace(
                go.Scattergl(
                    x=chosen[:, 0],
                    y=chosen[:, 1],
                    mode="markers",
                    name=name,
                    hoverinfo="skip",
                    marker={"size": 5, "color": class_colour(label), "line": {"width": 1, "color": "#000000"}},
                )
            )
    points = lattice(extent)
    figure.add_trace(
        go.Scattergl(
            x=points[:, 0],
            y=points[:, 1],
            mode="markers",
            name="lattice",
            showlegend=False,
            marker={"opacity": 0, "size": 14},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            hovertemplate="z = (%{x:.2f}, %{y:.2f})<extra></extra>",
        )
    )
    if selected is not None:
        z1, z2 = np.clip(selected, -extent, extent)  # one beyond the map's edge is shown at the edge
        figure.add_trace(
            go.Scattergl(
                x=[z1],
                y=[z2],
                mode="markers",
                name="shown",
                hoverinfo="skip",
                showlegend=False,
                marker={"size": 18, "symbol": "star", "color": "#ffffff", "line": {"width": 2, "color": "#000000"}},
            )
        )
    edge = _edge(extent)
    figure.add_layout_image(
        source=data_uri(background),
        xref="x",
        yref="y",
        x=-edge,
        y=edge,
        sizex=2 * edge,
        sizey=2 * edge,
        sizing="stretch",
        layer="below",
    )
    axis = {"range": [-edge, edge], "showgrid": False, "zeroline": False, "fixedrange": True, "nticks": 7}
    figure.update_layout(
        # the lattice lies under every pixel of the map, so the nearest point is right however far it is
        hoverdistance=-1,
        hovermode="closest",
        clickmode="event+select",
        dragmode=False,
        uirevision="map",
        margin={"l": 28, "r": 4, "t": 4, "b": 28},
        xaxis=axis,
        yaxis=axis,
        legend={"orientation": "h", "yref": "paper", "y": -0.08, "yanchor": "top", "x": 0, "itemsizing": "constant"},
    )
    return figure


def _edge(extent: float) -> float:
    """Where the outermost garments end: they are centred on their z, so half a tile beyond the extent."""
    return extent * SIDE / (SIDE - 1)
