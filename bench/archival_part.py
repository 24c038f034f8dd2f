"""Say what a part of the archival measurements found: lines to read, bars, and curves to draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.bench_main_job import Bar
from bench.plots import Chart

__all__ = ["Part", "near", "table"]


@dataclass(slots=True)
class Part:
    """What a part found; `lines` are Markdown."""

    title: str
    lines: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown: words in the first column, numbers in the others."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def near(what: str, value: float, wanted: float, tolerance: float) -> list[Bar]:
    """Return the two bars by which a value is not farther than the tolerance from what is wanted.

    A NaN misses both.
    """
    return [
        Bar(what, value, wanted - tolerance, "", True, digits=3),
        Bar(what, value, wanted + tolerance, "", False, digits=3),
    ]
