"""Limits of this machine: memory of a run, runs at once and in the queue, room on the disk. Each limit is a setting.

>>> sizes = {"train": 55_000, "validation": 5_000, "test": 10_000}
>>> small, large = TrainingConfig(batch_size=64), TrainingConfig(batch_size=4096)
>>> memory_of(ModelConfig(), small, sizes) < memory_of(ModelConfig(), large, sizes)
True
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil

from vae_core.config import ModelConfig, TrainingConfig
from vae_core.network.presets import build
from vae_core.runs.control import RunError
from vae_core.runs.directory import OVER, Run
from vae_core.runs.index import unfinished
from vae_core.settings import FREE_DISK, RUN_MB, RUNS_BESIDE, RUNS_WAITING

MB = 1_000_000
TRAINER = 900 * MB  # TensorFlow imported and its graphs built
COPIES = 7  # of the weights: themselves, gradients, Adam's two moments, their average, what a checkpoint holds while it is written
PASSES = 1.5  # activations of a batch that lie in memory together, forward and back: 1.3 (swift) and 1.4 (classic) were measured
VALIDATION_BATCH = 500  # images that are looked at together, without gradients
FLOAT = 4  # bytes


def memory_of(model: ModelConfig, training: TrainingConfig, sizes: Mapping[str, int]) -> int:
    """Upper estimate of the memory that a training takes at its height.

    Args:
        model: What is trained.
        training: How; its batch size counts.
        sizes: Images per split: "train", "validation" and "test".

    Returns:
        Bytes.
    """
    network = build(model)
    activations = sum(math.prod(after) for part in (network.encoder, network.decoder) for *_, after in part.walk())
    pixels = math.prod(model.image_shape)
    images = min(training.batch_size, sizes["train"])
    work = int(FLOAT * max(PASSES * images, VALIDATION_BATCH) * (activations + pixels))
    data = pixels * (sum(sizes.values()) + FLOAT * sizes["validation"])
    return TRAINER + COPIES * FLOAT * network.parameters() + work + data


def in_progress(root: Path) -> tuple[list[Run], list[Run]]:
    """Runs of a folder that have not ended.

    Returns:
        Those that train or stand still in memory, and those that wait for their turn; newest first.
    """
    training: list[Run] = []
    waiting: list[Run] = []
    for run in unfinished(root):
        state, _ = run.state()
        if state not in OVER:
            (waiting if state == "waiting" and run.control().command == "wait" else training).append(run)
    if waiting and not training:  # nothing is before it: it is about to begin
        training.append(waiting.pop())
    return training, waiting


def check_start(root: Path, needed: int, *, beside: bool, ready: int = 0) -> None:
    """Check that one more run can be started or queued.

    Args:
        root: The folder of runs.
        needed: Bytes that the run takes (`memory_of`).
        beside: Whether it is to train at once, beside the others.
        ready: Bytes that the process which would train it holds already.

    Raises:
        RunError: If it is one too many; the message is for the visitor.
    """
    training, waiting = in_progress(root)
    if not beside and training and len(waiting) >= RUNS_WAITING.value():
        raise RunError(
            f"{len(waiting)} runs are waiting already, and at most {RUNS_WAITING.value()} may ({RUNS_WAITING.variable}). "
            "Wait until one has begun, or stop one."
        )
    if beside:
        check_beside(root)
    check_memory(needed, ready, later=bool(training) and not beside)
    check_disk(root)


def check_beside(root: Path) -> None:
    """Check that one more run may train at once.

    Raises:
        RunError: If as many train as may.
    """
    training, _ = in_progress(root)
    if len(training) >= RUNS_BESIDE.value():
        names = ", ".join(run.name for run in training[:3])
        raise RunError(
            f"{len(training)} run{' is' if len(training) == 1 else 's are'} in progress ({names}), and at most "
            f"{RUNS_BESIDE.value()} may train at once ({RUNS_BESIDE.variable}). Let it wait for its turn, or stop one."
        )


def check_memory(needed: int, ready: int = 0, later: bool = False) -> None:
    """Check that a run fits into memory.

    Args:
        needed: Bytes that it takes.
        ready: Bytes that the process which would train it holds already.
        later: Whether it begins when others have ended and freed theirs.

    Raises:
        RunError: If it does not fit.
    """
    memory = psutil.virtual_memory()
    limit = RUN_MB.value() * MB or (int(0.9 * memory.total) if later else memory.available + ready)
    if needed > limit:
        free = "may be taken" if RUN_MB.value() else "this machine has for it" if later else "are free"
        raise RunError(
            f"This run would take about {needed / MB:,.0f} MB of memory, and {limit / MB:,.0f} MB {free} "
            f"({RUN_MB.variable}). Choose a smaller batch, fewer latent units or smaller pictures."
        )


def check_disk(folder: Path, needed: int = 0) -> None:
    """Check that a disk has room.

    Args:
        folder: A folder on it, which need not exist yet.
        needed: Bytes that are to be written.

    Raises:
        RunError: If less than the setting's share of the disk would stay free.
    """
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("."))
    disk = shutil.disk_usage(there)
    least = disk.total * FREE_DISK.value() // 100
    if disk.free - needed < least:
        raise RunError(
            f"The disk of {folder} has {disk.free / MB:,.0f} MB free, and {FREE_DISK.value()} % of it, {least / MB:,.0f} MB, "
            f"must stay so ({FREE_DISK.variable}). Delete runs or models that are no longer needed."
        )
