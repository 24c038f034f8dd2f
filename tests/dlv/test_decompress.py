"""Getting files back: names from inside are only names, and a killed process leaves no target."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv.compress import compress
from modelhub.dlv.decompress import decompress, decompress_targets
from modelhub.dlv.stage import add
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, ConflictError, CorruptionError, NotFoundError
from tests.killed import run_killed


@pytest.fixture
def compressed(tmp_path: Path) -> Path:
    source = tmp_path / "w.npz"
    values = np.random.default_rng(0).standard_normal((200, 50)).astype(np.float32)
    np.savez(source, a=values, b=values * 2)
    compress(source, tmp_path / "elsewhere.mhz")
    return tmp_path / "elsewhere.mhz"


def test_the_name_inside_beside_the_compressed_file(compressed: Path, tmp_path: Path) -> None:
    (target,) = decompress_targets([compressed], force=True)
    assert target == tmp_path / "w.npz"
    with pytest.raises(ConflictError):
        decompress_targets([compressed])
    (tmp_path / "out").mkdir()
    (target,) = decompress_targets([compressed], str(tmp_path / "out"))
    done = decompress(compressed, target)
    assert (done.source, done.target) == (compressed, tmp_path / "out" / "w.npz")
    assert done.bytes == (tmp_path / "w.npz").stat().st_size
    assert target.read_bytes() == (tmp_path / "w.npz").read_bytes()


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "a\u202eb", os.fsdecode(b"\xff")])
def test_an_odd_name_is_used_only_if_the_user_gives_one(tmp_path: Path, name: str) -> None:
    source, out = tmp_path / name, tmp_path / "fine"
    source.write_bytes(b"content")
    compress(source, tmp_path / "t")
    with pytest.raises(BadInputError) as caught:
        decompress_targets([tmp_path / "t"])
    assert caught.value.where == str(tmp_path / "t")
    assert decompress_targets([tmp_path / "t"], str(out)) == [out]
    decompress(tmp_path / "t", out)
    assert out.read_bytes() == b"content"


def test_two_of_one_name(compressed: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.mhz"
    again.write_bytes(compressed.read_bytes())
    (tmp_path / "out").mkdir()
    with pytest.raises(ConflictError, match="both"):
        decompress_targets([compressed, again], str(tmp_path / "out"))


def test_what_is_no_compressed_file(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"PK")
    with pytest.raises(BadInputError):
        decompress_targets([tmp_path / "w.npz"])
    with pytest.raises(BadInputError):
        decompress(tmp_path / "w.npz", tmp_path / "t")
    with pytest.raises(NotFoundError):
        decompress(tmp_path / "none", tmp_path / "t")
    assert os.listdir(tmp_path) == ["w.npz"]


def test_a_repositorys_packs(repo: Repo, commit_arrays, tmp_path: Path) -> None:
    commit_arrays("m", {"a": np.arange(5)})
    (pack,) = repo.layout.packs_dir.glob("*.pack")
    with pytest.raises(BadInputError, match="checkout"):
        decompress_targets([pack])


def test_a_compressed_file_is_a_file_like_any_other(compressed: Path, repo: Repo) -> None:
    (staged,) = add(repo, [compressed]).added
    assert staged.kind == "file"


def test_damage_keeps_what_is_there(compressed: Path, tmp_path: Path) -> None:
    data = bytearray(compressed.read_bytes())
    data[1000] ^= 1
    compressed.write_bytes(data)
    target = tmp_path / "w.npz"
    before = target.read_bytes()
    with pytest.raises(CorruptionError) as caught:
        decompress(compressed, target)
    assert caught.value.where.startswith(str(compressed))
    assert target.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["elsewhere.mhz", "w.npz"]


KILLED = """
from modelhub.dlv.decompress import decompress

arm()
decompress(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_killed_process_leaves_no_part_of_a_target(compressed: Path, tmp_path: Path) -> None:
    target, whole = tmp_path / "back", (tmp_path / "w.npz").read_bytes()
    killed = 0
    for point in range(20):
        target.unlink(missing_ok=True)
        ended = run_killed(point, KILLED, str(compressed), str(target))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        assert not target.exists() or target.read_bytes() == whole
        killed += 1
    assert killed > 4
    assert target.read_bytes() == whole
