"""Golden packs: those that must decode, those that must fail, and the page's worked example."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelhub import _core
from modelhub.errors import ModelHubError

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "pack-v1"
EXPECTED: dict[str, dict[str, Any]] = json.loads((GOLDEN / "expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED["good"])
def test_good_packs_decode(lab: Any, plain: Any, name: str) -> None:
    path = GOLDEN / "good" / f"{name}.pack"
    expected = EXPECTED["good"][name]
    reader = _core.PackReader(str(path))
    assert reader.name.hex() == expected["name"]
    ids = [reader.entry(i).id for i in range(reader.count)]
    found = {ids[i].hex(): lab.read(reader, i) for i in range(reader.count)}
    assert {k: hashlib.sha256(v).hexdigest() for k, v in found.items()} == expected["sha256"]
    assert {k.hex(): v for k, v in plain(path).items()} == found
    for i in range(reader.count):
        reader.verify(i)


@pytest.mark.parametrize("name", EXPECTED["bad"])
def test_bad_packs_fail_by_name(lab: Any, name: str) -> None:
    path = GOLDEN / "bad" / f"{name}.pack"
    with pytest.raises(ModelHubError) as caught:
        lab.read(_core.PackReader(str(path)), 0)
    assert caught.value.kind == EXPECTED["bad"][name]
    assert str(path) in caught.value.where


def test_every_golden_file_is_expected() -> None:
    for part in ("good", "bad"):
        assert {path.stem for path in (GOLDEN / part).iterdir()} == set(EXPECTED[part])


def test_the_good_ones_have_every_codec_and_a_delta() -> None:
    readers = [_core.PackReader(str(path)) for path in (GOLDEN / "good").iterdir()]
    seen = {name for r in readers for i in range(r.count) for name in r.codecs(i)}
    assert seen == {"constant", "raw", "lz4", "zstd"}
    assert max(r.entry(i).depth for r in readers for i in range(r.count)) == 2


def test_this_program_still_writes_the_same_names(tmp_path: Path) -> None:
    """Equal up to what the compression libraries of the machine do: the contents are compared."""
    fresh = tmp_path / "fresh"
    command = [sys.executable, str(GOLDEN / "generate.py"), str(fresh)]
    subprocess.run(command, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    again = json.loads((fresh / "expected.json").read_text())
    assert {k: v["sha256"] for k, v in again["good"].items()} == {
        k: v["sha256"] for k, v in EXPECTED["good"].items()
    }
    assert again["bad"] == EXPECTED["bad"]
    for name in ("constant", "empty"):
        ours, theirs = (f / "good" / f"{name}.pack" for f in (fresh, GOLDEN))
        assert ours.read_bytes() == theirs.read_bytes()
    for path in (GOLDEN / "good").iterdir():
        size = path.stat().st_size
        assert abs((fresh / "good" / path.name).stat().st_size - size) <= size / 50


def test_golden_files_are_never_overwritten(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(GOLDEN, copy)
    command = [sys.executable, str(GOLDEN / "generate.py"), str(copy)]
    result = subprocess.run(command, check=False, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert result.returncode == 1


def test_the_page_shows_the_bytes_of_the_file() -> None:
    page = (ROOT / "docs" / "formats" / "pack.md").read_text()
    example = page.split("## Worked example")[1].split("```")[1]
    data = (GOLDEN / "good" / "constant.pack").read_bytes()
    lines = re.findall(r"^ +(\d+) ((?:[0-9A-F]{2} )+)", example, re.MULTILINE)
    assert len(lines) > 12
    for offset, text in lines:
        shown = bytes.fromhex(text)
        assert data[int(offset) :][: len(shown)] == shown, offset
