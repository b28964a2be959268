"""What to build and how to train it: two frozen dataclasses, checked when they are made.

Every default is a good run. `from_dict` and `to_dict` carry them through JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

PRESETS = ("swift", "classic")
LIKELIHOODS = ("bernoulli", "gaussian")
SCHEDULES = ("cosine", "constant")

T = TypeVar("T", bound="_Config")


class ConfigError(ValueError):
    """A configuration value outside its range: what came, what was expected, how to mend it."""


class _Config:
    """JSON in and out, shared by the configurations below."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dump`."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
        """Rebuild from `to_dict`; an unknown key is an error, so that a typing slip is never silently ignored."""
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"unknown {cls.__name__} settings {unknown}; known are {sorted(known)}. Was this file written by a newer version?"
            )
        return cls(**values)


def _require(good: bool, message: str) -> None:
    if not good:
        raise ConfigError(message)


def _whole(name: str, value: Any, low: int, high: int, hint: str = "") -> None:
    good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    _require(good, f"{name} must be a whole number in {low:,}..{high:,}, got {value!r}. {hint}".rstrip())


def _number(name: str, value: Any, low: float, high: float, hint: str = "") -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    _require(
        good and low <= value <= high, f"{name} must be a number in {low:g}..{high:g}, got {value!r}. {hint}".rstrip()
    )


@dataclass(frozen=True)
class ModelConfig(_Config):
    """The network: which layers, how many latent units, which pictures, which likelihood.

    preset: "swift" (ours: fast, several resolutions) or "classic" (two convolutions, dense 16: the textbook model).
    latent_dim: size of z, 1..256; 2 gives a plane to look at.
    image_shape: (height, width, channels); height and width multiples of 4 in 8..256, channels 1 or 3.
    likelihood: "bernoulli" (binary cross-entropy on logits) or "gaussian" (one shared sigma, set to its
        optimum: Rybkin, Daniilidis & Levine 2020, arXiv:2006.13202).
    dropout: share of the inputs of the encoder's dense layer, and of its outputs, that are blanked while training;
        used by swift with more than four units.
    """

    preset: str = "swift"
    latent_dim: int = 2
    image_shape: tuple[int, int, int] = (28, 28, 1)
    likelihood: str = "bernoulli"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        _require(self.preset in PRESETS, f"preset must be one of {', '.join(PRESETS)}, got {self.preset!r}.")
        _whole("latent_dim", self.latent_dim, 1, 256, "Choose 2 for a plottable latent space.")
        shape = self.image_shape
        good = isinstance(shape, (list, tuple)) and len(shape) == 3 and all(type(side) is int for side in shape)
        _require(good, f"image_shape must be (height, width, channels), got {shape!r}. Fashion-MNIST is (28, 28, 1).")
        object.__setattr__(self, "image_shape", tuple(shape))
        height, width, channels = shape
        for name, side in (("height", height), ("width", width)):
            _require(
                8 <= side <= 256 and side % 4 == 0,
                f"image {name} must be a multiple of 4 in 8..256, got {side}. Resize the pictures, for example to 64.",
            )
        _require(channels in (1, 3), f"image channels must be 1 (grey) or 3 (colour), got {channels}.")
        _require(
            self.likelihood in LIKELIHOODS,
            f"likelihood must be one of {', '.join(LIKELIHOODS)}, got {self.likelihood!r}.",
        )
        _number("dropout", self.dropout, 0, 0.9)


@dataclass(frozen=True)
class TrainingConfig(_Config):
    """How to train. The loss is summed over pixels and units and averaged over the batch.

    epochs: passes over the training images. batch_size: images per step. learning_rate: Adam's peak.
    schedule: "cosine" (linear warm-up over `warmup` of the run, then cosine to 1 % of the peak) or "constant".
    beta: weight of the KL term (Higgins et al. 2017); 1 is the VAE. kl_warmup: share of the run over which the
        weight rises from 0 to beta (Sonderby et al. 2016); it keeps units of larger latent spaces alive.
    free_bits: nats per unit below which the KL term does not push (Kingma et al. 2016); 0 is off.
    ema: decay of the moving average of the weights that is evaluated and kept; 0 is off.
    seed: of the weights, the order of the images and epsilon. images: train on the first so many; 0 is all.
    """

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    warmup: float = 0.08
    beta: float = 1.0
    kl_warmup: float = 0.0
    free_bits: float = 0.0
    ema: float = 0.999
    seed: int = 0
    images: int = 0

    def __post_init__(self) -> None:
        _whole("epochs", self.epochs, 1, 100_000)
        _whole("batch_size", self.batch_size, 1, 8192, "64 is a good start.")
        _number("learning_rate", self.learning_rate, 0, 1000, "0.003 is a good start for swift, 0.001 for classic.")
        _require(self.schedule in SCHEDULES, f"schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}.")
        _number("warmup", self.warmup, 0, 0.9, "It is a share of the run; 0.08 is the default.")
        _number("beta", self.beta, 0, 1e9, "1 is the variational autoencoder.")
        _number("kl_warmup", self.kl_warmup, 0, 1, "It is a share of the run.")
        _number("free_bits", self.free_bits, 0, 100)
        _number("ema", self.ema, 0, 0.99999, "0 switches the moving average off.")
        _whole("seed", self.seed, 0, 2**31 - 1)
        _whole("images", self.images, 0, 2**31 - 1, "0 means all of them.")


def classic_training(**changes: Any) -> TrainingConfig:
    """The reference recipe for `classic`: Adam at a constant 1e-3, batch 128, no moving average."""
    recipe: dict[str, Any] = {"batch_size": 128, "learning_rate": 1e-3, "schedule": "constant", "ema": 0.0}
    return TrainingConfig(**{**recipe, **changes})


def recommended(model: ModelConfig, **changes: Any) -> TrainingConfig:
    """The recipe that a preset was tuned with, on the validation split; `changes` override single values."""
    if model.preset == "classic":
        return classic_training(**changes)
    recipe: dict[str, Any] = {}
    if model.latent_dim > 4:
        recipe = {"learning_rate": 2.5e-3, "kl_warmup": 0.25}
    return TrainingConfig(**{**recipe, **changes})
