"""What each method of attribution does: a plain sentence, its formula and its source. No streamlit."""

from __future__ import annotations

from typing import NamedTuple

from vae_core.analysis.attribution import maps


class Method(NamedTuple):
    """name: on the page. sentence: what it does, plainly. formula: LaTeX; t is the number that is explained. source: a citation."""

    name: str
    sentence: str
    formula: str
    source: str


METHODS = {
    maps.INTEGRATED: Method(
        "Integrated gradients",
        "Adds up the gradients on the way from a black picture to this one: each pixel's share of the change, in the same unit.",
        r"(x - x_0) \int_0^1 \frac{\partial t}{\partial x}\big(x_0 + a\,(x - x_0)\big)\,da",
        "Sundararajan et al. 2017, arXiv:1703.01365",
    ),
    maps.GRADIENT: Method(
        "Gradient",
        "How much the number would change if a pixel became a little brighter.",
        r"\frac{\partial t}{\partial x}",
        "Simonyan et al. 2014, arXiv:1312.6034",
    ),
    maps.SMOOTHGRAD: Method(
        "SmoothGrad",
        "The mean gradient of noisy copies of the picture, which is less speckled.",
        r"\frac{1}{n} \sum_{i=1}^{n} \frac{\partial t}{\partial x}(x + \varepsilon_i), \quad \varepsilon_i \sim N(0, s^2)",
        "Smilkov et al. 2017, arXiv:1706.03825",
    ),
    maps.OCCLUSION: Method(
        "Occlusion",
        "How much the number drops when a small square is blacked out, square by square.",
        r"t(x) - t(x \text{ with a patch blanked})",
        "Zeiler & Fergus 2014, arXiv:1311.2901",
    ),
    maps.GRAD_CAM: Method(
        "Grad-CAM",
        "Where the channels that raise the number respond, in the coarse pixels of one layer.",
        r"\mathrm{ReLU}\Big(\sum_k a_k A^k\Big), \quad a_k = \mathrm{mean}_{ij}\, \frac{\partial t}{\partial A^k_{ij}}",
        "Selvaraju et al. 2017, arXiv:1610.02391",
    ),
    maps.ATTENTION: Method(
        "VAE attention",
        "A Grad-CAM map for each latent unit, averaged over all units; the choice of a number above does not matter to it.",
        r"\frac{1}{d} \sum_{i=1}^{d} \mathrm{ReLU}\Big(\sum_k a_k^i A^k\Big), \quad a_k^i = \mathrm{mean}\, \frac{\partial z_i}{\partial A^k}",
        "Liu et al. 2020, arXiv:1911.07389, with z_mean where they draw z",
    ),
}
