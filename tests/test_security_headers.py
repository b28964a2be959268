"""What a browser is told with every answer, and which doors of Streamlit's are shut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pages.ui.app.security_headers import policy

ROOT = Path(__file__).parents[1]


def directive(name: str) -> str:
    """What the policy says of `name`."""
    parts = dict(part.split(" ", 1) for part in policy().split("; "))
    return parts[name]


def test_no_other_page_may_frame_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAE_EXPLORER_EMBED", raising=False)
    assert directive("frame-ancestors") == "'self'"


@pytest.mark.parametrize(
    "named", ["https://school.example", "https://a.example:8443 http://b.example", "https://*.a.example"]
)
def test_named_pages_may_frame_it(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("VAE_EXPLORER_EMBED", f" {named} ")
    assert directive("frame-ancestors") == f"'self' {named}"


@pytest.mark.parametrize(
    "odd", ["https://a.example; script-src *", "a\nb", "'unsafe-inline'", "https://a.example\r\nx: y", "*", "ä.example"]
)
def test_an_odd_setting_opens_nothing(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    monkeypatch.setenv("VAE_EXPLORER_EMBED", odd)
    assert directive("frame-ancestors") == "'self'" and "script-src *" not in policy()


def test_streamlits_other_doors_are_shut(tmp_path: Path) -> None:
    """Its own settings for scripts that drive the app, health checks that run it, and files it serves as they lie."""
    code = (
        "from streamlit import config\n"
        "names = ('server.enableAgentApi', 'server.scriptHealthCheckEnabled', 'server.enableStaticServing')\n"
        "print({config.get_option(name) for name in names if name in config.get_config_options()})"  # 1.65 has two of them
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "{False}"
    named = (ROOT / ".streamlit" / "config.toml").read_text()
    assert all(
        f"{name} = false" in named for name in ("enableAgentApi", "scriptHealthCheckEnabled", "enableStaticServing")
    )
    assert not any(name.startswith("STREAMLIT_SERVER_ENABLE") for name in os.environ)
