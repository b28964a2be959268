"""Take in a zip of a model's folder, as `packing` makes one: checked, measured, opened; never executed.

A stranger's file may claim anything. So nothing is written under a name of its own choosing, nothing is expanded beyond what
a model can need, and the folder appears among the others only when the model in it has opened and decoded a picture.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from vae_core.analysis import image_scores as scores
from vae_core.analysis.latent_points import Latents
from vae_core.checkpoints import publish as cards
from vae_core.checkpoints import store as checkpoints
from vae_core.checkpoints import timeline
from vae_core.checkpoints.store import Checkpoint
from vae_core.checkpoints.training_data import FILE as DATA_NOTE
from vae_core.storage import archives, limits
from vae_core.storage.files import read_json, read_npz, write_json
from vae_core.storage.kind import KIND, MODEL

MIB = limits.MIB
NEEDED = ("config.json", "network.json", "model.safetensors", "latents.npz")
# What a model's folder holds, and how many bytes of each are taken.
FILES = {
    "config.json": MIB,
    "network.json": MIB,
    "metrics.json": MIB,
    "history.csv": 8 * MIB,
    "MODEL_CARD.md": MIB,
    "model.safetensors": 512 * MIB,
    "latents.npz": 512 * MIB,
    scores.FILE: 128 * MIB,
}
FRAME_FILES = {"decoder.safetensors": 128 * MIB, "latents.npz": 128 * MIB}
MOST_FRAMES = 200
MOST_WORK = 2_000_000_000  # multiply-adds of one picture: a hundred times our largest


class ImportProblem(ValueError):
    """A zip that is not taken in: what came, what was expected, what to do."""


def take_in(source: Path | bytes, root: Path) -> Path:
    """A new folder in `root` with the zip's model; returns its path. `ImportProblem` says why not, and nothing is left."""
    opened: Path | IO[bytes] = BytesIO(source) if isinstance(source, bytes) else source
    with _archive(opened) as archive:
        members = _members(archive)
        try:
            root.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".taken-in-", dir=root))
        except OSError as error:
            raise ImportProblem(f"{root} cannot be written to ({error.strerror}). Make it writable.") from error
        try:
            for name, info in members.items():
                _extract(archive, info, temporary / name)
            checkpoint = _checked(temporary)
            return _moved(temporary, root, checkpoint.name)
        except OSError as error:
            raise ImportProblem(
                f"the zip could not be unpacked into {root}: {error.strerror}. Free some space."
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def safe_name(text: str) -> str:
    """A folder's name of it: letters, digits, dot, dash and underscore; "model" if nothing is left."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:60] or "model"


# --- the zip ----------------------------------------------------------------------------------------------------------


def _archive(opened: Path | IO[bytes]) -> zipfile.ZipFile:
    try:
        return archives.opened(opened)
    except archives.ArchiveProblem as error:
        raise ImportProblem(str(error)) from error


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of the model by their name in its folder; refuses anything else before a byte is expanded."""
    try:
        entries = archives.entries(archive, limits.MODEL_ENTRIES, limits.MODEL).files
    except archives.ArchiveProblem as error:
        raise ImportProblem(str(error)) from error
    strip = archives.wrappers(entry.name for entry in entries)
    members: dict[str, zipfile.ZipInfo] = {}
    for path, info in entries:
        name = PurePosixPath(*path.parts[strip:]).as_posix()
        if name == DATA_NOTE:  # where data lie is not taken over: it would let a stranger name a file of this machine
            continue
        if name in members:
            raise ImportProblem(f"the zip holds {name!r} twice. Pack the folder anew.")
        members[name] = info
    if "control.json" in members:
        raise ImportProblem(
            "this is a whole run directory. Download the run as a zip on the Train page, or make a model of it: python -m vae_core keep."
        )
    odd = [name for name in members if _allowed(name) is None]
    if odd:
        raise ImportProblem(
            f"the zip holds {', '.join(map(repr, odd[:3]))}, which is no part of a model. Expected: {', '.join(FILES)}, and snapshots/."
        )
    missing = [name for name in NEEDED if name not in members]
    if missing:
        raise ImportProblem(
            f"the zip lacks {', '.join(missing)}. Expected a model's folder, as the download button packs it."
        )
    for name, info in members.items():
        if info.file_size > (_allowed(name) or 0):
            raise ImportProblem(
                f"{name} expands to {info.file_size >> 20} MiB, at most {(_allowed(name) or 0) >> 20} are taken."
            )
    if len({name.split("/")[1] for name in members if name.startswith("snapshots/")}) > MOST_FRAMES:
        raise ImportProblem(f"the zip holds more than {MOST_FRAMES} snapshots. Leave some out.")
    return members


def _allowed(name: str) -> int | None:
    """Bytes that are taken of a file of this name in a model's folder; None if there is no such file."""
    frame = re.fullmatch(r"snapshots/[0-9]{8}/([a-z_.]+)", name)
    return FRAME_FILES.get(frame[1]) if frame else FILES.get(name)


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "wb") as file:
        try:
            with archive.open(info) as source:  # stops at the size that the directory claims
                shutil.copyfileobj(source, file, MIB)
        except OSError:
            raise
        except Exception as error:  # BadZipFile, zlib.error, EOFError ... by the kind of damage
            raise ImportProblem(f"{info.filename} is damaged ({error}). Download the zip again.") from error


# --- the model --------------------------------------------------------------------------------------------------------


def _checked(folder: Path) -> Checkpoint:
    """Every reader of the pages finds what it expects; raises `ImportProblem`."""
    try:
        checkpoint = checkpoints.load(folder)
        network = checkpoint.network
        work = network.encoder.multiply_adds() + network.decoder.multiply_adds()
        if work > MOST_WORK:
            raise ImportProblem(
                f"its network takes {work:,} multiply-adds a picture, at most {MOST_WORK:,} are run here."
            )
        latents = checkpoints.load_latents(folder)
        _codes(latents, network.latent_dim)
        _words(folder, checkpoint)
        for step in timeline.frame_steps(folder):
            _codes(timeline.load_frame(folder, network, step).latents, network.latent_dim)
        engine = checkpoint.engine(threads=1)
        picture = engine.decode(np.zeros((1, network.latent_dim), np.float32))
        engine.encode(picture)
    except ImportProblem:
        raise
    except (ValueError, RuntimeError, TypeError, KeyError, AttributeError, OverflowError) as error:
        text = str(error).replace(f"{folder}/", "").replace(str(folder), "the zip")
        raise ImportProblem(f"the zip is not a model that can be opened: {text}") from error
    return checkpoint


def _codes(latents: Latents, latent_dim: int) -> None:
    arrays = (latents.z_mean, latents.z_log_var)
    if latents.z_mean.ndim != 2 or latents.z_mean.shape[1] != latent_dim:
        raise ImportProblem(
            f"its codes are {latents.z_mean.shape}, expected (n, {latent_dim}). The files do not belong together."
        )
    for array in arrays:
        if array.dtype not in (np.float16, np.float32) or not np.isfinite(array).all():
            raise ImportProblem("its codes are not all finite 16- or 32-bit numbers. The file is damaged.")
    if latents.labels.dtype.kind not in "ui" or (
        len(latents.labels) and not 0 <= latents.labels.min() <= latents.labels.max() < 100_000
    ):
        raise ImportProblem("its labels are not whole numbers from 0. The file is damaged.")


def _words(folder: Path, checkpoint: Checkpoint) -> None:
    data: Any = checkpoint.dataset
    classes = data.get("classes", []) if isinstance(data, dict) else None
    if (
        not isinstance(classes, list)
        or len(classes) > 10_000
        or not all(isinstance(name, str) and len(name) < 200 for name in classes)
    ):
        raise ImportProblem("config.json names its classes in an odd form. Expected a list of short names.")
    if not isinstance(json.loads((folder / "config.json").read_bytes()).get("name", ""), str):
        raise ImportProblem("config.json holds a name that is no text.")
    for name, found in (checkpoint.metrics or {}).items():
        whole = isinstance(found, dict) and {"value", "split", "n", "method"} <= set(found)
        # the figures on a card are numbers; others, as the KL of each unit, may be lists
        number = whole and (name not in cards.ROWS or type(found["value"]) in (int, float))
        if not number or type(found["n"]) is not int:
            raise ImportProblem(
                f"metrics.json holds {name!r} in an odd form. Expected value, split, n and method of each figure."
            )
    if (folder / scores.FILE).exists():
        found = read_npz(folder / scores.FILE, (*scores.NAMES, "checksum"))
        if any(found[name].dtype.kind != "f" or found[name].ndim != 1 for name in scores.NAMES):
            raise ImportProblem(
                f"{scores.FILE} does not hold one number per image. Leave it out: it can be made again."
            )
    for name in ("MODEL_CARD.md", "history.csv"):
        if (folder / name).exists():
            (folder / name).read_bytes().decode()  # a UnicodeDecodeError is a ValueError


def _moved(temporary: Path, root: Path, wanted: str) -> Path:
    """Into place under a free name, in one move."""
    name = base = safe_name(wanted)
    for number in range(2, 1000):
        if not (root / name).exists():
            break
        name = f"{base}-{number}"
    config = read_json(temporary / "config.json")
    write_json(temporary / "config.json", {**config, "name": name, KIND: MODEL})
    temporary.chmod(0o755)  # mkdtemp's own is for nobody else
    temporary.rename(root / name)
    return root / name
