"""Which base an array may have, and what the core is told of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelhub.codec.presets import PRESETS, base_as, can_be_base
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import DTYPES

ROOT = Path(__file__).resolve().parents[2]


def test_names_are_those_of_the_core() -> None:
    header = (ROOT / "csrc" / "mh" / "codec" / "preset.h").read_text()
    assert (
        tuple(re.findall(r'"(\w+)"', header.split("kPresetNames[] =")[1].split(";")[0])) == PRESETS
    )


@pytest.mark.parametrize("row", DTYPES, ids=lambda row: row.name)
def test_an_array_may_stand_on_one_of_its_dtype(row: object) -> None:
    name = row.name  # type: ignore[attr-defined]
    spec, other = TensorSpec(name, (4, 6)), TensorSpec(name, (5, 6))
    assert can_be_base(spec, spec)
    assert can_be_base(other, spec)
    assert base_as(spec, spec) is None
    told = base_as(other, spec)
    assert told is not None
    assert told[3:] == ((5, 6), 0)


def test_conversions_are_numbered_as_on_the_page() -> None:
    page = (ROOT / "docs" / "formats" / "pack.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| conversion |"))
    numbered = re.findall(r"(\d) (\w+) to (\w+)", row)
    assert len(numbered) == 4
    for number, before, after in numbered:
        told = base_as(TensorSpec(before, (3,)), TensorSpec(after, (3,)))
        assert told is not None
        assert told[4] == int(number)
    pairs = {(before, after) for _, before, after in numbered}
    for one in DTYPES:
        for two in DTYPES:
            allowed = one.name == two.name or (one.name, two.name) in pairs
            base, own = TensorSpec(one.name, (2,)), TensorSpec(two.name, (2,))
            assert can_be_base(base, own) == allowed
