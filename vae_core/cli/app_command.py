"""`vae-explorer app`: start the app from any folder."""

from __future__ import annotations

import subprocess
import sys

from vae_core.settings import APP


def app(host: str, port: int, no_browser: bool) -> int:
    """Run the server until it ends; returns its exit code. Runs and models lie in the current folder, or where settings say.

    Raises:
        ValueError: A port that is none.
    """
    if not 1 <= port <= 65535:
        raise ValueError(f"--port must be in 1..65535, got {port}.")
    flags = ["--server.address", host, "--server.port", str(port), "--server.headless", str(no_browser).lower()]
    words = [sys.executable, "-m", "streamlit", "run", str(APP / "streamlit_app.py"), *flags]
    try:
        return subprocess.run(words, check=False).returncode
    except KeyboardInterrupt:  # the server has heard it as well, and ended
        return 0
