"""The app's server, which also notes every file of a run that it opens: a line of `seconds name` each.

    OPENED=opened.txt python benchmarks/counted_server.py run streamlit_app.py [streamlit's flags]

The app itself is untouched: Python tells an audit hook of each `open`, whoever calls it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

FILES = ("metrics.jsonl", "status.json", "control.json", "config.json", "network.json", "request.json")


def note_opens(target: str) -> None:
    """From now on, append to `target` when one of `FILES` is opened to be read."""
    output = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], (str, os.PathLike)):
            return
        name = os.path.basename(os.fspath(arguments[0]))
        if name in FILES and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            os.write(output, f"{time.time():.4f} {name}\n".encode())

    sys.addaudithook(hook)


if __name__ == "__main__":
    from streamlit.web.cli import main

    # streamlit would look for the pages beside this script's folder first
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    note_opens(os.environ["OPENED"])
    sys.exit(main())
