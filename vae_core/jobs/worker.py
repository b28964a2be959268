"""A trainer's process that stands ready: TensorFlow is imported, the default model traced and its data read before anyone asks.

So a run's first point comes at once, or nearly so where it is of another model.

It tells its parent what it is doing in lines of JSON on standard output: {"state": "ready"}, or {"error": "..."}. One line
of JSON on standard input, {"arguments": ["train", ...], "log": "path"}, makes it that command. If standard input ends
before that, its parent is gone and so is it; afterwards it goes on alone, whatever becomes of the parent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from vae_core.config import ModelConfig
from vae_core.jobs.duration import known_presets, note_pace
from vae_core.settings import INSTALL_TRAINING

Main = Callable[[list[str]], int]  # the command line's own

# The app comes first, but not by much: a trainer's threads wait for the one that is put off. Watched in one browser, a run
# lost 10 % at a niceness of 10 and 6 % at 5, and clicks were answered as fast.
NICE = 5
IDLE_SECONDS = 30 * 60.0  # nobody has asked for so long: give the memory back


def serve(root: Path, main: Main, cold: bool = False) -> int:
    """Wait for one request and become that command.

    Args:
        root: The folder with the runs.
        main: Runs a command line's words; returns its exit code.
        cold: Import nothing before; for a run that has to wait.

    Returns:
        The command's exit code; 0 if none came, 2 where TensorFlow is not installed.
    """
    _stand_aside()
    if cold:
        requests: Queue[dict[str, Any]] = Queue()
        _listen(requests)
        return _become(requests.get(), main)
    try:
        from vae_core.jobs.quiet_import import without_notes

        with without_notes():
            from vae_core.training import train, warm_up  # noqa: F401
    except ImportError as error:
        name = getattr(error, "name", None) or "tensorflow"
        _tell(error=f"{name} is not installed. Run: {INSTALL_TRAINING}")
        return 2
    # a command that trains imports these when it needs them, 0.2 s that it then need not wait for
    import rich.progress  # noqa: F401

    from vae_core.checkpoints import store  # noqa: F401
    from vae_core.datasets import loading
    from vae_core.jobs import capacity  # noqa: F401

    requests = Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    _tell(state="ready")
    request = None
    for model in _to_measure(root):
        with suppress(Empty):
            request = requests.get_nowait()
            break
        with suppress(Exception):
            prepared = warm_up.warm_up(model)
            note_pace(root, model, prepared.step_seconds, prepared.image_seconds)
            if model == ModelConfig():
                warm_up.keep(prepared)
                loading.make_ready()
            _tell(state="measured")
    try:
        request = request or requests.get(timeout=IDLE_SECONDS)
    except Empty:
        return 0
    return _become(request, main)


def _stand_aside() -> None:
    """A low priority, and a group of its own, so that Ctrl-C ends the parent and not this."""
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(NICE)
    if hasattr(os, "setpgrp"):
        with suppress(OSError):
            os.setpgrp()
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _listen(requests: Queue[dict[str, Any]]) -> None:
    """One request, or the end."""
    try:
        request = json.loads(sys.stdin.readline())
        requests.put({"arguments": [str(word) for word in request["arguments"]], "log": str(request["log"])})
    except (ValueError, TypeError, KeyError, OSError):
        os._exit(0)


def _to_measure(root: Path) -> list[ModelConfig]:
    """The default model each time, the other preset once a machine."""
    known = known_presets(root)
    return [ModelConfig(), *([] if "classic" in known else [ModelConfig("classic")])]


def _become(request: dict[str, Any], main: Main) -> int:
    """Run the command, with all that it prints in the log."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, nothing), (1, log), (2, log)):
        os.dup2(target, number)
    return main(request["arguments"])


def _tell(**values: Any) -> None:
    with suppress(OSError):
        print(json.dumps(values), flush=True)
