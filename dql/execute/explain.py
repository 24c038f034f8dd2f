"""Show what a query did, or would do: its steps with the rows of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from dql.logical import (
    Access,
    Both,
    Distinct,
    Either,
    Filter,
    Group,
    Index,
    Join,
    Kin,
    Kinds,
    Limit,
    Look,
    Nested,
    Order,
    Plan,
    Project,
    Restore,
    Scan,
    Unit,
)
from dql.printer import to_text
from dql.rules import Costs

__all__ = ["Counts", "Estimates", "Step", "described"]

_Item = TypeVar("_Item")
# Wider than most terminals; a query may have 100,000 characters.
_TEXT_MAX = 160
_SIGNS = {"<=": "up to", ">=": "from", "=": "=", "like": "like"}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a plan.

    Args:
        text: What it does.
        estimated: About how many rows it was thought to give.
        actual: How many it gave, of all the times that it ran; None if it did not run.
        inputs: The steps below it.
    """

    text: str
    estimated: int
    actual: int | None
    inputs: tuple[Step, ...] = ()

    def to_text(self) -> str:
        """Return the steps as lines, the last first, each behind the number of its rows."""
        return "\n".join(self._lines(0))

    def _lines(self, level: int) -> Iterator[str]:
        actual = "-" if self.actual is None else str(self.actual)
        yield f"{actual:>8} rows (about {self.estimated}) {'  ' * level}{self.text}"
        for each in self.inputs:
            yield from each._lines(level + 1)


class Counts:
    """Counts the rows that steps give."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}

    def counted(self, plan: Plan, items: Iterator[_Item]) -> Iterator[_Item]:
        """Yield items as they come, counting them."""
        key = id(plan)
        rows = self._rows
        rows.setdefault(key, 0)
        for item in items:
            rows[key] += 1
            yield item

    def of(self, plan: Plan) -> int | None:
        """Return how many rows a step gave; None if it did not run."""
        return self._rows.get(id(plan))


class Estimates:
    """Says about how many rows steps give: guessed where no index tells.

    Args:
        costs: What is known of the versions.
        names: All variables of the statement and those around it.
    """

    def __init__(self, costs: Costs, names: frozenset[str]) -> None:
        self._costs = costs
        self._names = names
        self._known: dict[int, float] = {}

    def of(self, plan: Plan) -> float:
        """Return about how many rows a step gives."""
        key = id(plan)
        if key not in self._known:
            self._known[key] = self._rows(plan)
        return self._known[key]

    def _rows(self, plan: Plan) -> float:
        if isinstance(plan, Unit):
            return 1.0
        if isinstance(plan, Scan):
            return float(self._costs.count())
        if isinstance(plan, Look):
            found = self._costs.estimate(plan.access, self._names)
            return float(self._costs.count() if found is None else found)
        if isinstance(plan, Nested):
            return self._costs.nested(plan)
        if isinstance(plan, Join):
            left, right = self.of(plan.left), self.of(plan.right)
            return left * right if plan.on is None else max(left, right)
        below = self.of(plan.input)
        if isinstance(plan, Filter):
            return max(min(below, 1.0), below / 2)
        if isinstance(plan, Limit):
            amount = getattr(plan.count, "value", None)
            return min(below, amount) if isinstance(amount, int) else below
        return below


def described(plan: Plan) -> str:
    """Return in a few words what a step does; what is long is cut off."""
    text = " ".join(_described(plan).split())
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 3] + "..."


def _described(plan: Plan) -> str:
    if isinstance(plan, Scan):
        return f"{plan.variable}: all versions"
    if isinstance(plan, Look):
        return f"{plan.variable}: {_access(plan.access)}"
    if isinstance(plan, Nested):
        return f"{plan.variable}: from {to_text(plan.origin)}"
    if isinstance(plan, Filter):
        return f"where {to_text(plan.condition)}"
    if isinstance(plan, Join):
        if plan.on is None:
            return "join"
        return f"join where {to_text(plan.on[0])} = {to_text(plan.on[1])}"
    if isinstance(plan, Restore):
        return f"in the order of {', '.join(plan.variables)}"
    if isinstance(plan, Group):
        return " ".join(["group", *(["by", ", ".join(map(to_text, plan.keys))] * bool(plan.keys))])
    if isinstance(plan, Order):
        return f"order by {', '.join(map(to_text, plan.keys))}"
    if isinstance(plan, Distinct):
        return "distinct"
    if isinstance(plan, Limit):
        more = "" if plan.offset is None else f" offset {to_text(plan.offset)}"
        return f"limit {'' if plan.count is None else to_text(plan.count)}{more}"
    if isinstance(plan, Project):
        return f"select {', '.join(to_text(item.value) for item in plan.items)}"
    if isinstance(plan, Unit):
        return "once"
    return type(plan).__name__.lower()


def _access(access: Access) -> str:
    if isinstance(access, Both):
        return " and ".join(map(_part, access.parts))
    if isinstance(access, Either):
        return " or ".join(map(_part, access.parts))
    if isinstance(access, Kinds):
        return f"networks with {' -> '.join(access.names)}"
    if isinstance(access, Kin):
        of = access.of
        what = _part(of) if isinstance(of, Index | Kinds | Kin | Both | Either) else to_text(of)
        return f"in {what}" if access.relation == "self" else f"{access.relation} of {what}"
    where = f"index {'.'.join(access.path)}"
    if access.value is None:
        return f"{where} is there"
    text = f"{where} {_SIGNS[access.sign]} {to_text(access.value)}"
    return text if access.until is None else f"{text} up to {to_text(access.until)}"


def _part(access: Access) -> str:
    text = _access(access)
    return f"({text})" if isinstance(access, Both | Either) and len(access.parts) > 1 else text
