"""Parts of the page Reconstruction: four pictures of a row, the wipe, the distributions, the strip, the downloads."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui.app.cache import LoadedModel, Source
from pages.ui.components.wipe import wipe
from pages.ui.formatting import SENTENCE, file_text, html_text, markdown_text, plain_text
from pages.ui.images import enlarge
from pages.ui.reconstruction import comparison
from pages.ui.reconstruction.cache import can_be_scored, score_again, scores_of, scoring
from pages.ui.reconstruction.comparison import COLUMNS, FIGURES, Rebuilt
from pages.ui.shared.colour_bar import colour_bar
from pages.ui.shared.picture import picture
from vae_core.analysis import heatmaps, image_quality
from vae_core.settings import PROGRAM

BLOCK = 8  # pictures in each half of a strip
TICK = 1.0  # seconds between two looks at a scoring in progress


def four(rebuilt: Rebuilt, name: str) -> None:
    """Original, reconstruction, signed error, SSIM map, each with what its colours mean; on a phone two by two."""
    captions = {
        "original": markdown_text(name),
        "reconstruction": f"{markdown_text(rebuilt.model)}, decoded from {rebuilt.way}",
        "signed error": "reconstruction − original: red is too bright, blue too dark",
        "SSIM map": f"1 where the two agree, 0 where they do not. Without the border its mean is {comparison.figure_text('ssim', float(rebuilt.scores.ssim[0]))}",
    }
    pairs = [slot for half in st.columns(2) for slot in half.columns(2, wrap=False)]
    for slot, (what, part) in zip(pairs, comparison.parts(rebuilt).items(), strict=True):
        with slot:
            st.markdown(f"**{what[0].upper()}{what[1:]}**")
            picture(enlarge(part), alt=plain_text(f"{what} of {name}, {rebuilt.model}"), width="stretch")
            if what == "signed error":
                colour_bar(heatmaps.DIVERGING, -1, 1)
            elif what == "SSIM map":
                colour_bar(comparison.SIMILARITY, 0, 1)
            st.caption(captions[what])


def pair(first: Rebuilt, second: Rebuilt, name: str) -> None:
    """Two models on one picture: the original once, both reconstructions, and where these differ; on a phone two by two."""
    difference, top = comparison.difference(first.reconstructions[0], second.reconstructions[0])
    headings = ("Original", f"A: {first.model}", f"B: {second.model}", "|A − B|")
    captions = (
        markdown_text(name),
        f"Decoded from {first.way}. MSE {first.scores.mse[0]:.4f}",
        f"Decoded from {second.way}. MSE {second.scores.mse[0]:.4f}",
        f"How far apart the two reconstructions are: {top:.4f} at most",
    )
    pictures = (first.images[0], first.reconstructions[0], second.reconstructions[0], difference)
    pairs = [slot for half in st.columns(2) for slot in half.columns(2, wrap=False)]
    for slot, heading, image, caption in zip(pairs, headings, pictures, captions, strict=True):
        with slot:
            st.markdown(f"**{markdown_text(heading)}**")
            picture(enlarge(image), alt=plain_text(f"{heading} of {name}"), width="stretch")
            if image is difference:
                colour_bar(comparison.SIMILARITY, 0, top)
            st.caption(caption)


def wipes(rebuilt: Sequence[Rebuilt]) -> None:
    """A slider between two of what there is: original and reconstruction, or the two models' reconstructions."""
    original = ("original", rebuilt[0].images[0])
    pictures = [(entry.model if len(rebuilt) > 1 else "reconstruction", entry.reconstructions[0]) for entry in rebuilt]
    pairs = [(original, picture) for picture in pictures]
    if len(pictures) > 1:
        pairs.append((pictures[0], pictures[1]))
    st.markdown(f"**Wipe between {'two pictures' if len(pairs) > 1 else 'original and reconstruction'}**")
    which = 0
    if len(pairs) > 1:
        which = st.selectbox(
            "Wipe between",
            range(len(pairs)),
            key="wipe_pair",
            label_visibility="collapsed",
            width=336,
            format_func=lambda i: " and ".join(plain_text(name) for name, _ in pairs[i]),
        )
    (left, first), (right, second) = pairs[which]
    wipe(enlarge(first, 336), enlarge(second, 336), (plain_text(left), plain_text(right)), "wipe")


def comparable(rebuilt: Sequence[Rebuilt]) -> None:
    """Says so where two models' likelihoods cannot be held against each other."""
    if len({entry.likelihood for entry in rebuilt}) > 1:
        st.caption(
            "The two models have different likelihoods, a Bernoulli and a Gaussian one: compare their MSE, PSNR and SSIM, not "
            "their −log p(x|z) and −ELBO."
        )


def standing(models: Sequence[LoadedModel], test_images: Source, rebuilt: Sequence[Rebuilt]) -> None:
    """This picture's figure among those of the whole split."""
    st.header("Where this picture stands", anchor=False)
    if not all(can_be_scored(model, test_images) for model in models):
        st.caption(
            f"Scoring every test image with so large a network would take many minutes. `{PROGRAM} evaluate` measures their means."
        )
        return
    splits = []
    for model in models:
        scores = scores_of(model, test_images)
        if scores is None:
            scoring_progress(model, test_images)
        else:
            splits.append(scores)
    if len(splits) < len(models):
        return
    name = st.segmented_control(
        "Figure",
        list(FIGURES),
        default="mse",
        key="standing_by",
        required=True,
        persist_state="session",
        format_func=lambda name: comparison.figure_name(name, models[0].engine.likelihood),
        label_visibility="collapsed",
    )
    assert name is not None  # required
    values = [float(getattr(entry.scores, name)[0]) for entry in rebuilt]
    limits = comparison.limits_of(name, splits, values)
    if name == "kl_loss":
        method = "The KL is in closed form, for the split as for this picture"
    elif name in comparison.ONE_SAMPLE:
        method = "One sample of z per image, for the split as for this picture"
    else:
        method = "The split's images are reconstructed from z_mean"
        method += f", this picture from {rebuilt[0].way}" if rebuilt[0].sampled else ", as is this picture"
    for column, entry, scores, value in zip(st.columns(len(models)), rebuilt, splits, values, strict=True):
        words = comparison.standing_words(value, name, scores, entry.likelihood, test_images.title)
        label = comparison.figure_name(name, entry.likelihood)
        with column:
            st.plotly_chart(
                comparison.distribution(scores, name, value, html_text(entry.model), limits, label),
                key=f"standing_{entry.model}",
                config={"displayModeBar": False},
                alt=plain_text(f"Histogram. {words}, {entry.model}", SENTENCE),
            )
            st.caption(f"**{markdown_text(words, SENTENCE)}** by {markdown_text(entry.model)}. {method}.")


def scoring_progress(model: LoadedModel, test_images: Source) -> None:
    """How far the scoring of the test images is, looked at again until it is over; why it failed, and a button."""
    job = scoring(model, test_images)
    failed = job is not None and job.state == "failed"
    st.fragment(_scoring_progress, run_every=None if failed else TICK)(model, test_images, failed)


def _scoring_progress(model: LoadedModel, test_images: Source, failed: bool) -> None:
    name, job = markdown_text(model.entry.label), scoring(model, test_images)
    if job is None:
        # Asks again whether there is room in the queue.
        scores_of(model, test_images)
        st.progress(0.0, f"Many models' test images are being scored; those of {name} come later.")
    elif job.over and not failed:
        # The page can be drawn whole now.
        st.rerun(scope="app")
    elif failed:
        st.error(
            f"The test images could not be scored by {name}: {markdown_text(job.note, SENTENCE)}",
            icon=":material/error:",
        )
        st.button(
            "Try again",
            key=f"score_again_{model.entry.id}",
            icon=":material/refresh:",
            on_click=score_again,
            args=(model, test_images),
        )
    elif job.state == "waiting":
        st.progress(0.0, f"Another model's test images are being scored; those of {name} come next.")
    else:
        st.progress(
            job.done / max(1, job.total),
            f"Scoring the {job.total:,} test images by {name}, once: {job.done:,} so far. It goes on when you leave this page.",
        )


def sixteen(rebuilt: Sequence[Rebuilt], names: Sequence[str]) -> None:
    """Rows of originals, reconstructions, errors and SSIM maps, models below one another; in two halves of eight."""
    if not names:
        st.info("There is no test image of this class. Choose another class in the line above.", icon=":material/info:")
        return
    for first, column in zip(range(0, len(names), BLOCK), st.columns(2), strict=False):
        with column:
            for what in COLUMNS:
                for entry in rebuilt[:1] if what == "original" else rebuilt:
                    of = "" if what == "original" or len(rebuilt) == 1 else f", {markdown_text(entry.model)}"
                    last = min(first + BLOCK, len(names)) - 1
                    st.caption(f"**{what[0].upper()}{what[1:]}**{of}")
                    picture(
                        comparison.strip(entry, what, first, BLOCK),
                        width="stretch",
                        alt=plain_text(f"{what}, {entry.model}: {', '.join(names[first : last + 1])}", SENTENCE),
                    )
    left, right = st.columns(2)
    with left:
        colour_bar(heatmaps.DIVERGING, -1, 1)
        st.caption("Signed error: reconstruction − original, red is too bright, blue too dark")
    with right:
        colour_bar(comparison.SIMILARITY, 0, 1)
        st.caption(
            f"SSIM map: 1 where the two agree, 0 where they do not. {image_quality.SSIM_METHOD.replace(' x ', ' × ')}"
        )


def sixteen_figures(rebuilt: Sequence[Rebuilt], names: Sequence[str], test_images: Source) -> None:
    """A line of figures per picture of the strip."""
    if not names:
        return
    columns = {
        f"{comparison.figure_name(key, entry.likelihood)}{f', {entry.model}' if len(rebuilt) > 1 else ''}": (entry, key)
        for key in FIGURES
        for entry in rebuilt
    }
    digits = {name: f"%.{FIGURES[key][2]}f" for name, (_, key) in columns.items()}
    st.dataframe(
        {"Picture": list(names)} | {name: getattr(entry.scores, key) for name, (entry, key) in columns.items()},
        hide_index=True,
        column_config={"Picture": st.column_config.TextColumn(pinned=True)}
        | {name: st.column_config.NumberColumn(format=form) for name, form in digits.items()},
    )
    st.caption(
        f"Of {len(names)} images of {markdown_text(test_images.title)}, decoded from {rebuilt[0].way}: {markdown_text(comparison.method(rebuilt[0]), SENTENCE)}."
    )
    comparable(rebuilt)
    downloads(rebuilt, names)


def downloads(rebuilt: Sequence[Rebuilt], names: Sequence[str]) -> None:
    """The comparison as it is seen, and its figures; made when they are asked for."""
    stem = "-".join(["reconstruction", *(file_text(entry.model.split(" ")[0]) for entry in rebuilt)])
    with st.container(horizontal=True):
        st.download_button(
            "PNG: the comparison",
            lambda: comparison.sheet(rebuilt, names),
            f"{stem}.png",
            "image/png",
            key="rebuilt_png",
            icon=":material/image:",
            on_click="ignore",
        )
        st.download_button(
            "CSV: the figures",
            lambda: comparison.csv_text(rebuilt, names),
            f"{stem}.csv",
            "text/csv",
            key="rebuilt_csv",
            icon=":material/table:",
            on_click="ignore",
        )
