"""The indexes stay right whatever happens to versions: they are what fresh ones would be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import modelhub
from dql.memory.values import Series
from modelhub.dlv.fsck import fsck
from modelhub.dlv.indexing import best_of, extremes, fill
from modelhub.dlv.state import Repo

Scattered = Callable[[modelhub.Repository, int, int], None]
IndexRows = Callable[[modelhub.Repository], dict[str, list[Any]]]


def _fresh(repository: modelhub.Repository, index_rows: IndexRows) -> dict[str, list[Any]]:
    """Return the rows after making all of them anew."""
    with Repo.open(repository.root) as repo:
        with repo.catalog.write() as txn:
            txn.clear_indexes()
            assert not txn.indexes_complete()
        fill(repo)
        with repo.catalog.read() as txn:
            assert txn.indexes_complete()
    return index_rows(repository)


def test_removing_leaves_what_fresh_indexes_have(
    repository: modelhub.Repository, scattered: Scattered, index_rows: IndexRows
) -> None:
    scattered(repository, 1, 24)
    before = index_rows(repository)
    assert all(before.values())
    assert before == _fresh(repository, index_rows)
    for version in list(repository)[::2]:
        repository.remove(version.rev)
    repository.gc()
    after = index_rows(repository)
    assert after == _fresh(repository, index_rows)
    assert len(after["NETWORK"]) == 12
    for version in list(repository):
        repository.remove(version.rev)
    assert index_rows(repository) == {name: [] for name in before}


def test_repair_writes_the_indexes_again(
    repository: modelhub.Repository, scattered: Scattered, index_rows: IndexRows
) -> None:
    scattered(repository, 2, 12)
    repository.copy("alexnet", "copied")
    before = index_rows(repository)
    repository.close()
    shutil.rmtree(repository.root / ".modelhub" / "catalog")
    result = fsck(repository.root, repair=True)
    assert result.ok, result.problems
    assert index_rows(repository) == before


def test_a_repository_of_before_gets_its_indexes_with_the_first_query(
    repository: modelhub.Repository, scattered: Scattered, index_rows: IndexRows
) -> None:
    scattered(repository, 3, 12)
    before = index_rows(repository)
    query = 'select m where m has CONV -> POOL("MAX") or m.metrics.loss.best <= 0.1'
    found = [version.rev for version in repository.query(query)]
    with Repo.open(repository.root) as repo, repo.catalog.write() as txn:
        txn.clear_indexes()
    assert not any(index_rows(repository).values())
    assert [version.rev for version in repository.query(query)] == found
    assert index_rows(repository) == before


def test_a_network_that_cannot_be_read_is_passed_over(
    repository: modelhub.Repository, scattered: Scattered, tmp_path: Path
) -> None:
    scattered(repository, 4, 3)

    def unreadable(object_id: bytes) -> bytes:
        raise modelhub.CorruptionError("a checksum fails", where=object_id.hex())

    with Repo.open(repository.root) as repo:
        store = repo.store
        manifests = {v.id: repo.manifest(bytes.fromhex(v.id)) for v in repository}
        with repo.catalog.write() as txn:
            txn.clear_indexes()
        blob, store.blob = (
            store.blob,
            lambda object_id: (
                blob(object_id) if object_id.hex() in manifests else unreadable(object_id)
            ),
        )
        fill(repo)
        with repo.catalog.read() as txn:
            assert txn.indexes_complete()
            assert list(txn.networks_with_kind("CONV")) == []


def test_the_best_value_is_that_of_the_language() -> None:
    nan = float("nan")
    for name in ("loss", "val_Loss", "top5_error", "WER", "fid", "accuracy", "bleu", "cost.a"):
        for values in ([1.0, 3.0, 2.0], [nan, 2.0, nan], [nan], [-1.0]):
            assert best_of(name, values) == Series(name, values).best
            first, best, last = extremes({name: list(enumerate(values))})[name]
            kept = (first, last) if best is None else (first, best, last)
            shortened = Series(name, kept)
            assert shortened.best == Series(name, values).best
            assert repr((shortened.items[0], shortened.items[-1])) == repr((values[0], values[-1]))
    assert extremes({"loss": []}) == {}
