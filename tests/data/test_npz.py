"""Arrays of npz files come in batches, stored or deflated, and damage is told."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from modelhub.data.npz import Npz
from modelhub.errors import BadInputError


def _joined(path: Path, names: list[str], size: int) -> dict[str, np.ndarray]:
    source = Npz(path)
    batches = list(source.rows(names, size))
    source.close()
    return {name: np.concatenate([batch[name] for batch in batches]) for name in names}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_batches_are_the_rows(tmp_path: Path, save: object, size: int) -> None:
    x = np.random.default_rng(0).standard_normal((50, 2, 3)).astype(np.float32)
    y = np.arange(50, dtype=np.uint8)
    save(tmp_path / "a.npz", x=x, y=y, name="a text", scalar=np.float64(3))
    source = Npz(tmp_path / "a.npz")
    assert set(source.columns) == {"x", "y"}
    column = source.columns["x"]
    assert (column.dtype, column.shape, column.count) == ("float32", (2, 3), 50)
    found = _joined(tmp_path / "a.npz", ["x", "y"], size)
    assert np.array_equal(found["x"], x)
    assert np.array_equal(found["y"], y)


def test_big_endian_values_are_swapped(tmp_path: Path) -> None:
    x = np.arange(6, dtype=">f8").reshape(3, 2)
    np.savez(tmp_path / "a.npz", x=x)
    assert np.array_equal(_joined(tmp_path / "a.npz", ["x"], 2)["x"], x)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_only_a_batch_is_in_memory(tmp_path: Path, save: object) -> None:
    save(tmp_path / "a.npz", x=np.ones((4000, 1000), np.float32))
    source = Npz(tmp_path / "a.npz")
    tracemalloc.start()
    total = sum(float(batch["x"].sum()) for batch in source.rows(["x"], 100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    source.close()
    assert total == 4_000_000
    # 16 MB of values; a batch takes 0.4 MB, with copies and what is inflated ahead.
    assert peak < 5_000_000


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones((100, 10), np.float32))
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInputError, match="checksum"):
        _joined(path, ["x"], 10)


def test_a_deflated_member_that_is_cut_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    x = np.random.default_rng(0).standard_normal((100, 10))
    np.savez_compressed(path, x=x)
    data = bytearray(path.read_bytes())
    data[500:520] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(BadInputError, match="checksum"):
        _joined(path, ["x"], 10)


def test_objects_and_columns_by_column_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", x=np.array([{}, []], object))
    with pytest.raises(BadInputError) as caught:
        Npz(tmp_path / "o.npz")
    assert caught.value.kind == "unsafe_pickle"
    np.savez(tmp_path / "f.npz", x=np.asfortranarray(np.ones((4, 3))))
    with pytest.raises(BadInputError, match="ascontiguousarray"):
        _joined(tmp_path / "f.npz", ["x"], 2)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(BadInputError):
        Npz(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", b"no array at all")
    with pytest.raises(BadInputError, match=r"x\.npy"):
        Npz(tmp_path / "b.npz")


def test_fewer_values_than_the_header_says_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 3)))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", (tmp_path / "x.npy").read_bytes()[:-8])
    with pytest.raises(BadInputError, match="88 bytes") as caught:
        Npz(tmp_path / "a.npz")
    assert caught.value.kind == "truncated"
