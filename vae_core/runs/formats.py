"""Forms of the JSON files of a run directory: types and ranges of what is read.

Keys that a form does not name are passed on. A file that does not fit its form is unreadable, with the reason; see
`vae_core.storage.records`.

>>> import msgspec
>>> msgspec.convert({"command": "pause", "steps": 2}, ControlFile).command
'pause'
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

STATES = ("waiting", "running", "paused", "stopped", "finished", "failed")
COMMANDS = ("run", "wait", "pause", "stop")
MAX_COUNT = 2**53  # beyond it a float64 skips whole numbers
MAX_PID = 2**31 - 1
MAX_UNITS = 256

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Clock = Annotated[float, Meta(ge=0, le=1e11)]  # seconds since 1970
Duration = Annotated[float, Meta(ge=-1e12, le=1e12)]  # seconds
Number = Annotated[float, Meta(ge=-1e308, le=1e308)]
Text = str


def _one_of(*words: str) -> Any:
    return Annotated[str, Meta(pattern=f"^({'|'.join(words)})\\Z")]


State = _one_of(*STATES)


class StatusFile(Struct):
    """Form of status.json; step, epoch and figures are those of the newest report, null where the run diverged."""

    state: State  # type: ignore[valid-type]
    pid: Annotated[int, Meta(ge=0, le=MAX_PID)] | UnsetType = UNSET
    started: Clock | UnsetType | None = UNSET
    process: Text | UnsetType | None = UNSET
    heartbeat: Clock | UnsetType = UNSET
    uptime: Duration | UnsetType = UNSET
    since: Clock | UnsetType | None = UNSET
    step: Count | UnsetType = UNSET
    total_steps: Count | UnsetType = UNSET
    epoch: Annotated[float, Meta(ge=0, le=1e9)] | UnsetType = UNSET
    seconds: Duration | UnsetType = UNSET
    eta_seconds: Duration | UnsetType | None = UNSET
    loss: Number | UnsetType | None = UNSET
    reconstruction_loss: Number | UnsetType | None = UNSET
    kl_loss: Number | UnsetType | None = UNSET
    batch_time: Number | UnsetType | None = UNSET
    doing: Text | UnsetType = UNSET
    error: Text | UnsetType | None = UNSET
    traceback: Text | UnsetType = UNSET


class ControlFile(Struct):
    """Form of control.json, see `vae_core.runs.control.Control`."""

    command: _one_of(*COMMANDS) = "run"  # type: ignore[valid-type]
    steps: Count = 0
    learning_rate: Annotated[float, Meta(ge=0, le=1000)] | None = None
    beta: Annotated[float, Meta(ge=0, le=1e9)] | None = None


class RequestFile(Struct):
    """Form of request.json, how the run was asked for; model and training are checked by the dataclasses that take them."""

    model: dict[Text, Any] | UnsetType = UNSET
    training: dict[Text, Any] | UnsetType = UNSET
    data: Text | UnsetType = UNSET
    machine: Text | UnsetType = UNSET
    arguments: list[Text] | UnsetType = UNSET
    asked: Clock | UnsetType = UNSET
    fit: Literal["resize", "garment"] | UnsetType = UNSET
    visitor: Text | UnsetType = UNSET


class DatasetForm(Struct):
    """Form of the data set in config.json, see `Dataset.describe`."""

    name: Text | UnsetType = UNSET
    source: Text | UnsetType = UNSET
    checksum: Text | UnsetType = UNSET
    classes: Annotated[list[Text], Meta(max_length=10_000)] | UnsetType = UNSET
    sizes: dict[Text, Count] | UnsetType = UNSET
    image_shape: Annotated[list[Annotated[int, Meta(ge=1, le=4096)]], Meta(min_length=3, max_length=3)] | UnsetType = (
        UNSET
    )


class ConfigFile(Struct):
    """Form of config.json, of a run or a kept model; model and training are checked by the dataclasses that take them."""

    format_version: Annotated[int, Meta(ge=1, le=1_000_000)]
    name: Text | UnsetType = UNSET
    model: dict[Text, Any] | UnsetType = UNSET
    training: dict[Text, Any] | UnsetType = UNSET
    dataset: DatasetForm | UnsetType = UNSET
    versions: dict[Text, Text | None] | UnsetType = UNSET
    step: Count | UnsetType | None = UNSET
    steps: Count | UnsetType | None = UNSET
    seconds: Duration | UnsetType | None = UNSET


class PaceForm(Struct):
    """Form of a preset's entry in .pace.json: seconds a step and an image, and the work that they were measured with."""

    step: Annotated[float, Meta(ge=0, le=1e6)]
    image: Annotated[float, Meta(ge=0, le=1e6)]
    multiply_adds: Annotated[float, Meta(gt=0, le=1e18)]
