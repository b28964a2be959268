"""How good the samples are: the measured figures of the model beside the floor and two baselines."""

from __future__ import annotations

import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.formatting import markdown_text
from pages.ui.generate.cache import judge
from vae_core.analysis.generation import classifier
from vae_core.checkpoints.figures import Figure, read_figures
from vae_core.settings import PROGRAM

ROWS = (
    ("train", "Training images themselves (the floor)", False),
    ("density", "This model, fitted density", True),
    ("prior", "This model, N(0, I)", True),
    ("bernoulli_mixture", "Bernoulli mixture, 256 components", False),
    ("pca_gaussian", "PCA-16 with a Gaussian", False),
)
COLUMNS = (("frechet", "Fréchet distance ↓", 2), ("precision", "Precision ↑", 3), ("recall", "Recall ↑", 3))


def quality_view(model: LoadedModel) -> None:
    """A table, and what its words mean."""
    own, references = read_figures(model.checkpoint.metrics), read_figures(classifier.figures())
    if judge(model) is None:
        st.info(
            "Samples are measured with a classifier of Fashion-MNIST's 28×28 pictures; this model makes others, so there are no "
            "figures for it.",
            icon=":material/info:",
        )
        return
    if "frechet_prior" not in own:
        st.info(
            "The samples of this model have not been measured. "
            + (
                "Keep the run as a model first (page Models)."
                if model.entry.state
                else f"`{PROGRAM} evaluate {markdown_text(model.entry.id)} --samples --write` does it in a minute."
            ),
            icon=":material/info:",
        )
    lines = ["| Samples | " + " | ".join(label for _, label, _ in COLUMNS) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for name, label, is_own in ROWS:
        figures = own if is_own else references
        if f"frechet_{name}" in figures:
            cells = [_cell(figures.get(f"{figure}_{name}"), digits) for figure, _, digits in COLUMNS]
            words = f"**{label}**" if is_own else label
            lines.append(f"| {words} | " + " | ".join(cells) + " |")
    st.markdown("\n".join(lines))
    accuracy = references.get("accuracy")
    known = f" It names {100 * accuracy.value:.1f} % of the {accuracy.n:,} test images rightly." if accuracy else ""
    n = own.get("frechet_prior") or references.get("frechet_train")
    st.caption(
        f"Measured in the features of this program's own small classifier, on {f'{n.n:,} samples and as many test images' if n else 'test images'}.{known} "
        "These are no FID: that is measured in another network, and the two cannot be compared."
    )
    st.markdown(
        "- **Fréchet distance**: how far the samples' features are from the test images', as two Gaussians; 0 is best.\n"
        "- **Precision**: the share of samples that lie among the test images. Low: many samples look like nothing.\n"
        "- **Recall**: the share of test images that lie among the samples. Low: whole kinds of pictures are never drawn.\n"
        "- More precision with less recall means safer samples of fewer kinds; a mixture that repeats 256 pictures shows it."
    )
    method = own.get("frechet_density") or own.get("frechet_prior")
    if method is not None:
        st.caption(
            f"{markdown_text(method.method, 600)} (Kynkäänniemi et al. 2019, arXiv:1904.06991, for precision and recall)."
        )


def _cell(figure: Figure | None, digits: int) -> str:
    return "–" if figure is None else f"{figure.value:.{digits}f}"
