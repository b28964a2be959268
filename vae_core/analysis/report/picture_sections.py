"""Parts of a report about pictures and classes: best and worst reconstructions, and which classes are taken for which."""

from __future__ import annotations

import numpy as np

from vae_core.analysis.report.contents import Examples, ReportContents
from vae_core.analysis.report.drawing import escape, figure, picture
from vae_core.analysis.report.section import Section, paragraph

# Pixels of an enlarged picture, at least.
SIDE = 56


def examples(contents: ReportContents) -> Section:
    """Best and worst of each class."""
    title = "Best and worst reconstructions"
    known = contents.examples
    if known is None:
        text = "The pictures that the model was trained on are not on this machine, so they cannot be shown here."
        return Section("examples", title, paragraph(text))
    rows = []
    for row, name in enumerate(known.classes):
        images = picture(_strip(known, row), f"{name}: each with its reconstruction below")
        rows.append(figure(images, escape(name)))
    half = known.images.shape[1] // 2
    text = f"The {half} test images of each class that are rebuilt best, then the {half} that are rebuilt worst, each with its reconstruction from z_mean below."
    method = "Ordered by the reconstruction loss above the image's own floor, one sample of z, seed 0."
    body = f'<div class="figures examples">{"".join(rows)}</div>'
    return Section("examples", title, paragraph(text) + body + paragraph(method, small=True))


def _strip(known: Examples, row: int) -> np.ndarray:
    """A class's pictures above their reconstructions, uint8 (h, w, c), enlarged."""
    above, below = known.images[row], known.reconstructions[row]
    columns = [np.concatenate([first, second], axis=0) for first, second in zip(above, below, strict=True)]
    gap = np.ones((columns[0].shape[0], 1, columns[0].shape[2]), np.float32)
    parts = []
    for i, column in enumerate(columns):
        # A line between the best and the worst.
        if i == len(columns) // 2:
            parts.append(gap)
        parts.append(column)
    strip = np.round(255 * np.concatenate(parts, axis=1)).astype(np.uint8)
    times = max(1, SIDE // known.images.shape[2])
    return strip.repeat(times, axis=0).repeat(times, axis=1)


def confusion(contents: ReportContents) -> Section:
    """Which classes the nearest codes take for which."""
    title = "Which classes are taken for which"
    known = contents.figures.confusion
    if known is None:
        text = (
            "It takes labels of 2 to 25 classes and 15 train images or more to see which classes lie beside each other."
        )
        return Section("confusion", title, paragraph(text))
    counts = np.array(known.counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [contents.classes[i] if i < len(contents.classes) else f"class {i}" for i in range(len(counts))]
    off = shares - np.diag(shares.diagonal())
    true, voted = np.unravel_index(off.argmax(), off.shape)
    accuracy = counts.trace() / max(counts.sum(), 1)
    text = (
        f"The 15 nearest train codes vote for the class of {accuracy:.1%} of the test images. Most often confused: {names[true]} taken for {names[voted]}, "
        f"{off[true, voted]:.0%} of them. The model never saw a class."
    )
    header = "".join(f"<th class=n>{escape(name)}</th>" for name in names)
    rows = []
    for i, name in enumerate(names):
        cells = "".join(
            f'<td class="n" style="background:rgba(138,92,214,{0.75 * share:.2f})">{share:.0%}</td>'
            for share in shares[i]
        )
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    body = f'<div class="scroll"><table class="confusion"><tr><th>true class</th>{header}</tr>{"".join(rows)}</table></div>'
    method = (
        f"{known.n:,} test images, {known.train:,} train codes, Euclidean distance of z_mean; each row sums to 100 %."
    )
    return Section("confusion", title, paragraph(text) + body + paragraph(method, small=True))
