"""The buttons and dials of a run in progress. What a click could not do is said beside them."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from pages.ui.formatting import SENTENCE, markdown_text
from pages.ui.train.others import SHARED, guarded_button
from vae_core.jobs import launcher
from vae_core.runs.control import RunError
from vae_core.runs.directory import Run
from vae_core.runs.live_reader import View

OUTCOME = "forced_outcome"  # in the session: the run that was ended by force, and how that went
BETAS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
MOST_RATE = 1000.0
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
        if launcher.waits_for(run) is not None:
            _button(run, "Start now, beside the others", "fast_forward", "at_once", lambda: launcher.go_on(run))
        if view.health.hangs:
            _button(run, "End it by force", "dangerous", "force", lambda: _forced(run))
    forced_outcome(run)
    if state in ("running", "paused"):
        rate, beta = _dial_value(view, "learning_rate"), _dial_value(view, "beta")
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="dials"):
            _rate_dial(run, rate)
            _beta_dial(run, beta)
            _other_values(run, rate, beta)
    st.caption(
        f"It goes on when you close this page or stop the server; only Stop, here or in a terminal, ends it. {SHARED}"
    )


def forced_outcome(run: Run) -> None:
    """How ending it by force went, until something else is asked of a run: the page draws itself anew when the run has ended."""
    name, sentence = st.session_state.get(OUTCOME, ("", ""))
    if name == run.name:
        st.error(markdown_text(sentence, SENTENCE), icon=":material/error:")


def _rate_dial(run: Run, rate: float) -> None:
    """The learning rate, halved or doubled with each click."""
    st.markdown(f"Learning rate **{rate:.3g}**", width="content", help="The schedule's peak; from the next batch on.")
    _button(run, "÷ 2", "", "rate_half", lambda: _scale_rate(run, rate, 0.5), answer=False)
    _button(run, "× 2", "", "rate_double", lambda: _scale_rate(run, rate, 2.0), answer=False)


def _beta_dial(run: Run, beta: float) -> None:
    """Beta as chips."""
    st.markdown(
        "Beta" if beta in BETAS else f"Beta **{beta:g}**",
        width="content",
        help="The weight of KL in the loss. 0: only the pictures count. 1: the variational autoencoder. Higher: simpler codes, "
        "blurrier pictures.",
    )
    for value in BETAS:
        _button(
            run,
            f"{value:g}",
            "",
            f"beta_{value:g}",
            lambda value=value: launcher.turn_dials(run, beta=value),  # type: ignore[misc]
            answer=False,
            chosen=value == beta,
        )


def _other_values(run: Run, rate: float, beta: float) -> None:
    """Any number for both."""
    with st.popover("Other", icon=":material/tune:"):
        st.number_input(
            "Learning rate (the schedule's peak)", 0.0, MOST_RATE, rate, format="%.5f", key=f"dial_rate_{run.name}"
        )
        st.number_input("Beta", 0.0, 1e9, beta, key=f"dial_beta_{run.name}")
        _button(run, "Apply", "check", "apply_dials", lambda: _turn_both(run), answer=False)


def _scale_rate(run: Run, rate: float, times: float) -> None:
    """Asked of the run at the click: two clicks in a row count as two."""
    now = run.control().learning_rate
    launcher.turn_dials(run, learning_rate=min((rate if now is None else now) * times, MOST_RATE))


def _turn_both(run: Run) -> None:
    """Asked of the session at the click: a number that was typed just before it counts."""
    rate, beta = (float(st.session_state[f"dial_{dial}_{run.name}"]) for dial in ("rate", "beta"))
    launcher.turn_dials(run, learning_rate=rate, beta=beta)


def _dial_value(view: View, name: str) -> float:
    """What a dial stands at: what was asked for last, else what the run began with."""
    value = getattr(view.control, name)
    value = view.config_value("training", name) if value is None else value
    return float(value) if isinstance(value, int | float) else 1.0 if name == "beta" else 1e-3


def _forced(run: Run) -> None:
    st.session_state[OUTCOME] = (run.name, launcher.end(run))


def _button(
    run: Run,
    words: str,
    icon: str,
    key: str,
    act: Callable[[], None],
    disabled: bool = False,
    answer: bool = True,
    chosen: bool = False,
) -> None:
    guarded_button(run, words, icon, key, lambda: _do(run, act, answer), disabled, chosen)


def _do(run: Run, act: Callable[[], None], answer: bool) -> None:
    """Ask, and give the trainer a moment to answer, so that the page shows it at once."""
    before = run.status()
    st.session_state.pop(OUTCOME, None)
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
