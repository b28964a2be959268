"""What simple methods and published models reach, to see whether a loss is good: marks of one axis.

>>> [mark.name for mark in simple_methods()][:2]
["the pixels' own entropy", 'the mean picture']
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Mark:
    """A value of the axis, nats per image of Fashion-MNIST test.

    Attributes:
        name: What reaches it.
        value: Nats.
        kind: "floor"; "likelihood": −log p(x) or −ELBO of grey pixels; "reconstruction": without the price of its code;
            "published": −IWAE with 5,000 samples on binarised pixels.
    """

    name: str
    value: float
    kind: str


# Norouzi, Fleet & Norouzi 2020, "Exemplar VAE", arXiv:2004.04795: Fashion-MNIST, dynamically binarised, 40 units, IWAE with
# 5,000 samples.
PUBLISHED = (
    Mark("a VAE with a Gaussian prior", 228.70, "published"),
    Mark("a VAE with VampPrior", 227.35, "published"),
    Mark("a convolutional hierarchical VAE", 225.38, "published"),
    Mark("a VAE with a PixelSNAIL decoder", 223.26, "published"),
)


@cache
def _file() -> dict[str, object]:
    text = resources.files("vae_core.analysis.report").joinpath("baselines.json").read_text("utf-8")
    return dict(json.loads(text))


def simple_methods() -> tuple[Mark, ...]:
    """Marks of `python benchmarks/baselines.py --write`."""
    marks = _file()["marks"]
    assert isinstance(marks, list)
    return tuple(Mark(**mark) for mark in marks)


def method() -> str:
    """How they were measured, a sentence without its full stop."""
    return f"Fashion-MNIST {_file()['split']}, {_file()['n']:,} images; {_file()['method']}"


def checksum() -> str:
    """Checksum of the data set that they are of."""
    return str(_file()["data"])
