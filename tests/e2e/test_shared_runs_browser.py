"""Two visitors of one server and one run, in real browsers: whose it is holds over a reload, and the other one is asked."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest
from server import serving, settle
from test_page_train import a_run

pytestmark = pytest.mark.browser


def test_another_visitor_is_asked_before_a_run_is_stopped(
    tiny_checkpoint: Path, browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAE_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAE_EXPLORER_STANDBY", "0")  # nobody trains here
    run = a_run(tmp_path / "runs" / "shoes", "running", heartbeat=time.time() + 600)
    with serving(tiny_checkpoint.parent, tmp_path / "log") as server:
        starter, other = browser.new_context(), browser.new_context()
        pages = [context.new_page() for context in (starter, other)]
        for page in pages:
            page.goto(f"{server.url}/train?run=shoes")
            settle(page)
        (cookie,) = [cookie for cookie in starter.cookies() if cookie["name"] == "vae_explorer_visitor"]
        assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
        run.write_request(visitor=hashlib.blake2b(cookie["value"].encode(), digest_size=8).hexdigest())

        theirs = pages[1]
        theirs.get_by_role("button", name="Stop", exact=True).click()
        dialog = theirs.get_by_role("dialog")
        dialog.get_by_text("shoes was begun by another visitor of this server").wait_for()
        dialog.get_by_role("button", name="Leave it").click()
        dialog.wait_for(state="hidden")
        assert run.control().command == "run"
        theirs.get_by_role("button", name="Stop", exact=True).click()
        dialog.get_by_role("button", name="Stop", exact=True).click()
        dialog.wait_for(state="hidden")
        assert run.control().command == "stop"

        run.update_control(command="run")
        mine = pages[0]
        mine.reload()
        settle(mine)
        mine.get_by_role("button", name="Stop", exact=True).click()
        end = time.monotonic() + 20
        while run.control().command != "stop" and time.monotonic() < end:
            mine.wait_for_timeout(50)
        assert run.control().command == "stop" and mine.get_by_role("dialog").count() == 0
        assert not server.complaints()
        for context in (starter, other):
            context.close()
