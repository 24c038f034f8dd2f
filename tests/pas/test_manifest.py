"""Manifests, trees and annotations: what is written is read; damage is one clear error."""

from __future__ import annotations

import math

import pytest

from modelhub.errors import CorruptionError
from modelhub.pas import manifest, tree
from modelhub.pas.manifest import Annotation, Manifest, Snapshot
from modelhub.pas.tree import Loss, Lossy, StoredFile, StoredStorage, StoredTensor, Tree

ID = bytes(range(32))
FILE = StoredFile("a/ü.safetensors", 7, ID, ID[::-1], "safetensors")


def test_manifest_round_trip() -> None:
    made = Manifest(
        "lenet",
        1,
        "me",
        "first\nline",
        (ID,),
        ID,
        (Snapshot("1", ID, 3),),
        (FILE,),
        {"lr": 0.1, "n": 3, "ok": True, "text": "ü"},
        {"loss": [(1, 0.5), (2, math.inf)]},
    )
    assert manifest.decode(manifest.encode(made)) == made


def test_annotation_round_trip() -> None:
    note = Annotation(ID, "tag", "best", 5)
    assert manifest.decode_annotation(manifest.encode_annotation(note)) == note


def test_tree_round_trip_with_ties_and_views() -> None:
    made = Tree(
        (FILE,),
        (StoredStorage(ID, "float32", (2, 3)), StoredStorage(ID, "bfloat16", ())),
        (
            StoredTensor("a", 0, "float32", (2, 3)),
            StoredTensor("b", 0, "float32", (3, 2), 0, (1, 3)),
            StoredTensor("c", 1, "bfloat16", ()),
        ),
    )
    assert tree.decode(tree.encode(made)) == made


LOSSY = Lossy(("bf16", "random:4"), (None, Loss(None, 0.5, 0.1), Loss(2.0, 1.5, math.inf)))


def test_tree_round_trip_with_losses() -> None:
    storages = tuple(StoredStorage(ID, "float32", (n,)) for n in range(3))
    made = Tree((FILE,), storages, (), LOSSY)
    assert tree.decode(tree.encode(made)) == made
    # An exact tree says nothing of losses, so that its id is what it always was.
    assert b"lossy" not in tree.encode(Tree((FILE,), storages, ()))


def test_losses_that_do_not_fit_the_storages_are_refused() -> None:
    storage = StoredStorage(ID, "float32", (1,))
    for wrong in (LOSSY, Lossy((), (None,))):
        with pytest.raises(CorruptionError):
            tree.decode(tree.encode(Tree((), (storage,), (), wrong)))


@pytest.mark.parametrize("decode", [manifest.decode, tree.decode, manifest.decode_annotation])
@pytest.mark.parametrize("data", [b"{}", b'{"format":2}', b'{"format":1}', b"no"])
def test_damage_is_refused(decode: object, data: bytes) -> None:
    assert callable(decode)
    with pytest.raises(CorruptionError):
        decode(data)


def test_a_tensor_on_a_storage_that_is_not_there_is_refused() -> None:
    made = tree.encode(Tree((), (), (StoredTensor("a", 0, "float32", (1,), 0, (1,)),)))
    with pytest.raises(CorruptionError):
        tree.decode(made)
