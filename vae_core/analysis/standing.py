"""Whether a figure is good: where it stands among other models and what simple methods reach.

>>> standing("mse", 0.0238, {"fashion-16d": 0.0105, "mean picture": 0.0866})
'better than mean picture (0.0866), not as good as fashion-16d (0.0105)'
"""

from __future__ import annotations

from collections.abc import Mapping

# Is better; of KL and active units neither.
LOWER = frozenset({"negative_elbo", "reconstruction_loss", "excess", "iwae_nll", "mse"})
HIGHER = frozenset({"psnr", "ssim", "knn_accuracy"})
# Fashion-MNIST test, 10,000 images, fitted on 55,000 train images; printed by `python benchmarks/baselines.py`.
BASELINES: Mapping[str, Mapping[str, float]] = {
    "negative_elbo": {"a mixture of 256 fixed pictures": 249.68},
    "mse": {"the mean picture": 0.0866, "PCA with 2 numbers": 0.0456, "PCA with 16 numbers": 0.0198},
    "psnr": {"the mean picture": 10.94, "PCA with 2 numbers": 13.84, "PCA with 16 numbers": 17.51},
    "ssim": {"the mean picture": 0.1322, "PCA with 2 numbers": 0.2616, "PCA with 16 numbers": 0.5241},
    "knn_accuracy": {"PCA with 2 numbers": 0.5431, "PCA with 16 numbers": 0.8355},
}


def standing(name: str, value: float, others: Mapping[str, float]) -> str:
    """Say between which two others a figure lies.

    Args:
        name: Of the figure, as in metrics.json.
        value: The figure.
        others: What it is compared with, measured on the same pictures in the same way: name -> value.

    Returns:
        "better than A (1.2), not as good as B (1.0)"; half of it at either end; "" where there is no better or no other.
    """
    if name not in LOWER | HIGHER:
        return ""
    sign = 1 if name in HIGHER else -1
    worse = {label: other for label, other in others.items() if sign * other < sign * value}
    better = {label: other for label, other in others.items() if sign * other > sign * value}
    parts = []
    if worse:
        label = max(worse, key=lambda key: sign * worse[key])
        parts.append(f"better than {label} ({_digits(worse[label])})")
    if better:
        label = min(better, key=lambda key: sign * better[key])
        parts.append(f"not as good as {label} ({_digits(better[label])})")
    return ", ".join(parts)


def _digits(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3f}" if abs(value) < 1 else f"{value:.1f}"
