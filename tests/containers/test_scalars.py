from __future__ import annotations

import pytest

from modelhub.containers import limits
from modelhub.containers.scalars import Scalars


def test_scalars_keep_their_types():
    scalars = Scalars()
    values = {"a": 1, "b": 1.0, "c": True, "d": "x", "e": -(2**63), "f": 2**63 - 1, "g": ""}
    for name, value in values.items():
        scalars.add(name, value)
    assert scalars.values == values
    assert [type(value) for value in scalars.values.values()] == [type(v) for v in values.values()]
    assert scalars.notes() == []


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("a", 2**63, False),
        ("a", -(2**63) - 1, False),
        ("a", "x" * limits.METADATA_VALUE_BYTES_MAX, True),
        ("a", "x" * (limits.METADATA_VALUE_BYTES_MAX + 1), False),
        ("a", "é" * (limits.METADATA_VALUE_BYTES_MAX // 2 + 1), False),
        ("a", "\ud800", False),
        ("\ud800", 1, False),
        ("n" * limits.NAME_BYTES_MAX, 1, True),
        ("n" * (limits.NAME_BYTES_MAX + 1), 1, False),
    ],
)
def test_limits(name, value, fits):
    scalars = Scalars()
    scalars.add(name, value)
    assert (scalars.values == {name: value}) == fits
    assert bool(scalars.notes()) != fits


def test_the_count_at_its_limit():
    scalars = Scalars()
    for index in range(limits.METADATA_COUNT_MAX):
        scalars.add(str(index), index)
    scalars.add("0", "replaced")
    assert scalars.notes() == []
    scalars.add("one more", 1)
    assert len(scalars.values) == limits.METADATA_COUNT_MAX
    assert scalars.values["0"] == "replaced"
    assert scalars.notes() == ["1 values that are no plain scalars stay in the file only"]


def test_json_is_flattened():
    scalars = Scalars()
    full = list(range(limits.LIST_SCALARS_MAX))
    scalars.add_json("", {"a": {"b": [1, {"c": None}]}, "long": [*full, 1], "full": full})
    assert scalars.values["a.b.0"] == 1
    assert scalars.values["full.63"] == 63
    assert not any(name.startswith("long") for name in scalars.values)
    assert scalars.notes() == ["1 values that are no plain scalars stay in the file only"]


def test_json_nested_too_deep_is_left_out():
    value: object = 1
    for _ in range(limits.NEST_MAX + 1):
        value = [value]
    scalars = Scalars()
    scalars.add_json("a", value)
    assert scalars.values == {}
    scalars.add_json("a", value[0])
    assert list(scalars.values.values()) == [1]
