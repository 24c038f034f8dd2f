from __future__ import annotations

import pytest

from modelhub.catalog import rows
from modelhub.catalog.rows import Relation
from modelhub.errors import CorruptionError

# On disk: a relation's number never changes.
_NUMBERS = {
    "META": 1,
    "COUNT": 2,
    "VERSION": 16,
    "NAME": 17,
    "TIME": 18,
    "LAST": 19,
    "CHILD": 20,
    "TAG": 21,
    "METADATA": 22,
    "VALUE": 23,
    "USE": 24,
    "SERIES": 25,
    "METRIC": 26,
    "NETWORK": 27,
    "TREE": 32,
    "TENSOR": 33,
    "LAYERS": 40,
    "KIND": 41,
    "PAIR": 42,
    "ANNOTATION": 48,
    "LOCATION": 64,
    "PACK": 65,
    "SKETCH": 68,
    "BAND": 69,
    "FILE": 80,
}


def test_relations_keep_their_numbers() -> None:
    assert {relation.name: int(relation) for relation in Relation} == _NUMBERS


def test_a_row_is_pinned() -> None:
    key, value = rows.encode(Relation.TAG, ("m", "best"), b"id")
    assert key.hex() == "15086d000108626573740001"
    assert value.hex() == "27f4c00107026964"


@pytest.mark.parametrize("name", ["short", "x" * 2000])
def test_a_row_is_read_back_with_its_full_key(name: str) -> None:
    key, value = rows.encode(Relation.TENSOR, (b"tree", name), (1, "two"))
    assert len(key) <= 511
    full, items, record = rows.decode(key, value)
    assert items == (b"tree", name)
    assert record == (1, "two")
    assert full == rows.prefix_of(Relation.TENSOR, (b"tree", name))


@pytest.mark.parametrize("name", ["short", "x" * 2000])
def test_every_flipped_bit_is_noticed(name: str) -> None:
    key, value = rows.encode(Relation.TENSOR, (b"tree", name), (1, "two"))
    for data, other in ((key, False), (value, True)):
        for bit in range(0, 8 * len(data), 7):
            bad = bytearray(data)
            bad[bit // 8] ^= 1 << bit % 8
            pair = (key, bytes(bad)) if other else (bytes(bad), value)
            with pytest.raises(CorruptionError) as caught:
                rows.decode(*pair)
            assert "fsck --repair" in caught.value.hint


def test_a_value_cut_short_is_noticed() -> None:
    key, value = rows.encode(Relation.TAG, ("m", "best"), b"id")
    for size in range(len(value)):
        with pytest.raises(CorruptionError):
            rows.decode(key, value[:size])


@pytest.mark.parametrize("name", ["short", "x" * 2000])
def test_the_record_alone_is_checked_as_well(name: str) -> None:
    key, value = rows.encode(Relation.TENSOR, (b"tree", name), (1, "two"))
    assert rows.record_of(key, value) == (1, "two")
    for damaged in (value[:-1], value[:2], bytes([value[0] ^ 1]) + value[1:]):
        with pytest.raises(CorruptionError, match="checksum"):
            rows.record_of(key, damaged)
    with pytest.raises(CorruptionError):
        rows.record_of(key[:-1], value)
