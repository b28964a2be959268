"""The timeline of a model that was kept with one: on its own, and beside the form as what a training will look like."""

from __future__ import annotations

import streamlit as st

from pages.ui.formatting import markdown_text, plain_text
from pages.ui.train import charts
from pages.ui.train.cache import kept_curves, network_of
from pages.ui.train.moments import gif_button, training_map
from vae_core.checkpoints.registry import kept_models
from vae_core.checkpoints.timeline import frame_steps
from vae_core.runs.directory import Run

EXAMPLE = "fashion-2d"  # shown beside the form, where it is here
LOSSES = ("reconstruction_loss", "kl_loss", "loss")
CHART, SMALL_CHART = 215, 190  # pixels


def kept_timeline(run: Run) -> None:
    """The map being learned, beside the losses."""
    steps = run.snapshots()
    if not steps:  # deleted in this moment
        st.info(f"The timeline of {markdown_text(run.name)} is gone.", icon=":material/info:")
        return
    st.caption("The timeline of a kept model: play it, or drag the slider, and see the map being learned.")
    _side_by_side(run, steps, LOSSES, key="training", plays=False, height=520)
    st.caption("After each epoch: the mean over its batches (violet) and the validation split (orange).")


def example() -> None:
    """What a training looks like, playing; nothing where no model with a timeline is here."""
    paths = [path for path in kept_models() if len(frame_steps(path)) > 1]
    path = next((path for path in paths if path.name == EXAMPLE), paths[0] if paths else None)
    if path is None:
        return
    st.markdown(f"This is what you will see: the training of **{markdown_text(path.name)}**")
    _side_by_side(Run(path), frame_steps(path), LOSSES[:2], key="example", plays=True, height=400)


def _side_by_side(run: Run, steps: list[int], losses: tuple[str, ...], *, key: str, plays: bool, height: int) -> None:
    """Map and timeline on the left, curves on the right; a marker moves along these."""
    curves = kept_curves(str(run.path))
    losses = tuple(name for name in losses if name in curves)
    left, right = st.columns([5, 4] if plays else 2, gap="small" if plays else "large")
    with left:
        training_map(
            run,
            steps,
            network_of(str(run.path)).latent_dim,
            key=key,
            plays=plays,
            plain=plays,
            charts=tuple(f"{key}_{name}" for name in losses),
            last_step=steps[-1],
            height=height,
        )
        gif_button(run, steps, f"gif_{key}")
    with right:
        for number, name in enumerate(losses):
            epochs, values = curves[name]
            epoch_steps = steps[-1] / epochs[-1]  # steps of an epoch
            validation = curves.get(f"val_{name}")
            spec = charts.curve(
                epochs * epoch_steps,
                values,
                values,
                title=charts.TITLES[name],
                validation=None if validation is None else (validation[0] * epoch_steps, validation[1]),
                legend=number == 0 and not plays,
                narrow=plays,
            )
            st.echarts_chart(
                spec,
                height=SMALL_CHART if plays else CHART,
                key=f"{key}_{name}",
                alt=f"{plain_text(charts.TITLES[name])} of {plain_text(run.name)}",
            )
