from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np

from modelhub.dlv.commit import CommitResult
from modelhub.dlv.resolve import resolve
from modelhub.dlv.similar import similar_to
from modelhub.dlv.state import Repo
from modelhub.pas import tree as trees

CommitArrays = Callable[..., CommitResult]
RNG = np.random.default_rng(0)


def floats() -> np.ndarray:
    return (RNG.standard_normal((80, 100)) * 0.02).astype("f4")


def only(repo: Repo, rev: str) -> bytes:
    found = resolve(repo, rev).snapshot
    assert found is not None
    (storage,) = trees.decode(repo.store.blob(found.tree)).storages
    return storage.id


def test_the_nearest_comes_first_whatever_its_name(repo: Repo, commit_arrays: CommitArrays) -> None:
    first = floats()
    near = first + (RNG.standard_normal(first.shape) * 1e-6).astype("f4")
    far = first + (RNG.standard_normal(first.shape) * 1e-3).astype("f4")
    for name, array in {"a": first, "n": near, "f": far, "u": floats()}.items():
        commit_arrays(name, {f"weight-{name}": array})
    own, *others = (only(repo, name) for name in ("a", "n", "f", "u"))
    found = similar_to(repo)(own, "float32", [])
    assert found == others[:2]
    # What has the name is kept, however far it is.
    assert similar_to(repo)(own, "float32", [others[2]]) == others


def test_what_has_no_sketch_is_as_it_was(repo: Repo, commit_arrays: CommitArrays) -> None:
    for name in ("a", "b"):
        commit_arrays(name, {"w": RNG.standard_normal(20).astype("f4")})
    a, b = only(repo, "a"), only(repo, "b")
    assert similar_to(repo)(a, "float32", [b]) == [b]


def test_a_twin_of_other_precision(repo: Repo, commit_arrays: CommitArrays) -> None:
    first = floats()
    commit_arrays("a", {"w": first})
    commit_arrays("t", {"x": first.astype(ml_dtypes.bfloat16).astype("f4")})
    a, twin = only(repo, "a"), only(repo, "t")
    assert similar_to(repo)(twin, "float32", []) == [a]
