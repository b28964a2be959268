"""Whether a sample is a copy: its nearest real images, and how near unseen real images come to them.

>>> images = np.array([[[[0]]], [[[255]]]], np.uint8)
>>> indices, distances = nearest_pictures(images, np.array([[[[0.9]]]]))
>>> indices.tolist(), distances.round(3).tolist()
([[1]], [[0.1]])
"""

from __future__ import annotations

import numpy as np

from vae_core.analysis.checks import unit_range
from vae_core.analysis.latent_geometry import nearest

# float32 pixels of images held at a time, 16 MB.
VALUES = 4_000_000
# Unseen images whose nearest distance says what is usual.
TYPICAL = 300


def nearest_pictures(images: np.ndarray, pictures: np.ndarray, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The k images nearest to each picture by the Euclidean distance of all pixels, nearest first.

    Args:
        images: Where to look, (n, h, w, c) uint8.
        pictures: Whose neighbours, (m, h, w, c) float in [0, 1].
        k: How many, 1..n.

    Returns:
        Indices into images, (m, k) int64, and distances, (m, k) float64: at most the root of the number of pixels.

    Raises:
        ValueError: Shapes that do not match, or k out of range.
    """
    if images.shape[1:] != pictures.shape[1:]:
        raise ValueError(f"images and pictures must have one shape, got {images.shape[1:]} and {pictures.shape[1:]}.")
    if not 1 <= k <= len(images):
        raise ValueError(f"k must be 1..{len(images)}, the number of images, got {k}.")
    wanted = np.asarray(pictures, np.float32).reshape(len(pictures), -1)  # (m, pixels)
    squares, step = [], max(1, VALUES // wanted.shape[1])
    for start in range(0, len(images), step):
        piece = images[start : start + step].reshape(-1, wanted.shape[1]).astype(np.float32)  # 0..255
        # The squared distance less |picture|^2, which does not change the order.
        own = np.einsum("ij,ij->i", piece, piece)
        squares.append(own - (2 * 255) * wanted @ piece.T)  # (m, slice)
    approximate = np.concatenate(squares, axis=1)  # (m, n)
    chosen = np.argpartition(approximate, k - 1, axis=1)[:, :k]
    exact = np.array(
        [
            np.sqrt(((unit_range(images[rows]).reshape(k, -1).astype(np.float64) - picture) ** 2).sum(axis=1))
            for rows, picture in zip(chosen, wanted, strict=True)
        ]
    ).reshape(len(wanted), k)
    order = np.argsort(exact, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1), np.take_along_axis(exact, order, axis=1)


def usual_pixel_distances(images: np.ndarray, unseen: np.ndarray, n: int = TYPICAL) -> np.ndarray:
    """Distance from each of the first n unseen images to its nearest image, by pixels.

    Args:
        images: (m, h, w, c) uint8.
        unseen: (k, h, w, c) uint8, of another split.
        n: How many are looked at.

    Returns:
        (min(n, k),) float64, ascending.
    """
    return np.sort(nearest_pictures(images, unit_range(unseen[:n]))[1][:, 0])


def usual_code_distances(codes: np.ndarray, unseen: np.ndarray, n: int = TYPICAL) -> np.ndarray:
    """Distance from each of the first n unseen codes to its nearest code, (min(n, k),) float64, ascending."""
    return np.sort(nearest(codes, unseen[:n], 1)[1][:, 0])
