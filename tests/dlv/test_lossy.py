"""Labels: what metadata and trees say of a lossy version is read as it was written."""

from __future__ import annotations

import pytest

from modelhub.dlv.lossy import (
    LossyLabel,
    TensorLoss,
    facts_of,
    is_reserved,
    label_of,
    metadata_of,
    refuse_reserved,
)
from modelhub.errors import BadInputError
from modelhub.pas.tree import Loss, Lossy, StoredStorage, StoredTensor, Tree

ID = bytes(range(32))


def tree(*losses: Loss | None, schemes: tuple[str, ...] = ("bf16",)) -> Tree:
    storages = tuple(StoredStorage(ID, "float32", (1,)) for _ in losses)
    tensors = tuple(StoredTensor(f"t{n}", n, "float32", (1,)) for n in range(len(losses)))
    return Tree((), storages, tensors, Lossy(schemes, losses))


def test_the_label_is_that_of_the_worst_tensor_of_all_snapshots() -> None:
    trees = [tree(Loss(2.0, 1.0, 0.1), None), tree(Loss(3.0, 0.5, 0.2), Loss(0.0, 0.0, 0.0))]
    label = label_of(metadata_of(trees, ID))
    assert label == LossyLabel("bf16", ID, 3.0, 1.0)
    assert label is not None
    assert label.copies == 1


def test_one_tensor_without_a_bound_leaves_none() -> None:
    trees = [tree(Loss(2.0, 1.0, 0.1), Loss(None, 7.0, 0.5), schemes=("fixed:4", "random:2"))]
    label = label_of(metadata_of(trees, ID))
    assert label == LossyLabel("fixed:4, random:2", ID, None, 7.0)
    assert label is not None
    assert label.copies == 2


def test_nothing_but_empty_tensors() -> None:
    assert label_of(metadata_of([tree(None)], ID)) == LossyLabel("bf16", ID, 0.0, 0.0)


def test_an_exact_version_has_no_label() -> None:
    assert label_of({"lr": 0.1, "scheme": "cosine"}) is None
    assert facts_of(LossyLabel("bf16", ID, None, 0.0), "m@1", None) is None
    assert facts_of(LossyLabel("bf16", ID, None, 0.0), "m@1", Tree((), (), ())) is None


def test_facts_name_the_worst_tensor_first() -> None:
    small, large = Loss(2.0, 0.5, 0.1), Loss(2.0, 1.0, 0.1)
    found = facts_of(LossyLabel("bf16", ID, 2.0, 1.0), "m@1", tree(small, None, large, small))
    assert found is not None
    assert found.tensors == (
        TensorLoss("t2", large),
        TensorLoss("t0", small),
        TensorLoss("t3", small),
    )
    assert found.exact == ("t1",)
    assert found.source == "m@1"
    assert "2^-8" in found.rule


def test_reserved_keys() -> None:
    refuse_reserved(["lr", "lossy", "loss.bound"])
    assert is_reserved("lossy.scheme")
    with pytest.raises(BadInputError) as caught:
        refuse_reserved(["lr", "lossy.x"])
    assert caught.value.kind == "bad_name"
