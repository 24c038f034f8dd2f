from __future__ import annotations

import pytest

from modelhub.net.graph import Network, Value
from modelhub.net.sizes import SizeError, default_sizes, evaluate, free_sizes, resolve


def test_expressions() -> None:
    sizes = {"s0": 6, "s1": 4}
    for text, value in (
        ("s0", 6),
        ("2*s0 + 1", 13),
        ("s0*s1", 24),
        ("-s1 + s0", 2),
        ("(s0 // s1) % 3", 1),
        ("s0**2", 36),
        ("Max(1, s0 - 10)", 1),
        ("floor(s0 / 4)", 1),
        ("FloorDiv(s0, 4)", 1),
        ("7", 7),
    ):
        assert evaluate(text, sizes) == value, text
    assert resolve((3, "s0", "2*s1"), sizes) == (3, 6, 8)


@pytest.mark.parametrize(
    "text",
    [
        "s9",
        "",
        "s0 +",
        "9**9",
        "9**8**8",
        "s0 / 4",
        "1 // 0",
        "__import__",
        "s0(1)",
        "(" * 150 + "s0" + ")" * 30,
        "-" * 190 + "1",
        "999999999999 * 999999999999",
        "Max()",
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SizeError):
        evaluate(text, {"s0": 6})


def test_defaults() -> None:
    network = Network(
        {"x": Value("int64", ("s0", "s1")), "y": Value("float32", ("s0", 3, "2*s2"))}, (), ()
    )
    assert free_sizes(network) == {"s0": "x[0]", "s1": "x[1]", "s2": "y[2]"}
    assert default_sizes(network) == {"s0": 1, "s1": 128, "s2": 128}
