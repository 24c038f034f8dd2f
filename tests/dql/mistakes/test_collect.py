from __future__ import annotations

import pytest

from dql.mistakes import Mistake, error_of, nearest, position
from dql.mistakes.collect import MISTAKES_MAX


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("ab", 0, (1, 1)),
        ("ab", 2, (1, 3)),
        ("a\nb", 1, (1, 2)),
        ("a\nb", 2, (2, 1)),
        ("a\r\nb", 3, (2, 1)),
        ("a\u2028b", 2, (2, 1)),
        ("", 0, (1, 1)),
    ],
)
def test_position(text: str, offset: int, expected: tuple[int, int]) -> None:
    assert position(text, offset) == expected


def test_mistakes_come_in_the_order_of_the_text_and_once() -> None:
    error = error_of("abc", [Mistake(2, "two"), Mistake(0, "one"), Mistake(2, "two")])
    assert [each.message for each in (error, *error.others)] == ["one", "two"]
    assert str(error).count("line 1") == 2


def test_only_so_many_are_shown() -> None:
    error = error_of("x" * 100, [Mistake(at, "wrong") for at in range(100)])
    assert len(error.others) == MISTAKES_MAX - 1


def test_nearest() -> None:
    assert nearest("WHRE", ["where", "order"]) == "where"
    assert nearest("tpo", ["top", "count"]) == "top"
    assert nearest("zebra", ["where", "order"]) is None
    assert nearest("where" * 10_000, ["where"]) is None
