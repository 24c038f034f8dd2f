from __future__ import annotations

from pathlib import Path

import pytest

from modelhub.fs import files, seam


def test_every_change_is_announced_before_it_happens(tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []
    seam.set_hook(lambda operation, path: seen.append((operation, path.exists())))
    files.make_dir(tmp_path / "d")
    files.write_atomic(tmp_path / "f", b"x")
    files.truncate(tmp_path / "f", 0)
    files.rename(tmp_path / "f", tmp_path / "g")
    files.remove(tmp_path / "g")
    seam.set_hook(None)
    files.make_dir(tmp_path / "e")
    assert seen == [
        ("mkdir", False),
        ("write", False),
        ("write", False),
        ("sync", False),
        ("rename", False),
        ("sync", True),
        ("truncate", True),
        ("rename", False),
        ("remove", True),
    ]


def test_a_hook_stops_the_nth_change(tmp_path: Path) -> None:
    left = [2]

    def stop(operation: str, path: Path) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    seam.set_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        files.write_atomic(tmp_path / "f", b"x")
    assert list(tmp_path.iterdir()) == []


def test_an_operation_outside_the_list_is_a_mistake(tmp_path: Path) -> None:
    seam.set_hook(lambda operation, path: None)
    with pytest.raises(AssertionError):
        seam.before("scribble", tmp_path)
