"""A report as one HTML file: no script, nothing fetched, light and dark as the reader's system is, and printable."""

from __future__ import annotations

from collections.abc import Sequence

from vae_core.analysis.report.comparison import comparison
from vae_core.analysis.report.contents import ReportContents
from vae_core.analysis.report.drawing import STYLE, escape
from vae_core.analysis.report.latent_sections import latent_space, units
from vae_core.analysis.report.loss_sections import (
    bounds,
    good_loss,
    headline,
    losses,
    scale_of_the_loss,
    where_the_nats_go,
)
from vae_core.analysis.report.picture_sections import confusion, examples
from vae_core.analysis.report.section import Section, escape_long, paragraph
from vae_core.analysis.verdicts import Verdict

# In the order of a reader's questions.
PARTS = (good_loss, where_the_nats_go, losses, bounds, units, latent_space, examples, confusion, scale_of_the_loss)
HEALTHY = "Healthy: trained long enough, no overfitting, no unit switched off."
PAGE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 64rem; font: 16px/1.5 "Source Sans 3", "Source Sans", system-ui, sans-serif;
  background: light-dark(#ffffff, #14121a); color: light-dark(#1d1a26, #ece9f3); }
h1 { font-size: 1.9rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.35rem; margin: 2.2rem 0 .5rem; }
.headline { font-size: 1.15rem; margin: .5rem 0 1rem; }
.verdict { padding: .5rem .75rem; border-left: 4px solid #2e9e5b; border-radius: 0 .5rem .5rem 0; background: #2e9e5b1a; margin: .5rem 0; }
.verdict.notice { border-color: #3b74d5; background: #3b74d51a; }
.verdict.warning { border-color: #d58a00; background: #d58a001f; }
.verdict p { margin: 0; }
@media print { body { max-width: none; padding: 0; } h2 { break-after: avoid; } figure, table, .bars { break-inside: avoid; } }
"""


def sections(contents: ReportContents) -> list[Section]:
    """Every part of a report but the headline and the verdicts, in order."""
    return [part(contents) for part in PARTS]


def document(contents: ReportContents, against: ReportContents | None = None) -> str:
    """Write a report as an HTML file.

    Args:
        contents: Of the model.
        against: Of a second one that it is compared with.

    Returns:
        The file's text.
    """
    parts = [*([comparison(contents, against)] if against is not None else []), *sections(contents)]
    body = "".join(f'<section id="{part.name}"><h2>{escape(part.title)}</h2>{part.html}</section>' for part in parts)
    links = " · ".join(f'<a href="#{part.name}">{escape(part.title)}</a>' for part in parts)
    shape = " × ".join(map(str, contents.image_shape))
    about = (
        f"{contents.preset}, {contents.parameters:,} parameters, {contents.latent_dim} latent unit{'' if contents.latent_dim == 1 else 's'}, "
        f"pictures of {shape}, trained on {contents.data}"
        + (f" for {contents.steps:,} steps" if contents.steps else "")
        + f", beta = {contents.beta:g}."
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(contents.name)}: report</title><style>{PAGE}{STYLE}</style></head>"
        f'<body class="rep"><h1>Report: {escape(contents.name)}</h1><p class="headline">{escape_long(headline(contents))}</p>'
        f'{verdict_cards(contents.verdicts)}{paragraph(about)}<p class="small">{links}</p>{body}</body></html>\n'
    )


def verdict_cards(verdicts: Sequence[Verdict]) -> str:
    """What there is to say of the training; that it is healthy where there is nothing."""
    if not verdicts:
        return f'<div class="verdict"><p><strong>{HEALTHY}</strong></p></div>'
    return "".join(
        f'<div class="verdict {verdict.level}"><p><strong>{escape_long(verdict.sentence)}</strong></p>'
        f'<p class="small">{escape_long(f"{verdict.why} {verdict.advice}")}</p></div>'
        for verdict in verdicts
    )
