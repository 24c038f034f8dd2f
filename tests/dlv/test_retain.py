"""A policy removes what it says it would, and every version that stays comes back as it was."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.copy import copy
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.inventory import take_inventory
from modelhub.dlv.listing import listing
from modelhub.dlv.remove import remove
from modelhub.dlv.retain import RetainResult, retain
from modelhub.dlv.retention import parse
from modelhub.dlv.state import Repo
from modelhub.dlv.tag import tag
from modelhub.dlv.usage import pack_usage, usage
from modelhub.errors import ConflictError, NotFoundError, PermissionDeniedError, UsageError
from modelhub.fs import seam

CommitArrays = Callable[..., CommitResult]

_NOBODY = 65534


def arrays(step: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    values = random.standard_normal((200, 60)).astype(np.float32)
    own = np.random.default_rng(step).integers(0, 1 << 60, 300)
    return {"w": values + np.float32(step * 1e-5), "own": own}


def revs(repo: Repo) -> list[str]:
    return [version.rev for version in listing(repo)]


def names(versions: RetainResult) -> list[str]:
    return [version.rev for version in versions.removed]


@pytest.fixture
def series(repo: Repo, commit_arrays: CommitArrays) -> Repo:
    """Return a repository with m@1 to m@6, each a delta on the one before, m@2 tagged."""
    accuracies = [0.5, 0.7, 0.9, 0.6, float("nan"), 0.8]
    for step, accuracy in enumerate(accuracies, 1):
        commit_arrays("m", arrays(step), metadata={"accuracy": accuracy})
    tag(repo, "m@2", "published")
    return repo


def test_a_dry_run_changes_nothing(series: Repo) -> None:
    files = {path: path.stat().st_mtime_ns for path in series.layout.dot.rglob("*")}
    result = retain(series, parse(["keep-last=1,keep-best=1"]))
    assert names(result) == ["m@1", "m@2", "m@4", "m@5"]
    assert result.dry_run
    assert result.children == ("m@3", "m@6")
    assert [v.tags for v in result.removed] == [(), ("published",), (), ()]
    assert revs(series) == [f"m@{n}" for n in range(1, 7)]
    left = {path: path.stat().st_mtime_ns for path in series.layout.dot.rglob("*")}
    assert left == files


def test_what_stays_comes_back_byte_for_byte(series: Repo, tmp_path: Path) -> None:
    for rev in revs(series):
        checkout(series, rev, tmp_path / "before" / rev)
    policy = parse(["keep-last=1", "keep-best=1:accuracy", "keep-tagged"])
    dry = retain(series, policy)
    result = retain(series, policy, dry_run=False, shown=dry)
    assert names(dry) == names(result) == ["m@1", "m@4", "m@5"]
    assert revs(series) == ["m@2", "m@3", "m@6"]
    # Deltas on removed versions: their bases are in use, and gc must see that.
    before = usage(series)
    assert before.unneeded_bytes >= result.freed_bytes > 0
    freed = gc(series).freed_bytes
    after = usage(series)
    assert after.unneeded_bytes == 0
    assert before.stored_bytes - after.stored_bytes == freed
    # gc frees the notes of removals and the records of entries besides.
    assert 0 <= freed - result.freed_bytes < 6000
    for rev in revs(series):
        checkout(series, rev, tmp_path / "after" / rev)
        for path in (tmp_path / "before" / rev).iterdir():
            assert (tmp_path / "after" / rev / path.name).read_bytes() == path.read_bytes()
    root = series.layout.root
    series.close()
    assert fsck(root).problems == ()
    # What was removed does not come back when the catalog is rebuilt.
    shutil.rmtree(root / ".modelhub" / "catalog")
    assert fsck(root, repair=True).ok
    with Repo.open(root) as again:
        assert revs(again) == ["m@2", "m@3", "m@6"]
        assert retain(again, policy).removed == ()


def test_freed_bytes_count_what_only_the_removed_share(
    repo: Repo, commit_arrays: CommitArrays
) -> None:
    for name in ("a", "b"):
        commit_arrays(name, arrays(1))
    commit_arrays("a", arrays(2))
    uniques = {version.rev: version.unique_bytes for version in usage(repo).versions}
    big = arrays(1)["own"].nbytes
    # Both share their tensors: removing one frees next to nothing, both more than their parts.
    one = retain(repo, parse(["keep-last=0"]), ["b"])
    assert one.freed_bytes == uniques["b@1"] < big
    both = retain(repo, parse(["keep-last=0"]), ["[ab]"])
    live = sum(pack.live_bytes for pack in pack_usage(take_inventory(repo)))
    assert both.freed_bytes == live > sum(uniques.values()) + big


def test_patterns_choose_models(series: Repo, commit_arrays: CommitArrays) -> None:
    odd = "größe .v1,keep-last"
    for name in (odd, odd, "n", "n"):
        commit_arrays(name, arrays(1))
    policy = parse(["keep-last=1"])
    assert names(retain(series, policy, ["größe*"])) == [f"{odd}@1"]
    assert sorted(names(retain(series, policy, ["n", "gr*"]))) == sorted([f"{odd}@1", "n@1"])
    assert len(retain(series, policy, ["n"]).versions) == 2
    assert len(retain(series, policy).versions) == 10
    with pytest.raises(NotFoundError):
        retain(series, policy, ["n", "none*"])
    for pattern in ("m@1", "m#x", ""):
        with pytest.raises(UsageError):
            retain(series, policy, [pattern])
    retain(series, policy, ["gr*"], dry_run=False)
    assert [rev for rev in revs(series) if rev.startswith(odd)] == [f"{odd}@2"]


def test_an_empty_repository(repo: Repo) -> None:
    for dry_run in (True, False):
        result = retain(repo, parse(["keep-best=3:accuracy"]), dry_run=dry_run)
        assert (result.versions, result.freed_bytes) == ((), 0)
    with pytest.raises(NotFoundError):
        retain(repo, parse(["keep-last=1"]), ["*"])


def test_a_lossy_copy_is_not_ranked_by_what_was_measured_of_the_exact(
    repo: Repo, commit_arrays: CommitArrays
) -> None:
    commit_arrays("m", arrays(1), metadata={"accuracy": 0.9})
    copy(repo, "m", "n", scheme="bf16")
    commit_arrays("n", arrays(2), metadata={"accuracy": 0.1})
    result = retain(repo, parse(["keep-best=1:accuracy,keep-last=0"]), ["n"])
    assert [version.rev for version in result.kept] == ["n@2"]


def test_children_of_other_models_are_told(series: Repo) -> None:
    copy(series, "m@1", "fork")
    result = retain(series, parse(["keep-last=1"]), ["m"], dry_run=False)
    assert result.children == ("fork@1", "m@6")
    gc(series)
    assert fsck(series.layout.root).problems == ()


def test_what_was_agreed_to_is_what_goes(series: Repo) -> None:
    policy = parse(["keep-last=1,keep-tagged"])
    shown = retain(series, policy)
    assert "m@4" in names(shown)
    tag(series, "m@4", "meanwhile")
    with pytest.raises(ConflictError):
        retain(series, policy, dry_run=False, shown=shown)
    assert len(revs(series)) == 6
    result = retain(series, policy, dry_run=False, shown=retain(series, policy))
    assert names(result) == ["m@1", "m@3", "m@5"]


def test_a_failure_removes_nothing(series: Repo) -> None:
    def fail(operation: str, path: Path) -> None:
        if operation == "sync" and path.name == "data.mdb":
            raise OSError(28, "no space left on device")

    seam.set_hook(fail)
    try:
        with pytest.raises(OSError, match="no space"):
            retain(series, parse(["keep-last=1"]), dry_run=False)
    finally:
        seam.set_hook(None)
    assert len(revs(series)) == 6
    assert fsck(series.layout.root).problems == ()


@pytest.fixture
def read_only(series: Repo) -> Iterator[Path]:
    """Return a repository that one may read and not write; the process has no special rights."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repository"
        Path(folder).chmod(0o755)
        shutil.copytree(series.layout.root, root)
        below = [root, *root.rglob("*")]
        for path in below:
            path.chmod(0o555 if path.is_dir() else 0o444)
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(_NOBODY)
        try:
            yield root
        finally:
            if was_root:
                os.seteuid(0)
            for path in below:
                path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_read_only_repository_can_be_asked(read_only: Path) -> None:
    policy = parse(["keep-last=1,keep-tagged"])
    with Repo.open(read_only) as repo:
        assert len(usage(repo).versions) == 6
        shown = retain(repo, policy)
        assert len(shown.removed) == 4
        assert remove(repo, ["m@1"], dry_run=True).children == ("m@2",)
        with pytest.raises(PermissionDeniedError):
            retain(repo, policy, dry_run=False, shown=shown)
        with pytest.raises(PermissionDeniedError):
            remove(repo, ["m@1"])
        assert len(revs(repo)) == 6
