from __future__ import annotations

import pytest

from modelhub.catalog import Catalog
from modelhub.catalog.records import Location
from modelhub.errors import UsageError


def _places(begin: int, end: int) -> list[tuple[bytes, Location]]:
    return [(b"%032d" % i, Location(b"p" * 32, i)) for i in range(begin, end)]


def test_a_transaction_sees_one_state(catalog: Catalog) -> None:
    with catalog.read() as before:
        with catalog.write() as txn:
            txn.put_locations(_places(0, 10))
        assert list(before.locations()) == []
        with catalog.read() as after:
            assert list(after.locations()) == _places(0, 10)
            assert after.number == before.number + 1


def test_a_scan_of_many_fetches_misses_and_repeats_nothing(catalog: Catalog) -> None:
    for count in (7, 8, 9, 16, 17, 24, 25, 600):
        with catalog.write() as txn:
            txn.clear()
            txn.put_locations(_places(0, count))
        with catalog.read() as txn:
            assert list(txn.locations()) == _places(0, count)
            assert len(txn.objects_in_pack(b"p" * 32)) == count


def test_rows_added_behind_the_place_of_a_scan_are_met(catalog: Catalog) -> None:
    with catalog.write() as txn:
        txn.put_locations(_places(0, 20))
        scan = txn.locations()
        assert next(scan) == _places(0, 1)[0]
        txn.put_locations(_places(20, 25))
        assert list(scan) == _places(1, 25)


def test_a_scan_outlives_a_growing_map(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("grow") / "c"
    with Catalog.create(path, map_bytes=1 << 17) as catalog, catalog.write() as txn:
        txn.put_locations(_places(0, 100))
        scan = txn.locations()
        assert next(scan) == _places(0, 1)[0]
        txn.put_locations(_places(100, 4000))
        assert list(scan) == _places(1, 4000)


def test_the_size_is_that_of_the_pages_in_use(catalog: Catalog) -> None:
    with catalog.read() as txn:
        before = txn.catalog_bytes
        assert before >= 2 * 4096
        assert txn.format_version() == 1
    with catalog.write() as txn:
        txn.put_locations(_places(0, 2000))
    with catalog.read() as txn:
        assert before < txn.catalog_bytes <= (catalog.path / "data.mdb").stat().st_size
    with pytest.raises(UsageError):
        _ = txn.catalog_bytes
