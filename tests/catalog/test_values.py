from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.catalog import keys, rows, values
from modelhub.catalog.rows import Relation
from modelhub.errors import BadInputError

_NUMBERS = st.integers(-(1 << 66), 1 << 66) | st.floats(allow_nan=False)


@pytest.mark.parametrize("value", ["", "a", True, 0, -(1 << 63), (1 << 63) - 1, 1.5, math.inf])
def test_common_values_stand_for_themselves(value: Any) -> None:
    assert values.index_value(value) is value


def test_numbers_beyond_64_bits_become_floats() -> None:
    assert values.index_value(1 << 63) == float(1 << 63)
    assert values.index_value(-(1 << 63) - 1) == -float(1 << 63)
    assert values.index_value(10**400) == math.inf
    assert values.index_value(-(10**400)) == -math.inf


@pytest.mark.parametrize("value", [None, b"x", (1,), {}])
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(BadInputError):
        values.index_value(value)


@given(_NUMBERS, _NUMBERS)
def test_no_value_of_a_range_lies_before_its_start(value: Any, low: Any) -> None:
    if value < low:
        return
    stands = values.index_value(value)
    full = rows.prefix_of(Relation.VALUE, ("k", stands))
    parts = values.starts_of("k", low, None)
    inside = [start for prefix, start in parts if full.startswith(prefix)]
    assert len(inside) == 1
    assert full >= inside[0]
    assert keys.unpack_key(full[1:])[1] == stands


@pytest.mark.parametrize(
    ("value", "low", "high", "inside"),
    [(1, 1, 1, True), (1, None, 0.5, False), ("b", "a", None, True), (2.0, 1, 2, True)],
)
def test_bounds_are_included(value: Any, low: Any, high: Any, inside: bool) -> None:
    assert values.within(value, low, high) == inside
