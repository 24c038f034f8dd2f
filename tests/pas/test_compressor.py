"""What a compressed file holds, and that nothing of it is left where writing fails."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelhub import _core, ids
from modelhub.codec.presets import PRESETS
from modelhub.errors import ConflictError, NotFoundError, PermissionDeniedError
from modelhub.fs import seam
from modelhub.pas.compressed import CompressedFile
from modelhub.pas.ingest import Ingested
from modelhub.pas.session import Session
from tests.killed import run_killed

Compress = Callable[..., Ingested]


def kinds(path: Path) -> list[int]:
    with _core.PackReader(str(path)) as reader:
        return [reader.entry(index).kind for index in range(reader.count)]


def names(path: Path) -> list[str]:
    return sorted(os.listdir(path))


@pytest.mark.parametrize("preset", PRESETS)
def test_tensors_first_then_the_recipe_then_the_tree(
    weights: Path, compress: Compress, preset: str
) -> None:
    target = weights.with_name("t")
    done = compress(weights, target, preset)
    assert done.sha256 == hashlib.sha256(weights.read_bytes()).digest()
    # Six arrays, two of them equal.
    assert kinds(target) == [ids.TENSOR] * 5 + [ids.RECIPE, ids.TREE]
    assert target.stat().st_size < weights.stat().st_size * 0.8
    with CompressedFile(target) as compressed:
        assert compressed.file.path == "weights.npz"
        assert compressed.file.kind == "npz"
        compressed.write(weights.with_name("back"))
    assert weights.with_name("back").read_bytes() == weights.read_bytes()


def test_the_pack_is_one_however_large(
    weights: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Session.__init__.__kwdefaults__, "pack_bytes_max", 1)
    compress(weights, weights.with_name("t"))
    assert kinds(weights.with_name("t")) == [ids.TENSOR] * 5 + [ids.RECIPE, ids.TREE]


def test_what_is_detached_is_stored_once(tmp_path: Path, compress: Compress) -> None:
    source, target = tmp_path / "a.npz", tmp_path / "t"
    np.savez_compressed(source, a=np.random.default_rng(0).standard_normal(20_000))
    compress(source, target)
    assert kinds(target) == [ids.BLOB, ids.RECIPE, ids.TREE]
    assert target.stat().st_size < source.stat().st_size + 2000


def test_the_example_of_the_documents(tmp_path: Path, compress: Compress) -> None:
    source, target = tmp_path / "abc", tmp_path / "abc.mhz"
    source.write_bytes(b"abc")
    compress(source, target)
    text = (Path(__file__).parents[2] / "docs/formats/compressed.md").read_text()
    with _core.PackReader(str(target)) as reader:
        recipe, tree = (reader.entry(index) for index in range(reader.count))
        found = [np.empty(entry.raw_bytes, np.uint8) for entry in (recipe, tree)]
        for index, data in enumerate(found):
            _core.decode([(reader, index)], data)
    assert f"`{recipe.id.hex()}`" in text
    assert f"`{tree.id.hex()}`" in text
    example = text.split("```")[1].replace("\n", "")
    assert found[1].tobytes().decode() == example
    assert found[0].tobytes().endswith(b"\x01\0\0\0\0\x03\0\0\0abc")


def test_what_was_there_is_replaced_at_the_end(weights: Path, compress: Compress) -> None:
    target = weights.with_name("t")
    target.write_bytes(b"old")
    seen = []
    seam.set_hook(lambda operation, path: seen.append((operation, target.read_bytes() == b"old")))
    compress(weights, target)
    assert seen == [("write", True), ("sync", True), ("rename", True), ("sync", False)]


@pytest.mark.parametrize("point", ["write", "sync", "rename"])
def test_a_failure_leaves_nothing_and_names_the_target(
    weights: Path, compress: Compress, point: str
) -> None:
    target = weights.with_name("t")
    target.write_bytes(b"old")

    def fail(operation: str, path: Path) -> None:
        if operation == point:
            raise PermissionDeniedError("full", where=str(path), kind="no_space")

    seam.set_hook(fail)
    with pytest.raises(PermissionDeniedError) as caught:
        compress(weights, target)
    assert (caught.value.where, caught.value.kind) == (str(target), "no_space")
    assert names(weights.parent) == ["t", "weights.npz"]
    assert target.read_bytes() == b"old"


def test_an_interrupt_leaves_nothing(weights: Path, compress: Compress) -> None:
    def interrupt(size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compress(weights, weights.with_name("t"), progress=interrupt)
    assert names(weights.parent) == ["weights.npz"]


def test_a_file_that_changes_is_refused(weights: Path, compress: Compress) -> None:
    def touch(size: int) -> None:
        os.utime(weights, ns=(0, 0))

    with pytest.raises(ConflictError, match="changed"):
        compress(weights, weights.with_name("t"), progress=touch)
    assert names(weights.parent) == ["weights.npz"]


def test_a_folder_that_is_missing(weights: Path, compress: Compress) -> None:
    target = weights.parent / "none" / "t"
    with pytest.raises(NotFoundError) as caught:
        compress(weights, target)
    assert caught.value.where == str(target)


KILLED = """
from modelhub import containers
from modelhub.fs.files import InputFile
from modelhub.pas import compressor

arm()
with InputFile(Path(sys.argv[1])) as file:
    parsed = containers.parse(file, "npz")
    compressor.write(file, parsed, Path(sys.argv[2]), preset="default")
"""


def test_a_killed_process_leaves_no_target(weights: Path) -> None:
    target = weights.with_name("t")
    killed = 0
    for point in range(10):
        target.unlink(missing_ok=True)
        ended = run_killed(point, KILLED, str(weights), str(target))
        if target.exists():
            # Whole, if only its folder may not have reached the disk.
            with CompressedFile(target) as compressed:
                compressed.write(weights.with_name("back"))
            assert weights.with_name("back").read_bytes() == weights.read_bytes()
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        killed += 1
    assert killed == 4
    assert target.exists()
