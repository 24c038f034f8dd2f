"""Read rows of the catalog inside one LMDB transaction: a consistent state, whoever writes.

A *scan* yields the rows of a relation whose keys begin with given items, in the order of the keys.
It holds no cursor between steps, so that rows may be written while it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

import lmdb

from modelhub.catalog import keys, rows
from modelhub.catalog.environment import Environment
from modelhub.catalog.lmdb_errors import translated_lmdb
from modelhub.catalog.rows import Key, Relation
from modelhub.errors import CorruptionError, UsageError

__all__ = ["Row", "Transaction"]

Row = tuple[Key, Any]

# Rows fetched at a time: enough that finding the place again costs little, few enough that a caller
# who stops after the first row has not paid for many.
_CHUNK_FIRST = 8
_CHUNK_MAX = 512


class Transaction:
    """A transaction on the catalog; `Catalog.read` and `Catalog.write` make them."""

    def __init__(self, environment: Environment, *, write: bool = False) -> None:
        self._environment = environment
        self._txn: lmdb.Transaction | None = None
        self._txn, self._ticket = environment.begin(write=write)

    def close(self) -> None:
        """End the transaction; what it wrote and did not commit is gone. Twice is fine."""
        txn, self._txn = self._txn, None
        if txn is not None:
            self._environment.end(txn, self._ticket)

    @property
    def catalog_bytes(self) -> int:
        """Return the bytes of the pages in use."""
        with translated_lmdb(self._environment.path):
            self._open()
            info = self._environment.opened().info()
            stat = self._environment.opened().stat()
        return int((info["last_pgno"] + 1) * stat["psize"])

    @property
    def number(self) -> int:
        """Return the number of the commit that is seen; a writer's own number is one more."""
        with translated_lmdb(self._environment.path):
            return int(self._open().id())

    def format_version(self) -> int | None:
        """Return the version of the catalog's format; None if this is no catalog."""
        try:
            version = self._get(Relation.META, ("format",))
        except CorruptionError:
            return None
        return version if isinstance(version, int) else None

    def check_rows(self) -> None:
        """Verify the checksum of every row.

        Raises:
            CorruptionError: one fails.
        """
        for key, value in self._raw(b"", b"\x00"):
            rows.decode(key, value)

    def _open(self) -> lmdb.Transaction:
        self._environment.demand_whole()
        if self._txn is None:
            raise UsageError("the transaction is over", where=str(self._environment.path))
        return self._txn

    def _get(self, relation: Relation, items: Key) -> Any:
        """Return the record of a row, or None."""
        full = rows.prefix_of(relation, items)
        key = keys.shorten(full)
        with translated_lmdb(self._environment.path):
            value = cast(bytes | None, self._open().get(key))
        return None if value is None else rows.record_of(key, value)

    def _get_all(self, relation: Relation, items: Iterable[Key]) -> list[Any]:
        """Return the records of rows, None for those not there; cheaper than one by one."""
        keys_wanted = [keys.shorten(rows.prefix_of(relation, item)) for item in items]
        with translated_lmdb(self._environment.path):
            get = self._open().get
            values = [cast(bytes | None, get(key)) for key in keys_wanted]
        return [
            None if value is None else rows.record_of(key, value)
            for key, value in zip(keys_wanted, values, strict=True)
        ]

    def _has(self, relation: Relation, items: Key) -> bool:
        with translated_lmdb(self._environment.path):
            return self._open().get(rows.key_of(relation, items)) is not None

    def _scan(
        self, relation: Relation, items: Key = (), *, start: bytes | None = None
    ) -> Iterator[Row]:
        """Yield rows whose key begins with the items, from `start` (a full key) on."""
        prefix = rows.prefix_of(relation, items)
        yield from self._scan_bytes(prefix, prefix if start is None else max(prefix, start))

    def _scan_bytes(self, prefix: bytes, start: bytes) -> Iterator[Row]:
        """Yield rows whose full key begins with a prefix; long keys are put in their true order.

        Keys that share the part that is kept of a long key are sorted by a digest on disk.
        """
        kept = prefix[: keys.KEPT_BYTES]
        run: list[tuple[bytes, Key, Any]] = []
        shared = b""
        for key, value in self._raw(kept, start[: keys.KEPT_BYTES]):
            full, items, record = rows.decode(key, value)
            if run and key[: keys.KEPT_BYTES] != shared:
                yield from _ordered(run)
                run = []
            if not full.startswith(prefix) or full < start:
                continue
            if len(key) >= keys.KEPT_BYTES:
                shared = key[: keys.KEPT_BYTES]
                run.append((full, items, record))
            else:
                yield items, record
        yield from _ordered(run)

    def _raw(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        count = _CHUNK_FIRST
        skip = b""
        while True:
            chunk: list[tuple[bytes, bytes]] = []
            with translated_lmdb(self._environment.path), self._open().cursor() as cursor:
                if cursor.set_range(start):
                    found = cast(Iterator[tuple[bytes, bytes]], cursor.iternext())
                    chunk = list(islice(found, count + 1))
            if chunk and chunk[0][0] == skip:
                del chunk[0]
            for key, value in chunk:
                if not key.startswith(prefix):
                    return
                yield key, value
            if len(chunk) < count:
                return
            start = skip = chunk[-1][0]
            count = min(2 * count, _CHUNK_MAX)

    def _count_between(self, start: bytes, end: bytes, limit: int) -> int:
        """Return how many keys lie in [start, end), at most `limit`; nothing is decoded.

        Both are full keys; of long ones the part that is kept counts.
        """
        start, end = start[: keys.KEPT_BYTES], end[: keys.KEPT_BYTES] + end[keys.KEPT_BYTES :][:1]
        count = 0
        with translated_lmdb(self._environment.path), self._open().cursor() as cursor:
            if not cursor.set_range(start):
                return 0
            for key in islice(cursor.iternext(values=False), limit):
                if cast(bytes, key) >= end:
                    break
                count += 1
        return count

    def _last(self, relation: Relation, items: Key) -> Row | None:
        """Return the last row whose key begins with the items; for keys that are never long."""
        prefix = rows.prefix_of(relation, items)
        for key, value in self._raw_reverse(prefix):
            _, found, record = rows.decode(key, value)
            return found, record
        return None

    def _raw_reverse(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        # No key goes on with 0xff after a prefix: tags of items are smaller.
        end = prefix + b"\xff"
        count = _CHUNK_FIRST
        while True:
            with translated_lmdb(self._environment.path), self._open().cursor() as cursor:
                there = cursor.set_range(end)
                there = cursor.prev() if there else cursor.last()
                found = cast(Iterator[tuple[bytes, bytes]], cursor.iterprev())
                chunk = list(islice(found, count)) if there else []
            for key, value in chunk:
                if not key.startswith(prefix):
                    return
                yield key, value
            if len(chunk) < count:
                return
            end = chunk[-1][0]
            count = min(2 * count, _CHUNK_MAX)


def _ordered(run: list[tuple[bytes, Key, Any]]) -> Iterator[Row]:
    for _, items, record in sorted(run, key=lambda row: row[0]):
        yield items, record
