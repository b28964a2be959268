"""The first kills of `kill_test.py`: in the last validation, before the first batch, in a write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_test.py")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="its trainers are forks")
def test_nothing_is_lost() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--kills", "3"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "3 kills, nothing lost"
    assert done.stdout.count("lost: nothing") == 3
