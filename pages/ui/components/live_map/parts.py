"""What the map needs of a model and its codes, packed as bytes for the browser. No streamlit here.

Packing takes a moment, so a page caches a `MapData` and mounts it on every run. The thumbnails, a tenth of a second and 4 MB
for 10,000, are packed when a browser first asks for them.
A part is the header's length (uint32, little-endian), the header (JSON), and a payload of arrays.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vae_core.analysis import latent_geometry, latent_points
from vae_core.analysis.mosaics import mosaic
from vae_core.checkpoints.export import packed_decoder
from vae_core.checkpoints.store import Checkpoint
from vae_core.checkpoints.timeline import Frame
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents
from vae_core.network.layers import Network, Weights

# About 5 ms in a browser on a laptop's core; a heavier decoder is approximated while the pointer moves.
LIGHT_MULTIPLY_ADDS = 8_000_000
MOST_CLASSES = 256


@dataclass(frozen=True)
class Part:
    """One payload for the browser, known by its digest."""

    digest: str
    data: bytes


class Thumbnails:
    """The pictures behind the codes, in the codes' order: a part like the others, known by its digest before it is packed.

    images: (n, h, w[, c]) uint8, or float in [0, 1]; they travel as one PNG mosaic. Raises `ValueError` for other shapes.
    """

    def __init__(self, images: np.ndarray) -> None:
        if images.ndim not in (3, 4) or not len(images):
            raise ValueError(f"thumbnails must have shape (n, h, w) or (n, h, w, c), got {images.shape}.")
        self._images = images
        self._header: dict[str, Any] = {
            "columns": int(np.ceil(np.sqrt(len(images)))),
            "tile": [int(side) for side in images.shape[1:3]],
            "n": len(images),
        }
        self.digest = _digest(self._header, np.ascontiguousarray(images).data)

    def __len__(self) -> int:
        return len(self._images)

    @cached_property
    def data(self) -> bytes:
        """Packed now, and kept."""
        return framed(self._header, self.digest, png(_sheet(self._images, self._header["columns"])))


@dataclass(frozen=True)
class MapData:
    """All that the map holds. units: the two latent units that are its axes at first.

    grid: pictures decoded already, for the view that the map opens with. extent: half the side of that view; without it the
    codes decide.
    """

    latent_dim: int
    units: tuple[int, int]
    decoder: Part
    codes: Part | None = None
    thumbnails: Thumbnails | None = None
    grid: Part | None = None
    extent: float | None = None


def decoder_part(network: Network, weights: Weights) -> Part:
    """The decoder's layer list and weights, float32."""
    description, payload = packed_decoder(network, weights)
    cost = network.decoder.multiply_adds()
    return _part({"description": description, "multiply_adds": cost, "light": LIGHT_MULTIPLY_ADDS}, payload)


def codes_part(latents: Latents, classes: Sequence[str], colours: Sequence[str], what: str = "test images") -> Part:
    """Codes, labels, and what the map says about them.

    classes, colours: a name and a CSS colour per label. what: what the codes are codes of, in the plural.
    """
    z_mean = np.ascontiguousarray(latents.z_mean, "<f4")
    z_log_var = np.ascontiguousarray(latents.z_log_var, "<f4")
    labels = np.asarray(latents.labels, np.int64)
    if z_mean.ndim != 2 or z_log_var.shape != z_mean.shape or labels.shape != z_mean.shape[:1]:
        raise ValueError(
            f"codes must be z_mean (n, d), z_log_var (n, d) and labels (n,), got {z_mean.shape}, {z_log_var.shape}, {labels.shape}."
        )
    most = int(labels.max(initial=-1))
    if most >= MOST_CLASSES <= min(len(classes), len(colours)):  # a label travels as a byte
        labels = np.minimum(labels, MOST_CLASSES - 1)
        classes = [*classes[: MOST_CLASSES - 1], "other classes"]
        most = MOST_CLASSES - 1
    if most >= min(len(classes), len(colours), MOST_CLASSES):
        raise ValueError(
            f"label {most} has no name or no colour among {len(classes)} classes and {len(colours)} colours."
        )
    header: dict[str, Any] = {
        "n": len(z_mean),
        "latent_dim": z_mean.shape[1],
        "has_log_var": True,
        "what": what,
        "classes": [str(name) for name in classes],
        "colours": list(colours[: len(classes)]),
        "kl": kl_per_unit(latents).tolist(),
    }
    if z_mean.shape[1] > 2 and len(z_mean) > 1:
        header["components"] = latent_geometry.pca_plane(z_mean).axes.tolist()
    return _part(header, z_mean.tobytes() + z_log_var.tobytes() + labels.astype(np.uint8).tobytes())


def grid_part(engine: Engine, side: int, extent: float) -> Part:
    """side × side pictures over -extent..extent of a model with two units, each decoded at its middle, in 8 bits.

    From the lower left, row by row. Here that takes hundredths of a second; in a browser tenths, on the cores of a training.
    """
    return _part({"side": side, "extent": extent}, decoded_grid(engine, side, extent).tobytes())


def decoded_grid(engine: Engine, side: int, extent: float) -> np.ndarray:
    """The pictures of `grid_part`: uint8 (side, side, h * w * c), rows upwards."""
    z, _ = latent_points.grid(2, side, extent=extent * (side - 1) / side)
    images = np.round(255 * engine.decode(z)).astype(np.uint8)
    return np.ascontiguousarray(images.reshape(side, side, -1)[::-1])


def _sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """`mosaic` without gaps; grey uint8 pictures stay grey, (H, W), and are laid out in one go."""
    if images.dtype != np.uint8 or (images.ndim == 4 and images.shape[3] != 1):
        return mosaic(images, columns=columns, gap=0)
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, height, width), np.uint8)
    padded[:n] = images.reshape(n, height, width)
    tiles = padded.reshape(rows, columns, height, width).transpose(0, 2, 1, 3)
    return tiles.reshape(rows * height, columns * width)


def png(image: np.ndarray) -> bytes:
    """uint8 (h, w) or (h, w, 3) as a PNG: lossless, a tenth larger than Pillow's and written in a third of the time.

    Each line holds differences from the pixel on the left (filter 1), which run-length codes pack fast. Portable Network
    Graphics (W3C 2003), sections 9 and 11.
    """
    grey = image.ndim == 2
    height, width = image.shape[:2]
    step = 1 if grey else 3
    pixels = image.reshape(height, width * step)
    lines = np.empty((height, 1 + width * step), np.uint8)
    lines[:, 0] = 1
    lines[:, 1 : 1 + step] = pixels[:, :step]
    np.subtract(pixels[:, step:], pixels[:, :-step], out=lines[:, 1 + step :])
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE)
    packed = packer.compress(lines.data) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if grey else 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")]
    framed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def map_data(
    checkpoint: Checkpoint,
    latents: Latents | None = None,
    classes: Sequence[str] = (),
    colours: Sequence[str] = (),
    thumbnails: np.ndarray | None = None,
    what: str = "test images",
) -> MapData:
    """Everything packed. Raises `ValueError` if codes, labels, names or thumbnails do not belong together.

    Without thumbnails the map shows the reconstruction of a code, and says so.
    """
    dim = checkpoint.network.latent_dim
    if dim < 2:
        raise ValueError(f"the map needs two latent units or more, this model has {dim}.")
    if latents is not None and latents.z_mean.shape[1:] != (dim,):
        raise ValueError(f"the codes have shape {latents.z_mean.shape}, the model has {dim} latent units.")
    if thumbnails is not None and (latents is None or len(thumbnails) != len(latents.z_mean)):
        raise ValueError(
            f"{len(thumbnails)} thumbnails for {0 if latents is None else len(latents.z_mean)} codes: one each is needed."
        )
    units = (0, 1)
    if latents is not None and dim > 2:
        first, second = np.argsort(-kl_per_unit(latents), kind="stable")[:2]
        units = (int(first), int(second))
    return MapData(
        dim,
        units,
        decoder_part(checkpoint.network, checkpoint.weights),
        None if latents is None else codes_part(latents, classes, colours, what),
        None if thumbnails is None else Thumbnails(thumbnails),
    )


def snapshot_map(
    network: Network,
    frame: Frame,
    classes: Sequence[str],
    colours: Sequence[str],
    what: str = "test images",
    grid: Part | None = None,
    extent: float | None = None,
) -> MapData:
    """One frame of a training, packed: its decoder and the codes of the fixed test images, called `what`.

    The page says which units are the axes (`live_map`) and the `extent`: they must not jump from one frame to the next.
    """
    if network.latent_dim < 2:
        raise ValueError(f"the map needs two latent units or more, this model has {network.latent_dim}.")
    codes = codes_part(frame.latents, classes, colours, what)
    decoder = decoder_part(network, frame.decoder)
    return MapData(network.latent_dim, (0, 1), decoder, codes, grid=grid, extent=extent)


def kl_per_unit(latents: Latents) -> np.ndarray:
    """KL of each unit's posterior from the prior, mean over the codes: (d,) float64, nats."""
    mean, log_var = np.float64(latents.z_mean), np.float64(latents.z_log_var)
    return np.asarray(0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).mean(axis=0))


def _part(header: dict[str, Any], payload: bytes) -> Part:
    digest = _digest(header, payload)
    return Part(digest, framed(header, digest, payload))


def _digest(header: dict[str, Any], content: bytes | memoryview) -> str:
    known = hashlib.blake2b(json.dumps(header, sort_keys=True).encode(), digest_size=16)
    known.update(content)
    return known.hexdigest()


def framed(header: dict[str, Any], digest: str, payload: bytes) -> bytes:
    text = json.dumps({**header, "digest": digest}).encode()
    return len(text).to_bytes(4, "little") + text + payload
