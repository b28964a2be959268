"""Weights and arrays as safetensors files: written whole, and compared with a network before any array is allocated.

>>> import tempfile
>>> from vae_core.config import ModelConfig
>>> from vae_core.network import presets
>>> from vae_core.network.schema import random_weights
>>> network = presets.build(ModelConfig())
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "model.safetensors")
...     write_weights(path, random_weights(network))
...     read_weights(path, network)["decoder/logits/bias"].shape
(1,)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from vae_core.network.layers import Network, NetworkError, Weights
from vae_core.network.schema import check_shapes, check_weights
from vae_core.storage import limits
from vae_core.storage.errors import FileProblem, reason
from vae_core.storage.files import write_bytes
from vae_core.storage.records import require_file

if TYPE_CHECKING:
    import numpy as np


def write_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Write weights as a safetensors file, all or nothing.

    Args:
        path: The file.
        weights: Arrays by full name, float32 or float16.

    Raises:
        OSError: The disk is full or the folder not writable; the old file is untouched.
    """
    import numpy as np
    from safetensors.numpy import save as safetensors_bytes

    write_bytes(path, safetensors_bytes({name: np.asarray(array, order="C") for name, array in weights.items()}))


def read_weights(path: Path, network: Network) -> Weights:
    """Read the weights of a network from a safetensors file.

    Names, shapes and types are compared with the network by the file's header before any array is allocated.

    Args:
        path: The file.
        network: The layers that the weights are for.

    Returns:
        Arrays by full name, float32.

    Raises:
        FileProblem: The file is missing or damaged.
        NetworkError: The weights do not belong to the network, or are not finite.
    """
    with _opened(path) as file:
        _check_header(path, file, network)
        weights = {name: file.get_tensor(name).astype("float32") for name in network.weight_shapes()}
    check_weights(network, weights, str(path))
    return weights


def check_weights_file(path: Path, network: Network) -> None:
    """Check that a safetensors file's header names just the weights of a network; reads no array.

    Raises:
        FileProblem: The file is missing or damaged.
        NetworkError: The weights do not belong to the network.
    """
    with _opened(path) as file:
        _check_header(path, file, network)


def _check_header(path: Path, file: Any, network: Network) -> None:
    names = list(file.keys())
    check_shapes(network, {name: tuple(file.get_slice(name).get_shape()) for name in names}, str(path))
    for name in names:
        if file.get_slice(name).get_dtype() not in ("F32", "F16"):
            raise NetworkError(f"{path}: {name} is {file.get_slice(name).get_dtype()}, expected F32 or F16.")


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read every array of a safetensors file of our own making, and the strings in its header.

    Raises:
        FileProblem: The file is missing or damaged.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 (no mapping)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    require_file(path, limits.STATE)
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (FileProblem, NetworkError):
        raise
    except Exception as error:  # an odd header raises kinds of the library's own, and of numpy's
        raise FileProblem(
            f"{path} is no whole safetensors file ({reason(error)}). It may be truncated; copy it again."
        ) from error
