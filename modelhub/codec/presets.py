"""Names of the presets, and what a base of another shape or dtype becomes."""

from __future__ import annotations

from typing import Literal

from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import by_name

__all__ = [
    "LEADING_PLANES",
    "PRESETS",
    "BaseAs",
    "Preset",
    "base_as",
    "can_be_base",
    "needs_leading",
]

Preset = Literal["fast", "default", "dense"]
PRESETS: tuple[Preset, ...] = ("fast", "default", "dense")

# dtype code, width, value kind, shape and conversion: what the core is told of a base.
BaseAs = tuple[int, int, int, tuple[int, ...], int]

# Numbers on disk, see docs/formats/pack.md. Base dtype, own dtype -> conversion.
_CONVERSIONS = {
    ("float32", "bfloat16"): 1,
    ("float32", "float16"): 2,
    ("bfloat16", "float32"): 3,
    ("float16", "float32"): 4,
}


def can_be_base(base: TensorSpec, own: TensorSpec) -> bool:
    """Tell whether an array can be coded against such a base at all."""
    return base.dtype == own.dtype or (base.dtype, own.dtype) in _CONVERSIONS


# Bytes of each value of a float32 that a delta of 16 bits on it needs; the core's PlanesBefore.
LEADING_PLANES = 3


def needs_leading(base: TensorSpec, own: TensorSpec) -> bool:
    """Tell whether a delta on such a base needs its leading planes alone.

    REQUIRES: can_be_base(base, own)
    """
    return base.dtype == "float32" and own.dtype != base.dtype


def base_as(base: TensorSpec, own: TensorSpec) -> BaseAs | None:
    """Return what the core must know of a base; None if it is as the array itself.

    REQUIRES: can_be_base(base, own)
    """
    if base == own:
        return None
    row = by_name(base.dtype)
    conversion = _CONVERSIONS.get((base.dtype, own.dtype), 0)
    return row.code, row.width, row.kind, base.shape, conversion
