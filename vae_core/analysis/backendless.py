"""matplotlib for its colour maps and its font: no window is opened, so an MPLBACKEND that names no backend does no harm.

    from vae_core.analysis.backendless import matplotlib

>>> matplotlib.colormaps["gray"](1.0)[:3] == (1, 1, 1)
True
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

__all__ = ["matplotlib"]

if "matplotlib" in sys.modules:
    import matplotlib
else:
    # It reads the variable when it is imported, and nonsense in it ends the import.
    _named = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if _named is not None:
            os.environ["MPLBACKEND"] = _named
    # For whoever draws with it in the same process, as in a notebook.
    with suppress(ValueError):
        if _named:
            matplotlib.rcParams["backend"] = _named
