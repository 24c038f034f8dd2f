"""The list of companions that may be garbage."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelhub.fs.layout import Layout, companion_name
from modelhub.pas import leftovers, tiers

ONE, TWO = b"\1" * 32, b"\2" * 32


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "r")
    made.packs_dir.mkdir(parents=True)
    return made


def test_what_is_noted_and_not_needed_is_removed(layout: Layout, tmp_path: Path) -> None:
    folder = tmp_path / "cold"
    tier = tiers.open_tier(str(folder))
    tiers.mark(tier)
    assert leftovers.noted(layout) == {}
    assert leftovers.clean(layout) == 0
    for name in (ONE, TWO):
        tier.write(companion_name(name.hex()), [b"x"])
    leftovers.note(layout, tier.url, [ONE])
    leftovers.note(layout, tier.url, [ONE])
    assert leftovers.noted(layout) == {tier.url: [ONE.hex()]}
    folder.rename(tmp_path / "away")
    assert leftovers.clean(layout) == 1
    folder.mkdir()
    assert leftovers.clean(layout) == 1
    folder.rmdir()
    (tmp_path / "away").rename(folder)
    assert leftovers.clean(layout) == 0
    # Only what was noted goes: another repository's files may lie there.
    assert [path.name for path in folder.glob("*.low")] == [companion_name(TWO.hex())]
    assert not layout.leftovers_file.exists()


def test_what_may_be_needed_stays(layout: Layout, tmp_path: Path) -> None:
    tier = tiers.open_tier(str(tmp_path / "cold"))
    tiers.mark(tier)
    tier.write(companion_name(ONE.hex()), [b"x"])
    leftovers.note(layout, tier.url, [ONE])
    layout.pack_path(ONE.hex()).write_bytes(b"damaged")
    assert leftovers.clean(layout) == 0
    assert tier.size(companion_name(ONE.hex())) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"a": 3}'])
def test_a_damaged_list_stops_nothing(layout: Layout, text: str) -> None:
    layout.leftovers_file.write_text(text)
    assert leftovers.noted(layout) == {}
    assert leftovers.clean(layout) == 0
    leftovers.note(layout, "", [ONE])
    leftovers.note(layout, "memory://x", [])
    assert leftovers.noted(layout) == {}
