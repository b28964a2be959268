"""The use Anomalies: how odd the chosen picture is to the model and where, and how well each score tells odd pictures apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.subject import Subject
from pages.ui.applications.cache import data_of, measured
from pages.ui.applications.parts import WIDE, Shown, picture_row, plain_chart, say
from pages.ui.formatting import SENTENCE, html_text, markdown_text, number, plain_text
from pages.ui.shared.measuring import offer_to_measure
from pages.ui.shared.picture import picture
from vae_core.analysis import heatmaps
from vae_core.analysis.applications import anomalies as core
from vae_core.analysis.applications.anomalies import AnomalyFigures, OddSet
from vae_core.analysis.mosaics import mosaic, overlay
from vae_core.datasets.drawn.digits import draw_digits

USE = "anomalies"
HISTOGRAM, ROC = "Histogram", "ROC curve"
NORMAL, ODD, THIS = "#6d3bb0", "#e8862e", "#d62728"
EXAMPLES = 10
DIGITS = "drawn digits"


class Choice(NamedTuple):
    """What is looked at: a score, the odd pictures it is held against, and the share of false alarms that is borne."""

    score: str
    odd: OddSet
    alarms: float
    chart: str


def anomalies(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """The picture and its verdict on the left, the chart on the right; controls below, then every AUROC and the trap."""
    left, right = st.columns([5, 6], gap="large")
    figures = measured(model.entry.path, USE, AnomalyFigures, data_of(model))
    if figures is None or not figures.sets:
        with left:
            _maps(model, selected)
        with right:
            offer_to_measure(model, test_images, USE, "How odd a picture must be to be told apart")
        return
    choice = _choose(figures)
    scores = core.scores(model.engine, selected.image[None], figures.reference)
    values = {name: float(value[0]) for name, value in scores.items()}
    normal = _others(figures, choice.score, selected, test_images, model)
    with left:
        _maps(model, selected)
        _verdict(figures, choice, values, normal, selected, test_images, model)
    with right:
        _chart(model, figures, choice, values, normal)
    _areas(figures, test_images)


def _choose(figures: AnomalyFigures) -> Choice:
    sets = {plain_text(odd.name): odd for odd in figures.sets}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        score = st.selectbox(
            "Score",
            list(figures.normal),
            key="anomaly_score",
            persist_state="session",
            width=220,
            format_func=plain_text,
        )
        name = st.selectbox("Held against", list(sets), key="anomaly_set", persist_state="session", width=190)
        alarms = st.slider(
            "False alarms borne, %",
            1,
            50,
            5,
            key="anomaly_alarms",
            persist_state="session",
            width=230,
            help="So many of the ordinary pictures lie beyond the threshold.",
        )
        chart = st.segmented_control(
            "Chart", (HISTOGRAM, ROC), default=HISTOGRAM, key="anomaly_chart", required=True, persist_state="session"
        )
    assert score is not None and name is not None and chart is not None  # there are some
    return Choice(score, sets[name], alarms / 100, chart)


def _others(
    figures: AnomalyFigures, score: str, selected: Subject, test_images: Source | None, model: LoadedModel
) -> np.ndarray:
    """Scores of the ordinary pictures, without the chosen one where it is among them."""
    normal = np.array(figures.normal[score])
    own = test_images is not None and test_images.dataset.checksum == model.checkpoint.dataset.get("checksum")
    if own and selected.index is not None and selected.index < len(normal):
        return np.delete(normal, selected.index)
    return normal


def _maps(model: LoadedModel, selected: Subject) -> None:
    rebuilt = model.engine.reconstruct(selected.image[None])[0]
    row = [
        Shown("Picture", selected.image, selected.name),
        Shown("Reconstruction", rebuilt, f"what the model makes of {selected.name}"),
    ]
    try:
        anomaly = core.anomaly_maps(model.engine, selected.image[None])[0]
    except ValueError:
        picture_row(row, columns=3)
        return
    coloured = heatmaps.heatmap(anomaly, "inferno")
    row.append(
        Shown(
            "Where it is odd",
            overlay(selected.image, coloured.rgb, 0.75),
            f"|x − x′| · |∂KL/∂x| over the picture, up to {number(coloured.high)} a pixel",
        )
    )
    picture_row(row, columns=3)
    st.caption(
        "Bright: the reconstruction is wrong there, at pixels that the code depends on, |x − x′| · |∂KL/∂x| (Zimmerer et al. 2019), "
        f"up to {number(coloured.high)} a pixel."
    )


def _verdict(
    figures: AnomalyFigures,
    choice: Choice,
    values: dict[str, float],
    normal: np.ndarray,
    selected: Subject,
    test_images: Source | None,
    model: LoadedModel,
) -> None:
    value = values.get(choice.score)
    if value is None:
        return
    threshold = float(np.quantile(normal, 1 - choice.alarms))
    p = core.p_value(normal, value)
    odd = value > threshold
    say(
        "anomaly",
        f"{choice.score} {number(value, 4)} is {'beyond' if odd else 'within'} the threshold of {number(threshold, 4)}: "
        f"{'an anomaly' if odd else 'ordinary'}. p = {number(p)}.",
        f"{number(100 * p)} % of {len(normal)} ordinary test images are as odd, this one counted among them.",
        level="warning" if odd else "good",
    )
    rows = []
    for name, one in values.items():
        others = _others(figures, name, selected, test_images, model)
        rows.append({"score": markdown_text(name), "value": number(one, 4), "p": number(core.p_value(others, one))})
    st.table(rows, border="horizontal", height="content")
    st.caption(f"{markdown_text(choice.score)}: {markdown_text(core.MEANINGS.get(choice.score, ''), SENTENCE)}.")


def _chart(
    model: LoadedModel, figures: AnomalyFigures, choice: Choice, values: dict[str, float], normal: np.ndarray
) -> None:
    odd = np.array(choice.odd.scores.get(choice.score, ()))
    if not len(odd):
        st.info("This score was not measured for these pictures.", icon=":material/info:")
        return
    threshold = float(np.quantile(normal, 1 - choice.alarms))
    name = html_text(choice.odd.name)
    if choice.chart == ROC:
        figure = roc(normal, odd, choice.alarms, name)
    else:
        figure = histogram(normal, odd, values.get(choice.score), threshold, html_text(choice.score), name)
    st.plotly_chart(figure, key="anomaly_figure", config=WIDE, alt=plain_text(f"{choice.chart} of {choice.score}"))
    hits, alarms = int((odd > threshold).sum()), int((normal > threshold).sum())
    st.table(
        [
            {"": "odd pictures", "called odd": f"{hits}", "called ordinary": f"{len(odd) - hits}"},
            {"": "ordinary pictures", "called odd": f"{alarms}", "called ordinary": f"{len(normal) - alarms}"},
        ],
        border="horizontal",
        height="content",
    )
    area = choice.odd.auroc[choice.score]
    st.caption(
        f"AUROC {area.mean:.3f} (95 % {area.low:.3f} to {area.high:.3f}, 1,000 bootstrap resamples): the chance that one of the {len(odd)} "
        f"pictures “{markdown_text(choice.odd.name)}” scores above one of {len(normal)} ordinary ones, the first of {markdown_text(model.checkpoint.dataset['name'])} test. "
        f"Distances are to {figures.references:,} train codes."
    )


def _areas(figures: AnomalyFigures, test_images: Source | None) -> None:
    """Every AUROC, and the trap with the case that falls into it."""
    trap = deepest(figures)
    if trap is not None:
        odd, area = trap
        say(
            "trap",
            f"The trap: this model's likelihood finds “{odd.name}” more likely than what it was trained on (AUROC of −ELBO {area:.2f}, "
            "below chance).",
            "A likelihood adds up what each pixel costs, and simple, dark or plain pictures cost little, whatever they show "
            "(Nalisnick et al. 2019, arXiv:1810.09136). A low −ELBO is no proof that a picture belongs.",
            level="warning",
        )
        _examples(odd, figures, test_images)
    st.markdown("**AUROC of every score for every kind of odd pictures** (0.5 is chance, below it is fooled)")
    rows = []
    for odd in figures.sets:
        row = {"held against": markdown_text(odd.name)}
        for score in figures.normal:
            area_of = odd.auroc.get(score)
            row[markdown_text(score)] = "" if area_of is None else _area(area_of.mean, area_of.low, area_of.high)
        rows.append(row)
    st.table(rows, border="horizontal", height="content")


def _area(mean: float, low: float, high: float) -> str:
    text = f"{mean:.2f} ({low:.2f}–{high:.2f})"
    return f":red[{text}]" if high < 0.5 else text


def deepest(figures: AnomalyFigures) -> tuple[OddSet, float] | None:
    """The odd pictures that −ELBO takes for the most ordinary, if the whole interval is below chance."""
    below = [
        (odd, odd.auroc[core.ELBO].mean)
        for odd in figures.sets
        if core.ELBO in odd.auroc and odd.auroc[core.ELBO].high < 0.5
    ]
    return min(below, key=lambda pair: pair[1], default=None)


def _examples(odd: OddSet, figures: AnomalyFigures, test_images: Source | None) -> None:
    """A strip of those pictures, with their median −ELBO beside the ordinary ones'."""
    images = None
    if odd.name == DIGITS:
        images = draw_digits(EXAMPLES).astype(np.float32) / 255
    elif test_images is not None:
        rest = test_images.pixels[figures.n : figures.n + EXAMPLES].astype(np.float32) / 255
        images = core.odd_pictures(rest).get(odd.name) if len(rest) else None
    if images is not None:
        picture(mosaic(images, columns=EXAMPLES, gap=2, scale=2), alt=plain_text(f"Examples: {odd.name}"))
    median, ordinary = np.median(odd.scores[core.ELBO]), np.median(figures.normal[core.ELBO])
    st.caption(f"Median −ELBO {number(float(median), 4)} nats, of ordinary pictures {number(float(ordinary), 4)}.")


def histogram(
    normal: np.ndarray, odd: np.ndarray, value: float | None, threshold: float, score: str, name: str
) -> go.Figure:
    """Both kinds' scores, the threshold, and the chosen picture's place."""
    every = np.concatenate([normal, odd, [] if value is None else [value]])
    low, high = float(every.min()), float(np.quantile(every, 0.99))
    high = max(high, threshold, low + 1e-9 if value is None else value)
    edges = np.linspace(low, high, 61)
    figure = go.Figure()
    for values, label, colour in ((normal, "ordinary", NORMAL), (odd, name, ODD)):
        counts, _ = np.histogram(np.minimum(values, high), edges)
        figure.add_bar(
            x=(edges[1:] + edges[:-1]) / 2,
            y=counts,
            width=np.diff(edges),
            name=label,
            marker={"color": colour, "opacity": 0.65, "line": {"width": 0}},
            hovertemplate=f"{label}, about %{{x:.4g}}: %{{y}}<extra></extra>",
        )
    figure.update_layout(barmode="overlay", bargap=0)
    # Each with its words on the side away from the other.
    lower = value is not None and value <= threshold
    figure.add_vline(
        x=threshold,
        line={"color": "#888", "width": 2, "dash": "dash"},
        annotation_text="threshold",
        annotation_position="top right" if lower else "top left",
    )
    if value is not None:
        figure.add_vline(
            x=value,
            line={"color": THIS, "width": 3},
            annotation_text="this picture",
            annotation_position="top left" if lower else "top right",
        )
    return plain_chart(figure, score, "pictures", height=300).update_layout(margin={"t": 28})


def roc(normal: np.ndarray, odd: np.ndarray, alarms: float, name: str) -> go.Figure:
    """Hits against false alarms for every threshold, and the chosen one."""
    x, y = core.roc_curve(normal, odd)
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="chance", line={"color": "#888", "dash": "dot"})
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line={"color": ODD, "width": 3})
    at = max(0, int(np.searchsorted(x, alarms, "right")) - 1)
    marker = {"size": 11, "color": THIS}
    figure.add_scatter(x=[x[at]], y=[y[at]], mode="markers", name="the threshold", marker=marker)
    return plain_chart(figure, "false alarms", "hits", height=300)
