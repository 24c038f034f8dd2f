"""Bases that nobody named: found by content, by name in related versions, and never by chance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelhub import ids
from modelhub.catalog.rows import Relation
from modelhub.dlv.candidates import Candidates, related_trees
from modelhub.dlv.commit import CommitResult, commit_content
from modelhub.dlv.copy import copy
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.memory import content_of
from modelhub.dlv.reindex import reindex
from modelhub.dlv.remove import remove
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.tier import push, set_tier
from modelhub.pas.scan import pack_names
from modelhub.tensors.arrays import spec_of, to_bytes
from modelhub.tensors.sketches import sketch

Arrays = Mapping[str, Any]
SHAPES = {"a.weight": (120, 60), "b.weight": (120, 60), "c.weight": (60, 30, 3), "c.bias": (400,)}


def network(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {n: random.normal(0, 0.05, s).astype(np.float32) for n, s in SHAPES.items()}


def tuned(arrays: Arrays, seed: int, step: float = 1e-4) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {n: a + random.normal(0, step, a.shape).astype(a.dtype) for n, a in arrays.items()}


def renamed(arrays: Arrays) -> dict[str, Any]:
    return {f"backbone.{name.replace('.', '_')}": array for name, array in arrays.items()}


def cast(arrays: Arrays, dtype: Any) -> dict[str, Any]:
    return {name: array.astype(dtype) for name, array in arrays.items()}


def id_of(array: Any) -> bytes:
    spec = spec_of(array)
    return ids.tensor_id(spec.dtype, spec.shape, to_bytes(array))


def put(repo: Repo, name: str, arrays: Arrays, *bases: str, **snapshots: Arrays) -> CommitResult:
    return commit_content(repo, name, content_of(arrays, snapshots, [], {}, {}), bases=bases)


def bases_of(repo: Repo, arrays: Arrays) -> dict[str, bytes | None]:
    return {name: repo.store.entry(id_of(array)).base for name, array in arrays.items()}


def ids_of(arrays: Arrays) -> dict[str, bytes]:
    return {name: id_of(array) for name, array in arrays.items()}


def renamed_ids(arrays: Arrays) -> dict[str, bytes]:
    return ids_of(renamed(arrays))


def find(repo: Repo, array: Any, name: str = "x") -> list[bytes]:
    found = Candidates(repo.catalog).find(
        name, spec_of(array), sketch(spec_of(array), to_bytes(array))
    )
    return [candidate.id for candidate in found]


def drop_sketches(repo: Repo) -> None:
    """Make the catalog one of a program that knew no sketches."""
    with repo.catalog.write() as txn:
        for relation in (Relation.SKETCH, Relation.BAND):
            txn._delete_all(relation, ())


def test_an_imported_fine_tune_stands_on_what_it_was_made_from(repo: Repo) -> None:
    published, others = network(1), [network(seed) for seed in (2, 3)]
    put(repo, "other", others[0])
    put(repo, "published", published)
    put(repo, "another", others[1])
    imported = renamed(tuned(published, 5))
    done = put(repo, "imported", imported)
    assert done.parents == ()
    assert done.tensors_delta == len(SHAPES)
    assert bases_of(repo, imported) == renamed_ids(published)
    assert done.stored_bytes < 0.75 * sum(array.nbytes for array in published.values())


def test_unrelated_networks_of_one_shape_are_stored_alone(repo: Repo) -> None:
    for seed in range(1, 8):
        done = put(repo, f"net-{seed}", network(seed))
        assert done.tensors_delta == 0
    assert find(repo, network(99)["a.weight"]) == []


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_a_half_precision_twin_stands_on_its_float32(repo: Repo, dtype: Any) -> None:
    published = network(1)
    put(repo, "published", published)
    twin = cast(renamed(published), dtype)
    done = put(repo, "twin", twin)
    assert bases_of(repo, twin) == renamed_ids(published)
    assert done.stored_bytes < 0.2 * sum(array.nbytes for array in twin.values())


def test_a_float32_stands_on_its_half_precision_twin(repo: Repo) -> None:
    published = network(1)
    half = cast(published, ml_dtypes.bfloat16)
    put(repo, "half", half)
    put(repo, "whole", renamed(published))
    assert bases_of(repo, renamed(published)) == renamed_ids(half)


def test_the_nearest_of_a_family_is_taken(repo: Repo) -> None:
    states = [network(1)]
    for step in range(4):
        states.append(tuned(states[-1], 10 + step, 3e-3))
        put(repo, f"state-{step}", renamed(states[-1]))
    own = tuned(states[2], 20, 1e-5)
    put(repo, "own", own)
    assert bases_of(repo, own) == ids_of(states[2])


def test_content_wins_over_a_name_that_means_something_else(repo: Repo) -> None:
    """The layers of a network in another order: each finds its own."""
    first = network(1)
    put(repo, "model", first)
    swapped = tuned(first, 2)
    swapped["a.weight"], swapped["b.weight"] = swapped["b.weight"], swapped["a.weight"]
    put(repo, "model", swapped)
    found = bases_of(repo, swapped)
    assert found["a.weight"] == id_of(first["b.weight"])
    assert found["b.weight"] == id_of(first["a.weight"])
    assert found["c.weight"] == id_of(first["c.weight"])


def test_snapshots_of_one_commit_find_each_other(repo: Repo) -> None:
    early = network(1)
    late = renamed(tuned(early, 2))
    done = put(repo, "model", late, early=early)
    assert done.tensors_delta == len(SHAPES)
    assert bases_of(repo, late) == renamed_ids(early)


def test_twins_in_one_snapshot_make_no_packs_of_their_own(repo: Repo) -> None:
    """A running average beside each tensor: none is a base, for that would close a pack each."""
    own = network(1)
    put(repo, "model", {**own, **renamed(tuned(own, 2))})
    assert len(pack_names(repo.layout)) == 1


def test_names_are_looked_up_in_versions_nearby(repo: Repo) -> None:
    """Values under the sketches' size, so that the name alone tells."""
    small = {"w": np.arange(200, dtype=np.float64) ** 3}
    put(repo, "model", {**network(1), **small})
    own = {"w": small["w"] * (1 + 1e-12)}
    put(repo, "sibling", {"w": small["w"] * 7}, "model@1")
    with repo.catalog.read() as txn:
        parent, sibling = (txn.latest(name) for name in ("model", "sibling"))
        assert parent is not None
        assert sibling is not None
        assert related_trees(txn, "other", [parent.id]) == [sibling.snapshots[0].tree]
        assert related_trees(txn, "sibling", [parent.id]) == [sibling.snapshots[0].tree]
        assert related_trees(txn, "model", [parent.id]) == [sibling.snapshots[0].tree]
        assert related_trees(txn, "model", []) == [parent.snapshots[0].tree]
    put(repo, "own", own, "model@1")
    assert bases_of(repo, own)["w"] == id_of(small["w"])


def test_a_merge_looks_at_every_parent_by_name(repo: Repo) -> None:
    left, right = network(1), network(2)
    extra = {"extra": network(3)["a.weight"]}
    put(repo, "left", left)
    put(repo, "right", {**right, **extra})
    drop_sketches(repo)
    merged = {**tuned(left, 4), **tuned(extra, 5)}
    put(repo, "merged", merged, "left", "right")
    assert bases_of(repo, merged) == ids_of({**left, **extra})


def test_a_repository_without_sketches_works(repo: Repo) -> None:
    first = network(1)
    put(repo, "model", first)
    drop_sketches(repo)
    second = tuned(first, 2)
    assert put(repo, "model", second).tensors_delta == len(SHAPES)
    # What is new has sketches; what was there before has none, and is found by name alone.
    assert find(repo, second["a.weight"]) == [id_of(second["a.weight"])]
    repo.catalog.check()


def test_reindex_brings_the_sketches_back(repo: Repo) -> None:
    states = [network(1)]
    for step in range(3):
        states.append(tuned(states[-1], step))
        put(repo, "model", states[-1])
    wanted = {name: find(repo, array) for name, array in states[2].items()}
    assert all(len(found) == 3 for found in wanted.values())
    repo.close()
    reindex(repo.layout)
    with Repo.open(repo.layout.root) as again:
        for name, array in states[2].items():
            assert find(again, array) == wanted[name]
        imported = renamed(tuned(states[2], 9, 1e-6))
        put(again, "imported", imported)
        assert bases_of(again, imported) == renamed_ids(states[2])
    assert fsck(repo.layout.root).ok


def test_reindex_knows_tensors_whose_low_bytes_are_out_of_reach(repo: Repo, tmp_path: Path) -> None:
    state = network(1)
    put(repo, "model", state)
    set_tier(repo, str(tmp_path / "cold"))
    push(repo)
    (tmp_path / "cold").rename(tmp_path / "away")
    repo.close()
    reindex(repo.layout)
    with Repo.open(repo.layout.root) as again:
        for array in tuned(state, 5).values():
            assert len(find(again, array)) == 1


def test_gc_takes_sketches_along(repo: Repo) -> None:
    kept, gone = network(1), network(2)
    put(repo, "kept", kept)
    put(repo, "gone", gone)
    assert find(repo, gone["a.weight"]) == [id_of(gone["a.weight"])]
    remove(repo, ["gone"])
    gc(repo)
    assert find(repo, gone["a.weight"]) == []
    assert find(repo, kept["a.weight"]) == [id_of(kept["a.weight"])]
    with repo.catalog.read() as txn:
        assert txn.sketch(id_of(gone["a.weight"])) is None
    put(repo, "again", tuned(gone, 3))


def test_a_lossy_copy_does_not_stand_on_the_exact_version(repo: Repo) -> None:
    put(repo, "model", network(1))
    copy(repo, "model", "small", scheme="bf16")
    snapshot = resolve(repo, "small").snapshot
    assert snapshot is not None
    with repo.catalog.read() as txn:
        tensors = list(txn.tensors(snapshot.tree))
    assert [repo.store.entry(tensor.id).base for tensor in tensors] == [None] * len(SHAPES)
    # It is a candidate for others all the same.
    half = network(1)["a.weight"].astype(ml_dtypes.bfloat16).astype(np.float32)
    assert id_of(half) in find(repo, half)
