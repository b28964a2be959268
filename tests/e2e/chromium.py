"""Which Chromium drives the browser tests. As a script: install one where there is none and that can be done.

The look-up is the environment variable CHROMIUM, then the usual names and places.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
HOW = "Install Chromium or Chrome, or set CHROMIUM to its path (Debian: sudo apt-get install chromium)."


def find() -> str | None:
    """Path of a Chromium or Chrome, or None."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), *PLACES]
    return next((path for path in candidates if path and Path(path).exists()), None)


def install() -> None:
    """By Debian's package manager, if that asks no question."""
    if not shutil.which("apt-get"):
        return
    ask: list[str] = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if ask and (not shutil.which("sudo") or subprocess.run([*ask, "true"], capture_output=True).returncode):
        return
    print("No Chromium here: installing one with apt-get for the browser tests.", flush=True)
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", "chromium"]):
        if subprocess.run(
            [*ask, "apt-get", *command], env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        ).returncode:
            return


if __name__ == "__main__":
    if not find():
        install()
    found = find()
    print(f"Browser: {found}" if found else f"No browser: the tests that drive one are skipped. {HOW}", file=sys.stderr)
