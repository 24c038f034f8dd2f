from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.report import human

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (90_900_000, "90.9 MB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (123_456_789_012, "123 GB"),
        (10**30, "1000000000000 EB"),
    ],
)
def test_size(nbytes: int, text: str) -> None:
    assert human.size(nbytes) == text


def test_count() -> None:
    assert [human.count(n) for n in (0, 384, 22_713_216, 7_000_000_000)] == [
        "0",
        "384",
        "22.7M",
        "7.00G",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (-5, "just now"),
        (30, "30 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (86400 * 3, "3 d ago"),
        (86400 * 70, "2 mo ago"),
        (86400 * 800, "2 y ago"),
    ],
)
def test_age(seconds: int, text: str) -> None:
    assert human.age(10**18, 10**18 + seconds * SECOND) == text


@given(st.integers(-62135596800, 253402300799))
def test_iso_agrees_with_datetime(second: int) -> None:
    epoch = datetime.datetime(1970, 1, 1)
    expected = (epoch + datetime.timedelta(seconds=second)).isoformat() + "Z"
    assert human.iso(second * SECOND) == expected


def test_date_beyond_datetime() -> None:
    assert human.date(300_000_000_000 * SECOND).startswith("11476-")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0.0, "0.0%"),
        (1.0, "100.0%"),
        (0.00001, "<0.1%"),
        (0.99999, ">99.9%"),
        (0.1234, "12.3%"),
        (-0.5, "-50.0%"),
        (float("nan"), "-"),
    ],
)
def test_share(part: float, text: str) -> None:
    assert human.share(part) == text


def test_ratio() -> None:
    assert human.ratio(100, 25) == "75.0%"
    assert human.ratio(0, 25) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0 ms"),
        (0.052, "52 ms"),
        (0.5, "0.50 s"),
        (9.994, "9.99 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7260, "2 h 1 min"),
        (float("inf"), "-"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert human.duration(seconds) == text


def test_number() -> None:
    values = (3, 3.0, 0.123456, 1e-9, float("nan"), float("inf"), 1e300, -2.0, 2**63)
    assert [human.number(value) for value in values] == [
        "3",
        "3",
        "0.1235",
        "1e-09",
        "nan",
        "inf",
        "1e+300",
        "-2",
        "9223372036854775808",
    ]


def test_rate() -> None:
    assert human.rate(300_000_000, 2.0) == "150 MB/s"
    assert human.rate(1, 0.0) == "-"


def test_saved() -> None:
    assert human.saved(100, 25) == "75.0% saved"
    assert human.saved(100, 110) == "10.0% more than came in"
    assert human.saved(0, 10) == "nothing came in"


def test_plural() -> None:
    assert human.plural(1, "pack") == "1 pack"
    assert human.plural(0, "pack") == "0 packs"
