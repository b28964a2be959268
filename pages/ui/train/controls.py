"""The buttons and dials of a run in progress."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from pages.ui.formatting import markdown_text
from pages.ui.train.others import SHARED, guarded_button
from vae_core.jobs import launcher
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.live_reader import View

ANSWER = 0.6  # seconds that a click waits for the trainer's answer


def steer(run: Run, view: View) -> None:
    """Pause, one step, stop, and the two dials."""
    state = view.health.state
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if state == "paused":
            _button(run, "Continue", "play_arrow", "go_on", lambda: launcher.go_on(run))
        else:
            _button(run, "Pause", "pause", "pause", lambda: launcher.pause(run), disabled=state != "running")
        _button(
            run,
            "One step",
            "skip_next",
            "one_step",
            lambda: launcher.step(run),
            disabled=state not in ("running", "paused"),
        )
        _button(run, "Stop", "stop", "stop", lambda: launcher.stop(run))
        if state == "waiting":
            _button(run, "Start now, beside the others", "fast_forward", "at_once", lambda: launcher.go_on(run))
        if view.health.hangs:
            _button(run, "End it by force", "dangerous", "force", lambda: _forced(run))
        if state in ("running", "paused"):
            with st.popover("Learning rate and beta", icon=":material/tune:"):
                st.caption("From the next batch on; the charts mark where.")
                st.number_input(
                    "Learning rate (the schedule's peak)",
                    0.0,
                    1000.0,
                    _dial_value(view, "learning_rate"),
                    format="%.5f",
                    key=f"dial_rate_{run.name}",
                )
                st.number_input("Beta", 0.0, 1e9, _dial_value(view, "beta"), key=f"dial_beta_{run.name}")
                _button(run, "Apply", "check", "apply_dials", lambda: _turn(run), answer=False)
    st.caption(
        f"It goes on when you close this page or stop the server; only Stop, here or in a terminal, ends it. {SHARED}"
    )


def _turn(run: Run) -> None:
    """Asked of the session at the click: a number that was typed just before it counts."""
    rate, beta = (float(st.session_state[f"dial_{dial}_{run.name}"]) for dial in ("rate", "beta"))
    launcher.turn_dials(run, learning_rate=rate, beta=beta)


def _dial_value(view: View, name: str) -> float:
    """What a dial stands at: what was asked for last, else what the run began with."""
    value = getattr(view.control, name)
    value = view.config_value("training", name) if value is None else value
    return float(value) if isinstance(value, int | float) else 1.0 if name == "beta" else 1e-3


def _forced(run: Run) -> None:
    st.session_state["train_error"] = launcher.end(run)


def _button(
    run: Run, words: str, icon: str, key: str, act: Callable[[], None], disabled: bool = False, answer: bool = True
) -> None:
    guarded_button(run, words, icon, key, lambda: _do(run, act, answer), disabled)


def _do(run: Run, act: Callable[[], None], answer: bool) -> None:
    """Ask, and give the trainer a moment to answer, so that the page shows it at once."""
    before = run.status()
    try:
        act()
    except (RunError, ValueError) as error:
        st.toast(markdown_text(error), icon=":material/error:")
        return
    watched = ("state", "step") if before.get("state") == "paused" else ("state",)
    end = time.monotonic() + ANSWER
    while answer and time.monotonic() < end:
        now = run.status()
        if any(now.get(key) != before.get(key) for key in watched):
            return
        time.sleep(0.02)
