"""Every file of a run folder as anybody may have left it: one kind of error, said in one place, and no other run is disturbed.

FUZZ_EXAMPLES=1000 python -m pytest tests/test_run_files_fuzz.py      thoroughly; a few cases each without it
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_runs import MODEL, recipe, weights_of

from vae_core.checkpoints import errors, registry, store, timeline
from vae_core.config import ModelConfig, TrainingConfig
from vae_core.jobs import duration, queue
from vae_core.network import presets
from vae_core.network.layers import NetworkError
from vae_core.runs.control import Control, RunError
from vae_core.runs.directory import Run
from vae_core.runs.health import Health, health, log_tail
from vae_core.runs.index import list_runs
from vae_core.runs.live_reader import LiveRun
from vae_core.storage.errors import FileProblem

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
NETWORK = presets.build(MODEL)
REFUSED = (FileProblem, RunError, NetworkError, errors.CheckpointError)  # what a reader may raise
fuzz = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)

NASTY = [
    "null",
    "true",
    "-1",
    "0",
    "1.5",
    "1e999",
    "-1e999",
    "NaN",
    "-Infinity",
    "9" * 400,
    "9" * 5000,
    "9007199254740993",
    "1e308",
    "-1e308",
    "9223372036854775807",
    "1e-320",
    '""',
    '"\\ud800"',
    '"\\u0000"',
    '"a\\nb"',
    '"' + "x" * 5000 + '"',
    "[]",
    "{}",
    "[[[[]]]]",
    '{"a": {"b": []}}',
    "[null]",
    '[1, "a", {}]',
    '"1"',
    '"nan"',
    "[" * 3000,
    '{"a":' * 3000,
    "[1e308, -1e308]",
]
KEYS = ("kind", "event", "new", "step", "heartbeat", "state", "pid", "name", "format_version", "model", "beta")


def json_texts(valid: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Texts near a valid one: a value of it, at any depth, replaced; keys lost, doubled or new; cut short; and plain noise."""
    places = [(), *_places(valid)]

    @st.composite
    def mutated(draw: st.DrawFn) -> bytes:
        marker, copy = "@@here@@", json.loads(json.dumps(valid))
        place = draw(st.sampled_from(places))
        if place:
            at: Any = copy
            for step in place[:-1]:
                at = at[step]
            at[place[-1]] = marker
        else:
            copy[draw(st.sampled_from(KEYS))] = marker
        text = json.dumps(copy).replace(f'"{marker}"', draw(st.sampled_from(NASTY)))
        return text.encode()

    whole = json.dumps(valid).encode()
    scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    inner = scalar | st.lists(scalar, max_size=3)
    anything = inner | st.dictionaries(
        st.text(max_size=5), inner | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    )
    return st.one_of(
        mutated(),
        mutated(),
        st.integers(0, len(whole)).map(lambda n: whole[:n]),
        st.binary(max_size=60),
        anything.map(lambda value: json.dumps(value).encode()),
        st.sampled_from([text.encode() for text in NASTY]),
        st.sampled_from(
            [b"\xef\xbb\xbf" + whole, whole.decode().encode("utf-16"), whole + b"\x00", b"\x00" * 4096, whole * 2]
        ),
    )


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*above, key)
        yield from _places(inner, (*above, key))


def rows(path: Path) -> list[dict[str, Any]]:
    figures = {"loss": 300.0, "reconstruction_loss": 290.0, "kl_loss": 10.0, "batch_time": 20.0, "beta": 1.0}
    step = {"kind": "step", "step": 1, "epoch": 0.1, "seconds": 1.0, **figures, "kl_per_unit": [4.0, 6.0]}
    losses = {"val_loss": 1.0, "val_reconstruction_loss": 1.0, "val_kl_loss": 1.0}
    return [
        step,
        {"kind": "validation", "step": 1, "epoch": 1.0, **losses},
        {"kind": "event", "event": "resumed", "step": 0},
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two whole runs: `good`, which nothing may disturb, and `odd`, of which one file after another is spoiled."""
    root = tmp_path_factory.mktemp("runs")
    for name in ("good", "odd"):
        run = Run(root / name)
        dataset = {
            "name": "squares",
            "source": "a test",
            "checksum": "0" * 64,
            "classes": ["a", "b"],
            "sizes": {"train": 9},
        }
        config = {"name": name, "model": MODEL.to_dict(), "training": recipe().to_dict(), "dataset": dataset}
        run.create({**config, "image_shape": [16, 16, 1]}, NETWORK)
        run.write_control(Control("pause", 2, 1e-3, 4.0))
        run.write_request(data="drawn", machine=duration.machine(), arguments=["train"], asked=1.0)
        run.save_fixed(np.zeros((10, 16, 16, 1), np.uint8))
        for row in rows(run.path):
            run.append_metrics(row)
        codes = {"z_mean": np.zeros((4, 2), np.float32), "z_log_var": np.zeros((4, 2), np.float32)}
        run.save_snapshot(1, weights_of(NETWORK), {**codes, "labels": np.zeros(4, np.uint8)})
        run.write_status("running", step=1, total_steps=9, loss=1.0, eta_seconds=3.0, epoch=0.5, doing="training")
    return root


@pytest.fixture
def spoil(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, bytes], None]]:
    """Puts bytes in the place of a file of `odd`; the whole file is back after the test."""
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(folder))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(folder / "none"))
    kept = folder.with_name("kept")
    shutil.copytree(folder / "odd", kept)
    yield lambda name, data: (folder / "odd" / name).write_bytes(data) and None
    shutil.rmtree(folder / "odd")
    os.replace(kept, folder / "odd")


def look(folder: Path) -> tuple[Health, Health]:
    """Everything that lists, watches or waits for runs; none of it may raise, and `good` is as it was."""
    odd, good = Run(folder / "odd"), Run(folder / "good")
    assert {run.name for run in list_runs(folder)} == {"good", "odd"}
    assert health(good).state == "running" and health(good).problems == ()
    view = LiveRun(odd).view(fresh=True)
    assert view.health.note.isprintable() and all(problem.isprintable() for problem in view.health.problems)
    assert np.isfinite(view.progress) and view.latent_dim >= 0
    assert good in _equal(queue.before(Run(folder / "new"), 2.0), good)
    entries = registry.list_models()
    assert "runs/good" in [entry.id for entry in entries] and registry.default_model(entries) is not None
    assert duration.estimate(ModelConfig(), TrainingConfig(), {"train": 10, "validation": 2}, folder) is None
    for run in (odd, good):
        run.status(), run.control(), run.request(), run.metrics(), run.snapshots(), run.fixed(), run.problems()
        log_tail(run)
    readers = (odd.config, odd.network, odd.snapshot_weights, lambda: store.load(odd.path), lambda: frame(odd))
    for read in readers:
        with suppress(*REFUSED):
            read()
    return health(odd), view.health


def frame(run: Run) -> Any:
    return timeline.load_frame(run.path, NETWORK, 1)


def _equal(runs: list[Run], run: Run) -> list[Run]:
    return [run if other.path == run.path else other for other in runs]


def valid(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / "good" / name).read_bytes())


@pytest.mark.parametrize("name", ["status.json", "config.json", "control.json", "request.json", "network.json"])
def test_an_odd_json_file(folder: Path, spoil: Callable[[str, bytes], None], name: str) -> None:
    @fuzz
    @given(json_texts(valid(folder, name)))
    def check(data: bytes) -> None:
        spoil(name, data)
        state, seen = look(folder)
        assert (state.state, state.note[:20]) == (seen.state, seen.note[:20])
        try:
            refused = not isinstance(json.loads(data), dict)
        except (ValueError, RecursionError):
            refused = True
        if refused:  # whoever looks is told which file it is
            told = " ".join((state.note, *state.problems))
            assert name in told and (state.state == "unreadable") == (name not in ("control.json", "request.json"))

    check()


def test_odd_rows(folder: Path, spoil: Callable[[str, bytes], None]) -> None:
    step, validation, event = rows(folder)
    line = st.one_of(json_texts(step), json_texts(validation), json_texts(event)).map(
        lambda text: text.replace(b"\n", b" ")
    )
    whole = json.dumps(step).encode()

    @fuzz
    @given(st.lists(line, min_size=1, max_size=4), st.booleans())
    def check(lines: list[bytes], ended: bool) -> None:
        spoil("metrics.jsonl", b"\n".join([whole, *lines, whole]) + b"\n" * ended)
        _, seen = look(folder)
        assert seen.state == "running"

    check()


@pytest.mark.parametrize("name", ["fixed.npz", "snapshots/00000001/latents.npz"])
def test_an_odd_npz(folder: Path, spoil: Callable[[str, bytes], None], name: str) -> None:
    whole = (folder / "good" / name).read_bytes()

    @fuzz
    @given(
        st.one_of(st.binary(max_size=80), st.integers(0, len(whole)).map(lambda n: whole[:n]), arrays(), flips(whole))
    )
    def check(data: bytes) -> None:
        spoil(name, data)
        look(folder)

    check()


def arrays() -> st.SearchStrategy[bytes]:
    """Whole files with odd arrays."""
    value = st.sampled_from(
        [
            np.zeros((4, 2), np.float32),
            np.zeros((4, 3), np.float32),
            np.full((4, 2), np.nan, np.float32),
            np.zeros(4, np.uint8),
            np.array(["a"]),
            np.zeros((0, 2)),
            np.zeros(()),
            np.full(4, 2**40),
            np.full(4, -1),
            np.full(4, np.nan),
            np.zeros(5, complex),
            np.zeros((2, 9, 9, 1), np.uint8),
            np.zeros((2, 9, 9, 2), np.uint8),
            np.zeros((0, 9, 9, 1), np.uint8),
            np.zeros(4, "M8[s]"),
        ]
    )

    def packed(named: dict[str, np.ndarray]) -> bytes:
        file = io.BytesIO()
        np.savez(file, **named)  # type: ignore[arg-type]
        return file.getvalue()

    return st.dictionaries(st.sampled_from(["pixels", "z_mean", "z_log_var", "labels"]), value, max_size=4).map(packed)


def flips(whole: bytes) -> st.SearchStrategy[bytes]:
    """One byte is another."""

    def flipped(at: int, value: int) -> bytes:
        return whole[:at] + bytes([value]) + whole[at + 1 :]

    return st.builds(flipped, st.integers(0, len(whole) - 1), st.integers(0, 255))


def test_odd_weights(folder: Path, spoil: Callable[[str, bytes], None]) -> None:
    name = "snapshots/00000001/weights.safetensors"
    whole = (folder / "good" / name).read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])

    def with_header(text: bytes) -> bytes:
        return len(text).to_bytes(8, "little") + text + whole[8 + size :]

    few = dict(list(header.items())[:3])

    @fuzz
    @given(st.one_of(st.binary(max_size=80), flips(whole[: 16 + size]), json_texts(few).map(with_header)))
    def check(data: bytes) -> None:
        spoil(name, data)
        look(folder)

    check()


def test_odd_notes(folder: Path) -> None:
    pace = {duration.machine(): {"swift": {"step": 0.1, "image": 0.1, "multiply_adds": 5}}}

    @fuzz
    @given(json_texts(pace))
    def check(data: bytes) -> None:
        (folder / ".pace.json").write_bytes(data)
        made = duration.estimate(ModelConfig(), TrainingConfig(), {"train": 10, "validation": 2}, folder)
        assert made is None or np.isfinite(made.seconds)
        assert isinstance(duration.known_presets(folder), set)

    try:
        check()
    finally:
        (folder / ".pace.json").unlink(missing_ok=True)


FILES = (
    "status.json",
    "config.json",
    "control.json",
    "request.json",
    "network.json",
    "metrics.jsonl",
    "fixed.npz",
    "trainer.log",
)
SNAPSHOT = (
    "snapshots",
    "snapshots/00000001",
    "snapshots/00000001/weights.safetensors",
    "snapshots/00000001/latents.npz",
)


@pytest.mark.parametrize("name", [*FILES, *SNAPSHOT])
@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "loop", "zeros", "gigabyte"])
def test_what_is_no_file_at_all(folder: Path, spoil: Callable[[str, bytes], None], name: str, kind: str) -> None:
    path = folder / "odd" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "zeros":
        path.symlink_to("/dev/zero")
    elif kind == "gigabyte":
        with open(path, "wb") as file:
            file.truncate(1 << 30)
    state, _ = look(folder)
    if name in ("status.json", "config.json", "network.json") and kind != "nothing":
        assert state.state == "unreadable" and name in state.note


@pytest.mark.parametrize(
    "name",
    [
        "1",
        "00000001x",
        "0000000²",
        "٠٠٠٠٠٠٠١",
        "-0000001",
        "9" * 20,
        "9" * 200,
        "1e5",
        "000000010",
        "\udcff",
        "a\nb",
        ".00000002.1-2.tmp",
    ],
)
def test_odd_names_of_snapshots(folder: Path, spoil: Callable[[str, bytes], None], name: str) -> None:
    (folder / "odd" / "snapshots" / name).mkdir()
    (folder / "odd" / "snapshots" / "00000005").write_text("a file")
    look(folder)
    assert Run(folder / "odd").snapshots() == [1]


def test_odd_names_of_runs(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = ["\udcff\udcfe", "a\nb", "\x1b[31m", "# head", "x" * 200, "\u202eabc", "‮", " "]
    for name in names:
        shutil.copytree(folder / "good", tmp_path / "runs" / name)
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAE_EXPLORER_CHECKPOINTS", str(tmp_path / "none"))
    assert len(list_runs(tmp_path / "runs")) == len(names)
    for run in list_runs(tmp_path / "runs"):
        assert run.name.isprintable() and run.name.encode()
        assert LiveRun(run).view().health.note.isprintable()
    for entry in registry.list_models():
        assert entry.id.encode() and entry.label.isprintable()
