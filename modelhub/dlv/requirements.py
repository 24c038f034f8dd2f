"""Read and check conditions on results of `eval`, such as `top1>=0.98`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modelhub.errors import UsageError

__all__ = ["METRICS", "Requirement", "parse_requirement", "unmet"]

# What can be required, by the names that --json has.
METRICS = ("top1", "topk", "loss", "n", "certified", "estimated", "exact", "tie")

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"\s*([a-z0-9_]+)\s*(>=|<=|==|>|<)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A metric, an operator and a number."""

    metric: str
    operator: str
    number: float

    @property
    def text(self) -> str:
        """The condition as it is typed."""
        return f"{self.metric}{self.operator}{self.number:g}"


def parse_requirement(text: str) -> Requirement:
    """Read a condition.

    Raises:
        UsageError: it is none, or names no metric.
    """
    found = _FORM.fullmatch(text)
    try:
        number = float(found[3]) if found else math.nan
    except ValueError:
        number = math.nan
    if found is None or found[1] not in METRICS or math.isnan(number):
        raise UsageError(
            f"the requirement {text!r}",
            expected=f"METRIC OPERATOR NUMBER, such as top1>=0.98; metrics are {', '.join(METRICS)}"
            f", operators {' '.join(_OPERATORS)}",
        )
    return Requirement(found[1], found[2], number)


def unmet(
    requirements: Sequence[Requirement], values: Mapping[str, float | None]
) -> list[tuple[Requirement, float | None]]:
    """Return the conditions that do not hold, each with the value there is.

    What is not known (accuracy without labels) or no number meets no condition.
    """
    wrong = []
    for one in requirements:
        value = values.get(one.metric)
        if value is None or not _OPERATORS[one.operator](value, one.number):
            wrong.append((one, value))
    return wrong
