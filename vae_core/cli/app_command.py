"""`vae-explorer app`: start the app from any folder."""

from __future__ import annotations

import os
import socket
import subprocess

from vae_core.jobs.environment import python_module
from vae_core.settings import APP, IN_CHECKOUT, ROOT


def app(host: str, port: int, no_browser: bool) -> int:
    """Become the server; returns its exit code where a process cannot become another one (Windows).

    Runs and models lie in the current folder, or where settings say.

    Raises:
        ValueError: A port that is none.
    """
    if not 1 <= port <= 65535:
        raise ValueError(f"--port must be in 1..65535, got {port}.")
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # no name of a machine at all is a UnicodeError
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of one"
        raise ValueError(f"--host {host!r} is no address of a machine ({reason}). Try 127.0.0.1 or 0.0.0.0.") from error
    flags = ["--server.address", host, "--server.port", str(port), "--server.headless", str(no_browser).lower()]
    # In an address of the browser's a number of IPv6 stands in brackets; "::" is all of this machine's.
    if ":" in host and host != "::":
        flags += ["--browser.serverAddress", f"[{host}]"]
    words = python_module("streamlit", "run", str(APP / "streamlit_app.py"), *flags)
    if IN_CHECKOUT:  # what the app imports lies there
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    if os.name == "posix":  # so that a signal ends the server, and not only what started it
        os.execv(words[0], words)
    return subprocess.run(words, check=False).returncode
