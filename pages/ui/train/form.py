"""The form of the page Train: what to train, on what, for how long; and how long that will take here."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pages.ui.app import state
from pages.ui.app.model_pictures import real_here
from pages.ui.app.uploads import ZIP_MB, refusal_message
from pages.ui.app.visitor import visitor
from pages.ui.formatting import SENTENCE, markdown_text, plain_text
from pages.ui.train.cache import pictures_of, pictures_on_server
from pages.ui.train.others import SHARED
from pages.ui.train.recipe import length_control, model_controls, more_controls, note_moves
from vae_core.config import TrainingConfig, recommended
from vae_core.jobs import launcher
from vae_core.jobs.launcher import Request
from vae_core.jobs.picture_uploads import UploadedPictures
from vae_core.jobs.server_pictures import offered
from vae_core.runs.control import RunError
from vae_core.settings import PROGRAM

REAL, DRAWN, OWN = "Fashion-MNIST", "Drawn clothes", "My pictures (a zip)"
SERVER = "A folder of this server"
PROBLEM = "form_problem"  # in the session: why the last click on Train began nothing
RESIZE, GARMENT = "Resized, nothing else", "Cut to the garment"


def run_form() -> None:
    """Every choice has a good default: the button alone is enough."""
    ready = launcher.prepare()
    data, pictures, fit = _data_controls()
    model = model_controls(pictures.shape if pictures is not None else (28, 28, 1))
    request = Request("", model, data=data, sizes=None if pictures is None else pictures.sizes, fit=fit)
    available = request.images()["train"]
    recipe = recommended(model, available)
    note_moves(model, recipe, available)
    steps = length_control(recipe, lambda steps: _length_text(request, recipe, steps))
    with st.expander("More: batch, learning rate, beta, warm-up, free bits, averaging, schedule, seed, name"):
        name = st.text_input("Name", "my-run", max_chars=60, key="form_name", persist_state="session", width=300)
        model, training = more_controls(model, recipe, steps)
    request = replace(request, name=name or "run", model=model, training=training)
    if ready.state == "unavailable":
        st.markdown(f":material/block: **Nothing can be trained here:** {markdown_text(ready.note, SENTENCE)}")
        return
    unknown = launcher.estimated(request) is None
    measuring = unknown and ready.state != "off"
    beside = _beside_control()
    refusal = None if data == "" else launcher.refusal(request, beside=beside)
    if refusal:
        st.warning(markdown_text(refusal, SENTENCE), icon=":material/block:")
    waiting_for_pictures = data == ""
    with st.container(horizontal=True, vertical_alignment="center"):
        # no callback: it would be given the values of the run before, without a number that was typed just before the click
        if st.button(
            "Train",
            type="primary",
            icon=":material/play_arrow:",
            key="start",
            disabled=waiting_for_pictures or refusal is not None,
        ):
            _start(request, beside)
            st.rerun()
        with st.container(width="stretch"):
            st.fragment(_estimate, run_every=2 if measuring else None)(request, unknown, measuring)
    problem = st.session_state.pop(PROBLEM, None)
    if problem:
        st.error(markdown_text(problem, SENTENCE), icon=":material/error:")
    st.caption(
        "A run is a process of its own: it goes on when you close this page or stop the server. Stop it here, or with "
        f"`{PROGRAM} runs --stop NAME`. {SHARED}"
    )
    if ready.state == "off":
        st.caption("No process is kept ready here (VAE_EXPLORER_STANDBY=0): a run begins some seconds after the click.")


def _length_text(request: Request, recipe: TrainingConfig, steps: int) -> str:
    """Words of a chip: "5,000 steps · 3 min", the time as far as it is known."""
    estimate = launcher.estimated(replace(request, training=replace(recipe, steps=steps)))
    return f"{steps:,} steps" + ("" if estimate is None else f" · {rough_duration(estimate.seconds)}")


def _beside_control() -> bool:
    """Whether the run is to begin at once where another is in progress; asked only where one more may."""
    busy, possible = launcher.active(), launcher.may_train_beside()
    if not busy:
        return False
    unless = ", unless you let it run beside it; then both are slower" if possible else ""
    st.info(
        f"{markdown_text(busy[0].name)} is in progress. A new run waits for its end{unless}.",
        icon=":material/hourglass:",
    )
    return possible and st.toggle("Run beside it", key="form_beside")


def _start(request: Request, beside: bool) -> None:
    try:
        run = launcher.start(replace(request, visitor=visitor()), beside=beside)
    except RunError as error:
        st.session_state[PROBLEM] = str(error)
        return
    state.choose_run(run.name)


def _data_controls() -> tuple[str, UploadedPictures | None, str]:
    """What --data will name ("" while a zip is awaited), the user's pictures if it is those, and what --fit will say."""
    real = real_here()
    opened = offered()
    kinds = [*([REAL] if real else []), DRAWN, OWN, *([SERVER] if opened else [])]
    kind = st.segmented_control(
        "What",
        kinds,
        default=kinds[0],
        key="form_data",
        required=True,
        persist_state="session",
        help=None if real else "Fashion-MNIST is not on this machine: the sidebar can fetch it.",
    )
    if kind not in (OWN, SERVER):
        return "fashion" if kind == REAL else "drawn", None, "resize"
    upload = None
    if kind == SERVER:
        path = st.selectbox(
            "Which of them", opened, key="form_folder", format_func=lambda path: plain_text(path.name), width=300
        )
    else:
        refusal_message()
        upload = st.file_uploader(
            "A zip of pictures, whose folders are the classes; or an .npz",
            ["zip", "npz"],
            key="form_zip",
            max_upload_size=ZIP_MB,
        )
    fit = st.segmented_control(
        "What is done to them",
        [RESIZE, GARMENT],
        default=RESIZE,
        key="form_fit",
        required=True,
        persist_state="session",
        help="Resized: and nothing else. Cut to the garment: for clothes, each is cropped to what stands out from its background; "
        "if most are on a light background, all are inverted, as Fashion-MNIST was made.",
    )
    treated = "garment" if fit == GARMENT else "resize"
    if kind == OWN and upload is None:
        return "", None, treated
    name = path.name if upload is None else upload.name
    try:
        pictures = pictures_on_server(path) if upload is None else pictures_of(upload)
    except (ValueError, RunError) as error:
        st.error(f"{markdown_text(name)}: {markdown_text(error)}", icon=":material/folder_zip:")
        return "", None, treated
    height, width, channels = pictures.shape
    st.caption(
        f"{pictures.n:,} pictures in {len(pictures.classes)} class{'' if len(pictures.classes) == 1 else 'es'}; the model "
        f"will see them as {height} × {width} in {'colour' if channels == 3 else 'grey'}. {pictures.sizes['train']:,} are for training, "
        f"{pictures.sizes['validation']:,} for validation, {pictures.sizes['test']:,} for the test."
    )
    for line in pictures.lines:
        st.caption(markdown_text(f"{line[:1].upper()}{line[1:]}.", SENTENCE))
    return pictures.data, pictures, treated


def _estimate(request: Request, unknown: bool, measuring: bool) -> None:
    """How long it will take. Looked for again until it is known: the process that stands ready measures in the meantime."""
    estimate = launcher.estimated(request)
    if estimate is not None and unknown:
        st.rerun(scope="app")  # once: the looking ends
    if estimate is None:
        later = (
            "is being measured; the run itself will tell after its first batches"
            if measuring
            else "shows after its first batches"
        )
        st.caption(f":material/timer: How long it will take {later}.")
        return
    st.caption(
        f":material/timer: About **{duration(estimate.seconds)}** on this machine, {estimate.images_per_second:,.0f} images a second ({markdown_text(estimate.method)})."
    )


def rough_duration(seconds: float) -> str:
    """`duration` as short as a chip needs it: "45 s", "3 min", "1 h 20 min"."""
    return f"{round(seconds / 60)} min" if 90 <= seconds < 3570 else duration(seconds)


def duration(seconds: float) -> str:
    """ "45 s", "2 min 10 s", "1 h 20 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60 // 5 * 5} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
