from __future__ import annotations

from modelhub.net.summary import summarise
from modelhub.net.tree import build


def _layers(count: int, odd: int | None = None) -> list[tuple[str, str, tuple[int, ...]]]:
    return [
        (f"encoder.layer.{index}.weight", "float32", (8, 9 if index == odd else 8))
        for index in range(count)
    ]


def test_equal_numbered_siblings_collapse() -> None:
    lines = summarise(build(_layers(6)))
    assert [(line.depth, line.name, line.repeat, line.values) for line in lines] == [
        (0, "encoder.layer", 1, 384),
        (1, "0..5", 6, 384),
        (2, "weight", 1, 64),
    ]
    assert lines[2].is_parameter
    assert lines[2].shape == (8, 8)


def test_a_sibling_that_differs_breaks_the_run() -> None:
    lines = summarise(build(_layers(5, odd=2)))
    assert [line.name for line in lines if not line.is_parameter] == [
        "encoder.layer",
        "0..1",
        "2",
        "3..4",
    ]


def test_a_gap_breaks_the_run() -> None:
    records = [row for row in _layers(4) if ".1." not in row[0]]
    names = [line.name for line in summarise(build(records)) if not line.is_parameter]
    assert names == ["encoder.layer", "0", "2..3"]


def test_parameters_of_the_root() -> None:
    lines = summarise(build([("w", "int8", ())]))
    assert [(line.name, line.values, line.shape) for line in lines] == [("w", 1, ())]
