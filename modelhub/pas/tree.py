"""Describe one snapshot: its files and the tensors they hold.

A *tree* lists *storages* (stored objects, each a run of values), *tensors* (names on storages; two
tensors on one storage are tied) and *files* (each with the recipe that rebuilds it). A tree is
stored as an object of its own, so that versions with equal weights share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelhub.errors import CorruptionError
from modelhub.pas import canonical

__all__ = [
    "Loss",
    "Lossy",
    "StoredFile",
    "StoredStorage",
    "StoredTensor",
    "Tree",
    "decode",
    "encode",
]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a snapshot or version: path with `/`, size in bytes, kind of container."""

    path: str
    size: int
    sha256: bytes
    recipe: bytes
    kind: str = "file"


@dataclass(frozen=True, slots=True)
class StoredStorage:
    """A run of values: the id of the stored object, its dtype and shape."""

    id: bytes
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A name on a storage; `strides` (in elements) is None when the tensor is the whole storage."""

    name: str
    storage: int
    dtype: str
    shape: tuple[int, ...]
    offset_elements: int = 0
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """What a lossy scheme did to a storage: the largest error and the relative L2, as measured.

    `bound` is the largest error that the scheme allows there; None where it promises none.
    """

    bound: float | None
    max_error: float
    relative_l2: float


@dataclass(frozen=True, slots=True)
class Lossy:
    """The schemes by which a snapshot's values were changed, the last one last.

    `losses` has one item for each storage of the tree, against the snapshot it was made from; None
    where the storage is exact.
    """

    schemes: tuple[str, ...]
    losses: tuple[Loss | None, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """One snapshot's files, storages and tensors; `lossy` is None where they are as committed."""

    files: tuple[StoredFile, ...]
    storages: tuple[StoredStorage, ...]
    tensors: tuple[StoredTensor, ...]
    lossy: Lossy | None = None

    @property
    def logical_bytes(self) -> int:
        """The bytes of its files as the user knows them."""
        return sum(file.size for file in self.files)


def file_to_json(file: StoredFile) -> list[Any]:
    """Return a file as a JSON row."""
    return [file.path, file.size, file.sha256.hex(), file.recipe.hex(), file.kind]


def file_from_json(row: list[Any]) -> StoredFile:
    """Read what `file_to_json` wrote."""
    path, size, sha256, recipe, kind = row
    return StoredFile(path, size, bytes.fromhex(sha256), bytes.fromhex(recipe), kind)


def _tensor_to_json(tensor: StoredTensor) -> list[Any]:
    row: list[Any] = [tensor.name, tensor.storage]
    if tensor.strides is not None:
        shape, strides = list(tensor.shape), list(tensor.strides)
        row += [tensor.dtype, shape, tensor.offset_elements, strides]
    return row


def _tensor_from_json(row: list[Any], storages: tuple[StoredStorage, ...]) -> StoredTensor:
    if len(row) == 2:
        whole = storages[row[1]]
        return StoredTensor(row[0], row[1], whole.dtype, whole.shape)
    name, storage, dtype, shape, offset, strides = row
    if not 0 <= storage < len(storages):
        raise IndexError(storage)
    return StoredTensor(name, storage, dtype, tuple(shape), offset, tuple(strides))


def _lossy_to_json(lossy: Lossy) -> dict[str, Any]:
    rows = [
        None if loss is None else [loss.bound, loss.max_error, loss.relative_l2]
        for loss in lossy.losses
    ]
    return {"schemes": list(lossy.schemes), "losses": rows}


def _lossy_from_json(value: Any, storages: int) -> Lossy | None:
    if value is None:
        return None
    losses = tuple(None if row is None else Loss(*row) for row in value["losses"])
    if len(losses) != storages or not value["schemes"]:
        raise ValueError(f"{len(losses)} losses for {storages} storages")
    return Lossy(tuple(value["schemes"]), losses)


def encode(tree: Tree) -> bytes:
    """Return the tree's canonical bytes."""
    value = {
        "format": _FORMAT,
        "files": [file_to_json(file) for file in tree.files],
        "storages": [[s.id.hex(), s.dtype, list(s.shape)] for s in tree.storages],
        "tensors": [_tensor_to_json(tensor) for tensor in tree.tensors],
    }
    if tree.lossy is not None:
        # The key is there only where it says something, so that exact trees keep their ids.
        value["lossy"] = _lossy_to_json(tree.lossy)
    return canonical.dump(value)


def decode(data: bytes) -> Tree:
    """Read a tree.

    Raises:
        CorruptionError: the bytes are not a tree of this format.
    """
    value = canonical.load(data, "tree")
    check_format(value, "tree", _FORMAT)
    try:
        storages = tuple(
            StoredStorage(bytes.fromhex(object_id), dtype, tuple(shape))
            for object_id, dtype, shape in value["storages"]
        )
        tensors = tuple(_tensor_from_json(row, storages) for row in value["tensors"])
        files = tuple(file_from_json(row) for row in value["files"])
        lossy = _lossy_from_json(value.get("lossy"), len(storages))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise CorruptionError(
            f"a field is missing or malformed ({error!r})",
            where="tree",
            hint="run `modelhub fsck`",
        ) from error
    return Tree(files, storages, tensors, lossy)


def check_format(value: dict[str, Any], what: str, newest: int) -> None:
    """Refuse an object written in a format newer than `newest`."""
    found = value.get("format")
    if found != newest:
        raise CorruptionError(
            f"{what} format {found!r}",
            expected=str(newest),
            hint="upgrade modelhub",
            kind="unsupported_version",
        )
