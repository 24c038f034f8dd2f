"""Write the catalog's rows: several changes become visible, and durable, at once or not at all.

When the map is full, what the transaction wrote is written again into a larger one. That is sound
only if nobody else wrote in between, which LMDB's numbers of transactions tell.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

import lmdb

from modelhub.catalog import coding, outlines, rows, values
from modelhub.catalog.environment import Environment
from modelhub.catalog.lmdb_errors import translated_lmdb
from modelhub.catalog.read import ReadTxn
from modelhub.catalog.read_index import INDEXES_VERSION
from modelhub.catalog.records import (
    AnnotationRecord,
    Extremes,
    Location,
    Scalar,
    SketchRecord,
    TensorRecord,
    VersionRecord,
)
from modelhub.catalog.rows import Key, Relation
from modelhub.errors import BadInputError, ConflictError, NotFoundError
from modelhub.fs import seam
from modelhub.net.outline import Outline

__all__ = ["BAND_OBJECTS_MAX", "FORMAT_VERSION", "NAME_BYTES_MAX", "WriteTxn"]

FORMAT_VERSION = 1
# A model's name is never hashed, so that its versions stay in the order of their numbers; with the
# number it must fit what is kept of a long key.
NAME_BYTES_MAX = 400
# Tensors that share a band are one family, of which the newest are the best bases; the others stay
# within reach through the chains of these.
BAND_OBJECTS_MAX = 8

_INDEXES = (
    Relation.SERIES,
    Relation.METRIC,
    Relation.NETWORK,
    Relation.LAYERS,
    Relation.KIND,
    Relation.PAIR,
)

_Result = TypeVar("_Result")
# (key, value) puts, (key, None) deletes, None clears all.
_Change = tuple[bytes, bytes | None] | None


class WriteTxn(ReadTxn):
    """The one write transaction; `with catalog.write() as txn` commits at the end of the block.

    It sees its own writes. An exception that leaves the block takes all of them back.
    """

    def __init__(self, environment: Environment) -> None:
        self._changes: list[_Change] = []
        self._counted: Counter[Relation] = Counter()
        self._failed = False
        self._holds_writer = False
        if environment.writer_thread == threading.get_ident():
            raise ConflictError(
                "this thread is writing to the catalog already",
                where=str(environment.path),
                hint="finish the transaction in hand first",
            )
        environment.writer.acquire()
        self._holds_writer = True
        environment.writer_thread = threading.get_ident()
        try:
            super().__init__(environment, write=True)
            # Kept, since a commit that finds the map full ends the transaction that knows it.
            self._number = self.number
        except BaseException:
            self._release()
            raise

    def commit(self) -> None:
        """Make everything visible and durable, and end the transaction."""
        seam.before("sync", self._environment.data_file)
        if self._failed:
            raise ConflictError(
                "the transaction has failed before", where=str(self._environment.path)
            )
        self._write_counts()
        self._guarded(lambda txn: txn.commit())
        self.close()

    def close(self) -> None:
        """End the transaction; what was not committed is gone. Twice is fine."""
        try:
            super().close()
        finally:
            self._release()

    def _release(self) -> None:
        if self._holds_writer:
            self._holds_writer = False
            self._environment.writer_thread = 0
            # In a forked child the lock is a new one, which nobody holds.
            if not self._environment.broken:
                self._environment.writer.release()

    # Rows

    def _put(self, relation: Relation, items: Key, record: Any) -> bool:
        """Write a row and return whether it is new."""
        key, value = rows.encode(relation, items, record)
        new = self._open().get(key) is None
        self._change((key, value))
        if new and relation in rows.COUNTED:
            self._counted[relation] += 1
        return new

    def _delete(self, relation: Relation, items: Key) -> bool:
        """Delete a row and return whether it was there."""
        key = rows.key_of(relation, items)
        there = self._open().get(key) is not None
        if there:
            self._change((key, None))
            if relation in rows.COUNTED:
                self._counted[relation] -= 1
        return there

    def _delete_all(self, relation: Relation, items: Key) -> None:
        for found, _ in list(self._scan(relation, items)):
            self._delete(relation, found)

    def _count(self, relation: Relation) -> int:
        return super()._count(relation) + self._counted[relation]

    def _write_counts(self) -> None:
        """Write the counts once per transaction instead of once per row."""
        for relation, step in self._counted.items():
            count = super()._count(relation) + step
            self._change(rows.encode(Relation.COUNT, (int(relation),), count))
        self._counted.clear()

    def _change(self, change: _Change) -> None:
        self._guarded(lambda txn: _apply(txn, change))
        self._changes.append(change)

    def _guarded(self, step: Callable[[lmdb.Transaction], _Result]) -> _Result:
        """Do one step; when the map is full, grow it, write the rest again and do it then."""
        try:
            with translated_lmdb(self._environment.path):
                while True:
                    try:
                        return step(self._open())
                    except lmdb.MapFullError:
                        self._enlarge()
        except BaseException:
            # What a failed step has left is not known: nothing of this may be committed.
            self._failed = True
            raise

    def _enlarge(self) -> None:
        with contextlib.suppress(lmdb.Error):
            self._open().abort()
        self._environment.gate.leave(self._ticket)
        self._txn = None
        self._environment.grow()
        self._txn, self._ticket = self._environment.begin(write=True)
        if self.number != self._number:
            raise ConflictError(
                "another process wrote to the catalog while its map grew",
                where=str(self._environment.path),
                hint="run the command again",
            )
        for change in self._changes:
            _apply(self._txn, change)

    # Versions

    def put_version(self, version: VersionRecord, metadata: Mapping[str, Scalar]) -> None:
        """Write a version with its metadata.

        Raises:
            ConflictError: the id, or the name with that number, is taken.
            BadInputError: the name is too long, the number below 1, or a value of a wrong type.
        """
        where = f"{version.name}@{version.sequence}"
        size = len(rows.prefix_of(Relation.NAME, (version.name,)))
        if not version.name or size > NAME_BYTES_MAX or version.sequence < 1:
            raise BadInputError(
                f"a name of {size} bytes with number {version.sequence}",
                expected=f"1 to {NAME_BYTES_MAX} bytes, and a number from 1",
                where=where,
                kind="bad_name",
            )
        if self._has(Relation.VERSION, (version.id,)):
            raise ConflictError(f"version {version.id.hex()} is there already", where=where)
        if self._has(Relation.NAME, (version.name, version.sequence)):
            raise ConflictError("another version has this name and number", where=where)
        indexed = {key: values.index_value(value) for key, value in metadata.items()}
        self._put(Relation.VERSION, (version.id,), coding.version_row(version))
        self._put(Relation.NAME, (version.name, version.sequence), version.id)
        self._put(Relation.TIME, (version.created_ns, version.name, version.sequence), version.id)
        last = max(version.sequence, self.next_sequence(version.name) - 1)
        self._put(Relation.LAST, (version.name,), last)
        for parent in version.parents:
            self._put(Relation.CHILD, (parent, version.id), None)
        for snapshot in version.snapshots:
            self._put(Relation.USE, (snapshot.tree, version.id), None)
        if self._count(Relation.VERSION) == 1:
            # Indexes over no versions lack none.
            self._put(Relation.META, ("indexes",), INDEXES_VERSION)
        for key, value in metadata.items():
            self._put(Relation.METADATA, (version.id, key), value)
            self._put(Relation.VALUE, (key, indexed[key], version.id), None)

    def remove_version(self, version_id: bytes) -> None:
        """Delete a version with its tags, metadata, annotations, and trees that no other one has.

        Edges to its children stay: they go on naming it as their parent.

        Raises:
            NotFoundError: there is no such version.
        """
        version = self.version(version_id)
        if version is None:
            raise NotFoundError(f"version {version_id.hex()} is not in the catalog")
        for tag, target in self.tags(version.name).items():
            if target == version_id:
                self._delete(Relation.TAG, (version.name, tag))
        for key, value in self.metadata(version_id).items():
            self._delete(Relation.VALUE, (key, values.index_value(value), version_id))
        self._delete_all(Relation.METADATA, (version_id,))
        self._delete_all(Relation.ANNOTATION, (version_id,))
        for parent in version.parents:
            self._delete(Relation.CHILD, (parent, version_id))
        self._remove_indexed(version)
        for tree in {snapshot.tree for snapshot in version.snapshots}:
            self._delete(Relation.USE, (tree, version_id))
            if not self.snapshots_of_tree(tree):
                self.delete_tree(tree)
        self._delete(Relation.TIME, (version.created_ns, version.name, version.sequence))
        self._delete(Relation.NAME, (version.name, version.sequence))
        self._delete(Relation.VERSION, (version_id,))

    # What queries ask by

    def put_series(self, version_id: bytes, series: Mapping[str, Extremes]) -> None:
        """Write metric series of a version, each by its first, best and last value.

        One that was there under the same name is replaced; others stay.
        """
        for name, (first, best, last) in series.items():
            self._delete_series(version_id, name)
            self._put(Relation.SERIES, (version_id, name), (first, best, last))
            for which, value in (("best", best), ("last", last)):
                if value is not None and value == value:
                    self._put(Relation.METRIC, (name, which, float(value), version_id), None)

    def _delete_series(self, version_id: bytes, name: str) -> None:
        row = self._get(Relation.SERIES, (version_id, name))
        if row is None:
            return
        for which, value in (("best", row[1]), ("last", row[2])):
            if value is not None and value == value:
                self._delete(Relation.METRIC, (name, which, float(value), version_id))
        self._delete(Relation.SERIES, (version_id, name))

    def put_network(self, version_id: bytes, network: bytes, outline: Outline | None) -> None:
        """Write which network a version has, and the network's rows unless they are there.

        Args:
            network: Its object; empty for a version without one.
            outline: None if the network cannot be read, or its rows are there.
        """
        self._put(Relation.NETWORK, (network, version_id), None)
        if not network or outline is None or self._has(Relation.LAYERS, (network,)):
            return
        self._put(Relation.LAYERS, (network,), outlines.outline_row(outline))
        for kind in set(outline.kinds):
            self._put(Relation.KIND, (kind, network), None)
        for one, two in outline.pairs:
            self._put(Relation.PAIR, (one, two, network), None)

    def finish_indexes(self) -> None:
        """Note that every version has its rows in the indexes."""
        self._put(Relation.META, ("indexes",), INDEXES_VERSION)

    def clear_indexes(self) -> None:
        """Delete all rows of the indexes, which another version of them made."""
        self._delete(Relation.META, ("indexes",))
        for relation in _INDEXES:
            self._delete_all(relation, ())

    def _remove_indexed(self, version: VersionRecord) -> None:
        for items, _ in list(self._scan(Relation.SERIES, (version.id,))):
            self._delete_series(version.id, cast(str, items[1]))
        network = version.network
        self._delete(Relation.NETWORK, (network, version.id))
        if not network or next(self._scan(Relation.NETWORK, (network,)), None) is not None:
            return
        row = self._get(Relation.LAYERS, (network,))
        if row is None:
            return
        kinds, pairs = outlines.terms_of_row(row)
        for kind in kinds:
            self._delete(Relation.KIND, (kind, network))
        for one, two in pairs:
            self._delete(Relation.PAIR, (one, two, network))
        self._delete(Relation.LAYERS, (network,))

    # Refs and annotations

    def put_tag(self, name: str, tag: str, version_id: bytes) -> None:
        """Let a tag of a name point to a version, whatever it pointed to before."""
        self._put(Relation.TAG, (name, tag), version_id)

    def delete_tag(self, name: str, tag: str) -> bool:
        """Delete a tag and return whether it was there."""
        return self._delete(Relation.TAG, (name, tag))

    def put_annotation(self, annotation: AnnotationRecord) -> None:
        """Note something about a version; the same annotation again changes nothing."""
        items = (annotation.version, annotation.created_ns, annotation.id)
        self._put(Relation.ANNOTATION, items, coding.annotation_row(annotation))

    # Trees

    def put_tensors(self, tree: bytes, records: Iterable[TensorRecord]) -> None:
        """Write the tensors of a tree; one that is there already is left, since trees never change.

        Raises:
            BadInputError: kind `duplicate_name`.
        """
        if self.has_tree(tree):
            return
        count = 0
        for record in records:
            if not self._put(Relation.TENSOR, (tree, record.name), coding.tensor_row(record)):
                raise BadInputError(
                    f"tensor {record.name!r} stands twice",
                    where=f"tree {tree.hex()}",
                    kind="duplicate_name",
                )
            count += 1
        self._put(Relation.TREE, (tree,), count)

    def delete_tree(self, tree: bytes) -> None:
        """Delete the tensors of a tree, if it is there."""
        self._delete_all(Relation.TENSOR, (tree,))
        self._delete(Relation.TREE, (tree,))

    # Objects

    def put_locations(self, places: Iterable[tuple[bytes, Location]]) -> None:
        """Write where objects are; what was known of them before is replaced."""
        for object_id, place in places:
            old = self.location(object_id)
            if old is not None and old != place:
                self._delete(Relation.PACK, (old.pack, old.index))
            self._put(Relation.LOCATION, (object_id,), (place.pack, place.index))
            self._put(Relation.PACK, (place.pack, place.index), object_id)

    def delete_locations(self, object_ids: Iterable[bytes]) -> None:
        """Forget objects: where they are, and their sketches; unknown ones are passed over."""
        for object_id in object_ids:
            old = self.location(object_id)
            if old is not None:
                self._delete(Relation.PACK, (old.pack, old.index))
                self._delete(Relation.LOCATION, (object_id,))
            self.delete_sketch(object_id)

    def delete_pack(self, pack: bytes) -> None:
        """Forget every object that is read from a pack."""
        self.delete_locations(self.objects_in_pack(pack))

    def put_sketch(self, object_id: bytes, sketch: SketchRecord) -> None:
        """Write the sketch of a tensor object; it becomes the newest in its bands."""
        if self._has(Relation.SKETCH, (object_id,)):
            return
        self._put(Relation.SKETCH, (object_id,), coding.sketch_row(sketch))
        for band, others in zip(sketch.bands, self.objects_in_bands(sketch.bands), strict=True):
            kept = others[1 - BAND_OBJECTS_MAX :]
            self._put(Relation.BAND, (band,), (*kept, object_id))

    def delete_sketch(self, object_id: bytes) -> None:
        """Forget the sketch of an object, if it has one."""
        sketch = self.sketch(object_id)
        if sketch is None:
            return
        self._delete(Relation.SKETCH, (object_id,))
        for band, found in zip(sketch.bands, self.objects_in_bands(sketch.bands), strict=True):
            left = tuple(other for other in found if other != object_id)
            if left:
                self._put(Relation.BAND, (band,), left)
            elif found:
                self._delete(Relation.BAND, (band,))

    def put_file(self, sha256: bytes, size: int, recipe: bytes) -> None:
        """Remember how a file with this SHA-256 is put together."""
        self._put(Relation.FILE, (sha256,), (size, recipe))

    def delete_file(self, sha256: bytes) -> None:
        """Forget a file, if it is there."""
        self._delete(Relation.FILE, (sha256,))

    def clear(self) -> None:
        """Delete every row, numbers used before included; for writing the catalog anew."""
        self._change(None)
        self._counted.clear()
        self.put_format()

    def put_format(self) -> None:
        """Write the row that says what this is, and in which version of the format."""
        self._put(Relation.META, ("format",), FORMAT_VERSION)


def _apply(txn: lmdb.Transaction, change: _Change) -> None:
    if change is None:
        cursor = txn.cursor()
        while cursor.first():
            cursor.delete()
        cursor.close()
    elif change[1] is None:
        txn.delete(change[0])
    else:
        txn.put(change[0], change[1])
