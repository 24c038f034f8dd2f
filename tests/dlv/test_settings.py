from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.dlv.settings import KEY_BYTES_MAX, parse, parse_value
from modelhub.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+7", 7),
        ("007", 7),
        ("0.1", 0.1),
        ("1e-4", 1e-4),
        ("2.", 2.0),
        (".5", 0.5),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ('"007"', "007"),
        ("'true'", "true"),
        ('"', '"'),
        ("", ""),
        ("a=b", "a=b"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("1e999", "1e999"),
        ("1_000", "1_000"),
        ("٣", "٣"),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
        ("-9223372036854775808", -(2**63)),
        ("9" * 5000, "9" * 5000),
        ("adam w", "adam w"),
    ],
)
def test_values(text: str, value: object) -> None:
    result = parse_value(text)
    assert result == value
    assert type(result) is type(value)


def test_settings() -> None:
    assert parse(["lr=0.1", "name=a=b", "epochs = 3"]) == {"lr": 0.1, "name": "a=b", "epochs": 3}


@pytest.mark.parametrize("text", ["lr", "=3", " =3", "a\nb=1", "k" * (KEY_BYTES_MAX + 1) + "=1"])
def test_malformed(text: str) -> None:
    with pytest.raises(UsageError):
        parse([text])


def test_key_at_the_limit() -> None:
    assert parse(["k" * KEY_BYTES_MAX + "=1"]) == {"k" * KEY_BYTES_MAX: 1}


def test_twice() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse(["a=1", "a=2"])


@given(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
)
def test_numbers_survive(value: float) -> None:
    result = parse_value(repr(value))
    assert result == value
    assert type(result) is type(value)


@given(st.text())
def test_any_text_is_a_value(text: str) -> None:
    assert isinstance(parse_value(text), str | int | float | bool)
