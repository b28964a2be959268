"""The snapshots of a training for the map's timeline: small, each sent once a session, and only if they are looked at.

A part of it holds the decoder's kernels in 8 bits, its other weights in 32, the codes in 16, and pictures in 8: those over the
map that the server has decoded, and the sheet (fixed test images, their reconstructions, samples of the prior). What is shown
between two of them is a cross-fade in the browser and no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pages.ui.components.live_map.parts import LIGHT_MULTIPLY_ADDS, framed, kl_per_unit
from vae_core.checkpoints.export import packed_decoder
from vae_core.checkpoints.timeline import Frame
from vae_core.network.layers import Network
from vae_core.network.quantize import SCALE, quantize


@dataclass(frozen=True)
class Pictures:
    """What is decoded at one snapshot, for the browser to show.

    Attributes:
        sheet: uint8 (rows * columns, h, w, c), row by row from the top.
        columns: Pictures of a row.
        words: What each row is.
        grid: uint8 (side * side, h, w, c) over the map from the lower left, row by row; None leaves it to the browser.
        side: Pictures along a side of the map.
        extent: Half the side of the map.
    """

    sheet: np.ndarray
    columns: int
    words: tuple[str, ...]
    grid: np.ndarray | None = None
    side: int = 0
    extent: float = 0.0


class FramePart:
    """One snapshot as a part, known by its identity before it is packed.

    Args:
        step: Of the training.
        identity: Another one for whatever shows something else.
        pack: Gives header and payload; called once, if a browser asks.
    """

    def __init__(self, step: int, identity: str, pack: Callable[[], tuple[dict[str, Any], bytes]]) -> None:
        self.step, self._pack = step, pack
        self.digest = hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()

    @cached_property
    def data(self) -> bytes:
        """Packed now, and kept."""
        header, payload = self._pack()
        return framed(header, self.digest, payload)


@dataclass(frozen=True)
class Timeline:
    """The snapshots below a map that holds the newest of them.

    Attributes:
        frames: Oldest first; the last is the map's own, packed without decoder and codes.
        eager: They are sent with the page; else when a visitor first turns to the timeline.
        plays: It plays by itself, again and again, until somebody touches it.
        plain: Without the map's own controls.
        charts: Keys of the charts that a marker moves along.
        last_step: Right end of their axes.
    """

    frames: tuple[FramePart, ...]
    eager: bool = True
    plays: bool = False
    plain: bool = False
    charts: tuple[str, ...] = ()
    last_step: int = 1

    def settings(self, coming: Sequence[str]) -> tuple[Any, ...]:
        """What the browser is told; see `Timeline` in types.d.ts."""
        frames = tuple((frame.step, frame.digest) for frame in self.frames)
        return frames, tuple(coming), self.plays, self.plain, self.charts, self.last_step, self.eager


def pack_frame(network: Network, frame: Frame, pictures: Pictures, newest: bool) -> tuple[dict[str, Any], bytes]:
    """Header and payload of a snapshot; see `frames.js`. newest: without decoder and codes."""
    shape = [int(side) for side in network.image_shape]
    blocks: dict[str, bytes] = {}
    header: dict[str, Any] = {
        "step": frame.step,
        "latent_dim": network.latent_dim,
        "n": 0,
        "shape": shape,
        "grid": None,
    }
    if not newest:
        header |= _pack_model(network, frame, blocks)
    count = len(pictures.sheet) // pictures.columns
    rows = pictures.sheet.reshape(count, pictures.columns, -1)[::-1]  # a mosaic begins at the lower left
    blocks["pictures"] = np.ascontiguousarray(rows).tobytes()
    header["pictures"] = {"columns": pictures.columns, "rows": count, "words": list(pictures.words)}
    if pictures.grid is not None:
        blocks["grid"] = np.ascontiguousarray(pictures.grid).tobytes()
        header["grid"] = {"side": pictures.side, "extent": pictures.extent}
    places, at = {}, 0
    for name, block in blocks.items():
        places[name] = (at, len(block))
        at += len(block)
    return {**header, "places": places}, b"".join(blocks.values())


def _pack_model(network: Network, frame: Frame, blocks: dict[str, bytes]) -> dict[str, Any]:
    """The decoder and the codes; blocks: the widest numbers first, so that each lies where its kind may."""
    packed = quantize({name: frame.decoder[name] for name in network.decoder.weight_shapes()})
    floats: list[bytes] = []
    kernels: list[bytes] = []
    where: dict[str, dict[str, int | None]] = {}
    ends = {"floats": 0, "kernels": 0}

    def put(kind: str, array: np.ndarray, into: list[bytes]) -> int:
        at = ends[kind]
        into.append(np.ascontiguousarray(array, "<f4" if kind == "floats" else np.int8).tobytes())
        ends[kind] += array.size
        return at

    for name in network.decoder.weight_shapes():
        array = packed[name]
        if array.dtype == np.int8:
            scale = put("floats", packed[name + SCALE], floats)
            where[name] = {"at": put("kernels", array, kernels), "scale": scale}
        else:
            where[name] = {"at": put("floats", array, floats), "scale": None}
    description, whole = packed_decoder(network, frame.decoder)
    latents = frame.latents
    codes = np.concatenate([latents.z_mean.ravel(), latents.z_log_var.ravel()]).clip(-60_000, 60_000)
    blocks["floats"] = b"".join(floats)
    blocks["codes"] = codes.astype("<f2").tobytes()
    blocks["kernels"] = b"".join(kernels)
    blocks["labels"] = np.minimum(latents.labels, 255).astype(np.uint8).tobytes()
    return {
        "description": description,
        "packed": where,
        "size": len(whole) // 4,
        "multiply_adds": network.decoder.multiply_adds(),
        "light": LIGHT_MULTIPLY_ADDS,
        "n": len(latents.z_mean),
        "kl": kl_per_unit(latents).tolist(),
    }
