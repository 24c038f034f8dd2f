from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from modelhub.report.sparkline import resample, sparkline, svg

floats = st.floats(allow_nan=True, allow_infinity=True)


def test_rising_series_rises() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"


def test_flat_and_empty() -> None:
    assert sparkline([2.0, 2.0]) == "▅▅"
    assert sparkline([]) == ""
    assert sparkline([math.nan, math.inf]) == ""


def test_gap_where_not_finite() -> None:
    assert sparkline([0.0, math.nan, 1.0]) == "▁ █"


def test_extremes_do_not_overflow() -> None:
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"


def test_resample_keeps_means() -> None:
    assert resample([1, 3, 5, 7], 2) == [2, 6]
    assert resample([1, math.nan, math.nan, math.nan], 2)[0] == 1


@given(st.lists(floats, max_size=200), st.integers(1, 40))
def test_never_wider_than_asked(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) <= width


@given(st.lists(floats, max_size=50))
def test_svg_has_only_numbers(values: list[float]) -> None:
    drawing = svg(values)
    assert "nan" not in drawing
    assert "inf" not in drawing


def test_svg_breaks_the_line_at_gaps() -> None:
    assert svg([1, 2, math.nan, 3, 4]).count("<polyline") == 2
