from __future__ import annotations

import pytest

from modelhub.containers.model import Parsed, Storage, TensorEntry
from modelhub.errors import BadInputError


def parsed(*ranges, size=100, names=None):
    storages = [
        Storage(index, offset, nbytes, "uint8", (nbytes,))
        for index, (offset, nbytes) in enumerate(ranges)
    ]
    names = names or [f"t{index}" for index in range(len(ranges))]
    tensors = [TensorEntry(name, i, "uint8", (ranges[i][1],)) for i, name in enumerate(names)]
    return Parsed("test", size, storages, tensors)


def test_pieces_cover_the_file_in_order():
    assert list(parsed((50, 10), (10, 20)).pieces()) == [
        ("literal", 0, 10),
        ("storage", 1, 10, 20),
        ("literal", 30, 20),
        ("storage", 0, 50, 10),
        ("literal", 60, 40),
    ]


def test_pieces_without_literals_and_with_empty_storages():
    assert list(parsed((0, 60), (60, 40), (60, 0), (100, 0)).pieces()) == [
        ("storage", 0, 0, 60),
        ("storage", 2, 60, 0),
        ("storage", 1, 60, 40),
        ("storage", 3, 100, 0),
    ]
    assert list(parsed(size=0).pieces()) == []
    assert list(parsed(size=3).pieces()) == [("literal", 0, 3)]


def test_detached_storages_are_loaded_on_demand():
    one = Parsed(
        "test",
        10,
        [Storage(0, None, 2, "uint8", (2,)), Storage(1, None, 2, "uint8", (2,))],
        [],
        detached={0: lambda: b"ab", 1: lambda: b"abc"},
    )
    assert list(one.pieces()) == [("literal", 0, 10)]
    assert one.load_detached(0) == b"ab"
    with pytest.raises(BadInputError):
        one.load_detached(1)


def test_in_place_leaves_out_what_is_detached():
    one = Parsed(
        "test",
        10,
        [
            Storage(0, None, 2, "uint8", (2,)),
            Storage(1, 4, 2, "uint8", (2,)),
            Storage(2, 0, 3, "uint8", (3,)),
        ],
        [
            TensorEntry("a", 0, "uint8", (2,)),
            TensorEntry("b", 2, "uint8", (3,)),
            TensorEntry("c", 1, "uint8", (2,)),
            TensorEntry("d", 2, "uint8", (1,), 1, (1,)),
        ],
        detached={0: lambda: b"ab"},
    )
    kept = one.in_place()
    assert [(s.index, s.offset) for s in kept.storages] == [(0, 4), (1, 0)]
    assert [(t.name, t.storage) for t in kept.tensors] == [("b", 1), ("c", 0), ("d", 1)]
    assert list(kept.pieces()) == [
        ("storage", 1, 0, 3),
        ("literal", 3, 1),
        ("storage", 0, 4, 2),
        ("literal", 6, 4),
    ]
    assert kept.in_place() is kept


@pytest.mark.parametrize(
    ("structure", "kind"),
    [
        (parsed((90, 11)), "truncated"),
        (parsed((0, 10), (9, 10)), "bad_header"),
        (parsed((0, 10), (0, 10)), "bad_header"),
        (parsed((0, 10), (10, 10), names=["a", "a"]), "duplicate_name"),
    ],
)
def test_check_refuses(structure, kind):
    with pytest.raises(BadInputError) as caught:
        structure.check("model.x")
    assert caught.value.kind == kind
    assert str(caught.value).startswith("model.x: ")


def test_check_admits_neighbours_and_empty_ranges():
    parsed((0, 10), (10, 0), (10, 90), (100, 0)).check("model.x")
