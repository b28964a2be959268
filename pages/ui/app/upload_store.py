"""Uploaded pictures, kept for their visitor while the server runs: a reload, or the back button, finds them again.

The address names an upload by its digest; what it opens is looked for among the visitor's own, whom the cookie tells
(`visitor.py`). Kept in memory only: a few files a visitor and `ALL_MB` of all, the oldest go first, and two hours after their
last use.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from pages.ui.app.visitor import owner

FILES, VISITOR_MB, ALL_MB = 6, 60, 256  # of one visitor, and of all together
HOURS = 2.0


@dataclass(frozen=True)
class Upload:
    """A picture of the user's as it came: name and bytes, with the switches of `preprocessing.prepare`.

    box: the part that is kept, (left, top, right, bottom) as shares of the sides; None: all of it. invert, crop: None treats
    it as the model's training data were. contrast: stretched to the full range.
    """

    name: str
    data: bytes
    invert: bool | None = None
    crop: bool | None = None
    contrast: bool = False
    box: tuple[float, float, float, float] | None = None

    @property
    def digest(self) -> str:
        """The same for the same bytes."""
        return hashlib.blake2b(self.data, digest_size=8).hexdigest()


_LOCK = threading.Lock()
_kept: OrderedDict[tuple[str, str], tuple[Upload, float]] = OrderedDict()  # by visitor and digest, the oldest use first


def keep(upload: Upload) -> None:
    """Remember this visitor's upload with its switches; what is over the bounds goes, the longest unused first."""
    key = owner(), upload.digest
    with _LOCK:
        _drop_old()
        _kept[key] = (upload, time.monotonic())
        _kept.move_to_end(key)
        mine = [other for other in _kept if other[0] == key[0]]
        while len(mine) > 1 and (len(mine) > FILES or _bytes(mine) > VISITOR_MB << 20):
            del _kept[mine.pop(0)]
        while len(_kept) > 1 and _bytes(list(_kept)) > ALL_MB << 20:
            _kept.popitem(last=False)


def find(digest: str) -> Upload | None:
    """This visitor's upload of that digest, with the switches it had last; None if it is not kept (any more)."""
    with _LOCK:
        _drop_old()
        entry = _kept.get((owner(), digest))
    if entry is not None:
        keep(entry[0])
    return None if entry is None else entry[0]


def _drop_old() -> None:
    last = time.monotonic() - HOURS * 3600
    for key in [key for key, (_, used) in _kept.items() if used < last]:
        del _kept[key]


def _bytes(keys: list[tuple[str, str]]) -> int:
    return sum(len(_kept[key][0].data) for key in keys)
