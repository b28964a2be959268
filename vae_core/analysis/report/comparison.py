"""Two models beside each other: only what compares is compared, the rest stands greyed with the reason."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vae_core.analysis.report.contents import ReportContents
from vae_core.analysis.report.drawing import escape
from vae_core.analysis.report.section import Section, escape_long, nats, paragraph


class Row(NamedTuple):
    """A quantity of two models.

    Attributes:
        name: What it is.
        values: Of each, as text.
        better: 0 or 1 for the better one; None where neither is.
        reason: Why it does not compare; "" if it does.
    """

    name: str
    values: tuple[str, str]
    better: int | None
    reason: str = ""


def rows(a: ReportContents, b: ReportContents) -> list[Row]:
    """Every quantity that both have, or the reason why it does not compare."""
    data = (
        ""
        if a.checksum and a.checksum == b.checksum
        else f"other pictures: {a.data} and {b.data if b.data != a.data else 'another set of that name'}"
    )
    likelihood = (
        ""
        if a.figures.likelihood == b.figures.likelihood
        else f"other likelihoods: {a.figures.likelihood} and {b.figures.likelihood}"
    )
    found: list[Row] = []
    for name, key in (("−ELBO, test", "negative_elbo"), ("reconstruction loss, test", "reconstruction_loss")):
        first, second = a.figures.loss_on("test"), b.figures.loss_on("test")
        if first is not None and second is not None:
            reason = data or likelihood or ("" if first.n == second.n else f"{first.n:,} and {second.n:,} images")
            found.append(_number(name, getattr(first, key).value, getattr(second, key).value, reason))
    found.append(_gap_row(a, b, data or likelihood))
    for name, key, low in (
        ("MSE of the reconstruction", "mse", True),
        ("SSIM of the reconstruction", "ssim", False),
        ("nearest-neighbour accuracy", "knn_accuracy", False),
    ):
        if key in a.metrics and key in b.metrics:
            found.append(_number(name, a.metrics[key], b.metrics[key], data, low, digits=4))
    found.append(_training_row(a, b))
    kl = [float(np.sum(one.figures.kl_per_unit)) for one in (a, b)]
    found.append(
        Row(
            "KL, nats",
            (nats(kl[0]), nats(kl[1])),
            None,
            ""
            if a.latent_dim == b.latent_dim and not data
            else data or f"{a.latent_dim} and {b.latent_dim} units share it out",
        )
    )
    same_z = a.latent_dim == b.latent_dim
    found.append(
        Row(
            "pictures decoded at the same z",
            ("", ""),
            None,
            "each training turns and mirrors its latent space as it likes: the same z means another picture in each"
            if same_z
            else f"{a.latent_dim} and {b.latent_dim} units: no z is the same",
        )
    )
    return found


def comparison(a: ReportContents, b: ReportContents) -> Section:
    """The table, the better value in bold, what does not compare in grey."""
    lines = []
    for row in rows(a, b):
        values = [escape(value) if value else "–" for value in row.values]
        if row.better is not None:
            values[row.better] = f"<strong>{values[row.better]}</strong>"
        cells = "".join(f'<td class="n">{value}</td>' for value in values)
        grey = ' class="grey"' if row.reason else ""
        why = f'<div class="small">does not compare: {escape_long(row.reason)}</div>' if row.reason else ""
        lines.append(f"<tr{grey}><td>{escape(row.name)}{why}</td>{cells}</tr>")
    head = f'<tr><th></th><th class="n">{escape(a.name)}</th><th class="n">{escape(b.name)}</th></tr>'
    text = "Both models on the same test images with the same seeds. What is in bold is better; what is grey is shown and not compared."
    return Section(
        "against",
        f"{a.name} against {b.name}",
        paragraph(text) + f'<div class="scroll"><table>{head}{"".join(lines)}</table></div>',
    )


def _number(name: str, a: float, b: float, reason: str, low_is_good: bool = True, digits: int = 2) -> Row:
    better = None if reason or a == b else int((b < a) == low_is_good)
    return Row(name, (nats(a, digits), nats(b, digits)), better, reason)


def _gap_row(a: ReportContents, b: ReportContents, reason: str) -> Row:
    gaps = [one.figures.gaps for one in (a, b)]
    values = ["–" if gap is None else nats(float(gap.nats()["amortisation"].mean())) for gap in gaps]
    if None in gaps and not reason:
        reason = "worked out for one or two units only"
    better = None if reason or values[0] == values[1] else int(float(values[1]) < float(values[0]))
    return Row("amortisation gap, test", (values[0], values[1]), better, reason)


def _training_row(a: ReportContents, b: ReportContents) -> Row:
    """The loss that training minimised is another sum for another beta."""
    sums = []
    for one in (a, b):
        loss = one.figures.loss_on("test")
        sums.append(float("nan") if loss is None else loss.reconstruction_loss.value + one.beta * loss.kl_loss.value)
    if a.beta != b.beta:
        reason = f"beta = {a.beta:g} and {b.beta:g}: two different sums"
        return Row("training loss, test", (nats(sums[0]), nats(sums[1])), None, reason)
    reason = (
        ""
        if a.checksum == b.checksum and a.figures.likelihood == b.figures.likelihood
        else "other pictures or likelihoods"
    )
    return _number("training loss, test", sums[0], sums[1], reason)
