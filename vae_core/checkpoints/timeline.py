"""The frames of a model's training: how the map looked at each snapshot.

A run directory keeps whole snapshots. A shipped model keeps small frames: the decoder's weights in 8 bits (one scale
per output channel) and the codes of the fixed test images in 16; the decoder draws map and samples, and, from the codes,
the reconstructions.

>>> frame_steps("checkpoints/no-such-model")
[]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_core.checkpoints.codes import CODES, check_code_headers, check_codes
from vae_core.network.engine import Engine
from vae_core.network.latents import Latents
from vae_core.network.layers import Network, Weights
from vae_core.network.quantize import dequantize, quantize
from vae_core.network.schema import check_weights
from vae_core.runs.directory import Run
from vae_core.storage.files import new_folder
from vae_core.storage.npz import read_npz
from vae_core.storage.weights import read_arrays, write_weights


@dataclass(frozen=True)
class Frame:
    """One moment of a training.

    Attributes:
        step: Training step.
        decoder: The decoder's weights, float32, by full name.
        latents: Codes of fixed test images, float32.
    """

    step: int
    decoder: Weights
    latents: Latents

    def engine(self, network: Network, threads: int = 0) -> Engine:
        """An engine that decodes as the model did at this step; it cannot encode.

        Args:
            network: The model's layers.
            threads: CPU threads of one call, 0 for all.
        """
        return Engine(network, self.decoder, threads, only="decoder")


def frame_steps(path: str | Path) -> list[int]:
    """Steps of the frames of a checkpoint folder or run directory, oldest first; empty if there are none."""
    return Run(path).snapshots()


def load_frame(path: str | Path, network: Network, step: int) -> Frame:
    """Read one frame.

    Args:
        path: A checkpoint folder or run directory.
        network: The model's layers.
        step: One of `frame_steps(path)`.

    Returns:
        The frame, in float32.

    Raises:
        FileProblem: It is missing or damaged.
        NetworkError: It is of another network.
    """
    folder = Path(path) / "snapshots" / f"{step:08d}"
    check_code_headers(folder / "latents.npz", network.latent_dim)
    latents = Latents(**read_npz(folder / "latents.npz", CODES))
    check_codes(latents, str(folder / "latents.npz"))
    latents = Latents(latents.z_mean.astype(np.float32), latents.z_log_var.astype(np.float32), latents.labels)
    if (folder / "decoder.safetensors").exists():
        weights = dequantize(read_arrays(folder / "decoder.safetensors")[0])
    else:
        weights = Run(path).snapshot_weights(step, network)
        weights = {name: array for name, array in weights.items() if name.startswith("decoder/")}
    check_weights(network, weights, str(folder), only="decoder")
    return Frame(step, weights, latents)


def save_frame(path: Path, step: int, weights: Weights, latents: Mapping[str, np.ndarray]) -> None:
    """Write a small frame into a checkpoint folder: the decoder in 8 bits, codes in 16.

    Args:
        path: The checkpoint folder.
        step: Training step.
        weights: All weights of the model, by full name.
        latents: "z_mean" and "z_log_var", (n, latent_dim), and "labels", (n,).
    """
    decoder = {name: array for name, array in weights.items() if name.startswith("decoder/")}
    codes = {name: latents[name].astype(np.float16) for name in ("z_mean", "z_log_var")}
    with new_folder(path / "snapshots" / f"{step:08d}") as folder:
        write_weights(folder / "decoder.safetensors", quantize(decoder))
        np.savez_compressed(folder / "latents.npz", labels=latents["labels"], **codes)  # type: ignore[arg-type]
