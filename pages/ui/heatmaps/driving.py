"""The view "What drives a unit" of the page Heatmaps: an attribution map, what each unit changes, and whether the map was learned."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.app.cache import LoadedModel
from pages.ui.app.subject import Subject
from pages.ui.components.mosaic import Tile, clicked, mosaic
from pages.ui.formatting import SENTENCE, markdown_text, number, plain_text, unit_name
from pages.ui.heatmaps.cache import attribution_of, effects_of
from pages.ui.heatmaps.driving_controls import EXPLAIN, UNIT, Choice, main_controls, rare_controls
from pages.ui.heatmaps.methods import METHODS
from pages.ui.images import LARGE, enlarge
from pages.ui.shared.colour_bar import colour_bar
from pages.ui.shared.picture import picture
from vae_core.analysis.attribution import drawing, sanity
from vae_core.analysis.attribution.maps import Attribution
from vae_core.analysis.attribution.sanity import RandomisationCheck
from vae_core.analysis.attribution.targets import Target

EFFECTS, STAGES, CHECKED = "unit_effects", "check_stages", "heat_checked"
WORKING = "The same map with random weights …"
UNSIGNED = "Bright places count; where the picture shows through they hardly do."
CAUTION = "The map explains the model and not the picture; whether it was learned can be checked."


def take_unit_click(latent_dim: int) -> None:
    """A unit that was just clicked becomes the one that is explained. Call it before the controls are drawn."""
    unit = clicked(EFFECTS)
    if unit is not None and unit.isdecimal() and int(unit) < latent_dim:
        st.session_state[UNIT] = int(unit)
        if st.session_state.get(EXPLAIN, "up") in ("kl", "reconstruction"):
            st.session_state[EXPLAIN] = "up"


def driving(model: LoadedModel, selected: Subject) -> None:
    """The map at the left, its controls and all units at the right; on a phone one below the other."""
    take_unit_click(model.engine.latent_dim)
    left, right = st.columns([2, 3], gap="medium")
    with right:
        choice = main_controls(model.engine.latent_dim)
        rare, units, below = st.container(), st.container(), st.container()
    with rare:
        choice = rare_controls(model.engine, choice)
    try:
        attribution = attribution_of(model, selected.image, choice.target, choice.method, choice.settings)
    except ValueError as error:
        left.error(markdown_text(error, SENTENCE), icon=":material/error:")
        return
    with left:
        attribution_map(selected, attribution)
    with units:
        unit_changes(model, selected, choice)
    with below:
        check(model, selected, choice)


def title_of(target: Target) -> str:
    """What is explained, as the page counts units: "What raises z₁"."""
    unit = "" if target.unit is None else unit_name(target.unit)
    if target.kind == "z_mean":
        return f"What {'raises' if target.sign > 0 else 'lowers'} {unit}"
    if target.kind == "z_log_var":
        return f"What makes the encoder unsure of {unit}"
    if target.kind == "reconstruction":
        return "What drives the reconstruction error"
    return f"What drives the KL of {unit or 'all units'}"


def attribution_map(selected: Subject, attribution: Attribution) -> None:
    """The picture with the map over it, the colours with their numbers, and what was done."""
    title = "Where the encoder looks" if attribution.method == "vae_attention" else title_of(attribution.target)
    image = enlarge(selected.image, LARGE)
    drawn = drawing.over_picture(image, attribution.map, attribution.signed)
    st.markdown(f"**{title}**, over the picture")
    picture(drawn.rgb, alt=plain_text(f"{title}, over {selected.name}"), width="stretch")
    colour_bar(drawing.SIGNED if attribution.signed else drawing.UNSIGNED, drawn.low, drawn.high)
    if attribution.signed:
        up, down = ("up", "down") if attribution.target.sign > 0 else ("down", "up")
        st.markdown(
            f"**Red** pixels push the number {markdown_text(up)}, **blue** ones push it {markdown_text(down)}; where the picture shows through they "
            f"hardly matter. {CAUTION}"
        )
    else:
        st.markdown(f"{UNSIGNED} {CAUTION}")
    sentence = markdown_text(METHODS[attribution.method].sentence, SENTENCE)
    st.caption(f"{_value_text(attribution)} {sentence} {_summary(attribution)}")


def _value_text(attribution: Attribution) -> str:
    target = attribution.target
    if attribution.method == "vae_attention":
        return ""
    value = target.sign * attribution.value
    unit = "" if target.unit is None else f" of {unit_name(target.unit)}"
    if target.kind == "z_mean":
        return f"Here z_mean{unit} is {number(value)}."
    if target.kind == "z_log_var":
        return f"Here log σ²{unit} is {number(value)}."
    what = "the reconstruction error" if target.kind == "reconstruction" else f"the KL{unit}"
    return f"Here {what} is {number(value)} nats."


def _summary(attribution: Attribution) -> str:
    """What was done, and for integrated gradients whether the shares add up."""
    height, width = attribution.map.shape
    text = f"Done: {markdown_text(attribution.summary, SENTENCE)}; {height:d} × {width:d} values."
    if attribution.completeness_error is None or attribution.baseline_value is None:
        return text
    change = attribution.target.sign * (attribution.value - attribution.baseline_value)
    share = attribution.relative_completeness_error
    percent = "" if share is None else f", {100 * share:.2g} % of it"
    text += f" From black to this picture the number changes by {number(change)}; the map adds up to that but for {number(attribution.completeness_error, 2)}{percent}."
    return text + (" Take more steps." if share is not None and share > 0.1 else "")


def unit_changes(model: LoadedModel, selected: Subject, choice: Choice) -> None:
    """The other way round: what each unit changes in the reconstruction, the unit that says most about this picture first."""
    effects = effects_of(model, selected.image)
    maps = effects.maps.sum(axis=3)
    many = len(maps) > 1
    st.markdown(
        f"**What {'each unit' if many else 'the unit'} changes in the reconstruction**"
        + (", the one with the largest KL first; click one to ask what drives it" if many else "")
    )
    limit = drawing.limit_of(maps)
    pictures = np.stack([drawing.coloured(values, signed=True, limit=limit).rgb for values in maps])
    step = max(1, -(-max(pictures.shape[1:3]) // 64))
    tiles = [
        Tile(
            f"{int(unit):d}",
            unit_name(int(unit)),
            f"KL {kl:.2f}",
            f"{unit_name(int(unit))}: what it brightens (red) and darkens (blue), KL {kl:.2f} nats",
        )
        for unit, kl in zip(effects.units, effects.kl, strict=True)
    ]
    mosaic(
        pictures[:, ::step, ::step],
        tiles,
        EFFECTS,
        label=plain_text(f"What each latent unit changes in {selected.name}"),
        chosen="" if choice.unit is None else str(choice.unit),
        least=56,
        room=430 if len(tiles) > 4 else 170,
    )
    st.caption(
        f"Derivative of the reconstruction by {'each unit' if many else 'the unit'} at z_mean, exact, on a common scale of "
        f"±{number(limit)} per unit of z: red becomes brighter as the unit grows, blue darker."
    )


def check(model: LoadedModel, selected: Subject, choice: Choice) -> None:
    """A button that works the map out again with random weights, and what came of it, as long as nothing else is chosen."""
    asked = (model.key, selected.image.tobytes(), choice.target, choice.method, choice.settings)
    pressed = st.button(
        "Was this map learned?",
        icon=":material/fact_check:",
        key="heat_check",
        help="The same map with random weights, layer by layer from the top (Adebayo et al. 2018, arXiv:1810.03292). It takes some seconds.",
    )
    kept = st.session_state.get(CHECKED)
    if pressed:
        bar = st.progress(0.0, WORKING)

        def progress(done: int, total: int) -> None:
            bar.progress(done / total, WORKING)

        result = sanity.randomisation_check(
            model.engine,
            selected.image,
            Target.parse(choice.target, model.engine.latent_dim),
            choice.method,
            choice.settings,
            progress=progress,
        )
        bar.empty()
        kept = st.session_state[CHECKED] = (asked, result)
    if kept is not None and kept[0] == asked:
        _checked(kept[1])


def _checked(result: RandomisationCheck) -> None:
    verdict = markdown_text(result.verdict, SENTENCE)
    if result.learned:
        st.success(verdict, icon=":material/check_circle:")
    else:
        st.warning(verdict, icon=":material/warning:")
    signed = any(stage.values.min() < 0 for stage in result.stages)
    pictures = np.stack([drawing.coloured(stage.values, signed).rgb for stage in result.stages])
    step = max(1, -(-max(pictures.shape[1:3]) // 64))
    tiles = [
        Tile(
            f"{place:d}",
            plain_text(stage.layer.split(" ")[1]),
            f"{stage.correlation:.2f}".replace("-", "−"),
            f"{plain_text(stage.layer)} and all above it random: rank correlation {stage.correlation:.2f}",
        )
        for place, stage in enumerate(result.stages)
    ]
    st.markdown("The map as one layer after another becomes random, and its rank correlation with the one above")
    mosaic(
        pictures[:, ::step, ::step], tiles, STAGES, label="The map with random weights", chosen="", least=64, room=130
    )
