"""Answer by index what queries ask: metrics in a range, networks by kinds of layers.

A catalog made before there were these indexes lacks their rows: `indexes_complete` says so. Rows
are counted up to a limit only, which is enough to choose between indexes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from modelhub.catalog import keys, outlines, rows, values
from modelhub.catalog.records import Extremes
from modelhub.catalog.rows import Relation
from modelhub.catalog.transaction import Transaction
from modelhub.net.outline import Outline

__all__ = ["INDEXES_VERSION", "IndexReads", "order_of"]

# Counts up with every change of what the rows of the indexes say; others are then made anew.
INDEXES_VERSION = 1

_TEXT_END_BYTES = 2
_AFTER = b"\xff"


class IndexReads(Transaction):
    """The part of `ReadTxn` that reads indexes for queries."""

    def indexes_complete(self) -> bool:
        """Say whether every version has its rows in the indexes."""
        made = self._get(Relation.META, ("indexes",))
        if made is None:
            return self._count(Relation.VERSION) == 0
        counts = self._count(Relation.VERSION), self._count(Relation.NETWORK)
        return bool(made == INDEXES_VERSION) and counts[0] == counts[1]

    def version_count(self) -> int:
        """Return the number of versions."""
        return self._count(Relation.VERSION)

    def numbered(self, name_prefix: str = "") -> Iterator[tuple[str, int, bytes]]:
        """Yield name, number and id of the versions in that order, without reading more of them."""
        prefix = rows.prefix_of(Relation.NAME, (name_prefix,))[:-_TEXT_END_BYTES]
        for items, version_id in self._scan_bytes(prefix, prefix):
            yield cast(str, items[0]), cast(int, items[1]), version_id

    def numbered_between(
        self, low: str | None, high: str | None
    ) -> Iterator[tuple[str, int, bytes]]:
        """Yield as `numbered` does the versions whose name lies in a range, bounds included."""
        prefix = rows.prefix_of(Relation.NAME, ())
        start = prefix if low is None else rows.prefix_of(Relation.NAME, (low,))
        for items, version_id in self._scan_bytes(prefix, start):
            if high is not None and cast(str, items[0]) > high:
                return
            yield cast(str, items[0]), cast(int, items[1]), version_id

    def tagged(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield name, tag and id of the version for each tag."""
        for items, version_id in self._scan(Relation.TAG):
            yield cast(str, items[0]), cast(str, items[1]), version_id

    def created_between(self, low_ns: int | None, high_ns: int | None) -> Iterator[bytes]:
        """Yield the versions made in a span of time, bounds included, the oldest first."""
        prefix = rows.prefix_of(Relation.TIME, ())
        start = prefix if low_ns is None else rows.prefix_of(Relation.TIME, (low_ns,))
        for items, version_id in self._scan_bytes(prefix, start):
            if high_ns is not None and cast(int, items[0]) > high_ns:
                return
            yield version_id

    def series(self, version_id: bytes) -> dict[str, Extremes]:
        """Return the metric series of a version by name: first, best and last value of each."""
        found = self._scan(Relation.SERIES, (version_id,))
        return {cast(str, items[1]): (row[0], row[1], row[2]) for items, row in found}

    def one_series(self, version_id: bytes, name: str) -> Extremes | None:
        """Return one metric series of a version; None if there is none of this name."""
        row = self._get(Relation.SERIES, (version_id, name))
        return None if row is None else (row[0], row[1], row[2])

    def metric_between(
        self, name: str, which: str, low: float | None, high: float | None
    ) -> Iterator[bytes]:
        """Yield the versions whose series has its `best` or `last` value in a range, in order."""
        prefix = rows.prefix_of(Relation.METRIC, (name, which))
        start = prefix if low is None else prefix + keys.pack_prefix((_float(low),))
        for items, _ in self._scan_bytes(prefix, start):
            value = cast(float, items[2])
            if high is not None and value > high:
                return
            if low is None or value >= low:
                yield cast(bytes, items[3])

    def has_outline(self, network: bytes) -> bool:
        """Say whether a network is indexed."""
        return self._has(Relation.LAYERS, (network,))

    def outline(self, network: bytes) -> Outline | None:
        """Return the outline of a network; None if it is not indexed."""
        row = self._get(Relation.LAYERS, (network,))
        return None if row is None else outlines.outline_of_row(row)

    def networks_with_kind(self, kind: str) -> Iterator[bytes]:
        """Yield the networks that have a node of a kind."""
        for items, _ in self._scan(Relation.KIND, (kind,)):
            yield cast(bytes, items[1])

    def networks_with_pair(self, one: str, two: str) -> Iterator[bytes]:
        """Yield the networks with a near hop from a node of one kind to one of another."""
        for items, _ in self._scan(Relation.PAIR, (one, two)):
            yield cast(bytes, items[2])

    def versions_with_network(self, network: bytes) -> Iterator[bytes]:
        """Yield the versions that have a network."""
        for items, _ in self._scan(Relation.NETWORK, (network,)):
            yield cast(bytes, items[1])

    def versions_beginning(self, key: str, text: str) -> Iterator[bytes]:
        """Yield the versions that have under a key a text that begins with another."""
        prefix = rows.prefix_of(Relation.VALUE, (key, text))[:-_TEXT_END_BYTES]
        for items, _ in self._scan_bytes(prefix, prefix):
            yield cast(bytes, items[2])

    def versions_having(self, key: str) -> Iterator[bytes]:
        """Yield the versions that have any value under a key."""
        for items, _ in self._scan(Relation.VALUE, (key,)):
            yield cast(bytes, items[2])

    def network_ids(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield each version with its network, which is empty if it has none."""
        for items, _ in self._scan(Relation.NETWORK):
            yield cast(bytes, items[1]), cast(bytes, items[0])

    # Counts up to a limit

    def count_named(
        self, low: str | None, high: str | None, *, prefix: bool = False, limit: int
    ) -> int:
        """Count the versions whose name lies in a range, or begins with `low`."""
        relation = rows.prefix_of(Relation.NAME, ())
        start = relation if low is None else rows.prefix_of(Relation.NAME, (low,))
        if prefix:
            start = start[:-_TEXT_END_BYTES]
            return self._count_between(start, start + _AFTER, limit)
        end = relation if high is None else rows.prefix_of(Relation.NAME, (high,))
        return self._count_between(start, end + _AFTER, limit)

    def count_created(self, low_ns: int | None, high_ns: int | None, *, limit: int) -> int:
        """Count the versions made in a span of time."""
        bounds = [() if each is None else (each,) for each in (low_ns, high_ns)]
        start, end = (rows.prefix_of(Relation.TIME, each) for each in bounds)
        return self._count_between(start, end + _AFTER, limit)

    def count_metric(
        self, name: str, which: str, low: float | None, high: float | None, *, limit: int
    ) -> int:
        """Count the versions whose series has its `best` or `last` value in a range."""
        before = rows.prefix_of(Relation.METRIC, (name, which))
        start, end = (
            before if each is None else before + keys.pack_prefix((_float(each),))
            for each in (low, high)
        )
        return self._count_between(start, end + _AFTER, limit)

    def count_values(self, key: str, low: Any, high: Any, *, limit: int) -> int:
        """Count the versions whose metadata value lies in a range of numbers or texts.

        Raises:
            BadInputError: no bound is given, or one is a number and the other a text.
        """
        starts = values.starts_of(key, low, high)
        # Where a range from `high` on begins, this one ends: both are found by kinds of values.
        ends = starts if high is None else values.starts_of(key, high, None)
        count = 0
        for (prefix, start), (_, last) in zip(starts, ends, strict=True):
            end = (prefix if high is None else last) + _AFTER
            count += self._count_between(start, end, limit - count)
        return count

    def count_having(self, key: str, *, limit: int) -> int:
        """Count the versions that have any value under a key."""
        start = rows.prefix_of(Relation.VALUE, (key,))
        return self._count_between(start, start + _AFTER, limit)

    def count_networks(self, *kinds: str, limit: int) -> int:
        """Count the networks that have a node of a kind, or a near hop between two kinds."""
        relation = Relation.KIND if len(kinds) == 1 else Relation.PAIR
        start = rows.prefix_of(relation, kinds)
        return self._count_between(start, start + _AFTER, limit)

    def count_users(self, network: bytes, *, limit: int) -> int:
        """Count the versions that have a network."""
        start = rows.prefix_of(Relation.NETWORK, (network,))
        return self._count_between(start, start + _AFTER, limit)

    def _count(self, relation: Relation) -> int:
        return int(self._get(Relation.COUNT, (int(relation),)) or 0)


def order_of(name: str, sequence: int) -> int:
    """Return a number that orders versions as their names and numbers do in the catalog."""
    key = rows.prefix_of(Relation.NAME, (name, sequence))
    return int.from_bytes(key.ljust(keys.KEY_BYTES_MAX, b"\0"))


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
