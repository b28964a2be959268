"""Flags of the command line made of a configuration's fields, so that name, type, range and help are written once.

>>> parser = argparse.ArgumentParser()
>>> add_config_flags(parser.add_argument, TrainingConfig)
>>> given(TrainingConfig, vars(parser.parse_args(["--epochs", "3"])))
{'epochs': 3}
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from vae_core.config import FEW_IMAGES, FEW_STEPS, GOOD_STEPS, ModelConfig, TrainingConfig, recommended


def image_shape(text: str) -> tuple[int, ...]:
    """Read (height, width, channels) from "64x64x3".

    Raises:
        ArgumentTypeError: If it is anything else.
    """
    try:
        height, width, channels = (int(side) for side in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected HxWxC such as 64x64x3, got {text!r}") from None
    return height, width, channels


_READERS: dict[Any, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "tuple[int, int, int]": image_shape,
}
# For the help: where the recommended recipe is another one.
_RECIPES = {"": ModelConfig(), "classic ": ModelConfig("classic"), "above 4 units ": ModelConfig(latent_dim=16)}


def add_config_flags(arg: Callable[..., Any], config: type[ModelConfig] | type[TrainingConfig]) -> None:
    """Add a flag for each field of a configuration.

    What is not given is None, so that the recipe that suits the model fills it in.

    Args:
        arg: `add_argument` of a parser.
        config: The configuration's class.
    """
    for setting in fields(config):
        arg(
            f"--{setting.name.replace('_', '-')}",
            type=_READERS[setting.type],
            choices=setting.metadata.get("choices"),
            help=f"{setting.metadata['help']} ({_defaults(config, setting.name)})",
        )


def given(config: type[ModelConfig] | type[TrainingConfig], options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a configuration among a command's options, those that were given."""
    names = [setting.name for setting in fields(config)]
    return {name: options[name] for name in names if options.get(name) is not None}


def _defaults(config: type[ModelConfig] | type[TrainingConfig], name: str) -> str:
    """Tell the defaults of a field by preset and units: `0.003; classic 0.001; above 4 units 0.0025`."""
    if name == "image_shape":
        return "as the data are"
    if config is ModelConfig:
        return _text(getattr(ModelConfig(), name))
    if name == "epochs":
        return "the steps decide"
    if name == "steps":
        return f"{GOOD_STEPS:,}; with fewer than {FEW_IMAGES:,} images {FEW_STEPS:,}; not where epochs are given"
    values = {where: _text(getattr(recommended(model), name)) for where, model in _RECIPES.items()}
    return "; ".join(f"{where}{value}" for where, value in values.items() if not where or value != values[""])


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
