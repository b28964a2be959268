"""A file of pictures as quantised codes: a header with version, model and precision, entropy-coded codes, a checksum.

    data = pack(quantise(z_mean, z_log_var), engine)     # bytes of a .vaez file
    z = unpack(data, engine)                             # the same codes, bit for bit; `engine.decode(z)` draws them

The layout, little-endian: magic "VAEZ", version, latent units, pictures, digest of the decoder, then for each unit the step and
the reach of its table, a byte each, the packed codes, and the CRC-32 of all before it.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from vae_core.analysis.applications import entropy_coding
from vae_core.analysis.checks import checked_posterior
from vae_core.network.engine import Engine

MAGIC, VERSION = b"VAEZ", 1
SUFFIX = ".vaez"
MOST_CODES = 4_000_000  # pictures times units: some seconds of work
PRIOR_REACH = 4  # deviations of the prior that a table covers at least
STEPS_PER_OCTAVE = 8  # a step is 2^(b / 8), b a signed byte
_HEAD = struct.Struct("<4sBxHI8s")
_SUM = struct.Struct("<I")


class ArchiveError(ValueError):
    """A file of codes that cannot be read: what came, what was expected, what to do."""


@dataclass(frozen=True)
class QuantisedCodes:
    """Codes as whole multiples of a step per unit.

    Attributes:
        symbols: (n, latent_dim) int32.
        exponents: (latent_dim,) int8; a unit's step is 2 ** (exponent / 8).
    """

    symbols: np.ndarray
    exponents: np.ndarray

    @property
    def steps(self) -> np.ndarray:
        """Width of a quantisation cell of each unit, (latent_dim,) float64."""
        return 2.0 ** (self.exponents / STEPS_PER_OCTAVE)

    @property
    def z(self) -> np.ndarray:
        """The codes that the decoder gets, (n, latent_dim) float32."""
        return (self.symbols * self.steps).astype(np.float32)

    def tables(self) -> list[entropy_coding.Table]:
        """A frequency table per unit: the prior N(0, 1), cut at four deviations, or at the widest code beyond them."""
        reaches = (1 << self.reach_bits().astype(int)) - 1
        return [
            entropy_coding.gaussian_table(float(step), int(reach))
            for step, reach in zip(self.steps, reaches, strict=True)
        ]

    def reach_bits(self) -> np.ndarray:
        """Bits of the largest symbol of each unit's table, (latent_dim,) uint8.

        Never fewer than four deviations of the prior need: a table that ends at the codes of a single picture would tell most
        of them, and the count of bits would leave that out.
        """
        wide = np.minimum(np.ceil(PRIOR_REACH / self.steps), entropy_coding.MOST_REACH).astype(int)
        most = np.maximum(np.abs(self.symbols).max(axis=0, initial=0), wide)
        return np.array([int(reach).bit_length() for reach in most], np.uint8)

    def bits(self) -> np.ndarray:
        """What each picture's codes cost in the file, in bits, without its header: (n,) float64."""
        total = np.zeros(len(self.symbols))
        for unit, table in enumerate(self.tables()):
            costs = entropy_coding.PRECISION - np.log2(np.diff(np.array(table.starts, np.float64)))
            total += costs[self.symbols[:, unit] + table.reach]
        return total


def quantise(z_mean: np.ndarray, z_log_var: np.ndarray, coarseness: float = 1.0) -> QuantisedCodes:
    """Round z_mean to the precision that the posterior has.

    A cell of width sqrt(12) sigma leaves a rounding error of variance sigma^2, the posterior's own: what is rounded away is
    what the encoder was unsure about. sigma is the root mean square of a unit's posterior deviation over the given pictures.

    Args:
        z_mean: (n, latent_dim), n of 1 or more.
        z_log_var: (n, latent_dim).
        coarseness: Factor on every step, above 0.

    Returns:
        The codes.

    Raises:
        ValueError: No picture, shapes that differ, a value that is NaN or infinite, or a coarseness of 0 or less.
    """
    z_mean, z_log_var = checked_posterior(z_mean, z_log_var)
    if len(z_mean) == 0 or not coarseness > 0:
        raise ValueError(
            f"quantising needs one picture or more and a coarseness above 0, got {len(z_mean)}, {coarseness}."
        )
    sigma = np.sqrt(np.exp(z_log_var.astype(np.float64)).mean(axis=0))
    wanted = coarseness * math.sqrt(12) * sigma
    # A table has only so many cells: a wide code of a very sure unit is rounded more coarsely.
    least = np.abs(z_mean).max(axis=0) / (entropy_coding.MOST_REACH // 2)
    exponents = np.clip(np.ceil(STEPS_PER_OCTAVE * np.log2(np.maximum(wanted, least)) - 0.5), -128, 127).astype(np.int8)
    symbols = np.round(z_mean / 2.0 ** (exponents / STEPS_PER_OCTAVE)).astype(np.int64)
    most = entropy_coding.MOST_REACH
    return QuantisedCodes(np.clip(symbols, -most, most).astype(np.int32), exponents)


def header_bytes(latent_dim: int) -> int:
    """Bytes of a file that are not codes: header and checksum."""
    return _HEAD.size + 2 * latent_dim + _SUM.size


def pack(codes: QuantisedCodes, engine: Engine) -> bytes:
    """The file of these codes, to be decoded by this model.

    Raises:
        ArchiveError: More codes than a file may hold.
    """
    n, units = codes.symbols.shape
    if n * units > MOST_CODES:
        raise ArchiveError(f"{n:,} pictures of {units} units are too many for one file. Write several.")
    head = _HEAD.pack(MAGIC, VERSION, units, n, decoder_digest(engine))
    head += codes.exponents.tobytes() + codes.reach_bits().tobytes()
    body = head + entropy_coding.encode(codes.symbols.ravel().tolist(), codes.tables())
    return body + _SUM.pack(zlib.crc32(body))


def unpack(data: bytes, engine: Engine, name: str = "the file") -> np.ndarray:
    """Read the codes of a file.

    Args:
        data: All its bytes.
        engine: The model that it was written with.
        name: What errors call it.

    Returns:
        z, (n, latent_dim) float32, exactly as they were packed.

    Raises:
        ArchiveError: It is no such file, damaged, of a later version, or of another model.
    """
    if len(data) < _HEAD.size + _SUM.size or data[:4] != MAGIC:
        raise ArchiveError(
            f"{name} is no file of codes, which begins with {MAGIC.decode()}. Name one that `compress` wrote."
        )
    _, version, units, n, digest = _HEAD.unpack_from(data)
    if version != VERSION:
        raise ArchiveError(f"{name} is of format version {version}, this program reads {VERSION}. Update the program.")
    body = data[: -_SUM.size]
    if zlib.crc32(body) != _SUM.unpack(data[-_SUM.size :])[0]:
        raise ArchiveError(f"{name} is damaged: its checksum is wrong. Copy it again.")
    if digest != decoder_digest(engine) or units != engine.latent_dim:
        raise ArchiveError(
            f"{name} was written with another model, of {units} latent units. Name that model to read it."
        )
    tables = _HEAD.size + 2 * units
    if n * units > MOST_CODES or len(body) < tables:
        raise ArchiveError(f"{name} claims {n:,} pictures of {units} units, which it cannot hold. Copy it again.")
    exponents = np.frombuffer(body, np.int8, units, _HEAD.size)
    reach_bits = np.frombuffer(body, np.uint8, units, _HEAD.size + units)
    if reach_bits.max(initial=0) > entropy_coding.MOST_REACH.bit_length():
        raise ArchiveError(f"{name} is damaged: its codes reach too far. Copy it again.")
    steps = 2.0 ** (exponents / STEPS_PER_OCTAVE)
    kinds = [entropy_coding.gaussian_table(float(s), (1 << int(b)) - 1) for s, b in zip(steps, reach_bits, strict=True)]
    try:
        symbols = entropy_coding.decode(body[tables:], n * units, kinds)
    except ValueError as error:
        raise ArchiveError(f"{name} is damaged: {error} Copy it again.") from error
    return QuantisedCodes(np.array(symbols, np.int32).reshape(n, units), exponents).z


def decoder_digest(engine: Engine) -> bytes:
    """Eight bytes that are the same for the same decoder, however its weights are stored."""
    digest = blake2b(digest_size=8)
    for name in sorted(engine.weights):
        if name.startswith("decoder/"):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(engine.weights[name], "<f4").data)
    return digest.digest()
