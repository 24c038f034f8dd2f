"""What a chain costs to read, against the bytes that reads of it take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from modelhub import ids
from modelhub.errors import NotFoundError
from modelhub.fs.layout import Layout
from modelhub.pas.recreation import Chains
from modelhub.pas.session import Session
from modelhub.tensors.arrays import spec_of, to_bytes

RNG = np.random.default_rng(5)
WEIGHTS = RNG.normal(0, 0.05, (60, 50)).astype(np.float32)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    layout = Layout(tmp_path)
    layout.packs_dir.mkdir(parents=True)
    with Session(layout, lambda _: None, depth_max=100) as opened:
        yield opened


def add(session: Session, array: np.ndarray, base: bytes | None = None) -> bytes:
    spec, data = spec_of(array), to_bytes(array)
    object_id = ids.tensor_id(spec.dtype, spec.shape, data)
    session.add_tensor(object_id, spec.dtype, spec.shape, data, base)
    session.seal()
    return object_id


def test_a_chain_costs_what_reading_it_takes(session: Session) -> None:
    added = [add(session, WEIGHTS)]
    for step in range(1, 5):
        added.append(add(session, WEIGHTS + np.float32(step * 1e-5), added[-1]))
    chains = Chains(session.store)
    for depth, object_id in enumerate(added):
        link = chains.link(object_id)
        assert link.depth == depth
        assert link.spec == spec_of(WEIGHTS)
        assert link.recreation_bytes == session.store.read(object_id).bytes_read
        assert [under.id for under in chains.chain(object_id)] == added[: depth + 1][::-1]
    assert link.base == added[-2]
    assert link.stored_bytes == link.recreation_bytes - chains.link(added[-2]).recreation_bytes


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_twin_reads_the_leading_bytes_of_what_stands_alone(session: Session, steps: int) -> None:
    own = WEIGHTS
    base = add(session, own)
    for _ in range(steps):
        own = own + np.float32(1e-5)
        base = add(session, own, base)
    twin = add(session, own.astype(ml_dtypes.bfloat16), base)
    chains = Chains(session.store)
    link = chains.link(twin)
    assert session.store.entry(twin).is_mapped
    assert link.recreation_bytes == session.store.read(twin).bytes_read
    assert (link.recreation_bytes < chains.link(base).recreation_bytes) == (steps == 0)


def test_an_object_that_is_not_stored(session: Session) -> None:
    with pytest.raises(NotFoundError):
        Chains(session.store).link(b"?" * 32)
