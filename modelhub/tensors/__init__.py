"""Speak about arrays as bytes: the table of dtypes, and exact conversion to and from raw bytes.

A *component* is one number of the hardware's kind: a complex64 value has two of four bytes each.
A *packed* dtype has fewer than eight bits a value; its bytes are opaque here.
"""

from __future__ import annotations
