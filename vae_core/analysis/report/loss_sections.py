"""Parts of a report about the loss: is it good, where do its nats go, what it is on each split, how tight it is, its scale."""

from __future__ import annotations

import math

import numpy as np

from vae_core.analysis.report import baselines, scale
from vae_core.analysis.report.contents import ReportContents
from vae_core.analysis.report.drawing import COLOURS, Dot, Series, dot_plot, figure, line_chart, stacked_bars, table
from vae_core.analysis.report.figures import ASTRAY, AmortisationFigures, GapFigures, Mean
from vae_core.analysis.report.section import Section, nats, paragraph
from vae_core.analysis.standing import standing

GAP_PARTS = ("what no diagonal Gaussian can express", "what the encoder fails to find")
# Share of the images that lose the most, for the sentence.
WORST = 0.1


def headline(contents: ReportContents) -> str:
    """What the report comes to, as plain text."""
    loss = contents.figures.loss_on("test")
    if loss is None:
        return f"{contents.name} has no test loss."
    first = (
        f"{contents.name} needs {nats(loss.negative_elbo.value, 1)} nats for a test image (−ELBO, {loss.n:,} images)"
    )
    place = standing("negative_elbo", loss.negative_elbo.value, _comparable(contents))
    parts = [f"{first}: {place}." if place else f"{first}."]
    gaps = contents.figures.gaps
    if gaps is not None:
        parts.append(gap_sentence(gaps))
    elif contents.figures.amortisation is not None:
        parts.append(amortisation_sentence(contents.figures.amortisation))
    return " ".join(parts)


def amortisation_sentence(known: AmortisationFigures) -> str:
    """What the encoder loses at least, in more than two units."""
    return f"At least {nats(float(known.gap().mean()), 1)} nats of an image are lost by its encoder, which a Gaussian found for each image wins back."


def gap_sentence(gaps: GapFigures) -> str:
    """Who loses the nats between −ELBO and −log p(x)."""
    known = gaps.nats()
    approximation, amortisation = max(known["approximation"].mean(), 0.0), known["amortisation"].mean()
    whole = approximation + amortisation
    if whole < 0.1:
        return f"The encoder is all but perfect: only {nats(whole)} nats lie between −ELBO and exact −log p(x)."
    who = "the encoder's" if amortisation >= approximation else "lost because a diagonal Gaussian cannot say it"
    share = max(amortisation, approximation) / whole
    return (
        f"Of the {nats(whole, 1)} nats between −ELBO and exact −log p(x), {nats(max(amortisation, approximation), 1)} "
        f"({share:.0%}) are {who}."
    )


def _comparable(contents: ReportContents) -> dict[str, float]:
    """−ELBO or −log p(x) of others on the same test images."""
    values = {name: value for name, value in contents.others.items() if name != contents.name}
    if contents.on_fashion and contents.figures.likelihood == "bernoulli":
        values |= {
            f"a mixture of {mark.name}" if "pictures" in mark.name else mark.name: mark.value
            for mark in baselines.simple_methods()
            if mark.kind == "likelihood"
        }
    return values


def good_loss(contents: ReportContents) -> Section:
    """One axis with all that is known of the data set."""
    loss = contents.figures.loss_on("test")
    title = "What is a good loss?"
    if loss is None:
        return Section("good_loss", title, paragraph("Without test images there is none to judge."))
    dots = [Dot(f"{contents.name} (this model)", loss.negative_elbo.value, "own")]
    dots += [Dot(name, value, "filled") for name, value in contents.others.items() if name != contents.name]
    if not contents.on_fashion or contents.figures.likelihood != "bernoulli":
        if loss.floor is not None:
            dots.append(Dot("the pixels' own entropy: the floor", loss.floor, "grey"))
        why = (
            "A Gaussian likelihood is a density: its nats have no floor, and do not compare with those of a Bernoulli one."
            if contents.figures.likelihood != "bernoulli"
            else "For this data set no simple methods have been measured; only the floor is known, what the pixels themselves take."
        )
        return Section("good_loss", title, dot_plot(dots) + paragraph(why, small=True))
    for mark in baselines.simple_methods():
        name = f"a mixture of {mark.name}" if "pictures" in mark.name else mark.name
        if mark.kind == "reconstruction":
            dots.append(Dot(f"{name}: reconstruction alone", mark.value, "ring"))
        else:
            dots.append(
                Dot(
                    name + (": the floor" if mark.kind == "floor" else ""),
                    mark.value,
                    "grey" if mark.kind == "floor" else "filled",
                )
            )
    dots += [Dot(f"{mark.name}: published, binarised", mark.value, "ring") for mark in baselines.PUBLISHED]
    text = (
        "Nats per test image, lower is better. Nothing can go below the floor, the entropy of the grey pixels themselves. A mixture of fixed "
        "pictures is the simplest model that knows kinds of pictures: a good VAE beats a mixture of hundreds of them. Rings are not quite "
        "comparable: PCA does not pay for its numbers, and published figures are of binarised pixels with 5,000 samples (Norouzi et al. 2020), "
        "which bounds from below what the same model would reach on grey ones."
    )
    return Section(
        "good_loss", title, dot_plot(dots) + paragraph(text) + paragraph(f"{baselines.method()}.", small=True)
    )


def where_the_nats_go(contents: ReportContents) -> Section:
    """The gaps, whole and per class."""
    title, gaps, loss = "Where the nats go", contents.figures.gaps, contents.figures.loss_on("test")
    if gaps is None:
        return Section("nats", title, _many_units(contents))
    known = gaps.nats()
    exact, approximation, amortisation = (known[name].mean() for name in ("exact", "approximation", "amortisation"))
    rows: list[tuple[str, list[float]]] = [("All", [max(approximation, 0.0), amortisation])]
    labels = np.array(gaps.labels)
    for label in np.unique(labels).tolist():
        of_class = [max(float(known[name][labels == label].mean()), 0.0) for name in ("approximation", "amortisation")]
        rows.append((contents.classes[label] if label < len(contents.classes) else f"class {label}", of_class))
    order = [rows[0], *sorted(rows[1:], key=lambda row: -sum(row[1]))]
    floor = (
        "" if loss is None or loss.floor is None else f" {nats(loss.floor, 1)} of it is the floor (all test images)."
    )
    text = (
        f"{gap_sentence(gaps)} Exact −log p(x) is {nats(exact)}, the best diagonal Gaussian of each image reaches "
        f"{nats(exact + approximation)}, the encoder in one pass {nats(exact + approximation + amortisation)}.{floor} "
        f"{_concentration(gaps)}"
    )
    chart = stacked_bars(order, GAP_PARTS)
    method = (
        f"First {gaps.n:,} test images. Exact: log of the integral of p(x|z) N(z; 0, I) over a grid of {gaps.side} points a unit within "
        f"±{gaps.extent:g}, its cells divided where a posterior is narrow (the grid alone: {nats(float(np.mean(gaps.by_grid)))}), widened where it "
        "touches the edge. Best Gaussian: found for each image by itself; expectations by Gauss-Hermite quadrature of the decoder. "
        "Approximation and amortisation gap: Cremer et al. 2018, arXiv:1801.03558."
    )
    mend = (
        "The mend for what the encoder loses is a better encoder (more capacity, longer training, augmentation), or a few steps of refinement; "
        "for what a Gaussian cannot express, a richer posterior or more units; what is left is the decoder's."
    )
    return Section("nats", title, paragraph(text) + chart + paragraph(mend) + paragraph(method, small=True))


def _many_units(contents: ReportContents) -> str:
    """What is known of the gaps where no grid can work out log p(x)."""
    text = (
        f"Exact log p(x) is an integral over latent space, which a grid can work out for one or two units; this model has {contents.latent_dim}. "
        "What the encoder loses to the best Gaussian of each image can still be found, one image at a time."
    )
    known = contents.figures.amortisation
    if known is None:
        return paragraph(f"{text} It was not measured for this model: measure again.")
    gap, labels = known.gap(), np.array(known.labels)
    rows: list[tuple[str, list[float]]] = [
        (
            contents.classes[label] if label < len(contents.classes) else f"class {label}",
            [float(gap[labels == label].mean())],
        )
        for label in np.unique(labels).tolist()
    ]
    rows = [("All", [float(gap.mean())]), *sorted(rows, key=lambda row: -sum(row[1]))]
    found = (
        f"{amortisation_sentence(known)} −ELBO of the first {known.n:,} test images: {nats(float(np.mean(known.encoder)))} by the encoder, "
        f"{nats(float(np.mean(known.best)))} by the Gaussians that were found; half of the images lose less than {nats(float(np.median(gap)))}."
    )
    method = (
        f"First {known.n:,} test images; each image's Gaussian raised from the encoder's by {known.steps} steps of Adam along the decoder's gradient, "
        "both ELBOs of the same 64 samples of z. The search starts where the encoder looks, so what lies elsewhere is not counted: a lower bound. "
        "Amortisation gap: Cremer et al. 2018, arXiv:1801.03558."
    )
    chart = stacked_bars(rows, [GAP_PARTS[1]], colours=COLOURS[1:])
    return paragraph(text) + paragraph(found) + chart + paragraph(method, small=True)


def _concentration(gaps: GapFigures) -> str:
    """Whether few images carry the encoder's loss, and whether it looks in the wrong place."""
    lost = gaps.nats()["amortisation"]
    if lost.sum() <= 0:
        return ""
    worst = np.sort(lost)[::-1][: max(1, math.ceil(WORST * len(lost)))].sum() / lost.sum()
    text = f"The {WORST:.0%} of the images that lose most carry {worst:.0%} of the encoder's loss."
    astray = np.array(gaps.astray) > ASTRAY
    if astray.any() and not astray.all():
        text += (
            f" For {astray.mean():.0%} of the images the true posterior peaks more than {ASTRAY} from z_mean: they lose {nats(float(lost[astray].mean()), 1)} "
            f"nats each, the others {nats(float(lost[~astray].mean()), 1)}."
        )
    return text


def losses(contents: ReportContents) -> Section:
    """Each split with its floor and n, and the curves."""
    rows = []
    for loss in contents.figures.losses:
        floor = "–" if loss.floor is None else nats(loss.floor)
        above = "–" if loss.floor is None else nats(loss.negative_elbo.value - loss.floor)
        cells = [_mean(value) for value in (loss.negative_elbo, loss.reconstruction_loss, loss.kl_loss)]
        rows.append([loss.split, f"{loss.n:,}", *cells, floor, above])
    header = ["split", "images", "−ELBO", "reconstruction", "KL", "floor", "above the floor"]
    charts = []
    curves = [
        Series(name, np.arange(1.0, len(values) + 1), values)
        for name, values in contents.losses.items()
        if len(values) > 1
    ]
    # The first epochs would press all others into a line.
    later = [Series(one.name, one.x[1:], one.y[1:]) if len(one.x) > 4 else one for one in curves]
    if curves:
        charts.append(
            figure(
                line_chart(later, "epoch", "−ELBO, nats"),
                "−ELBO after each epoch, the first left out where there are many.",
            )
        )
    text = (
        "In nats per image, beta = 1, one sample of z per image, ± the standard error of the mean. Splits differ in their pictures: compare what lies "
        "above the floor."
    )
    body = (
        table(header, rows)
        + paragraph(text, small=True)
        + f'<div class="figures">{"".join([*charts, _time_chart(contents)])}</div>'
    )
    body += _time_sentence(contents)
    return Section("losses", "Loss on each split", body)


def _time_chart(contents: ReportContents) -> str:
    if contents.batch_times is None:
        return ""
    chart = line_chart([Series("", *contents.batch_times)], "epoch", "milliseconds a batch", marks=True)
    return figure(chart, "Time per batch, mean of each epoch.")


def _time_sentence(contents: ReportContents) -> str:
    if contents.batch_times is not None or contents.mean_batch_time is None:
        return ""
    mean = nats(contents.mean_batch_time, 1)
    return paragraph(
        f"A batch took {mean} ms on average; the times of single epochs were not kept with this model.", small=True
    )


def bounds(contents: ReportContents) -> Section:
    """−ELBO against −IWAE, and binarised pixels beside published figures."""
    rows, series = [], []
    for one in contents.figures.bounds:
        series.append(
            Series(
                f"{one.pixels} pixels",
                np.array(one.samples),
                np.array([one.on_all(i).value for i in range(len(one.samples))]),
            )
        )
        for i, k in enumerate(one.samples):
            what = "−ELBO" if k == 1 else f"−IWAE, K = {k:,}"
            rows.append([f"{what}, {one.pixels} pixels", _mean(one.on_all(i)), _mean(one.gains[i])])
    n = max((one.n for one in contents.figures.bounds), default=0)
    all_n = max((one.all_n for one in contents.figures.bounds), default=0)
    text = (
        "The ELBO is a lower bound on log p(x). With K samples of z per image IWAE tightens it (Burda et al. 2016, arXiv:1509.00519): what it gains is "
        "what the encoder's Gaussian misses, not a better model."
    )
    method = (
        f"Gains measured on the first {n:,} test images and taken from −ELBO of {all_n:,}, since images differ more than bounds do; ± standard errors. "
        "Binarised: each pixel is 1 with the probability of its grey value, seed 0, and encoded as that."
    )
    body = paragraph(text)
    chart = line_chart(series, "samples of z per image", "nats", log_x=True, marks=True)
    body += (
        f'<div class="figures">{figure(table(["bound", "nats", "gain over −ELBO"], rows), "")}{figure(chart, "")}</div>'
    )
    if contents.on_fashion and len(contents.figures.bounds) > 1:
        published = "; ".join(f"{mark.name} {mark.value:.2f}" for mark in baselines.PUBLISHED)
        body += paragraph(
            f"Published on binarised Fashion-MNIST with 40 units and K = 5,000 (Norouzi et al. 2020): {published}. The binarised row above is what compares with them."
        )
    return Section("bounds", "How tight is the bound?", body + paragraph(method, small=True))


def scale_of_the_loss(contents: ReportContents) -> Section:
    """The same batch with sums and means."""
    figures = contents.figures
    pixels = math.prod(contents.image_shape)
    rows = [
        [row.name, _short(row.reconstruction), _short(row.kl), _short(row.loss), _short(row.beta)]
        for row in scale.reductions(figures.batch_reconstruction, figures.batch_kl, pixels, contents.latent_dim)
    ]
    text = (
        f"Is the KL summed or averaged? The same {figures.batch_n} test images, the same model, four usual ways to write the loss: the numbers differ "
        f"by factors of up to {pixels:,}, and so does the weight of the KL. Averaging over the {pixels:,} pixel values and not over the units is the "
        f"same as training with beta = {pixels:,}, which switches units off. This program sums both: only then is the loss −ELBO at beta = 1."
    )
    header = ["reduction", "reconstruction", "KL", "loss", "beta it implies"]
    return Section("scale", "Sum or mean: the scale of the loss", paragraph(text) + table(header, rows))


def _mean(mean: Mean) -> str:
    return f"{nats(mean.value)} ± {nats(mean.error)}"


def _short(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
