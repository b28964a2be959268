"""TensorFlow imported without its notes about the machine. In this room, since importing vae_core.training imports TensorFlow.

>>> with without_notes():
...     import tensorflow
>>> tensorflow.reduce_sum([1, 2]).shape
TensorShape([])
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_notes() -> Iterator[None]:
    """Make a context in which nothing reaches stderr: what TensorFlow's C++ side notes about the machine breaks no progress bar.

    Nothing else it can print while it is imported is of use, and a Python exception still comes through.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
