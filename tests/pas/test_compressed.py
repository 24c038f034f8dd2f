"""Damaged and hostile compressed files: each refused by name, and nothing is written."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub import _core, ids
from modelhub.errors import (
    BadInputError,
    CorruptionError,
    ModelHubError,
    NotFoundError,
    PermissionDeniedError,
)
from modelhub.fs import seam
from modelhub.pas import canonical, recipe
from modelhub.pas.compressed import CompressedFile, check_name, is_pack
from modelhub.pas.ingest import Ingested
from modelhub.pas.recipe import Literal, Reference

Compress = Callable[..., Ingested]
Forge = Callable[..., list[bytes]]

SHA = hashlib.sha256(b"abc").digest()


def read(path: Path) -> bytes:
    """Read a compressed file whole; whatever fails must leave nothing at or beside the target."""
    target = path.with_name("target")
    before = sorted(os.listdir(path.parent))
    try:
        with CompressedFile(path) as compressed:
            compressed.write(target)
        data = target.read_bytes()
        target.unlink()
        return data
    finally:
        assert sorted(os.listdir(path.parent)) == before


def test_damage_anywhere_is_refused_by_name(
    weights: Path, tmp_path: Path, compress: Compress
) -> None:
    path = tmp_path / "t"
    compress(weights, path)
    whole = path.read_bytes()
    random = np.random.default_rng(1)
    edges = [0, 8, 12, 15, 16, len(whole) - 48, len(whole) - 1]
    offsets = [*edges, *random.integers(0, len(whole), 150).tolist()]
    for offset in offsets:
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with pytest.raises((CorruptionError, BadInputError)) as caught:
            read(path)
        assert caught.value.where.startswith(str(path)), offset
        assert caught.value.hint
        assert "fsck" not in caught.value.hint
    path.write_bytes(whole)
    assert read(path) == weights.read_bytes()


def test_a_file_cut_anywhere_is_refused_by_name(
    weights: Path, tmp_path: Path, compress: Compress
) -> None:
    path = tmp_path / "t"
    compress(weights, path)
    whole = path.read_bytes()
    for size in [*range(0, 70, 5), 8, *range(1000, len(whole), 5000), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises((CorruptionError, BadInputError)) as caught:
            read(path)
        assert caught.value.where == str(path)
        assert isinstance(caught.value, CorruptionError) == (size >= 8)
    path.write_bytes(whole + b"x")
    with pytest.raises(CorruptionError):
        read(path)


def test_damage_says_which_block(weights: Path, tmp_path: Path, compress: Compress) -> None:
    path = tmp_path / "t"
    compress(weights, path)
    with _core.PackReader(str(path)) as reader:
        entry = reader.entry(0)
    data = bytearray(path.read_bytes())
    data[entry.offset + entry.record_bytes] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptionError, match="entry 0") as caught:
        read(path)
    assert "block 0" in caught.value.where
    assert "fetch it again" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"abc", b"PK\x03\x04" * 50, b"\x8dMHPACX\n" + bytes(90)])
def test_other_files_are_no_compressed_files(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "t"
    path.write_bytes(data)
    assert not is_pack(path)
    with pytest.raises(BadInputError, match="modelhub compress"):
        read(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        CompressedFile(tmp_path / "none")
    with pytest.raises(BadInputError):
        CompressedFile(tmp_path)


def test_a_newer_pack_says_so(weights: Path, tmp_path: Path, compress: Compress) -> None:
    path = tmp_path / "t"
    compress(weights, path)
    data = bytearray(path.read_bytes())
    data[8:12] = struct.pack("<I", 99)
    path.write_bytes(data)
    with pytest.raises(ModelHubError) as caught:
        read(path)
    assert caught.value.kind == "unsupported_version"
    assert "damaged" not in caught.value.hint


def tree(*rows: Any, **more: Any) -> tuple[int, bytes]:
    value = {"format": 1, "files": rows, "storages": [], "tensors": [], **more}
    return ids.TREE, canonical.dump(value)


def row(
    recipe_id: bytes, name: Any = "abc", size: Any = 3, sha256: bytes = SHA, kind: Any = "file"
) -> list[Any]:
    return [name, size, sha256.hex(), recipe_id.hex(), kind]


def abc(*steps: Literal | Reference, size: int = 3, sha256: bytes = SHA) -> tuple[int, bytes]:
    return ids.RECIPE, recipe.encode(size, sha256, steps or [Literal(b"abc")])


ABC = ids.object_id(*abc())
BLOB = ids.object_id(ids.BLOB, b"xabcx")


def test_an_honest_forgery_is_read(tmp_path: Path, forge: Forge) -> None:
    forge(tmp_path / "t", [abc(), tree(row(ABC))])
    assert read(tmp_path / "t") == b"abc"


@pytest.mark.parametrize(
    "objects",
    [
        [],
        [abc()],
        [abc(), tree(row(ABC)), (ids.ANNOTATION, b"{}")],
        [abc(), tree()],
        [abc(), tree(row(ABC), row(ABC))],
    ],
)
def test_a_repositorys_pack_is_none(
    tmp_path: Path, forge: Forge, objects: list[tuple[int, bytes]]
) -> None:
    # A session without any object writes no pack.
    forge(tmp_path / "t", objects or [(ids.BLOB, b"x")])
    with pytest.raises(BadInputError, match="repository") as caught:
        read(tmp_path / "t")
    assert caught.value.where == str(tmp_path / "t")


def referring(start: int, length: int, size: int) -> list[tuple[int, bytes]]:
    step = abc(Reference(BLOB, start, length), size=size)
    return [(ids.BLOB, b"xabcx"), step, tree(row(ids.object_id(*step), size=size))]


NONE = ids.object_id(ids.RECIPE, b"none")
OTHER = abc(Literal(b"abd"))


@pytest.mark.parametrize(
    "objects",
    [
        [tree(row(ABC))],
        [abc(), tree(row(NONE))],
        [abc(), (ids.TREE, b"no JSON")],
        [abc(), (ids.TREE, b"[" * 100_000)],
        [abc(), tree(row(ABC), format=2)],
        [abc(), tree(row(ABC)[:4])],
        [abc(), tree(row(ABC, name=5))],
        [abc(), tree(row(ABC, name=None))],
        [abc(), tree(row(ABC, size="3"))],
        [abc(), tree(row(ABC, size=3.0))],
        [abc(), tree(row(ABC, size=4))],
        [abc(), tree(row(ABC, size=-3))],
        [abc(), tree(row(ABC, sha256=bytes(32)))],
        [abc(), tree(row(ABC, sha256=b"short"))],
        [abc(), tree(row(b"short"))],
        [abc(), tree(row(ABC), storages=[["zz", "float32", [1]]])],
        [(ids.RECIPE, b"none"), tree(row(NONE))],
        # The recipe is whole, but does not give what its SHA-256 says.
        [OTHER, tree(row(ids.object_id(*OTHER)))],
        # References past the object, of an object longer than the file, and to none at all.
        referring(3, 3, 3),
        referring(1, 3, 3),
        referring(1 << 63, 3, 3),
        referring(0, 1 << 60, 1 << 60),
        referring(0, 5, 5)[1:],
    ],
)
def test_a_forged_file_is_refused_by_name(
    tmp_path: Path, forge: Forge, objects: list[tuple[int, bytes]]
) -> None:
    forge(tmp_path / "t", objects)
    with pytest.raises(CorruptionError) as caught:
        read(tmp_path / "t")
    assert caught.value.where.startswith(str(tmp_path / "t"))
    assert "fsck" not in caught.value.hint


def test_what_the_target_meets_is_told_of_the_target(
    weights: Path, tmp_path: Path, compress: Compress
) -> None:
    compress(weights, tmp_path / "t")
    missing = tmp_path / "none" / "back"

    def fail(operation: str, path: Path) -> None:
        if operation == "sync":
            raise PermissionDeniedError("full", where=str(path), kind="no_space")

    with CompressedFile(tmp_path / "t") as compressed:
        with pytest.raises(NotFoundError) as caught:
            compressed.write(missing)
        assert caught.value.where == str(missing)
        seam.set_hook(fail)
        with pytest.raises(PermissionDeniedError) as refused:
            compressed.write(tmp_path / "back")
        assert refused.value.where == str(tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    "name",
    [
        "a",
        ".hidden",
        "-rf",
        "two words",
        "模型.npz",
        "é",
        "e\u0301",
        "👩\u200d🔬",
        "a:b",
        "~",
        "$x",
    ],
)
def test_names_of_files(name: str, tmp_path: Path) -> None:
    assert check_name(name, tmp_path) == name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "unsafe_path"),
        (".", "unsafe_path"),
        ("..", "unsafe_path"),
        ("/etc/passwd", "unsafe_path"),
        ("../a", "unsafe_path"),
        ("a/b", "unsafe_path"),
        ("a/", "unsafe_path"),
        ("..\\a", "unsafe_path"),
        ("C:\\a", "unsafe_path"),
        ("a\0b", "bad_name"),
        ("a\nb", "bad_name"),
        ("\x1b[2J", "bad_name"),
        ("a\x7f", "bad_name"),
        ("a\x85", "bad_name"),
        ("a\u2028b", "bad_name"),
        ("\ud800", "bad_name"),
        ("model\u202egpj.exe", "bad_name"),
        ("a\u2066b", "bad_name"),
    ],
)
def test_names_that_are_refused(name: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        check_name(name, tmp_path)
    assert caught.value.kind == kind
    assert "-o FILE" in caught.value.hint
    caught.value.args[0].encode()
