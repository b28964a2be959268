"""The use Compression: what the chosen picture's codes take and what comes back, and rate against distortion over many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui.app.cache import LoadedModel, Source, alike
from pages.ui.app.subject import Subject
from pages.ui.applications.cache import data_of, measured
from pages.ui.applications.parts import WIDE, Shown, picture_row, plain_chart, say
from pages.ui.applications.read_back import open_codes
from pages.ui.formatting import file_text, html_text, markdown_text, number, plain_text
from pages.ui.glossary import term
from pages.ui.shared.measuring import offer_to_measure
from vae_core.analysis import image_quality
from vae_core.analysis.applications import image_codecs
from vae_core.analysis.applications.code_archive import SUFFIX, header_bytes, pack, quantise, unpack
from vae_core.analysis.applications.compression import PCA, VAE, CompressionFigures, Point, rate_bits
from vae_core.checkpoints.placement import is_shipped

USE = "compression"
PRECISIONS = {
    0.25: "4× finer",
    0.5: "2× finer",
    1.0: "the posterior's",
    2.0: "2× coarser",
    4.0: "4× coarser",
    8.0: "8× coarser",
}
QUALITY = 75  # of JPEG and WebP, in the table of the chosen picture
COLOURS = ("#6d3bb0", "#1f77b4", "#2a9d8f", "#b5508c", "#7f7f7f")
BASELINES = {
    PCA: "#e8862e",
    "jpeg": "#c9a227",
    "jpeg (one sheet)": "#c9a227",
    "webp": "#5aa05a",
    "webp (one sheet)": "#5aa05a",
}
DISTORTIONS = {"PSNR, dB": "psnr", "SSIM": "ssim", "MSE": "mse"}
CHOSEN = "#d62728"


class Compressed(NamedTuple):
    """The chosen picture through the file: its bytes, what they decode to, its rate in bits, and its codes' bits."""

    data: bytes
    back: np.ndarray
    kl_bits: float
    code_bits: float


def compression(model: LoadedModel, test_images: Source | None, selected: Subject) -> None:
    """Picture row, sentence and table on the left, the plot on the right; controls below."""
    left, right = st.columns([5, 6], gap="large")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        precision = st.select_slider(
            "Precision of the codes",
            list(PRECISIONS),
            1.0,
            key="compress_precision",
            persist_state="session",
            format_func=lambda factor: PRECISIONS[factor],
            width=320,
            help="At the posterior's precision what is rounded away is what the encoder was unsure about: cells of √12 posterior deviations.",
        )
        axis = st.segmented_control(
            "Quality",
            list(DISTORTIONS),
            default="PSNR, dB",
            key="compress_axis",
            required=True,
            persist_state="session",
        )
        place = st.container()
    assert axis is not None  # required
    if selected.z_log_var is None:
        with left:
            st.markdown("A decoded point is its own code: choose a picture to compress it.")
        done = None
    else:
        done = compressed(model, selected, precision)
        with left:
            _picture(model, selected, done)
        with place:
            st.download_button(
                f"File of codes ({len(done.data):,} bytes)",
                done.data,
                f"{file_text(selected.name)}{SUFFIX}",
                "application/octet-stream",
                key="compress_download",
                on_click="ignore",
                icon=":material/download:",
                help="`compress --expand` reads it back with this model; a damaged one is refused.",
            )
    with right:
        _plot(model, test_images, selected, done, DISTORTIONS[axis], axis)
    open_codes(model)


def compressed(model: LoadedModel, selected: Subject, precision: float) -> Compressed:
    """Write the picture's file and read it back."""
    z_mean, z_log_var = model.engine.encode(selected.image[None])
    codes = quantise(z_mean, z_log_var, precision)
    data = pack(codes, model.engine)
    back = model.engine.decode(unpack(data, model.engine))[0]
    return Compressed(data, back, float(rate_bits(z_mean, z_log_var)[0]), float(codes.bits()[0]))


def _picture(model: LoadedModel, selected: Subject, done: Compressed) -> None:
    error = np.abs(done.back - selected.image)
    picture_row(
        [
            Shown("Picture", selected.image, selected.name),
            Shown("From the file", done.back, f"{selected.name}, decoded from its file of codes"),
            Shown("Difference", error, f"absolute difference of the two, {number(float(error.max()))} at most"),
        ],
        columns=3,
    )
    rows = formats(selected.image, done)
    header = header_bytes(model.engine.latent_dim)
    say(
        "compression",
        f"{done.code_bits:.1f} bits of codes bring this picture back at {_cell(rows[0]['PSNR, dB'])} dB; its PNG takes "
        f"{_bytes(rows, 'PNG') * 8:,} bits and loses nothing.",
        level="notice",
    )
    st.table(
        [
            {
                "format": _cell(row["format"]),
                "bytes": _cell(row["bytes"]),
                "PSNR, dB": _cell(row["PSNR, dB"]),
                "SSIM": _cell(row["SSIM"]),
            }
            for row in rows
        ],
        border="horizontal",
        height="content",
    )
    decoder = 4 * sum(array.size for name, array in model.engine.weights.items() if name.startswith("decoder/"))
    st.caption(
        f"The file of codes was written and read back: {header:d} of its {len(done.data)} bytes are header and checksum, which "
        f"all pictures of one file share. {term('KL')} to the {term('prior')}: {number(done.kl_bits)} bits, what ideal coding would take. Whoever reads "
        f"it needs the {term('decoder')}, {decoder / 1e6:.1f} MB. JPEG and WebP at quality {QUALITY}, with their headers. Higher {term('PSNR')} and "
        f"{term('SSIM')} are better.",
        unsafe_allow_html=True,
    )


def formats(image: np.ndarray, done: Compressed) -> list[dict[str, object]]:
    """Rows of the table: bytes, PSNR and SSIM of each format for one picture (h, w, c)."""
    pixels = np.round(255 * image).astype(np.uint8)
    rows = [_row("File of codes", len(done.data), image, done.back)]
    for name, format in (("PNG", "png"), ("WebP lossless", "webp lossless"), ("zlib", "zlib")):
        rows.append(_row(name, len(image_codecs.encode_image(pixels, format)), image, image))
    for name, format in (("JPEG", "jpeg"), ("WebP", "webp")):
        data = image_codecs.encode_image(pixels, format, QUALITY)
        back = image_codecs.decode_image(data, image.shape).astype(np.float32) / 255
        rows.append(_row(name, len(data), image, back))
    return rows


def _row(name: str, size: int, image: np.ndarray, back: np.ndarray) -> dict[str, object]:
    whole = back is image
    psnr = "lossless" if whole else float(image_quality.psnr(image[None], back[None])[0])
    ssim = 1.0 if whole else float(image_quality.ssim(image[None], back[None])[0])
    return {"format": name, "bytes": size, "PSNR, dB": psnr, "SSIM": ssim}


def _bytes(rows: list[dict[str, object]], name: str) -> int:
    return next(int(str(row["bytes"])) for row in rows if row["format"] == name)


def _cell(value: object) -> str:
    return (
        number(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else markdown_text(value)
    )


def _plot(
    model: LoadedModel, test_images: Source | None, selected: Subject, done: Compressed | None, field: str, axis: str
) -> None:
    figures = measured(model.entry.path, USE, CompressionFigures, data_of(model))
    if figures is None:
        offer_to_measure(model, test_images, USE, "Rate against distortion over 1,000 test images")
        return
    others = {
        plain_text(entry.label): found
        for entry in alike(model)
        if is_shipped(entry.path)
        and (found := measured(entry.path, USE, CompressionFigures, data_of(model))) is not None
    }
    models = {plain_text(model.entry.label): figures, **others}
    star = None
    if done is not None:
        star = (done.code_bits, _distortion(field, selected.image, done.back))
    st.plotly_chart(
        rate_distortion(models, field, axis, star),
        key="rate_distortion",
        config=WIDE,
        alt="Bits a picture against what comes back, for the models, PCA, JPEG and WebP",
    )
    name = markdown_text(model.entry.label)
    st.caption(
        f"Left is smaller, up is better{' (MSE: down)' if field == 'mse' else ''}. {markdown_text(model.checkpoint.dataset['name'])} test, the first "
        f"{figures.n:,} images, means. In one real file of all of them {name} takes {figures.file_bytes:.1f} bytes a picture; their KL is "
        f"{figures.kl_bits:.1f} bits. Decoder {figures.decoder_bytes / 1e6:.1f} MB, PCA's basis of as many units "
        f"{figures.pca_bytes / 1e6:.2f} MB: neither is counted, nor the header of the file of codes. PCA is fitted on train and rounded likewise. “One sheet” is one file of all pictures, "
        f"which shares JPEG's header."
    )


def _distortion(field: str, image: np.ndarray, back: np.ndarray) -> float:
    measure = {"psnr": image_quality.psnr, "ssim": image_quality.ssim, "mse": image_quality.mse}[field]
    return float(measure(image[None], back[None])[0])


def rate_distortion(
    models: dict[str, CompressionFigures], field: str, axis: str, star: tuple[float, float] | None
) -> go.Figure:
    """The plot: a line per model, the first of them in bold, one per baseline, and the chosen picture as a star."""
    figure = go.Figure()
    for i, (name, figures) in enumerate(models.items()):
        points = [point for point in figures.points if point.method == VAE]
        _line(figure, html_text(name), points, field, COLOURS[i % len(COLOURS)], width=4 if i == 0 else 2)
    first = next(iter(models.values()))
    for method, colour in BASELINES.items():
        points = [point for point in first.points if point.method == method]
        label = method.replace("jpeg", "JPEG").replace("webp", "WebP")
        _line(
            figure, html_text(label), points, field, colour, dash="solid" if method in (PCA, "jpeg", "webp") else "dot"
        )
    if star is not None and np.isfinite(star[1]):
        figure.add_scatter(
            x=[star[0]],
            y=[star[1]],
            mode="markers",
            name="this picture",
            marker={"symbol": "star", "size": 15, "color": CHOSEN},
            hovertemplate="this picture<br>%{x:.0f} bits<br>%{y:.4g}<extra></extra>",
        )
    plain_chart(figure, "bits a picture", axis)
    return figure.update_xaxes(type="log")


def _line(
    figure: go.Figure, name: str, points: list[Point], field: str, colour: str, width: int = 2, dash: str = "solid"
) -> None:
    kept = sorted((p for p in points if getattr(p, field) is not None and p.bits > 0), key=lambda p: p.bits)
    figure.add_scatter(
        x=[p.bits for p in kept],
        y=[getattr(p, field) for p in kept],
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": width, "dash": dash},
        text=[html_text(p.setting) for p in kept],
        hovertemplate=f"{name}, %{{text}}<br>%{{x:.0f}} bits<br>%{{y:.4g}}<extra></extra>",
    )
