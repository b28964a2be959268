"""Arrays of a run on disk: the snapshots of its timeline, and the state from which it can be resumed.

>>> import tempfile
>>> import numpy as np
>>> with tempfile.TemporaryDirectory() as folder:
...     save_snapshot(Path(folder), 200, {"decoder/output/bias": np.zeros(1, np.float32)}, {"labels": np.zeros(3)})
...     snapshot_steps(Path(folder))
[200]
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_core.network.layers import Network, Weights
from vae_core.storage.errors import FileProblem, reason
from vae_core.storage.files import new_folder, write_bytes
from vae_core.storage.npz import read_npz
from vae_core.storage.weights import read_arrays, read_weights, write_weights

if TYPE_CHECKING:
    import numpy as np

FOLDER = "snapshots"
MAX_CODES_BYTES = 100_000_000  # of a snapshot
_NAME = re.compile(r"[0-9]{8,15}", re.ASCII)


def save_snapshot(run: Path, step: int, weights: Weights, latents: Mapping[str, np.ndarray]) -> None:
    """Write one frame of the timeline, whole or not at all.

    Args:
        run: The run's folder.
        step: Batches trained so far; names the snapshot.
        weights: Of encoder and decoder, by name.
        latents: z_mean, z_log_var and labels of the fixed test images, see `snapshot_latents`.
    """
    import numpy as np

    with new_folder(_folder(run, step), lambda old: True) as folder:
        write_weights(folder / "weights.safetensors", weights)
        np.savez(folder / "latents.npz", **latents)  # type: ignore[arg-type]


def snapshot_steps(run: Path) -> list[int]:
    """Steps of the snapshots in a run's folder, oldest first; folders of other names than ours are none of them."""
    try:
        with os.scandir(run / FOLDER) as entries:
            names = [entry.name for entry in entries if _NAME.fullmatch(entry.name) and entry.is_dir()]
    except (OSError, ValueError):
        return []
    return sorted(int(name) for name in names if name == f"{int(name):08d}")


def snapshot_weights(run: Path, step: int, network: Network) -> Weights:
    """Weights of one snapshot, as `network` names and shapes them; `FileProblem` where they are missing or odd."""
    return read_weights(_folder(run, step) / "weights.safetensors", network)


def snapshot_latents(run: Path, step: int) -> dict[str, np.ndarray]:
    """Positions of the fixed test images at one snapshot.

    Returns:
        z_mean and z_log_var, float32 (n, latent_dim), and labels (n,).

    Raises:
        FileProblem: For a file that is missing, damaged or too large.
    """
    return read_npz(_folder(run, step) / "latents.npz", ("z_mean", "z_log_var", "labels"), MAX_CODES_BYTES)


def remove_after(run: Path, step: int) -> None:
    """Remove the snapshots of later steps, which will be done again."""
    for later in snapshot_steps(run):
        if later > step:
            shutil.rmtree(_folder(run, later), ignore_errors=True)


def save_state(run: Path, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
    """Write the newest resumable state, in one file that is replaced in one move.

    Args:
        run: The run's folder.
        arrays: Weights, their average and the optimizer's moments, by name.
        values: What else is needed to go on, ready for JSON.
    """
    from safetensors.numpy import save as safetensors_bytes

    path = _state_file(run)
    path.parent.mkdir(exist_ok=True)
    write_bytes(path, safetensors_bytes({**arrays}, metadata={"values": json.dumps(values)}))


def load_state(run: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """The (arrays, values) that `save_state` wrote; None if the run never got that far.

    Raises:
        FileProblem: For a damaged file.
    """
    path = _state_file(run)
    if not path.exists():
        return None
    arrays, strings = read_arrays(path)
    try:
        values = json.loads(strings["values"])
        check_values(values)
        return arrays, values
    except (KeyError, ValueError, RecursionError) as error:
        raise FileProblem(f"{path} holds no values ({reason(error)}). Resume from a copy of the run.") from error


def check_values(values: Any) -> None:
    """`ValueError` unless the numbers of a resumable state are such as `save_state` writes."""
    numbers = {"step": (0, 2**53), "seconds": (0, 1e12), "peak": (0, 1e6)}
    for name, (low, high) in numbers.items():
        value: Any = values.get(name) if isinstance(values, dict) else None
        kinds = (int,) if name == "step" else (int, float)
        if type(value) not in kinds or not low <= value <= high:
            raise ValueError(f"{name} must be a number in {low}..{high:g}, got {str(value)[:40]}")


def _folder(run: Path, step: int) -> Path:
    return run / FOLDER / f"{step:08d}"


def _state_file(run: Path) -> Path:
    return run / "checkpoint" / "state.safetensors"
