"""The use Unsupervised learning: clusters of the codes and what is in them, against the labels, and learning from few labels."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.app.subject import Subject
from pages.ui.applications.cache import data_of, measured
from pages.ui.applications.parts import WIDE, plain_chart, say
from pages.ui.formatting import html_text, markdown_text, number, plain_text
from pages.ui.glossary import term
from pages.ui.images import class_colour
from pages.ui.shared.measuring import offer_to_measure
from pages.ui.shared.picture import picture
from vae_core.analysis.applications.clustering import CODES, PCA, PIXELS, Clustering, ClusteringFigures, LabelFigures
from vae_core.analysis.applications.statistics import Interval
from vae_core.analysis.latent_geometry import pca_plane
from vae_core.analysis.mosaics import mosaic

USE = "clustering"
COLOURS = {CODES: "#6d3bb0", PCA: "#e8862e", PIXELS: "#5aa05a"}
SHEETS = 30  # clusters that are shown
POINTS = 2000


def clustering(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """The clusters on the left, their place on the map on the right; below, agreement with the labels and few labels."""
    figures = measured(model.entry.path, USE, ClusteringFigures, data_of(model))
    if figures is None or not figures.clusterings:
        offer_to_measure(model, test_images, USE, "What clusters the codes fall into")
        return
    left, right = st.columns([6, 5], gap="large")
    which = st.segmented_control(
        "Clusters by",
        range(len(figures.clusterings)),
        default=0,
        key="cluster_which",
        required=True,
        persist_state="session",
        format_func=lambda i: _name(figures.clusterings[i]),
        help="A Gaussian mixture with the least BIC has as many clusters as the codes ask for; the others have as many as there are classes.",
    )
    assert which is not None  # required
    chosen = figures.clusterings[min(which, len(figures.clusterings) - 1)]
    own = int(chosen.assign(selected.z[None])[0]) if selected.z.shape == (len(chosen.means[0]),) else None
    with left:
        _sheets(model, test_images, chosen, own)
    with right:
        _map(model, chosen, selected, figures)
    _agreement(figures)
    _few_labels(figures)


def _name(chosen: Clustering) -> str:
    why = "by BIC" if chosen.chosen_by == "BIC" else "as classes"
    return f"{plain_text(chosen.method)}, {len(chosen.means)} {why}"


def _sheets(model: LoadedModel, test_images: Source | None, chosen: Clustering, own: int | None) -> None:
    """A row of typical pictures for each cluster, the largest first."""
    sizes = np.bincount(chosen.assigned, minlength=len(chosen.means))
    if own is not None:
        st.markdown(f"**This picture is in cluster {own:d}**, {_content(model, chosen, own, sizes)}.")
    order = np.argsort(-sizes, kind="stable")[:SHEETS]
    columns = st.columns(2, gap="small")
    for place, k in enumerate(order.tolist()):
        images = _pictures(model, test_images, chosen.members[k])
        if images is None:
            continue
        with columns[place % 2]:
            mark = ":violet-badge[this picture] " if k == own else ""
            st.caption(f"{mark}**Cluster {k:d}**: {_content(model, chosen, k, sizes)}")
            picture(
                mosaic(images, columns=12, gap=1, scale=1),
                alt=plain_text(f"The most typical pictures of cluster {k:d}"),
                width="stretch",
            )


def _content(model: LoadedModel, chosen: Clustering, k: int, sizes: np.ndarray) -> str:
    label = chosen.majority[k]
    name = model.classes[label] if label < len(model.classes) else f"class {label}"
    return f"{sizes[k]:,} images, {100 * chosen.shares[k]:.0f} % {markdown_text(name)}"


def _pictures(model: LoadedModel, test_images: Source | None, members: list[int]) -> np.ndarray | None:
    """The test images; decoded from their codes where they are not on this machine."""
    if not members:
        return None
    if test_images is not None and test_images.dataset.checksum == model.checkpoint.dataset.get("checksum"):
        return test_images.pixels[[i for i in members if i < len(test_images.labels)]]
    if model.latents is not None:
        return model.engine.decode(model.latents.z_mean[[i for i in members if i < len(model.latents.labels)]])
    return None


def _map(model: LoadedModel, chosen: Clustering, selected: Subject, figures: ClusteringFigures) -> None:
    if model.latents is None or len(model.latents.labels) < 2:
        st.info("The map needs the model's codes, which are not beside it.", icon=":material/info:")
        return
    n = min(POINTS, len(model.latents.labels), len(chosen.assigned))
    codes = model.latents.z_mean
    if codes.shape[1] == 1:
        height = np.random.default_rng(0).random(n + 1)
        points = np.stack([codes[:n, 0], height[:n]], axis=1)
        star = np.array([[selected.z[0], height[n]]])
        axes = ("z₁", "spread at random, to be seen")
    elif codes.shape[1] == 2:
        points, star, axes = codes[:n], selected.z[None], ("z₁", "z₂")
    else:
        plane = pca_plane(codes)
        points, star = plane.project(codes[:n]), plane.project(selected.z[None])
        share = 100 * plane.share
        axes = (f"first principal direction, {share[0]:.0f} % of the variance", f"second, {share[1]:.0f} %")
    st.plotly_chart(
        scatter(points, np.array(chosen.assigned[:n]), star[0], axes),
        key="cluster_map",
        config=WIDE,
        alt="Codes of test images in the colours of their clusters",
    )
    st.caption(
        f"{term('z_mean')} of the first {n:,} test images, coloured by cluster (colours come again after ten); the star is the chosen picture. "
        f"The clusters were fitted on {figures.train:,} train images without a label.",
        unsafe_allow_html=True,
    )


def scatter(points: np.ndarray, clusters: np.ndarray, star: np.ndarray, axes: tuple[str, str]) -> go.Figure:
    """Points (n, 2) in the colours of their clusters, and the chosen picture."""
    figure = go.Figure()
    for k in np.unique(clusters).tolist():
        own = points[clusters == k]
        figure.add_trace(
            go.Scattergl(
                x=own[:, 0],
                y=own[:, 1],
                mode="markers",
                name=f"{k}",
                marker={"size": 5, "color": class_colour(k), "opacity": 0.75},
                hovertemplate=f"cluster {k}<extra></extra>",
            )
        )
    marker = {"symbol": "star", "size": 16, "color": "#ffffff", "line": {"color": "#000000", "width": 2}}
    figure.add_scatter(x=[star[0]], y=[star[1]], mode="markers", name="this picture", marker=marker)
    return plain_chart(figure, *axes, height=430)


def _agreement(figures: ClusteringFigures) -> None:
    st.markdown("**Do the clusters match the labels?**")
    rows = [
        {
            "clustered": markdown_text(one.features),
            "by": f"{markdown_text(one.method)}, {one.k:d}",
            "adjusted Rand index": _cell(one.ari),
            "normalised mutual information": _cell(one.nmi),
            "purity": _cell(one.purity),
        }
        for one in figures.agreements
    ]
    st.table(rows, border="horizontal", height="content")
    st.caption(
        f"Against the labels of {figures.n:,} test images, with 95 % bootstrap intervals. The adjusted Rand index and the mutual information are 1 if "
        "clusters and classes are the same and 0 by chance; purity, the share of the majority class, grows with the number of clusters by itself. "
        "PCA codes: as many units as the model has, fitted on the same train images."
    )


def _few_labels(figures: ClusteringFigures) -> None:
    if not figures.accuracies:
        st.caption("Learning from few labels needs two classes or more.")
        return
    learners = list(dict.fromkeys(row.learner for row in figures.accuracies))
    st.markdown("**How many labels does it take?**")
    learner = st.segmented_control(
        "Learned by", learners, default=learners[0], key="cluster_learner", required=True, format_func=plain_text
    )
    rows = [row for row in figures.accuracies if row.learner == learner]
    say("labels", verdict(rows), level="good" if _best(rows) == CODES else "notice")
    st.plotly_chart(accuracy(rows), key="cluster_labels", config=WIDE, alt="Test accuracy against the number of labels")
    st.caption(
        f"Accuracy on {figures.n:,} test images after so many labelled train images: mean of 10 draws with the 95 % "
        "interval of Student's t. Codes and PCA codes have as many numbers as the model has units."
    )


def _best(rows: list[LabelFigures]) -> str:
    """Features with the highest accuracy after the fewest labels."""
    least = min(row.labels for row in rows)
    return max((row for row in rows if row.labels == least), key=lambda row: row.accuracy.mean).features


def verdict(rows: list[LabelFigures]) -> str:
    """Who is best with the fewest and with the most labels, as plain text; says so where the codes are not."""
    sentences = []
    for count in sorted(
        {row.labels for row in rows} & {min(row.labels for row in rows), max(row.labels for row in rows)}
    ):
        ranked = sorted((row for row in rows if row.labels == count), key=lambda row: -row.accuracy.mean)
        others = ", ".join(f"{row.features} {100 * row.accuracy.mean:.0f} %" for row in ranked[1:])
        words = f"With {count:,} labels {ranked[0].features} do best, {100 * ranked[0].accuracy.mean:.0f} %"
        sentences.append(f"{words} ({others})." if others else f"{words}.")
    return " ".join(sentences)


def accuracy(of_learner: list[LabelFigures]) -> go.Figure:
    """A line for each kind of features, with intervals."""
    figure = go.Figure()
    for name in dict.fromkeys(row.features for row in of_learner):
        rows = [row for row in of_learner if row.features == name]
        values = 100 * np.array([row.accuracy for row in rows])  # (labels, 3): mean, low, high
        figure.add_scatter(
            x=[row.labels for row in rows],
            y=values[:, 0],
            name=html_text(name),
            mode="lines+markers",
            line={"color": COLOURS.get(name, "#888"), "width": 3 if name == CODES else 2},
            error_y={"type": "data", "array": values[:, 2] - values[:, 0], "arrayminus": values[:, 0] - values[:, 1]},
            hovertemplate="%{x} labels: %{y:.1f} %<extra></extra>",
        )
    counts = sorted({row.labels for row in of_learner})
    plain_chart(figure, "labels", "test accuracy, %", height=300)
    return figure.update_xaxes(type="log", tickvals=counts, ticktext=[f"{count:,}" for count in counts])


def _cell(interval: Interval) -> str:
    return f"{number(interval.mean)} ({number(interval.low)}–{number(interval.high)})"
