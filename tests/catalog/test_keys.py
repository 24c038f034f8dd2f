from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelhub.catalog.keys import (
    DEPTH_MAX,
    KEPT_BYTES,
    KEY_BYTES_MAX,
    is_hashed,
    pack_key,
    pack_prefix,
    pack_record,
    unpack_key,
    unpack_record,
)

_INTS = st.integers(-(1 << 63), (1 << 63) - 1)
_TEXTS = st.text(max_size=8) | st.text("a\0\x01\xff\U0001f600", max_size=6)
_BYTES = st.binary(max_size=8) | st.lists(st.sampled_from([0, 1, 255]), max_size=6).map(bytes)
_FLOATS = st.floats(allow_nan=False)
_ITEMS = st.none() | st.booleans() | _INTS | _FLOATS | _BYTES | _TEXTS
_KEYS = st.lists(_ITEMS, max_size=5).map(tuple)


def _rank(item: Any) -> tuple[int, Any]:
    """Order items of all types as keys do: by type, then by value."""
    for rank, kind in enumerate((type(None), bool, int, float, bytes, str)):
        if type(item) is kind:
            return rank, 0 if item is None else item
    raise AssertionError(item)


@given(_KEYS)
def test_a_key_is_read_back(key: tuple[Any, ...]) -> None:
    found = unpack_key(pack_key(key))
    assert found == key
    assert [type(item) for item in found] == [type(item) for item in key]


@given(_KEYS, _KEYS)
@example((b"a",), (b"a\0",))
@example(("a", 5), ("a\0", 1))
@example((-1,), (0,))
@example((-0.5,), (0.5,))
@example((-math.inf,), (-1.7976931348623157e308,))
def test_coded_keys_sort_as_tuples_do(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    one, two = pack_key(first), pack_key(second)
    wanted = [_rank(item) for item in first] < [_rank(item) for item in second]
    assert (one < two) == wanted


@given(_KEYS, _KEYS)
@example(("a",), ("a\0b",))
@example((b"",), (b"\0",))
def test_a_prefix_is_shared_by_just_the_keys_that_begin_so(
    start: tuple[Any, ...], key: tuple[Any, ...]
) -> None:
    begins = [_rank(item) for item in key[: len(start)]] == [_rank(item) for item in start]
    assert pack_key(key).startswith(pack_prefix(start)) == begins
    assert pack_key(start + key).startswith(pack_prefix(start))


def test_both_zeros_are_one_key_and_nan_comes_last() -> None:
    assert pack_key((0.0,)) == pack_key((-0.0,))
    assert pack_key((math.nan,)) > pack_key((math.inf,))
    assert pack_key((math.nan,)) == pack_key((-math.nan,))


def test_the_coding_is_pinned() -> None:
    key = (None, False, True, 1, -1, 1.5, b"\0a", "é")
    assert pack_key(key).hex(" ", -1) == (
        "02 03 04 05 80 00 00 00 00 00 00 01 05 7f ff ff ff ff ff ff ff 06 bf f8 00 00 00 00 00 00 "
        "07 00 ff 61 00 01 08 c3 a9 00 01"
    )
    record = (None, False, True, 300, -1, 1 << 64, 1.5, b"a", "é", [1], {"k": 2})
    assert pack_record(record).hex(" ", -1) == (
        "09 0b 00 01 02 03 ac 02 04 00 05 09 00 00 00 00 00 00 00 00 01 06 3f f8 00 00 00 00 00 00 "
        "07 01 61 08 02 c3 a9 0a 01 03 01 0b 01 08 01 6b 03 02"
    )


def test_long_keys_keep_their_start_and_end_with_a_digest() -> None:
    # The type's byte and the two of the end are three more.
    fits = pack_key(("x" * (KEY_BYTES_MAX - 1 - 3),))
    assert len(fits) == KEY_BYTES_MAX - 1
    assert not is_hashed(fits)
    assert unpack_key(fits) == ("x" * (KEY_BYTES_MAX - 4),)
    one = pack_key(("x" * (KEY_BYTES_MAX - 3),))
    two = pack_key(("x" * (KEY_BYTES_MAX - 3) + "y",))
    assert len(one) == len(two) == KEY_BYTES_MAX
    assert is_hashed(one)
    assert one != two
    assert one[:KEPT_BYTES] == two[:KEPT_BYTES] == pack_prefix(("x" * 1000,))[:KEPT_BYTES]


@given(st.integers(400, 600), st.integers(400, 600))
def test_long_keys_sort_by_what_is_kept(first: int, second: int) -> None:
    one, two = ("a" * first + "b",), ("a" * second + "b",)
    if pack_prefix(one)[:KEPT_BYTES] != pack_prefix(two)[:KEPT_BYTES]:
        assert (pack_key(one) < pack_key(two)) == (one < two)


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1])
def test_a_key_holds_64_bits(number: int) -> None:
    with pytest.raises(OverflowError):
        pack_key((number,))


@pytest.mark.parametrize("item", [(), [], {}, object(), 1j, bytearray(b"x")])
def test_a_key_holds_plain_items_only(item: Any) -> None:
    with pytest.raises(TypeError):
        pack_key((item,))


@given(st.binary(max_size=40))
def test_bytes_that_are_no_key_are_refused(data: bytes) -> None:
    try:
        key = unpack_key(data)
    except ValueError:
        return
    # What is accepted means something; NaN and the zeros have more than one coding.
    pack_prefix(key)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _BYTES | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(_TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_VALUES)
@example(1 << 64)
@example(-(1 << 64))
@example(-(1 << 64) - 1)
@example((1 << 64) - 1)
def test_a_record_is_read_back(value: Any) -> None:
    found = unpack_record(pack_record(value))
    assert found == value
    assert type(found) is type(value)


def test_floats_keep_every_bit() -> None:
    signalling = struct.unpack("<d", struct.pack("<Q", 0x7FF0_0000_DEAD_BEEF))[0]
    for value in (-0.0, math.inf, signalling):
        assert struct.pack("<d", unpack_record(pack_record(value))) == struct.pack("<d", value)


def test_names_that_are_no_unicode_survive() -> None:
    odd = b"w\xff\xfe".decode("utf-8", "surrogateescape")
    assert unpack_key(pack_key((odd,))) == (odd,)
    assert unpack_record(pack_record(odd)) == odd


def test_records_nest_so_deep_and_no_deeper() -> None:
    value: Any = 1
    for _ in range(DEPTH_MAX):
        value = (value,)
    assert unpack_record(pack_record(value)) == value
    with pytest.raises(ValueError):
        pack_record((value,))
    with pytest.raises(ValueError):
        unpack_record(b"\x09\x01" * (DEPTH_MAX + 1) + b"\x00")


@pytest.mark.parametrize("value", [object(), 1j, {1, 2}, [object()], {(1, 2): 3}])
def test_a_record_holds_plain_values_only(value: Any) -> None:
    with pytest.raises(TypeError):
        pack_record(value)


@given(st.binary(max_size=60))
@example(b"\x0b\x01\x09\x01\x0a\x00\x00")
@example(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
@example(b"\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    try:
        unpack_record(data)
    except ValueError:
        return


@given(_VALUES)
def test_a_record_cut_short_is_refused(value: Any) -> None:
    data = pack_record(value)
    for size in range(len(data)):
        with pytest.raises(ValueError):
            unpack_record(data[:size])
    with pytest.raises(ValueError):
        unpack_record(data + b"\0")
