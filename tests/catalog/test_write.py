from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelhub.catalog import Catalog, WriteTxn
from modelhub.catalog.records import (
    AnnotationRecord,
    Location,
    SketchRecord,
    SnapshotRecord,
    TensorRecord,
    VersionRecord,
)
from modelhub.catalog.write import BAND_OBJECTS_MAX, NAME_BYTES_MAX
from modelhub.errors import BadInputError, ConflictError, NotFoundError, UsageError

Make = Callable[..., VersionRecord]

_TREE = b"t" * 32
_TENSORS = [TensorRecord(f"w{i}", b"%032d" % i, "float32", (2,), 8) for i in range(5)]


def test_an_exception_takes_everything_back(catalog: Catalog, make_version: Make) -> None:
    def fail() -> None:
        with catalog.write() as txn:
            txn.put_version(make_version(1), {"k": 1})
            txn.put_tensors(_TREE, _TENSORS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with catalog.read() as txn:
        assert set(txn.counts().values()) == {0}
        assert txn.names() == []
    with catalog.write() as txn:
        txn.put_version(make_version(1), {})


def test_a_value_that_cannot_be_coded_changes_nothing(catalog: Catalog, make_version: Make) -> None:
    def misuse(txn: WriteTxn) -> None:
        with pytest.raises(TypeError):
            txn.put_annotation(AnnotationRecord(b"a" * 32, b"v" * 32, "k", object(), 1))

    with catalog.write() as txn:
        misuse(txn)
        txn.put_version(make_version(1), {})
    with catalog.read() as txn:
        assert txn.counts()["annotation"] == 0
        assert txn.counts()["version"] == 1


def test_ids_and_numbers_are_taken_once(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        txn.put_version(make_version(1, "m", 1), {})
        for clash in (make_version(1, "m", 2), make_version(2, "m", 1)):
            with pytest.raises(ConflictError):
                txn.put_version(clash, {})
    with catalog.read() as txn:
        assert txn.counts()["version"] == 1


def test_a_removed_number_is_not_used_again(catalog: Catalog, make_version: Make) -> None:
    one, two = make_version(1, "m", 1), make_version(2, "m", 2)
    with catalog.write() as txn:
        txn.put_version(one, {})
        assert txn.next_sequence("m") == 2
        txn.put_version(two, {})
        txn.remove_version(two.id)
        assert txn.next_sequence("m") == 3
        txn.remove_version(one.id)
        assert txn.names() == []
    with catalog.read() as txn:
        assert txn.next_sequence("m") == 3
        assert txn.latest("m") is None


@pytest.mark.parametrize(
    ("name", "sequence"), [("", 1), ("m", 0), ("m", -1), ("x" * NAME_BYTES_MAX, 1)]
)
def test_names_and_numbers_have_limits(
    catalog: Catalog, make_version: Make, name: str, sequence: int
) -> None:
    with catalog.write() as txn, pytest.raises(BadInputError) as caught:
        txn.put_version(make_version(1, name, sequence), {})
    assert caught.value.kind == "bad_name"


def test_the_longest_name_keeps_its_numbers_in_order(catalog: Catalog, make_version: Make) -> None:
    # Relation, type and the two bytes of the end are four more.
    name = "x" * (NAME_BYTES_MAX - 4)
    with catalog.write() as txn:
        for number in (300, 2, 1):
            txn.put_version(make_version(number, name, number), {})
        assert [v.sequence for v in txn.versions()] == [1, 2, 300]
        latest = txn.latest(name)
        assert latest is not None
        assert latest.sequence == 300


@pytest.mark.parametrize("value", [None, b"x", [1], {"a": 1}])
def test_metadata_is_of_four_types(catalog: Catalog, make_version: Make, value: Any) -> None:
    with catalog.write() as txn, pytest.raises(BadInputError):
        txn.put_version(make_version(1), {"k": value})
    with catalog.read() as txn:
        assert txn.counts()["version"] == 0


def test_removing_takes_all_rows_of_a_version(catalog: Catalog, make_version: Make) -> None:
    shot = (SnapshotRecord("s", _TREE, 8), SnapshotRecord("again", _TREE, 8))
    one = make_version(1, "m", 1, snapshots=shot)
    two = make_version(2, "m", 2, parents=(one.id,), snapshots=(*shot, _own_shot()))
    three = make_version(3, "n", 1, parents=(two.id,))
    with catalog.write() as txn:
        txn.put_tensors(_TREE, _TENSORS)
        txn.put_version(one, {"k": 1, "long": "x" * 900})
    with catalog.read() as txn:
        before = txn.counts()
    with catalog.write() as txn:
        txn.put_tensors(_own_shot().tree, _TENSORS[:2])
        txn.put_version(two, {"k": 1, "long": "x" * 900, "huge": 1 << 80})
        txn.put_tag("m", "prod", two.id)
        txn.put_annotation(AnnotationRecord(b"a" * 32, two.id, "k", 1, 5))
        txn.put_version(three, {})
        txn.put_tag("m", "first", one.id)
    with catalog.write() as txn:
        txn.remove_version(two.id)
        assert txn.version(two.id) is None
        assert txn.children(one.id) == []
        assert txn.children(two.id) == [three.id]
        assert txn.parents(three.id) == [two.id]
        assert txn.tags("m") == {"first": one.id}
        assert txn.versions_with("k", 1) == [one.id]
        assert txn.versions_with("huge", 1 << 80) == []
        assert txn.versions_with("long", "x" * 900) == [one.id]
        assert txn.snapshots_of_tree(_TREE) == [one.id]
        assert not txn.has_tree(_own_shot().tree)
        assert [v.id for v in txn.by_time()] == [one.id, three.id]
        txn.remove_version(three.id)
        txn.delete_tag("m", "first")
        assert txn.counts() == before
        txn.remove_version(one.id)
        assert set(txn.counts().values()) == {0}
        with pytest.raises(NotFoundError):
            txn.remove_version(one.id)


def _own_shot() -> SnapshotRecord:
    return SnapshotRecord("own", b"o" * 32, 8)


def test_an_unchanged_tree_adds_no_row(catalog: Catalog) -> None:
    with catalog.write() as txn:
        txn.put_tensors(_TREE, _TENSORS)
    with catalog.read() as txn:
        size, counts = txn.catalog_bytes, txn.counts()
    with catalog.write() as txn:
        txn.put_tensors(_TREE, _TENSORS)
        assert txn.counts() == counts
    with catalog.read() as txn:
        assert txn.catalog_bytes <= size + 4096


def test_a_name_stands_once_in_a_tree(catalog: Catalog) -> None:
    def put() -> None:
        with catalog.write() as txn:
            txn.put_tensors(_TREE, [*_TENSORS, _TENSORS[0]])

    with pytest.raises(BadInputError) as caught:
        put()
    assert caught.value.kind == "duplicate_name"


def test_places_move_and_go(catalog: Catalog) -> None:
    one, two, three = (bytes([i]) * 32 for i in (1, 2, 3))
    old, new = b"o" * 32, b"n" * 32
    with catalog.write() as txn:
        txn.put_locations([(one, Location(old, 0)), (two, Location(old, 1))])
        txn.put_locations([(one, Location(new, 0)), (three, Location(new, 1))])
        assert txn.objects_in_pack(old) == [two]
        assert txn.objects_in_pack(new) == [one, three]
        txn.delete_locations([one, b"unknown" * 4])
        assert txn.location(one) is None
        assert txn.objects_in_pack(new) == [three]
        txn.delete_pack(new)
        assert txn.objects_in_pack(new) == []
        assert list(txn.locations()) == [(two, Location(old, 1))]
        assert txn.counts()["location"] == 1


def test_tags_and_files_go(catalog: Catalog) -> None:
    with catalog.write() as txn:
        txn.put_tag("m", "t", b"v" * 32)
        assert txn.delete_tag("m", "t")
        assert not txn.delete_tag("m", "t")
        txn.put_locations([(b"r" * 32, Location(b"p" * 32, 0))])
        txn.put_file(b"s" * 32, 1, b"r" * 32)
        txn.delete_file(b"s" * 32)
        txn.delete_file(b"s" * 32)
        assert txn.file_by_sha(b"s" * 32) is None
        assert txn.counts()["file"] == 0


def test_clearing_leaves_an_empty_catalog(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        txn.put_version(make_version(1, "m", 7), {"k": 1})
        txn.put_tensors(_TREE, _TENSORS * 1)
    with catalog.write() as txn:
        txn.put_version(make_version(2, "m", 8), {})
        txn.clear()
        txn.put_version(make_version(3, "m", 4), {})
        assert txn.next_sequence("m") == 5
    with catalog.read() as txn:
        assert txn.counts()["version"] == 1
        assert txn.counts()["tensor"] == 0
        assert [v.sequence for v in txn.versions()] == [4]
    with Catalog.open(catalog.path) as again, again.read() as txn:
        assert txn.latest("m") == make_version(3, "m", 4)


def test_rows_may_be_deleted_while_they_are_read(catalog: Catalog) -> None:
    places = [(b"%032d" % i, Location(b"p" * 32, i)) for i in range(1200)]
    with catalog.write() as txn:
        txn.put_locations(places)
    with catalog.write() as txn:
        for object_id, _ in txn.locations():
            txn.delete_locations([object_id])
        assert list(txn.locations()) == []


def test_a_thread_that_writes_is_told_so(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        with pytest.raises(ConflictError):
            catalog.write().__enter__()
        txn.put_version(make_version(1), {})
    with catalog.read() as txn:
        assert txn.counts()["version"] == 1


def test_after_the_end_nothing_is_written(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        pass
    with pytest.raises(UsageError):
        txn.put_version(make_version(1), {})


def test_a_map_that_is_full_only_at_the_commit_grows_too(tmp_path: Path) -> None:
    # The commit itself needs pages for the list of free ones: of so many sizes in a row, some fit
    # into the map row by row and not with that list.
    for size in range(1, 40):
        with Catalog.create(tmp_path / str(size), map_bytes=1 << 16) as catalog:
            for step in range(8):
                places = [
                    ((step * 1000 + n).to_bytes(32, "big"), Location(bytes(32), n))
                    for n in range(size)
                ]
                with catalog.write() as txn:
                    txn.put_locations(places)
            with catalog.read() as txn:
                assert txn.counts()["location"] == 8 * size


def _sketch(*bands: bytes) -> SketchRecord:
    return SketchRecord(b"signature", bands)


def test_a_band_keeps_its_newest_objects(catalog: Catalog) -> None:
    objects = [b"%032d" % i for i in range(BAND_OBJECTS_MAX + 3)]
    with catalog.write() as txn:
        for object_id in objects:
            txn.put_sketch(object_id, _sketch(b"common", b"own" + object_id[-3:]))
        # Known already: its place in the order stays.
        txn.put_sketch(objects[-2], _sketch(b"common"))
    with catalog.read() as txn:
        common, first, none = txn.objects_in_bands([b"common", b"own" + objects[0][-3:], b"none"])
        assert common == tuple(objects[-BAND_OBJECTS_MAX:])
        assert first == (objects[0],)
        assert none == ()
        assert txn.sketch(objects[0]) == _sketch(b"common", b"own" + objects[0][-3:])


def test_a_sketch_goes_with_its_object(catalog: Catalog) -> None:
    kept, gone = b"k" * 32, b"g" * 32
    with catalog.write() as txn:
        txn.put_locations([(kept, Location(b"p" * 32, 0)), (gone, Location(b"p" * 32, 1))])
        txn.put_sketch(gone, _sketch(b"a", b"b"))
        txn.put_sketch(kept, _sketch(b"b", b"c"))
        # A pack written anew keeps the object, and so its sketch.
        txn.put_locations([(gone, Location(b"q" * 32, 0))])
        assert txn.sketch(gone) is not None
        txn.delete_locations([gone, b"unknown" * 4])
        assert txn.sketch(kept) == _sketch(b"b", b"c")
        assert txn.signatures([gone, kept]) == [None, (b"signature", b"b")]
        assert txn.objects_in_bands([b"a", b"b", b"c"]) == [(), (kept,), (kept,)]
        txn.delete_sketch(gone)
        txn.delete_sketch(kept)
        assert txn.objects_in_bands([b"b", b"c"]) == [(), ()]
