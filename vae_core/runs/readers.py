"""Readers of a run's small files, each checked against its form; for use through `storage.records.unchanged`.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "control.json")
...     _ = path.write_text('{"command": "pause", "steps": 2}')
...     read_control(path)
{'command': 'pause', 'steps': 2}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_core.config import ConfigError, ModelConfig, TrainingConfig
from vae_core.network.layers import Network, NetworkError
from vae_core.network.schema import network_from_dict
from vae_core.runs.control import RunError
from vae_core.runs.formats import ConfigFile, ControlFile, RequestFile, StatusFile
from vae_core.storage.errors import FileMissing, FileProblem, printable, reason
from vae_core.storage.npz import read_npz
from vae_core.storage.records import MAX_JSON_BYTES, check, object_from, read_bytes, read_object

if TYPE_CHECKING:
    import numpy as np

# Of config.json files, see `_check_part`.
_GOOD_PARTS: set[str] = set()
FORMAT_VERSION = 1  # of config.json
MAX_FIXED_BYTES = 50_000_000


def read_config(path: Path) -> dict[str, Any]:
    """Read the config.json of a run or a kept model.

    Its model and training, where it has them, make a `ModelConfig` and a `TrainingConfig`.

    Raises:
        RunError: For a newer format.
        FileProblem: For a file that is missing, damaged or odd.
    """
    config = read_object(path)
    version = config.get("format_version")
    if version != FORMAT_VERSION:
        raise RunError(
            f"{path.parent} is in format {version!r:.40}, this program reads {FORMAT_VERSION}. Update VAE Explorer."
        )
    try:
        check(config, ConfigFile, str(path))
        for part, form in (("model", ModelConfig), ("training", TrainingConfig)):
            if part in config:
                _check_part(form, config[part])
    except ConfigError as error:
        raise FileProblem(f"{path} is not as it should be: {reason(error)} Copy or make it again.") from error
    return config


def _check_part(form: type[ModelConfig] | type[TrainingConfig], values: Any) -> None:
    """`ConfigError` unless they make one. The runs of a folder are mostly of few kinds, and equal settings are checked once."""
    key = f"{form.__name__} {values!r}"
    if key not in _GOOD_PARTS:
        form.from_dict(values)
        if len(_GOOD_PARTS) < 256 and len(key) < 4000:
            _GOOD_PARTS.add(key)


def read_network(path: Path) -> Network:
    """Read a network.json. The runs of a folder are mostly of few kinds, and equal files are checked once.

    Raises:
        NetworkError: For a layer list that is no network.
        FileProblem: For a file that is missing or damaged.
    """
    try:
        return _network_of(read_bytes(path, MAX_JSON_BYTES))
    except NetworkError as error:
        raise NetworkError(f"{printable(str(path.parent))}: {printable(reason(error))}") from error
    except FileMissing:
        raise
    except FileProblem as error:
        raise FileProblem(f"in {path.parent}, {error}" if str(path.parent) not in str(error) else str(error)) from error


@lru_cache(maxsize=64)
def _network_of(data: bytes) -> Network:
    return network_from_dict(object_from(data, "network.json"))


def read_status(path: Path) -> dict[str, Any]:
    """Read a status.json; `FileProblem` for one that is missing or does not fit `StatusFile`."""
    return read_object(path, StatusFile)


def read_control(path: Path) -> dict[str, Any]:
    """Read a control.json; `FileProblem` for one that is missing or does not fit `ControlFile`."""
    return read_object(path, ControlFile)


def read_request(path: Path) -> dict[str, Any]:
    """Read a request.json; `FileProblem` for one that is missing or does not fit `RequestFile`."""
    return read_object(path, RequestFile)


def read_fixed(path: Path) -> np.ndarray:
    """Read the pixels of a fixed.npz.

    Returns:
        uint8 (n, h, w, 1 or 3).

    Raises:
        FileProblem: For a file that is missing, damaged or holds something else.
    """
    import numpy as np

    pixels = read_npz(path, ("pixels",), MAX_FIXED_BYTES)["pixels"]
    if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[-1] not in (1, 3):
        raise FileProblem(f"{path} holds {pixels.dtype} {pixels.shape}, expected uint8 pictures. Copy it again.")
    return pixels


def check_fixed(path: Path) -> None:
    """Raise what `read_fixed` would raise, and keep nothing."""
    read_fixed(path)


# Without these a run can still be looked at.
SIDE_FILES: dict[str, Callable[[Path], Any]] = {
    "control.json": read_control,
    "request.json": read_request,
    "fixed.npz": check_fixed,
}


DESCRIBED = {
    "model": ("preset", "latent_dim", "image_shape", "likelihood"),
    "training": (),
    "dataset": ("name", "checksum", "sizes"),
}


def check_described(config: Mapping[str, Any], path: Path) -> None:
    """Refuse a config.json that leaves out what training goes on with and a card tells.

    Readers that only look do without these, so a folder of a stranger may lack them.

    Raises:
        RunError: A part or a key of it is missing, or is no object.
    """
    for part, keys in DESCRIBED.items():
        values = config.get(part)
        lacking = (
            part if not isinstance(values, Mapping) else next((f"{part}.{k}" for k in keys if k not in values), None)
        )
        if lacking:
            raise RunError(
                f"{path} lacks {lacking}, so this cannot be done with it. Copy the folder again, or train anew."
            )
