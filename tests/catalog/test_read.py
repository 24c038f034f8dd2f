from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from modelhub.catalog import Catalog
from modelhub.catalog.records import (
    AnnotationRecord,
    FileRecord,
    Location,
    SnapshotRecord,
    TensorRecord,
    VersionRecord,
)
from modelhub.errors import BadInputError, UsageError

Make = Callable[..., VersionRecord]


def test_a_version_comes_back_as_it_was(catalog: Catalog, make_version: Make) -> None:
    version = make_version(
        1,
        name="ëxtra/odd\0name",
        message="two\nlines",
        parents=(b"p" * 32, b"q" * 32),
        network=b"n" * 32,
        snapshots=(SnapshotRecord("best", b"t" * 32, 7), SnapshotRecord("last", b"u" * 32, 8)),
        files=(FileRecord("a/b.json", 3, b"s" * 32, b"r" * 32),),
    )
    with catalog.write() as txn:
        txn.put_version(version, {"acc": 0.5, "epochs": 3, "done": True, "who": "ada"})
        assert txn.version(version.id) == version
    with catalog.read() as txn:
        assert txn.version(version.id) == version
        assert txn.version_by_sequence(version.name, 1) == version
        assert txn.latest(version.name) == version
        found = txn.metadata(version.id)
        assert found == {"acc": 0.5, "done": True, "epochs": 3, "who": "ada"}
        assert [type(value) for value in found.values()] == [float, bool, int, str]
        one_by_one = [txn.metadata_value(version.id, key) for key in found]
        assert list(map(repr, one_by_one)) == list(map(repr, found.values()))
        assert txn.metadata_value(version.id, "ac") is None
        assert txn.versions_of([b"?" * 32, version.id]) == [None, version]
        assert txn.parents(version.id) == [b"p" * 32, b"q" * 32]
        assert txn.version(b"?" * 32) is None
        assert txn.latest("absent") is None
        assert txn.version_by_sequence(version.name, 2) is None
        assert txn.metadata(b"?" * 32) == {}


def test_versions_by_name_number_and_time(catalog: Catalog, make_version: Make) -> None:
    plan = [("b", 1), ("a", 2), ("a", 10), ("a", 1), ("ab", 1), ("a\0", 1)]
    with catalog.write() as txn:
        for number, (name, sequence) in enumerate(plan):
            txn.put_version(make_version(number, name, sequence, created_ns=-3 * number), {})
    with catalog.read() as txn:
        order = [(v.name, v.sequence) for v in txn.versions()]
        assert order == sorted(plan)
        assert [v.name for v in txn.versions("ab")] == ["ab"]
        assert [v.name for v in txn.versions("a")] == ["a", "a", "a", "a\0", "ab"]
        assert list(txn.versions("c")) == []
        assert [v.created_ns for v in txn.by_time()] == [-15, -12, -9, -6, -3, 0]
        assert [v.created_ns for v in txn.by_time(reverse=True)] == [0, -3, -6, -9, -12, -15]
        assert txn.names() == ["a", "a\0", "ab", "b"]
        latest = txn.latest("a")
        assert latest is not None
        assert latest.sequence == 10
        assert txn.next_sequence("a") == 11
        assert txn.next_sequence("new") == 1


def test_more_versions_than_one_fetch(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        for number in range(1300):
            txn.put_version(make_version(number, "m", number + 1), {})
    with catalog.read() as txn:
        assert [v.sequence for v in txn.versions()] == list(range(1, 1301))
        assert [v.sequence for v in txn.by_time(reverse=True)] == list(range(1300, 0, -1))
        assert txn.counts()["version"] == 1300


def test_ids_by_prefix(catalog: Catalog, make_version: Make) -> None:
    heads = ["00ff", "0100", "01ab", "01ac", "ff00", "ffff"]
    ids = [bytes.fromhex(head) + bytes(30) for head in heads]
    with catalog.write() as txn:
        for number, version_id in enumerate(ids):
            txn.put_version(make_version(number, "m", number + 1, id=version_id), {})
    with catalog.read() as txn:
        for digits in range(5):
            for head in heads:
                prefix = head[:digits]
                wanted = [i for i in ids if i.hex().startswith(prefix)]
                assert txn.ids_with_prefix(prefix) == wanted
        assert txn.ids_with_prefix("01AB") == [ids[2]]
        assert txn.ids_with_prefix(ids[1].hex()) == [ids[1]]
        assert txn.ids_with_prefix("0", limit=2) == ids[:2]
        assert txn.ids_with_prefix("02") == []
        for bad in ("xy", "0" * 65):
            with pytest.raises(UsageError):
                txn.ids_with_prefix(bad)


@pytest.fixture
def measured(catalog: Catalog, make_version: Make) -> tuple[Catalog, dict[bytes, Any]]:
    values: list[Any] = [
        *(0.5, 1, 1.0, -3, 2.5, 1 << 53, (1 << 53) + 1, float(1 << 53), -math.inf, math.nan),
        *(True, False, "alpha", "beta", "", "x" * 600 + "a", "x" * 600 + "b", "1", 0.0, -0.0),
        *((1 << 70), -(1 << 70), (1 << 63) - 1),
    ]
    held = {}
    with catalog.write() as txn:
        for number, value in enumerate(values):
            version = make_version(number, "m", number + 1)
            txn.put_version(version, {"k": value, "kk": 1, "other": "alpha"})
            held[version.id] = value
    return catalog, held


def test_versions_with_a_value(measured: tuple[Catalog, dict[bytes, Any]]) -> None:
    catalog, held = measured

    def same(one: Any, two: Any) -> bool:
        return one == two and isinstance(one, bool) == isinstance(two, bool)

    with catalog.read() as txn:
        for value in [*held.values(), 7, "no", 1.5]:
            wanted = sorted(i for i, other in held.items() if same(other, value))
            assert sorted(txn.versions_with("k", value)) == wanted
        assert txn.versions_with("absent", 1) == []
        assert len(txn.versions_with("kk", 1)) == len(held)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        *((0.5, 2), (1, 1), (-math.inf, math.inf), (None, 1), (1, None), (0, 0), (2, 1)),
        *(((1 << 53) + 1, None), (float(1 << 53), 1 << 53), (1e300, None), (None, -1e300)),
        *((1 << 63, None), ("alpha", "beta"), ("", "a"), ("b", None), (None, "b")),
        *(("x" * 600 + "b", None), (None, "x" * 600 + "a"), ((1 << 63) - 1, (1 << 63) - 1)),
    ],
)
def test_versions_in_a_range(
    measured: tuple[Catalog, dict[bytes, Any]], low: Any, high: Any
) -> None:
    catalog, held = measured
    text = isinstance(low if low is not None else high, str)

    def fits(value: Any) -> bool:
        if isinstance(value, bool) or isinstance(value, str) != text:
            return False
        return (low is None or value >= low) and (high is None or value <= high)

    with catalog.read() as txn:
        found = txn.versions_between("k", low, high)
    assert sorted(found) == sorted(i for i, value in held.items() if fits(value))
    in_order = [held[i] for i in found]
    assert in_order == sorted(in_order)


@pytest.mark.parametrize(("low", "high"), [(None, None), (1, "a"), (True, None), (b"x", None)])
def test_a_range_has_bounds_of_one_order(catalog: Catalog, low: Any, high: Any) -> None:
    with catalog.read() as txn, pytest.raises(BadInputError):
        txn.versions_between("k", low, high)


def test_tensors_by_name_long_names_too(catalog: Catalog) -> None:
    tree = b"t" * 32
    stem = "layer." * 100
    names = [
        *("a", "a.b", "ü", "line\nbreak", "", "zero\0byte", stem[:437], stem[:436]),
        *(stem + f"{i:03}" for i in range(40)),
        *(stem[:n] for n in range(440, 520)),
    ]
    records = [
        TensorRecord(name, b"%032d" % i, "float32", (i, 2), 8 * i, None if i % 2 else (i, (2, 1)))
        for i, name in enumerate(names)
    ]
    with catalog.write() as txn:
        txn.put_tensors(tree, records)
        txn.put_tensors(b"u" * 32, [records[0]])
        txn.put_tensors(b"v" * 32, [])
    with catalog.read() as txn:
        assert list(txn.tensors(tree)) == sorted(records, key=lambda record: record.name)
        assert [txn.tensor(tree, record.name) for record in records] == records
        assert txn.tensor(tree, "absent") is None
        assert txn.tensor(tree, stem + "999") is None
        assert list(txn.tensors(b"u" * 32)) == [records[0]]
        assert list(txn.tensors(b"v" * 32)) == []
        assert txn.has_tree(tree)
        assert txn.has_tree(b"v" * 32)
        assert not txn.has_tree(b"w" * 32)
        assert txn.counts()["tensor"] == len(names) + 1


def test_lineage_tags_and_annotations(catalog: Catalog, make_version: Make) -> None:
    one, two, three = (make_version(i, "m", i) for i in (1, 2, 3))
    two = make_version(2, "m", 2, parents=(one.id,))
    three = make_version(3, "m", 3, parents=(two.id, one.id))
    notes = [
        AnnotationRecord(b"%032d" % i, one.id, "note", value, 10 - i)
        for i, value in enumerate([None, [1, {"a": 2.5}], "text"])
    ]
    with catalog.write() as txn:
        for version in (one, two, three):
            txn.put_version(version, {})
        txn.put_tag("m", "prod", one.id)
        txn.put_tag("m", "prod", two.id)
        txn.put_tag("m", "a" * 700, one.id)
        txn.put_tag("mm", "prod", three.id)
        for note in notes:
            txn.put_annotation(note)
            txn.put_annotation(note)
    with catalog.read() as txn:
        assert txn.children(one.id) == [two.id, three.id]
        assert txn.children(three.id) == []
        assert txn.parents(three.id) == [two.id, one.id]
        assert txn.parents(b"?" * 32) == []
        assert txn.tags("m") == {"a" * 700: one.id, "prod": two.id}
        assert txn.tag("mm", "prod") == three.id
        assert txn.tag("m", "absent") is None
        assert txn.annotations(one.id) == notes[::-1]
        assert txn.annotations(two.id) == []
        assert txn.counts()["tag"] == 3
        assert txn.counts()["annotation"] == 3


def test_places_of_objects_and_files(catalog: Catalog) -> None:
    objects = [(b"%032d" % i, Location(b"p" * 32, 300 - i)) for i in range(300)]
    with catalog.write() as txn:
        txn.put_locations(objects)
        txn.put_locations([(b"x" * 32, Location(b"q" * 32, 0))])
        txn.put_file(b"s" * 32, 77, b"x" * 32)
        txn.put_file(b"t" * 32, 78, b"gone" * 8)
    with catalog.read() as txn:
        assert txn.location(objects[5][0]) == objects[5][1]
        assert txn.location(b"?" * 32) is None
        assert list(txn.locations()) == [*objects, (b"x" * 32, Location(b"q" * 32, 0))]
        assert txn.objects_in_pack(b"p" * 32) == [i for i, _ in objects[::-1]]
        assert txn.objects_in_pack(b"r" * 32) == []
        assert txn.file_by_sha(b"s" * 32) == (77, b"x" * 32)
        assert txn.file_by_sha(b"t" * 32) is None
        assert txn.file_by_sha(b"?" * 32) is None
        assert txn.counts()["location"] == 301
        assert txn.catalog_bytes >= 4096 * 10


def test_reading_on_after_the_end_is_an_error(catalog: Catalog) -> None:
    with catalog.read() as txn:
        locations = txn.locations()
    with pytest.raises(UsageError):
        next(locations)
    with pytest.raises(UsageError):
        txn.counts()
