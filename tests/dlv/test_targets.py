"""Where files go that are made of others, and what is refused to be in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelhub.dlv.targets import choose
from modelhub.errors import BadInputError, ConflictError, NotFoundError, UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a/x", "a/y", "b/x"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def targets(*sources: str, out: str | None = None, force: bool = False) -> list[str]:
    paths = [Path(source) for source in sources]
    chosen = choose(paths, out, lambda source: source.name + ".z", force=force)
    return [str(path) for path in chosen]


def test_beside_in_a_folder_or_one_file(folder: Path) -> None:
    assert targets("a/x", "b/x") == ["a/x.z", "b/x.z"]
    assert targets(str(folder / "a/x")) == [str(folder / "a/x.z")]
    assert targets("a/x", "a/y", out="b") == ["b/x.z", "b/y.z"]
    assert targets("a/x", out="b/") == ["b/x.z"]
    assert targets("a/x", out="new") == ["new"]
    assert targets("a/x", out="b/new") == ["b/new"]


def test_a_name_is_asked_for_only_where_it_is_used(folder: Path) -> None:
    assert choose([Path("a/x")], "new", lambda source: 1 / 0, force=False) == [Path("new")]


def test_one_file_for_several(folder: Path) -> None:
    with pytest.raises(UsageError):
        targets("a/x", "a/y", out="new")


@pytest.mark.parametrize("out", ["none/", "none/new"])
def test_a_folder_that_is_missing(folder: Path, out: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        targets("a/x", out=out)
    assert caught.value.where == "none"


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(BadInputError):
        targets("a/x", out="a/y/")
    with pytest.raises(BadInputError):
        targets("a/x", out="a/y/new")


def test_what_is_in_the_way(folder: Path) -> None:
    (folder / "b/x.z").write_text("old")
    with pytest.raises(ConflictError, match="--force") as caught:
        targets("a/x", "b/x")
    assert caught.value.where == "b/x.z"
    assert targets("a/x", "b/x", force=True) == ["a/x.z", "b/x.z"]


def test_only_a_regular_file_is_ever_replaced(folder: Path) -> None:
    (folder / "a/x.z").mkdir()
    (folder / "link").symlink_to("a/x")
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    with pytest.raises(BadInputError) as caught:
        targets("a/x", force=True)
    assert caught.value.kind == "unsafe_path"
    for name in ("link", "dangling", "pipe", "/dev/null"):
        with pytest.raises(ConflictError):
            targets("b/x", out=name)
    for name in ("dangling", "pipe", "/dev/null"):
        with pytest.raises(BadInputError):
            targets("b/x", out=name, force=True)


@pytest.mark.parametrize("force", [False, True])
def test_no_target_is_a_source_or_another_target(folder: Path, force: bool) -> None:
    (folder / "a/x.z").write_text("a source too")
    (folder / "alias").symlink_to("a")
    with pytest.raises(ConflictError, match="read"):
        targets("a/x", out="a/x", force=force)
    with pytest.raises(ConflictError, match="read"):
        targets("a/x", out="alias/x", force=force)
    with pytest.raises(ConflictError, match="read"):
        targets("a/x", "a/x.z", force=force)
    with pytest.raises(ConflictError, match="both"):
        targets("a/x", "b/x", out="b", force=force)
    with pytest.raises(ConflictError, match="both"):
        targets("a/y", "a/y", force=force)


def test_a_name_that_is_too_long(folder: Path) -> None:
    (folder / ("n" * 254)).write_text("x")
    with pytest.raises(BadInputError):
        targets("n" * 254)
