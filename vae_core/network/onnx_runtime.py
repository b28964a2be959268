"""ONNX Runtime, told before it is loaded to gather nothing.

Some builds note every session in a database in the user's home and send it to their maker. Import `ort` from here only.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when the library is loaded

import onnxruntime as ort

ort.disable_telemetry_events()  # where another program in this process has loaded it before

__all__ = ["ort"]
