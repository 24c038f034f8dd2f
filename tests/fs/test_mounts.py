from __future__ import annotations

from pathlib import Path

import pytest

from modelhub.fs import mounts


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mounts"
    monkeypatch.setattr(mounts, "MOUNTS_FILE", path)
    return path


def test_the_deepest_mount_counts(table: Path) -> None:
    table.write_text(
        "/dev/vda / ext4 rw 0 0\n"
        "server:/x /data nfs4 rw 0 0\n"
        "/dev/vdb /data/local xfs rw 0 0\n"
        "malformed\n"
    )
    assert mounts.network_type(Path("/home/me")) is None
    assert mounts.network_type(Path("/data")) == "nfs4"
    assert mounts.network_type(Path("/data/some/model")) == "nfs4"
    assert mounts.network_type(Path("/data/local/model")) is None
    assert mounts.network_type(Path("/database")) is None


def test_a_later_mount_hides_an_earlier_one(table: Path) -> None:
    table.write_text("/dev/vda / ext4 rw 0 0\ns:/ /m nfs rw 0 0\n/dev/vdb /m ext4 rw 0 0\n")
    assert mounts.network_type(Path("/m/x")) is None


def test_names_with_spaces_are_unescaped(table: Path) -> None:
    table.write_text("/dev/vda / ext4 rw 0 0\n//s/share /my\\040share cifs rw 0 0\n")
    assert mounts.network_type(Path("/my share/x")) == "cifs"


def test_links_are_followed(table: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    table.write_text(f"/dev/vda / ext4 rw 0 0\nu@h: {tmp_path}/real fuse.sshfs rw 0 0\n")
    assert mounts.network_type(tmp_path / "link" / "x") == "fuse.sshfs"


def test_without_a_table_nothing_is_said(table: Path) -> None:
    assert mounts.network_type(Path("/")) is None


def test_the_table_of_this_machine_is_understood(tmp_path: Path) -> None:
    kind = mounts.network_type(tmp_path)
    assert kind is None or kind in mounts.NETWORK_TYPES
