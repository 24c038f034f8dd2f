"""The indexes that queries ask by: complete or not, in order, and gone with their versions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from modelhub.catalog import Catalog, ReadTxn
from modelhub.catalog.records import VersionRecord
from modelhub.catalog.rows import Relation
from modelhub.net.outline import Outline

Make = Callable[..., VersionRecord]

_OUTLINE = Outline(
    inputs=("x",),
    names=("conv1", "relu1", "fc"),
    kinds=("CONV", "RELU", "FULL"),
    sources=((0,), (1,), (2, 1)),
    outputs=(3,),
    attributes=[{"kernel": (3, 3), "bias": True}, {}, {"out": 10}],
    pairs=frozenset({("CONV", "RELU"), ("CONV", "FULL"), ("RELU", "FULL")}),
)
_INDEXES = ("SERIES", "METRIC", "NETWORK", "LAYERS", "KIND", "PAIR")


def _rows(txn: ReadTxn) -> dict[str, list[Any]]:
    return {
        name: [items for items, _ in txn._scan(Relation[name])]  # what no method lists
        for name in _INDEXES
    }


def test_metrics_by_value(catalog: Catalog, make_version: Make) -> None:
    values = [0.5, -1.0, math.inf, 0.25, math.nan, -0.0]
    with catalog.write() as txn:
        for number, value in enumerate(values):
            version = make_version(number, sequence=number + 1)
            txn.put_version(version, {})
            best = None if math.isnan(value) else value
            txn.put_series(version.id, {"acc": (0.0, best, value), "acc2": (1.0, 1.0, 1.0)})
            txn.put_network(version.id, b"", None)

    def found(low: float | None, high: float | None) -> list[int]:
        return [int.from_bytes(v, "big") for v in txn.metric_between("acc", "last", low, high)]

    with catalog.read() as txn:
        assert found(None, None) == [1, 5, 3, 0, 2]
        assert found(0, 0.5) == [5, 3, 0]
        assert found(0.3, None) == [0, 2]
        assert found(None, -1) == [1]
        assert found(10**400, None) == [2]
        assert list(txn.metric_between("acc", "first", None, None)) == []
        assert txn.count_metric("acc", "last", 0, 0.5, limit=100) == 3
        assert txn.count_metric("acc", "last", None, None, limit=2) == 2
        assert txn.count_metric("ac", "last", None, None, limit=9) == 0
        series = txn.series((4).to_bytes(32, "big"))
        assert series["acc"][1] is None
        assert math.isnan(series["acc"][2])
        assert txn.one_series((3).to_bytes(32, "big"), "acc") == (0.0, 0.25, 0.25)
        assert txn.one_series((3).to_bytes(32, "big"), "ac") is None
        assert txn.one_series((77).to_bytes(32, "big"), "acc") is None


def test_networks_by_kind_and_pair(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        for number in range(3):
            version = make_version(number, sequence=number + 1, network=b"n" * 32)
            txn.put_version(version, {})
            txn.put_network(version.id, b"n" * 32, _OUTLINE if number == 0 else None)
        other = make_version(9, "other")
        txn.put_version(other, {})
        txn.put_network(other.id, b"", None)
        assert txn.indexes_complete()
    with catalog.read() as txn:
        assert txn.outline(b"n" * 32) is not None
        assert list(txn.networks_with_kind("CONV")) == [b"n" * 32]
        assert list(txn.networks_with_kind("CON")) == []
        assert list(txn.networks_with_pair("CONV", "FULL")) == [b"n" * 32]
        assert list(txn.networks_with_pair("FULL", "CONV")) == []
        users = [int.from_bytes(v, "big") for v in txn.versions_with_network(b"n" * 32)]
        assert users == [0, 1, 2]
        assert txn.count_networks("CONV", limit=5) == txn.count_networks("CONV", "FULL", limit=5)
        assert txn.count_users(b"n" * 32, limit=5) == 3
        assert txn.count_users(b"n" * 32, limit=2) == 2


def test_an_outline_comes_back_as_it_was(catalog: Catalog, make_version: Make) -> None:
    version = make_version(1, network=b"n" * 32)
    with catalog.write() as txn:
        txn.put_version(version, {})
        txn.put_network(version.id, version.network, _OUTLINE)
    with catalog.read() as txn:
        found = txn.outline(version.network)
    assert found is not None
    assert (found.inputs, found.names, found.kinds) == (("x",), _OUTLINE.names, _OUTLINE.kinds)
    assert (found.sources, found.outputs) == (_OUTLINE.sources, _OUTLINE.outputs)
    assert list(found.attributes) == [{"kernel": (3, 3), "bias": True}, {}, {"out": 10}]
    assert found.attributes[0]["bias"] is True


def test_an_empty_outline_comes_back(catalog: Catalog, make_version: Make) -> None:
    version = make_version(1, network=b"n" * 32)
    empty = Outline((), (), (), (), (), [], executable=False)
    with catalog.write() as txn:
        txn.put_version(version, {})
        txn.put_network(version.id, version.network, empty)
        found = txn.outline(version.network)
    assert found is not None
    assert (found.names, found.inputs, found.executable) == ((), (), False)


def test_rows_go_with_the_last_version_that_has_them(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        for number in range(2):
            version = make_version(number, sequence=number + 1, network=b"n" * 32)
            txn.put_version(version, {})
            txn.put_series(version.id, {"acc": (0.1, 0.9, math.nan)})
            txn.put_network(version.id, version.network, _OUTLINE)
    with catalog.write() as txn:
        txn.remove_version((0).to_bytes(32, "big"))
        assert txn.indexes_complete()
    with catalog.read() as txn:
        rows = _rows(txn)
        assert [len(rows[name]) for name in _INDEXES] == [1, 1, 1, 1, 3, 3]
    with catalog.write() as txn:
        txn.remove_version((1).to_bytes(32, "big"))
    with catalog.read() as txn:
        assert _rows(txn) == {name: [] for name in _INDEXES}
        assert txn.indexes_complete()


def test_a_catalog_of_before_says_that_it_lacks_rows(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        assert txn.indexes_complete()
        txn.put_version(make_version(1), {})
        assert not txn.indexes_complete()
        txn.put_network(make_version(1).id, b"", None)
        assert txn.indexes_complete()
        txn.put_version(make_version(2, sequence=2), {})
    with catalog.read() as txn:
        assert not txn.indexes_complete()
    with catalog.write() as txn:
        txn.clear_indexes()
        txn.put_network(make_version(1).id, b"", None)
        txn.put_network(make_version(2).id, b"", None)
        assert not txn.indexes_complete()
        txn.finish_indexes()
        assert txn.indexes_complete()


@pytest.mark.parametrize(("low", "high", "count"), [
    (1, 2, 2), (None, 1, 1), (1.5, None, 2), ("a", "b", 1), (2.5, 2.5, 1), (3, None, 0),
])  # fmt: skip
def test_values_are_counted(
    catalog: Catalog, make_version: Make, low: Any, high: Any, count: int
) -> None:
    with catalog.write() as txn:
        for number, value in enumerate((1, 2.0, 2.5, "a", "bb", True)):
            txn.put_version(make_version(number, sequence=number + 1), {"k": value})
    with catalog.read() as txn:
        assert txn.count_values("k", low, high, limit=9) == count
        assert len(txn.versions_between("k", low, high)) == count


def test_texts_are_found_by_how_they_begin(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        for number, value in enumerate(("mnist", "mnist-5k", "mn", 5)):
            txn.put_version(make_version(number, sequence=number + 1), {"data": value})
        found = [int.from_bytes(v, "big") for v in txn.versions_beginning("data", "mnist")]
        assert len(list(txn.versions_having("data"))) == txn.count_having("data", limit=9) == 4
        assert txn.count_having("dat", limit=9) == 0
    assert found == [0, 1]


def test_names_and_times(catalog: Catalog, make_version: Make) -> None:
    with catalog.write() as txn:
        for number, name in enumerate(("a", "ab", "ab\0", "b")):
            txn.put_version(make_version(number, name), {})
    with catalog.read() as txn:
        assert [name for name, _, _ in txn.numbered("ab")] == ["ab", "ab\0"]
        assert [name for name, _, _ in txn.numbered_between("ab", "b")] == ["ab", "ab\0", "b"]
        assert txn.count_named("a", None, prefix=True, limit=9) == 3
        assert txn.count_named("ab", "ab", limit=9) == 1
        assert txn.count_named(None, "ab", limit=9) == 2
        assert [int.from_bytes(v, "big") for v in txn.created_between(1_001, 1_002)] == [1, 2]
        assert txn.count_created(1_001, 1_002, limit=9) == 2
        assert txn.count_created(None, None, limit=3) == 3


def test_a_large_network_stays_bounded(catalog: Catalog, make_version: Make) -> None:
    count = 20_000
    version = make_version(1, network=b"n" * 32)
    large = Outline(
        inputs=("x",),
        names=tuple(f"block.{n}.conv" for n in range(count)),
        kinds=("CONV",) * count,
        sources=tuple((n,) for n in range(count)),
        outputs=(count,),
        attributes=[{"kernel": (3, 3), "stride": (1, 1), "out": 64}] * count,
        pairs=frozenset({("CONV", "CONV")}),
    )
    with catalog.write() as txn:
        txn.put_version(version, {})
        txn.put_network(version.id, version.network, large)
        row = txn._get(Relation.LAYERS, (version.network,))
        found = txn.outline(version.network)
    assert sum(len(item) for item in row if not isinstance(item, bool)) < 30 * count
    assert found is not None
    assert found.sources[-1] == (count - 1,)
    assert found.attributes[count - 1]["out"] == 64
