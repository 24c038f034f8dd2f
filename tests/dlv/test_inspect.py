from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv import stage
from modelhub.dlv.compress import compress
from modelhub.dlv.inspect import inspect
from modelhub.dlv.state import Repo
from modelhub.dlv.tier import push, set_tier
from modelhub.errors import BadInputError, CorruptionError, ModelHubError, NotFoundError

ARRAYS = {"a": np.ones((4, 3), np.float32), "b": np.arange(5, dtype=np.int16)}


def _pack(repo: Repo) -> Path:
    (path,) = repo.layout.packs_dir.glob("*.pack")
    return path


def test_pack(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", ARRAYS)
    path = _pack(repo)
    found = inspect(path, verify=True)
    assert (found.kind, found.size, found.problem) == ("pack", path.stat().st_size, None)
    assert found.facts["name"] == path.stem
    kinds = [entry["kind"] for entry in found.entries]
    assert {"tensor", "recipe", "tree", "network", "manifest", "annotation"} <= set(kinds)
    shapes = {tuple(e["shape"]): e["dtype"] for e in found.entries if e["kind"] == "tensor"}
    assert shapes == {(4, 3): "float32", (5,): "int16"}
    assert {entry["state"] for entry in found.entries} == {"ok"}


def test_damaged_block_is_found_on_request(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", {"w": np.random.default_rng(0).normal(size=(100, 100))})
    path = _pack(repo)
    entry = max(inspect(path).entries, key=lambda entry: entry["stored_bytes"])
    data = bytearray(path.read_bytes())
    data[entry["offset"] + entry["stored_bytes"] // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    found = inspect(path, verify=True)
    assert isinstance(found.problem, CorruptionError)
    assert sum(entry["state"] == "damaged" for entry in found.entries) == 1


def test_a_split_pack_and_its_companion(repo: Repo, commit_arrays, tmp_path: Path) -> None:
    commit_arrays("a", {"w": np.random.default_rng(0).normal(size=(100, 100))})
    set_tier(repo, str(tmp_path / "cold"))
    moved = push(repo).moved_bytes
    (low,) = (tmp_path / "cold").glob("*.low")
    near = inspect(_pack(repo), verify=True)
    assert (near.kind, near.problem) == ("near file", None)
    assert near.facts["far_bytes"] == moved
    assert {entry["state"] for entry in near.entries} == {"near ok"}
    companion = inspect(low)
    assert companion.kind == "companion"
    assert companion.facts == {"pack": _pack(repo).stem, "far_bytes": moved}
    low.write_bytes(low.read_bytes()[:-1])
    with pytest.raises(CorruptionError):
        inspect(low)


def test_a_compressed_file_says_what_is_in_it(tmp_path: Path) -> None:
    source, path = tmp_path / "w.npz", tmp_path / "anything"
    np.savez(source, **ARRAYS)
    made = compress(source, path)
    found = inspect(path, verify=True)
    assert (found.kind, found.problem) == ("compressed file", None)
    assert (found.facts["original"], found.facts["original_kind"]) == ("w.npz", "npz")
    assert found.facts["original_bytes"] == made.logical_bytes
    assert found.facts["original_sha256"] == made.sha256
    assert [entry["kind"] for entry in found.entries] == ["tensor", "tensor", "recipe", "tree"]
    assert found.facts["objects"] == 4


def test_a_compressed_file_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "w.mhz"
    np.savez(tmp_path / "w.npz", **ARRAYS)
    compress(tmp_path / "w.npz", path)
    whole = path.read_bytes()
    tree = inspect(path).entries[-1]
    data = bytearray(whole)
    data[tree["offset"] + tree["stored_bytes"] - 1] ^= 1
    path.write_bytes(data)
    found = inspect(path)
    assert isinstance(found.problem, CorruptionError)
    assert found.problem.where.startswith(str(path))
    path.write_bytes(whole[:-1])
    with pytest.raises(CorruptionError):
        inspect(path)


def test_not_a_pack(tmp_path: Path) -> None:
    path = tmp_path / "x.pack"
    path.write_bytes(b"nothing of the kind" * 10)
    with pytest.raises(ModelHubError):
        inspect(path)


def test_files_of_a_repository(repo: Repo, tmp_path: Path, commit_arrays) -> None:
    commit_arrays("a", ARRAYS)
    note = tmp_path / "note.txt"
    note.write_text("text")
    stage.add(repo, [note])
    config = inspect(repo.layout.config_file)
    assert config.kind == "config"
    assert config.facts["format_version"] == "1"
    staged = inspect(repo.layout.stage_file)
    assert (staged.kind, [entry["path"] for entry in staged.entries]) == ("stage", ["note.txt"])
    assert inspect(repo.layout.lock_file).kind == "lock"


@pytest.mark.parametrize("place", ["root", "dot", "catalog_dir"])
def test_catalog(repo: Repo, commit_arrays, place: str) -> None:
    commit_arrays("a", ARRAYS)
    found = inspect(getattr(repo.layout, place))
    assert found.kind == "catalog"
    assert found.facts["rows"] > 0
    assert found.size > 0


def test_weights_file(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, **ARRAYS)
    found = inspect(path)
    assert (found.kind, found.size) == ("npz", path.stat().st_size)
    rows = [(e["name"], e["dtype"], e["shape"]) for e in found.entries]
    assert rows == [("a", "float32", [4, 3]), ("b", "int16", [5])]
    assert found.facts["tensor_bytes"] + found.facts["other_bytes"] == found.size


def test_any_other_file(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("")
    found = inspect(path)
    assert found.kind == "file"
    assert found.facts["sha256"].startswith("e3b0c442")


def test_missing_file_and_plain_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        inspect(tmp_path / "none")
    with pytest.raises(BadInputError):
        inspect(tmp_path)
