"""Say which leading segments of stored entries a read by prefix needs, through chains of deltas.

The unit of prefixes is the *segment*: a tensor is read by the leading segments of its own entry,
and of each base below as many as those need. A segment is a byte of each value, or a few bits in a
fixed entry. What is said here follows from docs/formats/pack.md, *Fewer planes*, and from the
indexes of packs alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelhub._core import Entry
from modelhub.codec.presets import LEADING_PLANES, needs_leading
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import by_code

__all__ = ["Step", "segments_needed", "steps_of"]

# Segments of an element that a delta codes as one: half of it, docs/formats/pack.md.
_LEVELS = 2


@dataclass(frozen=True, slots=True)
class Step:
    """A prefix that a tensor can be read by.

    Args:
        segments: Leading segments of the tensor's own entry.
        bits: Leading bits of each value that are known then; all of them in the last step.
        nbytes: Compressed bytes of payload, of the entry and of all that it stands on.
    """

    segments: int
    bits: int
    nbytes: int


def _level_end(entry: Entry, planes: int) -> int:
    """Return the segments of a delta, or of what lies under it, that hold the leading bytes."""
    half = entry.width // _LEVELS if entry.width > _LEVELS else entry.width
    return half if planes <= half else entry.width


def segments_needed(chain: Sequence[Entry], segments: int) -> list[int]:
    """Return the leading segments to read of each entry of a chain, for those of the first.

    Args:
        chain: The entry, its base, its base's base... down to one that stands alone.
        segments: 1 to as many as the entry has.
    """
    own = chain[0]
    read = segments if own.base is None else _level_end(own, segments)
    last = next((n for n, entry in enumerate(chain) if entry.is_mapped), len(chain) - 1)
    needed = [read, *(_planes(entry, read) for entry in chain[1 : last + 1])]
    rest = chain[last + 1 :]
    if rest:
        planes = _below_mapped(chain[last], rest[0], segments)
        needed += segments_needed(rest, _planes(rest[0], planes))
    return needed


def _planes(base: Entry, planes: int) -> int:
    """Return the segments of a base that tell the leading bytes of its values."""
    return len(base.segment_bytes) if base.is_fixed else planes


def _below_mapped(delta: Entry, base: Entry, planes: int) -> int:
    """Return the leading bytes of a base's values that a mapped delta on it needs."""
    if delta.dtype_code == base.dtype_code:
        return base.width if planes == delta.width else _level_end(delta, planes)
    # A conversion takes values whole, or nearly, whatever is asked of its outcome.
    specs = [TensorSpec(by_code(entry.dtype_code).name, entry.shape) for entry in (base, delta)]
    return LEADING_PLANES if needs_leading(*specs) else base.width


def steps_of(chain: Sequence[Entry], *, whole: bool = False) -> tuple[Step, ...]:
    """Return the prefixes that an entry can be read by, coarse to fine; the last one is exact.

    A prefix that takes no byte less than a finer one is left out, so bytes grow from step to step.

    Args:
        chain: As for `segments_needed`.
        whole: There is but one step, the exact one.
    """
    own = chain[0]
    count = len(own.segment_bytes)
    found: list[Step] = []
    for segments in range(count if whole else 1, count + 1):
        needed = segments_needed(chain, segments)
        nbytes = sum(
            sum(entry.segment_bytes[:leading]) for entry, leading in zip(chain, needed, strict=True)
        )
        if found and found[-1].nbytes == nbytes:
            found.pop()
        # The tail of a fixed entry has no bits of its own: it completes every value.
        bits = 8 * own.width if segments == count else sum(own.segment_bits[:segments])
        found.append(Step(segments, bits, nbytes))
    return tuple(found)
