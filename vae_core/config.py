"""What to build and how to train it: two frozen dataclasses, checked when they are made.

Every default is a good run. `from_dict` and `to_dict` carry them through JSON.

>>> model = ModelConfig(latent_dim=16)
>>> recommended(model, epochs=3).kl_warmup
0.25
>>> ModelConfig.from_dict(model.to_dict()) == model
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

PRESETS = ("swift", "classic")
LIKELIHOODS = ("bernoulli", "gaussian")
SCHEDULES = ("cosine", "constant")
# Batches of a good run, and with fewer than so many images to train on.
GOOD_STEPS, FEW_IMAGES, FEW_STEPS = 5000, 10_000, 2000

T = TypeVar("T", bound="_Config")


class ConfigError(ValueError):
    """A configuration value outside its range: what came, what was expected, how to mend it."""


class _Config:
    """JSON in and out, shared by the configurations below."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for `json.dump`."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
        """Rebuild a configuration from what `to_dict` gave.

        Args:
            values: Settings by name; what is missing takes its default.

        Raises:
            ConfigError: A name is unknown, so that a typing slip is never silently ignored, or a value is out of range.
        """
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"unknown {cls.__name__} settings {unknown}; known are {sorted(known)}. Was this file written by a newer version?"
            )
        return cls(**values)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def _check_whole(name: str, value: Any, low: int, high: int, hint: str = "") -> None:
    valid = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    _require(valid, f"{name} must be a whole number in {low:,}..{high:,}, got {value!r}. {hint}".rstrip())


def _check_number(name: str, value: Any, low: float, high: float, hint: str = "") -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    _require(
        is_number and low <= value <= high,
        f"{name} must be a number in {low:g}..{high:g}, got {value!r}. {hint}".rstrip(),
    )


def _setting(default: Any, text: str, **metadata: Any) -> Any:
    """Make a dataclass field with what forms and flags say of it.

    Args:
        default: The value of a good run.
        text: Help of the command line's flag.
        **metadata: `choices`, or `low` and `high` (the range that is checked), `hint` (how a value out of it is mended).
    """
    return field(default=default, metadata={"help": text, **metadata})


@dataclass(frozen=True)
class ModelConfig(_Config):
    """Configuration of a network: layers, latent units, image shape and likelihood.

    Attributes:
        preset: "swift" (ours: fast, several resolutions) or "classic" (two convolutions, dense 16: the textbook model).
        latent_dim: Latent units, 1 to 256; 2 give a plane to look at.
        image_shape: (height, width, channels); height and width multiples of 4 in 8..256, channels 1 or 3.
        likelihood: "bernoulli" (binary cross-entropy on logits) or "gaussian" (one shared sigma, set to its
            optimum: Rybkin, Daniilidis & Levine 2020, arXiv:2006.13202).
        dropout: Share of the inputs of the encoder's dense layer, and of its outputs, that is blanked while training, 0 to
            0.9; used by swift with more than four units.

    Raises:
        ConfigError: A value is out of its range.
    """

    preset: str = _setting(
        "swift",
        "the architecture: swift (ours, fast) or classic (the textbook model, two convolutions and a dense layer of 16)",
        choices=PRESETS,
    )
    latent_dim: int = _setting(
        2,
        "size of z: 2 can be seen as a map, 16 rebuild better",
        low=1,
        high=256,
        hint="Choose 2 for a plottable latent space.",
    )
    image_shape: tuple[int, int, int] = _setting((28, 28, 1), "HxWxC for your own pictures, for example 64x64x3")
    likelihood: str = _setting("bernoulli", "of the pixels", choices=LIKELIHOODS)
    dropout: float = _setting(
        0.2, "share of values blanked in the encoder's dense layers, swift above 4 units", low=0, high=0.9
    )

    def __post_init__(self) -> None:
        """Check every value."""
        _check_fields(self)
        shape = self.image_shape
        is_shape = isinstance(shape, (list, tuple)) and len(shape) == 3 and all(type(side) is int for side in shape)
        _require(
            is_shape, f"image_shape must be (height, width, channels), got {shape!r}. Fashion-MNIST is (28, 28, 1)."
        )
        object.__setattr__(self, "image_shape", tuple(shape))
        height, width, channels = shape
        for name, side in (("height", height), ("width", width)):
            _require(
                8 <= side <= 256 and side % 4 == 0,
                f"image {name} must be a multiple of 4 in 8..256, got {side}. Resize the pictures, for example to 64.",
            )
        _require(channels in (1, 3), f"image channels must be 1 (grey) or 3 (colour), got {channels}.")


@dataclass(frozen=True)
class TrainingConfig(_Config):
    """Configuration of a training; `recommended` gives the recipe that suits a model.

    The loss is summed over pixels and units and averaged over the batch.

    Attributes:
        epochs: Passes over the training images, 1 to 100,000.
        batch_size: Images per step, 1 to 8192.
        learning_rate: Adam's peak learning rate.
        schedule: "cosine" (linear warm-up over `warmup` of the run, then cosine to 1 % of the peak) or "constant".
        warmup: Share of the run, 0 to 0.9.
        beta: Weight of the KL term (Higgins et al. 2017).
        kl_warmup: Share of the run, 0 to 1, over which that weight rises from 0 (Sonderby et al. 2016); it keeps units of
            larger latent spaces alive.
        free_bits: Nats per unit below which the KL term does not push (Kingma et al. 2016); 0 is off.
        ema: Decay of the exponential moving average that is evaluated and kept in place of the weights; 0 is off.
        seed: Seed of the weights, the order of the images and the noise.
        images: Number of training images, the first ones; 0 for all.
        steps: Batches of the whole run, which may end within an epoch; 0 for as many as `epochs` have.

    Raises:
        ConfigError: A value is out of its range.
    """

    epochs: int = _setting(6, "passes over the training images", low=1, high=100_000)
    batch_size: int = _setting(64, "images per step", low=1, high=8192, hint="64 is a good start.")
    learning_rate: float = _setting(
        3e-3, "Adam's peak learning rate", low=0, high=1000, hint="0.003 is a good start for swift, 0.001 for classic."
    )
    schedule: str = _setting("cosine", "of the learning rate", choices=SCHEDULES)
    warmup: float = _setting(
        0.08,
        "share of the run over which the cosine's rate rises from 0",
        low=0,
        high=0.9,
        hint="It is a share of the run; 0.08 is the default.",
    )
    beta: float = _setting(1.0, "weight of the KL term", low=0, high=1e9, hint="1 is the variational autoencoder.")
    kl_warmup: float = _setting(
        0.0,
        "share of the run over which the weight of the KL term rises from 0",
        low=0,
        high=1,
        hint="It is a share of the run.",
    )
    free_bits: float = _setting(0.0, "nats per unit below which the KL term does not push", low=0, high=100)
    ema: float = _setting(
        0.999,
        "decay of the moving average of the weights, 0 for none",
        low=0,
        high=0.99999,
        hint="0 switches the moving average off.",
    )
    seed: int = _setting(0, "of weights, order and noise", low=0, high=2**31 - 1)
    images: int = _setting(
        0, "train on the first so many images only, 0 for all", low=0, high=2**31 - 1, hint="0 means all of them."
    )
    steps: int = _setting(
        0, "batches of the whole run, 0 for as many as the epochs have", low=0, high=10**9, hint="0: epochs decide."
    )

    def __post_init__(self) -> None:
        """Check every value."""
        _check_fields(self)

    def steps_per_epoch(self, available: int) -> int:
        """Batches of an epoch.

        Args:
            available: Training images of the data set.
        """
        return -(-min(self.images or available, available) // self.batch_size)

    def total_steps(self, available: int) -> int:
        """Batches of the whole run.

        Args:
            available: Training images of the data set.
        """
        return self.steps or self.epochs * self.steps_per_epoch(available)


def _check_fields(config: Any) -> None:
    """Check each field's value against its choices or its range."""
    for setting in fields(config):
        name, value, metadata = setting.name, getattr(config, setting.name), setting.metadata
        if "choices" in metadata:
            choices = metadata["choices"]
            _require(value in choices, f"{name} must be one of {', '.join(choices)}, got {value!r}.")
        elif "low" in metadata:
            check = _check_whole if setting.type == "int" else _check_number
            check(name, value, metadata["low"], metadata["high"], metadata.get("hint", ""))


def classic_training(**changes: Any) -> TrainingConfig:
    """Return the reference recipe for `classic`: Adam at a constant 1e-3, batch 128, no moving average.

    Args:
        **changes: Single values that override the recipe's.
    """
    recipe: dict[str, Any] = {"batch_size": 128, "learning_rate": 1e-3, "schedule": "constant", "ema": 0.0}
    return TrainingConfig(**{**recipe, **changes})


def recommended(model: ModelConfig, available: int | None = None, **changes: Any) -> TrainingConfig:
    """Return the recipe that a preset was tuned with, on the validation split.

    Args:
        model: The network to be trained.
        available: Training images of the data set, where they are known: then the recipe counts in steps, since six epochs
            of a few hundred images teach nothing.
        **changes: Single values that override the recipe's; `epochs` also its steps.

    Raises:
        ConfigError: A changed value is unknown or out of its range.
    """
    if available is not None and "epochs" not in changes:
        changes = {"steps": GOOD_STEPS if available >= FEW_IMAGES else FEW_STEPS, **changes}
    if model.preset == "classic":
        return classic_training(**changes)
    recipe: dict[str, Any] = {}
    if model.latent_dim > 4:
        recipe = {"learning_rate": 2.5e-3, "kl_warmup": 0.25}
    return TrainingConfig(**{**recipe, **changes})
