"""The address in the browser: what a link or the back button asks for is told from the echo of what was written here.

    asked = news("model", "image")      in a page's run, before anything is drawn: Asked(values={"image": "7"}, back=False)
    write({"model": "a", "image": "7"})  when something is chosen
    stands_for({"model": "a", ...})      after going back: the address is left as it is

`README.md` in this folder tells the whole story.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

REMEMBERED = 50  # earlier values of a parameter, to tell the back button from a link
KEY = "address"  # in the session


@dataclass
class Parameter:
    """What a session knows of one parameter of its address. None: the address has none of that name.

    address: as the browser has it, once it has heard of all that was written. choice: what was chosen when the address was
    written, or what it was taken to stand for. on_the_way: what a browser may still send that has not heard of `address`.
    just_written: `address` was written and has not been seen in a run since. past: what stood there before.
    """

    address: str | None = None
    choice: str | None = None
    on_the_way: list[str | None] = field(default_factory=list)
    just_written: bool = False
    past: deque[str | None] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


@dataclass(frozen=True)
class Asked:
    """What the address asks for that was not chosen here. back: the browser went back or forward; then nothing is written."""

    values: dict[str, str]
    back: bool


def news(*names: str) -> Asked:
    """The parameters that a link or the back button has changed. Call it once a run for a name, before anything is drawn:
    what is drawn may end the run for a newer one, and what was asked for would be lost.
    """
    flagged, link, changed = went_back(), False, {}
    for name in names:
        known, value = _known(name), asked(name)
        if value == known.address:
            # not if it may have been written in this very run, by a callback, or stood there a moment ago already
            if not known.just_written and value not in known.on_the_way:
                known.on_the_way.clear()
            known.just_written = False
            continue
        if not flagged and value in known.on_the_way:
            continue  # an echo: this browser has not yet heard of the newest choice
        link |= not flagged and value not in known.past
        known.past.append(known.address)
        known.address = known.choice = changed[name] = value
        known.on_the_way.clear()
        known.just_written = False
    back = flagged or (bool(changed) and not link)
    return Asked({name: value for name, value in changed.items() if value is not None}, back)


def write(values: Mapping[str, str | None]) -> None:
    """Write what was chosen, if it has changed, as one step of the browser's history; after going back nothing is written,
    since that would be a step forward again and one could never leave.
    """
    if all(_known(name).choice == value for name, value in values.items()):
        return
    stands_for(values)
    if went_back() or all(_known(name).address == value for name, value in values.items()):
        return
    for name, value in values.items():
        known = _known(name)
        if known.address != value:
            known.on_the_way += [
                known.address,
                asked(name),
            ]  # the latter where the browser is elsewhere than was thought
            known.past.append(known.address)
            known.address, known.just_written = value, True
    # in one message: the browser makes a step of each. An empty list goes into no address; deleting would be another message
    st.query_params.update({name: [] if value is None else [value] for name, value in values.items()})


def stands_for(values: Mapping[str, str | None]) -> None:
    """Take the address, whatever it says, to stand for this choice: it is written again when another one is made."""
    for name, value in values.items():
        _known(name).choice = value


def asked(name: str) -> str | None:
    """A parameter of the address as this run knows it; the last of several."""
    values = st.query_params.get_all(name)
    return values[-1] if values else None


def went_back() -> bool:
    """Whether Streamlit says that this run is the browser's going back or forward.

    It does not say so of each: where a component speaks up before the run has begun, both become one run without the flag.
    """
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _known(name: str) -> Parameter:
    known: dict[str, Parameter] = st.session_state.setdefault(KEY, {})
    return known.setdefault(name, Parameter())
