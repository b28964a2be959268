"""Parts of a report about latent space: units over training, aggregate posterior against prior, magnification."""

from __future__ import annotations

import numpy as np

from vae_core.analysis.latent_geometry import aggregate_density
from vae_core.analysis.latent_points import grid, sample_posterior
from vae_core.analysis.report.contents import ReportContents
from vae_core.analysis.report.drawing import COLOURS, Series, figure, heat, line_chart, plane_length, plane_point, table
from vae_core.analysis.report.section import Section, nats, paragraph
from vae_core.network.latents import Latents

# Units whose curves or Q-Q lines are drawn: those with the highest KL.
UNITS = 6
MAP_SIDE, MAP_EXTENT = 81, 4.0
ACTIVE = 0.01
# Codes that the density is made of.
CODES = 4_000


def units(contents: ReportContents) -> Section:
    """KL of each unit over training, and which are active."""
    kl, variances = np.array(contents.figures.kl_per_unit), np.array(contents.figures.variances)
    active = int((variances > ACTIVE).sum())
    order = np.argsort(-kl, kind="stable")
    text = (
        f"{active} of {len(kl)} unit{'' if len(kl) == 1 else 's'} {'is' if active == 1 else 'are'} active: z_mean varies over the test images by more "
        f"than {ACTIVE} (Burda et al. 2016). Together they carry {nats(float(kl.sum()), 1)} nats, {nats(float(kl.sum()) / np.log(2), 1)} bits, about an image."
    )
    rows = [[f"z{_subscript(i + 1)}", nats(kl[i]), nats(variances[i], 3)] for i in order[:32].tolist()]
    charts = [figure(table(["unit", "KL, nats", "variance of z_mean"], rows), "")]
    if len(contents.kl_steps) > 1:
        series = [
            Series(f"z{_subscript(i + 1)}", contents.kl_steps, contents.kl_per_unit[:, i])
            for i in order[:UNITS].tolist()
        ]
        more = f", the {UNITS} units with the most" if len(kl) > UNITS else ""
        caption = f"KL of each unit over training{more}; {contents.kl_of}."
        charts.append(figure(line_chart(series, "step", "KL, nats", log_x=True, marks=True), caption))
    else:
        text += " How it came about was not kept with this model."
    return Section("units", "Latent units", paragraph(text) + f'<div class="figures">{"".join(charts)}</div>')


def latent_space(contents: ReportContents) -> Section:
    """The aggregate posterior beside the prior, and of two units the magnification."""
    charts = []
    if contents.latents is None:
        text = "The codes of test images, which show how latent space is filled, are not kept with this model: `evaluate --write` makes them."
    elif contents.latent_dim == 2:
        charts.append(_density_map(contents.latents))
        text = (
            "The decoder is asked to draw from the prior, and has practised where pictures are encoded: where the two differ, samples are "
            "improvised."
        )
    else:
        chart, worst = _quantiles(contents)
        charts.append(
            figure(
                chart,
                "Quantiles of each unit's aggregate posterior against those of the prior; on the diagonal they agree.",
            )
        )
        text = f"If every unit's aggregate posterior were the prior, all lines would lie on the diagonal. {worst}"
    if contents.figures.magnification is not None:
        charts.append(_magnification_map(contents))
        text += " Where the magnification is high a small step in latent space changes the picture much: borders between kinds of pictures."
    return Section("latent", "Latent space", paragraph(text) + f'<div class="figures">{"".join(charts)}</div>')


def _density_map(latents: Latents) -> str:
    z, _ = grid(2, MAP_SIDE, extent=MAP_EXTENT)
    density = aggregate_density(latents.z_mean[:CODES], latents.z_log_var[:CODES], z).reshape(MAP_SIDE, MAP_SIDE)
    circles = []
    for radius in (1, 2, 3):
        x, y = plane_point(0, 0, MAP_EXTENT)
        r = plane_length(radius, MAP_EXTENT)
        circles.append(
            f'<circle cx="{x}" cy="{y}" r="{r:.1f}" fill="none" stroke="#fff" stroke-width="1.5" stroke-dasharray="4 3"/>'
        )
    # Below e^-12 there is nothing to see.
    shown = np.maximum(density, density.max() - 12)
    chart = heat(
        shown, MAP_EXTENT, "Density of the aggregate posterior over the latent plane", "viridis", "".join(circles)
    )
    n = min(CODES, len(latents.labels))
    return figure(
        chart,
        f"Aggregate posterior of {n:,} test images, log q(z), brighter is denser; dashed: 1, 2 and 3 standard deviations of the prior.",
    )


def _magnification_map(contents: ReportContents) -> str:
    known = contents.figures.magnification
    assert known is not None
    values = known.image()
    chart = heat(
        np.log(np.maximum(values, values.max() * 1e-4)),
        known.extent,
        "Magnification of the decoder over the latent plane",
        "inferno",
    )
    return figure(
        chart,
        f"Magnification √det JᵀJ of the decoder's mean image, {nats(values.min(), 1)} to {nats(values.max(), 1)}, on a logarithmic scale.",
    )


def _quantiles(contents: ReportContents) -> tuple[str, str]:
    """Q-Q lines of the units with the most KL, and a sentence about the unit that is furthest off."""
    from scipy.special import ndtri

    latents = contents.latents
    assert latents is not None
    draws = sample_posterior(latents.z_mean, latents.z_log_var, 0).astype(np.float64)
    shares = (np.arange(99) + 1) / 100
    expected, measured = ndtri(shares), np.quantile(draws, shares, axis=0)  # (99,), (99, units)
    kl = np.array(contents.figures.kl_per_unit)
    order = np.argsort(-kl, kind="stable")[:UNITS].tolist()
    deviations = draws.std(axis=0)
    furthest = int(np.abs(deviations - 1).argmax())
    series = [Series(f"z{_subscript(i + 1)}", expected, measured[:, i]) for i in order]
    diagonal = Series("the prior", expected, expected)
    chart = line_chart(
        [*series, diagonal] if len(series) < len(COLOURS) else series, "quantile of the prior", "quantile of the unit"
    )
    sentence = f"The furthest off is z{_subscript(furthest + 1)}: mean {nats(float(draws[:, furthest].mean()))}, deviation {nats(float(deviations[furthest]))}."
    return chart, sentence


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
