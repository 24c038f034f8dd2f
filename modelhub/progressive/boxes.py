"""The box of each weight whose leading bytes are known: all values that they may go on to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.errors import BadInputError
from modelhub.tensors.dtypes import from_numpy

__all__ = ["DTYPES", "cut_again", "cut_box", "weights_box"]

# Dtypes with sign, exponent and fraction in this order, whose values float64 holds exactly.
DTYPES = frozenset({"float16", "bfloat16", "float32", "float64"})

Floats = npt.NDArray[np.float64]


def weights_box(array: np.ndarray[Any, Any], planes: int) -> tuple[Floats, Floats]:
    """Return the least and the largest value that each weight may have, as float64.

    Floats of one sign are ordered like their bits, so the ends are those with all unread bits 0 and
    all 1. If unread bits of the exponent may make it an infinity, the box is unbounded.

    Args:
        array: Weights of which the leading `planes` bytes are right; the others are not looked at.
        planes: At least 1; at or above the width of the dtype the box is the value, and both ends
            are one array.

    Raises:
        BadInputError: the dtype has no boxes, `planes` is below 1, or a weight is surely an
            infinity or not a number.
    """
    dtype = from_numpy(array.dtype)
    if dtype.name not in DTYPES:
        raise BadInputError(
            f"weights of dtype {dtype.name}",
            expected="one of " + ", ".join(sorted(DTYPES)),
            kind="bad_dtype",
        )
    if planes < 1:
        raise BadInputError(f"planes={planes}", expected="1 or more")
    bits = np.ascontiguousarray(array).view(f"<u{dtype.width}").reshape(array.shape)
    unread = bits.dtype.type((1 << 8 * max(dtype.width - planes, 0)) - 1)
    near = _values(bits & ~unread, array.dtype)
    if not np.isfinite(near).all():
        raise BadInputError("a weight that is infinite or not a number", expected="finite weights")
    if planes >= dtype.width:
        return near, near
    far = _values(bits | unread, array.dtype)
    unbounded = ~np.isfinite(far)
    if unbounded.any():
        far[unbounded] = np.copysign(np.inf, near[unbounded])
    return _ordered(near, far)


def cut_box(
    array: np.ndarray[Any, Any], exponents: np.ndarray[Any, Any], group: int, bits: int
) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of weights cut to a few bits at fixed places.

    A weight has the sign of what is left of it, t, and a magnitude of |t| at least and |t| + step
    at most, step = 2^(e - bias + 2 - bits): csrc/mh/codec/fixed/spec.md. All of it is exact.

    Args:
        array: t, of float16, bfloat16 or float32.
        exponents: The exponent field e of each run of `group` weights, in flat order.
        bits: Leading bits known of each weight, its sign included: 2 or more, up to all but the
            tail.
    """
    near = array.astype(np.float64)
    bias = 15 if from_numpy(array.dtype).name == "float16" else 127
    steps = np.ldexp(1.0, exponents.astype(np.int64) - bias + 2 - bits)
    # A group may be said to be longer than the array.
    far = np.repeat(steps, min(group, near.size))[: near.size].reshape(near.shape)
    np.copysign(far, near, out=far)
    far += near
    return _ordered(near, far)


def cut_again(
    array: np.ndarray[Any, Any],
    exponents: np.ndarray[Any, Any],
    larger: np.ndarray[Any, Any],
    group: int,
    bits: int,
) -> np.ndarray[Any, Any]:
    """Return weights cut as they would be if their groups had the exponents `larger`.

    Equal weights of two tensors are cut at other places where other weights of their groups differ.
    After this they are equal again. The other arguments are those of `cut_box`; exponents in
    `larger` that are not above the own ones change nothing.
    """
    moved = np.flatnonzero(larger > exponents)
    if not moved.size:
        return array
    bias = 15 if from_numpy(array.dtype).name == "float16" else 127
    steps = np.ldexp(1.0, larger.astype(np.int64) - bias + 2 - bits)
    flat = array.flatten()
    for number in moved:
        part = slice(number * group, (number + 1) * group)
        # A power of two, and fewer bits of each weight: all of it is exact.
        cut = np.trunc(flat[part].astype(np.float64) / steps[number]) * steps[number]
        flat[part] = cut.astype(array.dtype)
    return flat.reshape(array.shape)


def _ordered(near: Floats, far: Floats) -> tuple[Floats, Floats]:
    """Return the lesser and the greater of two ends, in the memory of the second and a new one."""
    # Without `out`, that of no dimensions would be a scalar.
    least = np.minimum(near, far, out=np.empty_like(far))
    return least, np.maximum(near, far, out=far)


def _values(bits: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> Floats:
    # Signalling NaNs among the patterns would warn on the way.
    with np.errstate(invalid="ignore"):
        # Of no dimensions, it is a scalar by now.
        return np.asarray(bits.view(dtype)).astype(np.float64)
