"""The losses of several runs in one chart."""

from __future__ import annotations

import streamlit as st

from pages.ui.formatting import plain_text
from pages.ui.train import charts
from vae_core.jobs import launcher
from vae_core.runs.directory import Run
from vae_core.runs.live_reader import live

MOST, OFFERED = 5, 100  # runs beside this one, and to choose from
LOSSES = {"reconstruction_loss": "Reconstruction", "kl_loss": "KL", "loss": "Loss"}
HEIGHT = 320  # pixels


def compare_runs(run: Run) -> None:
    """A fold: which others, which loss, and their smoothed curves; nothing where there is no other run."""
    others = {other.name: other for other in launcher.runs()[:OFFERED] if other.name != run.name}
    if not others:
        return
    with st.expander("Compare with other runs", icon=":material/compare_arrows:", key="compare_runs"):
        chosen = st.multiselect(
            "Runs", list(others), key=f"compare_{run.name}", max_selections=MOST, format_func=plain_text
        )
        loss = st.segmented_control(
            "Quantity",
            list(LOSSES),
            default="reconstruction_loss",
            key="compare_loss",
            required=True,
            format_func=lambda name: LOSSES[name],
        )
        lines = {}
        for each in (run, *(others[name] for name in chosen if name in others)):
            view = live(each).view()
            if len(view.steps):
                lines[plain_text(each.name)] = (view.steps, view.series[str(loss)].smooth)
        st.echarts_chart(
            charts.together(lines, title=charts.TITLES[str(loss)]),
            height=HEIGHT,
            key="chart_together",
            alt=f"{plain_text(charts.TITLES[str(loss)])} of {len(lines):d} runs",
        )
        st.caption(
            "Moving averages over the training batches, as far as each run has come. Losses of different beta, data or picture "
            "sizes are different sums."
        )
