"""The segments that a prefix needs are enough to decode it, and none is too many."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from modelhub import _core
from modelhub.errors import UsageError
from modelhub.fs.layout import Layout
from modelhub.pas.segments import segments_needed, steps_of
from modelhub.pas.session import Base, Session
from modelhub.pas.store import Store
from modelhub.tensors.arrays import TensorSpec, spec_of

VALUES = (np.random.default_rng(0).standard_normal((300, 40)) * 0.05).astype(np.float32)
NOISE = (np.random.default_rng(1).standard_normal((300, 40)) * 1e-4).astype(np.float32)

# Arrays from the one that stands alone on, each the base of the next; `!` for a fixed entry.
CHAINS = {
    "float32": [VALUES],
    "float64": [VALUES.astype(np.float64) + NOISE.astype(np.float64) ** 2],
    "float16": [VALUES.astype(np.float16)],
    "int8": [(VALUES * 500).astype(np.int8)],
    "delta": [VALUES, VALUES + NOISE],
    "two deltas": [VALUES, VALUES + NOISE, VALUES + 2 * NOISE],
    "wide delta": [VALUES.astype(np.float64), (VALUES + NOISE).astype(np.float64)],
    "other shape": [VALUES, (VALUES + NOISE)[:, :39]],
    "half": [VALUES + NOISE, VALUES, VALUES.astype(ml_dtypes.bfloat16)],
    "single": [VALUES.astype(np.float16), VALUES],
    "brain": [VALUES.astype(ml_dtypes.bfloat16), VALUES],
    "both ways": [VALUES, VALUES.astype(np.float16), (VALUES + NOISE).astype(np.float16)],
    "fixed!": [VALUES],
    "short fixed!": [VALUES.astype(ml_dtypes.bfloat16)],
    "on fixed!": [VALUES, VALUES + NOISE, VALUES + 2 * NOISE],
    "half on fixed!": [VALUES, VALUES.astype(np.float16)],
    "other on fixed!": [VALUES, (VALUES + NOISE)[:299]],
}


def raw(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


@pytest.fixture(params=sorted(CHAINS))
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> list[tuple[_core.PackReader, int]]:
    """Write arrays, each against the one before, and return the last one's chain."""
    layout = Layout(tmp_path / "r")
    layout.packs_dir.mkdir(parents=True)
    base = None
    with Session(layout, lambda object_id: None, depth_max=9) as session:
        for number, array in enumerate(CHAINS[request.param]):
            name, spec = bytes([number + 1]) * 32, spec_of(array)
            layout_name = "progressive" if "!" in request.param and number == 0 else "ordinary"
            is_delta = session.rewrite_tensor(name, spec, raw(array), base, layout_name)
            assert is_delta == (number > 0)
            base = Base(name, number, TensorSpec(spec.dtype, spec.shape), raw(array))
        session.seal()
        places = dict(session.places)
    found = Store(layout, places.get).chain(name)
    assert len(found) == len(CHAINS[request.param])
    assert found[-1][0].entry(found[-1][1]).is_fixed == ("!" in request.param)
    return found


def partial_of(reader: _core.PackReader, index: int, segments: int) -> _core.PartialEntry:
    entry = reader.entry(index)
    made = _core.PartialEntry(reader.read_range(entry.offset, entry.record_bytes))
    begin = entry.offset + entry.record_bytes
    for number, size in enumerate(entry.segment_bytes):
        if made.segments == number < segments:
            made.add(reader.read_range(begin, size))
        begin += size
    return made


def decode(links: list[tuple[_core.PartialEntry, int]], segments: int) -> np.ndarray:
    entry = links[0][0].entry
    out = np.empty(entry.raw_bytes, np.uint8)
    if entry.is_fixed:
        groups = -(-entry.raw_bytes // entry.width // entry.group_elements)
        _core.decode_prefix(links[0], out, np.empty(groups, np.uint8), segments)
    else:
        _core.decode(links, out, planes=segments)
    return out


def test_what_is_needed_is_enough_and_no_more(chain: list[tuple[_core.PackReader, int]]) -> None:
    entries = [reader.entry(index) for reader, index in chain]
    for segments in range(1, len(entries[0].segment_bytes) + 1):
        needed = segments_needed(entries, segments)
        partials = [partial_of(*link, n) for link, n in zip(chain, needed, strict=True)]
        decode([(partial, 0) for partial in partials], segments)
        for place, (link, count) in enumerate(zip(chain, needed, strict=True)):
            if entries[place].segment_bytes[count - 1] == 0:
                continue
            short = [partial_of(*link, count - 1) if n == place else partial
                     for n, partial in enumerate(partials)]  # fmt: skip
            with pytest.raises(UsageError, match="not held"):
                decode([(partial, 0) for partial in short], segments)


def test_steps_grow_and_end_exact(chain: list[tuple[_core.PackReader, int]]) -> None:
    entries = [reader.entry(index) for reader, index in chain]
    steps = steps_of(entries)
    for key in ("segments", "bits", "nbytes"):
        values = [getattr(step, key) for step in steps]
        assert values == sorted(set(values))
    assert steps[-1].segments == len(entries[0].segment_bytes)
    assert steps[-1].bits == 8 * entries[0].width
    out = np.empty(entries[0].raw_bytes, np.uint8)
    assert steps[-1].nbytes == _core.decode(chain, out)
    assert steps_of(entries, whole=True) == (steps[-1],)
