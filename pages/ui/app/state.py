"""What the pages share: the chosen model and the chosen picture or point, in the session and in the URL; and Train's run.

    ?model=fashion-2d&image=123         a test image
    ?model=fashion-2d&latent=0.5,-1.25  a point of the latent space
    ?model=fashion-2d&upload=0123456789abcdef  a picture of the user's, while the server keeps it (`upload_store.py`)
    ?model=fashion-2d&beside=fashion-16d a second model, on the page Reconstruction
    ?run=my-run-1121-183220             on the page Train

The newest choice wins wherever it was made: a widget, a click on the map, a link, the back button.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import streamlit as st

from pages.ui.app import address, sample_photos, upload_store
from pages.ui.app.upload_store import Upload
from pages.ui.formatting import markdown_text

SHORT = 40  # characters of what a link asks for that are shown
LONGEST = 10_000  # characters of a point
FAR = 1000.0  # a coordinate beyond it is a slip of the pen


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
    """Make this the choice on every page, and write it to the URL: of an upload the name under which it is kept for a while."""
    st.session_state["selection"] = chosen
    if chosen.upload is not None:
        upload_store.keep(chosen.upload)
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


def beside_model() -> str | None:
    """The id of the model that the page Reconstruction shows beside the chosen one; None for none."""
    return st.session_state.get("beside")


def choose_beside(model_id: str | None) -> None:
    """Show this model beside the chosen one, or none."""
    st.session_state["beside"] = model_id or None
    show_in_url()


def chosen_run() -> str | None:
    """The name of the run on the page Train; "" for a new one, None before any choice."""
    return st.session_state.get("run")


def choose_run(name: str) -> None:
    """Show this run, or with "" the form for a new one."""
    st.session_state["run"] = name
    address.write({"run": name or None})


def asked_run() -> str | None:
    """The run that a link or the back button asks for, else the chosen one; None before any choice."""
    asked = address.news("run")
    if asked.back:
        address.stands_for({"run": asked.values.get("run", chosen_run()) or None})
    return asked.values.get("run", chosen_run())


def in_links(train: bool = False) -> dict[str, str]:
    """Parameters for a link to another page, so that it opens with what is chosen here. train: a link to the page Train.

    Without them Streamlit would first go to the bare page, and our own parameters would be a second step of the history.
    """
    parameters = _in_url() | ({"run": chosen_run() or None} if train else {})
    return {name: value for name, value in parameters.items() if value is not None}


def show_in_url() -> None:
    """Write what is chosen to the URL."""
    address.write(_in_url())


def take_url(known: Collection[str], images: Callable[[], int]) -> list[str]:
    """Take up what a link or the back button asks for; what cannot be done is returned as sentences, and left as it was.

    Call it first in a run: see `address.news`.

    Args:
        known: ids of the models there are.
        images: how many test images there are; called only if one is asked for.
    """
    asked, problems = address.news("model", "image", "latent", "upload", "beside"), []
    if "model" in asked.values:
        if asked.values["model"] in known:
            st.session_state["model_id"] = asked.values["model"]
        else:
            problems.append(
                f"The link asks for a model named “{markdown_text(asked.values['model'], SHORT)}”, which is not here: it may "
                "have been moved or deleted. The picker in the sidebar lists those that are."
            )
    if "beside" in asked.values:
        st.session_state["beside"] = asked.values["beside"] if asked.values["beside"] in known else None
        if st.session_state["beside"] is None:
            problems.append(
                f"The link asks for a second model named “{markdown_text(asked.values['beside'], SHORT)}”, which is not here. "
                "The first is shown alone; “Beside another model” lists those that are."
            )
    if "upload" in asked.values:
        upload = upload_store.find(asked.values["upload"]) or sample_photos.by_digest(asked.values["upload"])
        if upload is None:
            problems.append(
                f"The uploaded picture that this address is about is not here any more: one is kept for {upload_store.HOURS:g} "
                "hours, for the browser that sent it and while the server runs. Upload it again."
            )
        else:
            st.session_state["selection"] = Selection(upload=upload)
    elif "latent" in asked.values:
        z = _point(asked.values["latent"])
        if z is None:
            problems.append(
                f"The link asks for the point latent={markdown_text(asked.values['latent'], SHORT)}; that should be numbers "
                f"between −{FAR:g} and {FAR:g}, one per latent unit, like latent=0.5,-1.25. It is ignored."
            )
        else:
            st.session_state["selection"] = Selection(z=z)
    elif "image" in asked.values:
        index, last = _index(asked.values["image"]), images() - 1
        if index is None or index > last:
            problems.append(
                f"The link asks for image={markdown_text(asked.values['image'], SHORT)}; that should be the number of a test "
                f"image, 0 to {last:,}. It is ignored."
            )
        else:
            st.session_state["selection"] = Selection(index=index)
    if asked.back:
        address.stands_for(_in_url())
    elif chosen_model() is not None or not known:  # else the picker is about to choose: two writes were two steps back
        show_in_url()
    return problems


def _in_url() -> dict[str, str | None]:
    """The parameters that say what is chosen; None takes one away."""
    chosen = selection()
    return {
        "model": chosen_model(),
        "image": None if chosen.index is None else str(chosen.index),
        "latent": None if chosen.z is None else ",".join(f"{value:.4g}" for value in chosen.z),
        "upload": None if chosen.upload is None else chosen.upload.digest,
        "beside": beside_model(),
    }


def _index(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _point(text: str) -> tuple[float, ...] | None:
    if len(text) > LONGEST:
        return None
    try:
        z = tuple(float(part) for part in text.split(","))
    except ValueError:
        return None
    return z if all(math.isfinite(value) and abs(value) <= FAR for value in z) and len(z) <= 256 else None
