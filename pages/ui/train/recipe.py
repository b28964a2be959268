"""The dials of the form of Train. They stand at the recipe that suits model and data, and move with these until they are touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import streamlit as st

from pages.ui.app.widget_sync import set_widget
from vae_core.config import LIKELIHOODS, PRESETS, SCHEDULES, ModelConfig, TrainingConfig, recommended

LABELS = {
    "steps": "steps",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
    "schedule": "schedule",
    "warmup": "warm-up",
    "beta": "beta",
    "kl_warmup": "KL warm-up",
    "free_bits": "free bits",
    "ema": "moving average",
    "seed": "seed",
    "images": "images",
}
KEYS = {  # of the dials' widgets, by the setting's name
    "steps": "form_length",
    "images": "form_images",
    "batch_size": "form_batch",
    "learning_rate": "form_rate",
    "schedule": "form_schedule",
    "warmup": "form_rate_warm",
    "beta": "form_beta",
    "kl_warmup": "form_warm",
    "free_bits": "form_free_bits",
    "ema": "form_ema",
    "seed": "form_seed",
}
TOUCHED, CHOICE, MOVED = "form_touched", "form_choice", "form_moved"
OTHER, OTHER_KEY = "Other", "form_steps"
MOST_STEPS, MOST_IMAGES = 10_000_000, 60_000
SHORT_STEPS, LONG_TIMES = 500, 5  # the chips beside the recipe's steps: a first look, and five times as long

Training = tuple[ModelConfig, TrainingConfig]


def model_controls(shape: tuple[int, int, int]) -> ModelConfig:
    """Preset and units; shape: (height, width, channels) of the pictures."""
    defaults = ModelConfig()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        preset = st.segmented_control(
            "Model",
            PRESETS,
            default=defaults.preset,
            key="form_preset",
            required=True,
            persist_state="session",
            help="swift: ours, fast. classic: the textbook model, two convolutions and a dense layer of 16.",
        )
        about = _about(ModelConfig, "latent_dim")
        units = st.number_input(
            "Latent units",
            about["low"],
            about["high"],
            defaults.latent_dim,
            key="form_units",
            persist_state="session",
            width=130,
            help="How many numbers the model has for each picture. Two can be seen as a map; sixteen rebuild better.",
        )
    return ModelConfig(str(preset), int(units), shape)


def length_control(recipe: TrainingConfig, label: Callable[[int], str]) -> int:
    """Steps of the run: one of three chips, or any number. label: words of a chip, with the time where that is known."""
    key, chips = KEYS["steps"], sorted({SHORT_STEPS, recipe.steps, LONG_TIMES * recipe.steps})
    touched = st.session_state.setdefault(TOUCHED, set())
    if st.session_state.get(key) not in (*chips, OTHER):
        touched.discard(key)
    if key not in touched:
        set_widget(key, recipe.steps)
    chosen = st.segmented_control(
        "How long",
        [*chips, OTHER],
        key=key,
        required=True,
        persist_state="session",
        format_func=lambda steps: steps if steps == OTHER else label(steps),
        on_change=_touch,
        args=(key, recipe.steps),
        help="A step is one batch of pictures that the model learns from.",
    )
    if chosen != OTHER:
        return chosen if isinstance(chosen, int) else recipe.steps
    return int(st.number_input("Steps", 1, MOST_STEPS, recipe.steps, key=OTHER_KEY, persist_state="session", width=160))


def more_controls(model: ModelConfig, recipe: TrainingConfig, steps: int) -> Training:
    """The rare dials; call it within their fold. Returns what is to be trained, and how."""
    values: dict[str, Any] = {"steps": steps}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        values["batch_size"] = _dial("batch_size", recipe, width=130)
        values["learning_rate"] = _dial("learning_rate", recipe, format="%.5f", width=140)
        values["schedule"] = _schedule(recipe)
        values["warmup"] = _dial("warmup", recipe, label="Warm-up, share of the run", step=0.02, width=190)
        values["beta"] = _dial("beta", recipe, high=1e6, width=130)
        values["kl_warmup"] = _dial("kl_warmup", recipe, label="KL warm-up, share of the run", step=0.05, width=210)
        values["free_bits"] = _dial("free_bits", recipe, label="Free bits", step=0.05, width=130)
        values["ema"] = _dial("ema", recipe, label="Moving average (EMA)", format="%.4f", step=0.001, width=180)
        likelihood = st.selectbox("Likelihood", LIKELIHOODS, key="form_likelihood", persist_state="session", width=150)
        values["seed"] = _dial("seed", recipe, width=120)
        values["images"] = _dial("images", recipe, label="Training images (0: all)", high=MOST_IMAGES, step=1000)
    training = replace(recipe, **values)
    st.caption(_recipe_text(model, training, recipe))
    return replace(model, likelihood=likelihood), training


def note_moves(model: ModelConfig, recipe: TrainingConfig, available: int) -> None:
    """Remember, until model or data change again, which dials have moved with them and which have stayed.

    available: training images of the data set.
    """
    before = st.session_state.get(CHOICE)
    st.session_state[CHOICE] = (model.preset, model.latent_dim, available)
    if before is None or before == st.session_state[CHOICE]:
        return
    old, touched = recommended(ModelConfig(*before[:2]), before[2]), st.session_state.get(TOUCHED, set())
    differ = [name for name in LABELS if getattr(old, name) != getattr(recipe, name)]
    moved = [name for name in differ if KEYS.get(name) not in touched]
    stayed = [name for name in differ if KEYS.get(name) in touched]
    parts = []
    if moved:
        changes = (f"{LABELS[name]} {_text(old, name)} → {_text(recipe, name)}" for name in moved)
        parts.append(f"Moved with your choice: {', '.join(changes)}.")
    if stayed:
        parts.append(f"Left as you set them: {', '.join(LABELS[name] for name in stayed)}.")
    st.session_state[MOVED] = " ".join(parts)


def _schedule(recipe: TrainingConfig) -> str:
    key = KEYS["schedule"]
    if key not in st.session_state.setdefault(TOUCHED, set()) or key not in st.session_state:
        set_widget(key, recipe.schedule)
    return str(
        st.selectbox(
            "Schedule",
            SCHEDULES,
            key=key,
            persist_state="session",
            width=130,
            on_change=_touch,
            args=(key, recipe.schedule),
            help="Of the learning rate: cosine rises over the warm-up and falls to 1 % of its peak; constant stays.",
        )
    )


def _dial(
    name: str, recipe: TrainingConfig, *, label: str = "", high: float | None = None, **appearance: Any
) -> int | float:
    """One setting's widget; untouched, it stands where the recipe does."""
    key, value, about = KEYS[name], getattr(recipe, name), _about(TrainingConfig, name)
    touched = st.session_state.setdefault(TOUCHED, set())
    if key not in touched or key not in st.session_state:
        set_widget(key, value)
    kind = type(value)
    return kind(
        st.number_input(
            label or LABELS[name].capitalize(),
            kind(about["low"]),
            kind(min(about["high"], high) if high is not None else about["high"]),
            key=key,
            persist_state="session",
            help=about["help"][0].upper() + about["help"][1:] + ".",
            on_change=_touch,
            args=(key, value),
            **appearance,
        )
    )


def _touch(key: str, recommended_value: float | str) -> None:
    """A dial that is turned stays where it is put; turned back to the recipe's value, it follows the recipe again."""
    touched: set[str] = st.session_state.setdefault(TOUCHED, set())
    if st.session_state[key] == recommended_value:
        touched.discard(key)
    else:
        touched.add(key)


def _recipe_text(model: ModelConfig, training: TrainingConfig, recipe: TrainingConfig) -> str:
    """What will be trained, what is the visitor's own in it, and what has just moved."""
    units = f"{model.latent_dim} latent unit{'' if model.latent_dim == 1 else 's'}"
    own = [name for name in KEYS if getattr(training, name) != getattr(recipe, name)]
    text = f":material/tune: {'Changed from the' if own else 'The'} recipe for {model.preset} with {units}: "
    names = ["batch_size", "learning_rate", "schedule", "kl_warmup", "ema"]
    text += ", ".join(f"{LABELS[name]} {_text(training, name)}" for name in names) + "."
    if own:
        text += f" Your own: {', '.join(f'{LABELS[name]} {_text(training, name)}' for name in own)}."
    return f"{text} {st.session_state.get(MOVED, '')}".rstrip()


def _text(config: TrainingConfig, name: str) -> str:
    value = getattr(config, name)
    if name in ("kl_warmup", "ema") and not value:
        return "off"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _about(config: type, name: str) -> Any:
    """Range and help of a setting."""
    return next(setting.metadata for setting in fields(config) if setting.name == name)
