"""Where the codes of the train images really lie: a Gaussian mixture per class, to draw from, kept beside a model as density.npz.

The prior N(0, I) misses it in part: where few train images have their codes, the decoder was never taught anything. A mixture
per class is one mixture of all classes as well, so the same file serves for samples of any class and of one.

>>> rng = np.random.default_rng(0)
>>> codes = np.concatenate([rng.normal(-3, 1, (200, 2)), rng.normal(3, 1, (200, 2))])
>>> density = fit(codes[::2], np.repeat([0, 1], 100), codes[1::2], np.repeat([0, 1], 100))
>>> density.sample(100, seed=1, label=1).mean(axis=0).round().tolist()
[3.0, 3.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from vae_core.analysis.checks import ProgressCallback, checked_codes
from vae_core.network.latents import Seed
from vae_core.storage.errors import FileProblem
from vae_core.storage.files import write_bytes
from vae_core.storage.npz import array_headers, read_npz

FILE = "density.npz"
WEIGHTS = "model.safetensors"
COMPONENTS = (1, 2, 4, 8)
# Train codes that are fitted: more hardly change the held-out likelihood, and each costs time.
MOST_CODES = 20_000
# Added to each variance, so that none is 0.
FLOOR = 1e-4
# Of a file that is read: components, and values of all covariances.
MOST_COMPONENTS, MOST_VALUES = 4096, 20_000_000
# Draws times components held at a time.
PAIRS = 200_000


@dataclass(frozen=True)
class Density:
    """A Gaussian mixture over codes whose components each belong to a class.

    Attributes:
        weights: Share of each component, (k,) float64, summing to 1.
        means: (k, latent_dim) float64.
        covariances: (k, latent_dim, latent_dim) float64.
        labels: Class of each component, (k,) integers.
        n: Number of train codes that were fitted.
        n_held_out: Number of validation codes that the number of components was chosen on.
        held_out: Mean log density of the validation codes, nats.
        held_out_prior: Mean log density of the validation codes under N(0, I), nats.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    labels: np.ndarray
    n: int = 0
    n_held_out: int = 0
    held_out: float = 0.0
    held_out_prior: float = 0.0

    @property
    def latent_dim(self) -> int:
        """Number of latent units."""
        return int(self.means.shape[1])

    @property
    def classes(self) -> list[int]:
        """Class indices that have a component, ascending."""
        return [int(label) for label in np.unique(self.labels)]

    def sample(self, n: int, seed: Seed = 0, temperature: float = 1.0, label: int | None = None) -> np.ndarray:
        """Draw points.

        Args:
            n: How many, 0 or more.
            seed: Of the draws.
            temperature: Factor of each draw's distance from its component's mean, 0 or more.
            label: Class to draw from; None for all, each as often as it occurs.

        Returns:
            (n, latent_dim) float32.

        Raises:
            ValueError: An argument out of range, or a class without codes.
        """
        if n < 0 or not (np.isfinite(temperature) and temperature >= 0):
            raise ValueError(
                f"n and temperature must be 0 or more, got n={n} and temperature={temperature}. 1 draws as the density has it."
            )
        rng = np.random.default_rng(seed)
        weights = self._of(label)
        component = rng.choice(len(weights), size=n, p=weights / weights.sum())  # (n,)
        epsilon = rng.standard_normal((n, self.latent_dim))  # (n, latent_dim)
        roots = np.linalg.cholesky(self.covariances)  # (k, latent_dim, latent_dim)
        offsets = np.einsum("nij,nj->ni", roots[component], epsilon)
        return (self.means[component] + temperature * offsets).astype(np.float32)

    def log_density(self, z: np.ndarray, label: int | None = None) -> np.ndarray:
        """Log density at points.

        Args:
            z: (m, latent_dim).
            label: Class whose own density, p(z | class), is wanted; None for that of all.

        Returns:
            (m,) float64, nats.

        Raises:
            ValueError: Points of another length or not finite, or a class without codes.
        """
        z = checked_codes(z, "z", self.latent_dim).astype(np.float64)
        weights = self._of(label)
        used = np.flatnonzero(weights)
        result = np.zeros(len(z))
        step = max(1, PAIRS // len(used))
        for start in range(0, len(z), step):
            logs = _gaussians(z[start : start + step], self.means[used], self.covariances[used])  # (m, k)
            logs += np.log(weights[used] / weights.sum())
            peak = logs.max(axis=1)
            result[start : start + step] = peak + np.log(np.exp(logs - peak[:, None]).sum(axis=1))
        return result

    def _of(self, label: int | None) -> np.ndarray:
        """Weights of the components, 0 for those of other classes."""
        if label is None:
            return self.weights
        if label not in self.labels:
            raise ValueError(f"no codes of class {label} were fitted; there are {', '.join(map(str, self.classes))}.")
        return np.where(self.labels == label, self.weights, 0.0)


def fit(
    codes: np.ndarray,
    labels: np.ndarray,
    held_out: np.ndarray,
    held_out_labels: np.ndarray,
    components: Sequence[int] = COMPONENTS,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Density:
    """Fit a mixture to each class (expectation maximisation, full covariances; scikit-learn).

    The number of a class's components is the one of `components` whose mixture gives the held-out codes of the class the
    highest likelihood; one where nothing of it was held out. A class with too few codes for that gets one Gaussian whose
    covariance is drawn towards an equal one in all directions.

    Args:
        codes: z_mean of train images, (n, latent_dim), n of 1 or more; `MOST_CODES` of them, by chance, are fitted.
        labels: Class index of each, (n,).
        held_out: z_mean of validation images, (m, latent_dim).
        held_out_labels: Class index of each, (m,).
        components: Numbers of Gaussians a class to try, ascending.
        seed: Of the choice of codes and the fits' starts.
        progress: Called with the classes done and their total.

    Returns:
        The mixture of all classes, each with the share of its codes.

    Raises:
        ValueError: No code, or codes or labels of another shape or not finite.
    """
    codes, labels = checked_codes(codes, "codes"), np.asarray(labels)
    held_out, held_out_labels = checked_codes(held_out, "held_out", codes.shape[1]), np.asarray(held_out_labels)
    if len(codes) == 0 or labels.shape != (len(codes),) or held_out_labels.shape != (len(held_out),):
        raise ValueError(
            f"a density needs one code or more, each with a label; got {len(codes)} codes and {labels.shape} labels, "
            f"{len(held_out)} held-out codes and {held_out_labels.shape} labels."
        )
    if len(codes) > MOST_CODES:
        chosen = np.random.default_rng(seed).permutation(len(codes))[:MOST_CODES]
        codes, labels = codes[chosen], labels[chosen]
    # The spread of a class of which there is a single code.
    spread = float(codes.var(axis=0, dtype=np.float64).mean()) if len(codes) > 1 else 1.0
    parts, classes = [], np.unique(labels)
    for done, label in enumerate(classes):
        own = codes[labels == label].astype(np.float64)
        own_held_out = held_out[held_out_labels == label].astype(np.float64)
        shares, means, covariances = _fit_class(own, own_held_out, components, spread, seed)
        parts.append((shares * len(own) / len(codes), means, covariances, np.full(len(shares), label, np.int64)))
        if progress:
            progress(done + 1, len(classes))
    weights, means, covariances, component_labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    density = Density(weights, means, covariances, component_labels, len(codes), len(held_out))
    if len(held_out) == 0:
        return density
    prior = -0.5 * (held_out.astype(np.float64) ** 2 + np.log(2 * np.pi)).sum(axis=1)
    return replace(density, held_out=float(density.log_density(held_out).mean()), held_out_prior=float(prior.mean()))


def _fit_class(
    codes: np.ndarray, held_out: np.ndarray, components: Sequence[int], spread: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (k,), means (k, d) and covariances (k, d, d) of one class's codes."""
    from sklearn.mixture import GaussianMixture

    n, d = codes.shape
    best: tuple[float, Any] | None = None
    # A full covariance needs several times as many codes as it has rows.
    for k in [k for k in components if n >= 5 * (d + 1) * k and (k == 1 or len(held_out))]:
        mixture = GaussianMixture(k, reg_covar=FLOOR, max_iter=100, tol=1e-3, random_state=seed).fit(codes)
        score = float(mixture.score(held_out)) if len(held_out) else 0.0
        if best is not None and score <= best[0]:
            break
        best = (score, mixture)
    if best is not None:
        mixture = best[1]
        return mixture.weights_ / mixture.weights_.sum(), mixture.means_, mixture.covariances_
    mean = codes.mean(axis=0)
    own = (codes - mean).T @ (codes - mean) / n
    equal = np.eye(d) * (np.trace(own) / d if n > 1 else spread)
    share = d / (d + n)
    covariance = (1 - share) * own + share * equal + FLOOR * np.eye(d)
    return np.ones(1), mean[None], covariance[None]


def _gaussians(z: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Log densities (m, k) of z (m, d) under k Gaussians."""
    roots = np.linalg.cholesky(covariances)  # (k, d, d)
    whiten = np.linalg.inv(roots)  # (k, d, d); lower triangular, d is small
    logs = np.zeros((len(z), len(means)))
    for k in range(len(means)):
        white = (z - means[k]) @ whiten[k].T  # (m, d)
        logs[:, k] = -0.5 * (white**2).sum(axis=1) - np.log(np.diag(roots[k])).sum()
    return logs - 0.5 * means.shape[1] * np.log(2 * np.pi)


# --- on disk ----------------------------------------------------------------------------------------------------------

_ARRAYS = ("weights", "means", "covariances", "labels", "numbers", "weights_digest")


def save(folder: Path, density: Density) -> None:
    """Write density.npz into a checkpoint's folder, in 32 bits.

    The file names the weights whose codes were fitted, so that `load` can tell when they have changed.

    Args:
        folder: Holds the weights, model.safetensors.
        density: What `fit` gave.

    Raises:
        OSError: The weights cannot be read, or the file not written.
    """
    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        weights=density.weights.astype(np.float32),
        means=density.means.astype(np.float32),
        covariances=density.covariances.astype(np.float32),
        labels=density.labels.astype(np.int32),
        numbers=np.array([density.n, density.n_held_out, density.held_out, density.held_out_prior], np.float64),
        weights_digest=_digest(folder / WEIGHTS),
    )
    write_bytes(folder / FILE, buffer.getvalue())


def load(folder: Path, latent_dim: int) -> Density | None:
    """What `save` wrote, if it is still valid.

    Args:
        folder: Of the checkpoint.
        latent_dim: Units of the model.

    Returns:
        The mixture; None where the file is missing, damaged, of other weights or of other units: fit anew.
    """
    try:
        if not (folder / FILE).exists():
            return None
        headers = array_headers(folder / FILE, _ARRAYS)
        shape = headers["covariances"].shape
        if len(shape) != 3 or not 1 <= shape[0] <= MOST_COMPONENTS or shape[1:] != (latent_dim, latent_dim):
            return None
        if np.prod(shape) > MOST_VALUES or sum(header.size for header in headers.values()) > 16 * MOST_VALUES:
            return None
        arrays = read_npz(folder / FILE, _ARRAYS)
        if str(arrays["weights_digest"]) != _digest(folder / WEIGHTS):
            return None
        return _checked(arrays, shape[0], latent_dim)
    except (FileProblem, OSError, ValueError, TypeError, np.linalg.LinAlgError):
        return None


def _checked(arrays: dict[str, np.ndarray], k: int, d: int) -> Density | None:
    """The mixture of a file of anybody's; None unless it is one that can be drawn from."""
    weights, means, covariances = (arrays[name].astype(np.float64) for name in ("weights", "means", "covariances"))
    labels, numbers = arrays["labels"], arrays["numbers"].astype(np.float64)
    if weights.shape != (k,) or means.shape != (k, d) or labels.shape != (k,) or numbers.shape != (4,):
        return None
    finite = all(np.isfinite(values).all() for values in (weights, means, covariances, numbers))
    if not finite or not (weights >= 0).all() or weights.sum() <= 0 or labels.dtype.kind not in "iu":
        return None
    if np.abs(means).max() > 1e4 or np.abs(covariances).max() > 1e8 or not (np.abs(numbers) < 1e9).all():
        return None
    np.linalg.cholesky(covariances)
    n, n_held_out, held_out, held_out_prior = numbers.tolist()
    return Density(
        weights / weights.sum(),
        means,
        covariances,
        labels.astype(np.int64),
        int(n),
        int(n_held_out),
        held_out,
        held_out_prior,
    )


def _digest(path: Path) -> str:
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()
