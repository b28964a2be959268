"""A model's folder as one zip: packed to carry away, and imported again, checked and never executed.

A stranger's file may claim anything. So nothing is written under a name of its own choosing, nothing is expanded beyond what
a model can need, and the folder appears among the others only when the model in it has opened and decoded a picture.

>>> safe_name("my model (2)")
'my-model-2'
>>> import_model(b"no zip", Path("models"))
Traceback (most recent call last):
vae_core.checkpoints.bundle.ImportProblem: this is no whole zip file (File is not a zip file). Download it again, or pack the folder anew.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from vae_core.analysis import image_scores
from vae_core.analysis.generation import density
from vae_core.checkpoints import measurements, saving, store, thresholds, timeline
from vae_core.checkpoints.card import model_card
from vae_core.checkpoints.probe import probe
from vae_core.checkpoints.publish import spaced_steps
from vae_core.checkpoints.store import Checkpoint
from vae_core.checkpoints.training_data import FILE as DATA_NOTE
from vae_core.network.latents import Latents
from vae_core.runs.directory import ENDED, Run
from vae_core.settings import PROGRAM
from vae_core.storage import archives, limits
from vae_core.storage.files import way_out, write_json
from vae_core.storage.kind import KIND, MODEL, RUN, kind_of
from vae_core.storage.records import read_object

MIB = limits.MIB
NEEDED = ("config.json", "network.json", "model.safetensors", "latents.npz")
# What a model's folder holds, and how many bytes of each are taken.
FILES = {
    "config.json": MIB,
    "network.json": MIB,
    "metrics.json": MIB,
    "history.csv": 8 * MIB,
    "MODEL_CARD.md": MIB,
    "model.safetensors": 96 * MIB,
    "latents.npz": 64 * MIB,
    image_scores.FILE: 16 * MIB,
    thresholds.FILE: MIB,
    density.FILE: 16 * MIB,
    **dict.fromkeys(measurements.FILES, measurements.LIMIT),
}
FRAME_FILES = {"decoder.safetensors": 96 * MIB, "latents.npz": 16 * MIB}
MOST_FRAMES = 200
# Of the timeline that a run's zip holds.
RUN_FRAMES = 7


class ImportProblem(ValueError):
    """A zip that is not imported, or a folder that is not packed: what came, what was expected, what to do."""


def import_model(source: Path | bytes, root: Path, check: Callable[[Path], object] = probe) -> Path:
    """Unpack a zip's model into a new folder.

    Args:
        source: The zip, or its bytes.
        root: Where the folder is made; made itself if there is none.
        check: Raises for a folder that cannot be shown; by default in this process, for zips of strangers
            `vae_core.jobs.model_check.check_in_child`.

    Returns:
        The new folder, called as the model calls itself, with a number if that name is taken.

    Raises:
        ImportProblem: The zip is none, holds anything but a model, or its model cannot be shown; nothing is left.
    """
    file: Path | IO[bytes] = BytesIO(source) if isinstance(source, bytes) else source
    with _archive(file) as archive:
        members = _members(archive)
        try:
            root.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".taken-in-", dir=root))
        except OSError as error:
            raise ImportProblem(f"{root} cannot be written to ({error.strerror}). {way_out(error)}") from error
        try:
            for name, info in members.items():
                _extract(archive, info, temporary / name)
            checkpoint = _checked(temporary, check)
            return _moved(temporary, root, checkpoint.name)
        except OSError as error:
            raise ImportProblem(
                f"the zip could not be unpacked into {root}: {error.strerror}. {way_out(error)}"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def pack_model(path: Path) -> bytes:
    """Pack a model's folder, or a run that has ended (its newest snapshot, and some frames), for `import_model`.

    Args:
        path: A checkpoint folder or a run directory.

    Returns:
        Bytes of a zip.

    Raises:
        ImportProblem: A run in progress, or a model larger than `vae_core.storage.limits.MODEL_ZIP`.
        CheckpointError: A damaged run.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = _snapshot_folder(Run(path), Path(temporary) / path.name) if kind_of(path) == RUN else path
        names = [name for name in FILES if (folder / name).is_file()]
        frames = [f"snapshots/{step:08d}" for step in timeline.frame_steps(folder)]
        names += [f"{frame}/{name}" for frame in frames for name in FRAME_FILES if (folder / frame / name).is_file()]
        size = sum((folder / name).stat().st_size for name in names)
        if size > limits.MODEL_ZIP:
            raise ImportProblem(
                f"{path.name} has {size >> 20} MiB, at most {limits.MODEL_ZIP >> 20} are packed. Copy its folder."
            )
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in names:
                    archive.write(folder / name, f"{path.name}/{name}")
            file.seek(0)
            return file.read()


def safe_name(text: str) -> str:
    """Make a folder's name of a text: letters, digits, dot, dash and underscore, 60 at most; "model" if nothing is left."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:60] or "model"


# --- packing --------------------------------------------------------------------------------------------------------


def _snapshot_folder(run: Run, folder: Path) -> Path:
    """Write a model's folder of a run's newest snapshot, without measuring it: its codes are those of the snapshot."""
    state, _ = run.state()
    if state not in ENDED:
        raise ImportProblem(f"{run.name} is {state}; stop it or wait for its end, then pack it.")
    checkpoint = store.load(run.path)
    assert checkpoint.step is not None
    config = {**run.config(), "name": run.name, "steps": checkpoint.step, "step": checkpoint.step}
    config["seconds"] = run.status().get("seconds", 0.0)
    codes = Latents(**run.snapshot_latents(checkpoint.step))
    saving.save(
        folder,
        config=config,
        network=checkpoint.network,
        weights=checkpoint.weights,
        latents=codes,
        texts={"MODEL_CARD.md": model_card(run.name, config, checkpoint.network.parameters(), {})},
        copy=[run.path / "history.csv"],
    )
    for step in spaced_steps(run.snapshots(), RUN_FRAMES):
        timeline.save_frame(folder, step, run.snapshot_weights(step), run.snapshot_latents(step))
    return folder


# --- the zip ----------------------------------------------------------------------------------------------------------


def _archive(file: Path | IO[bytes]) -> zipfile.ZipFile:
    try:
        return archives.opened(file)
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
        # Where data lie is not taken over: it would let a stranger name a file of this machine.
        if name == DATA_NOTE:
            continue
        if name in members:
            raise ImportProblem(f"the zip holds {name[:60]!r} twice. Pack the folder anew.")
        members[name] = info
    if "control.json" in members:
        raise ImportProblem(
            f"this is a whole run directory. Download the run as a zip on the Train page, or make a model of it: {PROGRAM} keep."
        )
    unexpected = [name for name in members if _allowed(name) is None]
    if unexpected:
        raise ImportProblem(
            f"the zip holds {', '.join(repr(name[:60]) for name in unexpected[:3])}, which is no part of a model. Expected: {', '.join(FILES)}, and snapshots/."
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
            # Reading stops at the size that the zip's directory claims.
            with archive.open(info) as source:
                shutil.copyfileobj(source, file, MIB)
        except OSError:
            raise
        # BadZipFile, zlib.error, EOFError ... by the kind of damage.
        except Exception as error:
            raise ImportProblem(f"{info.filename} is damaged ({error}). Download the zip again.") from error


# --- the model --------------------------------------------------------------------------------------------------------


def _checked(folder: Path, check: Callable[[Path], object]) -> Checkpoint:
    """The model of a folder, when everything that pages show of it could be worked out; raises `ImportProblem`."""
    try:
        described = store.inspect(folder)
        check(folder)
    except (
        ValueError,
        RuntimeError,
        TypeError,
        KeyError,
        AttributeError,
        ArithmeticError,
        LookupError,
        MemoryError,
    ) as error:
        reason = str(error) or "it takes too much memory"
        text = reason.replace(f"{folder.resolve()}/", "").replace(f"{folder}/", "").replace(str(folder), "the zip")
        raise ImportProblem(f"the zip is not a model that can be shown: {text}") from error
    return described


def _moved(temporary: Path, root: Path, model_name: str) -> Path:
    """Move a folder into place under a free name, in one move."""
    name = base = safe_name(model_name)
    for number in range(2, 1000):
        if not (root / name).exists():
            break
        name = f"{base}-{number}"
    config = read_object(temporary / "config.json")
    write_json(temporary / "config.json", {**config, "name": name, KIND: MODEL})
    # mkdtemp's own is for nobody else.
    temporary.chmod(0o755)
    temporary.rename(root / name)
    return root / name
