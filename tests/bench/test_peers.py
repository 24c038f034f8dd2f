from __future__ import annotations

from pathlib import Path

import pytest

from bench import peers


def test_zstd_round_trip(tmp_path: Path) -> None:
    source, packed, unpacked = (tmp_path / name for name in ("a", "b", "c"))
    source.write_bytes(bytes(range(256)) * 1000)
    assert peers.zstd_pack(source, packed) > 0
    assert packed.stat().st_size < 10_000
    assert peers.zstd_unpack(packed, unpacked) > 0
    assert unpacked.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("name", ["sha256", "blake3"])
def test_hashing_reads_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        peers.hashing(tmp_path / "missing", name)
    (tmp_path / "there").write_bytes(b"x")
    assert peers.hashing(tmp_path / "there", name) > 0
