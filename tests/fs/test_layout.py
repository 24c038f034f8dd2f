from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelhub.errors import UsageError
from modelhub.fs.layout import Layout, companion_name, find_root


def test_every_path_lies_in_the_dot_folder() -> None:
    layout = Layout(Path("/r"))
    assert layout.dot == Path("/r/.modelhub")
    assert layout.catalog_dir == Path("/r/.modelhub/catalog")
    assert layout.packs_dir == Path("/r/.modelhub/packs")
    assert layout.stage_file == Path("/r/.modelhub/staging/stage.json")
    assert layout.config_file == Path("/r/.modelhub/config.toml")
    assert layout.lock_file == Path("/r/.modelhub/lock")
    assert layout.leftovers_file == Path("/r/.modelhub/tier-leftovers.json")
    assert layout.cached_companion(bytes(32)) == Path(f"/r/.modelhub/cache/{'0' * 64}.low")
    assert companion_name("a" * 64) == f"{'a' * 64}.low"
    assert layout.pack_path("a" * 64) == Path(f"/r/.modelhub/packs/{'a' * 64}.pack")


@pytest.mark.parametrize("name", ["", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n"])
def test_refuses_what_is_no_pack_name(name: str) -> None:
    with pytest.raises(UsageError):
        Layout(Path("/r")).pack_path(name)
    with pytest.raises(UsageError):
        companion_name(name)


def test_temporary_packs_differ_and_name_their_process() -> None:
    layout = Layout(Path("/r"))
    first, second = layout.temporary_pack_path(), layout.temporary_pack_path()
    assert first != second
    assert first.parent == layout.packs_dir
    assert first.name.startswith(f"tmp-{os.getpid()}-")
    assert first.name.endswith(".pack.tmp")
    other = layout.temporary_path()
    assert (other.parent, other.suffix) == (layout.packs_dir, ".tmp")
    assert other != layout.temporary_path()


def test_finds_the_nearest_root_above(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    (inner / "c").mkdir(parents=True)
    assert find_root(inner / "c") is None
    (tmp_path / ".modelhub").mkdir()
    assert find_root(inner / "c") == tmp_path
    (inner / ".modelhub").mkdir()
    assert find_root(inner / "c") == inner
    assert find_root(tmp_path / "a") == tmp_path


def test_a_file_of_that_name_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".modelhub").write_text("")
    assert find_root(tmp_path) is None
