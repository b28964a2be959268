"""Names of classes from names of folders: any text becomes one that can be written, shown and told apart."""

from __future__ import annotations

from collections.abc import Iterable

from vae_core.storage.names import LONGEST, clean


def distinct(names: Iterable[str]) -> dict[str, str]:
    """A clean name for each name; two that would become one are numbered."""
    taken: set[str] = set()
    cleaned = {}
    for name in sorted(set(names)):
        base = candidate = clean(name)
        number = 2
        while candidate in taken:
            mark = f" ({number})"
            candidate = base[: LONGEST - len(mark)] + mark
            number += 1
        taken.add(candidate)
        cleaned[name] = candidate
    return cleaned


def in_order(names: Iterable[str]) -> list[str]:
    """The names sorted: by value if all are whole numbers ("2" before "10"), else by their characters."""
    known = list(names)
    if all(name.isascii() and name.removeprefix("-").isdigit() and len(name) < 19 for name in known):
        return sorted(known, key=lambda name: (int(name), name))
    return sorted(known)
