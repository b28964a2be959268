"""A model's folder, or a run that has ended, as one zip to carry away; `imports` takes it in again."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from vae_core.checkpoints import publish as cards
from vae_core.checkpoints import store as checkpoints
from vae_core.checkpoints import timeline
from vae_core.checkpoints.bundle import FILES, FRAME_FILES, ImportProblem
from vae_core.network.latents import Latents
from vae_core.runs.directory import ENDED, Run
from vae_core.storage import limits
from vae_core.storage.kind import RUN, kind_of

FRAMES = 7  # of the timeline that a run's zip holds


def packed(path: Path) -> bytes:
    """A zip that `take_in` takes, of a model's folder or of a run that has ended (its newest snapshot, and some frames).

    Raises `ImportProblem` for a run in progress or a model of more than half a gibibyte, `CheckpointError` for a damaged one.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = _of_run(Run(path), Path(temporary) / path.name) if kind_of(path) == RUN else path
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


def _of_run(run: Run, folder: Path) -> Path:
    """A model's folder of a run's newest snapshot, without measuring it: its codes are those of the snapshot."""
    state, _ = run.state()
    if state not in ENDED:
        raise ImportProblem(f"{run.name} is {state}; stop it or wait for its end, then pack it.")
    checkpoint = checkpoints.load(run.path)
    assert checkpoint.step is not None
    config = {**run.config(), "name": run.name, "steps": checkpoint.step, "step": checkpoint.step}
    config["seconds"] = run.status().get("seconds", 0.0)
    codes = Latents(**run.snapshot_latents(checkpoint.step))
    checkpoints.save(
        folder,
        config=config,
        network=checkpoint.network,
        weights=checkpoint.weights,
        latents=codes,
        texts={"MODEL_CARD.md": cards.model_card(run.name, config, checkpoint.network.parameters(), {})},
        copy=[run.path / "history.csv"],
    )
    for step in cards.spaced(run.snapshots(), FRAMES):
        timeline.save_frame(folder, step, run.snapshot_weights(step), run.snapshot_latents(step))
    return folder
