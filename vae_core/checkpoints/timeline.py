"""The frames of a model's training: how the map looked at each snapshot.

A run directory keeps whole snapshots. A shipped model keeps small frames: the decoder's weights in 8 bits (one scale
per output channel) and the codes of the fixed test images in 16; the decoder draws map and samples, and, from the codes,
the reconstructions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_core.checkpoints.codes import CODES, check_code_headers, check_codes
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents
from vae_core.network.layers import Network, NetworkError, Weights
from vae_core.network.schema import check_weights
from vae_core.runs.directory import Run
from vae_core.storage.files import new_folder
from vae_core.storage.npz import read_npz
from vae_core.storage.weights import read_arrays, write_weights

LEVELS = 127
SCALE = ":scale"


@dataclass(frozen=True)
class Frame:
    """One moment of a training: the decoder's weights (float32, by full name) and codes of fixed test images."""

    step: int
    decoder: Weights
    latents: Latents

    def engine(self, network: Network, threads: int = 0) -> Engine:
        """An engine that decodes as the model did at this step; it cannot encode."""
        return Engine(network, self.decoder, threads, only="decoder")


def frame_steps(path: str | Path) -> list[int]:
    """Steps of the frames of a checkpoint folder or run directory, oldest first; empty if there are none."""
    return Run(path).snapshots()


def load_frame(path: str | Path, network: Network, step: int) -> Frame:
    """One frame; `FileProblem` or `NetworkError` if it is missing, damaged or of another network."""
    folder = Path(path) / "snapshots" / f"{step:08d}"
    check_code_headers(folder / "latents.npz", network.latent_dim)
    latents = Latents(**read_npz(folder / "latents.npz", CODES))
    check_codes(latents, str(folder / "latents.npz"))
    latents = Latents(latents.z_mean.astype(np.float32), latents.z_log_var.astype(np.float32), latents.labels)
    if (folder / "decoder.safetensors").exists():
        weights = unpack(read_arrays(folder / "decoder.safetensors")[0])
    else:
        weights = Run(path).snapshot_weights(step, network)
        weights = {name: array for name, array in weights.items() if name.startswith("decoder/")}
    check_weights(network, weights, str(folder), only="decoder")
    return Frame(step, weights, latents)


def save_frame(path: Path, step: int, weights: Weights, latents: Mapping[str, np.ndarray]) -> None:
    """Write a small frame of full weights and codes (z_mean, z_log_var, labels) into a checkpoint folder."""
    decoder = {name: array for name, array in weights.items() if name.startswith("decoder/")}
    codes = {name: latents[name].astype(np.float16) for name in ("z_mean", "z_log_var")}
    with new_folder(path / "snapshots" / f"{step:08d}") as folder:
        write_weights(folder / "decoder.safetensors", pack(decoder))
        np.savez_compressed(folder / "latents.npz", labels=latents["labels"], **codes)  # type: ignore[arg-type]


def pack(weights: Weights) -> dict[str, np.ndarray]:
    """Kernels as int8 with a float32 scale for each output channel, biases as they are."""
    packed: dict[str, np.ndarray] = {}
    for name, array in weights.items():
        if array.ndim < 2:
            packed[name] = array.astype(np.float32)
            continue
        # The output channels are the last axis but for a transposed convolution, (k, k, out, in): there the last is "in",
        # and a scale for each input serves as well.
        scale = np.abs(array).max(axis=tuple(range(array.ndim - 1))) / LEVELS
        packed[name] = np.round(array / np.where(scale > 0, scale, 1)).astype(np.int8)
        packed[name + SCALE] = scale.astype(np.float32)
    return packed


def unpack(packed: Mapping[str, np.ndarray]) -> Weights:
    """What `pack` packed, as float32; off by at most half a step of each scale."""
    weights: Weights = {}
    for name, array in packed.items():
        if name.endswith(SCALE):
            continue
        if array.dtype == np.int8:
            scale = packed.get(name + SCALE)
            if scale is None or scale.shape != array.shape[-1:]:
                raise NetworkError(
                    f"frame: {name} has no scale of its {array.shape[-1]} channels. The file is damaged."
                )
            array = array * scale
        weights[name] = array.astype(np.float32)
    return weights
