"""Entropy coding of quantised codes: frequency tables of a discretised Gaussian, and an rANS coder.

rANS is Duda 2013 (arXiv:1311.2540), with a state of 32 bits that moves byte by byte.

>>> table = gaussian_table(step=1.0, reach=3)
>>> packed = encode([0, 1, -1, 0], [table])
>>> decode(packed, 4, [table])
[0, 1, -1, 0]
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

PRECISION = 16  # bits of a table's total
TOTAL = 1 << PRECISION
MOST_REACH = (
    8191  # so that a table of 2 * reach + 1 symbols, each of frequency 1 or more, leaves room for the likely ones
)
_LOW = 1 << 23  # the state stays in [2^23, 2^31)


@dataclass(frozen=True)
class Table:
    """Frequencies of the symbols -reach..reach, in 65,536ths.

    Attributes:
        reach: Largest symbol.
        starts: 2 * reach + 2 cumulative frequencies, from 0 to `TOTAL`.
    """

    reach: int
    starts: tuple[int, ...]

    def bits(self, symbol: int) -> float:
        """What one symbol costs, in bits."""
        return PRECISION - math.log2(self._frequency(symbol + self.reach))

    def _frequency(self, place: int) -> int:
        return self.starts[place + 1] - self.starts[place]


def gaussian_table(step: float, reach: int, sigma: float = 1.0) -> Table:
    """The table of N(0, sigma^2) rounded to multiples of `step`.

    Args:
        step: Width of a quantisation cell, above 0.
        reach: Largest symbol, 0..`MOST_REACH`.
        sigma: Standard deviation, above 0.

    Raises:
        ValueError: An argument out of range.
    """
    if not (0 <= reach <= MOST_REACH and step > 0 and sigma > 0):
        raise ValueError(f"reach must be in 0..{MOST_REACH}, step and sigma above 0, got {reach}, {step} and {sigma}.")
    # Upper tails at the cells' borders: exact to the last digits however far out.
    tails = [math.erfc((k + 0.5) * step / sigma / math.sqrt(2)) / 2 for k in range(reach + 1)]
    half = [a - b for a, b in pairwise(tails)]  # of the symbols 1..reach
    middle = 1 - 2 * tails[0]
    spare = TOTAL - (2 * reach + 1)  # each symbol has one already
    whole = middle + 2 * sum(half)
    side = [1 + int(spare * p / whole) for p in half] if whole > 0 else [1] * reach
    frequencies = [*reversed(side), 0, *side]
    # What rounding has left goes to 0.
    frequencies[reach] = TOTAL - sum(frequencies)
    return Table(reach, (0, *accumulate(frequencies)))


def encode(symbols: Sequence[int], tables: Sequence[Table]) -> bytes:
    """Pack symbols, the i-th with table i modulo their number.

    Raises:
        ValueError: A symbol beyond its table's reach.
    """
    state, packed, kinds = _LOW, bytearray(), len(tables)
    for i in range(len(symbols) - 1, -1, -1):
        table = tables[i % kinds]
        place = symbols[i] + table.reach
        if not 0 <= place <= 2 * table.reach:
            raise ValueError(f"symbol {symbols[i]} is beyond its table, which ends at ±{table.reach}.")
        start = table.starts[place]
        frequency = table.starts[place + 1] - start
        limit = frequency << (31 - PRECISION)
        while state >= limit:
            packed.append(state & 255)
            state >>= 8
        state = (state // frequency << PRECISION) + state % frequency + start
    packed += state.to_bytes(4, "little")
    packed.reverse()
    return bytes(packed)


def decode(packed: bytes, count: int, tables: Sequence[Table]) -> list[int]:
    """The symbols that `encode` has packed, exactly.

    Args:
        packed: What `encode` returned.
        count: How many symbols.
        tables: The same tables.

    Raises:
        ValueError: Bytes that are too short or too long, or do not end where they should.
    """
    if len(packed) < 4:
        raise ValueError(f"packed codes have 4 bytes or more, got {len(packed)}.")
    state, at, kinds, symbols = int.from_bytes(packed[:4], "big"), 4, len(tables), []
    for i in range(count):
        table = tables[i % kinds]
        slot = state & (TOTAL - 1)
        place = bisect_right(table.starts, slot) - 1
        start = table.starts[place]
        state = (table.starts[place + 1] - start) * (state >> PRECISION) + slot - start
        symbols.append(place - table.reach)
        while state < _LOW:
            if at == len(packed):
                raise ValueError("packed codes end too soon.")
            state = state << 8 | packed[at]
            at += 1
    if state != _LOW or at != len(packed):
        raise ValueError("packed codes do not end where they should.")
    return symbols
