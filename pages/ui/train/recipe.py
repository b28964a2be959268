"""The dials of the form of Train. They stand at the recipe that suits preset and units, and move with these until they are touched."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import streamlit as st

from pages.ui.app.widget_sync import set_widget
from vae_core.config import LIKELIHOODS, PRESETS, ModelConfig, TrainingConfig, recommended

LABELS = {
    "epochs": "epochs",
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
    "epochs": "form_epochs",
    "images": "form_images",
    "batch_size": "form_batch",
    "learning_rate": "form_rate",
    "beta": "form_beta",
    "kl_warmup": "form_warm",
    "seed": "form_seed",
}
TOUCHED, CHOICE, MOVED = "form_touched", "form_choice", "form_moved"
MOST_EPOCHS, MOST_IMAGES = 1000, 60_000


def recipe_controls(shape: tuple[int, int, int]) -> tuple[ModelConfig, TrainingConfig]:
    """Preset, units and dials; shape: (height, width, channels) of the pictures."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = _model_controls(shape)
        recipe = recommended(model)
        _note_moves(model, recipe)
        values: dict[str, Any] = {
            "epochs": _dial("epochs", recipe, high=MOST_EPOCHS, width=140),
            "images": _dial("images", recipe, label="Images, 0 for all", high=MOST_IMAGES, step=1000, width=160),
        }
    more = st.expander("More: batch size, learning rate, beta, warm-up, likelihood, seed")
    with more, st.container(horizontal=True, vertical_alignment="bottom"):
        values["batch_size"] = _dial("batch_size", recipe, width=140)
        values["learning_rate"] = _dial("learning_rate", recipe, format="%.5f", width=160)
        values["beta"] = _dial("beta", recipe, high=1e6, width=140)
        values["kl_warmup"] = _dial("kl_warmup", recipe, label="KL warm-up, share of the run", step=0.05, width=220)
        likelihood = st.selectbox("Likelihood", LIKELIHOODS, key="form_likelihood", persist_state="session", width=160)
        values["seed"] = _dial("seed", recipe, width=140)
    training = replace(recipe, **values)
    st.caption(_recipe_text(model, training, recipe))
    return replace(model, likelihood=likelihood), training


def _model_controls(shape: tuple[int, int, int]) -> ModelConfig:
    defaults = ModelConfig()
    preset = st.segmented_control(
        "Preset",
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
        width=140,
        help="Two can be seen as a map; sixteen rebuild better.",
    )
    return ModelConfig(str(preset), int(units), shape)


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


def _touch(key: str, recommended_value: float) -> None:
    """A dial that is turned stays where it is put; turned back to the recipe's value, it follows the recipe again."""
    touched: set[str] = st.session_state.setdefault(TOUCHED, set())
    if st.session_state[key] == recommended_value:
        touched.discard(key)
    else:
        touched.add(key)


def _note_moves(model: ModelConfig, recipe: TrainingConfig) -> None:
    """Remember, until preset or units change again, which dials have moved with them and which have stayed."""
    before = st.session_state.get(CHOICE)
    st.session_state[CHOICE] = (model.preset, model.latent_dim)
    if before is None or before == st.session_state[CHOICE]:
        return
    old, touched = recommended(ModelConfig(*before)), st.session_state.get(TOUCHED, set())
    differ = [name for name in LABELS if getattr(old, name) != getattr(recipe, name)]
    moved = [name for name in differ if KEYS.get(name) not in touched]
    stayed = [name for name in differ if KEYS.get(name) in touched]
    parts = []
    if moved:
        steps = (f"{LABELS[name]} {_text(old, name)} → {_text(recipe, name)}" for name in moved)
        parts.append(f"Moved with your choice: {', '.join(steps)}.")
    if stayed:
        parts.append(f"Left as you set them: {', '.join(LABELS[name] for name in stayed)}.")
    st.session_state[MOVED] = " ".join(parts)


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
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _about(config: type, name: str) -> Any:
    """Range and help of a setting."""
    return next(setting.metadata for setting in fields(config) if setting.name == name)
