"""Golden files: those that must decode, those that must fail, and who writes them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub import _core, codec
from modelhub.errors import ModelHubError
from tests.core.plain.packs import decode_blob, decode_pack, entries_of

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
PACKS, BLOBS = GOLDEN / "pack-v1", GOLDEN / "blob-v1"
CODECS = {
    "constant", "raw", "lz4", "zstd", "rans", "bits", "field", "classes", "palette", "joined",
}  # fmt: skip


def expected(folder: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((folder / "expected.json").read_text())
    return found


def blob_bytes(name: str) -> bytes:
    return (BLOBS / "good" / f"{name}.blob").read_bytes()


@pytest.fixture
def example_base() -> np.ndarray:
    return codec.decode(blob_bytes("example-base"))


@pytest.mark.parametrize("name", expected(PACKS)["good"])
def test_good_packs_decode(lab: Any, name: str) -> None:
    path = PACKS / "good" / f"{name}.pack"
    known = expected(PACKS)["good"][name]
    reader = _core.PackReader(str(path))
    assert reader.name.hex() == known["name"]
    ids = [reader.entry(i).id for i in range(reader.count)]
    found = {ids[i].hex(): lab.read(reader, i) for i in range(reader.count)}
    assert {k: hashlib.sha256(v).hexdigest() for k, v in found.items()} == known["sha256"]
    assert {k.hex(): v for k, v in decode_pack(path).items()} == found
    for i in range(reader.count):
        reader.verify(i)


@pytest.mark.parametrize("name", expected(PACKS)["good"])
def test_good_packs_decode_by_planes(lab: Any, name: str) -> None:
    path = PACKS / "good" / f"{name}.pack"
    reader = _core.PackReader(str(path))
    for planes in range(1, 8):
        by_page = decode_pack(path, planes)
        for i in range(reader.count):
            entry = reader.entry(i)
            got = lab.read(reader, i, planes=min(planes, entry.width))
            assert got == by_page[entry.id], (i, planes)


@pytest.mark.parametrize("name", expected(BLOBS)["good"])
def test_good_blobs_decode(name: str) -> None:
    known = expected(BLOBS)["good"][name]
    blob = blob_bytes(name)
    if known["base"] is None:
        array, raw = codec.decode(blob), None
    else:
        base = codec.decode(blob_bytes(known["base"]))
        array, raw = codec.decode_delta(blob, base), base.tobytes()
    assert (array.dtype.name, list(array.shape)) == (known["dtype"], known["shape"])
    assert hashlib.sha256(array.tobytes()).hexdigest() == known["sha256"]
    assert decode_blob(blob, raw) == array.tobytes()


@pytest.mark.parametrize("name", expected(PACKS)["bad"])
def test_bad_packs_fail_by_name(lab: Any, name: str) -> None:
    path = PACKS / "bad" / f"{name}.pack"
    with pytest.raises(ModelHubError) as caught:
        lab.read(_core.PackReader(str(path)), 0)
    assert caught.value.kind == expected(PACKS)["bad"][name]
    assert str(path) in caught.value.where


@pytest.mark.parametrize("name", expected(BLOBS)["bad"])
def test_bad_blobs_fail_by_name(example_base: np.ndarray, name: str) -> None:
    blob = (BLOBS / "bad" / f"{name}.blob").read_bytes()
    base = example_base if name.startswith("classes-") and "width" not in name else None
    with pytest.raises(ModelHubError) as caught:
        codec.decode(blob) if base is None else codec.decode_delta(blob, base)
    assert caught.value.kind == expected(BLOBS)["bad"][name]
    assert "the blob" in caught.value.where


def test_every_golden_file_is_expected() -> None:
    for folder in (PACKS, BLOBS):
        for part in ("good", "bad"):
            names = {path.stem for path in (folder / part).iterdir()}
            assert names == set(expected(folder)[part])


def test_golden_files_are_small() -> None:
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()) < 400_000


def test_the_good_ones_have_all_there_is() -> None:
    readers = [_core.PackReader(str(path)) for path in (PACKS / "good").iterdir()]
    entries = [e for path in (PACKS / "good").iterdir() for e in entries_of(path).values()]
    cells = [cell for entry in entries for block in entry.blocks for cell in block]
    assert {name for r in readers for i in range(r.count) for name in r.codecs(i)} == CODECS
    assert max(r.entry(i).depth for r in readers for i in range(r.count)) == 3
    assert {cell.form for cell in cells} == {0, 1, 2}
    conversions = {entry.mapping.conversion for entry in entries if entry.mapping}
    assert conversions == {0, 1, 2, 3, 4}
    # Field: fine, four groups, grouped, below. Classes: fine, flagged, four groups.
    fields = [cell.payload[0] for cell in cells if cell.codec == 6]
    classes = [cell.payload[0] for cell in cells if cell.codec == 7]
    assert all(any(mode & bit for mode in fields) for bit in (32, 64, 128))
    assert all(any(mode & bit for mode in classes) for bit in (1, 2, 4))
    assert {cell.payload[1] for cell in cells if cell.codec == 8} == {0, 1}


def generate(folder: Path, target: Path, cpu: str = "") -> int:
    command = [sys.executable, str(folder / "generate.py"), str(target)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MODELHUB_CPU": cpu}
    return subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode


@pytest.mark.parametrize("folder", [PACKS, BLOBS], ids=["packs", "blobs"])
def test_this_program_still_writes_the_same(folder: Path, tmp_path: Path) -> None:
    """Equal up to what a writer may choose: the contents are compared, and no file grows."""
    fresh = tmp_path / "fresh"
    assert generate(folder, fresh) == 0
    again, known = expected(fresh), expected(folder)
    for name, what in known["good"].items():
        assert again["good"][name]["sha256"] == what["sha256"]
    assert again["bad"] == known["bad"]
    for path in (folder / "good").iterdir():
        assert (fresh / "good" / path.name).stat().st_size <= 1.05 * path.stat().st_size
    for path in (folder / "bad").iterdir():
        if not path.stem.endswith("-flip"):
            assert (fresh / "bad" / path.name).read_bytes() == path.read_bytes(), path.stem
    fixed = ("constant.pack", "empty.pack")
    for path in (folder / "good").iterdir():
        if path.name in fixed:
            assert (fresh / "good" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("folder", [PACKS, BLOBS], ids=["packs", "blobs"])
def test_golden_files_are_never_overwritten(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert generate(folder, copy) == 1
