"""What the pages share: the chosen model and the chosen picture or point, in the session and in the URL; and Train's run.

    ?model=fashion-2d&image=123         a test image
    ?model=fashion-2d&latent=0.5,-1.25  a point of the latent space
    ?run=my-run-1121-183220             on the page Train

The newest choice wins wherever it was made: a widget, a click on the map, a link, the back button.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

FAR = 1000.0  # a coordinate beyond it is a slip of the pen


@dataclass(frozen=True)
class Upload:
    """A picture of the user's as it came: name and bytes, with the switches of `preprocessing.prepare`.

    invert: None decides by the background. crop: to the garment. contrast: stretched to the full range.
    """

    name: str
    data: bytes
    invert: bool | None = None
    crop: bool = True
    contrast: bool = False

    @property
    def digest(self) -> str:
        """The same for the same bytes."""
        return hashlib.blake2b(self.data, digest_size=8).hexdigest()


@dataclass(frozen=True)
class Selection:
    """One of three: the index of a test image, a point z, or an upload."""

    index: int | None = None
    z: tuple[float, ...] | None = None
    upload: Upload | None = None


def selection() -> Selection:
    """What is chosen now; the first test image at the start."""
    return st.session_state.get("selection", Selection(index=0))


def choose(chosen: Selection) -> None:
    """Make this the choice on every page, and write it to the URL (an upload does not fit into one)."""
    st.session_state["selection"] = chosen
    show_in_url()


def choose_image(index: int) -> None:
    """A test image, by its index."""
    choose(Selection(index=int(index)))


def choose_point(z: tuple[float, ...] | list[float]) -> None:
    """A point of the latent space."""
    choose(Selection(z=tuple(float(value) for value in z)))


def chosen_model() -> str | None:
    """The id of the chosen model; None before any choice."""
    return st.session_state.get("model_id")


def choose_model(model_id: str) -> None:
    """Make this the model of every page."""
    st.session_state["model_id"] = model_id
    show_in_url()


def chosen_run() -> str | None:
    """The name of the run on the page Train; "" for a new one, None before any choice."""
    return st.session_state.get("run")


def choose_run(name: str) -> None:
    """Show this run, or with "" the form for a new one."""
    st.session_state["run"] = name
    _write({"run": name or None})


def in_links(train: bool = False) -> dict[str, str]:
    """Parameters for a link to another page, so that it opens with what is chosen here. train: a link to the page Train.

    Without them Streamlit would first go to the bare page, and our own parameters would be a second step of the history.
    """
    found = _in_url() | ({"run": chosen_run() or None} if train else {})
    return {name: value for name, value in found.items() if value is not None}


def show_in_url() -> None:
    """Write what is chosen to the URL."""
    _write(_in_url())


def _write(values: dict[str, str | None]) -> None:
    """To the URL; remembered, so that `news` tells a link from an echo.

    All in one message: the browser makes a step of its history of each, and one choice is one press of the back button. After
    a press of it nothing is written: that would be a step forward again, and one could never leave.
    """
    written = st.session_state.setdefault("url", {})
    earlier = st.session_state.setdefault("earlier_urls", {})
    for name, value in values.items():
        if name in written and written[name] != value:
            earlier.setdefault(name, deque(maxlen=20)).append(written[name])
    written |= values
    if not _by_the_back_button() and any(_asked(name) != value for name, value in values.items()):
        # an empty list goes into no URL; deleting would be a message by itself
        st.query_params.update({name: [] if value is None else [value] for name, value in values.items()})


def news(*names: str) -> dict[str, str]:
    """Parameters that a link or the back button asks for.

    Not what this session last wrote there; nor what it wrote before, which a browser still sends that has not yet heard of the
    newest choice: on a page that looks at a run each second, that is often so.
    """
    written, earlier = st.session_state.get("url", {}), st.session_state.get("earlier_urls", {})
    asked = {name: _asked(name) for name in names}
    return {
        name: value
        for name, value in asked.items()
        if value is not None
        and value != written.get(name)
        and (_by_the_back_button() or value not in earlier.get(name, ()))
    }


def _by_the_back_button() -> bool:
    """Whether this run of the page is the browser's going back or forward."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def take_url(known: list[str]) -> list[str]:
    """Take up what a link asks for; what cannot be done is returned as sentences for the user, and left as it was.

    known: ids of the models there are.
    """
    asked, problems = news("model", "image", "latent"), []
    if "model" in asked:
        if asked["model"] in known:
            st.session_state["model_id"] = asked["model"]
        else:
            problems.append(
                f"The link asks for a model named {_short(asked['model'])}, which is not here: it may have been moved or "
                "deleted. The picker in the sidebar lists those that are."
            )
    if "latent" in asked:
        z = _point(asked["latent"])
        if z is None:
            problems.append(
                f"The link asks for the point latent={_short(asked['latent'])}; that should be numbers between "
                f"−{FAR:g} and {FAR:g}, one per latent unit, like latent=0.5,-1.25. It is ignored."
            )
        else:
            st.session_state["selection"] = Selection(z=z)
    elif "image" in asked:
        if asked["image"].isdecimal() and len(asked["image"]) < 10:
            st.session_state["selection"] = Selection(index=int(asked["image"]))
        else:
            problems.append(
                f"The link asks for image={_short(asked['image'])}; that should be the number of a test image, 0 or more. "
                "It is ignored."
            )
    if chosen_model() is not None or not known:  # else the picker is about to choose: two writes were two steps back
        show_in_url()
    return problems


def _asked(name: str) -> str | None:
    """A parameter of the URL as it is now."""
    values = st.query_params.get_all(name)
    return values[-1] if values else None


def _in_url() -> dict[str, str | None]:
    """The parameters that say what is chosen; None takes one away."""
    chosen = selection()
    return {
        "model": chosen_model(),
        "image": None if chosen.index is None else str(chosen.index),
        "latent": None if chosen.z is None else ",".join(f"{value:.4g}" for value in chosen.z),
    }


def _point(text: str) -> tuple[float, ...] | None:
    try:
        z = tuple(float(part) for part in text.split(","))
    except ValueError:
        return None
    return z if all(math.isfinite(value) and abs(value) <= FAR for value in z) and len(z) <= 256 else None


def _short(text: str) -> str:
    """What came, safe to show: no markdown, no more than forty characters."""
    shown = text if len(text) <= 40 else text[:40] + "…"
    return "`" + shown.replace("`", "'").replace("\n", " ") + "`"
