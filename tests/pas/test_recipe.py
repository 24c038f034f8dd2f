"""Recipes: what is written is read, and nothing else is accepted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.errors import CorruptionError
from modelhub.pas.recipe import Literal, Recipe, Reference, decode, encode

SHA = bytes(range(32))

steps = st.one_of(
    st.builds(Literal, st.binary(max_size=80)),
    st.builds(
        Reference, st.binary(min_size=32, max_size=32), st.integers(0, 9), st.integers(0, 2**40)
    ),
)


def size_of(operations: list[Literal | Reference]) -> int:
    return sum(len(s.data) if isinstance(s, Literal) else s.length for s in operations)


@given(st.lists(steps, max_size=12))
def test_round_trip(operations: list[Literal | Reference]) -> None:
    size = size_of(operations)
    assert decode(encode(size, SHA, operations)) == Recipe(size, SHA, tuple(operations))


@given(st.lists(steps, min_size=1, max_size=4), st.data())
def test_every_cut_is_refused(operations: list[Literal | Reference], data: st.DataObject) -> None:
    whole = encode(size_of(operations), SHA, operations)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CorruptionError):
        decode(whole[:cut])


def test_sizes_must_add_up() -> None:
    with pytest.raises(CorruptionError, match="cover 3 bytes of 4"):
        decode(encode(4, SHA, [Literal(b"abc")]))


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(CorruptionError, match="after the last"):
        decode(encode(3, SHA, [Literal(b"abc")]) + b"x")


def test_a_newer_version_is_named() -> None:
    data = bytearray(encode(0, SHA, []))
    data[4] = 2
    with pytest.raises(CorruptionError) as caught:
        decode(bytes(data))
    assert caught.value.kind == "unsupported_version"


def test_objects_are_listed_once() -> None:
    first, second = b"a" * 32, b"b" * 32
    operations = [Reference(first, 0, 1), Reference(second, 0, 1), Reference(first, 1, 1)]
    assert decode(encode(3, SHA, operations)).object_ids == [first, second]


def test_the_worked_example_of_the_format_page() -> None:
    sha = bytes.fromhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    data = encode(3, sha, [Literal(b"abc")])
    assert data.hex() == (
        "4d485243" + "01" + "000000" + "0300000000000000" + sha.hex() + "01000000"
        "00" + "03000000" + "616263"
    )
    assert len(data) == 60
