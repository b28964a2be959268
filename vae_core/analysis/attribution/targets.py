"""What is explained: a number that the model makes of a picture, with its gradient by the pixels.

>>> Target.parse("-z0", latent_dim=2)
Target(kind='z_mean', unit=0, sign=-1)
>>> str(Target.parse("log_var:1", latent_dim=2)), str(Target("kl"))
('log_var:1', 'kl')
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from vae_core.analysis.likelihood import kl_per_unit, reconstruction_loss
from vae_core.network.engine import Engine

Z_MEAN, Z_LOG_VAR, KL, RECONSTRUCTION = "z_mean", "z_log_var", "kl", "reconstruction"
FORMS = "z0, -z0, log_var:0, kl:0, kl or reconstruction"


@dataclass(frozen=True)
class Target:
    """A number that the model makes of a picture. The posterior's mean stands for z: nothing is drawn at random.

    Attributes:
        kind: "z_mean", "z_log_var" or "kl", of one unit; "kl" of all units; or "reconstruction", -log p(x | z_mean) in nats.
        unit: The latent unit, from 0; None for the whole KL and for the reconstruction.
        sign: 1, or -1 for what drives the unit's z_mean down.
    """

    kind: str
    unit: int | None = None
    sign: int = 1

    def __post_init__(self) -> None:
        per_unit = self.kind in (Z_MEAN, Z_LOG_VAR)
        if self.kind not in (Z_MEAN, Z_LOG_VAR, KL, RECONSTRUCTION) or (self.kind == RECONSTRUCTION and self.unit):
            raise ValueError(f"a target is {FORMS}, got {self.kind!r} of unit {self.unit}.")
        if (per_unit and self.unit is None) or self.sign not in (1, -1):
            raise ValueError(f"a target is {FORMS}, got {self.kind!r} of unit {self.unit} with sign {self.sign}.")

    def __str__(self) -> str:
        if self.kind == Z_MEAN:
            return f"{'-' if self.sign < 0 else ''}z{self.unit}"
        word = "log_var" if self.kind == Z_LOG_VAR else self.kind
        return word if self.unit is None else f"{word}:{self.unit}"

    @classmethod
    def parse(cls, text: str, latent_dim: int) -> Target:
        """Read a target as it is written: z0, -z0, log_var:0, kl:0, kl or reconstruction; units count from 0.

        Raises:
            ValueError: It is none of these, or the model has no such unit.
        """
        match = re.fullmatch(r"(-?)z(\d{1,4})|(log_var|kl):(\d{1,4})|(kl|reconstruction)", text.strip(), re.ASCII)
        if match is None:
            raise ValueError(f"a target is {FORMS}, got {text!r}.")
        minus, z_unit, per_unit, unit, whole = match.groups()
        if whole:
            return cls(whole)
        number = int(z_unit or unit)
        if number >= latent_dim:
            last = f"0 to {latent_dim - 1}" if latent_dim > 1 else "0 alone"
            raise ValueError(f"the model has the latent units {last}, got unit {number} in {text!r}.")
        if per_unit:
            return cls(Z_LOG_VAR if per_unit == "log_var" else KL, number)
        return cls(Z_MEAN, number, -1 if minus else 1)

    def words(self) -> str:
        """For people, the unit counted from 0: "z_mean of unit 0, downwards"."""
        if self.kind == RECONSTRUCTION:
            return "reconstruction error"
        if self.kind == KL:
            return "KL of all units" if self.unit is None else f"KL of unit {self.unit}"
        return f"{self.kind} of unit {self.unit}{', downwards' if self.sign < 0 else ''}"

    @property
    def needs_decoder(self) -> bool:
        """Whether the decoder's weights matter too."""
        return self.kind == RECONSTRUCTION

    def values(self, engine: Engine, images: np.ndarray) -> np.ndarray:
        """Value of the target for each image.

        Args:
            engine: The model.
            images: (n, h, w, c) float32 in [0, 1].

        Returns:
            (n,) float64; nats for the KL and the reconstruction error.
        """
        z_mean, z_log_var = engine.encode(images)
        if self.kind == RECONSTRUCTION:
            return reconstruction_loss(engine, images, z_mean)
        if self.kind == KL:
            kl = kl_per_unit(z_mean, z_log_var)  # (n, latent_dim)
            return kl.sum(axis=1) if self.unit is None else kl[:, self.unit]
        head = z_mean if self.kind == Z_MEAN else z_log_var
        return self.sign * head[:, self.unit].astype(np.float64)

    def gradients(self, engine: Engine, images: np.ndarray) -> np.ndarray:
        """Gradient of the target by the pixels of each image.

        Args:
            engine: The model.
            images: (n, h, w, c) float32; they may lie outside [0, 1].

        Returns:
            (n, h, w, c) float32.
        """
        direct, by_mean, by_log_var = self.by_heads(engine, images)
        through = engine.encoder_gradient(images, by_mean, by_log_var)
        return through if direct is None else through + direct

    def by_heads(self, engine: Engine, images: np.ndarray) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Gradients of the target by z_mean and z_log_var, and what the pixels give it past the encoder.

        Only the reconstruction error reads the pixels themselves: it compares with them.

        Returns:
            That share (n, h, w, c), or None; and both gradients (n, latent_dim), float32.
        """
        shape = (len(images), engine.latent_dim)
        if self.kind in (Z_MEAN, Z_LOG_VAR):
            one = np.zeros(shape, np.float32)
            one[:, self.unit] = self.sign
            none = np.zeros(shape, np.float32)
            return (None, one, none) if self.kind == Z_MEAN else (None, none, one)
        z_mean, z_log_var = engine.encode(images)
        if self.kind == KL:
            of_unit = np.ones(engine.latent_dim, np.float32)
            if self.unit is not None:
                of_unit = np.eye(engine.latent_dim, dtype=np.float32)[self.unit]
            return None, z_mean * of_unit, of_unit * (np.exp(z_log_var) - 1) / 2
        logits = engine.decode_logits(z_mean)  # (n, h, w, c)
        means = 0.5 * (1 + np.tanh(logits / 2))  # the sigmoid, without overflow
        if engine.likelihood == "gaussian":
            precision = np.float32(math.exp(-2 * engine.log_sigma))
            error = precision * (means - images)
            by_logits, direct = error * means * (1 - means), -error
        else:
            by_logits, direct = means - images, -logits
        return direct, engine.decoder_gradient(z_mean, by_logits), np.zeros(shape, np.float32)
