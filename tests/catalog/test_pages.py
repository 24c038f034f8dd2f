from __future__ import annotations

from pathlib import Path

import pytest

from modelhub.catalog import Catalog, pages
from modelhub.catalog.records import Location
from modelhub.errors import CorruptionError


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """Return the file of a catalog whose tree has three levels, with free pages and long rows."""
    with Catalog.create(tmp_path / "c") as catalog:
        with catalog.write() as txn:
            txn.put_locations((b"%032d" % i, Location(b"p" * 32, i)) for i in range(1500))
            txn.put_tag("m", "long", b"v" * 20_000)
        with catalog.write() as txn:
            txn.delete_locations(b"%032d" % i for i in range(0, 1500, 2))
    return tmp_path / "c" / "data.mdb"


def _newest(data_file: Path) -> pages.Meta:
    metas = pages.read_metas(data_file)
    assert metas is not None
    return max(metas, key=lambda meta: meta.transaction)


def test_a_whole_file_passes(data_file: Path) -> None:
    meta = _newest(data_file)
    assert meta.trees[1].depth == 3
    assert meta.trees[1].entries > 1500
    pages.check_tree(data_file, meta)
    pages.check_tree(data_file, meta, full=True)


def test_the_roots_must_make_sense(data_file: Path) -> None:
    good = data_file.read_bytes()
    # Magic, version of the page, flags, page size, depth, last page.
    for offset in (16, 10, 40, 94, 142):
        bad = bytearray(good)
        bad[offset] ^= 0xFF
        data_file.write_bytes(bad)
        with pytest.raises(CorruptionError):
            pages.read_metas(data_file)


def test_another_data_format_is_left_to_the_library(data_file: Path) -> None:
    bad = bytearray(data_file.read_bytes())
    bad[20] = 2
    data_file.write_bytes(bad)
    assert pages.read_metas(data_file) is None


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_a_file_cut_short_is_noticed_whatever_its_size(
    data_file: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(pages, "FULL_CHECK_BYTES_MAX", limit)
    meta = _newest(data_file)
    pages.check_tree(data_file, meta)
    good = data_file.read_bytes()
    used = (meta.last_page + 1) * meta.page_bytes
    for size in range(2 * meta.page_bytes, used // 2, 7 * meta.page_bytes):
        data_file.write_bytes(good[:size])
        with pytest.raises(CorruptionError):
            pages.check_tree(data_file, meta)


def test_of_a_large_file_only_a_full_check_reads_the_leaves(
    data_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FULL_CHECK_BYTES_MAX", 0)
    meta = _newest(data_file)
    bad = bytearray(data_file.read_bytes())
    at = bad.index(b"v" * 100) // meta.page_bytes * meta.page_bytes
    bad[at : at + 16] = bytes(16)
    data_file.write_bytes(bad)
    pages.check_tree(data_file, meta)
    with pytest.raises(CorruptionError) as caught:
        pages.check_tree(data_file, meta, full=True)
    assert str(data_file) in str(caught.value)


def test_a_page_that_points_to_itself_ends_the_walk(data_file: Path) -> None:
    meta = _newest(data_file)
    root = meta.trees[1].root
    bad = bytearray(data_file.read_bytes())
    page = bad[root * meta.page_bytes : (root + 1) * meta.page_bytes]
    first = int.from_bytes(page[16:18], "little")
    page[first : first + 4] = root.to_bytes(4, "little")
    bad[root * meta.page_bytes : (root + 1) * meta.page_bytes] = page
    data_file.write_bytes(bad)
    with pytest.raises(CorruptionError):
        pages.check_tree(data_file, meta)
