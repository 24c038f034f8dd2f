"""Estimate what a tensor would take in a pack, alone or as a delta, from a sample of its blocks.

The core's own encoder codes the sample, planned as it would be for the whole tensor, so that the
estimate knows all that the encoder does; bytes of the sample's segments are scaled up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelhub import _core
from modelhub.codec.presets import Preset, base_as, can_be_base
from modelhub.errors import BadInputError
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import by_name

__all__ = ["Estimate", "estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a tensor would take.

    Args:
        stored_bytes: Record and segments, comparable with `Entry.stored_bytes`.
        segment_bytes: Of each segment, the most significant first. Where one cell holds several
            planes (a delta's level, a palette) their bytes are all in its first.
        is_delta: Whether it would be coded against the base; if not, it is smaller alone.
    """

    stored_bytes: int
    segment_bytes: tuple[int, ...]
    is_delta: bool


def estimate(
    own: np.ndarray,
    own_spec: TensorSpec,
    base: np.ndarray | None,
    base_spec: TensorSpec | None,
    *,
    preset: Preset = "default",
) -> Estimate:
    """Return what a tensor would take, as a delta where a base is given and that is smaller.

    Tensors of up to two blocks are coded whole, so that nothing is estimated; of larger ones two to
    eight blocks' worth in short runs all over them: one to four milliseconds, whatever the size.
    The GIL is released meanwhile.

    Args:
        own: The raw bytes, uint8 [own_spec.nbytes], contiguous.
        base: Those of a base, uint8 [base_spec.nbytes], contiguous, or None for alone.

    Raises:
        BadInputError: the two cannot be compared (`can_be_base`), or a length is wrong.
    """
    row = by_name(own_spec.dtype)
    mapping = None
    _check_length(own, own_spec)
    if base is not None:
        if base_spec is None or not can_be_base(base_spec, own_spec):
            kind = "a base without its dtype" if base_spec is None else f"a {base_spec.dtype} base"
            raise BadInputError(
                f"{kind} for a {own_spec.dtype} tensor",
                expected="the same dtype, or float32 and one of bfloat16 and float16",
                kind="bad_dtype",
            )
        _check_length(base, base_spec)
        mapping = base_as(base_spec, own_spec)
    found = _core.estimate(
        row.code,
        row.width,
        row.kind,
        own_spec.shape,
        own,
        preset=preset,
        base=base,
        base_as=mapping,
    )
    segments = tuple(found["segment_bytes"])
    return Estimate(found["record_bytes"] + sum(segments), segments, found["is_delta"])


def _check_length(data: np.ndarray, spec: TensorSpec) -> None:
    if data.nbytes != spec.nbytes:
        raise BadInputError(
            f"{data.nbytes} bytes for a {spec.dtype} tensor of shape {list(spec.shape)}",
            expected=f"{spec.nbytes} bytes",
            kind="bad_shape",
        )
