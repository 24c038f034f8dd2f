"""The core without a repository: arrays to compressed bytes and back.

A *blob* is one array, coded alone or as a *delta* against a *base*; docs/formats/blob.md specifies
it. A *preset* says how much time coding may take for how little room: `fast`, `default` or `dense`.
Coding is exact: every bit of every value comes back, NaN payloads and negative zeros included.

The memory of arrays and buffers is used where it lies, and the GIL is released meanwhile.
"""

from __future__ import annotations

from modelhub.codec.arrays import decode, decode_delta, encode, encode_delta
from modelhub.codec.presets import PRESETS

__all__ = ["PRESETS", "decode", "decode_delta", "encode", "encode_delta"]
