"""The sizes that an AVIF's AV1 streams declare: Pillow tells the container's, and decodes the stream's, however large it is.

Source: AV1 Bitstream & Decoding Process Specification, 5.3 to 5.5 (OBU and sequence headers); ISO/IEC 14496-12 (boxes).

>>> list(stream_sizes(bytes(40)))
[]
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

# Boxes of boxes on the way to where streams lie, and bytes before their first inner box.
INNER = {b"meta": 4, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}
# Stands for more boxes, items or parts of a stream than a picture has.
MOST = 10_000
SEQUENCE_HEADER = 1


class _Bits:
    """Reads unsigned numbers of any number of bits."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("the stream is cut short")
        return self._value >> self._left & ((1 << count) - 1)


def stream_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """(width, height) of each sequence header at the start of an image item or of a track's chunk; nothing of a damaged one."""
    boxes = list(_boxes(data, 0, len(data)))
    stores = [at for name, at, _ in boxes if name == b"idat"]
    starts: list[int] = []
    for name, at, end in boxes:
        try:
            if name == b"iloc":
                starts += _item_starts(data[at:end], stores[0] if stores else 0)
            elif name in (b"stco", b"co64"):
                count = min(struct.unpack_from(">I", data, at + 4)[0], MOST)
                starts += struct.unpack_from(f">{count}{'I' if name == b'stco' else 'Q'}", data, at + 8)
        except struct.error:
            continue
    for start in dict.fromkeys(starts):
        try:
            yield from _sequence_sizes(data, start)
        except (ValueError, IndexError):
            continue


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each box, those within others too."""
    for _ in range(MOST):
        if at + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= end:
            size, header = struct.unpack_from(">Q", data, at + 8)[0], 16
        last = end if size == 0 else min(at + size, end)
        if last < at + header:
            return
        yield name, at + header, last
        if name in INNER:
            yield from _boxes(data, at + header + INNER[name], last)
        at = last


def _item_starts(box: bytes, store: int) -> list[int]:
    """Where each item's content begins in the file; `store` is where the box idat's content does."""
    version, sizes = box[0], struct.unpack_from(">H", box, 4)[0]
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    at, starts = 6, []

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(box):
            raise struct.error("the box is cut short")
        at += size
        return int.from_bytes(box[at - size : at], "big")

    for _ in range(min(number(4 if version == 2 else 2), MOST)):
        number(4 if version == 2 else 2)
        method = number(2) & 15 if version else 0
        number(2)
        origin = number(base) + (store if method == 1 else 0)
        for part in range(min(number(2), MOST)):
            if version:
                number(index)
            start = origin + number(offset)
            number(length)
            if part == 0:
                starts.append(start)
    return starts


def _sequence_sizes(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The sizes of the sequence headers among the first units of a stream."""
    for _ in range(16):
        header = data[at]
        # a forbidden bit, or no size of its own: then it reaches to the end
        if header & 0x80:
            return
        at += 2 if header & 4 else 1
        size, shift = (0, 0) if header & 2 else (len(data) - at, -1)
        while shift >= 0:
            size |= (data[at] & 127) << shift
            shift = shift + 7 if data[at] & 128 and shift < 49 else -1
            at += 1
        if header >> 3 & 15 == SEQUENCE_HEADER:
            yield _sequence_size(_Bits(data[at : at + min(size, 1024)]))
        at += size


def _sequence_size(bits: _Bits) -> tuple[int, int]:
    bits.read(4)
    # reduced_still_picture_header
    if bits.read(1):
        bits.read(5)
    else:
        _skip_operating_points(bits)
    wide, tall = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(wide) + 1, bits.read(tall) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    # timing_info_present_flag
    if bits.read(1):
        bits.read(64)
        # equal_picture_interval: a number of variable length
        if bits.read(1):
            zeros = 0
            while not bits.read(1):
                zeros += 1
            bits.read(zeros)
        # decoder_model_info_present_flag
        if bits.read(1):
            delay_bits = bits.read(5) + 1
            bits.read(42)
    display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        # seq_tier
        if bits.read(5) > 7:
            bits.read(1)
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.read(1):
            bits.read(4)
