"""The one rule for the names that users give to runs and models, since folders bear them.

>>> checked_name("my first run")
'my-first-run'
>>> checked_name("../x")
Traceback (most recent call last):
    ...
vae_core.runs.control.RunError: a name is 1 to 60 letters, digits, dots, dashes or underscores and begins with a letter or digit; got '../x'.
"""

from __future__ import annotations

import re

from vae_core.runs.control import RunError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


def checked_name(text: str) -> str:
    """Name of a folder as its user has typed it, with dashes for spaces.

    Raises:
        RunError: It is none that every system takes.
    """
    name = "-".join(text.split(" "))
    if not _NAME.fullmatch(name):
        raise RunError(
            f"a name is 1 to 60 letters, digits, dots, dashes or underscores and begins with a letter or digit; got {text!r}."
        )
    return name
