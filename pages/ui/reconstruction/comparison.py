"""Original and reconstruction as arrays ready to show: pictures, maps, figures, and the files to download. No streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pages.ui.formatting import markdown_text
from pages.ui.images import enlarge
from pages.ui.shared import png_sheet
from vae_core.analysis import evaluation, heatmaps, image_quality, likelihood, mosaics
from vae_core.analysis.image_scores import HIGH_IS_GOOD, Scores
from vae_core.analysis.latent_points import sample_posterior
from vae_core.network.engine import Engine
from vae_core.storage.tables import delimited

# name in `Scores`: what it is called, its unit and digits
FIGURES = {
    "mse": ("MSE", "", 4),
    "psnr": ("PSNR", "dB", 2),
    "ssim": ("SSIM", "", 3),
    "reconstruction_loss": ("BCE", "nats", 1),
    "kl_loss": ("KL", "nats", 2),
    "negative_elbo": ("−ELBO", "nats", 1),
}
ONE_SAMPLE = ("reconstruction_loss", "negative_elbo")  # of one sample of z, whatever the picture is decoded from
COLUMNS = ("original", "reconstruction", "signed error", "SSIM map")
SIMILARITY = "magma"  # the SSIM map's colours
BAR, MARK = "#a58bd0", "#e8862e"


@dataclass(frozen=True)
class Rebuilt:
    """Some pictures and what one model makes of them.

    model: its name. likelihood: "bernoulli" or "gaussian". images, reconstructions: float32 (n, h, w, c). scores: a figure
    per picture; MSE, PSNR and SSIM are of these reconstructions. sampled: from a sample of z (all figures are then of
    that sample), else from z_mean. seed: of the sample.
    """

    model: str
    likelihood: str
    images: np.ndarray
    reconstructions: np.ndarray
    scores: Scores
    sampled: bool
    seed: int

    @property
    def way(self) -> str:
        """What the pictures are decoded from."""
        return f"a sample of z (seed {self.seed})" if self.sampled else "z_mean"


def rebuild(name: str, engine: Engine, images: np.ndarray, sampled: bool, seed: int) -> Rebuilt:
    """images (n, h, w, c) float32 through the model, from z_mean or from one sample of z per picture."""
    z_mean, z_log_var = engine.encode(images)
    z = sample_posterior(z_mean, z_log_var, seed)
    kl = likelihood.kl_per_unit(z_mean, z_log_var).sum(axis=1)
    loss = likelihood.reconstruction_loss(engine, images, z)
    rebuilt = engine.decode(z if sampled else z_mean)
    mse, psnr, ssim = (
        measure(images, rebuilt) for measure in (image_quality.mse, image_quality.psnr, image_quality.ssim)
    )
    return Rebuilt(
        name, engine.likelihood, images, rebuilt, Scores(mse, psnr, ssim, loss, kl, loss + kl), sampled, seed
    )


def figure_name(name: str, likelihood: str) -> str:
    """What a figure is called; under a Gaussian likelihood the reconstruction loss is no cross-entropy."""
    return "−log p(x|z)" if name == "reconstruction_loss" and likelihood == "gaussian" else FIGURES[name][0]


def figure_text(name: str, value: float) -> str:
    """A figure with its unit: "0.0139", "18.60 dB"."""
    _, unit, digits = FIGURES[name]
    if not np.isfinite(value):
        words = "∞"
    else:
        tiny = 0 < abs(value) < 0.5 * 10**-digits
        words = (f"{value:.1e}" if tiny else f"{value:.{digits}f}").replace("-", "−")
    return f"{words} {unit}" if unit else words


def parts(rebuilt: Rebuilt, i: int = 0) -> dict[str, np.ndarray]:
    """The four pictures of one row, by `COLUMNS`: float32 (h, w, c), then uint8 (h, w, 3) for the two maps."""
    return {what: part(rebuilt, what, i) for what in COLUMNS}


def part(rebuilt: Rebuilt, what: str, i: int) -> np.ndarray:
    """One of `COLUMNS` of picture i."""
    image, reconstruction = rebuilt.images[i], rebuilt.reconstructions[i]
    if what == "signed error":
        return heatmaps.signed_error(image, reconstruction)
    if what == "SSIM map":
        return heatmaps.ssim_colours(image, reconstruction, SIMILARITY)
    return image if what == "original" else reconstruction


def difference(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, float]:
    """Where two pictures (h, w, c) differ, channels averaged: uint8 (h, w, 3) from 0 to the largest difference, and that one."""
    apart = np.abs(first - second).mean(axis=2)
    top = float(apart.max())
    return heatmaps.colour(apart / top if top else apart, SIMILARITY), top


def strip(rebuilt: Rebuilt, what: str, first: int, count: int, pixels: int = 84) -> np.ndarray:
    """One row of a strip: that column of `count` pictures from `first` on, enlarged, side by side: uint8 (h, w, 3).

    Always as wide as `count` pictures: what is missing is grey, so that rows keep their scale.
    """
    images = [
        _rgb(enlarge(part(rebuilt, what, i), pixels)) for i in range(first, min(first + count, len(rebuilt.images)))
    ]
    images += [np.full_like(images[0], 128)] * (count - len(images))
    return mosaics.mosaic(np.stack(images), columns=count, gap=4, fill=128)


def table(rebuilt: Sequence[Rebuilt], i: int = 0) -> list[dict[str, str]]:
    """Rows for a table: a figure, its value per model, how it is computed."""
    sampled, gaussian = rebuilt[0].sampled, any(entry.likelihood == "gaussian" for entry in rebuilt)
    of = "of this sample of z" if sampled else "of the reconstruction from z_mean"
    one_sample = "of this sample of z" if sampled else f"of one sample of z (seed {rebuilt[0].seed})"
    entropy = "−log p(x|z)" if gaussian else "binary cross-entropy"
    methods = {
        "mse": f"mean squared error of the pixels, {of}",
        "psnr": f"−10 log₁₀ MSE, {of}",
        "ssim": f"Gaussian window of 11 × 11 pixels, sigma 1.5, data range 1, {of}",
        "reconstruction_loss": f"{entropy} summed over pixels, {one_sample}",
        "kl_loss": "closed form, summed over units",
        "negative_elbo": "the two lines above added up, beta = 1",
    }
    return [
        {
            "Figure": figure_name(name, "gaussian" if gaussian else "bernoulli"),
            # neither a name nor a figure is broken over two lines
            **{
                markdown_text(entry.model.replace("-", "‑")): figure_text(
                    name, float(getattr(entry.scores, name)[i])
                ).replace(" ", "\xa0")
                for entry in rebuilt
            },
            "Method": method,
        }
        for name, method in methods.items()
    ]


def standing(value: float, name: str, scores: Scores) -> float:
    """Share of the split that this value is better than (of the KL: lower than), ties counted half, in [0, 1].

    A test picture is one of its split, so values that differ by rounding alone are ties.
    """
    values, value = np.nan_to_num(getattr(scores, name).astype(np.float64), posinf=1e9), min(value, 1e9)
    near = 1e-5 * abs(value)
    below = float(evaluation.percentile_rank(np.array([value - near, value + near]), values).mean())
    return below if name in HIGH_IS_GOOD else 1 - below


def standing_words(value: float, name: str, scores: Scores, likelihood: str, title: str) -> str:
    """ "MSE 0.0140: better than 72 % of Fashion-MNIST test, 10,000 images"; a low KL is no merit, only low."""
    share = standing(value, name, scores)
    # rounded down, so that the best but one is not better than 100 %
    percent = f"{np.floor(share * 1000) / 10:.1f}" if share < 0.01 or share > 0.99 else f"{100 * share:.0f}"
    better = "lower" if name == "kl_loss" else "better"
    return f"{figure_name(name, likelihood)} {figure_text(name, value)}: {better} than {percent} % of {title}"


def distribution(
    scores: Scores, name: str, value: float, words: str, limits: tuple[float, float], label: str
) -> go.Figure:
    """Histogram of one figure over the split between `limits`, with a line at this picture's value."""
    values = getattr(scores, name)
    counts, edges = np.histogram(values[np.isfinite(values)], bins=60, range=limits)
    figure = go.Figure(
        go.Bar(
            x=(edges[1:] + edges[:-1]) / 2,
            y=counts,
            marker={"color": BAR, "line": {"width": 0}},
            width=np.diff(edges),
            hovertemplate=f"{label} about %{{x:.4g}}<br>%{{y}} images<extra></extra>",
        )
    )
    if np.isfinite(value):
        figure.add_vline(
            x=value, line={"color": MARK, "width": 3}, annotation_text="this picture", annotation_position="top"
        )
    unit = FIGURES[name][1]
    figure.update_layout(
        height=260,
        margin={"l": 48, "r": 40, "t": 28, "b": 40},
        showlegend=False,
        bargap=0,
        dragmode=False,
        xaxis_title=f"{label}{f', {unit}' if unit else ''}: {words}",
        yaxis_title="images",
    )
    margin = 0.02 * (limits[1] - limits[0])
    figure.update_xaxes(fixedrange=True, range=[limits[0] - margin, limits[1] + margin], zeroline=False)
    figure.update_yaxes(fixedrange=True)
    return figure


def limits_of(name: str, scores: Sequence[Scores], values: Sequence[float]) -> tuple[float, float]:
    """From the least to the largest finite value of one figure, over the models' splits and the pictures shown."""
    every = np.concatenate([*(getattr(entry, name) for entry in scores), np.asarray(values)]).astype(np.float64)
    every = every[np.isfinite(every)]
    return (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)


def sheet(rebuilt: Sequence[Rebuilt], names: Sequence[str]) -> bytes:
    """The whole comparison as a PNG: a row of four pictures per picture and model, with words, in columns of eight rows."""
    pixels = 168 if len(names) == 1 else 112
    rows: list[png_sheet.Item] = []
    for i, name in enumerate(names):
        for entry in rebuilt:
            figures = ", ".join(
                f"{FIGURES[key][0]} {figure_text(key, float(getattr(entry.scores, key)[i]))}"
                for key in ("mse", "ssim", "negative_elbo")
            )
            pictures = np.stack([_rgb(enlarge(picture, pixels)) for picture in parts(entry, i).values()])
            rows += [f"{name}, {entry.model}", figures, mosaics.mosaic(pictures, columns=4, gap=8, fill=255)]
    bar = png_sheet.bar(heatmaps.DIVERGING, pixels), png_sheet.bar(SIMILARITY, pixels)
    legend: list[png_sheet.Item] = [
        "signed error, −1 (too dark) to 1 (too bright)",
        bar[0],
        "SSIM map, 0 (different) to 1 (identical)",
        bar[1],
        *method(rebuilt[0]).split("; "),
    ]
    columns = [rows[k : k + 24] for k in range(0, len(rows), 24)]
    columns[-1] = columns[-1] + legend
    columns = [[_plain(item) if isinstance(item, str) else item for item in column] for column in columns]
    return png_sheet.png(f"{', '.join(COLUMNS)}. Decoded from {rebuilt[0].way}.", columns)


def csv_text(rebuilt: Sequence[Rebuilt], names: Sequence[str]) -> str:
    """The figures as CSV: a line per picture and model, with how they were computed."""
    rows = [["picture", "model", *FIGURES, "method"]]
    for i, name in enumerate(names):
        for entry in rebuilt:
            values = [f"{getattr(entry.scores, key)[i]:.6g}" for key in FIGURES]
            rows.append([name, entry.model, *values, method(entry, in_file=True)])
    return delimited(rows, ",")


def method(entry: Rebuilt, in_file: bool = False) -> str:
    """In one sentence what the figures are of, by their names on the page, or in a file by those of its columns."""
    likely, elbo, kl = (key if in_file else figure_name(key, entry.likelihood) for key in (*ONE_SAMPLE, "kl_loss"))
    if entry.sampled:
        return f"every figure of {entry.way}; PSNR in dB, {likely}, {kl} and {elbo} in nats, beta = 1"
    return f"MSE, PSNR (dB) and SSIM from z_mean; {likely} and {elbo} of one sample of z (seed {entry.seed}), in nats like {kl}, beta = 1"


def _plain(words: str) -> str:
    """Without what the font of the files does not have: it would be drawn as a box."""
    return words.replace("−", "-").replace("∞", "inf")


def _rgb(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
