"""The row of an outline: pinned, and refused where it is of another shape."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from modelhub.catalog import keys, outlines, rows
from modelhub.catalog.rows import Relation
from modelhub.errors import CorruptionError
from modelhub.net.outline import Outline

_OUTLINE = Outline(
    inputs=("x",),
    names=("conv1", "relu1", "fc"),
    kinds=("CONV", "RELU", "FULL"),
    sources=((0,), (1,), (2, 1)),
    outputs=(3,),
    attributes=[{"kernel": (3, 3)}, {}, {"out": 10}],
    pairs=frozenset({("CONV", "FULL"), ("CONV", "RELU"), ("RELU", "FULL")}),
)


def test_a_row_is_pinned() -> None:
    key, value = rows.encode(Relation.LAYERS, (b"n" * 4,), outlines.outline_row(_OUTLINE))
    assert key.hex() == "28076e6e6e6e0001"
    assert value.hex() == PINNED


PINNED = (
    "a936dd18090a02080178080e636f6e76310a72656c75310a6663080e434f4e562046554c4c2052454c5507030002"
    "01070601000100020007080000010002000100070203000706000100020201072709020a030b0108066b65726e65"
    "6c0902030303030b000b0108036f7574030a0706000001000200"
)


def test_networks_that_differ_in_attributes_alone_have_one_structure() -> None:
    def structure(**changes: Any) -> object:
        row = outlines.outline_row(dataclasses.replace(_OUTLINE, **changes))
        return outlines.outline_of_row(row).structure

    own = structure()
    assert own == structure(attributes=[{"kernel": (5, 5)}, {}, {"out": 3}])
    others = [
        structure(outputs=(2,)),
        structure(executable=False),
        structure(inputs=("y",)),
        structure(names=("conv1", "relu1", "fc1")),
        structure(kinds=("CONV", "FULL", "RELU")),
        structure(sources=((0,), (1,), (1, 2))),
    ]
    assert len({own, *others}) == 7


@pytest.mark.parametrize("row", [
    None, 5, (), ("a",) * 10, (True, "x", "a", "CONV", b"\x07", b"\1\0", b"\0\0", b"", b"", b""),
    (True, "x", "a", "CONV", b"\x00", b"\1\0", b"\0", b"", b"", b""),
    (True, "x", "a", "CONV", b"\x00", b"\1\0", b"\xff\xff", b"", b"", b""),
    (True, 1, "a", "CONV", b"\x00", b"\1\0", b"\0\0", b"", b"", b""),
    (True, "x", "a\nb", "CONV", b"\x00", b"\1\0", b"\0\0", b"", b"", b""),
])  # fmt: skip
def test_rows_of_another_shape_are_refused(row: Any) -> None:
    with pytest.raises(CorruptionError):
        outlines.outline_of_row(row)


def test_attributes_of_another_shape_are_refused_when_asked_for() -> None:
    row = list(outlines.outline_row(_OUTLINE))
    for wrong in (b"", b"\xff", keys.pack_record(5), keys.pack_record(([], b"\0\0"))):
        row[-1] = wrong
        found = outlines.outline_of_row(tuple(row))
        with pytest.raises(CorruptionError):
            found.attributes[0]


@pytest.mark.parametrize(
    "row", [None, (1,), (True, "", "", "A B", b"", b"", b"", b"", b"\x05\x00", b"")]
)
def test_terms_of_another_shape_are_refused(row: Any) -> None:
    with pytest.raises(CorruptionError):
        outlines.terms_of_row(row)
