"""Find versions by accesses, and say beforehand about how many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from types import MappingProxyType
from typing import Any

from dql import ast
from dql.backend import Probe, Version
from dql.execute.probes import probes_of, sample
from dql.execute.session import Session
from dql.logical import Access, Both, Either, Index, Kin, Kinds, Nested
from dql.memory.evaluate import Evaluator, Row
from dql.memory.graph import ancestors, descendants
from dql.memory.values import Several, is_named, single
from dql.rules import variables_of

__all__ = ["Answers"]

# Guesses where values are known only when the query runs.
_GUESSED_KIN = {"self": 1.0, "parents": 2.0, "children": 3.0, "ancestors": 8.0, "descendants": 16.0}
_GUESSED_SHARE = {"=": 0.01, "like": 0.1, "there": 1.0, "<=": 0.3, ">=": 0.3}
# Reading an id costs about this much less than trying its version.
_READS = 8


class Answers:
    """Answers accesses for one statement.

    Args:
        session: What the run knows.
        evaluator: Finds the values in accesses.
        values: Returns the values of a query in parentheses, or of what a name stands for.
        source: Returns about how many versions stand behind `from`.
    """

    def __init__(
        self,
        session: Session,
        evaluator: Evaluator,
        values: Callable[[ast.Piece, Row], Sequence[Any]],
        source: Callable[[Nested], float],
    ) -> None:
        self._session = session
        self._evaluator = evaluator
        self._values = values
        self._named: dict[str, list[Version]] = {}
        self.nested = source

    def count(self) -> int:
        """Return the number of all versions."""
        return self._session.backend.count()

    # how many

    def estimate(
        self, access: Access, unknown: Set[str], row: Row = MappingProxyType({})
    ) -> float | None:
        """Return about how many versions an access gives; None if no index knows.

        Args:
            access: The access.
            unknown: The variables whose versions are not known yet.
            row: The versions of the others.
        """
        if isinstance(access, Both):
            known = [each for each in self._all(access.parts, unknown, row) if each is not None]
            return min(known, default=None)
        if isinstance(access, Either):
            several = self._all(access.parts, unknown, row)
            if any(each is None for each in several):
                return None
            return sum(each for each in several if each is not None)
        if variables_of(access) & unknown:
            return self._guess(access)
        if isinstance(access, Kin):
            return self._kin_estimate(access, unknown, row)
        probes = self._probes(access, row)
        return None if probes is None else self._sum(probes)

    def _all(self, parts: Iterable[Access], unknown: Set[str], row: Row) -> list[float | None]:
        return [self.estimate(each, unknown, row) for each in parts]

    def _sum(self, probes: Iterable[Probe]) -> float | None:
        total = 0
        for probe in probes:
            found = self._session.estimate(probe)
            if found is None:
                return None
            total += found
        return total

    def _guess(self, access: Access) -> float | None:
        if isinstance(access, Kin):
            return _GUESSED_KIN[access.relation]
        if not isinstance(access, Index):
            return None
        if access.path == ("id",):
            return 1.0
        if self._session.estimate(sample(access)) is None:
            return None
        return max(1.0, _GUESSED_SHARE[access.sign] * self.count())

    def _kin_estimate(self, access: Kin, unknown: Set[str], row: Row) -> float | None:
        if not isinstance(access.of, ast.Piece):
            inner = self.estimate(access.of, unknown, row)
            return None if inner is None else inner * _GUESSED_KIN[access.relation]
        kin = self._kin(access, row)
        if access.relation == "self":
            return len(kin)
        if access.relation == "parents":
            return sum(len(each.parents) for each in kin)
        if access.relation == "children":
            return sum(len(self._session.backend.children(each.id)) for each in kin)
        total = 0.0
        for each in kin:
            found = self._session.estimate(_related(access, each))
            total += _GUESSED_KIN[access.relation] if found is None else found
        return total

    # which

    def ids(self, access: Access, row: Row) -> list[str] | None:
        """Return the ids of the versions in their order; None if no index knows: it may be any."""
        if isinstance(access, Index | Kinds):
            probes = self._probes(access, row)
            if probes is not None and len(probes) == 1:
                return list(dict.fromkeys(self._session.backend.probe(probes[0])))
        found = self._found(access, row)
        return None if found is None else sorted(found, key=self._session.rank)

    def _found(self, access: Access, row: Row) -> set[str] | None:
        if isinstance(access, Both):
            return self._both(access, row)
        if isinstance(access, Either):
            union: set[str] = set()
            for part in access.parts:
                found = self._found(part, row)
                if found is None:
                    return None
                union |= found
            return union
        if isinstance(access, Kin):
            return {
                each.id
                for each in self._relatives(access, row)
                if not self._session.is_derived(each)
            }
        probes = self._probes(access, row)
        if probes is None:
            return None
        return {each for probe in probes for each in self._session.backend.probe(probe)}

    def _both(self, access: Both, row: Row) -> set[str] | None:
        rated = [(self.estimate(part, set(), row), part) for part in access.parts]
        known = sorted(
            ((rows, part) for rows, part in rated if rows is not None), key=lambda each: each[0]
        )
        found: set[str] | None = None
        for rows, part in known:
            if found is not None and rows > _READS * len(found):
                break
            more = self._found(part, row)
            if more is not None:
                found = more if found is None else found & more
        return found

    def _probes(self, access: Index | Kinds, row: Row) -> list[Probe] | None:
        """Return the probes of which any is met; None if they cannot be asked."""
        if isinstance(access, Kinds):
            one = len(access.names) == 1
            value: Any = access.names[0] if one else access.names
            found: list[Probe] | None = [Probe(("kinds",) if one else ("pairs",), value, value)]
        else:
            given = (access.value, access.until)
            found = probes_of(
                access,
                *(None if each is None else self._evaluator.value(each, row) for each in given),
            )
        if found is None or self._sum(found) is None:
            return None
        return found

    def _relatives(self, access: Kin, row: Row) -> Iterator[Version]:
        session = self._session
        for each in self._kin(access, row):
            if access.relation == "self":
                yield each
            elif access.relation in ("parents", "children"):
                yield from getattr(session, access.relation)(each)
            elif session.estimate(_related(access, each)) is not None:
                found = map(session.stored, session.backend.probe(_related(access, each)))
                yield from (one for one in found if one is not None)
            else:
                yield from (ancestors if access.relation == "ancestors" else descendants)(
                    session, each
                )

    def _kin(self, access: Kin, row: Row) -> list[Version]:
        """Return the versions that an access is about."""
        if not isinstance(access.of, ast.Piece):
            ids = self.ids(access.of, row)
            if ids is None:
                return list(self._session.backend.versions())
            return [each for each in map(self._session.version, ids) if each is not None]
        if access.named:
            return list(self.versions_in(self._values(access.of, row)))
        return list(self.versions_in([self._evaluator.value(access.of, row)]))

    def versions_in(self, values: Iterable[Any]) -> Iterator[Version]:
        """Yield the versions among some values; a text stands for all that it names."""
        for value in values:
            if isinstance(value, Several):
                yield from self.versions_in(value.items)
            elif isinstance(value, str):
                yield from self.by_text(value)
            elif hasattr(single(value), "parents"):
                yield value

    def by_text(self, text: str) -> list[Version]:
        """Return the stored versions that a text names."""
        if text not in self._named:
            session = self._session
            probe = Probe(("name",), text.partition("@")[0], text.partition("@")[0])
            if session.estimate(probe) is None:
                found: Iterable[Version | None] = session.backend.versions()
            else:
                found = [session.stored(text), *map(session.stored, session.backend.probe(probe))]
            named = {each.id: each for each in found if each is not None and is_named(each, text)}
            self._named[text] = list(named.values())
        return self._named[text]


def _related(access: Kin, version: Version) -> Probe:
    path = "descendants" if access.relation == "ancestors" else "ancestors"
    return Probe((path,), version.id, version.id)
