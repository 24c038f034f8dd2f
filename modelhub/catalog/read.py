"""Answer questions about versions, tensors and objects, each by key order, without a scan."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, cast

from modelhub.catalog import coding, keys, rows, values
from modelhub.catalog.read_index import IndexReads
from modelhub.catalog.records import (
    AnnotationRecord,
    Location,
    Scalar,
    SketchRecord,
    TensorRecord,
    VersionRecord,
)
from modelhub.catalog.rows import REPAIR_HINT, Relation
from modelhub.errors import CorruptionError, UsageError

__all__ = ["ReadTxn"]

# A text's or id's coding ends with two bytes; without them it is what longer ones begin with.
_END_BYTES = 2
_ID_DIGITS = 64


class ReadTxn(IndexReads):
    """A consistent view of the catalog; `with catalog.read() as txn`. Of use to one thread."""

    # Versions

    def version(self, version_id: bytes) -> VersionRecord | None:
        """Return a version by its id."""
        row = self._get(Relation.VERSION, (version_id,))
        return None if row is None else coding.version_of(version_id, row)

    def versions_of(self, version_ids: Iterable[bytes]) -> list[VersionRecord | None]:
        """Return versions by their ids, cheaper than one by one; None where there is none."""
        ids = list(version_ids)
        rows = self._get_all(Relation.VERSION, ((each,) for each in ids))
        return [
            None if row is None else coding.version_of(version_id, row)
            for version_id, row in zip(ids, rows, strict=True)
        ]

    def version_by_sequence(self, name: str, sequence: int) -> VersionRecord | None:
        """Return a version by its name and number."""
        version_id = self._get(Relation.NAME, (name, sequence))
        return None if version_id is None else self._known(version_id)

    def latest(self, name: str) -> VersionRecord | None:
        """Return the version of a name with the highest number."""
        row = self._last(Relation.NAME, (name,))
        return None if row is None else self._known(row[1])

    def next_sequence(self, name: str) -> int:
        """Return the number of a name's next version; a removed version's number is not reused."""
        return int(self._get(Relation.LAST, (name,)) or 0) + 1

    def names(self) -> list[str]:
        """Return the names that have versions, sorted; one step per name."""
        found: list[str] = []
        start = prefix = rows.prefix_of(Relation.NAME, ())
        while True:
            row = next(self._scan_bytes(prefix, start), None)
            if row is None:
                return found
            name = cast(str, row[0][0])
            found.append(name)
            start = rows.prefix_of(Relation.NAME, (name,)) + b"\xff"

    def versions(self, name_prefix: str = "") -> Iterator[VersionRecord]:
        """Yield versions by name and number."""
        prefix = rows.prefix_of(Relation.NAME, (name_prefix,))[:-_END_BYTES]
        for _, version_id in self._scan_bytes(prefix, prefix):
            yield self._known(version_id)

    def by_time(self, reverse: bool = False) -> Iterator[VersionRecord]:
        """Yield versions by time of their making, oldest first unless reversed."""
        prefix = rows.prefix_of(Relation.TIME, ())
        found = self._raw_reverse(prefix) if reverse else self._raw(prefix, prefix)
        for key, value in found:
            yield self._known(rows.decode(key, value)[2])

    def ids_with_prefix(self, prefix: str, limit: int | None = None) -> list[bytes]:
        """Return the versions' ids that begin with hexadecimal digits, in order.

        Raises:
            UsageError: the text has other characters.
        """
        text = prefix.lower()
        if len(text) > _ID_DIGITS or set(text) - set("0123456789abcdef"):
            raise UsageError(f"id prefix {prefix!r}", expected="1 to 64 hexadecimal digits")
        whole = bytes.fromhex(text[: len(text) // 2 * 2])
        start = rows.prefix_of(Relation.VERSION, (whole,))[:-_END_BYTES]
        found: list[bytes] = []
        for items, _ in self._scan_bytes(start, start):
            if limit is not None and len(found) >= limit:
                break
            version_id = cast(bytes, items[0])
            if version_id.hex().startswith(text):
                found.append(version_id)
        return found

    def children(self, version_id: bytes) -> list[bytes]:
        """Return the ids of the versions made from one, which itself may have been removed."""
        return [cast(bytes, items[1]) for items, _ in self._scan(Relation.CHILD, (version_id,))]

    def parents(self, version_id: bytes) -> list[bytes]:
        """Return the ids of the versions that one was made from, in their order."""
        version = self.version(version_id)
        return [] if version is None else list(version.parents)

    def _known(self, version_id: bytes) -> VersionRecord:
        version = self.version(version_id)
        if version is None:
            raise CorruptionError(
                f"version {version_id.hex()} is listed and not there",
                where="catalog",
                hint=REPAIR_HINT,
            )
        return version

    # Refs, metadata, annotations

    def tags(self, name: str) -> dict[str, bytes]:
        """Return the tags of a name and the ids they point to, sorted."""
        rows_of_name = self._scan(Relation.TAG, (name,))
        return {cast(str, items[1]): version_id for items, version_id in rows_of_name}

    def tag(self, name: str, tag: str) -> bytes | None:
        """Return the id that a tag points to."""
        found: bytes | None = self._get(Relation.TAG, (name, tag))
        return found

    def metadata(self, version_id: bytes) -> dict[str, Scalar]:
        """Return the metadata of a version, sorted by key."""
        found = self._scan(Relation.METADATA, (version_id,))
        return {cast(str, items[1]): value for items, value in found}

    def metadata_value(self, version_id: bytes, key: str) -> Scalar | None:
        """Return what a version has under one key; None if it has nothing."""
        return cast(Scalar | None, self._get(Relation.METADATA, (version_id, key)))

    def versions_with(self, key: str, value: Scalar) -> list[bytes]:
        """Return the versions that have just this value under a key; 1 equals 1.0, but not true."""
        if isinstance(value, bool | str):
            found = self._scan(Relation.VALUE, (key, value))
            return sorted(cast(bytes, items[2]) for items, _ in found)
        return self.versions_between(key, value, value)

    def versions_between(
        self, key: str, low: str | float | None = None, high: str | float | None = None
    ) -> list[bytes]:
        """Return the versions whose value lies in a range, bounds included, in the values' order.

        Args:
            low: The least number or text; None leaves that side open.
            high: The greatest one, of the same order as `low`.

        Raises:
            BadInputError: no bound is given, or one is a number and the other a text.
        """
        parts = values.starts_of(key, low, high)
        runs = [self._values(prefix, start, low, high) for prefix, start in parts]
        return [version_id for _, version_id in heapq.merge(*runs)]

    def _values(
        self, prefix: bytes, start: bytes, low: Any, high: Any
    ) -> Iterator[tuple[Any, bytes]]:
        for items, _ in self._scan_bytes(prefix, start):
            value, version_id = items[1], cast(bytes, items[2])
            # NaN compares with nothing and comes last: it ends the run like a value too large.
            if high is not None and not cast(Any, value) <= high:
                return
            if values.within(value, low, high):
                yield value, version_id

    def annotations(self, version_id: bytes) -> list[AnnotationRecord]:
        """Return what was noted about a version later, oldest first."""
        found = self._scan(Relation.ANNOTATION, (version_id,))
        return [coding.annotation_of(items, row) for items, row in found]

    # Trees and tensors

    def has_tree(self, tree: bytes) -> bool:
        """Say whether a tree's tensors are there."""
        return self._has(Relation.TREE, (tree,))

    def tensors(self, tree: bytes) -> Iterator[TensorRecord]:
        """Yield the tensors of a tree by name."""
        for items, row in self._scan(Relation.TENSOR, (tree,)):
            yield coding.tensor_of(items[1], row)

    def tensor(self, tree: bytes, name: str) -> TensorRecord | None:
        """Return a tensor of a tree by its name."""
        row = self._get(Relation.TENSOR, (tree, name))
        return None if row is None else coding.tensor_of(name, row)

    def snapshots_of_tree(self, tree: bytes) -> list[bytes]:
        """Return the ids of the versions that have a tree as a snapshot."""
        return [cast(bytes, items[1]) for items, _ in self._scan(Relation.USE, (tree,))]

    # Objects

    def location(self, object_id: bytes) -> Location | None:
        """Return where an object is stored."""
        row = self._get(Relation.LOCATION, (object_id,))
        return None if row is None else Location(*row)

    def locations(self) -> Iterator[tuple[bytes, Location]]:
        """Yield every object with its place, by id."""
        for items, row in self._scan(Relation.LOCATION):
            yield cast(bytes, items[0]), Location(*row)

    def objects_in_pack(self, pack: bytes) -> list[bytes]:
        """Return the objects that are read from a pack, in their order there."""
        return [object_id for _, object_id in self._scan(Relation.PACK, (pack,))]

    def sketch(self, object_id: bytes) -> SketchRecord | None:
        """Return the sketch of a tensor object; None if it has none, as in older repositories."""
        row = self._get(Relation.SKETCH, (object_id,))
        return None if row is None else coding.sketch_of(row)

    def signatures(self, object_ids: Iterable[bytes]) -> list[tuple[bytes, bytes] | None]:
        """Return signature and first band of tensor objects, None for those without a sketch."""
        found = self._get_all(Relation.SKETCH, ((object_id,) for object_id in object_ids))
        return [None if row is None else coding.signature_of(row) for row in found]

    def objects_in_bands(self, bands: Iterable[bytes]) -> list[tuple[bytes, ...]]:
        """Return the newest tensor objects with each band, oldest first."""
        found = self._get_all(Relation.BAND, ((band,) for band in bands))
        return [tuple(row or ()) for row in found]

    def file_by_sha(self, sha256: bytes) -> tuple[int, bytes] | None:
        """Return size and recipe of a file stored before; None once its recipe is gone."""
        row = self._get(Relation.FILE, (sha256,))
        if row is None or self.location(row[1]) is None:
            return None
        return row[0], row[1]

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each relation that is no mere index of another."""
        return {relation.name.lower(): self._count(relation) for relation in sorted(rows.COUNTED)}


# A prefix of a text must end between characters, which `pack_prefix` of a whole text ensures.
assert keys.pack_prefix(("",))[1:] == b"\x00\x01"
