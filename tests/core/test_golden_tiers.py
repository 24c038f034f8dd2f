"""Golden near files and companions: those that must read, those that must fail, who writes them."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub import _core
from modelhub.errors import ModelHubError, RemoteError
from tests.core.plain.packs import decode_pack
from tests.core.plain.tiers import whole
from tests.golden.splitting import split

ROOT = Path(__file__).resolve().parents[2]
TIERS, PACKS = ROOT / "tests" / "golden" / "tier-v1", ROOT / "tests" / "golden" / "pack-v1" / "good"
EXPECTED = json.loads((TIERS / "expected.json").read_text())
EXAMPLE = TIERS / "good" / "example.pack"


def test_the_worked_example(lab: Any) -> None:
    low = EXAMPLE.with_suffix(".low")
    assert EXPECTED["good"] == ["example"]
    pack = whole(EXAMPLE.read_bytes(), low.read_bytes())
    reader = _core.PackReader(str(EXAMPLE), str(low))
    header, index = pack[:16], pack[struct.unpack_from("<Q", pack, len(pack) - 48)[0] : -48]
    assert reader.name == hashlib.sha256(header + index).digest()
    assert reader.low_sha256 == hashlib.sha256(low.read_bytes()).digest()
    assert lab.read(reader, 0).hex() == "0403020114131211"
    assert lab.read(_core.PackReader(str(EXAMPLE)), 0, planes=2).hex() == "0000020100001211"


def test_the_page_shows_the_worked_example() -> None:
    page = (ROOT / "docs" / "formats" / "tier.md").read_text().split("## Worked example")[1]
    parts = page.split("```")[1].split("\ncompanion\n")
    for part, path in zip(parts, (EXAMPLE, EXAMPLE.with_suffix(".low")), strict=True):
        data = path.read_bytes()
        rows = re.findall(r"^ *(\d+) ((?:[0-9A-F]{2} )+)", part, re.MULTILINE)
        assert len(rows) >= 5
        for offset, text in rows:
            shown = bytes.fromhex(text)
            assert data[int(offset) :].startswith(shown), offset


@pytest.fixture(params=sorted(path.stem for path in PACKS.iterdir()))
def pack(request: Any, tmp_path: Path) -> Path:
    """Return a golden pack of which `tmp_path` holds a near file and a companion."""
    path = PACKS / f"{request.param}.pack"
    split(path, tmp_path / path.name)
    return path


def test_golden_packs_come_back_from_two_files(lab: Any, pack: Path, tmp_path: Path) -> None:
    near, low = tmp_path / pack.name, (tmp_path / pack.name).with_suffix(".low")
    assert whole(near.read_bytes(), low.read_bytes()) == pack.read_bytes()
    reader = _core.PackReader(str(near), str(low))
    assert reader.is_split
    assert reader.has_far
    assert reader.bytes == pack.stat().st_size
    assert reader.far_bytes == low.stat().st_size - 64
    found = {reader.entry(i).id: lab.read(reader, i) for i in range(reader.count)}
    assert found == decode_pack(pack)


def narrows(chain: list[tuple[_core.PackReader, int]]) -> bool:
    widths = [reader.entry(i).width for reader, i in chain]
    return any(width == 2 and base == 4 for width, base in itertools.pairwise(widths))


def test_leading_bytes_read_from_the_near_file_alone(lab: Any, pack: Path, tmp_path: Path) -> None:
    reader = _core.PackReader(str(tmp_path / pack.name))
    leading = decode_pack(pack, 2)
    refused = 0
    for i in range(reader.count):
        entry = reader.entry(i)
        reader.verify(i, near_only=True)
        chain = lab.chain(reader, i)
        if narrows(chain) or any(r.entry(link).is_fixed for r, link in chain):
            # A narrower type's difference from float32 needs a byte more of its base, and any byte
            # of a fixed entry all its segments.
            with pytest.raises(RemoteError):
                lab.read(reader, i, planes=2)
            refused += 1
        else:
            assert lab.read(reader, i, planes=min(2, entry.width)) == leading[entry.id]
        near = reader.near_segments(i)
        if entry.is_fixed:
            out = np.empty(entry.raw_bytes, np.uint8)
            groups = -(-entry.raw_bytes // entry.width // entry.group_elements)
            args = ((reader, i), out, np.empty(groups, np.uint8))
            assert _core.decode_prefix(*args, near) == sum(entry.segment_bytes[:near])
            with pytest.raises(RemoteError):
                _core.decode_prefix(*args, near + 1)
        if near < len(entry.segment_bytes):
            with pytest.raises(RemoteError) as caught:
                lab.read(reader, i)
            assert caught.value.kind == "tier"
    assert refused == {"mapped": 4, "fixed": 7}.get(pack.stem, 0)


@pytest.mark.parametrize("name", EXPECTED["bad"])
def test_bad_ones_fail_by_name(name: str) -> None:
    path = TIERS / "bad" / name
    near, low = (EXAMPLE, str(path)) if path.suffix == ".low" else (path, None)
    with pytest.raises(ModelHubError) as caught:
        _core.PackReader(str(near), low)
    assert caught.value.kind == EXPECTED["bad"][name]
    assert str(path) in caught.value.where


def test_every_golden_file_is_expected() -> None:
    names = {path.stem for path in (TIERS / "good").iterdir()}
    assert names == set(EXPECTED["good"])
    assert {path.name for path in (TIERS / "bad").iterdir()} == set(EXPECTED["bad"])


def test_this_program_still_writes_the_same(tmp_path: Path) -> None:
    command = [sys.executable, str(TIERS / "generate.py"), str(tmp_path / "fresh")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode == 0
    for part in ("good", "bad"):
        for path in (TIERS / part).iterdir():
            assert (tmp_path / "fresh" / part / path.name).read_bytes() == path.read_bytes(), path
    assert subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode == 1
